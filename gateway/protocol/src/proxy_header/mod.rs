//! Who the client is, told by the load balancer: PROXY protocol versions 1 and 2.
//!
//! Source: <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>, "the specification" below.
//!
//! - [`version1`](self): one line of text, at most 107 bytes.
//! - [`version2`](self): 16 fixed bytes, addresses, then TLVs ([`Tlvs`]) with an optional CRC32C.
//! - [`encode_v1`], [`encode_v2`], [`encode_v2_local`]: what a load balancer sends.
//!
//! [`parse`] is given everything that arrived so far, as often as there is more. It answers `Ok(None)` for "need more
//! bytes", and an error as soon as the first wrong byte is there. Bytes after the header are never looked at: they
//! belong to the protocol behind it ([`Header::len`] says where it starts), even if they look like a second header.
//!
//! # Choices where the specification leaves one
//! - IPv4-mapped IPv6 addresses are accepted and answered as the IPv4 addresses they stand for.
//! - `UNKNOWN`, LOCAL with any family, and PROXY with UNSPEC are accepted as [`Source::Local`]: the socket's own
//!   endpoints count, the block of addresses is skipped.
//! - On such headers, the rest of the block is verified if it reads as TLVs with a CRC32C, and discarded otherwise.
//! - UDP, UNIX, and half-specified combinations (INET with UNSPEC, UNSPEC with STREAM) are refused.
//! - TLVs that run past the header, dangling bytes, an SSL TLV whose inside does not fit, a UNIQUE_ID over 128 bytes, a
//!   CRC32C of another length than 4 and a second CRC32C are refused. Of other TLVs that come twice, the first wins.
//! - A line of version 1 is ASCII without NUL and without a lone CR or LF, also after `UNKNOWN`.
//! - A header longer than [`Limits::max_len`] is refused as soon as it announces its length.
//!
//! Absent, because they need a socket or a clock: whether the peer is trusted, the time limit, the end of the stream.
//! [`Refusal`] has names for them, so that everything that refuses a connection is counted in one list.

mod encode;
mod error;
mod tlv;
mod version1;
mod version2;

use std::net::SocketAddr;

pub use encode::{EncodeError, encode_v1, encode_v2, encode_v2_local};
pub use error::{HeaderError, Refusal, TlvError, Version1Error, Version2Error};
pub use tlv::{Ssl, Tlv, Tlvs, kind};

/// How much a stranger may announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest header in bytes, everything included. The specification allows 65,551.
    pub max_len: usize,
}

impl Default for Limits {
    /// 4 KiB: room for a client certificate's names, not for a flood.
    fn default() -> Self {
        Self { max_len: 4096 }
    }
}

/// A complete, valid header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The version that the load balancer spoke.
    pub version: Version,
    /// Who the client is.
    pub source: Source,
    /// The header's length in bytes: the payload starts here.
    pub len: usize,
    /// What else a header of version 2 carried.
    pub tlvs: Tlvs,
}

/// The version of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// Text.
    V1,
    /// Binary.
    V2,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The load balancer speaks for a client. Both addresses are canonical and of one family.
    Proxied {
        /// Where the client connected from: replaces the socket's peer in limits, logs and placement.
        client: SocketAddr,
        /// Where the client connected to.
        destination: SocketAddr,
    },
    /// The load balancer speaks for itself, or knows no addresses: the socket's own endpoints count.
    Local(LocalKind),
}

/// How a header said that the socket's own endpoints count. All of them are probes to the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LocalKind {
    /// Version 2, command LOCAL: a health check.
    Local,
    /// Version 1, `UNKNOWN`.
    Unknown,
    /// Version 2, command PROXY with family and transport UNSPEC.
    Unspec,
}

impl LocalKind {
    /// The value of the metric label `kind`.
    #[must_use]
    pub fn metric(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Unknown => "unknown",
            Self::Unspec => "unspec",
        }
    }
}

impl Version {
    /// The value of the metric label `version`.
    #[must_use]
    pub fn metric(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }
}

/// Reads the header at the start of `input`, which holds all bytes that arrived so far.
///
/// `Ok(None)` means that everything is right until here and more bytes are needed. Never waits for more than
/// [`Limits::max_len`] bytes.
///
/// # Errors
/// The header is wrong: close the connection without a word, count [`HeaderError::metric`], log the error once.
pub fn parse(input: &[u8], limits: &Limits) -> Result<Option<Header>, HeaderError> {
    let header = match input.first() {
        None => None,
        Some(b'P') => version1::parse(input)?,
        Some(_) => version2::parse(input, limits)?,
    };
    match header {
        Some(header) if header.len > limits.max_len => Err(HeaderError::TooLong {
            len: header.len,
            limit: limits.max_len,
        }),
        None if input.len() > limits.max_len => Err(HeaderError::TooLong {
            len: input.len(),
            limit: limits.max_len,
        }),
        other => Ok(other),
    }
}
