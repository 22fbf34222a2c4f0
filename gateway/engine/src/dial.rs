//! How connections come: accepted by somebody else, or dialled.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// A connection that an acceptor hands over.
#[derive(Debug)]
pub struct Accepted {
    /// The connected TCP socket. The engine makes it non-blocking; `TCP_NODELAY` is best inherited
    /// from the listener.
    pub socket: OwnedFd,
    /// The other end of the socket.
    pub peer: SocketAddr,
    /// Who is meant: the address of a PROXY header, else the peer.
    pub client: SocketAddr,
    /// What the acceptor read beyond what was meant for it. It is processed first.
    pub leftover: Bytes,
    /// The listener, as an index into [`LoopConfig::endpoints`](crate::LoopConfig::endpoints).
    pub endpoint: u8,
}

/// A connection to open as a client.
#[derive(Debug, Clone)]
pub struct Dial {
    /// Where to.
    pub remote: SocketAddr,
    /// Bind to this address first. Port 0 leaves the port to the kernel.
    pub local: Option<SocketAddr>,
    /// With a `local` port 0, let `connect` choose the port and not `bind`
    /// (`IP_BIND_ADDRESS_NO_PORT`, ip(7)). The two draw from different halves of the port range.
    pub late_port: bool,
    /// Sent before the request, for example a PROXY header.
    pub preface: Bytes,
    /// The request, shared by all who ask for the same.
    pub request: Arc<DialRequest>,
}

/// The upgrade request of a [`Dial`].
#[derive(Debug, Clone, Default)]
pub struct DialRequest {
    /// The `Host` header.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The subprotocols to offer. If the server chooses one that was not offered, the dial fails.
    pub subprotocols: Vec<String>,
    /// Further headers, name and value.
    pub headers: Vec<(String, String)>,
    /// Offer permessage-deflate (RFC 7692).
    pub deflate: bool,
    /// Speak TLS, behind the preface.
    pub tls: Option<DialTls>,
}

/// How a client speaks TLS, and with whom.
#[derive(Debug, Clone)]
pub struct DialTls {
    /// Whom to believe, and what to offer.
    pub config: Arc<ClientConfig>,
    /// Whose certificate it has to be.
    pub name: ServerName<'static>,
}

/// An upgrade request, as [`App::on_upgrade`](crate::App::on_upgrade) sees it.
#[derive(Debug)]
pub struct Upgrade<'a> {
    /// Path and query, as the request line has them.
    pub target: &'a str,
    /// The subprotocol the engine will answer.
    pub subprotocol: Option<&'a str>,
    /// Names and values, as they came.
    pub(crate) headers: &'a [httparse::Header<'a>],
}

impl Upgrade<'_> {
    /// The value of the first header of this name (in any case), if it is ASCII or UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    }
}

/// Why an upgrade is refused, as an HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status, for example 403 or 503.
    pub status: u16,
    /// One line for the person who reads the answer.
    pub reason: String,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
}
