//! What a handshake and a message cost in processor time, from what processes had used before and after each step.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::run::Event;

/// Steps during which devices connect.
const CONNECTS: &str = "connect";
/// Steps during which messages reach devices.
const DELIVERS: &str = "produce";

/// Processor time per thing done, in microseconds; absent where nothing was done, or nobody did it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Costs {
    /// All gateways together, for each connection that came up.
    pub gateway_per_handshake_us: Option<f64>,
    /// The load balancer, for each connection that came up.
    pub adc_per_handshake_us: Option<f64>,
    /// All gateways together, for each message that a device got; reading it from Kafka included.
    pub gateway_per_message_us: Option<f64>,
    /// The load balancer, for each message that a device got.
    pub adc_per_message_us: Option<f64>,
}

/// The event `usage`: everything used so far, after a step.
#[derive(Debug, Default, Deserialize)]
struct Usage {
    after: String,
    #[serde(default)]
    processes: BTreeMap<String, Used>,
    #[serde(default)]
    connected: u64,
    #[serde(default)]
    delivered: u64,
}

#[derive(Debug, Deserialize)]
struct Used {
    cpu_ms: u64,
}

/// The sums of one kind of step.
#[derive(Debug, Default)]
struct Sums {
    done: u64,
    gateway_ms: u64,
    adc_ms: Option<u64>,
}

impl Costs {
    /// What the steps of a cell with these events cost. Whatever else a process did during a step counts as well, so that short steps overstate.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let usages: Vec<Usage> = events.iter().filter_map(usage).collect();
        let handshakes = sums(&usages, CONNECTS, |usage| usage.connected);
        let messages = sums(&usages, DELIVERS, |usage| usage.delivered);
        Self {
            gateway_per_handshake_us: each(Some(handshakes.gateway_ms), handshakes.done),
            adc_per_handshake_us: each(handshakes.adc_ms, handshakes.done),
            gateway_per_message_us: each(Some(messages.gateway_ms), messages.done),
            adc_per_message_us: each(messages.adc_ms, messages.done),
        }
    }
}

fn usage(event: &Event) -> Option<Usage> {
    if event.kind != "usage" {
        return None;
    }
    let detail = event.detail.clone().into_iter().collect();
    serde_json::from_value(Value::Object(detail)).ok()
}

fn sums(usages: &[Usage], step: &str, count: fn(&Usage) -> u64) -> Sums {
    let mut sums = Sums::default();
    for pair in usages.windows(2) {
        let [before, after] = pair else { continue };
        if after.after != step {
            continue;
        }
        sums.done += count(after).saturating_sub(count(before));
        for (process, used) in &after.processes {
            let earlier = before.processes.get(process).map_or(0, |used| used.cpu_ms);
            let ms = used.cpu_ms.saturating_sub(earlier);
            if process == "adc" {
                *sums.adc_ms.get_or_insert(0) += ms;
            } else if process.starts_with("gateway-") {
                sums.gateway_ms += ms;
            }
        }
    }
    sums
}

fn each(ms: Option<u64>, done: u64) -> Option<f64> {
    let ms = ms.filter(|_| done > 0)?;
    Some(ms as f64 * 1e3 / done as f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_costs_what_was_used_since_the_one_before() {
        let events = events(&[
            json!({"after": "stage-up", "processes": used(900, 100), "connected": 0, "delivered": 0}),
            json!({"after": "connect", "processes": used(950, 140), "connected": 100, "delivered": 0}),
            json!({"after": "subscribe", "processes": used(990, 150), "connected": 100, "delivered": 0}),
            json!({"after": "produce", "processes": used(1_000, 155), "connected": 100, "delivered": 2_000}),
        ]);

        assert_eq!(
            Costs::of(&events),
            Costs {
                gateway_per_handshake_us: Some(500.0),
                adc_per_handshake_us: Some(400.0),
                gateway_per_message_us: Some(5.0),
                adc_per_message_us: Some(2.5),
            }
        );
    }

    #[test]
    fn who_has_no_load_balancer_has_no_cost_of_one() {
        let events = events(&[
            json!({"after": "stage-up", "processes": {"gateway-0": {"cpu_ms": 5}}}),
            json!({"after": "connect", "processes": {"gateway-0": {"cpu_ms": 9}}, "connected": 4}),
        ]);

        assert_eq!(
            Costs::of(&events),
            Costs {
                gateway_per_handshake_us: Some(1_000.0),
                ..Costs::default()
            }
        );
    }

    #[test]
    fn a_record_without_counts_tells_nothing() {
        let events = events(&[
            json!({"after": "stage-up", "processes": used(1, 1)}),
            json!({"after": "connect", "processes": used(9, 9)}),
        ]);

        assert_eq!(Costs::of(&events), Costs::default());
    }

    fn used(gateway_ms: u64, adc_ms: u64) -> Value {
        json!({"gateway-0": {"cpu_ms": gateway_ms, "rss_bytes": 1}, "adc": {"cpu_ms": adc_ms}, "lab": {"cpu_ms": 7}})
    }

    fn events(usages: &[Value]) -> Vec<Event> {
        let events = usages.iter().map(|usage| {
            let mut event = json!({"at_ms": 0, "kind": "usage"});
            for (key, value) in usage.as_object().unwrap() {
                event[key] = value.clone();
            }
            serde_json::from_value(event).unwrap()
        });
        events.collect()
    }
}
