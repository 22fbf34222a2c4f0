//! permessage-deflate (RFC 7692), without context takeover in either direction: every message is
//! compressed on its own. So a connection keeps no compressor, the loop has one for all, and one
//! compressed frame serves every device that agreed on the same window.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::frame::{self, FrameError, FrameHeader, Opcode};

/// What ends a flushed block and is left out on the wire (section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Compresses messages, each on its own.
#[derive(Debug)]
pub struct Deflater {
    state: Compress,
    window_bits: u8,
    scratch: Vec<u8>,
}

impl Deflater {
    /// Windows that can be agreed on. The RFC also knows 8; zlib does not.
    pub const WINDOW_BITS: std::ops::RangeInclusive<u8> = 9..=15;

    /// A compressor of `level` 1 (fast) to 9 (small), for devices whose window has `window_bits` bits
    /// ([`Net::window_bits`](crate::Net::window_bits)). Values out of range are brought into it.
    #[must_use]
    pub fn new(level: u32, window_bits: u8) -> Self {
        let window_bits = window_bits.clamp(*Self::WINDOW_BITS.start(), *Self::WINDOW_BITS.end());
        let level = Compression::new(level.clamp(1, 9));
        Self {
            state: Compress::new_with_window_bits(level, false, window_bits),
            window_bits,
            scratch: Vec::new(),
        }
    }

    /// The window it was made for.
    #[must_use]
    pub fn window_bits(&self) -> u8 {
        self.window_bits
    }

    /// Appends a whole server frame to a batch, compressed if that makes it smaller.
    pub fn append(&mut self, out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
        match self.deflate(payload) {
            Some(deflated) => {
                let header = FrameHeader {
                    compressed: true,
                    ..FrameHeader::whole(opcode, deflated.len())
                };
                out.extend_from_slice(header.encode().as_slice());
                out.extend_from_slice(deflated);
            }
            None => frame::append(out, opcode, payload),
        }
    }

    /// The same server frames with every whole text or binary message of at least `min_bytes` compressed, if that
    /// makes any of them smaller. `frames` are as [`crate::frame`] builds them, one after the other.
    pub fn deflate_frames(&mut self, frames: &[u8], min_bytes: usize) -> Option<DeflatedFrames> {
        let mut deflated = DeflatedFrames {
            frames: Vec::with_capacity(frames.len() / 2),
            last_at: 0,
        };
        let mut rest = frames;
        while let Ok(Some((header, header_bytes))) = FrameHeader::parse(rest) {
            let end = header_bytes.checked_add(usize::try_from(header.length).ok()?)?;
            let (frame, behind) = rest.split_at_checked(end)?;
            deflated.last_at = deflated.frames.len();
            let is_message = header.fin && !header.compressed && !header.opcode.is_control();
            if is_message && frame.len() - header_bytes >= min_bytes {
                self.append(&mut deflated.frames, header.opcode, &frame[header_bytes..]);
            } else {
                deflated.frames.extend_from_slice(frame);
            }
            rest = behind;
        }
        (rest.is_empty() && deflated.frames.len() < frames.len()).then_some(deflated)
    }

    /// The compressed payload, if it is smaller.
    pub(crate) fn deflate(&mut self, payload: &[u8]) -> Option<&[u8]> {
        self.state.reset();
        self.scratch.clear();
        loop {
            self.scratch.reserve(payload.len() / 2 + 64);
            let rest = &payload[self.state.total_in() as usize..];
            self.state
                .compress_vec(rest, &mut self.scratch, FlushCompress::Sync)
                .ok()?;
            let taken = self.state.total_in() as usize == payload.len();
            // The flush is complete when it left room.
            if taken && self.scratch.len() < self.scratch.capacity() {
                break;
            }
            if self.scratch.len() > payload.len() + TAIL.len() {
                return None;
            }
        }
        let deflated = self.scratch.strip_suffix(&TAIL)?;
        (deflated.len() < payload.len()).then_some(deflated)
    }
}

/// What [`Deflater::deflate_frames`] made of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeflatedFrames {
    /// Whole frames, one after the other, as many as there were.
    pub frames: Vec<u8>,
    /// Where the last of them begins.
    pub last_at: usize,
}

/// Decompresses messages, each on its own. It takes its memory with the first one.
#[derive(Debug, Default)]
pub(crate) struct Inflater {
    state: Option<Box<Decompress>>,
}

impl Inflater {
    /// The message that `deflated` holds, if it is no longer than `limit` bytes.
    ///
    /// # Errors
    /// The data is broken, or the message longer than allowed.
    pub(crate) fn inflate(&mut self, deflated: &[u8], limit: u64) -> Result<Vec<u8>, FrameError> {
        let state = self
            .state
            .get_or_insert_with(|| Box::new(Decompress::new_with_window_bits(false, 15)));
        let mut out = Vec::new();
        state.reset(false);
        for mut piece in [deflated, &TAIL] {
            loop {
                // A few bytes may unfold to a thousand times as many: memory follows what really comes.
                out.reserve(piece.len().clamp(64, 16 * 1024));
                let before = (state.total_in(), out.len());
                let status = state.decompress_vec(piece, &mut out, FlushDecompress::Sync);
                let status = status.map_err(|_| FrameError::BadDeflate)?;
                if out.len() as u64 > limit {
                    return Err(FrameError::MessageTooBig { limit });
                }
                let taken = (state.total_in() - before.0) as usize;
                piece = &piece[taken..];
                if status == Status::StreamEnd {
                    // Section 7.2.3.4: a final block may be followed by more.
                    state.reset(false);
                    if piece.is_empty() {
                        break;
                    }
                } else if piece.is_empty() && out.len() < out.capacity() {
                    break;
                } else if taken == 0 && out.len() == before.1 {
                    return Err(FrameError::BadDeflate);
                }
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_inflate_to_hello() {
        let mut inflater = Inflater::default();
        let examples: &[&[u8]] = &[
            // Section 7.2.3.1: one block.
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            // Section 7.2.3.3: not compressed.
            &[
                0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
            ],
            // Section 7.2.3.4: a final block, and an empty one behind it.
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            // Section 7.2.3.5: two blocks.
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
        ];
        for example in examples {
            assert_eq!(
                inflater.inflate(example, 5),
                Ok(b"Hello".to_vec()),
                "{example:x?}"
            );
        }
        assert_eq!(inflater.inflate(&[0x00], 5), Ok(Vec::new()));
    }

    #[test]
    fn a_batch_is_compressed_frame_by_frame_and_what_is_short_stays_as_it_is() {
        let long = "so long ".repeat(50);
        let mut frames = Vec::new();
        for text in ["short", &long, "brief"] {
            frame::append(&mut frames, Opcode::Text, text.as_bytes());
        }

        let mut deflater = Deflater::new(4, 15);
        let deflated = deflater.deflate_frames(&frames, 100).unwrap();

        let (short, rest) = deflated.frames.split_at(2 + 5);
        assert_eq!(short, b"\x81\x05short");
        assert_eq!(&deflated.frames[deflated.last_at..], b"\x81\x05brief");
        let (header, taken) = FrameHeader::parse(rest).unwrap().unwrap();
        assert!(header.compressed && header.fin);
        let payload = &rest[taken..taken + header.length as usize];
        assert_eq!(
            Inflater::default().inflate(payload, 1000),
            Ok(long.into_bytes())
        );
        // Nothing to gain: the caller keeps what it has.
        assert_eq!(deflater.deflate_frames(&frames, 1000), None);
        assert_eq!(deflater.deflate_frames(&frames[..10], 1), None);
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let mut inflater = Inflater::default();
        let zeros = vec![0; 10_000_000];
        let bomb = Deflater::new(9, 15).deflate(&zeros).unwrap().to_vec();
        assert!(bomb.len() < 20_000);

        assert_eq!(
            inflater.inflate(&bomb, 9_999_999),
            Err(FrameError::MessageTooBig { limit: 9_999_999 })
        );
        assert_eq!(inflater.inflate(&bomb, 10_000_000), Ok(zeros));
    }

    #[test]
    fn broken_data_does_not_inflate() {
        for broken in [&[0xff, 0xff][..], &[0x06], &[0xf2, 0x48, 0x05, 0xff]] {
            assert_eq!(
                Inflater::default().inflate(broken, 100),
                Err(FrameError::BadDeflate),
                "{broken:x?}"
            );
        }
    }

    #[test]
    fn what_does_not_shrink_is_sent_as_it_is() {
        let mut out = Vec::new();
        let mut deflater = Deflater::new(6, 15);

        deflater.append(&mut out, Opcode::Text, b"x");
        assert_eq!(out, [0x81, 0x01, b'x']);

        out.clear();
        deflater.append(&mut out, Opcode::Text, &[b'x'; 1000]);
        assert_eq!(out[0], 0xc1);
    }

    proptest! {
        #[test]
        fn every_message_comes_back_from_every_window(
            pieces in proptest::collection::vec((any::<u8>(), 1usize..3000), 0..20),
            bits in Deflater::WINDOW_BITS,
            level in 1u32..=9,
        ) {
            let message: Vec<u8> = pieces
                .iter()
                .flat_map(|&(byte, count)| (0..count).map(move |at| byte.wrapping_mul(at as u8 | 1)))
                .collect();
            let mut deflater = Deflater::new(level, bits);
            // The second time shows that nothing is carried over.
            for _ in 0..2 {
                if let Some(deflated) = deflater.deflate(&message) {
                    prop_assert_eq!(&Inflater::default().inflate(deflated, 1 << 20).unwrap(), &message);
                }
            }
        }
    }
}
