//! Pings: who is asked, when, and who is given up.

use std::time::{Duration, Instant};

use gateway_engine::{Backend, Closed, Keepalive};

use crate::support::{Lab, Seen};

const INTERVAL: Duration = Duration::from_millis(400);
const TIMEOUT: Duration = Duration::from_millis(200);

crate::tests![
    a_silent_peer_is_pinged_then_given_up_in_time,
    a_peer_that_answers_stays,
    a_peer_that_talks_is_not_pinged,
    pings_keep_their_interval_where_the_timeout_is_longer,
    pings_to_peers_that_came_together_are_spread,
    without_keep_alive_nobody_is_pinged,
];

fn a_silent_peer_is_pinged_then_given_up_in_time(backend: Backend) {
    let lab = lab(backend);
    let (mut device, _) = lab.open_device();
    let start = Instant::now();

    assert_eq!(device.frame(), Some((0x89, vec![])));
    assert_eq!(lab.next(), Seen::Closed(Closed::Silent));

    // A busy machine may wake the loop late; the deadline itself is never after the sum.
    let after = start.elapsed();
    assert!(
        after < INTERVAL + TIMEOUT + Duration::from_millis(300),
        "{after:?}"
    );
    assert_eq!(
        lab.call(|net| (net.counters().pings, net.counters().silent)),
        (1, 1)
    );
}

fn a_peer_that_answers_stays(backend: Backend) {
    let lab = lab(backend);
    let (mut device, conn) = lab.open_device();

    for _ in 0..4 {
        assert_eq!(device.frame(), Some((0x89, vec![])));
        device.send_frame(0xA, b"");
    }

    assert!(lab.call(move |net| net.is_open(conn)));
    assert_eq!(lab.rest(), []);
}

fn a_peer_that_talks_is_not_pinged(backend: Backend) {
    // Long enough that a busy machine does not make the device look silent.
    let interval = Duration::from_secs(2);
    let lab = Lab::with(backend, |config| {
        config.keepalive = Some(Keepalive {
            interval,
            timeout: TIMEOUT,
        });
    });
    let (mut device, _) = lab.open_device();

    let start = Instant::now();
    while start.elapsed() < interval + TIMEOUT {
        device.send_frame(1, b"here");
        assert_eq!(lab.next(), Seen::Text("here".to_owned()));
        std::thread::sleep(interval / 40);
    }

    assert_eq!(lab.call(|net| net.counters().pings), 0);
}

fn pings_keep_their_interval_where_the_timeout_is_longer(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.keepalive = Some(Keepalive {
            interval: INTERVAL,
            timeout: Duration::from_secs(3600),
        });
    });
    let (mut device, conn) = lab.open_device();

    // One ping an hour would not be waited for.
    for _ in 0..4 {
        assert_eq!(device.frame(), Some((0x89, vec![])));
        device.send_frame(0xA, b"");
    }

    assert!(lab.call(move |net| net.is_open(conn)));
}

fn pings_to_peers_that_came_together_are_spread(backend: Backend) {
    let lab = lab(backend);
    let mut devices: Vec<_> = (0..64).map(|_| lab.open_device()).collect();

    let start = Instant::now();
    let mut pinged: Vec<Duration> = devices
        .iter_mut()
        .map(|(device, _)| {
            assert_eq!(device.frame(), Some((0x89, vec![])));
            start.elapsed()
        })
        .collect();
    pinged.sort();

    // Read in turn, the times say when the latest so far was pinged; together they span what was drawn.
    let turns = lab.call(|net| net.counters().turns);
    assert!(pinged[63] > INTERVAL / 4, "{pinged:?} in {turns} turns");
    assert_eq!(lab.call(|net| net.counters().pings), 64);
}

fn without_keep_alive_nobody_is_pinged(backend: Backend) {
    let lab = Lab::with(backend, |config| config.keepalive = None);
    let (_device, conn) = lab.open_device();

    std::thread::sleep(2 * INTERVAL);

    assert!(lab.call(move |net| net.is_open(conn)));
    assert_eq!(lab.call(|net| net.counters().pings), 0);
}

fn lab(backend: Backend) -> Lab {
    Lab::with(backend, |config| {
        config.keepalive = Some(Keepalive {
            interval: INTERVAL,
            timeout: TIMEOUT,
        });
    })
}
