//! The negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1).

use httparse::Header;

use super::values;
use crate::compress::Deflater;

const NAME: &str = "permessage-deflate";

/// What we offer as a client: every message on its own, both ways.
pub(super) const OFFER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What a server accepted of a client's offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The window of what the server sends.
    pub(crate) window_bits: u8,
    /// The client asked for that window, so the answer has to name it.
    asked: bool,
}

/// The first of the offers that can be met.
pub(super) fn accept(headers: &[Header<'_>]) -> Option<Accepted> {
    values(headers, "Sec-WebSocket-Extensions")
        .flat_map(|value| value.split(','))
        .find_map(accept_one)
}

fn accept_one(offer: &str) -> Option<Accepted> {
    let mut accepted = Accepted {
        window_bits: 15,
        asked: false,
    };
    let mut seen = Vec::new();
    for (name, value) in parameters(offer)? {
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            // Either way we compress each message on its own, and ask the client to do so.
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            ("server_max_window_bits", Some(value)) => {
                accepted.window_bits = window_bits(value)?;
                accepted.asked = true;
            }
            // We have the largest window, whatever the client's.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(value)) => {
                window_bits_of_client(value)?;
            }
            _ => return None,
        }
    }
    Deflater::WINDOW_BITS
        .contains(&accepted.window_bits)
        .then_some(accepted)
}

impl Accepted {
    /// The value of `Sec-WebSocket-Extensions` that says so.
    pub(super) fn answer(self) -> String {
        let window = if self.asked {
            format!("; server_max_window_bits={}", self.window_bits)
        } else {
            String::new()
        };
        format!("{OFFER}{window}")
    }
}

/// Whether a server's answer accepts our [`OFFER`]; `None` if it says something that was not offered.
pub(super) fn is_accepted(headers: &[Header<'_>]) -> Option<bool> {
    let mut answers =
        values(headers, "Sec-WebSocket-Extensions").flat_map(|value| value.split(','));
    let Some(answer) = answers.next().filter(|answer| !answer.trim().is_empty()) else {
        return Some(false);
    };
    let mut on_its_own = false;
    for (name, value) in parameters(answer)? {
        match (name, value) {
            ("server_no_context_takeover", None) => on_its_own = true,
            ("client_no_context_takeover", None) => {}
            ("server_max_window_bits", Some(value)) => {
                window_bits_of_client(value)?;
            }
            _ => return None,
        }
    }
    (on_its_own && answers.next().is_none()).then_some(true)
}

/// The parameters of one offer or answer, if it is about permessage-deflate at all.
fn parameters(offer: &str) -> Option<impl Iterator<Item = (&str, Option<&str>)>> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next()? != NAME {
        return None;
    }
    Some(parts.map(|part| match part.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
        None => (part, None),
    }))
}

/// A window that we can send with.
fn window_bits(value: &str) -> Option<u8> {
    window_bits_of_client(value).filter(|bits| Deflater::WINDOW_BITS.contains(bits))
}

/// A window that may be named: 8 to 15, without leading zeros.
fn window_bits_of_client(value: &str) -> Option<u8> {
    if value.starts_with('0') {
        None
    } else {
        value.parse().ok().filter(|bits| (8..=15).contains(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_of_browsers_and_suites_are_answered() {
        let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let cases = [
            ("permessage-deflate", Some(plain)),
            ("permessage-deflate; client_max_window_bits", Some(plain)),
            ("permessage-deflate; client_max_window_bits=8", Some(plain)),
            ("x-webkit-deflate-frame, permessage-deflate", Some(plain)),
            (
                "permessage-deflate; unknown, permessage-deflate",
                Some(plain),
            ),
            ("permessage-deflate; client_max_window_bits=7", None),
            ("permessage-deflate; client_max_window_bits=16", None),
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=8", None),
            ("permessage-deflate; server_max_window_bits=010", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            (
                "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                None,
            ),
            ("", None),
        ];
        for (offer, answer) in cases {
            assert_eq!(
                accept(&header(offer)).map(Accepted::answer).as_deref(),
                answer,
                "{offer:?}"
            );
        }
    }

    #[test]
    fn a_window_that_was_asked_for_is_named() {
        let offer = "permessage-deflate; server_max_window_bits=\"10\"; client_max_window_bits";

        let accepted = accept(&header(offer)).unwrap();

        assert_eq!(accepted.window_bits, 10);
        assert_eq!(
            accepted.answer(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
        );
    }

    #[test]
    fn an_answer_must_meet_the_offer() {
        let cases = [
            ("", Some(false)),
            (OFFER, Some(true)),
            (
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
                Some(true),
            ),
            // It would carry context over from message to message.
            ("permessage-deflate", None),
            (
                "permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
                None,
            ),
            ("x-other", None),
            (
                "permessage-deflate; server_no_context_takeover, x-other",
                None,
            ),
        ];
        for (answer, accepted) in cases {
            assert_eq!(is_accepted(&header(answer)), accepted, "{answer:?}");
        }
    }

    fn header(value: &str) -> [Header<'_>; 1] {
        [Header {
            name: "Sec-WebSocket-Extensions",
            value: value.as_bytes(),
        }]
    }
}
