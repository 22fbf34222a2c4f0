//! Rules 15 to 29: the line of text as a whole.

use gateway_protocol::proxy_header::{Limits, LocalKind, Version, parse};

use crate::vector::Expected::{Accepted, Refused};
use crate::vector::{Expected, check, local, parse_default, proxied};

fn accepted(line: &str, client: &str, destination: &str) -> (Vec<u8>, Expected) {
    (
        line.into(),
        Accepted(Version::V1, proxied(client, destination)),
    )
}

fn unknown(line: impl Into<Vec<u8>>) -> (Vec<u8>, Expected) {
    (
        line.into(),
        Accepted(Version::V1, local(LocalKind::Unknown)),
    )
}

/// The line is refused at the first byte after `right`.
pub(crate) fn refused(right: &str, rest: impl AsRef<[u8]>, text: &str) -> (Vec<u8>, Expected) {
    let bytes = [right.as_bytes(), rest.as_ref()].concat();
    (
        bytes,
        Refused {
            metric: "bad_v1",
            text: text.to_owned(),
            after: right.len() + 1,
        },
    )
}

pub(crate) fn named(
    vectors: Vec<(&'static str, (Vec<u8>, Expected))>,
) -> Vec<(&'static str, Vec<u8>, Expected)> {
    vectors
        .into_iter()
        .map(|(name, (bytes, expected))| (name, bytes, expected))
        .collect()
}

#[test]
fn well_formed_lines_name_client_and_destination() {
    check(&named(vec![
        (
            "v1-tcp4",
            accepted(
                "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
                "192.0.2.1:56324",
                "198.51.100.7:443",
            ),
        ),
        (
            "v1-tcp4-min",
            accepted(
                "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
                "1.1.1.1:1",
                "2.2.2.2:2",
            ),
        ),
        (
            "v1-tcp4-max56",
            accepted(
                "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
                "255.255.255.255:65535",
                "255.255.255.255:65535",
            ),
        ),
        // Rules 21 and 79.
        (
            "v1-tcp4-port0",
            accepted(
                "PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n",
                "192.0.2.1:0",
                "192.0.2.2:0",
            ),
        ),
        (
            "v1-tcp6",
            accepted(
                "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n",
                "[2001:db8::1]:56324",
                "[2001:db8::2]:443",
            ),
        ),
        (
            "v1-tcp6-upper",
            accepted(
                "PROXY TCP6 2001:DB8::A 2001:Db8::b 1 2\r\n",
                "[2001:db8::a]:1",
                "[2001:db8::b]:2",
            ),
        ),
        (
            "v1-tcp6-any",
            accepted("PROXY TCP6 :: ::1 1 2\r\n", "[::]:1", "[::1]:2"),
        ),
        (
            "v1-tcp6-zeros-in-groups",
            accepted(
                "PROXY TCP6 2001:0db8:0000::0001 1:: 1 2\r\n",
                "[2001:db8::1]:1",
                "[1::]:2",
            ),
        ),
        (
            "v1-tcp6-max104",
            accepted(
                "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
        // Rules 19 and 78: one client, one address.
        (
            "v1-tcp6-mapped",
            accepted(
                "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6407 1 2\r\n",
                "192.0.2.1:1",
                "198.51.100.7:2",
            ),
        ),
    ]));
}

// Rule 25.
#[test]
fn unknown_lines_are_accepted_whatever_follows() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
    assert_eq!(long.len(), 107);

    check(&named(vec![
        ("v1-unknown-short", unknown("PROXY UNKNOWN\r\n")),
        ("v1-unknown-long107", unknown(long)),
        (
            "v1-unknown-junk",
            unknown("PROXY UNKNOWN  \t~ 1.2.3.4 %%% -1\x01\r\n"),
        ),
        ("v1-unknown-space", unknown("PROXY UNKNOWN \r\n")),
        (
            "v1-unknown-addresses",
            unknown("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"),
        ),
    ]));
}

// Rules 2, 16, 27 and 31.
#[test]
fn other_protocols_are_refused_at_their_first_wrong_byte() {
    let refused = |bytes: &[u8], text: &str, after| {
        (
            bytes.to_vec(),
            Refused {
                metric: "bad_signature",
                text: text.to_owned(),
                after,
            },
        )
    };

    check(&named(vec![
        (
            "none-http",
            refused(b"GET / HTTP/1.1\r\n", "no PROXY header: byte 0 is 0x47", 1),
        ),
        (
            "none-tls",
            refused(
                b"\x16\x03\x01\x02\x00",
                "no PROXY header: byte 0 is 0x16",
                1,
            ),
        ),
        (
            "none-ws-binary",
            refused(b"\x82\x05hello", "no PROXY header: byte 0 is 0x82", 1),
        ),
        (
            "none-post",
            refused(b"POST / HTTP/1.1\r\n", "no PROXY header: byte 1 is 0x4f", 2),
        ),
        (
            "v1-lowercase",
            refused(
                b"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
                "no PROXY header: byte 0 is 0x70",
                1,
            ),
        ),
        (
            "v1-PROXYX",
            refused(
                b"PROXYX TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
                "no PROXY header: byte 5 is 0x58",
                6,
            ),
        ),
        (
            "v1-tab-after-proxy",
            refused(
                b"PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n",
                "no PROXY header: byte 5 is 0x09",
                6,
            ),
        ),
    ]));
}

// Rules 22 and 24.
#[test]
fn lines_are_ascii_and_end_with_cr_lf() {
    check(&named(vec![
        (
            "v1-lf-only",
            refused(
                "PROXY TCP4 1.1.1.1 2.2.2.2 1 2",
                "\n",
                "PROXY v1: byte 30 is 0x0a where CR LF is due",
            ),
        ),
        (
            "v1-cr-only",
            refused(
                "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r",
                "GET",
                "PROXY v1: byte 31 is 0x47 where LF is due",
            ),
        ),
        (
            "v1-unknown-lf-only",
            refused(
                "PROXY UNKNOWN",
                "\n",
                "PROXY v1: byte 13 is 0x0a where CR LF is due",
            ),
        ),
        (
            "v1-unknown-lf",
            refused(
                "PROXY UNKNOWN x",
                "\n",
                "PROXY v1: byte 15 is 0x0a, which no line of version 1 holds",
            ),
        ),
        (
            "v1-unknown-cr",
            refused(
                "PROXY UNKNOWN x\r",
                "x\r\n",
                "PROXY v1: byte 16 is 0x78 where LF is due",
            ),
        ),
        (
            "v1-unknown-nul",
            refused(
                "PROXY UNKNOWN x",
                "\0\r\n",
                "PROXY v1: byte 15 is 0x00, which no line of version 1 holds",
            ),
        ),
        (
            "v1-nul",
            refused(
                "PROXY TCP4 1.1.1.1",
                "\0 2",
                "PROXY v1: byte 18 is 0x00, which no line of version 1 holds",
            ),
        ),
        (
            "v1-nonascii",
            refused(
                "PROXY TCP4 1.1.1.1",
                [0xa0, b' '],
                "PROXY v1: byte 18 is 0xa0, which no line of version 1 holds",
            ),
        ),
        (
            "v1-nonascii-digit",
            refused(
                "PROXY TCP4 1.1.1.1 2.2.2.2 ",
                "\u{0661}",
                "PROXY v1: byte 27 is 0xd9, which no line of version 1 holds",
            ),
        ),
    ]));
}

// Rule 23: without waiting for a timeout.
#[test]
fn line_without_an_end_is_refused_at_107_bytes() {
    let too_long = |line: String| {
        let text = "the PROXY header takes 108 bytes or more, 107 are allowed".to_owned();
        (
            line.into_bytes(),
            Refused {
                metric: "too_long",
                text,
                after: 107,
            },
        )
    };

    check(&named(vec![
        (
            "v1-no-crlf-107",
            too_long(format!("PROXY UNKNOWN {}", "x".repeat(93))),
        ),
        (
            "v1-unknown-108",
            too_long(format!("PROXY UNKNOWN {}\r\n", "x".repeat(92))),
        ),
        (
            "v1-unknown-long",
            too_long(format!("PROXY UNKNOWN {}\r\n", "x".repeat(4000))),
        ),
    ]));
}

#[test]
fn limit_below_the_line_refuses_it() {
    let line = b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n";

    let error = parse(line, &Limits { max_len: 20 }).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the PROXY header takes 32 bytes or more, 20 are allowed"
    );
}

// Rule 13: once per connection.
#[test]
fn second_line_is_payload() {
    let line = "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n";

    let header = parse_default(format!("{line}PROXY TCP4 9.9.9.9 2.2.2.2 1 2\r\n").as_bytes())
        .unwrap()
        .unwrap();

    assert_eq!(
        (header.len, header.source),
        (line.len(), proxied("1.1.1.1:1", "2.2.2.2:2"))
    );
}
