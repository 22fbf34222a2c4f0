//! What a completion is about, in the 64 bits that the kernel hands back.

use crate::connection::ConnId;

/// Kind, slot and enough of the connection's id to tell it from whoever had the slot before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(u64);

/// The meaning of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The multishot poll for bytes to read.
    Readable { slot: u16 },
    /// The single poll for room to write.
    Writable { slot: u16 },
    /// An operation of the batch in hand.
    Batched { number: usize },
    /// An eventfd: [`Token::BELL`] or a [ring's](Token::ring).
    Bell(Token),
    /// Nobody asks how it went.
    Nothing,
}

const READABLE: u64 = 1;
const WRITABLE: u64 = 2;
const BATCHED: u64 = 3;
const BELL: u64 = 4;

impl Token {
    pub(super) const NOTHING: Self = Self(0);
    /// The mailbox has something.
    pub(super) const BELL: Self = Self(BELL << 60);

    /// Another ring has something; the first is number 0 and needs none.
    pub(super) fn ring(number: u16) -> Self {
        Self(BELL << 60 | u64::from(number))
    }

    /// Which ring's bell it is, if it is not the mailbox's.
    pub(super) fn ring_number(self) -> Option<u16> {
        let number = self.0 as u16;
        (number != 0).then_some(number)
    }

    pub(super) fn readable(slot: u16, conn: ConnId) -> Self {
        Self(READABLE << 60 | u64::from(slot) << 44 | fingerprint(conn))
    }

    pub(super) fn writable(slot: u16, conn: ConnId) -> Self {
        Self(WRITABLE << 60 | u64::from(slot) << 44 | fingerprint(conn))
    }

    pub(super) fn batched(number: usize) -> Self {
        Self(BATCHED << 60 | number as u64)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn meaning(self) -> Meaning {
        let slot = (self.0 >> 44) as u16;
        match self.0 >> 60 {
            READABLE => Meaning::Readable { slot },
            WRITABLE => Meaning::Writable { slot },
            BATCHED => Meaning::Batched {
                number: (self.0 & 0xFFFF_FFFF) as usize,
            },
            BELL => Meaning::Bell(self),
            _ => Meaning::Nothing,
        }
    }

    /// Whether this is about `conn` and not about an earlier user of the slot.
    pub(super) fn is_about(self, conn: ConnId) -> bool {
        self.0 & ((1 << 44) - 1) == fingerprint(conn)
    }
}

/// 44 bits that change with every use of a slot: completions of earlier uses come within a turn or two.
fn fingerprint(conn: ConnId) -> u64 {
    u64::from(conn.index & 0xFF_FFFF) << 20 | u64::from(conn.generation & 0xF_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_what_it_was() {
        let conn = ConnId {
            generation: 7,
            index: 1_000_000,
        };

        assert_eq!(
            Token::readable(65535, conn).meaning(),
            Meaning::Readable { slot: 65535 }
        );
        assert_eq!(
            Token::writable(3, conn).meaning(),
            Meaning::Writable { slot: 3 }
        );
        assert_eq!(
            Token::batched(127).meaning(),
            Meaning::Batched { number: 127 }
        );
        assert_eq!(Token::BELL.meaning(), Meaning::Bell(Token::BELL));
        assert_eq!(Token::ring(60).meaning(), Meaning::Bell(Token::ring(60)));
        assert_eq!(Token::ring(60).ring_number(), Some(60));
        assert_eq!(Token::BELL.ring_number(), None);
        assert_eq!(Token::NOTHING.meaning(), Meaning::Nothing);
    }

    #[test]
    fn a_token_is_not_about_the_next_user_of_its_slot() {
        let conn = ConnId {
            generation: 7,
            index: 5,
        };
        let token = Token::readable(9, conn);

        assert!(token.is_about(conn));
        assert!(!token.is_about(ConnId {
            generation: 8,
            ..conn
        }));
        assert!(!token.is_about(ConnId { index: 6, ..conn }));
    }
}
