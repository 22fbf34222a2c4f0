//! A device: a plain WebSocket client that knows the words of `tidegate.v1.json` only as text.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::{Message, WebSocket};

use super::PATIENCE;

/// A connected device.
pub(crate) struct Device {
    socket: WebSocket<TcpStream>,
}

impl Device {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Connects and sends `preface` before anything else, for example a PROXY header.
    pub(crate) fn connect_behind(address: SocketAddr, preface: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(preface).unwrap();
        Self::over(stream)
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = "ws://gateway/".into_client_request().unwrap();
        request.headers_mut().insert(
            "Sec-WebSocket-Protocol",
            "tidegate.v1.json".parse().unwrap(),
        );
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        Self { socket }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> Value {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a text message: {other:?}"),
            }
        }
    }

    /// The next `count` messages.
    pub(crate) fn receive_many(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.receive()).collect()
    }

    /// Subscribes and answers what the gateway says to that.
    pub(crate) fn subscribe(&mut self, id: u64, subject: &str) -> Value {
        self.send(&json!({ "op": "subscribe", "id": id, "subject": subject }));
        self.receive()
    }

    /// Subscribes from positions and answers what the gateway says to that.
    pub(crate) fn resume(&mut self, id: u64, subject: &str, from: &Value) -> Value {
        self.send(&json!({ "op": "subscribe", "id": id, "subject": subject, "from": from }));
        self.receive()
    }

    /// Publishes and answers what the gateway says to that; the device must have no subscriptions.
    pub(crate) fn publish(&mut self, id: u64, subject: &str, data: &str) -> Value {
        self.send(&json!({ "op": "publish", "id": id, "subject": subject, "data": data }));
        self.receive()
    }

    /// Nothing arrives for a while. What would come has to be caused before, and something later awaited elsewhere.
    pub(crate) fn hears_nothing(&mut self) {
        self.socket
            .get_mut()
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        match self.socket.read() {
            Err(Error::Io(error)) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            other => panic!("heard {other:?}"),
        }
        self.socket
            .get_mut()
            .set_read_timeout(Some(PATIENCE))
            .unwrap();
    }

    /// Waits for the gateway's Close frame and answers its code and reason.
    pub(crate) fn closed(&mut self) -> (u16, String) {
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(frame))) => {
                    // Answers the close, so that the gateway is not left waiting.
                    while self.socket.read().is_ok() {}
                    return (frame.code.into(), frame.reason.to_string());
                }
                Ok(_) => {}
                Err(
                    error @ (Error::ConnectionClosed
                    | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)),
                ) => {
                    panic!("the connection ended without a Close frame: {error}")
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Closes as a device does, and waits for the answer.
    pub(crate) fn leave(mut self) {
        self.socket.close(None).unwrap();
        while self.socket.read().is_ok() {}
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.socket.get_ref().local_addr().unwrap()
    }
}

/// The position of a message.
pub(crate) fn position(message: &Value) -> Value {
    json!({ "epoch": message["epoch"], "seq": message["seq"] })
}

/// The texts of messages.
pub(crate) fn texts(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| {
            message["data"]
                .as_str()
                .unwrap_or_else(|| panic!("no text: {message}"))
        })
        .collect()
}
