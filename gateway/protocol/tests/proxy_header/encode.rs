//! Rules 9, 26, 29, 48, 55 and 68: what our own load balancer sends.

use gateway_protocol::proxy_header::{
    EncodeError, Tlv, encode_v1, encode_v2, encode_v2_local, kind,
};

use crate::version2::{SIGNATURE, V4, V6, header};

fn line(client: &str, destination: &str) -> String {
    String::from_utf8(encode_v1(
        client.parse().unwrap(),
        destination.parse().unwrap(),
    ))
    .unwrap()
}

#[test]
fn lines_are_canonical() {
    assert_eq!(
        line("192.0.2.1:56324", "198.51.100.7:443"),
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
    );
    assert_eq!(
        line("[2001:DB8::0:1]:1", "[::1]:0"),
        "PROXY TCP6 2001:db8::1 ::1 1 0\r\n"
    );
    assert_eq!(
        line("[fe80::1%7]:1", "[::1]:2"),
        "PROXY TCP6 fe80::1 ::1 1 2\r\n"
    );
}

// Rule 29; a mixture is what BIG-IP's bare [IP::client_addr] makes of it.
#[test]
fn family_is_that_of_the_client() {
    assert_eq!(
        line("[::ffff:192.0.2.1]:1", "198.51.100.7:2"),
        "PROXY TCP4 192.0.2.1 198.51.100.7 1 2\r\n"
    );
    assert_eq!(
        line("[2001:db8::1]:1", "198.51.100.7:2"),
        "PROXY TCP6 2001:db8::1 ::ffff:198.51.100.7 1 2\r\n"
    );
    assert_eq!(
        line("192.0.2.1:1", "[2001:db8::1]:2"),
        "PROXY TCP4 192.0.2.1 0.0.0.0 1 2\r\n"
    );
}

#[test]
fn binary_headers_are_as_written_by_hand() {
    let v4 = encode_v2(
        "192.0.2.1:56324".parse().unwrap(),
        "198.51.100.7:443".parse().unwrap(),
        &[],
        false,
    );
    let v6 = encode_v2(
        "[2001:db8::1]:56324".parse().unwrap(),
        "[2001:db8::2]:443".parse().unwrap(),
        &[],
        false,
    );

    assert_eq!(v4.unwrap(), header(0x21, 0x11, &V4));
    assert_eq!(v6.unwrap(), header(0x21, 0x21, &V6));
}

#[test]
fn checksum_comes_first_and_covers_what_follows() {
    let tlvs = [Tlv::new(kind::ALPN, b"h2")];

    let bytes = encode_v2(
        "192.0.2.1:56324".parse().unwrap(),
        "198.51.100.7:443".parse().unwrap(),
        &tlvs,
        true,
    );

    let block = [
        &V4[..],
        &[3, 0, 4, 0x7e, 0x56, 0xa1, 0x89, 1, 0, 2, b'h', b'2'],
    ]
    .concat();
    assert_eq!(bytes.unwrap(), header(0x21, 0x11, &block));
}

#[test]
fn checks_of_our_own_are_local_and_empty() {
    assert_eq!(
        encode_v2_local(&[], false).unwrap(),
        [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat()
    );
    assert_eq!(
        encode_v2_local(&[], true).unwrap(),
        [
            &SIGNATURE[..],
            &[0x20, 0, 0, 7, 3, 0, 4, 0xa9, 0xb8, 0x7e, 0x8f]
        ]
        .concat()
    );
}

#[test]
fn tlvs_that_make_no_header_are_refused() {
    let long = vec![0; 65536];
    let half = vec![0; 40000];

    assert_eq!(
        encode_v2_local(&[Tlv::new(kind::NOOP, &long)], false),
        Err(EncodeError::TooLong { len: 65536 })
    );
    assert_eq!(
        encode_v2_local(
            &[Tlv::new(kind::NOOP, &half), Tlv::new(kind::NOOP, &half)],
            false
        ),
        Err(EncodeError::TooLong { len: 80006 })
    );
    assert_eq!(
        encode_v2_local(&[Tlv::new(kind::CRC32C, &[0; 4])], true),
        Err(EncodeError::GivenChecksum)
    );
}
