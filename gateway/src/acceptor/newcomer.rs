//! A connection on a listener that requires the PROXY header, until its first byte of payload. Pure: bytes in,
//! decisions out.

use std::net::SocketAddr;

use gateway_protocol::proxy_header::{
    Header, HeaderError, Limits, LocalKind, Refusal, Source, Version, parse,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Newcomer {
    peer: SocketAddr,
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The header is not complete.
    Header { received: Vec<u8> },
    /// The header is accepted; the device has not said anything.
    Payload {
        client: SocketAddr,
        local: Option<LocalKind>,
    },
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Wait for more bytes.
    Wait,
    /// The header was just completed: wait for the first byte of payload, for as long as a handshake may take.
    Greeted {
        version: Version,
        local: Option<LocalKind>,
    },
    /// Hand the connection over.
    Admit {
        greeted: Option<(Version, Option<LocalKind>)>,
        client: SocketAddr,
        leftover: Vec<u8>,
    },
    /// Close it without a word.
    Refuse(Refusal),
    /// It was a health check: it is over, and nothing was wrong.
    Probe(Probe),
}

/// How a health check showed itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// Its header said so; it was counted then.
    Announced,
    /// It closed after its header without a byte.
    Silent,
}

impl Newcomer {
    pub(super) fn new(peer: SocketAddr, limits: Limits) -> Self {
        Self {
            peer,
            limits,
            state: State::Header {
                received: Vec::new(),
            },
        }
    }

    /// Takes in what arrived.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Decision {
        match &mut self.state {
            State::Payload { client, .. } => Decision::Admit {
                greeted: None,
                client: *client,
                leftover: bytes.to_vec(),
            },
            State::Header { received } => {
                received.extend_from_slice(bytes);
                match parse(received, &self.limits) {
                    Ok(None) => Decision::Wait,
                    Ok(Some(header)) => {
                        let leftover = received.split_off(header.len);
                        self.greeted(&header, leftover)
                    }
                    Err(error) => refuse(error),
                }
            }
        }
    }

    /// The peer closed or reset.
    pub(super) fn end(&self) -> Decision {
        match &self.state {
            State::Header { received } => Decision::Refuse(Refusal::Eof {
                received: received.len(),
            }),
            State::Payload { local: Some(_), .. } => Decision::Probe(Probe::Announced),
            State::Payload { local: None, .. } => Decision::Probe(Probe::Silent),
        }
    }

    /// The time is up; `None` if it is no longer about the header.
    pub(super) fn timeout(&self) -> Option<Refusal> {
        match &self.state {
            State::Header { received } => Some(Refusal::Timeout {
                received: received.len(),
            }),
            State::Payload { .. } => None,
        }
    }

    fn greeted(&mut self, header: &Header, leftover: Vec<u8>) -> Decision {
        let (client, local) = match header.source {
            Source::Proxied { client, .. } => (client, None),
            Source::Local(kind) => (self.peer, Some(kind)),
        };
        let version = header.version;
        if leftover.is_empty() {
            self.state = State::Payload { client, local };
            return Decision::Greeted { version, local };
        }
        Decision::Admit {
            greeted: Some((version, local)),
            client,
            leftover,
        }
    }
}

fn refuse(error: HeaderError) -> Decision {
    Decision::Refuse(Refusal::Header(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 40001 443\r\n";

    #[test]
    fn payload_behind_the_header_is_handed_over_untouched() {
        let mut newcomer = newcomer();
        let bytes = [LINE, b"GET / HTTP/1.1\r\n"].concat();

        assert_eq!(
            newcomer.bytes(&bytes),
            Decision::Admit {
                greeted: Some((Version::V1, None)),
                client: client(),
                leftover: b"GET / HTTP/1.1\r\n".to_vec()
            }
        );
    }

    #[test]
    fn a_header_may_come_byte_by_byte_and_the_payload_later() {
        let mut newcomer = newcomer();
        let (last, first) = LINE.split_last().unwrap();

        for byte in first {
            assert_eq!(newcomer.bytes(&[*byte]), Decision::Wait);
        }
        assert_eq!(
            newcomer.bytes(&[*last]),
            Decision::Greeted {
                version: Version::V1,
                local: None
            }
        );
        assert_eq!(
            newcomer.bytes(b"G"),
            Decision::Admit {
                greeted: None,
                client: client(),
                leftover: b"G".to_vec()
            }
        );
    }

    #[test]
    fn closing_after_the_header_is_a_silent_probe() {
        let mut newcomer = newcomer();
        newcomer.bytes(LINE);

        assert_eq!(newcomer.end(), Decision::Probe(Probe::Silent));
        assert_eq!(newcomer.timeout(), None);
    }

    #[test]
    fn an_announced_probe_is_not_counted_as_silent_too() {
        let mut newcomer = newcomer();

        let greeted = newcomer.bytes(b"PROXY UNKNOWN\r\n");

        assert_eq!(
            greeted,
            Decision::Greeted {
                version: Version::V1,
                local: Some(LocalKind::Unknown)
            }
        );
        assert_eq!(newcomer.end(), Decision::Probe(Probe::Announced));
    }

    #[test]
    fn http_without_a_header_is_refused_at_its_first_byte() {
        let refused = newcomer().bytes(b"GET / HTTP/1.1\r\n\r\n");

        let Decision::Refuse(refusal) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(refusal.metric(), "bad_signature");
    }

    #[test]
    fn closing_or_dawdling_within_the_header_is_refused() {
        let mut newcomer = newcomer();
        newcomer.bytes(b"PROXY");

        assert_eq!(
            newcomer.end(),
            Decision::Refuse(Refusal::Eof { received: 5 })
        );
        assert_eq!(newcomer.timeout(), Some(Refusal::Timeout { received: 5 }));
    }

    fn newcomer() -> Newcomer {
        Newcomer::new("10.0.0.1:5000".parse().unwrap(), Limits::default())
    }

    fn client() -> SocketAddr {
        "192.0.2.7:40001".parse().unwrap()
    }
}
