//! Scenarios that balance, right and wrong.

use std::path::Path;

use crate::scenario::Scenario;
use crate::stage::{Balancing, Via};

const GOOD: &str = r#"
title = "A killed gateway"
why   = "It happens."

[stage]
gateways         = 3
gateways-weights = [2, 1, 0]
fleet.reconnect  = true
dns              = { ttl = "2s", cache-keeps = "6s" }

[matrix]
balancing = ["api", "dns-ignore-ttl"]

[[step]]
do.connect = { over = "1s" }

[[step]]
do.weights = { gateways = [1, 1, 1] }

[[step]]
do.names = { answer = "servfail" }

[expect.balancing.every]
wasted-max = 3

[expect.balancing.dns-ignore-ttl]
imbalance-min = 1.5
"#;

#[test]
fn the_way_decides_whether_devices_pass_a_load_balancer() {
    let via = |ways: &str| {
        let text = format!(
            "title = \"T\"\nwhy = \"W\"\n[matrix]\nbalancing = {ways}\n[[step]]\ndo.connect = {{ over = \"1s\" }}\n"
        );
        let scenario = Scenario::parse(Path::new("a.toml"), text).unwrap();
        scenario
            .cells
            .iter()
            .map(|cell| (cell.stage.balancing, cell.stage.fleet.via))
            .collect::<Vec<_>>()
    };

    assert_eq!(
        via(r#"["api", "dns", "adc"]"#),
        [
            (Some(Balancing::Api), Via::Direct),
            (Some(Balancing::Dns), Via::Direct),
            (Some(Balancing::Adc), Via::Adc),
        ]
    );
}

#[test]
fn what_makes_no_sense_is_said_before_anything_starts() {
    assert!(Scenario::parse(Path::new("a.toml"), GOOD.to_owned()).is_ok());
    let cases = [
        (
            "\"dns-ignore-ttl\"]",
            "\"dns-ignore-tll\"]",
            "unknown word `dns-ignore-tll`",
        ),
        ("[2, 1, 0]", "[2, 1]", "2 weights for 3 gateways"),
        ("[2, 1, 0]", "[2, 1, 101]", "a weight is 0 to 100, not 101"),
        (
            "[1, 1, 1]",
            "[0, 0, 0]",
            "every weight is 0, so that no gateway can be chosen",
        ),
        (
            "balancing = [\"api\", \"dns-ignore-ttl\"]",
            "workgroups = [2]",
            "nobody would look at weights: the stage names no `balancing`",
        ),
        (
            "[\"api\", \"dns-ignore-ttl\"]",
            "[\"api\"]",
            "nobody would ask: no cell balances by names",
        ),
        ("\"servfail\"", "\"servfial\"", "unknown word `servfial`"),
        (
            "ttl = \"2s\"",
            "ttl = \"200ms\"",
            "DNS counts whole seconds",
        ),
        (
            "fleet.reconnect  = true",
            "fleet.addresses = \"ipv6\"",
            "this machine has one IPv6 loopback address, and a name needs one for each gateway",
        ),
        (
            "balancing.dns-ignore-ttl]",
            "balancing.adc]",
            "`adc` would prove nothing: no cell balances so",
        ),
        (
            "balancing.dns-ignore-ttl]",
            "balancing.dns-ignore]",
            "unknown key `dns-ignore`",
        ),
        ("wasted-max", "wasted-most", "unknown key `wasted-most`"),
    ];
    let relayed = (
        "fleet.reconnect  = true",
        "relay = true",
        "a name leads to addresses on one port, and each relay has a port of its own",
    );
    for (right, wrong, what) in cases.into_iter().chain([relayed]) {
        assert!(GOOD.contains(right), "{right}");
        let text = GOOD.replacen(right, wrong, 1);
        let error = Scenario::parse(Path::new("a.toml"), text).unwrap_err();
        assert_eq!(first_line(&error.to_string()), what, "{wrong}");
    }
}

#[test]
fn bounds_that_nothing_could_break_are_refused() {
    let still = GOOD
        .replace("[[step]]\ndo.weights = { gateways = [1, 1, 1] }\n", "")
        .replace("[[step]]\ndo.names = { answer = \"servfail\" }\n", "");
    let through_adc = GOOD
        .replace("\"api\"", "\"adc\"")
        .replace("wasted-max = 3", "known-dead-max = 0");

    let error = |text: &str| {
        let error = Scenario::parse(Path::new("a.toml"), text.to_owned()).unwrap_err();
        first_line(&error.to_string()).to_owned()
    };

    assert_eq!(
        error(&still),
        "`wasted-max` would prove nothing: no step kills, drains, freezes, takes out or weighs a gateway"
    );
    assert_eq!(
        error(&through_adc),
        "through a load balancer devices see one address, and know of no dead one"
    );
}

/// The complaint without its place.
fn first_line(error: &str) -> &str {
    let line = error.lines().next().unwrap_or_default();
    line.split_once(": ").map_or(line, |(_, what)| what)
}
