//! What a header of version 2 carries besides the addresses: type, length, value (specification, 2.2.1 to 2.2.8).

use super::{HeaderError, TlvError};

/// The types of TLVs. Others are kept and ignored.
pub mod kind {
    /// The protocol negotiated by ALPN, opaque bytes.
    pub const ALPN: u8 = 0x01;
    /// The host name the client asked for (SNI), UTF-8.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header, 4 bytes.
    pub const CRC32C: u8 = 0x03;
    /// Padding.
    pub const NOOP: u8 = 0x04;
    /// An identifier of the connection, opaque, up to 128 bytes.
    pub const UNIQUE_ID: u8 = 0x05;
    /// What is known of TLS between client and load balancer.
    pub const SSL: u8 = 0x20;
    /// Within [`SSL`]: the TLS version, such as `TLSv1.3`.
    pub const SSL_VERSION: u8 = 0x21;
    /// Within [`SSL`]: the common name of the client's certificate.
    pub const SSL_COMMON_NAME: u8 = 0x22;
    /// Within [`SSL`]: the cipher.
    pub const SSL_CIPHER: u8 = 0x23;
    /// Within [`SSL`]: the algorithm that signed the certificate.
    pub const SSL_SIGNATURE_ALGORITHM: u8 = 0x24;
    /// Within [`SSL`]: the algorithm of the certificate's key.
    pub const SSL_KEY_ALGORITHM: u8 = 0x25;
    /// Within [`SSL`]: the key exchange's group.
    pub const SSL_GROUP: u8 = 0x26;
    /// Within [`SSL`]: the scheme of the handshake's signature.
    pub const SSL_SIGNATURE_SCHEME: u8 = 0x27;
    /// Within [`SSL`]: the client's certificate, DER.
    pub const SSL_CLIENT_CERTIFICATE: u8 = 0x28;
    /// The name of the network namespace, US-ASCII.
    pub const NETNS: u8 = 0x30;
}

/// Type and length.
const HEAD_LEN: usize = 3;
const CRC32C_LEN: usize = 4;
const UNIQUE_ID_MAX: usize = 128;
const SSL_FIXED_LEN: usize = 5;

/// A type and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// One of [`kind`], or any other.
    pub kind: u8,
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// A TLV of one of the types in [`kind`].
    #[must_use]
    pub fn new(kind: u8, value: &'a [u8]) -> Self {
        Self { kind, value }
    }
}

/// The verified TLVs of a header. Empty ones allocate nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tlvs {
    bytes: Box<[u8]>,
}

impl Tlvs {
    /// All TLVs in their order, padding included.
    pub fn iter(&self) -> impl Iterator<Item = Tlv<'_>> {
        Walk::new(&self.bytes)
            .map_while(Result::ok)
            .map(|(_, tlv)| tlv)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The value of the first TLV of this type.
    #[must_use]
    pub fn first(&self, kind: u8) -> Option<&[u8]> {
        first(&self.bytes, kind)
    }

    /// The protocol that the client negotiated by ALPN.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.first(kind::ALPN)
    }

    /// The host name that the client asked for; one that is not UTF-8 is taken for absent.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        as_text(self.first(kind::AUTHORITY)?)
    }

    /// The load balancer's identifier of the connection.
    #[must_use]
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.first(kind::UNIQUE_ID)
    }

    /// The header's checksum, which has been verified.
    #[must_use]
    pub fn crc32c(&self) -> Option<u32> {
        self.first(kind::CRC32C)?
            .try_into()
            .ok()
            .map(u32::from_be_bytes)
    }

    /// The load balancer's network namespace.
    #[must_use]
    pub fn netns(&self) -> Option<&str> {
        as_text(self.first(kind::NETNS)?).filter(|name| name.is_ascii())
    }

    /// What is known of TLS between client and load balancer.
    #[must_use]
    pub fn ssl(&self) -> Option<Ssl<'_>> {
        Ssl::read(self.first(kind::SSL)?)
    }
}

/// What a load balancer that ends TLS tells about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ssl<'a> {
    client: u8,
    verify: u32,
    inside: &'a [u8],
}

impl<'a> Ssl<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let (&[client, a, b, c, d], inside) = value.split_first_chunk::<SSL_FIXED_LEN>()?;
        Some(Self {
            client,
            verify: u32::from_be_bytes([a, b, c, d]),
            inside,
        })
    }

    /// Whether the client spoke TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.client & 0x01 != 0
    }

    /// Whether the client presented a certificate on this connection.
    #[must_use]
    pub fn certificate_on_connection(&self) -> bool {
        self.client & 0x02 != 0
    }

    /// Whether the client presented a certificate at least once in its TLS session.
    #[must_use]
    pub fn certificate_in_session(&self) -> bool {
        self.client & 0x04 != 0
    }

    /// Whether a certificate was presented and verified. Zero in the verify field alone does not say so.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verify == 0 && (self.certificate_on_connection() || self.certificate_in_session())
    }

    /// The value of the first TLV of this type inside.
    #[must_use]
    pub fn first(&self, kind: u8) -> Option<&'a [u8]> {
        first(self.inside, kind)
    }

    /// The TLS version, such as `TLSv1.3`.
    #[must_use]
    pub fn version(&self) -> Option<&'a str> {
        as_text(self.first(kind::SSL_VERSION)?)
    }

    /// The common name of the client's certificate.
    #[must_use]
    pub fn common_name(&self) -> Option<&'a str> {
        as_text(self.first(kind::SSL_COMMON_NAME)?)
    }

    /// The cipher.
    #[must_use]
    pub fn cipher(&self) -> Option<&'a str> {
        as_text(self.first(kind::SSL_CIPHER)?)
    }
}

/// Reads the TLVs from `at` to the end of the header, and verifies all that is known of them.
pub(super) fn read(header: &[u8], at: usize) -> Result<Tlvs, HeaderError> {
    let mut checksum_at = None;
    for step in Walk::new(&header[at..]) {
        let (offset, tlv) = step.map_err(|offset| TlvError::Overrun { at: at + offset })?;
        match tlv.kind {
            kind::CRC32C => note_checksum(&mut checksum_at, at + offset, tlv.value)?,
            kind::UNIQUE_ID if tlv.value.len() > UNIQUE_ID_MAX => {
                return Err(TlvError::UniqueIdLength {
                    len: tlv.value.len(),
                }
                .into());
            }
            kind::SSL => check_ssl(tlv.value)?,
            _ => {}
        }
    }
    if let Some(checksum_at) = checksum_at {
        verify_checksum(header, checksum_at)?;
    }
    Ok(Tlvs {
        bytes: header[at..].into(),
    })
}

/// Reads what a LOCAL header or one without addresses holds, which the specification has us discard. If it reads as
/// TLVs, a checksum among them still has to be right.
pub(super) fn read_discarded(header: &[u8], at: usize) -> Result<Tlvs, HeaderError> {
    if Walk::new(&header[at..]).any(|step| step.is_err()) {
        return Ok(Tlvs::default());
    }
    let mut checksum_at = None;
    for (offset, tlv) in Walk::new(&header[at..]).map_while(Result::ok) {
        if tlv.kind == kind::CRC32C {
            note_checksum(&mut checksum_at, at + offset, tlv.value)?;
        }
    }
    if let Some(checksum_at) = checksum_at {
        verify_checksum(header, checksum_at)?;
    }
    Ok(Tlvs {
        bytes: header[at..].into(),
    })
}

fn note_checksum(
    checksum_at: &mut Option<usize>,
    tlv_at: usize,
    value: &[u8],
) -> Result<(), TlvError> {
    if value.len() != CRC32C_LEN {
        return Err(TlvError::ChecksumLength { len: value.len() });
    }
    match checksum_at.replace(tlv_at + HEAD_LEN) {
        Some(_) => Err(TlvError::SecondChecksum),
        None => Ok(()),
    }
}

/// The checksum covers the whole header, with zeros where the checksum itself is.
fn verify_checksum(header: &[u8], checksum_at: usize) -> Result<(), HeaderError> {
    let (before, rest) = header.split_at(checksum_at);
    let (value, after) = rest.split_at(CRC32C_LEN);
    let announced = value
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte));
    let computed = [before, &[0; CRC32C_LEN], after]
        .iter()
        .fold(0, |crc, bytes| crc32c::crc32c_append(crc, bytes));
    if announced == computed {
        Ok(())
    } else {
        Err(HeaderError::Checksum {
            announced,
            computed,
        })
    }
}

fn check_ssl(value: &[u8]) -> Result<(), TlvError> {
    let fits = Ssl::read(value).is_some_and(|ssl| Walk::new(ssl.inside).all(|step| step.is_ok()));
    if fits {
        Ok(())
    } else {
        Err(TlvError::Ssl { len: value.len() })
    }
}

fn first(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    Walk::new(bytes)
        .map_while(Result::ok)
        .map(|(_, tlv)| tlv)
        .find(|tlv| tlv.kind == kind)
        .map(|tlv| tlv.value)
}

fn as_text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// Goes from TLV to TLV and answers each with its offset; the offset alone, and nothing after it, if one does not fit.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<(usize, Tlv<'a>), usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let rest = &self.bytes[at..];
        if rest.is_empty() {
            return None;
        }
        let tlv = rest
            .split_first_chunk::<HEAD_LEN>()
            .and_then(|(&[kind, high, low], after)| {
                let value = after.get(..usize::from(u16::from_be_bytes([high, low])))?;
                Some(Tlv { kind, value })
            });
        match tlv {
            Some(tlv) => {
                self.at += HEAD_LEN + tlv.value.len();
                Some(Ok((at, tlv)))
            }
            None => {
                self.at = self.bytes.len();
                Some(Err(at))
            }
        }
    }
}
