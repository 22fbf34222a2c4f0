//! Whether a load balancer that ends TLS spares the gateways their part of the handshake: a cell against the one where they end it themselves.

use lab_record::cost::Costs;
use lab_record::run::{Cell, Expectation};

use super::answer;
use crate::scenario::expect::offload::Offload;

/// The cell where the load balancer ends TLS against those that were played before it; nothing for every other cell.
pub(crate) fn judge(bounds: &Offload, before: &[Cell], cell: &Cell) -> Option<Expectation> {
    if !ends_at(cell, "adc") {
        return None;
    }
    let name = "offload";
    let wanted = format!(
        "a handshake takes the gateways at most {} times the processor time that it takes where they end TLS themselves",
        bounds.handshake_max
    );
    let of = |cell: &Cell| Costs::of(&cell.events).gateway_per_handshake_us;
    let own = before.iter().find(|cell| ends_at(cell, "gateway"));
    let (Some(own), Some(spared)) = (own.and_then(of).filter(|us| *us > 0.0), of(cell)) else {
        let mut answer = answer(name, wanted, "there is nothing to compare with", None);
        answer.cause = Some(
            "the cell in which gateways end TLS is wanted: play all cells of the file in one run, without --cell"
                .to_owned(),
        );
        return Some(answer);
    };
    let ratio = spared / own;
    let held = ratio <= bounds.handshake_max;
    let measured = format!("{spared:.0} µs instead of {own:.0} µs, {ratio:.2} times as much");
    let mut answer = answer(name, wanted, measured, Some(held));
    answer.cause = (!held).then(|| {
        "gateways that end no TLS should be spared its key exchange; with few handshakes or on a busy machine other work hides that: connect more devices"
            .to_owned()
    });
    Some(answer)
}

fn ends_at(cell: &Cell, end: &str) -> bool {
    cell.stage.get("tls").and_then(|tls| tls.as_str()) == Some(end)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOUNDS: Offload = Offload { handshake_max: 0.8 };

    #[test]
    fn what_is_spared_holds_and_what_is_not_breaks() {
        let own = cell("gateway", 100);
        let held = |ms| {
            judge(&BOUNDS, std::slice::from_ref(&own), &cell("adc", ms))
                .unwrap()
                .held
        };

        assert_eq!(held(50), Some(true));
        assert_eq!(held(80), Some(true));
        assert_eq!(held(81), Some(false));
    }

    #[test]
    fn only_the_load_balancer_s_cell_is_judged_and_alone_it_decides_nothing() {
        let own = cell("gateway", 100);

        assert_eq!(judge(&BOUNDS, &[], &own), None);
        assert_eq!(
            judge(&BOUNDS, std::slice::from_ref(&own), &cell("none", 10)),
            None
        );
        let alone = judge(&BOUNDS, &[cell("none", 10)], &cell("adc", 50)).unwrap();
        assert_eq!(alone.held, None);
        assert!(alone.cause.unwrap().contains("--cell"));
    }

    /// A cell in which a hundred devices connected, and the gateway used so much.
    fn cell(tls: &str, cpu_ms: u64) -> Cell {
        let usage = |after: &str, connected: u64, cpu_ms: u64| {
            json!({"at_ms":1,"kind":"usage","after":after,"connected":connected,
                "processes":{"gateway-0":{"cpu_ms":cpu_ms,"rss_bytes":1}}})
        };
        serde_json::from_value(json!({
            "name":"","stage":{"tls":tls},"verdict":"pass","expectations":[],"workgroups":[],
            "providers":{"kafka":"embedded","adc":"builtin","fleet":"loopback"},
            "events":[usage("stage-up", 0, 0), usage("connect", 100, cpu_ms)],
            "series":[],"histograms":[],"took_ms":1,
        }))
        .unwrap()
    }
}
