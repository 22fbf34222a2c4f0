//! What a fleet costs the gateways that carry it, from the record of a cell alone, so that few and many gateways can stand beside each other.

use serde_json::Value;

use crate::run::{Cell, Event};

/// What a cell's gateways used, all together and by device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Upkeep {
    /// How many gateways.
    pub gateways: u64,
    /// How many devices were connected at once, at most.
    pub devices: u64,
    /// Processor time of all gateways while records were produced, in microseconds per device.
    pub processor_us: f64,
    /// Memory that all gateways grew by from the stage's begin until everybody was subscribed, in bytes per device.
    pub memory_bytes: f64,
    /// Bytes of the log that each gateway read, by its number.
    pub kafka_bytes: Vec<u64>,
    /// Reads from Kafka that each gateway began, likewise.
    pub fetches: Vec<u64>,
}

impl Upkeep {
    /// What the events of a cell say; none where nobody subscribed or nothing was produced.
    #[must_use]
    pub fn of(cell: &Cell) -> Option<Self> {
        let usages: Vec<&Event> = of_kind(cell, "usage").collect();
        let devices = usages.iter().filter_map(|usage| number(usage, "connected"));
        let devices = devices.max().filter(|devices| *devices > 0)?;
        let subscribed = usages.iter().rfind(|usage| is_after(usage, "subscribe"))?;
        let grown = gateways(subscribed, "rss_bytes")
            .saturating_sub(gateways(usages.first()?, "rss_bytes"));
        let read = |what| of_kind(cell, "reading").filter_map(move |read| number(read, what));
        Some(Self {
            gateways: cell.stage.get("gateways")?.as_u64()?,
            devices,
            processor_us: per_device(producing_ms(&usages)? * 1_000, devices),
            memory_bytes: per_device(grown, devices),
            kafka_bytes: read("kafka_bytes").collect(),
            fetches: read("kafka_fetches").collect(),
        })
    }
}

/// Processor time of all gateways during the steps that produce; none without such a step.
fn producing_ms(usages: &[&Event]) -> Option<u64> {
    let steps = usages.windows(2).filter_map(|pair| match pair {
        [before, after] if is_after(after, "produce") => {
            Some(gateways(after, "cpu_ms").saturating_sub(gateways(before, "cpu_ms")))
        }
        _ => None,
    });
    steps.reduce(|a, b| a + b)
}

fn of_kind<'a>(cell: &'a Cell, kind: &'static str) -> impl Iterator<Item = &'a Event> {
    cell.events.iter().filter(move |event| event.kind == kind)
}

fn is_after(usage: &Event, step: &str) -> bool {
    usage.detail.get("after").and_then(Value::as_str) == Some(step)
}

fn number(event: &Event, key: &str) -> Option<u64> {
    event.detail.get(key)?.as_u64()
}

/// What all gateways together had used.
fn gateways(usage: &Event, what: &str) -> u64 {
    let processes = usage.detail.get("processes").and_then(Value::as_object);
    let of_gateways = processes
        .into_iter()
        .flatten()
        .filter(|(process, _)| process.starts_with("gateway-"));
    of_gateways
        .filter_map(|(_, used)| used.get(what)?.as_u64())
        .sum()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_device(total: u64, devices: u64) -> f64 {
    total as f64 / devices.max(1) as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_gateways_used_is_summed_and_shared_out_over_devices() {
        let upkeep = Upkeep::of(&cell(&[
            usage("stage-up", 0, [[10, 1_000], [10, 2_000]]),
            usage("connect", 100, [[50, 9_000], [50, 9_000]]),
            usage("subscribe", 100, [[60, 11_000], [60, 12_000]]),
            usage("produce", 100, [[160, 50_000], [80, 50_000]]),
            usage("adc", 100, [[900, 50_000], [900, 50_000]]),
            json!({"at_ms":9,"kind":"reading","gateway":0,"kafka_bytes":700,"kafka_fetches":3}),
            json!({"at_ms":9,"kind":"reading","gateway":1,"kafka_bytes":710,"kafka_fetches":3}),
        ]));

        let expected = Upkeep {
            gateways: 2,
            devices: 100,
            processor_us: 1_200.0,
            memory_bytes: 200.0,
            kafka_bytes: vec![700, 710],
            fetches: vec![3, 3],
        };
        assert_eq!(upkeep, Some(expected));
    }

    #[test]
    fn a_cell_that_produced_nothing_has_none() {
        assert_eq!(Upkeep::of(&cell(&[])), None);
        assert_eq!(
            Upkeep::of(&cell(&[
                usage("stage-up", 0, [[10, 1_000], [10, 2_000]]),
                usage("subscribe", 100, [[60, 11_000], [60, 12_000]]),
            ])),
            None
        );
    }

    fn usage(after: &str, connected: u64, used: [[u64; 2]; 2]) -> Value {
        let [[cpu_0, rss_0], [cpu_1, rss_1]] = used;
        json!({"at_ms":1,"kind":"usage","after":after,"connected":connected,"processes":{
            "gateway-0":{"cpu_ms":cpu_0,"rss_bytes":rss_0},
            "gateway-1":{"cpu_ms":cpu_1,"rss_bytes":rss_1},
            "lab":{"cpu_ms":77_777,"rss_bytes":77_777},
        }})
    }

    fn cell(events: &[Value]) -> Cell {
        serde_json::from_value(json!({
            "name":"gateways=2","stage":{"gateways":2},"verdict":"pass","expectations":[],"workgroups":[],
            "providers":{"kafka":"embedded","adc":"builtin","fleet":"loopback"},
            "events":events,"series":[],"histograms":[],"took_ms":1,
        }))
        .unwrap()
    }
}
