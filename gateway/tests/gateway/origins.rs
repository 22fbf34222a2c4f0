//! Whose web pages may connect.

use crate::support::gateway::Setup;
use crate::support::raw::Raw;
use crate::support::{Gateway, Kafka, eventually};

#[test]
fn pages_of_other_origins_are_refused_before_the_upgrade_and_counted() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener("origins = [\"https://app.example\"]")
        .ready(&kafka);
    let page = |origin: &str| Raw::ask(gateway.address(), &format!("Origin: {origin}\r\n"));

    let refused = page("https://app.example.evil");
    assert!(
        refused.head.starts_with("HTTP/1.1 403 "),
        "{}",
        refused.head
    );
    eventually("the refusal is counted", || {
        gateway.metric("tidegate_refused_total{reason=\"origin\"}") == 1.0
    });

    assert!(page("https://app.example").is_open());
    // Devices that are no browsers say nothing about origins.
    assert!(Raw::ask(gateway.address(), "").is_open());
}

#[test]
fn without_a_list_every_page_may_connect() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);

    assert!(Raw::ask(gateway.address(), "Origin: https://any.example\r\n").is_open());
}
