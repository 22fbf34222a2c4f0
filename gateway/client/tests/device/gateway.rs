//! A gateway that does what the test says, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use gateway_client::{Cause, Device, DeviceOptions, Event, Inbox, News, ServerList, Settings};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// Nothing in these tests takes longer, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Gateway {
    listener: TcpListener,
}

pub(crate) struct Connection {
    socket: WebSocketStream<TcpStream>,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    pub(crate) async fn start_on(address: &str) -> Self {
        Self {
            listener: TcpListener::bind(address).await.unwrap(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    /// The next TCP connection, before any handshake.
    pub(crate) async fn accept_tcp(&self) -> TcpStream {
        in_time(self.listener.accept()).await.unwrap().0
    }

    /// The next device, after its handshake.
    pub(crate) async fn accept(&self) -> Connection {
        let stream = self.accept_tcp().await;
        let socket = shake_hands(stream).await;
        Connection { socket }
    }
}

/// The gateway's side of the WebSocket handshake.
pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
) -> WebSocketStream<S> {
    in_time(accept_hdr_async(stream, choose_subprotocol))
        .await
        .unwrap()
}

#[expect(
    clippy::result_large_err,
    reason = "the callback's type is the library's"
)]
fn choose_subprotocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, tokio_tungstenite::tungstenite::handshake::server::ErrorResponse> {
    let wanted = request.headers().get("sec-websocket-protocol");
    assert_eq!(wanted, Some(&HeaderValue::from_static("tidegate.v1.json")));
    response.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static("tidegate.v1.json"),
    );
    Ok(response)
}

impl Connection {
    pub(crate) async fn send(&mut self, text: &str) {
        in_time(self.socket.send(Frame::text(text))).await.unwrap();
    }

    /// The next text frame.
    pub(crate) async fn receive(&mut self) -> String {
        loop {
            match in_time(self.socket.next()).await.unwrap().unwrap() {
                Frame::Text(text) => return text.to_string(),
                Frame::Ping(_) | Frame::Pong(_) => {}
                other => panic!("{other:?} instead of text"),
            }
        }
    }

    /// The code of the close frame that has to come next.
    pub(crate) async fn closed(&mut self) -> u16 {
        match in_time(self.socket.next()).await.unwrap().unwrap() {
            Frame::Close(Some(frame)) => frame.code.into(),
            other => panic!("{other:?} instead of a close"),
        }
    }

    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        in_time(self.socket.close(Some(frame))).await.unwrap();
        while let Some(Ok(_)) = in_time(self.socket.next()).await {}
    }
}

pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

pub(crate) fn device(servers: &[String], settings: Settings) -> (Device, Inbox) {
    let options = DeviceOptions {
        settings,
        seed: Some(1),
        ..DeviceOptions::default()
    };
    Device::connect(ServerList::parse(servers).unwrap(), options)
}

/// The cause of the next loss.
pub(crate) async fn next_loss(inbox: &mut Inbox) -> (Cause, String) {
    loop {
        if let News::Event(Event::Lost { lost, .. }) = in_time(inbox.next()).await.unwrap() {
            return (lost.cause, lost.detail.into_owned());
        }
    }
}

pub(crate) async fn next_text(inbox: &mut Inbox) -> String {
    in_time(inbox.next_message())
        .await
        .unwrap()
        .text()
        .unwrap_or_default()
        .to_owned()
}

pub(crate) fn record(seq: i64, prev: Option<i64>, data: &str) -> String {
    let prev = prev.map_or("null".to_owned(), |prev| prev.to_string());
    format!(
        r#"{{"op":"message","subject":"/t/k","epoch":"e","seq":{seq},"prev":{prev},"kind":"update","data":"{data}"}}"#
    )
}
