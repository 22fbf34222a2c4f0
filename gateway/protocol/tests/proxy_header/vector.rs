//! A named piece of input, and the three ways it can arrive.

use gateway_protocol::proxy_header::{
    Header, HeaderError, Limits, LocalKind, Source, Version, parse,
};

/// What a vector is expected to be.
pub(crate) enum Expected {
    /// A header of the vector's whole length.
    Accepted(Version, Source),
    /// Refused with this metric and text, as soon as this many bytes have arrived.
    Refused {
        metric: &'static str,
        text: String,
        after: usize,
    },
}

/// Checks every vector and names all that fail.
pub(crate) fn check(vectors: &[(&str, Vec<u8>, Expected)]) {
    let failures: Vec<String> = vectors
        .iter()
        .filter_map(|(name, bytes, expected)| {
            Some(format!("{name}: {}", failure(bytes, expected)?))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

pub(crate) fn proxied(client: &str, destination: &str) -> Source {
    Source::Proxied {
        client: client.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

pub(crate) fn local(kind: LocalKind) -> Source {
    Source::Local(kind)
}

pub(crate) fn parse_default(bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
    parse(bytes, &Limits::default())
}

fn failure(bytes: &[u8], expected: &Expected) -> Option<String> {
    match expected {
        Expected::Accepted(version, source) => acceptance_failure(bytes, *version, *source),
        Expected::Refused {
            metric,
            text,
            after,
        } => refusal_failure(bytes, metric, text, *after),
    }
}

/// Rule 7: byte by byte, and whole. Rule 8: glued to payload.
fn acceptance_failure(bytes: &[u8], version: Version, source: Source) -> Option<String> {
    for end in 0..bytes.len() {
        let answer = parse_default(&bytes[..end]);
        if answer != Ok(None) {
            return Some(format!("after {end} of {} bytes: {answer:?}", bytes.len()));
        }
    }
    for payload in [
        &b""[..],
        b"GET / HTTP/1.1\r\n",
        b"\r\n",
        b"PROXY UNKNOWN\r\n",
        bytes,
    ] {
        let answer = parse_default(&[bytes, payload].concat());
        let wanted = (version, source, bytes.len());
        match &answer {
            Ok(Some(header)) if (header.version, header.source, header.len) == wanted => {}
            _ => {
                return Some(format!(
                    "with payload {}: {answer:?}",
                    payload.escape_ascii()
                ));
            }
        }
    }
    None
}

fn refusal_failure(bytes: &[u8], metric: &str, text: &str, after: usize) -> Option<String> {
    for end in 0..after {
        let answer = parse_default(&bytes[..end]);
        if answer != Ok(None) {
            return Some(format!(
                "after {end} bytes, before the wrong one: {answer:?}"
            ));
        }
    }
    for end in after..=bytes.len() {
        match parse_default(&bytes[..end]) {
            Err(error) if error.metric() == metric => {
                if end == bytes.len() && error.to_string() != text {
                    return Some(format!("says: {error}"));
                }
            }
            answer => return Some(format!("after {end} bytes: {answer:?}")),
        }
    }
    None
}
