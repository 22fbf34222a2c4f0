//! Servers that are no gateways, each with a typed error.

use std::time::Duration;

use gateway_client::{Cause, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::gateway::{Gateway, device, next_loss};

/// What a device makes of a server that reads the request and answers this.
async fn loss_after(answer: &str) -> (Cause, String) {
    let server = Gateway::start().await;
    let (_device, mut inbox) = device(&[server.url()], Settings::default());
    let mut stream = server.accept_tcp().await;
    let mut request = [0; 4096];
    assert!(stream.read(&mut request).await.unwrap() > 0);

    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();

    next_loss(&mut inbox).await
}

#[tokio::test]
async fn http_error_is_a_refusal_with_its_status() {
    let (cause, _) = loss_after(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n",
    )
    .await;

    assert_eq!(cause, Cause::Refused { status: 503 });
}

#[tokio::test]
async fn redirect_is_not_followed_but_told() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\ncontent-length: 0\r\n\r\n";

    let loss = loss_after(answer).await;

    assert_eq!(
        loss,
        (
            Cause::Redirected,
            "to ws://elsewhere/: name that server instead".to_owned()
        )
    );
}

#[tokio::test]
async fn other_protocols_are_no_gateways() {
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Accept: wrong\r\n\r\n";

    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        upgrade,
        "",
    ] {
        let (cause, detail) = loss_after(answer).await;
        assert_eq!(cause, Cause::NotAGateway, "{answer:?}: {detail}");
    }
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let server = Gateway::start().await;
    let settings = Settings {
        backoff_cap: Duration::from_millis(1),
        ..Settings::default()
    };
    let (_device, mut inbox) = device(&[server.url()], settings);
    let mut stream = server.accept_tcp().await;
    let mut request = [0; 4096];
    assert!(stream.read(&mut request).await.unwrap() > 0);

    let asked = std::time::Instant::now();
    stream
        .write_all(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    next_loss(&mut inbox).await;
    let _stream = server.accept_tcp().await;

    assert!(asked.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn port_where_nothing_listens_is_unreachable() {
    let url = Gateway::start().await.url();
    let (_device, mut inbox) = device(&[url], Settings::default());

    let (cause, detail) = next_loss(&mut inbox).await;

    assert_eq!(cause, Cause::Unreachable);
    assert!(detail.contains("refused"), "{detail}");
}

#[tokio::test]
async fn name_without_addresses_is_unresolvable() {
    let (_device, mut inbox) = device(
        &["ws://no-such-host.invalid".to_owned()],
        Settings::default(),
    );

    let (cause, detail) = next_loss(&mut inbox).await;

    assert_eq!(cause, Cause::Unresolvable);
    assert!(detail.starts_with("no-such-host.invalid: "), "{detail}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn server_that_speaks_no_tls_is_a_tls_failure() {
    let server = Gateway::start().await;
    let url = server.url().replace("ws://", "wss://");
    let (_device, mut inbox) = device(&[url], Settings::default());
    let mut stream = server.accept_tcp().await;
    stream
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();

    assert_eq!(next_loss(&mut inbox).await.0, Cause::Tls);
}
