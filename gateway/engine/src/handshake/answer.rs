//! The client's side: ask, and check the answer.

use std::time::Duration;

use httparse::{EMPTY_HEADER, Header, Status};

use super::{HEADERS, extension, lists, values};
use crate::dial::DialRequest;
use crate::ending::Failure;

/// The request head for a key of 24 base64 digits.
pub(crate) fn ask(request: &DialRequest, key: &str) -> String {
    let DialRequest {
        host,
        path,
        subprotocols,
        headers,
        deflate,
        tls: _,
    } = request;
    let mut head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
    );
    if !subprotocols.is_empty() {
        head += &format!("Sec-WebSocket-Protocol: {}\r\n", subprotocols.join(", "));
    }
    if *deflate {
        head += &format!("Sec-WebSocket-Extensions: {}\r\n", extension::OFFER);
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// An answer that opens the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Bytes of the head.
    pub(crate) length: usize,
    /// Messages may be compressed.
    pub(crate) deflate: bool,
}

/// Reads an answer from the front of `input`. `Ok(None)` needs more bytes.
///
/// # Errors
/// Section 4.1: the server refused, or what it says is not the answer to what was asked.
pub(crate) fn parse(
    input: &[u8],
    request: &DialRequest,
    accept: &str,
    limit: usize,
) -> Result<Option<Answer>, Failure> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let length = match answer.parse(input) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if input.len() < limit => return Ok(None),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Failure::BadAnswer("the head is too large"));
        }
        Err(_) => return Err(Failure::BadAnswer("it is not HTTP")),
    };
    match answer.code {
        Some(101) => {
            check(answer.headers, request, accept).map(|deflate| Some(Answer { length, deflate }))
        }
        code => Err(Failure::Answered {
            status: code.unwrap_or_default(),
            retry_after: retry_after(answer.headers),
        }),
    }
}

/// RFC 9110 section 10.2.3, in seconds. The form with a date is left to those whose clocks agree.
fn retry_after(headers: &[Header<'_>]) -> Option<Duration> {
    let seconds = values(headers, "Retry-After").next()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn check(headers: &[Header<'_>], request: &DialRequest, accept: &str) -> Result<bool, Failure> {
    if !lists(headers, "Upgrade", "websocket") {
        return Err(Failure::BadAnswer("Upgrade is not websocket"));
    }
    if !lists(headers, "Connection", "upgrade") {
        return Err(Failure::BadAnswer("Connection is not upgrade"));
    }
    if values(headers, "Sec-WebSocket-Accept")
        .map(str::trim)
        .ne([accept])
    {
        return Err(Failure::BadAnswer(
            "Sec-WebSocket-Accept does not answer our key",
        ));
    }
    let deflate = match extension::is_accepted(headers) {
        Some(deflate) if request.deflate || !deflate => deflate,
        _ => return Err(Failure::BadAnswer("an extension was not offered")),
    };
    let mut chosen = values(headers, "Sec-WebSocket-Protocol").map(str::trim);
    match (chosen.next(), chosen.next()) {
        (None, _) => Ok(deflate),
        (Some(chosen), None) if request.subprotocols.iter().any(|offered| offered == chosen) => {
            Ok(deflate)
        }
        _ => Err(Failure::BadAnswer("the subprotocol was not offered")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 section 1.3, the example.
    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let followed = format!("{ANSWER}frames");

        assert_eq!(
            parse(followed.as_bytes(), &request(), ACCEPT, 8192),
            Ok(Some(Answer {
                length: ANSWER.len(),
                deflate: false
            }))
        );
        assert_eq!(
            parse(&ANSWER.as_bytes()[..100], &request(), ACCEPT, 8192),
            Ok(None)
        );
    }

    #[test]
    fn an_answer_that_is_not_ours_is_refused() {
        let cases = [
            (
                "websocket",
                "h2c",
                Failure::BadAnswer("Upgrade is not websocket"),
            ),
            (
                "Connection: Upgrade\r\n",
                "",
                Failure::BadAnswer("Connection is not upgrade"),
            ),
            (
                "s3pPL",
                "t3pPL",
                Failure::BadAnswer("Sec-WebSocket-Accept does not answer our key"),
            ),
            (
                "chat",
                "mqtt",
                Failure::BadAnswer("the subprotocol was not offered"),
            ),
            (
                "101 Switching",
                "503 Service",
                Failure::Answered {
                    status: 503,
                    retry_after: None,
                },
            ),
            (
                "101 Switching Protocols\r\n",
                "503 Busy\r\nretry-after: 7\r\n",
                Failure::Answered {
                    status: 503,
                    retry_after: Some(Duration::from_secs(7)),
                },
            ),
            (
                "101 Switching Protocols\r\n",
                "503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
                Failure::Answered {
                    status: 503,
                    retry_after: None,
                },
            ),
            ("HTTP", "SSH-2", Failure::BadAnswer("it is not HTTP")),
            (
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: x\r\n\r\n",
                Failure::BadAnswer("an extension was not offered"),
            ),
        ];
        for (right, wrong, failure) in cases {
            let answer = ANSWER.replacen(right, wrong, 1);

            assert_eq!(
                parse(answer.as_bytes(), &request(), ACCEPT, 8192),
                Err(failure),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_request_names_what_is_offered() {
        let request = DialRequest {
            headers: vec![("X-A".to_owned(), "b".to_owned())],
            deflate: true,
            ..request()
        };

        assert_eq!(
            ask(&request, "dGhlIHNhbXBsZSBub25jZQ=="),
            "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: chat, superchat\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
             client_no_context_takeover\r\nX-A: b\r\n\r\n"
        );
    }

    fn request() -> DialRequest {
        DialRequest {
            host: "example.com".to_owned(),
            path: "/chat".to_owned(),
            subprotocols: vec!["chat".to_owned(), "superchat".to_owned()],
            headers: Vec::new(),
            tls: None,
            deflate: false,
        }
    }
}
