//! The opening handshake, as the server.

use std::time::Duration;

use gateway_engine::{Backend, Failure};

use crate::support::{Lab, Seen, UPGRADE, masked_frame};

crate::tests![
    an_upgrade_opens_the_connection_with_the_subprotocol_offered,
    a_request_byte_by_byte_opens_the_connection,
    frames_behind_the_request_are_not_lost,
    what_the_acceptor_read_too_much_comes_first,
    a_plain_request_is_told_to_upgrade,
    another_path_is_not_found,
    garbage_is_a_bad_request,
    an_endless_head_is_refused_at_the_limit,
    the_app_may_refuse,
    a_silent_peer_times_out,
    a_peer_that_leaves_early_is_no_timeout,
    one_connection_too_many_is_told_to_come_back,
];

fn an_upgrade_opens_the_connection_with_the_subprotocol_offered(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(UPGRADE.as_bytes());

    assert_eq!(
        device.head(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: tidegate.v1.json\r\n\r\n"
    );
    assert!(matches!(lab.next(), Seen::Open(_)));
}

fn a_request_byte_by_byte_opens_the_connection(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    for byte in UPGRADE.as_bytes() {
        device.send(&[*byte]);
    }

    assert!(device.head().starts_with("HTTP/1.1 101 "));
    assert!(matches!(lab.next(), Seen::Open(_)));
}

fn frames_behind_the_request_are_not_lost(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(&[UPGRADE.as_bytes(), &masked_frame(0x81, b"early")].concat());

    assert!(matches!(lab.next(), Seen::Open(_)));
    assert_eq!(lab.next(), Seen::Text("early".to_owned()));
}

fn what_the_acceptor_read_too_much_comes_first(backend: Backend) {
    let lab = Lab::new(backend);
    let (leftover, rest) = UPGRADE.split_at(10);
    let mut device = lab.device_with_leftover(leftover.as_bytes());

    device.send(rest.as_bytes());

    assert!(device.head().starts_with("HTTP/1.1 101 "));
    assert!(matches!(lab.next(), Seen::Open(_)));
}

fn a_plain_request_is_told_to_upgrade(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");

    assert!(
        device
            .head()
            .starts_with("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n")
    );
    assert_eq!(device.rest(), b"only WebSocket is served here\n");
    drop(device);
    let reason = "only WebSocket is served here";
    assert_eq!(
        lab.next(),
        Seen::Failed(Failure::BadRequest {
            status: 426,
            reason
        })
    );
}

fn another_path_is_not_found(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(UPGRADE.replacen("GET /", "GET /other", 1).as_bytes());

    assert!(device.head().starts_with("HTTP/1.1 404 "));
}

fn garbage_is_a_bad_request(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);

    assert!(device.head().starts_with("HTTP/1.1 400 "));
}

fn an_endless_head_is_refused_at_the_limit(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(b"GET / HTTP/1.1\r\nX-Filler: ");
    for _ in 0..8 {
        device.try_send(&[b'x'; 1024]);
    }

    assert!(device.head().starts_with("HTTP/1.1 431 "));
}

fn the_app_may_refuse(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(
        UPGRADE
            .replacen("\r\n", "\r\nX-Forbidden: not you\r\n", 1)
            .as_bytes(),
    );

    assert!(device.head().starts_with("HTTP/1.1 403 Forbidden\r\n"));
    assert_eq!(device.rest(), b"not you\n");
    drop(device);
    assert_eq!(
        lab.next(),
        Seen::Failed(Failure::RefusedByApp { status: 403 })
    );
}

fn a_silent_peer_times_out(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.limits.handshake_timeout = Duration::from_millis(100);
    });
    let mut device = lab.device();

    // One byte now and then does not buy time.
    device.send(b"G");

    assert_eq!(lab.next(), Seen::Failed(Failure::Timeout));
    assert_eq!(device.rest(), b"");
}

fn a_peer_that_leaves_early_is_no_timeout(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(b"GET / HT");
    drop(device);

    assert_eq!(lab.next(), Seen::Failed(Failure::EndOfStream));
}

fn one_connection_too_many_is_told_to_come_back(backend: Backend) {
    let lab = Lab::with(backend, |config| config.limits.connections = 1);
    let (_first, _) = lab.open_device();

    let mut second = lab.device();

    let head = second.head();
    assert!(
        head.starts_with("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"),
        "{head}"
    );
    assert_eq!(lab.call(|net| net.counters().refused_full), 1);
}
