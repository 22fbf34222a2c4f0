//! Rules 49 to 70: what follows the addresses.

use gateway_protocol::proxy_header::{HeaderError, LocalKind, Tlv, TlvError, Tlvs, Version, kind};

use crate::vector::Expected::{Accepted, Refused};
use crate::vector::{Expected, check, local, parse_default};
use crate::version2::{V4, V6, header, v4_source, v6_source};

fn v4_with(tlvs: &[&[u8]]) -> Vec<u8> {
    header(0x21, 0x11, &[&V4[..], &tlvs.concat()].concat())
}

/// A type and its value.
fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [
        &[kind][..],
        &u16::try_from(value.len()).unwrap().to_be_bytes(),
        value,
    ]
    .concat()
}

fn accepted() -> Expected {
    Accepted(Version::V2, v4_source())
}

/// TLVs are judged once the header is complete.
fn refused(bytes: Vec<u8>, text: &str) -> (Vec<u8>, Expected) {
    let after = bytes.len();
    (
        bytes,
        Refused {
            metric: "bad_v2",
            text: text.to_owned(),
            after,
        },
    )
}

fn tlvs_of(bytes: &[u8]) -> Tlvs {
    parse_default(bytes).unwrap().unwrap().tlvs
}

// Rules 49, 52, 59, 60 and 66 to 69.
#[test]
fn tlvs_of_any_type_are_accepted() {
    check(&[
        ("v2-tlv-unknown", v4_with(&[&tlv(0x66, b"x")]), accepted()),
        ("v2-tlv-type0", v4_with(&[&tlv(0x00, b"")]), accepted()),
        (
            "v2-tlv-application",
            v4_with(&[&tlv(0xea, b"\x01vpce-1")]),
            accepted(),
        ),
        (
            "v2-tlv-experimental",
            v4_with(&[&tlv(0xf0, b"x"), &tlv(0xf7, b"")]),
            accepted(),
        ),
        ("v2-tlv-future", v4_with(&[&tlv(0xff, b"x")]), accepted()),
        ("v2-tlv-noop0", v4_with(&[&tlv(0x04, b"")]), accepted()),
        (
            "v2-tlv-noop5",
            v4_with(&[&tlv(0x04, b"\0\0\0\0\0")]),
            accepted(),
        ),
        (
            "v2-tlv-uid128",
            v4_with(&[&tlv(0x05, &[7; 128])]),
            accepted(),
        ),
        (
            "v2-tlv-duplicate",
            v4_with(&[&tlv(0x01, b"h2"), &tlv(0x01, b"http/1.1")]),
            accepted(),
        ),
        (
            "v2-tlv-authority-not-utf8",
            v4_with(&[&tlv(0x02, b"\xff\xfe")]),
            accepted(),
        ),
    ]);
}

// Rules 50, 60 and 61.
#[test]
fn tlvs_that_do_not_fit_are_refused() {
    let ssl = |inside: &[u8]| tlv(0x20, &[&[1, 0, 0, 0, 0], inside].concat());
    let vectors = [
        (
            "v2-tlv-overrun",
            refused(
                v4_with(&[&[0x01, 0, 3, b'h', b'2']]),
                "PROXY v2: the TLV at byte 28 runs past the end of the header",
            ),
        ),
        (
            "v2-tlv-1byte",
            refused(
                v4_with(&[&[0x04]]),
                "PROXY v2: the TLV at byte 28 runs past the end of the header",
            ),
        ),
        (
            "v2-tlv-2bytes",
            refused(
                v4_with(&[&[0x04, 0]]),
                "PROXY v2: the TLV at byte 28 runs past the end of the header",
            ),
        ),
        (
            "v2-tlv-dangling",
            refused(
                v4_with(&[&tlv(0x01, b"h2"), &[0]]),
                "PROXY v2: the TLV at byte 33 runs past the end of the header",
            ),
        ),
        (
            "v2-tlv-uid129",
            refused(
                v4_with(&[&tlv(0x05, &[7; 129])]),
                "PROXY v2: the UNIQUE_ID TLV has 129 bytes, 128 are allowed",
            ),
        ),
        (
            "v2-tlv-ssl-short4",
            refused(
                v4_with(&[&tlv(0x20, &[1, 0, 0, 0])]),
                "PROXY v2: the inside of the SSL TLV, 4 bytes, does not fit",
            ),
        ),
        (
            "v2-tlv-ssl-subtlv-overrun",
            refused(
                v4_with(&[&ssl(&[0x21, 0, 9, b'T'])]),
                "PROXY v2: the inside of the SSL TLV, 9 bytes, does not fit",
            ),
        ),
        (
            "v2-tlv-ssl-subtlv-dangling",
            refused(
                v4_with(&[&ssl(&[0x21])]),
                "PROXY v2: the inside of the SSL TLV, 6 bytes, does not fit",
            ),
        ),
    ];

    check(&vectors.map(|(name, (bytes, expected))| (name, bytes, expected)));
}

/// A checksum TLV.
fn crc(checksum: u32) -> Vec<u8> {
    tlv(0x03, &checksum.to_be_bytes())
}

// Rules 55 and 58. The checksums come from another program (a bitwise CRC32c that answers 0xe3069283 to "123456789").
#[test]
fn right_checksums_are_accepted() {
    let v6 = header(0x21, 0x21, &[&V6[..], &crc(0x95b3_793a)].concat());
    let local_with_address = header(0x20, 0x11, &[&V4[..], &crc(0xa189_e181)].concat());

    check(&[
        ("v2-crc-ok", v4_with(&[&crc(0xd45a_11b9)]), accepted()),
        ("v2-crc-v6", v6, Accepted(Version::V2, v6_source())),
        (
            "v2-crc-notlast",
            v4_with(&[&crc(0x7e56_a189), &tlv(0x01, b"h2")]),
            accepted(),
        ),
        // Rule 34: what HAProxy's checks send.
        (
            "v2-local-crc",
            header(0x20, 0x00, &crc(0xa9b8_7e8f)),
            Accepted(Version::V2, local(LocalKind::Local)),
        ),
        (
            "v2-local-addr-crc",
            local_with_address,
            Accepted(Version::V2, local(LocalKind::Local)),
        ),
    ]);
}

// Rules 56 to 58.
#[test]
fn wrong_checksums_are_refused() {
    let wrong = |bytes: Vec<u8>, text: &str| {
        let after = bytes.len();
        (
            bytes,
            Refused {
                metric: "crc",
                text: text.to_owned(),
                after,
            },
        )
    };
    let vectors = [
        (
            "v2-crc-bad",
            wrong(
                v4_with(&[&crc(0xd45a_11b8)]),
                "PROXY v2: the checksum is 0xd45a11b8, the header's bytes give 0xd45a11b9",
            ),
        ),
        (
            "v2-local-crc-bad",
            wrong(
                header(0x20, 0x00, &crc(0)),
                "PROXY v2: the checksum is 0x00000000, the header's bytes give 0xa9b87e8f",
            ),
        ),
        (
            "v2-crc-len3",
            refused(
                v4_with(&[&tlv(0x03, &[1, 2, 3])]),
                "PROXY v2: the CRC32C TLV has 3 bytes, not 4",
            ),
        ),
        (
            "v2-local-crc-len5",
            refused(
                header(0x20, 0x00, &tlv(0x03, &[0; 5])),
                "PROXY v2: the CRC32C TLV has 5 bytes, not 4",
            ),
        ),
        (
            "v2-crc-twice",
            refused(
                v4_with(&[&crc(1), &crc(1)]),
                "PROXY v2: there is more than one CRC32C TLV",
            ),
        ),
        (
            "v2-local-crc-twice",
            refused(
                header(0x20, 0x00, &[crc(1), crc(1)].concat()),
                "PROXY v2: there is more than one CRC32C TLV",
            ),
        ),
    ];

    check(&vectors.map(|(name, (bytes, expected))| (name, bytes, expected)));
}

#[test]
fn verified_checksum_can_be_read() {
    assert_eq!(
        tlvs_of(&v4_with(&[&crc(0xd45a_11b9)])).crc32c(),
        Some(0xd45a_11b9)
    );
}

// Rule 54.
#[test]
fn authority_that_is_not_utf8_is_taken_for_absent() {
    assert_eq!(
        tlvs_of(&v4_with(&[&tlv(0x02, b"\xff\xfe")])).authority(),
        None
    );
}

#[test]
fn known_tlvs_have_typed_values() {
    let tlvs = tlvs_of(&v4_with(&[
        &tlv(0x01, b"h2"),
        &tlv(0x02, "gateway.example".as_bytes()),
        &tlv(0x04, &[0; 3]),
        &tlv(0x05, &[1, 2, 3]),
        &tlv(0x30, b"blue"),
    ]));

    assert_eq!(tlvs.alpn(), Some(&b"h2"[..]));
    assert_eq!(tlvs.authority(), Some("gateway.example"));
    assert_eq!(tlvs.unique_id(), Some(&[1, 2, 3][..]));
    assert_eq!(tlvs.netns(), Some("blue"));
    assert_eq!(tlvs.ssl(), None);
    assert_eq!(tlvs.crc32c(), None);
    assert_eq!(tlvs.iter().nth(2), Some(Tlv::new(kind::NOOP, &[0; 3])));
    assert_eq!(tlvs.iter().count(), 5);
}

// Rule 69.
#[test]
fn first_of_equal_tlvs_wins() {
    assert_eq!(
        tlvs_of(&v4_with(&[&tlv(0x01, b"h2"), &tlv(0x01, b"h3")])).alpn(),
        Some(&b"h2"[..])
    );
}

// Rules 61 to 64.
#[test]
fn ssl_tlv_tells_of_the_clients_tls() {
    let inside = [
        &[0x05, 0, 0, 0, 0][..],
        &tlv(0x21, b"TLSv1.3"),
        &tlv(0x22, b"device-7"),
        &tlv(0x23, b"TLS_AES_128_GCM_SHA256"),
        &tlv(0x26, b"X25519"),
        &tlv(0x28, b"DER"),
    ]
    .concat();
    let tlvs = tlvs_of(&v4_with(&[&tlv(0x20, &inside)]));
    let ssl = tlvs.ssl().unwrap();

    assert!(ssl.is_tls() && ssl.certificate_in_session() && ssl.is_verified());
    assert!(!ssl.certificate_on_connection());
    assert_eq!(ssl.version(), Some("TLSv1.3"));
    assert_eq!(ssl.common_name(), Some("device-7"));
    assert_eq!(ssl.cipher(), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!(ssl.first(kind::SSL_GROUP), Some(&b"X25519"[..]));
    assert_eq!(ssl.first(kind::SSL_CLIENT_CERTIFICATE), Some(&b"DER"[..]));
}

// Rule 62: nothing was presented, so nothing was verified.
#[test]
fn zero_verify_without_a_certificate_verifies_nothing() {
    let without = tlvs_of(&v4_with(&[&tlv(0x20, &[0x01, 0, 0, 0, 0])]));
    let failed = tlvs_of(&v4_with(&[&tlv(0x20, &[0x03, 0, 0, 0, 1])]));

    assert!(!without.ssl().unwrap().is_verified());
    assert!(!failed.ssl().unwrap().is_verified());
}

#[test]
fn tlvs_of_a_local_header_are_kept_if_they_are_some() {
    assert_eq!(
        tlvs_of(&header(0x20, 0x00, &tlv(0x02, b"a.example"))).authority(),
        Some("a.example")
    );
    assert!(tlvs_of(&header(0x20, 0x00, b"\xff\xff\xff")).is_empty());
    assert_eq!(
        parse_default(&header(0x20, 0x00, b"\xff\xff\xff"))
            .unwrap()
            .unwrap()
            .source,
        local(LocalKind::Local)
    );
}

#[test]
fn tlv_error_is_reachable_by_type() {
    let error = parse_default(&v4_with(&[&[0x04]])).unwrap_err();

    assert_eq!(error, HeaderError::Tlv(TlvError::Overrun { at: 28 }));
}
