//! How connections end, and that the app can tell the ways apart.

use std::time::Duration;

use gateway_engine::{Backend, Closed};
use socket2::SockRef;

use crate::support::{Lab, Seen, eventually};

crate::tests![
    the_peer_closes_with_code_and_reason,
    the_peer_closes_without_a_code,
    we_close_and_the_peer_answers,
    we_close_and_nobody_answers,
    messages_after_our_close_are_discarded,
    what_was_sent_before_a_close_leaves_before_it,
    a_stream_that_just_ends_is_not_a_reset,
    a_reset_is_not_an_end_of_stream,
    an_abort_resets_the_peer,
    a_close_frame_that_came_before_a_reset_is_the_reason,
    the_end_of_the_loop_ends_every_connection,
    a_closed_connection_is_forgotten,
];

fn the_peer_closes_with_code_and_reason(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, _) = lab.open_device();

    device.send_frame(8, b"\x03\xe9going home");

    assert_eq!(device.close_code(), 1001);
    drop(device);
    let reason = "going home".to_owned();
    assert_eq!(
        lab.next(),
        Seen::Closed(Closed::ByPeer {
            code: Some(1001),
            reason
        })
    );
}

fn the_peer_closes_without_a_code(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, _) = lab.open_device();

    device.send_frame(8, b"");

    assert_eq!(device.frame(), Some((0x88, vec![])));
    assert_eq!(device.frame(), None);
    drop(device);
    assert_eq!(
        lab.next(),
        Seen::Closed(Closed::ByPeer {
            code: None,
            reason: String::new()
        })
    );
}

fn we_close_and_the_peer_answers(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();

    lab.call(move |net| net.close(conn, 1012, "restart"));

    assert_eq!(device.frame(), Some((0x88, b"\x03\xf4restart".to_vec())));
    device.send_frame(8, &1012u16.to_be_bytes());
    assert_eq!(device.frame(), None);
    assert_eq!(lab.next(), Seen::Closed(Closed::ByUs { code: 1012 }));
}

fn we_close_and_nobody_answers(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.limits.close_timeout = Duration::from_millis(100)
    });
    let (_device, conn) = lab.open_device();

    lab.call(move |net| net.close(conn, 1012, ""));

    assert_eq!(lab.next(), Seen::Closed(Closed::Unanswered { code: 1012 }));
}

fn messages_after_our_close_are_discarded(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();

    lab.call(move |net| net.close(conn, 1000, ""));
    device.send_frame(1, b"late");
    device.send_frame(9, b"late");
    device.send_frame(8, &1000u16.to_be_bytes());

    assert_eq!(lab.next(), Seen::Closed(Closed::ByUs { code: 1000 }));
    assert_eq!(device.rest(), b"\x88\x02\x03\xe8");
}

fn what_was_sent_before_a_close_leaves_before_it(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();

    // More than a socket takes at once.
    let payload = vec![b'x'; 900_000];
    lab.call(move |net| {
        net.send_text(conn, std::str::from_utf8(&payload).unwrap())
            .unwrap();
        net.close(conn, 1001, "");
    });

    assert_eq!(device.frame().unwrap().1.len(), 900_000);
    assert_eq!(device.frame(), Some((0x88, b"\x03\xe9".to_vec())));
}

fn a_stream_that_just_ends_is_not_a_reset(backend: Backend) {
    let lab = Lab::new(backend);
    let (device, _) = lab.open_device();

    drop(device);

    assert_eq!(lab.next(), Seen::Closed(Closed::EndOfStream));
}

fn a_reset_is_not_an_end_of_stream(backend: Backend) {
    let lab = Lab::new(backend);
    let (device, _) = lab.open_device();

    SockRef::from(&device.socket)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(device);

    assert_eq!(lab.next(), Seen::Closed(Closed::Reset));
}

fn an_abort_resets_the_peer(backend: Backend) {
    let lab = Lab::new(backend);
    let (device, conn) = lab.open_device();

    lab.call(move |net| net.abort(conn));

    assert_eq!(lab.next(), Seen::Closed(Closed::Aborted));
    let mut byte = [0];
    let error = std::io::Read::read(&mut &device.socket, &mut byte).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

fn a_close_frame_that_came_before_a_reset_is_the_reason(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();

    // The loop looks elsewhere while the device says goodbye and resets, then sends into the void.
    lab.call(move |net| {
        device.send_frame(8, &1001u16.to_be_bytes());
        SockRef::from(&device.socket)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(device);
        net.send_text(conn, "into the void").unwrap();
    });

    let reason = String::new();
    assert_eq!(
        lab.next(),
        Seen::Closed(Closed::ByPeer {
            code: Some(1001),
            reason
        })
    );
}

fn the_end_of_the_loop_ends_every_connection(backend: Backend) {
    let mut lab = Lab::new(backend);
    let (mut device, _) = lab.open_device();

    lab.stop();

    assert_eq!(lab.rest(), [Seen::Closed(Closed::Stopped)]);
    assert_eq!(device.rest(), b"");
}

fn a_closed_connection_is_forgotten(backend: Backend) {
    let lab = Lab::new(backend);
    let (device, conn) = lab.open_device();

    drop(device);

    eventually("forgetting", || lab.call(|net| net.connection_count()) == 0);
    assert!(lab.call(move |net| net.session(conn).is_none()));
    assert!(lab.call(move |net| net.send_text(conn, "x").is_err()));
}
