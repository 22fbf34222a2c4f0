//! `wss://host:port/path`: the part of a URL that a device needs.

use std::fmt;
use std::str::FromStr;

/// Where a gateway, or the load balancer before it, is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    /// Whether the connection is encrypted: `wss`.
    pub tls: bool,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The TCP port; 80 or 443 if none was written.
    pub port: u16,
    /// The path with the query, beginning with a slash.
    pub path: String,
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let wrong = |what| ServerUrlError {
            url: text.to_owned(),
            what,
        };
        let (tls, rest) = match (text.strip_prefix("wss://"), text.strip_prefix("ws://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("it does not begin with ws:// or wss://")),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "it holds a space, a control character, or one that is not ASCII",
            ));
        }
        if rest.contains(['#', '@']) {
            return Err(wrong("it holds a fragment or a user"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) =
            split_port(authority).ok_or_else(|| wrong("its port is no number from 1 to 65535"))?;
        let host =
            unbracket(host).ok_or_else(|| wrong("its host is empty or a broken IPv6 address"))?;
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            path,
        })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl ServerUrl {
    /// Host and port as in a `Host` header, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A text that is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` is no server: {what}; write it like wss://gateway.example:443/")]
pub struct ServerUrlError {
    /// The text.
    pub url: String,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Host and port, if one is written. `None` if what is written is no port.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let colon = authority
        .rfind(':')
        .filter(|colon| authority[*colon..].find(']').is_none());
    let Some(colon) = colon else {
        return Some((authority, None));
    };
    let port = &authority[colon + 1..];
    // `u16::from_str` would take a plus sign.
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0)?;
    Some((&authority[..colon], Some(port)))
}

fn unbracket(host: &str) -> Option<&str> {
    match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .filter(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => Some(host).filter(|host| !host.is_empty() && !host.contains(['[', ']', ':'])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parts_have_the_usual_values() {
        let spelled = |text: &str| text.parse::<ServerUrl>().unwrap().to_string();

        assert_eq!(spelled("ws://gateway"), "ws://gateway:80/");
        assert_eq!(
            spelled("wss://gateway.example"),
            "wss://gateway.example:443/"
        );
        assert_eq!(spelled("wss://[2001:db8::1]"), "wss://[2001:db8::1]:443/");
        assert_eq!(
            spelled("ws://[::1]:8080/a/b?c=d"),
            "ws://[::1]:8080/a/b?c=d"
        );
        assert_eq!(spelled("ws://127.0.0.1:8800?x"), "ws://127.0.0.1:8800/?x");
    }

    #[test]
    fn what_is_no_server_is_named() {
        let wrong = [
            ("http://a", "it does not begin with ws:// or wss://"),
            ("ws://", "its host is empty or a broken IPv6 address"),
            ("ws://:80", "its host is empty or a broken IPv6 address"),
            ("ws://a:", "its port is no number from 1 to 65535"),
            ("ws://a:0", "its port is no number from 1 to 65535"),
            ("ws://a:+80", "its port is no number from 1 to 65535"),
            ("ws://a:65536", "its port is no number from 1 to 65535"),
            ("ws://::1", "its host is empty or a broken IPv6 address"),
            ("ws://[::1", "its host is empty or a broken IPv6 address"),
            (
                "ws://[1.2.3.4]",
                "its host is empty or a broken IPv6 address",
            ),
            (
                "ws://a b",
                "it holds a space, a control character, or one that is not ASCII",
            ),
            (
                "ws://müller",
                "it holds a space, a control character, or one that is not ASCII",
            ),
            ("ws://user@a", "it holds a fragment or a user"),
        ];
        for (url, what) in wrong {
            assert_eq!(
                url.parse::<ServerUrl>(),
                Err(ServerUrlError {
                    url: url.to_owned(),
                    what
                })
            );
        }
    }
}
