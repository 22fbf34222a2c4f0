//! TLS of one connection: between what the socket carries and what frames are made of. Pure: bytes in, bytes out.
//!
//! rustls is used without its buffers: a connection keeps its keys and, while a record has come in part, that part.
//! What is decrypted goes to memory that the loop shares among all connections, and what is encrypted was gathered
//! before, so that everything a turn sends is one record.

use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError,
    UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, Error, ServerConfig};

/// What a record may be longer than its content, header and all, in any suite that rustls has.
const OVERHEAD: usize = 64;
/// Content of one record at most (RFC 8446 section 5.1).
const RECORD: usize = 16 * 1024;

/// What tells a client that it is refused before any handshake: a fatal alert, internal_error (RFC 8446 section 6).
pub const REFUSAL: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// See the module.
pub(crate) struct Tls {
    side: Side,
    /// What has come of a record that is not complete.
    partial: Vec<u8>,
    /// It is over: nothing is read or written any more.
    failed: bool,
}

enum Side {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// What some bytes from the peer brought.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// To be sent before anything that is encrypted later: handshake messages, alerts.
    pub(crate) reply: Vec<u8>,
    /// The peer sends nothing more.
    pub(crate) ended: bool,
    /// The peer is wrong, or means us no good. The reply tells it so.
    pub(crate) error: Option<Error>,
}

impl Tls {
    pub(crate) fn server(config: &Arc<ServerConfig>) -> Result<Self, Error> {
        UnbufferedServerConnection::new(Arc::clone(config)).map(|conn| Self::of(Side::Server(conn)))
    }

    /// The client's side, and what it says first.
    pub(crate) fn client(
        config: &Arc<ClientConfig>,
        name: &ServerName<'static>,
    ) -> Result<(Self, Vec<u8>), Error> {
        let conn = UnbufferedClientConnection::new(Arc::clone(config), name.clone())?;
        let mut tls = Self::of(Side::Client(conn));
        let hello = tls.receive(&mut [], &mut Vec::new());
        hello.error.map_or(Ok((tls, hello.reply)), Err)
    }

    fn of(side: Side) -> Self {
        Self {
            side,
            partial: Vec::new(),
            failed: false,
        }
    }

    /// Whether what the app sends can be encrypted already.
    pub(crate) fn is_established(&self) -> bool {
        match &self.side {
            Side::Server(conn) => !conn.is_handshaking(),
            Side::Client(conn) => !conn.is_handshaking(),
        }
    }

    /// Takes in bytes from the socket, and appends what they say to `plain`.
    pub(crate) fn receive(&mut self, input: &mut [u8], plain: &mut Vec<u8>) -> Received {
        if self.failed {
            return Received::default();
        }
        let received = if self.partial.is_empty() {
            let (received, used) = self.side.receive(input, plain);
            self.partial = input[used..].to_vec();
            received
        } else {
            self.partial.extend_from_slice(input);
            let (received, used) = self.side.receive(&mut self.partial, plain);
            if used > 0 {
                self.partial = self.partial[used..].to_vec();
            }
            received
        };
        if received.error.is_some() {
            self.failed = true;
            self.partial = Vec::new();
        }
        received
    }

    /// Encrypts `plain` and appends it to `out`.
    pub(crate) fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut encrypt = |out: &mut Vec<u8>, traffic: &mut dyn Encrypt| {
            let room = plain.len() + (plain.len() / RECORD + 1) * OVERHEAD;
            append(out, room, |room| traffic.encrypt(plain, room))
        };
        self.speak(out, &mut encrypt)
    }

    /// Appends the alert that nothing more follows (RFC 8446 section 6.1).
    pub(crate) fn say_goodbye(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut notify = |out: &mut Vec<u8>, traffic: &mut dyn Encrypt| {
            append(out, OVERHEAD, |room| traffic.close_notify(room))
        };
        self.speak(out, &mut notify)
    }

    fn speak(&mut self, out: &mut Vec<u8>, speech: Speech<'_>) -> Result<(), Error> {
        if self.failed {
            return Err(Error::EncryptError);
        }
        let spoken = self.side.speak(&mut self.partial, out, speech);
        self.failed = spoken.is_err();
        spoken
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("established", &self.is_established())
            .field("partial", &self.partial.len())
            .finish_non_exhaustive()
    }
}

/// Something to say, once it may be said.
type Speech<'a> = &'a mut dyn FnMut(&mut Vec<u8>, &mut dyn Encrypt) -> Result<(), Error>;

impl Side {
    /// Answers also how many bytes of the input were used.
    fn receive(&mut self, input: &mut [u8], plain: &mut Vec<u8>) -> (Received, usize) {
        match self {
            Self::Server(conn) => receive(conn, input, plain),
            Self::Client(conn) => receive(conn, input, plain),
        }
    }

    fn speak(
        &mut self,
        partial: &mut [u8],
        out: &mut Vec<u8>,
        speech: Speech<'_>,
    ) -> Result<(), Error> {
        match self {
            Self::Server(conn) => speak(conn, partial, out, speech),
            Self::Client(conn) => speak(conn, partial, out, speech),
        }
    }
}

/// What both sides can do, each with its own type in rustls.
trait Process {
    type Data;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Process for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }
}

impl Process for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }
}

fn receive(conn: &mut impl Process, input: &mut [u8], plain: &mut Vec<u8>) -> (Received, usize) {
    let mut received = Received::default();
    let mut used = 0;
    loop {
        let UnbufferedStatus { mut discard, state } = conn.process(&mut input[used..]);
        let more = match state {
            Ok(ConnectionState::ReadTraffic(mut records)) => {
                while let Some(Ok(record)) = records.next_record() {
                    plain.extend_from_slice(record.payload);
                    discard += record.discard;
                }
                true
            }
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut received.reply),
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                true
            }
            Ok(ConnectionState::PeerClosed) => {
                received.ended = true;
                true
            }
            // Early data is not offered, so it does not come.
            Ok(_) => false,
            Err(error) => {
                received.error = Some(error);
                false
            }
        };
        used += discard;
        if !more {
            break;
        }
    }
    if received.error.is_some() {
        // Asked once more and not again, rustls gives the alert that tells the peer.
        if let Ok(ConnectionState::EncodeTlsData(data)) = conn.process(&mut input[used..]).state {
            encode(data, &mut received.reply);
        }
    }
    (received, used)
}

/// Says something as soon as nothing of the protocol's own has to be said before.
fn speak(
    conn: &mut impl Process,
    partial: &mut [u8],
    out: &mut Vec<u8>,
    speech: Speech<'_>,
) -> Result<(), Error> {
    loop {
        // What has come of a record is shown again: rustls remembers how far it has looked at it.
        match conn.process(partial).state? {
            ConnectionState::WriteTraffic(mut traffic) => return speech(out, &mut traffic),
            ConnectionState::EncodeTlsData(data) => {
                encode(data, out);
            }
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::PeerClosed => {}
            _ => return Err(Error::HandshakeNotComplete),
        }
    }
}

fn encode<Data>(mut data: EncodeTlsData<'_, Data>, out: &mut Vec<u8>) -> bool {
    let encoded = append(out, RECORD + OVERHEAD, |room| {
        data.encode(room).map_err(|error| match error {
            EncodeError::InsufficientSize(error) => EncryptError::InsufficientSize(error),
            EncodeError::AlreadyEncoded => EncryptError::EncryptExhausted,
        })
    });
    encoded.is_ok()
}

/// Appends what `write` writes, giving it as much room as it asks for.
fn append(
    out: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), Error> {
    let before = out.len();
    loop {
        out.resize(before + room, 0);
        match write(&mut out[before..]) {
            Ok(written) => {
                out.truncate(before + written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                if required_size > room =>
            {
                room = required_size;
            }
            Err(_) => {
                out.truncate(before);
                return Err(Error::EncryptError);
            }
        }
    }
}

/// [`WriteTraffic`], whichever side it is of.
trait Encrypt {
    fn encrypt(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, EncryptError>;

    fn close_notify(&mut self, out: &mut [u8]) -> Result<usize, EncryptError>;
}

impl<Data> Encrypt for WriteTraffic<'_, Data> {
    fn encrypt(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::encrypt(self, plain, out)
    }

    fn close_notify(&mut self, out: &mut [u8]) -> Result<usize, EncryptError> {
        self.queue_close_notify(out)
    }
}
