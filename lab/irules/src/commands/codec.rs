//! F5's helpers for text: getfield, substr, findstr, base64, CRC, URI escapes.

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::number;
use crate::run::Run;
use crate::value::Value;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "getfield" => getfield,
        "substr" => substr,
        "findstr" => findstr,
        "b64encode" => {
            |_, words| one(words, "b64encode string").map(|text| Value::from(encode(text.bytes())))
        }
        "b64decode" => |_, words| {
            let text = one(words, "b64decode string")?;
            decode(text.bytes())
                .map(Value::from)
                .ok_or_else(|| format!("base64 decode error on \"{text}\"").into())
        },
        "crc32" => |_, words| {
            one(words, "crc32 string").map(|text| Value::from(i64::from(crc32(text.bytes()))))
        },
        "URI::decode" | "decode_uri" => |_, words| {
            one(words, "URI::decode string").map(|text| Value::from(unescape(text.bytes())))
        },
        "URI::encode" => |_, words| {
            one(words, "URI::encode string").map(|text| Value::from(escape(text.bytes())))
        },
        _ => return None,
    })
}

fn one<'a>(words: &'a [Value], shape: &str) -> Result<&'a Value, Exception> {
    match words {
        [text] => Ok(text),
        _ => usage(shape),
    }
}

fn find_in(needle: &[u8], text: &[u8]) -> Option<usize> {
    if needle.is_empty() || needle.len() > text.len() {
        return None;
    }
    text.windows(needle.len())
        .position(|window| window == needle)
}

/// The field with this number, counted from 1, between separators of any length.
fn getfield(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [text, separator, number] = words else {
        return usage("getfield string split field_number");
    };
    let Some(number) = number::integer(number.bytes()) else {
        return fail(format!("expected integer but got \"{number}\""));
    };
    let mut rest = text.bytes();
    let mut left = number;
    while left > 0 {
        let end = find_in(separator.bytes(), rest);
        if left == 1 {
            return Ok(Value::from(&rest[..end.unwrap_or(rest.len())]));
        }
        let Some(end) = end else { break };
        rest = &rest[end + separator.bytes().len()..];
        left -= 1;
    }
    Ok(Value::empty())
}

/// From `text` on: up to a terminator, which is a count or a string.
fn until<'a>(text: &'a [u8], terminator: Option<&Value>) -> &'a [u8] {
    let Some(terminator) = terminator else {
        return text;
    };
    if let Some(count) = number::integer(terminator.bytes()) {
        let count = usize::try_from(count).unwrap_or(0);
        return &text[..count.min(text.len())];
    }
    &text[..find_in(terminator.bytes(), text).unwrap_or(text.len())]
}

fn skip_count(word: &Value) -> Result<usize, Exception> {
    match number::integer(word.bytes()) {
        Some(count) => Ok(usize::try_from(count).unwrap_or(0)),
        None => fail(format!("expected integer but got \"{word}\"")),
    }
}

fn substr(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [text, skip, terminator @ ..] = words else {
        return usage("substr string skip_count ?terminator?");
    };
    let skip = skip_count(skip)?.min(text.bytes().len());
    Ok(Value::from(until(
        &text.bytes()[skip..],
        terminator.first(),
    )))
}

fn findstr(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [text, wanted, rest @ ..] = words else {
        return usage("findstr string search_string ?skip_count ?terminator??");
    };
    let Some(at) = find_in(wanted.bytes(), text.bytes()) else {
        return Ok(Value::empty());
    };
    let skip = rest.first().map_or(Ok(0), skip_count)?;
    let from = at.saturating_add(skip).min(text.bytes().len());
    Ok(Value::from(until(&text.bytes()[from..], rest.get(1))))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4.
fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() {
                ALPHABET[index as usize]
            } else {
                b'='
            });
        }
    }
    out
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace() && **byte != b'=')
    {
        let index = ALPHABET.iter().position(|letter| letter == byte)? as u32;
        bits = ((bits << 6) | index) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

/// The CRC of zip and Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| (byte as char).to_digit(16);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if let (b'%', [high, low, after @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push((high * 16 + low) as u8);
            rest = after;
            continue;
        }
        out.push(*byte);
        rest = after;
    }
    out
}

fn escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            byte if byte.is_ascii_alphanumeric() => out.push(*byte),
            byte => out.extend_from_slice(format!("%{byte:02x}").as_bytes()),
        }
    }
    out
}
