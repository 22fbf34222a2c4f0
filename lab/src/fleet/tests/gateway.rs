//! A gateway for tests, on another implementation of WebSocket, that does as it is told.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use gateway_protocol::proxy_header::{Limits, Source, parse};
use serde_json::Value;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::{Message, WebSocket};

/// What a gateway does with a request.
#[derive(Debug)]
pub(super) enum Reply {
    /// Sends these.
    Say(Vec<String>),
    /// Sends these and cuts the connection.
    SayAndCut(Vec<String>),
}

/// Decides on the n-th request of the gateway's life.
type Script = dyn Fn(usize, &Value) -> Reply + Send + Sync;

/// Listens until the process ends; a test's process is short-lived.
pub(super) struct TestGateway {
    pub(super) address: SocketAddr,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    /// Client addresses, as the socket or a PROXY header told them.
    clients: Mutex<Vec<SocketAddr>>,
    requests: Mutex<Vec<Value>>,
}

impl TestGateway {
    pub(super) fn start(
        ip: &str,
        with_header: bool,
        script: impl Fn(usize, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        Self::start_at((ip, 0).into(), with_header, script)
    }

    pub(super) fn start_at(
        address: SocketAddr,
        with_header: bool,
        script: impl Fn(usize, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Heard::default());
        let (ears, script) = (Arc::clone(&heard), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (ears, script) = (Arc::clone(&ears), Arc::clone(&script));
                thread::spawn(move || serve(stream.unwrap(), with_header, &ears, &*script));
            }
        });
        Self { address, heard }
    }

    /// Whoever has upgraded, sorted.
    pub(super) fn clients(&self) -> Vec<SocketAddr> {
        let mut clients = self.heard.clients.lock().unwrap().clone();
        clients.sort_unstable();
        clients
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<Value> {
        self.heard.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, with_header: bool, heard: &Heard, script: &Script) {
    let client = if with_header {
        header(&mut stream)
    } else {
        stream.peer_addr().unwrap()
    };
    let mut socket = tungstenite::accept_hdr(stream, subprotocol).unwrap();
    heard.clients.lock().unwrap().push(client);
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let request: Value = serde_json::from_str(&text).unwrap();
        let number = {
            let mut requests = heard.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        match script(number, &request) {
            Reply::Say(texts) => say(&mut socket, texts),
            Reply::SayAndCut(texts) => {
                say(&mut socket, texts);
                return;
            }
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, texts: Vec<String>) {
    for text in texts {
        socket.send(Message::text(text)).unwrap();
    }
}

/// Reads exactly the PROXY header, byte by byte.
fn header(stream: &mut TcpStream) -> SocketAddr {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        match stream.read_exact(&mut byte) {
            Ok(()) => bytes.push(byte[0]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "no header came"),
        }
        if let Some(header) = parse(&bytes, &Limits::default()).unwrap() {
            let Source::Proxied { client, .. } = header.source else {
                panic!("not for a client: {header:?}");
            };
            return client;
        }
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the signature is the library's own"
)]
fn subprotocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, tungstenite::handshake::server::ErrorResponse> {
    let offered = request.headers()["sec-websocket-protocol"].clone();
    response
        .headers_mut()
        .insert("sec-websocket-protocol", offered);
    Ok(response)
}
