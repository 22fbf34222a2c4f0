//! Rules 15 to 21, and 28: the fields of the line of text.

use crate::vector::check;
use crate::version1::{named, refused};

// Rules 15 and 16.
#[test]
fn words_and_spaces_have_to_be_exact() {
    check(&named(vec![
        (
            "v1-tcp-lower",
            refused(
                "PROXY ",
                "tcp4 1.1.1.1",
                "PROXY v1: the family `tcp4` is not TCP4, TCP6 or UNKNOWN",
            ),
        ),
        (
            "v1-udp4",
            refused(
                "PROXY U",
                "DP4 1.1.1.1",
                "PROXY v1: the family `UDP4` is not TCP4, TCP6 or UNKNOWN",
            ),
        ),
        (
            "v1-unknownx",
            refused(
                "PROXY UNKNOWN",
                "X\r\n",
                "PROXY v1: the family `UNKNOWNX` is not TCP4, TCP6 or UNKNOWN",
            ),
        ),
        (
            "v1-no-family",
            refused(
                "PROXY ",
                "\r\n",
                "PROXY v1: the family `` is not TCP4, TCP6 or UNKNOWN",
            ),
        ),
        (
            "v1-double-space-1",
            refused(
                "PROXY ",
                " TCP4 1.1.1.1",
                "PROXY v1: the family `` is not TCP4, TCP6 or UNKNOWN",
            ),
        ),
        (
            "v1-double-space",
            refused(
                "PROXY TCP4 ",
                " 1.1.1.1",
                "PROXY v1: the source address `` is no IPv4 address",
            ),
        ),
        (
            "v1-double-space-3",
            refused(
                "PROXY TCP4 1.1.1.1 ",
                " 2.2.2.2",
                "PROXY v1: the destination address `` is no IPv4 address",
            ),
        ),
        (
            "v1-double-space-4",
            refused(
                "PROXY TCP4 1.1.1.1 2.2.2.2 ",
                " 1 2\r\n",
                "PROXY v1: the source port `` is no number from 0 to 65535 without sign and leading zeros",
            ),
        ),
        (
            "v1-tabs",
            refused(
                "PROXY TCP4 1.1.1.1",
                "\t2.2.2.2",
                "PROXY v1: byte 18 is 0x09, which no line of version 1 holds",
            ),
        ),
        (
            "v1-trailing-space",
            refused(
                "PROXY TCP4 1.1.1.1 2.2.2.2 1 2",
                " \r\n",
                "PROXY v1: byte 30 is 0x20 where CR LF is due",
            ),
        ),
        (
            "v1-extra-field",
            refused(
                "PROXY TCP4 1.1.1.1 2.2.2.2 1 2",
                " 3\r\n",
                "PROXY v1: byte 30 is 0x20 where CR LF is due",
            ),
        ),
        (
            "v1-missing-port",
            refused(
                "PROXY TCP4 1.1.1.1 2.2.2.2 1",
                "\r\n",
                "PROXY v1: byte 28 is 0x0d where a space is due",
            ),
        ),
        (
            "v1-missing-address",
            refused(
                "PROXY TCP4 1.1.1.1",
                "\r\n",
                "PROXY v1: byte 18 is 0x0d where a space is due",
            ),
        ),
    ]));
}

// Rules 17 and 20.
#[test]
fn ipv4_addresses_have_four_plain_octets() {
    check(&named(vec![
        (
            "v1-octet-leading-zero",
            refused(
                "PROXY TCP4 192.0.2.0",
                "1 ",
                "PROXY v1: the source address `192.0.2.01` is no IPv4 address",
            ),
        ),
        (
            "v1-octet-256",
            refused(
                "PROXY TCP4 192.0.2.25",
                "6 ",
                "PROXY v1: the source address `192.0.2.256` is no IPv4 address",
            ),
        ),
        (
            "v1-octets-3",
            refused(
                "PROXY TCP4 192.0.2",
                " 1",
                "PROXY v1: the source address `192.0.2` is no IPv4 address",
            ),
        ),
        (
            "v1-octets-5",
            refused(
                "PROXY TCP4 192.0.2.1",
                ".1 ",
                "PROXY v1: the source address `192.0.2.1.1` is no IPv4 address",
            ),
        ),
        (
            "v1-octet-empty",
            refused(
                "PROXY TCP4 192.",
                ".2.1 ",
                "PROXY v1: the source address `192..2.1` is no IPv4 address",
            ),
        ),
        (
            "v1-octet-hex",
            refused(
                "PROXY TCP4 0",
                "x7f.1 ",
                "PROXY v1: the source address `0x7f.1` is no IPv4 address",
            ),
        ),
        (
            "v1-v4-plus",
            refused(
                "PROXY TCP4 ",
                "+1.1.1.1 ",
                "PROXY v1: the source address `+1.1.1.1` is no IPv4 address",
            ),
        ),
        (
            "v1-fam-mismatch-46",
            refused(
                "PROXY TCP4 200",
                "1:db8::1 ",
                "PROXY v1: the source address `2001:db8::1` is no IPv4 address",
            ),
        ),
        (
            "v1-fam-mixed-4",
            refused(
                "PROXY TCP4 1.1.1.1 ",
                "::1 ",
                "PROXY v1: the destination address `::1` is no IPv4 address",
            ),
        ),
        (
            "v1-host-name",
            refused(
                "PROXY TCP4 ",
                "localhost ",
                "PROXY v1: the source address `localhost` is no IPv4 address",
            ),
        ),
    ]));
}

// Rules 18 and 20.
#[test]
fn ipv6_addresses_have_exactly_128_bits() {
    check(&named(vec![
        (
            "v1-v6-two-dcolons",
            refused(
                "PROXY TCP6 1::2:",
                ":3 ",
                "PROXY v1: the source address `1::2::3` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-three-colons",
            refused(
                "PROXY TCP6 1::",
                ":3 ",
                "PROXY v1: the source address `1:::3` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-9groups",
            refused(
                "PROXY TCP6 1:2:3:4:5:6:7:8",
                ":9 ",
                "PROXY v1: the source address `1:2:3:4:5:6:7:8:9` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-7groups",
            refused(
                "PROXY TCP6 1:2:3:4:5:6:7",
                " 1",
                "PROXY v1: the source address `1:2:3:4:5:6:7` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-5digits",
            refused(
                "PROXY TCP6 2001:0db8",
                "0::1 ",
                "PROXY v1: the source address `2001:0db80::1` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-brackets",
            refused(
                "PROXY TCP6 ",
                "[::1] ",
                "PROXY v1: the source address `[::1]` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-not-hex",
            refused(
                "PROXY TCP6 fe",
                "g0:: ",
                "PROXY v1: the source address `feg0::` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-prefix",
            refused(
                "PROXY TCP6 2001:db8::",
                "/32 ",
                "PROXY v1: the source address `2001:db8::/32` is no IPv6 address",
            ),
        ),
        (
            "v1-fam-mismatch-64",
            refused(
                "PROXY TCP6 192",
                ".0.2.1 ",
                "PROXY v1: the source address `192.0.2.1` is no IPv6 address",
            ),
        ),
        (
            "v1-fam-mixed",
            refused(
                "PROXY TCP6 ::1 192",
                ".0.2.1 ",
                "PROXY v1: the destination address `192.0.2.1` is no IPv6 address",
            ),
        ),
        (
            "v1-v6-mapped-octet-256",
            refused(
                "PROXY TCP6 ::ffff:1.2.3.25",
                "6 ",
                "PROXY v1: the source address `::ffff:1.2.3.256` is no IPv6 address",
            ),
        ),
    ]));
}

// Rules 18 and 28: the commonest mistake of BIG-IP rules is named.
#[test]
fn route_domain_is_named_with_its_remedy() {
    check(&named(vec![
        (
            "v1-route-domain",
            refused(
                "PROXY TCP4 192.0.2.1",
                "%1 198.51.100.7 1 2\r\n",
                "PROXY v1: the source address `192.0.2.1%1` carries a route domain or zone: let the load balancer cut \
                 it off at the `%` (in an iRule: getfield [IP::client_addr] \"%\" 1)",
            ),
        ),
        (
            "v1-route-domain-destination",
            refused(
                "PROXY TCP4 192.0.2.1 10.0.0.1",
                "%7 1 2\r\n",
                "PROXY v1: the destination address `10.0.0.1%7` carries a route domain or zone: let the load balancer \
                 cut it off at the `%` (in an iRule: getfield [IP::client_addr] \"%\" 1)",
            ),
        ),
        (
            "v1-v6-zone",
            refused(
                "PROXY TCP6 fe80::1",
                "%eth0 ::1 1 2\r\n",
                "PROXY v1: the source address `fe80::1%eth0` carries a route domain or zone: let the load balancer cut \
                 it off at the `%` (in an iRule: getfield [IP::client_addr] \"%\" 1)",
            ),
        ),
    ]));
}

// Rule 21.
#[test]
fn ports_are_plain_numbers_of_16_bits() {
    const LINE: &str = "PROXY TCP4 1.1.1.1 2.2.2.2 ";

    let source = |right: &str, rest: &str, port: &str| {
        let text = format!(
            "PROXY v1: the source port `{port}` is no number from 0 to 65535 without sign and leading zeros"
        );
        refused(&format!("{LINE}{right}"), rest, &text)
    };
    check(&named(vec![
        ("v1-port-leading-zero", source("0", "443 1\r\n", "0443")),
        ("v1-port-00", source("0", "0 1\r\n", "00")),
        ("v1-port-65536", source("6553", "6 1\r\n", "65536")),
        ("v1-port-6-digits", source("12345", "6 1\r\n", "123456")),
        ("v1-port-plus", source("", "+443 1\r\n", "+443")),
        ("v1-port-neg", source("", "-1 1\r\n", "-1")),
        ("v1-port-hex", source("1", "f 1\r\n", "1f")),
        (
            "v1-port-empty",
            refused(
                &format!("{LINE}1 "),
                "\r\n",
                "PROXY v1: the destination port `` is no number from 0 to 65535 without sign and leading zeros",
            ),
        ),
    ]));
}
