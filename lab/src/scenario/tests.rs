//! Scenario files as people write them, right and wrong.

use std::path::Path;

use super::*;
use crate::stage::{PortModel, ProxyRule};

const GOOD: &str = r#"
title = "Even ports fill every workgroup"
why   = "Linux hands out ports of one parity."

[stage]
connection-offload = true
fleet.devices      = 2000
listener           = { proxy-protocol = "required" }

[matrix]
workgroups     = [4, 64]
adc.snat-ports = ["linux-connect", "range"]

[[step]]
note       = "everybody comes"
do.connect = { over = "2s" }

[expect]
spread = "even"
"#;

#[test]
fn a_matrix_multiplies_into_named_cells_in_the_order_of_the_file() {
    let scenario = parse(GOOD).unwrap();

    let cells: Vec<_> = scenario
        .cells
        .iter()
        .map(|cell| {
            (
                cell.name.as_str(),
                cell.stage.workgroups,
                cell.stage.adc.snat_ports,
            )
        })
        .collect();
    assert_eq!(
        cells,
        [
            (
                "workgroups=4 adc.snat-ports=linux-connect",
                4,
                PortModel::LinuxConnect
            ),
            ("workgroups=4 adc.snat-ports=range", 4, PortModel::Range),
            (
                "workgroups=64 adc.snat-ports=linux-connect",
                64,
                PortModel::LinuxConnect
            ),
            ("workgroups=64 adc.snat-ports=range", 64, PortModel::Range),
        ]
    );
}

#[test]
fn what_is_not_written_has_its_default_in_every_cell() {
    let stage = &parse(GOOD).unwrap().cells[0].stage;

    assert_eq!(stage.fleet.devices, 2000);
    assert_eq!(stage.listener.proxy_protocol, ProxyRule::Required);
    assert_eq!(stage.listener.trusted, Stage::default().listener.trusted);
    assert_eq!(stage.kafka, Stage::default().kafka);
}

#[test]
fn a_scenario_without_a_matrix_is_one_nameless_cell() {
    let text = GOOD.replace(
        "[matrix]\nworkgroups     = [4, 64]\nadc.snat-ports = [\"linux-connect\", \"range\"]\n",
        "",
    );

    let cells = parse(&text).unwrap().cells;

    assert_eq!(cells.len(), 1);
    assert_eq!(cells[0].name, "");
}

#[test]
fn a_misspelt_key_gets_the_nearest_right_word() {
    assert_eq!(
        complaint("connection-offload = true", "conection-offload = true"),
        "a.toml:6:1: unknown key `conection-offload`\n  |\n6 | conection-offload = true\n  | ^^^^^^^^^^^^^^^^^ did you mean `connection-offload`?"
    );
}

#[test]
fn a_wrong_verb_gets_a_caret_and_the_nearest_right_one() {
    assert_eq!(
        complaint(
            "do.connect = { over = \"2s\" }",
            "do.conect = { over = \"2s\" }"
        ),
        "a.toml:16:4: unknown word `conect`\n   |\n16 | do.conect = { over = \"2s\" }\n   |    ^^^^^^ did you mean `connect`?"
    );
    let strange = complaint(
        "do.connect = { over = \"2s\" }",
        "do.explode = { over = \"2s\" }",
    );
    assert!(
        strange.contains("   |    ^^^^^^^ known here: connect, disconnect, subscribe, "),
        "{strange}"
    );
}

#[test]
fn a_wrong_value_is_shown_where_it_stands() {
    assert_eq!(
        complaint("over = \"2s\"", "over = \"2 sec\""),
        "a.toml:16:23: \"2 sec\" is no duration; write a number and a unit, such as \"5s\" or \"200ms\" (us, ms, s, m, h)\n   |\n16 | do.connect = { over = \"2 sec\" }\n   |                       ^^^^^^^"
    );
    assert_eq!(
        complaint("fleet.devices      = 2000", "fleet.devices      = 0"),
        "a.toml:7:22: `devices` takes 1 to 1000000, not 0\n  |\n7 | fleet.devices      = 0\n  |                      ^"
    );
}

#[test]
fn a_wrong_choice_of_the_matrix_is_shown_in_the_matrix() {
    assert_eq!(
        complaint(
            "[\"linux-connect\", \"range\"]",
            "[\"linux-connect\", \"rnage\"]"
        ),
        "a.toml:12:36: unknown word `rnage`\n   |\n12 | adc.snat-ports = [\"linux-connect\", \"rnage\"]\n   |                                    ^^^^^^^ did you mean `range`?"
    );
    assert_eq!(
        complaint("workgroups     = [4, 64]", "workgroup      = [4, 64]"),
        "a.toml:11:1: unknown key `workgroup`\n   |\n11 | workgroup      = [4, 64]\n   | ^^^^^^^^^ did you mean `workgroups`?"
    );
    assert_eq!(
        complaint("[4, 64]", "4"),
        "a.toml:11:18: a matrix key lists what it takes\n   |\n11 | workgroups     = 4\n   |                  ^ write it as [value, …]"
    );
    assert_eq!(
        complaint("[4, 64]", "[4, 0]"),
        "a.toml:11:18: `workgroups` takes 1 to 1024, not 0\n   |\n11 | workgroups     = [4, 0]\n   |                  ^^^^^^"
    );
}

#[test]
fn a_bound_that_nothing_could_break_is_refused() {
    assert_eq!(
        complaint("spread = \"even\"", "lost-max = 0"),
        "a.toml:19:12: `lost-max` would prove nothing: no step does produce or publish\n   |\n19 | lost-max = 0\n   |            ^"
    );
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_place() {
    let text = complaint("[expect]", "[expect");

    assert!(text.starts_with("a.toml:18:8: "), "{text}");
}

/// The complaint about [`GOOD`] with one thing changed.
fn complaint(right: &str, wrong: &str) -> String {
    assert!(GOOD.contains(right), "{right}");
    parse(&GOOD.replacen(right, wrong, 1))
        .unwrap_err()
        .to_string()
}

fn parse(text: &str) -> Result<Scenario, Complaint> {
    Scenario::parse(Path::new("a.toml"), text.to_owned())
}

#[test]
fn what_cannot_happen_to_a_gateway_is_said_before_anything_starts() {
    let first = |steps: &str| {
        let text = GOOD.replace(
            "[expect]\nspread = \"even\"\n",
            &format!("{steps}\n[expect]\nspread = \"even\"\n"),
        );
        let error = parse(&text).unwrap_err().to_string();
        error.lines().next().unwrap_or_default().to_owned()
    };

    for (steps, complaint) in [
        (
            "[[step]]\ndo.start = { gateway = 0 }",
            "gateway 0 is up at this step, `start` needs one that is gone",
        ),
        (
            "[[step]]\ndo.kill = { gateway = 0 }\n[[step]]\ndo.drain = { gateway = 0 }",
            "gateway 0 is gone at this step, `drain` needs one that is up",
        ),
        (
            "[[step]]\ndo.thaw = { gateway = 0 }",
            "gateway 0 is up at this step, `thaw` needs one that is frozen",
        ),
        (
            "[[step]]\ndo.kill = { gateway = 7 }",
            "`gateway` takes 0 to 0, not 7",
        ),
        (
            "[[step]]\ndo.publish = { messages = 1, over = \"1s\", meanwhile = true }",
            "no later step waits for the end of this",
        ),
    ] {
        let said = first(steps);
        assert!(said.ends_with(complaint), "{steps}: {said}");
    }
}

#[test]
fn a_bound_on_recovery_needs_something_broken_and_devices_that_come_back() {
    let first = |text: &str| {
        let error = parse(text).unwrap_err().to_string();
        error.lines().next().unwrap_or_default().to_owned()
    };
    let bounded = GOOD.replace("spread = \"even\"", "caught-up-within = \"5s\"");
    let broken = bounded.replace("[expect]", "[[step]]\ndo.kill = { gateway = 0 }\n[expect]");

    assert!(
        first(&bounded)
            .ends_with("`caught-up-within` would prove nothing: no step breaks anything"),
        "{}",
        first(&bounded)
    );
    assert!(
        first(&broken)
            .ends_with("`caught-up-within` is about devices that come back, and these stay away"),
        "{}",
        first(&broken)
    );
}

#[test]
fn the_network_is_broken_only_where_something_stands() {
    let first = |steps: &str| {
        let text = GOOD.replace("[expect]", &format!("{steps}\n[expect]"));
        let error = parse(&text).unwrap_err().to_string();
        error.lines().next().unwrap_or_default().to_owned()
    };

    for (steps, complaint) in [
        (
            "[[step]]\ndo.line = { gateway = 0, delay = \"1s\" }",
            "`line` needs a relay before the gateways",
        ),
        (
            "[[step]]\ndo.tamper = { gateway = 0, mischief = [\"drop\"] }",
            "`tamper` needs a relay before the gateways",
        ),
        (
            "[[step]]\ndo.adc = { fault = \"fail-over\", gateway = 0 }",
            "`fail-over` happens to everything",
        ),
    ] {
        let said = first(steps);
        assert!(said.ends_with(complaint), "{steps}: {said}");
    }
}

#[test]
fn what_cannot_happen_to_kafka_is_said_before_anything_starts() {
    let first = |steps: &str, expect: &str| {
        let text = GOOD.replace(
            "[expect]\nspread = \"even\"\n",
            &format!("[[step]]\ndo.subscribe = {{ over = \"1s\" }}\n[[step]]\n{steps}\n[expect]\n{expect}\n"),
        );
        let error = parse(&text).unwrap_err().to_string();
        error.lines().next().unwrap_or_default().to_owned()
    };

    for (step, complaint) in [
        (
            "do.kafka.kill-brokr = { broker = 1 }",
            "unknown word `kill-brokr`",
        ),
        (
            "do.kafka.kill-broker = { broker = 2 }",
            "`broker` takes 1 to 1, not 2",
        ),
        (
            "do.kafka.move-leaders = { to = 0 }",
            "`to` takes 1 to 1, not 0",
        ),
        (
            "do.kafka.add-partitions = { total = 3 }",
            "`total` takes 4 to 1000, not 3",
        ),
        (
            "do.kafka.delay-broker = { broker = 1, by = \"40s\" }",
            "`by` takes at most 30s, not 40s",
        ),
        (
            "do.kafka.unclean-election = { partition = 0 }",
            "an unclean election takes two replicas on three brokers: the third keeps one of the two company",
        ),
        (
            "do.produce = { records = 1, rate = \"1/s\", odd = \"null-keys\" }",
            "such records reach nobody: no device has subscribed to the whole topic",
        ),
    ] {
        let said = first(step, "");
        assert!(said.ends_with(complaint), "{step}: {said}");
    }
    let said = first(
        "do.publish = { messages = 1, over = \"1s\" }",
        "publishes-refused = { record-to-large = 1 }",
    );
    assert!(
        said.ends_with("no gateway refuses with \"record-to-large\""),
        "{said}"
    );
}

#[test]
fn what_does_not_go_together_before_the_gateways_is_said() {
    let listener = "listener           = { proxy-protocol = \"required\" }";
    for (right, wrong, wanted) in [
        (
            listener,
            "adc.snat-ports-each = 5",
            "only a range of ports can be cut short",
        ),
        (
            listener,
            "adc.drain-closes = true",
            "a load balancer sees WebSockets only where it ends TLS",
        ),
        (
            listener,
            "adc.slow-ramp = \"16m\"",
            "`slow-ramp` takes at most 900s, not 960s",
        ),
        (
            "spread = \"even\"",
            "connected = \"as-on-gateways\"",
            "nothing says how many devices are to be connected",
        ),
    ] {
        let said = complaint(right, wrong);
        assert!(said.contains(wanted), "{wrong}: {said}");
    }
}
