//! Rules 30 to 48: the binary header's fixed part and addresses.

use gateway_protocol::proxy_header::{Limits, LocalKind, Source, Version, parse};

use crate::vector::Expected::{Accepted, Refused};
use crate::vector::{Expected, check, local, parse_default, proxied};

pub(crate) const SIGNATURE: [u8; 12] = [
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
];

/// 192.0.2.1:56324 to 198.51.100.7:443.
pub(crate) const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];

/// [2001:db8::1]:56324 to [2001:db8::2]:443.
pub(crate) const V6: [u8; 36] = [
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // source
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // destination
    0xdc, 0x04, 0x01, 0xbb, // ports
];

pub(crate) fn v4_source() -> Source {
    proxied("192.0.2.1:56324", "198.51.100.7:443")
}

pub(crate) fn v6_source() -> Source {
    proxied("[2001:db8::1]:56324", "[2001:db8::2]:443")
}

/// A header whose length field is that of the block.
pub(crate) fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    announcing(u16::try_from(block.len()).unwrap(), command, family, block)
}

fn announcing(len: u16, command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    [
        &SIGNATURE[..],
        &[command, family],
        &len.to_be_bytes(),
        block,
    ]
    .concat()
}

fn accepted(source: Source) -> Expected {
    Accepted(Version::V2, source)
}

fn refused(text: &str, after: usize) -> Expected {
    Refused {
        metric: "bad_v2",
        text: text.to_owned(),
        after,
    }
}

// Rules 31, 35, 41 and 43.
#[test]
fn tcp_headers_name_client_and_destination() {
    let mapped = [
        &[0; 10][..],
        &[0xff, 0xff, 192, 0, 2, 1],
        &[0; 10],
        &[0xff, 0xff, 198, 51, 100, 7],
        &V4[8..],
    ]
    .concat();
    let zero_ports = [&V4[..8], &[0; 4]].concat();

    check(&[
        ("v2-tcp4", header(0x21, 0x11, &V4), accepted(v4_source())),
        ("v2-tcp6", header(0x21, 0x21, &V6), accepted(v6_source())),
        // Rules 19 and 78.
        (
            "v2-tcp6-mapped",
            header(0x21, 0x21, &mapped),
            accepted(v4_source()),
        ),
        // Rule 79.
        (
            "v2-tcp4-port0",
            header(0x21, 0x11, &zero_ports),
            accepted(proxied("192.0.2.1:0", "198.51.100.7:0")),
        ),
    ]);
}

// Rules 33, 34, 37 and 48.
#[test]
fn local_headers_are_accepted_whatever_their_block_holds() {
    let unix = [b'/'; 216];

    check(&[
        (
            "v2-local",
            header(0x20, 0x00, &[]),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-with-addr",
            header(0x20, 0x11, &V4),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-with-addr6",
            header(0x20, 0x21, &V6),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-unix",
            header(0x20, 0x31, &unix),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-unspec-with-addr",
            header(0x20, 0x00, &V4),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-short-block",
            header(0x20, 0x11, &V4[..5]),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-with-tlv",
            header(0x20, 0x00, &[0x04, 0, 1, 0]),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-bogus-family",
            header(0x20, 0x41, &V4),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-bogus-family-f",
            header(0x20, 0xff, &[]),
            accepted(local(LocalKind::Local)),
        ),
        (
            "v2-local-bogus-transport",
            header(0x20, 0x13, &V4),
            accepted(local(LocalKind::Local)),
        ),
    ]);
}

// Rule 39.
#[test]
fn proxied_but_unspecified_headers_are_accepted_as_local() {
    check(&[
        (
            "v2-proxy-unspec-empty",
            header(0x21, 0x00, &[]),
            accepted(local(LocalKind::Unspec)),
        ),
        (
            "v2-proxy-unspec-junk",
            header(0x21, 0x00, b"\xff\xff\xffjunk"),
            accepted(local(LocalKind::Unspec)),
        ),
    ]);
}

// Rule 30.
#[test]
fn signature_is_compared_in_full() {
    let vectors: Vec<_> = (0..SIGNATURE.len())
        .map(|at| {
            let mut bytes = header(0x21, 0x11, &V4);
            bytes[at] ^= 0x80;
            let text = format!("no PROXY header: byte {at} is 0x{:02x}", bytes[at]);
            (
                ["v2-sig-bad", "v2-sig-bad12"][usize::from(at == 11)],
                bytes,
                Refused {
                    metric: "bad_signature",
                    text,
                    after: at + 1,
                },
            )
        })
        .collect();

    check(&vectors);
}

// Rules 32 and 36.
#[test]
fn version_and_command_are_judged_at_their_byte() {
    let versions = [
        ("v2-version0", 0),
        ("v2-version1", 1),
        ("v2-version3", 3),
        ("v2-versionF", 15),
    ];
    let commands = [("v2-cmd2", 2), ("v2-cmd3", 3), ("v2-cmdF", 15)];
    let bad_versions = versions.map(|(name, version)| {
        let text = format!("PROXY v2: the version is {version}, not 2");
        (
            name,
            header(version << 4 | 1, 0x11, &V4),
            refused(&text, 13),
        )
    });
    let bad_commands = commands.map(|(name, command)| {
        let text = format!("PROXY v2: the command is {command}, neither LOCAL (0) nor PROXY (1)");
        (name, header(0x20 | command, 0x11, &V4), refused(&text, 13))
    });

    check(&bad_versions);
    check(&bad_commands);
}

// Rules 37, 38, 40 and 47.
#[test]
fn what_a_tcp_listener_does_not_speak_is_refused_at_its_byte() {
    let families = [
        ("v2-family4", 0x41),
        ("v2-familyF", 0xf1),
        ("v2-transport3", 0x13),
        ("v2-transportF", 0x2f),
        ("v2-udp4-on-tcp", 0x12),
        ("v2-udp6-on-tcp", 0x22),
        ("v2-unix-stream", 0x31),
        ("v2-unix-datagram", 0x32),
        ("v2-unix-unspec-transport", 0x30),
        ("v2-inet-unspec-transport", 0x10),
        ("v2-inet6-unspec-transport", 0x20),
        ("v2-unspec-stream", 0x01),
        ("v2-unspec-datagram", 0x02),
    ];
    let vectors = families.map(|(name, family)| {
        let text = format!(
            "PROXY v2: family and transport 0x{family:02x} are neither TCP over IPv4 (0x11) or IPv6 (0x21) nor \
             unspecified (0x00)"
        );
        (name, header(0x21, family, &[0; 216]), refused(&text, 14))
    });

    check(&vectors);
}

// Rule 42: wrong, and never "incomplete".
#[test]
fn length_without_room_for_the_addresses_is_refused_at_once() {
    let short = |family, len, needed: u16, name| {
        let text =
            format!("PROXY v2: the length {len} has no room for addresses of {needed} bytes");
        (name, announcing(len, 0x21, family, &[]), refused(&text, 16))
    };

    check(&[
        short(0x11, 0, 12, "v2-tcp4-len0"),
        short(0x11, 11, 12, "v2-tcp4-len11"),
        short(0x21, 12, 36, "v2-tcp6-len12"),
        short(0x21, 35, 36, "v2-tcp6-len35"),
    ]);
}

// Rules 46 and 70: before a byte of it is buffered.
#[test]
fn header_over_the_limit_is_refused_when_it_announces_its_length() {
    let refused = |text: &str| Refused {
        metric: "too_long",
        text: text.to_owned(),
        after: 16,
    };

    check(&[
        (
            "v2-len-65535",
            announcing(65535, 0x21, 0x11, &V4),
            refused("the PROXY header takes 65551 bytes or more, 4096 are allowed"),
        ),
        (
            "v2-local-len-4081",
            announcing(4081, 0x20, 0x00, &[]),
            refused("the PROXY header takes 4097 bytes or more, 4096 are allowed"),
        ),
    ]);
}

// Rule 46: legal, if the limit allows it.
#[test]
fn longest_header_is_accepted_where_allowed() {
    let padding = 65535 - V4.len() - 3;
    let noop = [
        &[0x04][..],
        &u16::try_from(padding).unwrap().to_be_bytes(),
        &vec![0; padding],
    ]
    .concat();
    let bytes = header(0x21, 0x11, &[&V4[..], &noop].concat());
    let limits = Limits { max_len: 65551 };

    let header = parse(&bytes, &limits).unwrap().unwrap();

    assert_eq!((header.len, header.source), (65551, v4_source()));
    assert_eq!(parse(&bytes[..65550], &limits), Ok(None));
}

#[test]
fn header_of_exactly_the_limit_is_accepted() {
    let bytes = header(0x20, 0x00, &[0; 4080]);

    assert_eq!(parse_default(&bytes).unwrap().unwrap().len, 4096);
}

// Rules 13 and 51.
#[test]
fn bytes_after_the_header_are_payload() {
    let first = header(0x21, 0x11, &V4);
    let double = [&first[..], &header(0x21, 0x21, &V6)].concat();
    let followed_by_tlv = [&first[..], &[0x03, 0, 4, 1, 2, 3, 4]].concat();

    for (name, bytes) in [
        ("v2-double-header", double),
        ("v2-tlv-after-the-end", followed_by_tlv),
    ] {
        let header = parse_default(&bytes).unwrap().unwrap();

        assert_eq!(
            (header.len, header.source, header.tlvs.is_empty()),
            (28, v4_source(), true),
            "{name}"
        );
    }
}
