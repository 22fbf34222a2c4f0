//! Frames of RFC 6455 section 5.2: building them, so that a message for many is encoded once, and
//! reading their headers.
//!
//! The helpers that the engine's users call build *server* frames: final and not masked.

use bytes::Bytes;

/// The longest header: two bytes, eight of length, four of mask.
pub const MAX_HEADER: usize = 14;

/// The longest payload of a control frame.
pub const MAX_CONTROL: usize = 125;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// More of the message begun before.
    Continuation = 0x0,
    /// A text message begins.
    Text = 0x1,
    /// A binary message begins.
    Binary = 0x2,
    /// The close handshake.
    Close = 0x8,
    /// Are you there?
    Ping = 0x9,
    /// I am.
    Pong = 0xA,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            _ => None,
        }
    }

    /// Whether it is a control frame: short, never fragmented, allowed between fragments.
    #[must_use]
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A text frame that holds `payload`, which must be UTF-8.
#[must_use]
pub fn text(payload: &str) -> Bytes {
    let mut out = Vec::with_capacity(10 + payload.len());
    append(&mut out, Opcode::Text, payload.as_bytes());
    out.into()
}

/// A binary frame that holds `payload`.
#[must_use]
pub fn binary(payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(10 + payload.len());
    append(&mut out, Opcode::Binary, payload);
    out.into()
}

/// Appends a whole frame to a batch.
pub fn append(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.extend_from_slice(
        FrameHeader::whole(opcode, payload.len())
            .encode()
            .as_slice(),
    );
    out.extend_from_slice(payload);
}

/// Appends a frame whose payload `write` appends, without knowing its length before.
pub fn append_with(out: &mut Vec<u8>, opcode: Opcode, write: impl FnOnce(&mut Vec<u8>)) {
    // Most payloads are short of 64 KiB; room for their header spares moving them twice.
    const ROOM: usize = 4;
    let start = out.len();
    out.extend_from_slice(&[0; ROOM]);
    write(out);
    let header = FrameHeader::whole(opcode, out.len() - start - ROOM).encode();
    out.splice(start..start + ROOM, header.as_slice().iter().copied());
}

/// Where the frame ends that byte `place` of whole frames lies in, or that ends right before it.
pub(crate) fn end_of_frame(frames: &[u8], place: usize) -> usize {
    let mut end = 0;
    while end < place {
        // Frames of ours can be read; were they none, all of them would be one.
        let Ok(Some((header, size))) = FrameHeader::parse(&frames[end..]) else {
            return frames.len();
        };
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        end = end.saturating_add(size).saturating_add(length);
        if end >= frames.len() {
            return frames.len();
        }
    }
    end
}

/// The header of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The last frame of its message.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692 section 6).
    pub compressed: bool,
    /// What the frame is for.
    pub opcode: Opcode,
    /// Bytes of payload that follow.
    pub length: u64,
    /// The client's mask.
    pub mask: Option<[u8; 4]>,
}

impl FrameHeader {
    /// The header of an unfragmented server frame.
    #[must_use]
    pub fn whole(opcode: Opcode, length: usize) -> Self {
        Self {
            fin: true,
            compressed: false,
            opcode,
            length: length as u64,
            mask: None,
        }
    }

    /// The header as bytes, its length in the shortest form.
    #[must_use]
    pub fn encode(&self) -> EncodedHeader {
        let mut out = EncodedHeader {
            bytes: [0; MAX_HEADER],
            length: 0,
        };
        out.push(&[u8::from(self.fin) << 7 | u8::from(self.compressed) << 6 | self.opcode as u8]);
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.length {
            0..=125 => out.push(&[masked | self.length as u8]),
            126..=0xFFFF => {
                out.push(&[masked | 126]);
                out.push(&(self.length as u16).to_be_bytes());
            }
            _ => {
                out.push(&[masked | 127]);
                out.push(&self.length.to_be_bytes());
            }
        }
        if let Some(mask) = self.mask {
            out.push(&mask);
        }
        out
    }

    /// Reads a header from the front of `input`; the answer has its size too. `Ok(None)` needs more bytes.
    ///
    /// # Errors
    /// What is wrong whatever the rest of the connection looks like: reserved bits 2 and 3, unknown
    /// opcodes, long or fragmented control frames, a length not in its shortest form (section 5.2).
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let &[first, second, ref rest @ ..] = input else {
            // Half a header may already be wrong.
            return input
                .first()
                .map_or(Ok(None), |&first| first_byte(first).map(|_| None));
        };
        let (fin, compressed, opcode) = first_byte(first)?;
        let short = second & 0x7F;
        if opcode.is_control() && short > 125 {
            return Err(FrameError::LongControl);
        }
        let (length, length_size) = match short {
            126 => match rest.first_chunk::<2>() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            length => (u64::from(length), 0),
        };
        let shortest = match length_size {
            2 => length > 125,
            8 => length > 0xFFFF,
            _ => true,
        };
        if !shortest {
            return Err(FrameError::LongLength);
        }
        if length > i64::MAX as u64 {
            return Err(FrameError::HugeLength);
        }
        let mut size = 2 + length_size;
        let mut mask = None;
        if second & 0x80 != 0 {
            let Some(bytes) = rest
                .get(length_size..)
                .and_then(|rest| rest.first_chunk::<4>())
            else {
                return Ok(None);
            };
            mask = Some(*bytes);
            size += 4;
        }
        Ok(Some((
            Self {
                fin,
                compressed,
                opcode,
                length,
                mask,
            },
            size,
        )))
    }
}

fn first_byte(byte: u8) -> Result<(bool, bool, Opcode), FrameError> {
    if byte & 0x30 != 0 {
        return Err(FrameError::ReservedBits);
    }
    let opcode = Opcode::from_bits(byte & 0x0F).ok_or(FrameError::UnknownOpcode(byte & 0x0F))?;
    let fin = byte & 0x80 != 0;
    if opcode.is_control() && !fin {
        return Err(FrameError::FragmentedControl);
    }
    Ok((fin, byte & 0x40 != 0, opcode))
}

/// A header as bytes, on the stack.
#[derive(Debug, Clone, Copy)]
pub struct EncodedHeader {
    bytes: [u8; MAX_HEADER],
    length: usize,
}

impl EncodedHeader {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

/// What a peer did wrong, in the words of RFC 6455.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Section 5.2: no extension gives these bits a meaning.
    #[error("a reserved bit is set")]
    ReservedBits,
    /// Section 5.2.
    #[error("opcode {0:#x} is reserved")]
    UnknownOpcode(u8),
    /// Section 5.5.
    #[error("a control frame announces more than 125 bytes")]
    LongControl,
    /// Section 5.5.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Section 5.2: the minimal number of bytes must be used.
    #[error("a length is not in its shortest form")]
    LongLength,
    /// Section 5.2: the most significant bit must be 0.
    #[error("a length does not fit 63 bits")]
    HugeLength,
    /// Section 5.1.
    #[error("a client frame must be masked")]
    Unmasked,
    /// Section 5.1.
    #[error("a server frame must not be masked")]
    Masked,
    /// Section 5.4.
    #[error("a continuation frame continues nothing")]
    NothingToContinue,
    /// Section 5.4.
    #[error("a new message begins before the last one ended")]
    Unfinished,
    /// Section 5.6, 8.1.
    #[error("a text message is not UTF-8")]
    NotUtf8,
    /// Section 5.5.1: a Close frame has no body, or a code and UTF-8.
    #[error("the body of a close frame is malformed")]
    BadCloseBody,
    /// Section 7.4.
    #[error("close code {0} must not be sent")]
    BadCloseCode(u16),
    /// A limit of ours.
    #[error("a frame may hold {limit} bytes, this one announces {announced}")]
    FrameTooBig {
        /// What the header says.
        announced: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A limit of ours.
    #[error("a message may hold {limit} bytes")]
    MessageTooBig {
        /// What is allowed.
        limit: u64,
    },
    /// A limit of ours.
    #[error("more than {limit} control frames within a second")]
    TooManyControls {
        /// What is allowed.
        limit: u16,
    },
    /// RFC 7692: the compressed data is broken.
    #[error("a compressed message does not inflate")]
    BadDeflate,
}

impl FrameError {
    /// The close code that tells the peer so (section 7.4.1).
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::NotUtf8 | Self::BadDeflate => 1007,
            Self::FrameTooBig { .. } | Self::MessageTooBig { .. } => 1009,
            Self::TooManyControls { .. } => 1008,
            Self::ReservedBits
            | Self::UnknownOpcode(_)
            | Self::LongControl
            | Self::FragmentedControl
            | Self::LongLength
            | Self::HugeLength
            | Self::Unmasked
            | Self::Masked
            | Self::NothingToContinue
            | Self::Unfinished
            | Self::BadCloseBody
            | Self::BadCloseCode(_) => 1002,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use tungstenite::protocol::frame;

    use super::*;

    #[test]
    fn a_batch_is_its_frames_one_after_the_other() {
        let mut batch = Vec::new();
        append(&mut batch, Opcode::Text, b"one");
        append_with(&mut batch, Opcode::Binary, |payload| {
            payload.extend_from_slice(&[7; 200])
        });

        assert_eq!(batch[..5], [0x81, 0x03, b'o', b'n', b'e']);
        assert_eq!(batch[5..9], [0x82, 126, 0, 200]);
        assert_eq!(batch[9..], [7; 200]);
    }

    #[test]
    fn a_payload_of_any_length_gets_the_header_of_that_length() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = "x".repeat(length);
            let mut batch = b"before".to_vec();

            append_with(&mut batch, Opcode::Text, |out| {
                out.extend_from_slice(payload.as_bytes())
            });

            assert_eq!(batch[6..], text(&payload), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn an_independent_codec_reads_what_we_write(
            fin: bool, compressed: bool, binary: bool, length in 0u64..1 << 40, mask: Option<[u8; 4]>,
        ) {
            let opcode = if binary { Opcode::Binary } else { Opcode::Text };
            let header = FrameHeader { fin, compressed, opcode, length, mask };

            let encoded = header.encode();

            let mut cursor = Cursor::new(encoded.as_slice());
            let (read, payload) = frame::FrameHeader::parse(&mut cursor).unwrap().unwrap();
            prop_assert_eq!((read.is_final, read.rsv1, read.mask, payload), (fin, compressed, mask, length));
            prop_assert_eq!(u8::from(read.opcode), opcode as u8);
            prop_assert_eq!(cursor.position(), encoded.as_slice().len() as u64);
        }

        #[test]
        fn we_read_what_we_write_and_need_every_byte(
            fin: bool, length in 0u64..1 << 63, mask: Option<[u8; 4]>,
        ) {
            let header = FrameHeader { fin, compressed: false, opcode: Opcode::Text, length, mask };
            let encoded = header.encode();
            let bytes = encoded.as_slice();

            prop_assert_eq!(FrameHeader::parse(bytes), Ok(Some((header, bytes.len()))));
            for cut in 0..bytes.len() {
                prop_assert_eq!(FrameHeader::parse(&bytes[..cut]), Ok(None));
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = FrameHeader::parse(&bytes);
        }
    }
}
