//! Whether more gateways carry the same fleet at the same cost: a cell against the one with the fewest gateways.

use lab_record::run::{Cell, Expectation};
use lab_record::upkeep::Upkeep;

use super::answer;
use crate::scenario::expect::linear::Linear;

/// Two readings of one log differ by what was written between them: the lab's own marks, and no more than this share.
const SAME_BYTES: f64 = 0.05;

/// A cell against those that were played before it; nothing for the first of several, which the others are compared with.
pub(crate) fn judge(
    bounds: &Linear,
    before: &[Cell],
    cell: &Cell,
    others_follow: bool,
) -> Option<Expectation> {
    let wanted = format!(
        "per device at most {} times the processor time and {} times the memory that the fewest gateways take, and every gateway reads the same bytes of the log within {} %",
        bounds.processor_max,
        bounds.memory_max,
        SAME_BYTES * 100.0
    );
    let name = "linear";
    let fewest = before
        .iter()
        .filter_map(Upkeep::of)
        .min_by_key(|of| of.gateways);
    let (Some(fewest), Some(this)) = (fewest, Upkeep::of(cell)) else {
        if before.is_empty() && others_follow {
            return None;
        }
        let mut answer = answer(name, wanted, "there is nothing to compare with", None);
        answer.cause = Some("figures of a cell with fewer gateways are wanted: play all cells of the file in one run, without --cell".to_owned());
        return Some(answer);
    };
    let processor = this.processor_us / fewest.processor_us.max(f64::MIN_POSITIVE);
    let memory = this.memory_bytes / fewest.memory_bytes.max(f64::MIN_POSITIVE);
    let read = || fewest.kafka_bytes.iter().chain(&this.kafka_bytes).copied();
    let (least, most) = (read().min().unwrap_or(0), read().max().unwrap_or(0));
    let measured = format!(
        "{:.0} µs instead of {:.0} µs, {processor:.2} times as much; {:.0} B instead of {:.0} B, {memory:.2} times as much; {least} to {most} bytes read by each of {} gateways",
        this.processor_us,
        fewest.processor_us,
        this.memory_bytes,
        fewest.memory_bytes,
        this.gateways
    );
    let same_bytes = least > 0 && bytes(most) <= bytes(least) * (1.0 + SAME_BYTES);
    let held = processor <= bounds.processor_max && memory <= bounds.memory_max && same_bytes;
    Some(answer(name, wanted, measured, Some(held)))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run reads far below 2^52 bytes"
)]
fn bytes(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOUNDS: Linear = Linear {
        processor_max: 1.5,
        memory_max: 2.0,
    };

    #[test]
    fn each_bound_can_break() {
        let one = cell(1, 100, 500, &[10_000]);
        let held = |cell: &Cell| {
            judge(&BOUNDS, std::slice::from_ref(&one), cell, false)
                .unwrap()
                .held
        };

        assert_eq!(held(&cell(2, 140, 900, &[10_000, 10_100])), Some(true));
        assert_eq!(held(&cell(2, 160, 900, &[10_000, 10_000])), Some(false));
        assert_eq!(held(&cell(2, 140, 1_100, &[10_000, 10_000])), Some(false));
        assert_eq!(held(&cell(2, 140, 900, &[10_000, 20_000])), Some(false));
        assert_eq!(held(&cell(2, 140, 900, &[0, 0])), Some(false));
    }

    #[test]
    fn the_first_is_what_others_are_compared_with_and_one_alone_decides_nothing() {
        let one = cell(1, 100, 500, &[10_000]);

        assert_eq!(judge(&BOUNDS, &[], &one, true), None);
        assert_eq!(judge(&BOUNDS, &[], &one, false).unwrap().held, None);
    }

    /// A cell of a hundred devices, with so much used by each.
    fn cell(gateways: u64, cpu_ms: u64, memory: u64, kafka_bytes: &[u64]) -> Cell {
        let usage = |after: &str, cpu_ms: u64, rss: u64| {
            json!({"at_ms":1,"kind":"usage","after":after,"connected":100,
                "processes":{"gateway-0":{"cpu_ms":cpu_ms,"rss_bytes":rss}}})
        };
        let mut events = vec![
            usage("stage-up", 0, 0),
            usage("subscribe", 0, memory * 100),
            usage("produce", cpu_ms, memory * 100),
        ];
        events.extend(kafka_bytes.iter().map(
            |bytes| json!({"at_ms":1,"kind":"reading","kafka_bytes":bytes,"kafka_fetches":3}),
        ));
        serde_json::from_value(json!({
            "name":"","stage":{"gateways":gateways},"verdict":"pass","expectations":[],"workgroups":[],
            "providers":{"kafka":"embedded","adc":"builtin","fleet":"loopback"},
            "events":events,"series":[],"histograms":[],"took_ms":1,
        }))
        .unwrap()
    }
}
