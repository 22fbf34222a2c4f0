//! The opening handshake (RFC 6455 section 4): heads of HTTP/1.1 in, heads out.

pub(crate) mod answer;
pub(crate) mod extension;
pub(crate) mod request;

/// Headers a head may have.
const HEADERS: usize = 64;

/// Whether a head may be complete, now that what follows `before` bytes of it has come. Looking for
/// its end first keeps a head that comes byte by byte from being parsed as often.
pub(crate) fn may_be_complete(head: &[u8], before: usize) -> bool {
    if before == 0 {
        // The first bytes are parsed in any case: what is no HTTP at all is found out at once.
        return true;
    }
    let new = &head[before.saturating_sub(3)..];
    new.windows(2).any(|pair| pair == b"\n\n") || new.windows(3).any(|three| three == b"\n\r\n")
}

/// Whether one of the headers called `name` lists `token`, which is compared in any case.
fn lists(headers: &[httparse::Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name)
        .any(|value| tokens(value).any(|listed| listed.eq_ignore_ascii_case(token)))
}

/// The values of all headers called `name`; those that are not text are left out.
fn values<'a>(headers: &'a [httparse::Header<'a>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| std::str::from_utf8(header.value).ok())
}

fn tokens(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
}
