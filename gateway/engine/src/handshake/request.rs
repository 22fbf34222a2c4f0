//! The server's side: read a request, answer it.

use std::time::Duration;

use httparse::{EMPTY_HEADER, Header, Status};
use tungstenite::handshake::derive_accept_key;

use super::{HEADERS, extension, lists, tokens, values};
use crate::config::Endpoint;

/// An upgrade request that RFC 6455 and the endpoint have nothing against.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) target: &'a str,
    /// The subprotocol to answer.
    pub(crate) subprotocol: Option<&'a str>,
    /// The compression to answer.
    pub(crate) deflate: Option<extension::Accepted>,
    /// The value of `Sec-WebSocket-Accept`.
    pub(crate) accept: String,
    /// Bytes of the head.
    pub(crate) length: usize,
}

/// Why a request is no upgrade here, in HTTP's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadRequest {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    /// A header that must come with the status.
    header: &'static str,
}

const fn bad(status: u16, reason: &'static str) -> BadRequest {
    BadRequest {
        status,
        reason,
        header: "",
    }
}

/// Memory for the headers of one request.
pub(crate) fn header_room<'a>() -> [Header<'a>; HEADERS] {
    [EMPTY_HEADER; HEADERS]
}

/// Reads a request head from the front of `input`. `Ok(None)` needs more bytes.
///
/// # Errors
/// The answer for a request that is not what section 4.2.1 and the endpoint ask for.
pub(crate) fn parse<'h, 'a: 'h>(
    input: &'a [u8],
    headers: &'h mut [Header<'a>; HEADERS],
    endpoint: &'a Endpoint,
    limit: usize,
) -> Result<Option<(Request<'a>, &'h [Header<'a>])>, BadRequest> {
    const TOO_LARGE: BadRequest = bad(431, "the request head is too large");
    let mut request = httparse::Request::new(headers);
    let length = match request.parse(input) {
        Ok(Status::Complete(length)) if length <= limit => length,
        Ok(Status::Partial) if input.len() < limit => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(TOO_LARGE),
        Err(_) => return Err(bad(400, "this is not an HTTP request")),
    };
    let (method, version) = (request.method, request.version);
    let target = request.path.unwrap_or_default();
    let headers: &'h [Header<'a>] = request.headers;
    if method != Some("GET") {
        return Err(BadRequest {
            status: 405,
            reason: "only GET is served",
            header: "Allow: GET\r\n",
        });
    }
    if version != Some(1) {
        return Err(bad(505, "only HTTP/1.1 is served"));
    }
    if endpoint
        .path
        .as_deref()
        .is_some_and(|path| path != path_of(target))
    {
        return Err(bad(404, "no WebSocket is served on this path"));
    }
    let accept = check_upgrade(headers)?;
    let subprotocol = choose_subprotocol(headers, endpoint)?;
    let deflate = if endpoint.deflate {
        extension::accept(headers)
    } else {
        None
    };
    Ok(Some((
        Request {
            target,
            subprotocol,
            deflate,
            accept,
            length,
        },
        headers,
    )))
}

/// Section 4.2.1, points 2 to 6; answers the accept key.
fn check_upgrade(headers: &[Header<'_>]) -> Result<String, BadRequest> {
    const UPGRADE: &str = "Upgrade: websocket\r\n";
    const VERSION: &str = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    if values(headers, "Host").count() != 1 {
        return Err(bad(400, "exactly one Host header is needed"));
    }
    if !lists(headers, "Upgrade", "websocket") || !lists(headers, "Connection", "upgrade") {
        return Err(BadRequest {
            status: 426,
            reason: "only WebSocket is served here",
            header: UPGRADE,
        });
    }
    let mut versions = values(headers, "Sec-WebSocket-Version");
    if versions.next().map(str::trim) != Some("13") || versions.next().is_some() {
        return Err(BadRequest {
            status: 426,
            reason: "only version 13 is served",
            header: VERSION,
        });
    }
    let mut keys = values(headers, "Sec-WebSocket-Key");
    match (keys.next().map(str::trim), keys.next()) {
        (Some(key), None) if is_key(key) => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(bad(400, "Sec-WebSocket-Key must be 16 bytes in base64")),
    }
}

/// Whether it looks like 16 bytes in base64: 22 digits and two signs of padding.
fn is_key(key: &str) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'+' || *byte == b'/';
    key.strip_suffix("==")
        .is_some_and(|digits| digits.len() == 22 && digits.as_bytes().iter().all(digit))
}

/// The first of the endpoint's subprotocols that is offered.
fn choose_subprotocol<'e>(
    headers: &[Header<'_>],
    endpoint: &'e Endpoint,
) -> Result<Option<&'e str>, BadRequest> {
    let offered = |wanted: &str| {
        values(headers, "Sec-WebSocket-Protocol")
            .flat_map(tokens)
            .any(|token| token == wanted)
    };
    match endpoint.subprotocols.iter().find(|&spoken| offered(spoken)) {
        Some(spoken) => Ok(Some(spoken)),
        None if endpoint.subprotocol_required => {
            Err(bad(400, "none of the offered subprotocols is spoken here"))
        }
        None => Ok(None),
    }
}

fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

impl Request<'_> {
    /// The head that opens the connection.
    pub(crate) fn answer(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(192);
        head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
        head.extend_from_slice(b"Connection: Upgrade\r\nSec-WebSocket-Accept: ");
        head.extend_from_slice(self.accept.as_bytes());
        if let Some(subprotocol) = self.subprotocol {
            head.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
            head.extend_from_slice(subprotocol.as_bytes());
        }
        if let Some(deflate) = self.deflate {
            head.extend_from_slice(b"\r\nSec-WebSocket-Extensions: ");
            head.extend_from_slice(deflate.answer().as_bytes());
        }
        head.extend_from_slice(b"\r\n\r\n");
        head
    }
}

impl BadRequest {
    /// The head and body that say so.
    pub(crate) fn answer(&self) -> Vec<u8> {
        refusal(self.status, self.reason, self.header)
    }
}

/// An answer for one who may try again.
pub(crate) fn refuse(status: u16, reason: &str, retry_after: Option<Duration>) -> Vec<u8> {
    // Rounded up: whoever comes too early is refused again.
    let seconds = retry_after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0));
    let header = seconds
        .map(|seconds| format!("Retry-After: {seconds}\r\n"))
        .unwrap_or_default();
    refusal(status, reason, &header)
}

fn refusal(status: u16, reason: &str, header: &str) -> Vec<u8> {
    let phrase = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    };
    let length = reason.len() + 1;
    format!(
        "HTTP/1.1 {status} {phrase}\r\n{header}Connection: close\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{reason}\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 section 1.3, the example.
    const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    #[test]
    fn the_example_of_the_rfc_is_answered_as_the_rfc_does() {
        let answer = answer_to(REQUEST);

        assert_eq!(
            answer,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        );
    }

    #[test]
    fn each_flaw_of_a_request_has_its_status() {
        let cases = [
            ("GET", "POST", 405),
            ("HTTP/1.1", "HTTP/1.0", 505),
            ("/chat", "/other", 404),
            ("Host: server.example.com\r\n", "", 400),
            ("Upgrade: websocket\r\n", "", 426),
            ("Connection: Upgrade\r\n", "Connection: keep-alive\r\n", 426),
            ("Version: 13", "Version: 8", 426),
            ("Sec-WebSocket-Version: 13\r\n", "", 426),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ!==", 400),
            ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
            ("chat, superchat", "mqtt", 400),
            ("GET /chat", "\u{16}\u{3}\u{1}", 400),
        ];
        for (right, wrong, status) in cases {
            let answer = answer_to(&REQUEST.replacen(right, wrong, 1));

            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{wrong:?}: {answer}"
            );
        }
    }

    #[test]
    fn an_offer_of_compression_is_answered() {
        let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

        let answer = answer_to(&REQUEST.replace("\r\n\r\n", &format!("\r\n{offer}")));

        let extensions = "\r\nSec-WebSocket-Extensions: permessage-deflate; \
            server_no_context_takeover; client_no_context_takeover\r\n\r\n";
        assert!(answer.ends_with(extensions), "{answer}");
    }

    #[test]
    fn header_names_and_tokens_may_come_in_any_case_and_in_lists() {
        let request = REQUEST
            .replace("Upgrade: websocket", "upgrade: h2c, WebSocket")
            .replace("Connection: Upgrade", "CONNECTION: keep-alive, upgrade")
            .replace("/chat", "/chat?token=1");

        assert!(answer_to(&request).starts_with("HTTP/1.1 101 "));
    }

    #[test]
    fn a_head_beyond_the_limit_is_refused_before_it_ends() {
        let endless = format!(
            "{}X-Filler: {}",
            &REQUEST[..REQUEST.len() - 2],
            "x".repeat(8192)
        );

        assert!(answer_to(&endless).starts_with("HTTP/1.1 431 "));
    }

    #[test]
    fn every_beginning_of_a_request_needs_more() {
        for length in 0..REQUEST.len() {
            assert_eq!(answer_to(&REQUEST[..length]), "more", "{length} bytes");
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let answer = refuse(503, "full", Some(Duration::from_millis(1500)));

        assert_eq!(
            String::from_utf8(answer).unwrap(),
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nfull\n"
        );
    }

    fn answer_to(request: &str) -> String {
        let endpoint = Endpoint {
            path: Some("/chat".to_owned()),
            subprotocols: vec!["chat".to_owned()],
            subprotocol_required: true,
            deflate: true,
            ..Endpoint::default()
        };
        let answer = match parse(request.as_bytes(), &mut header_room(), &endpoint, 8192) {
            Ok(Some((request, _))) => request.answer(),
            Ok(None) => b"more".to_vec(),
            Err(bad) => bad.answer(),
        };
        String::from_utf8(answer).unwrap()
    }
}
