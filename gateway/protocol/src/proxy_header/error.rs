//! What a load balancer can get wrong, in words that name the field.

/// Why a header is refused. The answer to each is the same: close, without a byte of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Neither version starts like this: most often a client that speaks HTTP or TLS without a header.
    #[error("no PROXY header: byte {at} is 0x{found:02x}")]
    Signature {
        /// The offset of the first wrong byte.
        at: usize,
        /// The wrong byte.
        found: u8,
    },
    /// A line of version 1 is wrong.
    #[error("PROXY v1: {0}")]
    Version1(#[from] Version1Error),
    /// The fixed part or the addresses of version 2 are wrong.
    #[error("PROXY v2: {0}")]
    Version2(#[from] Version2Error),
    /// A TLV of version 2 is wrong.
    #[error("PROXY v2: {0}")]
    Tlv(#[from] TlvError),
    /// The header's CRC32C is not that of its bytes.
    #[error(
        "PROXY v2: the checksum is 0x{announced:08x}, the header's bytes give 0x{computed:08x}"
    )]
    Checksum {
        /// The CRC32C in the header.
        announced: u32,
        /// The CRC32C of its bytes.
        computed: u32,
    },
    /// The header is, or announces to be, longer than allowed.
    #[error("the PROXY header takes {len} bytes or more, {limit} are allowed")]
    TooLong {
        /// The length in bytes, as far as it is known.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

impl HeaderError {
    /// The value of the metric label `reason`.
    #[must_use]
    pub fn metric(&self) -> &'static str {
        match self {
            Self::Signature { .. } => "bad_signature",
            Self::Version1(_) => "bad_v1",
            Self::Version2(_) | Self::Tlv(_) => "bad_v2",
            Self::Checksum { .. } => "crc",
            Self::TooLong { .. } => "too_long",
        }
    }
}

/// What is wrong with a line of version 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Version1Error {
    /// The second word is no family that version 1 knows.
    #[error("the family `{text}` is not TCP4, TCP6 or UNKNOWN")]
    Family {
        /// The word, as far as it arrived.
        text: String,
    },
    /// The address is none of the announced family.
    #[error("the {field} address `{text}` is no {family} address")]
    Address {
        /// `source` or `destination`.
        field: &'static str,
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The address, as far as it arrived.
        text: String,
    },
    /// The address carries a BIG-IP route domain or an IPv6 zone.
    #[error(
        "the {field} address `{text}` carries a route domain or zone: let the load balancer cut it off at the `%` (in an iRule: getfield [IP::client_addr] \"%\" 1)"
    )]
    RouteDomain {
        /// `source` or `destination`.
        field: &'static str,
        /// The address, as far as it arrived.
        text: String,
    },
    /// The port is no decimal number from 0 to 65535 without sign and leading zeros.
    #[error(
        "the {field} port `{text}` is no number from 0 to 65535 without sign and leading zeros"
    )]
    Port {
        /// `source` or `destination`.
        field: &'static str,
        /// The port, as far as it arrived.
        text: String,
    },
    /// The line does not end where it should, with CR LF.
    #[error("byte {at} is 0x{found:02x} where {wanted} is due")]
    Separator {
        /// The offset of the wrong byte.
        at: usize,
        /// The wrong byte.
        found: u8,
        /// What should be there.
        wanted: &'static str,
    },
    /// A byte that no line holds: NUL, a lone LF, or not ASCII.
    #[error("byte {at} is 0x{found:02x}, which no line of version 1 holds")]
    Byte {
        /// The offset of the wrong byte.
        at: usize,
        /// The wrong byte.
        found: u8,
    },
}

/// What is wrong with the fixed part of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Version2Error {
    /// The version nibble is not 2.
    #[error("the version is {version}, not 2")]
    Version {
        /// The nibble.
        version: u8,
    },
    /// The command is neither LOCAL nor PROXY.
    #[error("the command is {command}, neither LOCAL (0) nor PROXY (1)")]
    Command {
        /// The nibble.
        command: u8,
    },
    /// Family and transport are not TCP over IPv4 or IPv6, nor UNSPEC.
    #[error(
        "family and transport 0x{byte:02x} are neither TCP over IPv4 (0x11) or IPv6 (0x21) nor unspecified (0x00)"
    )]
    Family {
        /// The byte: family in the high nibble, transport in the low one.
        byte: u8,
    },
    /// The header's length has no room for the addresses it announces.
    #[error("the length {len} has no room for addresses of {needed} bytes")]
    NoRoomForAddresses {
        /// The announced length after the fixed part, in bytes.
        len: usize,
        /// What the addresses take, in bytes.
        needed: usize,
    },
}

/// What is wrong with a TLV of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    /// The TLV runs past the end of the header, or too few bytes for a TLV are left.
    #[error("the TLV at byte {at} runs past the end of the header")]
    Overrun {
        /// The offset of the TLV in the header.
        at: usize,
    },
    /// A CRC32C takes 4 bytes.
    #[error("the CRC32C TLV has {len} bytes, not 4")]
    ChecksumLength {
        /// Its length in bytes.
        len: usize,
    },
    /// There is more than one CRC32C.
    #[error("there is more than one CRC32C TLV")]
    SecondChecksum,
    /// A UNIQUE_ID takes up to 128 bytes.
    #[error("the UNIQUE_ID TLV has {len} bytes, 128 are allowed")]
    UniqueIdLength {
        /// Its length in bytes.
        len: usize,
    },
    /// An SSL TLV is shorter than its 5 fixed bytes, or what it holds runs past its end.
    #[error("the inside of the SSL TLV, {len} bytes, does not fit")]
    Ssl {
        /// Its length in bytes.
        len: usize,
    },
}

/// Everything that refuses a connection on a listener that requires a header: one closed list for the metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The peer is in no trusted network; not a byte of it was read.
    #[error("the peer is in no trusted network")]
    Untrusted,
    /// The header was not complete in time.
    #[error("the PROXY header was not complete in time, {received} bytes arrived")]
    Timeout {
        /// How many bytes had arrived.
        received: usize,
    },
    /// The peer closed before the header was complete.
    #[error("the peer closed within the PROXY header, after {received} bytes")]
    Eof {
        /// How many bytes had arrived.
        received: usize,
    },
    /// The header is wrong.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl Refusal {
    /// The value of the metric label `reason`.
    #[must_use]
    pub fn metric(&self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::Timeout { .. } => "timeout",
            Self::Eof { .. } => "eof",
            Self::Header(error) => error.metric(),
        }
    }
}
