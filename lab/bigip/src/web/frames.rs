//! Where WebSocket frames begin and end (RFC 6455, section 5.2).

use lab_irules::WsFrame;

/// Opcode of a close frame.
const CLOSE: u8 = 8;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// One direction of a WebSocket.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The head of the next frame, as far as it is there.
    head: Vec<u8>,
    /// Payload to come of the current frame.
    left: u64,
    is_within: bool,
}

/// What comes next in a direction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A frame begins; the bytes of its head.
    Head(WsFrame, Vec<u8>),
    /// Some of its payload.
    Payload(&'a [u8]),
    /// It is over.
    Done,
}

impl Frames {
    /// Between two frames.
    pub(crate) fn is_between(&self) -> bool {
        !self.is_within && self.head.is_empty()
    }

    /// The next piece; takes from `input` what it needs. `None` when more bytes are needed.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        if self.is_within {
            return self.payload(input);
        }
        loop {
            if let Some((frame, length)) = frame(&self.head) {
                self.is_within = true;
                self.left = length;
                return Some(Piece::Head(frame, std::mem::take(&mut self.head)));
            }
            let (first, rest) = input.split_first()?;
            self.head.push(*first);
            *input = rest;
        }
    }

    fn payload<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        if self.left == 0 {
            self.is_within = false;
            return Some(Piece::Done);
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        let (piece, rest) = input.split_at(input.len().min(wanted));
        *input = rest;
        self.left -= piece.len() as u64;
        (!piece.is_empty()).then_some(Piece::Payload(piece))
    }
}

/// The frame that this head announces, once it is complete.
fn frame(head: &[u8]) -> Option<(WsFrame, u64)> {
    let [first, second, extended @ ..] = head else {
        return None;
    };
    let (length, key) = match second & !MASKED {
        126 => {
            let (bytes, key) = extended.split_first_chunk::<2>()?;
            (u64::from(u16::from_be_bytes(*bytes)), key)
        }
        127 => {
            let (bytes, key) = extended.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*bytes), key)
        }
        short => (u64::from(short), extended),
    };
    let mask = match second & MASKED {
        0 => 0,
        _ => u32::from_be_bytes(*key.first_chunk::<4>()?),
    };
    let frame = WsFrame {
        opcode: first & 0x0f,
        fin: first & FIN != 0,
        length,
        mask,
    };
    Some((frame, length))
}

/// A close frame; masked for a member, as clients must.
pub(crate) fn close(code: u16, reason: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut payload = [code.to_be_bytes().as_slice(), reason].concat();
    // A rule cannot say more than 123 bytes.
    payload.truncate(125);
    let length = u8::try_from(payload.len()).unwrap_or(125);
    match mask {
        None => [&[FIN | CLOSE, length], payload.as_slice()].concat(),
        Some(mask) => {
            for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
                *byte ^= key;
            }
            [&[FIN | CLOSE, MASKED | length], mask.as_slice(), &payload].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_their_bytes_arrive() {
        let long = [&[0x82, 126, 1, 0], [7; 256].as_slice()].concat();
        // "Hello", masked: the example of RFC 6455, section 5.7.
        let hello = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let stream = [hello.as_slice(), &long, &[0x89, 0]].concat();

        for step in [1, 2, 7, stream.len()] {
            let mut frames = Frames::default();
            let (mut found, mut through, mut done) = (Vec::new(), Vec::new(), 0);
            for mut piece in stream.chunks(step) {
                while let Some(next) = frames.next(&mut piece) {
                    match next {
                        Piece::Head(frame, bytes) => {
                            found.push((frame.opcode, frame.length, frame.mask));
                            through.extend(bytes);
                        }
                        Piece::Payload(bytes) => through.extend_from_slice(bytes),
                        Piece::Done => done += 1,
                    }
                }
            }

            assert_eq!(
                found,
                [(1, 5, 0x37fa_213d), (2, 256, 0), (9, 0, 0)],
                "{step}"
            );
            assert_eq!((through, done), (stream.clone(), 3), "{step}");
            assert!(frames.is_between());
        }
    }

    #[test]
    fn a_close_frame_is_one_in_both_directions() {
        let mask = [1, 2, 3, 4];

        assert_eq!(close(1012, b"go", None), [0x88, 4, 3, 0xf4, b'g', b'o']);
        assert_eq!(
            close(1012, b"go", Some(mask)),
            [0x88, 0x84, 1, 2, 3, 4, 3 ^ 1, 0xf4 ^ 2, b'g' ^ 3, b'o' ^ 4]
        );
    }
}
