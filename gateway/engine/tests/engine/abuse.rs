//! Peers that mean no good: they are closed with the right code, and nobody else notices.

use std::io::Write;
use std::time::Duration;

use gateway_engine::frame::FrameError;
use gateway_engine::{Backend, Closed};

use crate::support::{EchoServer, Lab, Seen, eventually, masked_frame};

crate::tests![
    a_ping_flood_is_closed,
    a_ping_flood_that_is_not_read_holds_one_pong,
    an_announced_length_holds_no_memory,
    a_message_in_endless_fragments_ends_at_the_limit,
    a_peer_that_talks_on_after_its_breach_does_not_lose_the_code,
    random_bytes_never_stop_the_loop,
    half_a_frame_and_then_nothing_is_found_by_the_keep_alive,
];

fn a_ping_flood_is_closed(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.control_frames = 50);
    let (mut flood, _) = lab.open_device();
    let (mut other, conn) = lab.open_device();

    // A second may turn over within the first fifty.
    let pings: Vec<u8> = (0..200).flat_map(|_| masked_frame(0x89, b"")).collect();
    flood.try_send(&pings);

    let error = FrameError::TooManyControls { limit: 50 };
    let mut last = None;
    while let Some(frame) = flood.frame() {
        last = Some(frame);
    }
    assert_eq!(last.unwrap().1[..2], 1008u16.to_be_bytes());
    drop(flood);
    assert_eq!(lab.next(), Seen::Closed(Closed::Violation(error)));
    lab.call(move |net| net.send_text(conn, "undisturbed").unwrap());
    assert_eq!(other.frame(), Some((0x81, b"undisturbed".to_vec())));
}

fn a_ping_flood_that_is_not_read_holds_one_pong(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.control_frames = u16::MAX);
    let (mut device, conn) = lab.open_device();
    // Fill the socket, so that pongs have to wait.
    lab.call(move |net| net.send_binary(conn, &vec![0; 8_000_000]).unwrap());
    eventually("a full socket", || {
        lab.call(move |net| net.queued_bytes(conn)) > 0
    });
    let before = lab.call(move |net| net.queued_bytes(conn));

    let pings: Vec<u8> = (0..1000)
        .flat_map(|_| masked_frame(0x89, &[1; 125]))
        .collect();
    device.send(&pings);
    device.send_frame(1, b"all read");
    assert_eq!(lab.next(), Seen::Text("all read".to_owned()));

    let after = lab.call(move |net| net.queued_bytes(conn));
    assert!(after <= before + 127, "{before} grew to {after}");
}

fn an_announced_length_holds_no_memory(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.limits.frame = 1 << 30;
        config.limits.message = 1 << 30;
    });
    // A hundred peers announce a gigabyte each, and send a byte of it.
    let mut devices: Vec<_> = (0..100).map(|_| lab.open_device().0).collect();
    let before = resident_bytes();
    for device in &mut devices {
        let header = [
            &[0x82, 0xff][..],
            &(1u64 << 30).to_be_bytes(),
            &[0, 0, 0, 0, 7],
        ]
        .concat();
        device.send(&header);
    }
    lab.call(|_| ());
    std::thread::sleep(Duration::from_millis(50));
    lab.call(|_| ());

    let grown = resident_bytes().saturating_sub(before);
    // Other tests run in this process at the same time.
    assert!(grown < 1 << 30, "{grown} bytes");
}

fn a_message_in_endless_fragments_ends_at_the_limit(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.message = 10_000);
    let (mut device, _) = lab.open_device();

    device.send(&masked_frame(0x02, &[0; 1000]));
    for _ in 0..10 {
        device.try_send(&masked_frame(0x00, &[0; 1000]));
    }

    assert_eq!(device.close_code(), 1009);
}

fn a_peer_that_talks_on_after_its_breach_does_not_lose_the_code(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    device.send(&[0x81, 0x01, b'x']);
    // Closing over these unread bytes would reset the connection.
    for _ in 0..50 {
        device.try_send(&[0; 10_000]);
    }

    assert_eq!(device.close_code(), 1002);
}

fn random_bytes_never_stop_the_loop(backend: Backend) {
    let lab = Lab::new(backend);
    let mut state = 0x2545_f491_4f6c_dd1du64;
    for round in 0..50 {
        let mut device = lab.device();
        if round % 2 == 0 {
            device.upgrade();
        }
        let bytes: Vec<u8> = (0..2000)
            .map(|_| {
                // xorshift64: different in every round, the same in every run.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 24) as u8
            })
            .collect();
        let _ = device.socket.write_all(&bytes);
    }

    let (mut device, conn) = loop_still_serves(&lab);
    lab.call(move |net| net.send_text(conn, "alive").unwrap());
    assert_eq!(device.frame(), Some((0x81, b"alive".to_vec())));
}

fn half_a_frame_and_then_nothing_is_found_by_the_keep_alive(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.keepalive = Some(gateway_engine::Keepalive {
            interval: Duration::from_millis(200),
            timeout: Duration::from_millis(100),
        });
    });
    let (mut device, _) = lab.open_device();

    device.send(&[0x81, 0xfe, 0x01]);

    assert_eq!(lab.next(), Seen::Closed(Closed::Silent));
}

fn loop_still_serves(lab: &Lab) -> (crate::support::Device, gateway_engine::ConnId) {
    let mut device = lab.device();
    device.upgrade();
    let device_address = device.socket.local_addr().unwrap();
    loop {
        if let Seen::Open(conn) = lab.next()
            && lab
                .call(move |net| net.addresses(conn))
                .is_some_and(|addresses| addresses.peer == device_address)
        {
            return (device, conn);
        }
    }
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}
