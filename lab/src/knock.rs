//! A stranger at the gateway's door: says something, and notes what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;
use gateway_protocol::proxy_header::{EncodeError, encode_v1, encode_v2};
use socket2::{Domain, Socket, Type};

use crate::interrupt::Interrupt;
use crate::provider::ProviderError;
use crate::scenario::step::Greeting;

/// How long an answer may take: longer than any time limit on headers.
const PATIENCE: Duration = Duration::from_secs(8);

/// Bytes of an answer that are kept.
const KEPT: usize = 200;

/// A WebSocket upgrade that any gateway would grant.
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: tidegate.v1.json\r\n\r\n";

/// The beginning of a TLS 1.2 ClientHello record.
const CLIENT_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x4a, 0x01, 0x00, 0x00, 0x46, 0x03, 0x03,
];

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The first bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether the gateway closed the connection, by FIN or RST.
    pub(crate) closed: bool,
    /// From the knock to the end.
    pub(crate) took: Duration,
}

impl Answer {
    /// Closed, and not one byte said.
    pub(crate) fn is_silent_close(&self) -> bool {
        self.closed && self.bytes.is_empty()
    }

    /// A WebSocket upgrade was granted.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.bytes.starts_with(b"HTTP/1.1 101 ")
    }
}

/// Knocks `times` times at once and waits for every answer.
pub(crate) fn knock(
    at: SocketAddr,
    says: Greeting,
    from: IpAddr,
    times: u32,
    interrupt: &Interrupt,
) -> Result<Vec<Answer>, ProviderError> {
    let greeting = greeting(says, at).context("cannot encode a PROXY header")?;
    let mut strangers = vec![];
    for _ in 0..times {
        let mut stream = connect(at, from)?;
        // A gateway may close before it has read everything; what it answers is what counts.
        let _ = stream.write_all(&greeting);
        strangers.push((stream, Instant::now()));
    }
    let answers = strangers.into_iter().map(|(stream, since)| {
        interrupt.check()?;
        listen(stream, since)
    });
    answers.collect()
}

/// A connection from this address, any port.
fn connect(at: SocketAddr, from: IpAddr) -> Result<TcpStream, ProviderError> {
    let connecting = || format!("cannot knock at {at} from {from}");
    let socket =
        Socket::new(Domain::for_address(at), Type::STREAM, None).with_context(connecting)?;
    socket
        .bind(&SocketAddr::new(from, 0).into())
        .with_context(connecting)?;
    socket
        .connect_timeout(&at.into(), PATIENCE)
        .with_context(connecting)?;
    Ok(socket.into())
}

/// Reads until the gateway closes, grants the upgrade, or patience ends.
fn listen(mut stream: TcpStream, since: Instant) -> Result<Answer, ProviderError> {
    let mut answer = Answer {
        bytes: vec![],
        closed: false,
        took: Duration::ZERO,
    };
    let mut buffer = [0; KEPT];
    loop {
        let left = PATIENCE.saturating_sub(since.elapsed());
        if left.is_zero() {
            break;
        }
        stream
            .set_read_timeout(Some(left))
            .context("cannot set a time limit on a socket")?;
        match stream.read(&mut buffer) {
            Ok(0) => answer.closed = true,
            Ok(read) => {
                let room = KEPT - answer.bytes.len();
                answer.bytes.extend(&buffer[..read.min(room)]);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => answer.closed = true,
        }
        if answer.closed || answer.is_upgrade() {
            break;
        }
    }
    answer.took = since.elapsed();
    Ok(answer)
}

/// What is said first.
fn greeting(says: Greeting, at: SocketAddr) -> Result<Vec<u8>, EncodeError> {
    let client = pretended(at);
    let mut v1 = encode_v1(client, at);
    Ok(match says {
        Greeting::ProxyV1 => [v1.as_slice(), UPGRADE.as_bytes()].concat(),
        Greeting::ProxyV2 => [
            encode_v2(client, at, &[], false)?.as_slice(),
            UPGRADE.as_bytes(),
        ]
        .concat(),
        Greeting::Upgrade => UPGRADE.as_bytes().to_vec(),
        Greeting::Tls => CLIENT_HELLO.to_vec(),
        Greeting::HalfHeader => {
            v1.truncate(v1.len() / 2);
            v1
        }
    })
}

/// The device a stranger pretends to speak for, of the family of the gateway's address.
fn pretended(at: SocketAddr) -> SocketAddr {
    match at {
        SocketAddr::V4(_) => SocketAddr::from(([203, 0, 113, 7], 50_123)),
        SocketAddr::V6(_) => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], 50_123)),
    }
}
