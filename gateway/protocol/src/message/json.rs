//! JSON by hand where it is hot: strings in whole runs, numbers without a heap, everything appended to one buffer.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Visitor};

use super::Data;
use crate::position::Position;

/// A buffer that takes UTF-8.
pub(super) trait Output {
    fn push_text(&mut self, text: &str);
    fn push_base64(&mut self, bytes: &[u8]);
}

impl Output for String {
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }

    fn push_base64(&mut self, bytes: &[u8]) {
        STANDARD.encode_string(bytes, self);
    }
}

impl Output for Vec<u8> {
    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    fn push_base64(&mut self, bytes: &[u8]) {
        // A multiple of three bytes encodes without padding, so that pieces join.
        const PIECE: usize = 3 * 256;
        let mut encoded = [0; PIECE / 3 * 4];
        for piece in bytes.chunks(PIECE) {
            // The buffer fits the largest piece, so the encoder never fails.
            let len = STANDARD
                .encode_slice(piece, &mut encoded)
                .unwrap_or_default();
            self.extend_from_slice(&encoded[..len]);
        }
    }
}

pub(super) fn push_number(out: &mut impl Output, number: impl itoa::Integer) {
    out.push_text(itoa::Buffer::new().format(number));
}

/// A quoted string. Quotes, backslashes and control characters are escaped (RFC 8259, 7), all else is copied.
pub(super) fn push_string(out: &mut impl Output, text: &str) {
    out.push_text("\"");
    let mut rest = text;
    while let Some(at) = first_to_escape(rest.as_bytes()) {
        out.push_text(&rest[..at]);
        push_escaped(out, rest.as_bytes()[at]);
        rest = &rest[at + 1..];
    }
    out.push_text(rest);
    out.push_text("\"");
}

/// `"epoch":…,"seq":…`.
pub(super) fn push_position(out: &mut impl Output, position: &Position) {
    out.push_text("\"epoch\":");
    push_string(out, position.epoch.as_str());
    out.push_text(",\"seq\":");
    push_number(out, position.seq);
}

/// `"data":…` or `"data_base64":…`.
pub(super) fn push_data(out: &mut impl Output, data: &Data<'_>) {
    match data {
        Data::Text(text) => {
            out.push_text("\"data\":");
            push_string(out, text);
        }
        Data::Bytes(bytes) => {
            out.push_text("\"data_base64\":\"");
            out.push_base64(bytes);
            out.push_text("\"");
        }
        Data::Tombstone => out.push_text("\"data\":null"),
    }
}

pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Where the first byte is that needs an escape. All of those are ASCII, so a match is never inside a character.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    // Values are long and have few such bytes: eight at a time are passed over.
    let plain = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .take_while(|word| is_plain(u64::from_ne_bytes(**word)))
        .count()
        * 8;
    let needs_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    bytes[plain..]
        .iter()
        .position(needs_escape)
        .map(|at| plain + at)
}

/// Whether none of eight bytes needs an escape (Hacker's Delight, 6-1: a byte that is too small borrows from its high bit).
fn is_plain(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = EACH * 0x80;

    let below =
        |word: u64, bound: u8| word.wrapping_sub(EACH * u64::from(bound)) & !word & HIGH_BITS;
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    below(word, 0x20) | equal(b'"') | equal(b'\\') == 0
}

fn push_escaped(out: &mut impl Output, byte: u8) {
    match byte {
        b'"' => out.push_text("\\\""),
        b'\\' => out.push_text("\\\\"),
        b'\n' => out.push_text("\\n"),
        b'\r' => out.push_text("\\r"),
        b'\t' => out.push_text("\\t"),
        control => out.push_text(&format!("\\u{control:04x}")),
    }
}

/// A string that borrows from the input unless it was escaped there.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_judged_alike_at_every_place() {
        for byte in 0..=0x7f_u8 {
            let escaped = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in 0..20 {
                let mut bytes = [b'x'; 20];
                bytes[at] = byte;
                assert_eq!(
                    first_to_escape(&bytes),
                    escaped.then_some(at),
                    "{byte:#04x} at {at}"
                );
            }
        }
    }

    #[test]
    fn other_characters_are_left_as_they_are() {
        assert_eq!(
            first_to_escape("äöü€😀\u{80}\u{a0}\u{7f}\u{ffff}…".as_bytes()),
            None
        );
    }
}
