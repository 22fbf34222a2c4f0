//! The servers a device may connect to, each with a weight: `100 wss://a.example:443`.

use std::fmt;
use std::str::FromStr;

use crate::server_url::{ServerUrl, ServerUrlError};

/// A server and its share of the devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub url: ServerUrl,
    /// 0 to 100: its share among the servers that can be chosen. A server of weight 0 is never chosen.
    pub weight: u8,
}

/// The place of a server in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub u16);

impl ServerId {
    /// The place of a server that is in the list no more, because another list was given meanwhile.
    pub const GONE: Self = Self(u16::MAX);
}

/// Servers of which at least one can be chosen. Share it between sessions behind an `Arc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerList {
    servers: Vec<Server>,
}

impl ServerList {
    /// A list of servers.
    ///
    /// # Errors
    /// There is no server, too many, one with a weight over 100, or none with a weight over 0.
    pub fn new(servers: Vec<Server>) -> Result<Self, ServerListError> {
        if servers.is_empty() {
            return Err(ServerListError::Empty);
        }
        if servers.len() > usize::from(u16::MAX) {
            return Err(ServerListError::TooLong { len: servers.len() });
        }
        if let Some(heavy) = servers
            .iter()
            .find(|server| server.weight > Server::MAX_WEIGHT)
        {
            return Err(ServerListError::Weight {
                text: heavy.weight.to_string(),
            });
        }
        if servers.iter().all(|server| server.weight == 0) {
            return Err(ServerListError::NoWeight);
        }
        Ok(Self { servers })
    }

    /// Reads entries like `100 wss://a.example:443`, or `wss://a.example` with weight 100.
    ///
    /// # Errors
    /// The first entry that is wrong, and see [`ServerList::new`].
    pub fn parse<I, S>(entries: I) -> Result<Self, ServerListError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        Self::new(
            entries
                .into_iter()
                .map(|entry| entry.as_ref().parse())
                .collect::<Result<_, _>>()?,
        )
    }

    /// The server at this place, if it is one of this list.
    #[must_use]
    pub fn get(&self, id: ServerId) -> Option<&Server> {
        self.servers.get(usize::from(id.0))
    }

    /// The place of the first server with this address.
    #[must_use]
    pub fn find(&self, url: &ServerUrl) -> Option<ServerId> {
        self.iter()
            .find(|(_, server)| server.url == *url)
            .map(|(id, _)| id)
    }

    /// All servers with their places.
    pub fn iter(&self) -> impl Iterator<Item = (ServerId, &Server)> {
        (0..).map(ServerId).zip(&self.servers)
    }

    /// How many servers can be chosen.
    #[must_use]
    pub fn choosable(&self) -> usize {
        self.servers
            .iter()
            .filter(|server| server.weight > 0)
            .count()
    }
}

impl Server {
    /// The greatest weight.
    pub const MAX_WEIGHT: u8 = 100;
}

impl FromStr for Server {
    type Err = ServerListError;

    fn from_str(entry: &str) -> Result<Self, ServerListError> {
        let entry = entry.trim();
        let (weight, url) = match entry.split_once(char::is_whitespace) {
            Some((weight, url)) => (parse_weight(weight)?, url.trim_start()),
            None => (Self::MAX_WEIGHT, entry),
        };
        Ok(Self {
            url: url.parse()?,
            weight,
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.weight, self.url)
    }
}

fn parse_weight(text: &str) -> Result<u8, ServerListError> {
    text.parse()
        .ok()
        .filter(|weight| *weight <= Server::MAX_WEIGHT)
        .ok_or_else(|| ServerListError::Weight {
            text: text.to_owned(),
        })
}

/// Why servers make no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerListError {
    /// There is no server.
    #[error("the server list is empty: name at least one, like `100 wss://gateway.example:443`")]
    Empty,
    /// There are too many servers.
    #[error("the server list has {len} servers, 65535 are allowed")]
    TooLong {
        /// How many there are.
        len: usize,
    },
    /// No server can be chosen.
    #[error(
        "every server has the weight 0, so that none can be chosen: give one a weight of 1 to 100"
    )]
    NoWeight,
    /// A weight is no number from 0 to 100.
    #[error("the weight `{text}` is no whole number from 0 to 100")]
    Weight {
        /// The weight as it was written.
        text: String,
    },
    /// An address is wrong.
    #[error(transparent)]
    Url(#[from] ServerUrlError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_a_weight_or_the_greatest() {
        let list = ServerList::parse(["25 ws://a:1", "wss://b", "  0   ws://c:3/path "]).unwrap();

        let entries: Vec<String> = list
            .iter()
            .map(|(id, server)| format!("{} {server}", id.0))
            .collect();
        assert_eq!(
            entries,
            ["0 25 ws://a:1/", "1 100 wss://b:443/", "2 0 ws://c:3/path"]
        );
        assert_eq!(list.choosable(), 2);
    }

    #[test]
    fn lists_without_a_choice_are_refused() {
        assert_eq!(
            ServerList::parse::<_, &str>([]),
            Err(ServerListError::Empty)
        );
        assert_eq!(
            ServerList::parse(["0 ws://a", "0 ws://b"]),
            Err(ServerListError::NoWeight)
        );
    }

    #[test]
    fn wrong_weights_are_repeated_in_the_error() {
        for weight in ["101", "-1", "x", "1.5", "256"] {
            let error = ServerList::parse([format!("{weight} ws://a")]).unwrap_err();

            assert_eq!(
                error.to_string(),
                format!("the weight `{weight}` is no whole number from 0 to 100")
            );
        }
    }
}
