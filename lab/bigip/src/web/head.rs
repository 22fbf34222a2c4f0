//! The first lines of a message: read from bytes, written again after a rule has changed them.

use lab_irules::HttpMessage;

/// Bytes of a head, as an http profile has it without being told (`max-header-size`).
const MOST_BYTES: usize = 32_768;
/// Fields of a head, likewise (`max-header-count`).
const MOST_FIELDS: usize = 64;

/// A request's or response's first lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// What rules see and change.
    pub(crate) message: HttpMessage,
    /// A response's words after its status.
    reason: String,
}

/// Why a message is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    /// It is not HTTP/1.x.
    #[error("not HTTP: {0}")]
    Malformed(httparse::Error),
    /// It does not end in time.
    #[error("HTTP header exceeded maximum allowed size of {MOST_BYTES}")]
    TooLong,
}

impl Head {
    /// A request and how many bytes it took; `None` while bytes are missing.
    pub(crate) fn request(input: &[u8]) -> Result<Option<(Self, usize)>, HeadError> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        let Some(length) = complete(parsed.parse(input), input)? else {
            return Ok(None);
        };
        let message = HttpMessage {
            method: parsed.method.unwrap_or_default().into(),
            uri: parsed.path.unwrap_or_default().into(),
            version: version(parsed.version),
            status: 0,
            headers: owned(parsed.headers),
        };
        let reason = String::new();
        Ok(Some((Self { message, reason }, length)))
    }

    /// A response and how many bytes it took; `None` while bytes are missing.
    pub(crate) fn response(input: &[u8]) -> Result<Option<(Self, usize)>, HeadError> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut parsed = httparse::Response::new(&mut fields);
        let Some(length) = complete(parsed.parse(input), input)? else {
            return Ok(None);
        };
        let message = HttpMessage {
            version: version(parsed.version),
            status: parsed.code.unwrap_or_default(),
            headers: owned(parsed.headers),
            ..HttpMessage::default()
        };
        let reason = parsed.reason.unwrap_or_default().to_owned();
        Ok(Some((Self { message, reason }, length)))
    }

    /// An answer of a rule's own.
    pub(crate) fn answer(status: u16, headers: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let message = HttpMessage {
            version: b"1.1".to_vec(),
            status,
            headers,
            ..HttpMessage::default()
        };
        let reason = hyper::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        Self {
            message,
            reason: reason.to_owned(),
        }
    }

    /// The bytes again.
    pub(crate) fn written(&self) -> Vec<u8> {
        let HttpMessage {
            method,
            uri,
            version,
            status,
            headers,
        } = &self.message;
        let mut bytes = match status {
            0 => [method, b" ".as_slice(), uri, b" HTTP/", version, b"\r\n"].concat(),
            status => {
                let words = format!(" {status} {}\r\n", self.reason);
                [b"HTTP/", version.as_slice(), words.as_bytes()].concat()
            }
        };
        for (name, value) in headers {
            bytes.extend_from_slice(&[name, b": ".as_slice(), value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// The last field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        let named = |(field, _): &&(Vec<u8>, Vec<u8>)| field.eq_ignore_ascii_case(name.as_bytes());
        self.message
            .headers
            .iter()
            .rev()
            .find(named)
            .map(|(_, value)| value.as_slice())
    }

    /// Whether a field lists a word, `Connection: keep-alive, Upgrade`.
    pub(crate) fn lists(&self, name: &str, word: &str) -> bool {
        self.field(name).is_some_and(|value| {
            value
                .split(|byte| *byte == b',')
                .any(|part| part.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        })
    }

    /// Whether a request asks for a WebSocket.
    pub(crate) fn asks_for_websocket(&self) -> bool {
        self.lists("Upgrade", "websocket") && self.lists("Connection", "upgrade")
    }
}

fn complete(parsed: httparse::Result<usize>, input: &[u8]) -> Result<Option<usize>, HeadError> {
    match parsed {
        Ok(httparse::Status::Complete(length)) if length <= MOST_BYTES => Ok(Some(length)),
        Ok(httparse::Status::Partial) if input.len() <= MOST_BYTES => Ok(None),
        Ok(_) => Err(HeadError::TooLong),
        Err(error) => Err(HeadError::Malformed(error)),
    }
}

fn version(minor: Option<u8>) -> Vec<u8> {
    format!("1.{}", minor.unwrap_or(1)).into_bytes()
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |field: &httparse::Header<'_>| (field.name.into(), field.value.into());
    headers.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] =
        b"GET /a?b HTTP/1.1\r\nHost: gateway\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";

    #[test]
    fn a_message_that_nobody_changes_is_written_as_it_was_read() {
        let response: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

        let (asked, asked_length) = Head::request(&[REQUEST, b"rest"].concat())
            .unwrap()
            .unwrap();
        let (answered, length) = Head::response(response).unwrap().unwrap();

        assert_eq!(
            (asked.written().as_slice(), asked_length),
            (REQUEST, REQUEST.len())
        );
        assert_eq!(
            (answered.written().as_slice(), length),
            (response, response.len())
        );
        assert!(asked.asks_for_websocket());
        assert_eq!(answered.message.status, 404);
    }

    #[test]
    fn every_beginning_of_a_head_wants_more() {
        for length in 0..REQUEST.len() {
            assert_eq!(Head::request(&REQUEST[..length]), Ok(None), "{length}");
        }
    }

    #[test]
    fn what_is_not_http_or_never_ends_is_refused() {
        let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &vec![b'a'; MOST_BYTES]].concat();

        assert!(matches!(
            Head::request(b"\x16\x03\x01"),
            Err(HeadError::Malformed(_))
        ));
        assert_eq!(Head::request(&long), Err(HeadError::TooLong));
    }
}
