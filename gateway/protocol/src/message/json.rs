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
    while let Some(at) = rest.bytes().position(needs_escape) {
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

/// All escaped characters are ASCII, so a match is never inside another character.
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
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
