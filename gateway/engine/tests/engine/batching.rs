//! Batching: frames that wait for company, and what ends the waiting.

use std::time::{Duration, Instant};

use gateway_engine::{Backend, Batching, Closed, frame};

use crate::support::{Lab, Seen};

crate::tests![
    updates_of_several_turns_leave_in_one_write,
    enough_bytes_leave_before_the_window_ends,
    an_answer_takes_what_waits_along_in_its_order,
    a_window_ends_by_itself_for_everybody,
    a_close_comes_behind_what_waits,
    without_batching_nothing_waits,
    a_slow_device_s_queue_keeps_the_order,
];

/// Longer than any test: what leaves does so for another reason than the time.
const NEVER: Duration = Duration::from_secs(3600);

fn updates_of_several_turns_leave_in_one_write(backend: Backend) {
    let lab = lab(backend, Duration::from_millis(300), 1 << 20);
    let (mut device, conn) = lab.open_device();
    let before = lab.call(|net| *net.counters());

    // Each call is a turn of its own, and all of them take far less than a window.
    for number in 0..10 {
        lab.call(move |net| net.send_batched(conn, frame::text(&format!("{number}"))))
            .unwrap();
    }

    for number in 0..10 {
        assert_eq!(device.frame(), Some((0x81, format!("{number}").into())));
    }
    let after = lab.call(|net| *net.counters());
    assert_eq!(after.messages_out - before.messages_out, 10);
    // A machine that stands still for a whole window may split them once.
    assert!(
        after.writes - before.writes <= 2,
        "{before:?} then {after:?}"
    );
}

fn enough_bytes_leave_before_the_window_ends(backend: Backend) {
    let lab = lab(backend, NEVER, 100);
    let (mut device, conn) = lab.open_device();

    for letter in ["a", "b", "c"] {
        lab.call(move |net| net.send_batched(conn, frame::text(&letter.repeat(38))))
            .unwrap();
    }

    for letter in ["a", "b", "c"] {
        assert_eq!(device.frame(), Some((0x81, letter.repeat(38).into())));
    }
}

fn an_answer_takes_what_waits_along_in_its_order(backend: Backend) {
    let lab = lab(backend, NEVER, 1 << 20);
    let (mut device, conn) = lab.open_device();
    let (mut other, other_conn) = lab.open_device();

    lab.call(move |net| {
        net.send_batched(conn, frame::text("update"))?;
        net.send_batched(other_conn, frame::text("waits"))
    })
    .unwrap();
    lab.call(move |net| net.send(conn, frame::text("answer")))
        .unwrap();

    assert_eq!(device.frame(), Some((0x81, b"update".to_vec())));
    assert_eq!(device.frame(), Some((0x81, b"answer".to_vec())));
    // The other one's still waits: only its own answer brings it.
    assert_eq!(lab.call(|net| net.counters().messages_out), 2);
    lab.call(move |net| net.send(other_conn, frame::text("answer")))
        .unwrap();
    assert_eq!(other.frame(), Some((0x81, b"waits".to_vec())));
}

fn a_window_ends_by_itself_for_everybody(backend: Backend) {
    let delay = Duration::from_millis(50);
    let lab = lab(backend, delay, 1 << 20);
    // More than one batch of writes holds.
    let mut devices: Vec<_> = (0..200).map(|_| lab.open_device()).collect();
    let conns: Vec<_> = devices.iter().map(|(_, conn)| *conn).collect();

    let start = Instant::now();
    for round in 0..3 {
        let conns = conns.clone();
        lab.call(move |net| {
            for conn in conns {
                net.send_batched(conn, frame::text(&round.to_string()))
                    .unwrap();
            }
        });
    }

    for (device, _) in &mut devices {
        for round in 0..3 {
            assert_eq!(device.frame(), Some((0x81, round.to_string().into())));
        }
    }
    assert!(start.elapsed() >= delay);
}

fn a_close_comes_behind_what_waits(backend: Backend) {
    let lab = lab(backend, NEVER, 1 << 20);
    let (mut device, conn) = lab.open_device();

    lab.call(move |net| {
        net.send_batched(conn, frame::text("last update")).unwrap();
        net.close(conn, 1012, "");
    });

    assert_eq!(device.frame(), Some((0x81, b"last update".to_vec())));
    assert_eq!(device.frame(), Some((0x88, 1012u16.to_be_bytes().to_vec())));
    device.send_frame(8, &1012u16.to_be_bytes());
    assert_eq!(lab.next(), Seen::Closed(Closed::ByUs { code: 1012 }));
}

fn without_batching_nothing_waits(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();

    lab.call(move |net| net.send_batched(conn, frame::text("at once")))
        .unwrap();

    assert_eq!(device.frame(), Some((0x81, b"at once".to_vec())));
}

fn a_slow_device_s_queue_keeps_the_order(backend: Backend) {
    let lab = lab(backend, Duration::from_millis(5), 1000);
    let (mut device, conn) = lab.open_device();
    let big = vec![b'x'; 900_000];

    // More than the socket takes, then small ones behind it, batched or not.
    lab.call(move |net| {
        for _ in 0..8 {
            net.send_batched(conn, frame::binary(&big)).ok();
        }
    });
    for number in 0..20 {
        lab.call(move |net| {
            let text = frame::text(&number.to_string());
            if number % 2 == 0 {
                net.send_batched(conn, text)
            } else {
                net.send(conn, text)
            }
        })
        .ok();
    }

    let mut texts = Vec::new();
    while texts.last().is_none_or(|last| *last != 19) {
        let (opcode, payload) = device.frame().unwrap();
        if opcode == 0x81 {
            let number: u32 = String::from_utf8(payload).unwrap().parse().unwrap();
            texts.push(number);
        }
    }
    assert_eq!(texts, (0..20).collect::<Vec<_>>());
}

fn lab(backend: Backend, max_delay: Duration, max_bytes: usize) -> Lab {
    Lab::with(backend, |config| {
        config.limits.send_queue = 16 << 20;
        config.endpoints[0].batching = Some(Batching {
            max_delay,
            max_bytes,
        });
    })
}
