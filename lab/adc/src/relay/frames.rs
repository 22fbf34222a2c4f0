//! Where WebSocket frames begin and end (RFC 6455, section 5.2), after the HTTP handshake. Pure.

/// Longest frame and longest handshake that are waited for; beyond it the stream is passed on as it is.
const LONGEST: usize = 1024 * 1024;

/// How an answer begins that lets frames follow.
const SWITCHES: &[u8] = b"HTTP/1.1 101";

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that are no frame that could be tampered with: the handshake, control frames, masked or fragmented messages.
    Other(Vec<u8>),
    /// A message in one unmasked frame, header included.
    Message {
        /// All of its bytes.
        frame: Vec<u8>,
        /// Where the payload begins.
        payload_at: usize,
    },
}

/// Cuts a stream into pieces, however it arrives.
#[derive(Debug, Default)]
pub struct Cutter {
    state: State,
    held: Vec<u8>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Handshake,
    Frames,
    /// No WebSocket, or one with frames too large to hold.
    Blind,
}

impl Cutter {
    /// Takes bytes in and gives all pieces that are complete.
    pub fn cut(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.held.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(piece) = self.next_piece() {
            pieces.push(piece);
        }
        pieces
    }

    /// What is held at the end of the stream.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn next_piece(&mut self) -> Option<Piece> {
        if self.held.is_empty() {
            return None;
        }
        match self.state {
            State::Blind => Some(Piece::Other(self.rest())),
            State::Handshake => self.handshake(),
            State::Frames => self.frame(),
        }
    }

    fn handshake(&mut self) -> Option<Piece> {
        let seen = self.held.len().min(SWITCHES.len());
        if self.held[..seen] != SWITCHES[..seen] {
            self.state = State::Blind;
            return self.next_piece();
        }
        if let Some(end) = self
            .held
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
        {
            self.state = State::Frames;
            return Some(Piece::Other(self.take(end + 4)));
        }
        self.give_up_when_too_long(self.held.len())
    }

    fn frame(&mut self) -> Option<Piece> {
        let &[first, second] = self.held.first_chunk()?;
        let (payload_at, payload) = match second & 0x7f {
            126 => (
                4,
                usize::from(u16::from_be_bytes(*self.held.get(2..)?.first_chunk()?)),
            ),
            127 => (
                10,
                usize::try_from(u64::from_be_bytes(*self.held.get(2..)?.first_chunk()?))
                    .unwrap_or(usize::MAX),
            ),
            short => (2, usize::from(short)),
        };
        let masked = second & 0x80 != 0;
        let length = payload.saturating_add(payload_at + if masked { 4 } else { 0 });
        if self.held.len() < length {
            return self.give_up_when_too_long(length);
        }
        let frame = self.take(length);
        let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
        Some(if is_final && !masked && matches!(opcode, 1 | 2) {
            Piece::Message { frame, payload_at }
        } else {
            Piece::Other(frame)
        })
    }

    fn give_up_when_too_long(&mut self, length: usize) -> Option<Piece> {
        if length <= LONGEST {
            return None;
        }
        self.state = State::Blind;
        self.next_piece()
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.held.split_off(length);
        std::mem::replace(&mut self.held, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDSHAKE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let long = vec![b'x'; 300];
        let stream = [
            HANDSHAKE,
            b"\x81\x02hi",
            b"\x89\x01p",
            &[0x81, 126, 1, 44],
            &long,
        ]
        .concat();
        let expected = [
            Piece::Other(HANDSHAKE.to_vec()),
            Piece::Message {
                frame: b"\x81\x02hi".to_vec(),
                payload_at: 2,
            },
            Piece::Other(b"\x89\x01p".to_vec()),
            Piece::Message {
                frame: [&[0x81, 126, 1, 44], long.as_slice()].concat(),
                payload_at: 4,
            },
        ];

        for size in 1..stream.len() {
            let mut cutter = Cutter::default();
            let pieces: Vec<_> = stream
                .chunks(size)
                .flat_map(|chunk| cutter.cut(chunk))
                .collect();

            assert_eq!(pieces, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn masked_and_fragmented_frames_are_left_alone() {
        let mut cutter = Cutter::default();
        cutter.cut(HANDSHAKE);

        let masked = b"\x81\x81\x01\x02\x03\x04x".to_vec();
        let fragment = b"\x01\x01x".to_vec();

        assert_eq!(cutter.cut(&masked), [Piece::Other(masked)]);
        assert_eq!(cutter.cut(&fragment), [Piece::Other(fragment)]);
    }

    #[test]
    fn what_is_no_websocket_passes_as_it_is() {
        let mut cutter = Cutter::default();
        let refusal = b"HTTP/1.1 403 Forbidden\r\n\r\n\x81\x02hi".to_vec();

        let passed: Vec<u8> = cutter
            .cut(&refusal)
            .into_iter()
            .flat_map(|piece| match piece {
                Piece::Other(bytes) => bytes,
                Piece::Message { .. } => panic!("no message"),
            })
            .collect();

        assert_eq!(passed, refusal);
    }

    #[test]
    fn an_endless_frame_is_not_waited_for() {
        let mut cutter = Cutter::default();
        cutter.cut(HANDSHAKE);
        let header = [0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0];

        assert_eq!(cutter.cut(&header), [Piece::Other(header.to_vec())]);
        assert_eq!(cutter.cut(b"on"), [Piece::Other(b"on".to_vec())]);
    }
}
