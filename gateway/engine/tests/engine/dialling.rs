//! Connections that the loop opens itself, in the client's role.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_engine::{Backend, Closed, ConnId, Dial, DialRequest, Failure, SendError, frame};
use tungstenite::protocol::Message;

use crate::support::{EchoServer, Lab, Seen};

crate::tests![
    a_dialled_connection_talks_to_an_independent_server,
    a_dialled_connection_talks_to_our_own_echo,
    the_preface_comes_before_the_request,
    the_wanted_source_is_the_source,
    a_late_port_is_chosen_by_connect,
    ready_frames_are_not_sent_unmasked,
    a_refused_connection_is_told,
    an_answer_with_another_status_is_told,
    an_answer_to_another_key_is_refused,
    a_server_that_does_not_answer_times_out,
    a_masked_frame_from_a_server_is_a_breach,
    a_client_waits_for_the_server_to_end_the_stream,
];

fn a_dialled_connection_talks_to_an_independent_server(backend: Backend) {
    let lab = Lab::new(backend);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    dial(&lab, listener.local_addr().unwrap(), |_| ());

    let (socket, _) = listener.accept().unwrap();
    let mut server = tungstenite::accept(socket).unwrap();
    let conn = opened(&lab);

    lab.call(move |net| net.send_text(conn, "masked").unwrap());
    assert_eq!(server.read().unwrap(), Message::text("masked"));
    lab.call(move |net| net.send_binary(conn, &[7; 70_000]).unwrap());
    assert_eq!(server.read().unwrap(), Message::binary(vec![7; 70_000]));
    server.send(Message::text("back")).unwrap();
    assert_eq!(lab.next(), Seen::Text("back".to_owned()));

    server.close(None).unwrap();
    while server.read().is_ok() {}
    drop(server);
    assert_eq!(
        lab.next(),
        Seen::Closed(Closed::ByPeer {
            code: None,
            reason: String::new()
        })
    );
}

fn a_dialled_connection_talks_to_our_own_echo(backend: Backend) {
    let lab = Lab::new(backend);
    let echo = EchoServer::new(backend);
    dial(&lab, echo.address, |_| ());
    let conn = opened(&lab);

    for text in ["one", "two"] {
        lab.call(move |net| net.send_text(conn, text).unwrap());
        assert_eq!(lab.next(), Seen::Text(text.to_owned()));
    }
    lab.call(move |net| net.close(conn, 1000, "done"));
    assert_eq!(lab.next(), Seen::Closed(Closed::ByUs { code: 1000 }));
}

fn the_preface_comes_before_the_request(backend: Backend) {
    let lab = Lab::new(backend);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    dial(&lab, listener.local_addr().unwrap(), |dial| {
        dial.preface = Bytes::from_static(b"PROXY UNKNOWN\r\n");
    });

    let (mut socket, _) = listener.accept().unwrap();
    let head = read_head(&mut socket);

    assert!(
        head.starts_with("PROXY UNKNOWN\r\nGET /path HTTP/1.1\r\nHost: devices.test\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\nSec-WebSocket-Protocol: tidegate.v1.json\r\n"),
        "{head}"
    );
}

fn the_wanted_source_is_the_source(backend: Backend) {
    let lab = Lab::new(backend);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.9:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let source = SocketAddr::from(([127, 0, 0, 9], port));

    let conn = dial(&lab, listener.local_addr().unwrap(), move |dial| {
        dial.local = Some(source)
    });

    let (_socket, seen) = listener.accept().unwrap();
    assert_eq!(seen, source);
    assert_eq!(
        lab.call(move |net| net.addresses(conn).unwrap().client),
        source
    );
}

fn a_late_port_is_chosen_by_connect(backend: Backend) {
    let lab = Lab::new(backend);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();

    let conn = dial(&lab, listener.local_addr().unwrap(), |dial| {
        dial.local = Some("127.0.0.9:0".parse().unwrap());
        dial.late_port = true;
    });

    let (_socket, source) = listener.accept().unwrap();
    assert_eq!(source.ip().to_string(), "127.0.0.9");
    assert_eq!(
        lab.call(move |net| net.addresses(conn).unwrap().client),
        source
    );
}

fn ready_frames_are_not_sent_unmasked(backend: Backend) {
    let lab = Lab::new(backend);
    let echo = EchoServer::new(backend);
    dial(&lab, echo.address, |_| ());
    let conn = opened(&lab);

    assert_eq!(
        lab.call(move |net| net.send(conn, frame::text("bare"))),
        Err(SendError::Unmasked)
    );
}

fn a_refused_connection_is_told(backend: Backend) {
    let lab = Lab::new(backend);
    // Nobody listens where somebody just did.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();

    dial(&lab, address, |_| ());

    let refused = Failure::Connect(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(lab.next(), Seen::Failed(refused));
}

fn an_answer_with_another_status_is_told(backend: Backend) {
    let lab = Lab::new(backend);
    answer(
        &lab,
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n",
    );

    assert_eq!(
        lab.next(),
        Seen::Failed(Failure::Answered {
            status: 503,
            retry_after: Some(Duration::from_secs(5))
        })
    );
}

fn an_answer_to_another_key_is_refused(backend: Backend) {
    let lab = Lab::new(backend);
    answer(
        &lab,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    );

    let reason = "Sec-WebSocket-Accept does not answer our key";
    assert_eq!(lab.next(), Seen::Failed(Failure::BadAnswer(reason)));
}

fn a_server_that_does_not_answer_times_out(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.limits.handshake_timeout = Duration::from_millis(100);
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();

    dial(&lab, listener.local_addr().unwrap(), |_| ());

    assert_eq!(lab.next(), Seen::Failed(Failure::Timeout));
}

fn a_masked_frame_from_a_server_is_a_breach(backend: Backend) {
    let lab = Lab::new(backend);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    dial(&lab, listener.local_addr().unwrap(), |_| ());
    let (socket, _) = listener.accept().unwrap();
    let mut server = tungstenite::accept(socket).unwrap();
    opened(&lab);

    server
        .get_mut()
        .write_all(&[0x81, 0x80, 1, 2, 3, 4])
        .unwrap();

    let Message::Close(Some(close)) = server.read().unwrap() else {
        panic!("no Close frame")
    };
    assert_eq!(u16::from(close.code), 1002);
    while server.read().is_ok() {}
    drop(server);
    assert_eq!(
        lab.next(),
        Seen::Closed(Closed::Violation(frame::FrameError::Masked))
    );
}

fn a_client_waits_for_the_server_to_end_the_stream(backend: Backend) {
    let lab = Lab::new(backend);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    dial(&lab, listener.local_addr().unwrap(), |_| ());
    let (socket, _) = listener.accept().unwrap();
    let mut server = tungstenite::accept(socket).unwrap();
    let conn = opened(&lab);

    lab.call(move |net| net.close(conn, 1000, ""));
    assert!(matches!(server.read(), Ok(Message::Close(_))));
    // The answer is out, the stream is not ended: so the client still counts it.
    server.flush().ok();
    server
        .get_ref()
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let mut byte = [0];
    let error = server.get_mut().read(&mut byte).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(lab.rest(), []);

    drop(server);
    assert_eq!(lab.next(), Seen::Closed(Closed::ByUs { code: 1000 }));
}

/// Dials with a request as the fleet would send it.
fn dial(lab: &Lab, remote: SocketAddr, change: impl FnOnce(&mut Dial)) -> ConnId {
    let request = DialRequest {
        host: "devices.test".to_owned(),
        path: "/path".to_owned(),
        subprotocols: vec!["tidegate.v1.json".to_owned()],
        ..DialRequest::default()
    };
    let mut dial = Dial {
        remote,
        local: None,
        late_port: false,
        preface: Bytes::new(),
        request: Arc::new(request),
    };
    change(&mut dial);
    lab.call(move |net| net.connect(dial, 0).unwrap())
}

fn opened(lab: &Lab) -> ConnId {
    match lab.next() {
        Seen::Open(conn) => conn,
        seen => panic!("not open but {seen:?}"),
    }
}

/// Dials a server that gives this answer to whatever is asked.
fn answer(lab: &Lab, answer: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    dial(lab, listener.local_addr().unwrap(), |_| ());
    let (mut socket, _) = listener.accept().unwrap();
    read_head(&mut socket);
    socket.write_all(answer.as_bytes()).unwrap();
}

fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
