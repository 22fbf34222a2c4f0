//! Output: what leaves together, and what happens when a device does not read.

use bytes::Bytes;
use gateway_engine::{Backend, ConnId, Outgoing, Queued, SendError, frame};

use crate::support::{Device, EchoServer, Lab, PATIENCE, Seen, eventually, masked_frame};

crate::tests![
    what_one_turn_sends_leaves_in_one_write,
    more_pieces_than_one_write_takes_all_arrive_in_order,
    a_batch_for_many_reaches_each,
    a_device_that_does_not_read_fills_its_queue_and_nothing_else,
    the_app_makes_room_by_tag,
    a_queue_that_empties_is_told_and_the_order_holds,
    the_total_of_all_queues_is_bounded,
    whoever_turns_slow_when_nothing_more_may_wait_is_told_so,
    a_large_message_passes_an_empty_queue,
    a_paused_connection_is_not_read_until_resumed,
    an_echo_to_a_slow_reader_waits_instead_of_growing,
];

fn what_one_turn_sends_leaves_in_one_write(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();
    let before = lab.call(|net| *net.counters());

    lab.call(move |net| {
        for number in 0..24 {
            net.send(conn, frame::text(&format!("message {number}")))
                .unwrap();
        }
    });

    for number in 0..24 {
        assert_eq!(
            device.frame(),
            Some((0x81, format!("message {number}").into_bytes()))
        );
    }
    let after = lab.call(|net| *net.counters());
    assert_eq!(
        (
            after.writes - before.writes,
            after.messages_out - before.messages_out
        ),
        (1, 24)
    );
}

fn more_pieces_than_one_write_takes_all_arrive_in_order(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();

    lab.call(move |net| {
        for number in 0..1000 {
            net.send(conn, frame::text(&number.to_string())).unwrap();
        }
    });

    for number in 0..1000 {
        assert_eq!(
            device.frame(),
            Some((0x81, number.to_string().into_bytes()))
        );
    }
}

fn a_batch_for_many_reaches_each(backend: Backend) {
    let lab = Lab::new(backend);
    // More than one batch of writes holds.
    let mut devices: Vec<_> = (0..300).map(|_| lab.open_device()).collect();
    let conns: Vec<ConnId> = devices.iter().map(|(_, conn)| *conn).collect();

    lab.call(move |net| {
        let mut batch = Vec::new();
        frame::append(&mut batch, frame::Opcode::Text, b"one");
        frame::append(&mut batch, frame::Opcode::Text, b"two");
        let batch = Outgoing {
            frames: batch.into(),
            messages: 2,
            tag: 0,
        };
        for conn in conns {
            net.send(conn, batch.clone()).unwrap();
        }
    });

    for (device, _) in &mut devices {
        assert_eq!(device.frame(), Some((0x81, b"one".to_vec())));
        assert_eq!(device.frame(), Some((0x81, b"two".to_vec())));
    }
    assert_eq!(lab.call(|net| net.counters().messages_out), 600);
}

fn a_device_that_does_not_read_fills_its_queue_and_nothing_else(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.send_queue = 100_000);
    let (_slow, slow) = lab.open_device();
    let (mut fast, fast_conn) = lab.open_device();

    fill(&lab, slow, 10_000);

    let queued = lab.call(move |net| (net.queued_bytes(slow), net.total_queued_bytes()));
    assert!(queued.0 > 80_000 && queued.0 <= 100_000, "{queued:?}");
    assert_eq!(queued.0, queued.1);
    lab.call(move |net| net.send_text(fast_conn, "still served").unwrap());
    assert_eq!(fast.frame(), Some((0x81, b"still served".to_vec())));
}

fn the_app_makes_room_by_tag(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.send_queue = 100_000);
    let (_device, conn) = lab.open_device();
    fill(&lab, conn, 10_000);

    lab.call(move |net| {
        let mut queue = net.queue(conn).unwrap();
        let before = queue.bytes();
        let oldest = queue.drop_oldest().unwrap();
        assert_eq!((oldest.tag, oldest.messages), (5, 1));
        assert_eq!(queue.bytes(), before - oldest.bytes);
        queue.drop_where(|queued| queued.tag == 5);
        assert_eq!(queue.items().count(), 0);

        let outgoing = Outgoing {
            frames: frame::text("latest"),
            messages: 1,
            tag: 6,
        };
        net.send(conn, outgoing).unwrap();
        let waiting: Vec<Queued> = net.queue(conn).unwrap().items().collect();
        assert_eq!(
            waiting,
            [Queued {
                tag: 6,
                messages: 1,
                bytes: 8
            }]
        );
    });
}

fn a_queue_that_empties_is_told_and_the_order_holds(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.send_queue = 100_000);
    let (mut device, conn) = lab.open_device();
    let sent = fill(&lab, conn, 10_000);

    for number in 0..sent {
        let (_, payload) = device.frame().unwrap();
        assert_eq!(
            payload[..4],
            (number as u32).to_be_bytes(),
            "message {number} of {sent}"
        );
    }

    assert_eq!(lab.next(), Seen::Drained);
    assert_eq!(lab.call(|net| net.total_queued_bytes()), 0);
    lab.call(move |net| net.send_text(conn, "direct again").unwrap());
    assert_eq!(device.frame(), Some((0x81, b"direct again".to_vec())));
    assert_eq!(lab.call(|net| net.counters().messages_out), sent as u64 + 1);
}

fn the_total_of_all_queues_is_bounded(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.limits.send_queue = 100_000;
        config.limits.total_queue = 150_000;
    });
    let devices: Vec<_> = (0..3).map(|_| lab.open_device()).collect();

    for (_, conn) in &devices[..2] {
        fill(&lab, *conn, 10_000);
    }

    let (total, refused) =
        lab.call(|net| (net.total_queued_bytes(), net.counters().total_queue_full));
    assert!(total > 100_000 && total <= 150_000, "{total}");
    assert_eq!(refused, 1);
}

fn whoever_turns_slow_when_nothing_more_may_wait_is_told_so(backend: Backend) {
    const TOTAL: usize = 1_000_000;
    let lab = Lab::with(backend, |config| {
        config.limits.total_queue = TOTAL;
        config.limits.close_timeout = PATIENCE;
    });
    let mut devices: Vec<_> = (0..12).map(|_| lab.open_device()).collect();
    let conns: Vec<ConnId> = devices.iter().map(|(_, conn)| *conn).collect();
    // In one turn, far more for everybody than sockets take and than may wait.
    let mut batch = Vec::new();
    for number in 0..8_000u32 {
        frame::append(
            &mut batch,
            frame::Opcode::Text,
            format!("{number:01000}").as_bytes(),
        );
    }
    let batch = Bytes::from(batch);

    lab.call(move |net| {
        for conn in conns {
            net.send(conn, batch.clone()).unwrap();
        }
    });

    let (total, cut) = lab.call(|net| (net.total_queued_bytes(), net.counters().total_queue_full));
    assert!(total <= TOTAL + TOTAL / 8, "{total} bytes wait");
    assert!(cut >= 11, "{cut} of 12 had to go");
    // Whole messages, in order, and then the reason.
    let (device, _) = &mut devices[11];
    let mut number = 0;
    loop {
        let (first, payload) = device.frame().unwrap();
        if first == 0x88 {
            assert_eq!(payload[..2], 1013u16.to_be_bytes());
            break;
        }
        assert_eq!(payload, format!("{number:01000}").into_bytes());
        number += 1;
    }
    assert!(number < 8_000);
}

fn a_large_message_passes_an_empty_queue(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.send_queue = 1000);
    let (mut device, conn) = lab.open_device();

    lab.call(move |net| {
        net.send_binary(conn, &vec![9; 8_000_000]).unwrap();
        assert_eq!(net.send_text(conn, "behind it"), Err(SendError::Full));
    });

    assert_eq!(device.frame().unwrap().1.len(), 8_000_000);
}

fn a_paused_connection_is_not_read_until_resumed(backend: Backend) {
    let lab = Lab::new(backend);
    let (mut device, conn) = lab.open_device();

    lab.call(move |net| net.pause(conn));
    device.send_frame(1, b"patience");
    // The loop has turned, and told nothing.
    lab.call(|_| ());
    std::thread::sleep(std::time::Duration::from_millis(20));
    lab.call(|_| ());
    assert_eq!(lab.rest(), []);

    lab.call(move |net| net.resume(conn));
    assert_eq!(lab.next(), Seen::Text("patience".to_owned()));
}

fn an_echo_to_a_slow_reader_waits_instead_of_growing(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();
    let mut sender = Device::new(device.socket.try_clone().unwrap());

    // 64 MiB come back to one who reads them only after sending them.
    let writer = std::thread::spawn(move || {
        for number in 0..1024u32 {
            let mut payload = vec![1; 65_536];
            payload[..4].copy_from_slice(&number.to_be_bytes());
            sender.send(&masked_frame(0x82, &payload));
        }
    });

    for number in 0..1024u32 {
        let (_, payload) = device.frame().unwrap();
        assert_eq!(payload[..4], number.to_be_bytes());
    }
    writer.join().unwrap();
}

/// Sends numbered messages of `size` bytes, one per turn and with tag 5, until the queue is full.
/// Answers how many were taken.
fn fill(lab: &Lab, conn: ConnId, size: usize) -> usize {
    let mut sent = 0u32;
    eventually("a full queue", || {
        let mut payload = vec![0; size];
        payload[..4].copy_from_slice(&sent.to_be_bytes());
        let frames: Bytes = frame::binary(&payload);
        let outcome = lab.call(move |net| {
            net.send(
                conn,
                Outgoing {
                    frames,
                    messages: 1,
                    tag: 5,
                },
            )
        });
        sent += u32::from(outcome.is_ok());
        outcome == Err(SendError::Full)
    });
    sent as usize
}
