//! Version 1: `PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n`.
//!
//! The line is read field by field. A field that is complete must be right; a field that is cut off by the end of the
//! input must be the beginning of something right, so that the first wrong byte refuses the line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Header, HeaderError, LocalKind, Source, Tlvs, Version, Version1Error};
use crate::address::canonical;

const PREFIX: &[u8] = b"PROXY ";

/// The longest line, CR LF included (specification, 2.1).
const MAX_LINE: usize = 107;

const SOURCE: &str = "source";
const DESTINATION: &str = "destination";

/// Reads a line. The caller has seen that it does not start like version 2.
pub(super) fn parse(input: &[u8]) -> Result<Option<Header>, HeaderError> {
    if let Some(at) = input
        .iter()
        .zip(PREFIX)
        .position(|(found, wanted)| found != wanted)
    {
        return Err(HeaderError::Signature {
            at,
            found: input[at],
        });
    }
    if input.len() < PREFIX.len() {
        return Ok(None);
    }
    let mut line = Line {
        bytes: &input[..input.len().min(MAX_LINE)],
        at: PREFIX.len(),
    };
    match line.source()? {
        Some(source) => Ok(Some(Header {
            version: Version::V1,
            source,
            len: line.at,
            tlvs: Tlvs::default(),
        })),
        None if input.len() >= MAX_LINE => Err(HeaderError::TooLong {
            len: MAX_LINE + 1,
            limit: MAX_LINE,
        }),
        None => Ok(None),
    }
}

enum Family {
    Tcp4,
    Tcp6,
    Unknown,
}

/// A line and how far it has been read. Every method answers `Ok(None)` at the end of what arrived.
struct Line<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Line<'a> {
    fn source(&mut self) -> Result<Option<Source>, Version1Error> {
        match self.family()? {
            None => Ok(None),
            Some(Family::Tcp4) => self.endpoints::<Ipv4Addr>("IPv4"),
            Some(Family::Tcp6) => self.endpoints::<Ipv6Addr>("IPv6"),
            Some(Family::Unknown) => self.skip_to_end(),
        }
    }

    fn family(&mut self) -> Result<Option<Family>, Version1Error> {
        let rest = &self.bytes[self.at..];
        for (word, family) in [
            ("TCP4 ", Family::Tcp4),
            ("TCP6 ", Family::Tcp6),
            ("UNKNOWN", Family::Unknown),
        ] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(Some(family));
            }
            if word.as_bytes().starts_with(rest) {
                return Ok(None);
            }
        }
        let (word, _) = self.word();
        Err(Version1Error::Family {
            text: word.escape_ascii().to_string(),
        })
    }

    fn endpoints<A>(&mut self, family: &'static str) -> Result<Option<Source>, Version1Error>
    where
        A: FromStr + Into<IpAddr>,
    {
        let Some(client) = self.address::<A>(SOURCE, family)? else {
            return Ok(None);
        };
        let Some(()) = self.separator(b' ', "a space")? else {
            return Ok(None);
        };
        let Some(destination) = self.address::<A>(DESTINATION, family)? else {
            return Ok(None);
        };
        let Some(()) = self.separator(b' ', "a space")? else {
            return Ok(None);
        };
        let Some(client_port) = self.port(SOURCE)? else {
            return Ok(None);
        };
        let Some(()) = self.separator(b' ', "a space")? else {
            return Ok(None);
        };
        let Some(destination_port) = self.port(DESTINATION)? else {
            return Ok(None);
        };
        let Some(()) = self.end()? else {
            return Ok(None);
        };
        Ok(Some(Source::Proxied {
            client: canonical(SocketAddr::new(client, client_port)),
            destination: canonical(SocketAddr::new(destination, destination_port)),
        }))
    }

    fn address<A>(
        &mut self,
        field: &'static str,
        family: &'static str,
    ) -> Result<Option<IpAddr>, Version1Error>
    where
        A: FromStr + Into<IpAddr>,
    {
        let (text, complete) = self.text()?;
        if text.contains('%') {
            return Err(Version1Error::RouteDomain {
                field,
                text: text.to_owned(),
            });
        }
        match text.parse::<A>() {
            Ok(address) if complete => {
                self.at += text.len();
                Ok(Some(address.into()))
            }
            _ if !complete && begins_address::<A>(text) => Ok(None),
            _ => Err(Version1Error::Address {
                field,
                family,
                text: text.to_owned(),
            }),
        }
    }

    /// `u16::from_str` takes "+443" and "0443", the specification does not.
    fn port(&mut self, field: &'static str) -> Result<Option<u16>, Version1Error> {
        let (text, complete) = self.text()?;
        if text.is_empty() && !complete {
            return Ok(None);
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = text.len() > 1 && text.starts_with('0');
        match text.parse::<u16>() {
            Ok(port) if digits && !leading_zero => {
                if complete {
                    self.at += text.len();
                }
                Ok(complete.then_some(port))
            }
            _ => Err(Version1Error::Port {
                field,
                text: text.to_owned(),
            }),
        }
    }

    fn end(&mut self) -> Result<Option<()>, Version1Error> {
        let Some(()) = self.separator(b'\r', "CR LF")? else {
            return Ok(None);
        };
        self.separator(b'\n', "LF")
    }

    /// Everything after `UNKNOWN` is to be ignored, as long as it is a line.
    fn skip_to_end(&mut self) -> Result<Option<Source>, Version1Error> {
        match self.bytes.get(self.at) {
            None | Some(b' ' | b'\r') => {}
            Some(next) if next.is_ascii_graphic() => {
                let (word, _) = self.word();
                return Err(Version1Error::Family {
                    text: format!("UNKNOWN{}", word.escape_ascii()),
                });
            }
            Some(&found) => {
                return Err(Version1Error::Separator {
                    at: self.at,
                    found,
                    wanted: "CR LF",
                });
            }
        }
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\r' => return Ok(self.end()?.map(|()| Source::Local(LocalKind::Unknown))),
                0 | b'\n' | 0x80.. => {
                    return Err(Version1Error::Byte {
                        at: self.at,
                        found: byte,
                    });
                }
                _ => self.at += 1,
            }
        }
        Ok(None)
    }

    fn separator(&mut self, wanted: u8, name: &'static str) -> Result<Option<()>, Version1Error> {
        match self.bytes.get(self.at) {
            None => Ok(None),
            Some(&found) if found == wanted => {
                self.at += 1;
                Ok(Some(()))
            }
            Some(&found) => Err(Version1Error::Separator {
                at: self.at,
                found,
                wanted: name,
            }),
        }
    }

    /// The bytes up to the next space, CR or LF, and whether there is one.
    fn word(&self) -> (&'a [u8], bool) {
        let rest = &self.bytes[self.at..];
        match rest
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\r' | b'\n'))
        {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        }
    }

    /// The next word as text.
    fn text(&self) -> Result<(&'a str, bool), Version1Error> {
        let (word, complete) = self.word();
        if let Some(offset) = word.iter().position(|byte| !byte.is_ascii_graphic()) {
            return Err(Version1Error::Byte {
                at: self.at + offset,
                found: word[offset],
            });
        }
        // Graphic ASCII is UTF-8, so the default is never taken.
        Ok((std::str::from_utf8(word).unwrap_or_default(), complete))
    }
}

/// Whether some address starts like this: one of these endings completes every beginning of an address.
fn begins_address<A: FromStr>(text: &str) -> bool {
    const ENDINGS: [&str; 9] = ["", "0", ":", "::", ".0", ".0.0", ".0.0.0", "0.0", "0.0.0"];

    text.is_empty()
        || ENDINGS
            .iter()
            .any(|ending| format!("{text}{ending}").parse::<A>().is_ok())
}
