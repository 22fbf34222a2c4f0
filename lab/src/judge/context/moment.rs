//! When a rule was first seen broken, in milliseconds since the first step.
//!
//! What is counted over the whole cell and compared at its end is seen broken then, unless something on the way told earlier.

use super::{faults, most_grown, most_slowing, slowest, worst_drain};
use crate::evidence::Evidence;
use crate::scenario::expect::Expect;
use crate::scenario::expect::balancing::Bounds;
use crate::units::Span;

/// When this rule was first seen broken.
pub(super) fn of(name: &str, expect: &Expect, seen: &Evidence) -> Option<i64> {
    on_the_way(name, expect, seen).or(seen.moments.ended)
}

fn on_the_way(name: &str, expect: &Expect, seen: &Evidence) -> Option<i64> {
    let moments = &seen.moments;
    match name {
        "gateways-alive" => moments.gateway_ended,
        "connected" | "subscribed" => moments.device_failed,
        "spread" | "kernel-agrees" | "client-addresses" | "on-gateways" | "fair-at-rest" => {
            moments.sighted
        }
        "knocks" => moments.knocked,
        "unsignalled-gaps-max" => moments.gap,
        "recovery" => moments.first_resumed(|word| word != "synced"),
        "resynced" => {
            let wanted = expect.resynced.as_ref()?;
            moments.first_resumed(|word| {
                !super::super::recovery::NO_RESYNC.contains(&word) && !wanted.contains_key(word)
            })
        }
        "published" | "publishes-refused" => {
            let wanted = expect.publishes_refused.as_ref();
            moments.first_refused(|code| wanted.is_none_or(|wanted| !wanted.contains_key(code)))
        }
        "delivered-within" => {
            let bound = expect.delivered_within?.get().as_micros();
            late(seen, 0, |us| u128::from(us) > bound)
        }
        "survivors-slower-max" => {
            let fault = most_slowing(seen)?;
            let before = fault.survivors?.before.p99_us;
            let most = expect.survivors_slower_max?;
            let slow = late(seen, fault.from_ms, |us| us as f64 > before as f64 * most);
            slow.or(Some(fault.from_ms))
        }
        "reconnected-within" => overdue(slowest(name, seen)?.from_ms, expect.reconnected_within?),
        "caught-up-within" => overdue(slowest(name, seen)?.from_ms, expect.caught_up_within?),
        "resets-max" => Some(
            faults(seen)
                .iter()
                .find(|fault| fault.kind == "drain" && fault.resets > 0)?
                .from_ms,
        ),
        "drained-within" => {
            let drain = worst_drain(seen, |drain| drain.took_ms.unwrap_or(0))?;
            overdue(drain.from_ms, expect.drained_within?)
        }
        "memory-grows-max" => Some(most_grown(seen)?.from_ms),
        "fetches-max" => Some(faults(seen).first()?.from_ms),
        _ => of_change(name, expect, seen),
    }
}

/// The end of the first window after a moment in which 99 of 100 deliveries took too long.
fn late(seen: &Evidence, after_ms: i64, too_long: impl Fn(u64) -> bool) -> Option<i64> {
    let mut windows = seen.moments.windows.iter();
    windows
        .find(|window| window.at_ms > after_ms && window.p99_us.is_some_and(&too_long))
        .map(|window| window.at_ms)
}

/// When something that began then should have been done.
fn overdue(from_ms: i64, bound: Span) -> Option<i64> {
    Some(from_ms + i64::try_from(bound.get().as_millis()).ok()?)
}

/// What a change cost is known from the change on; what had a time, from its end.
fn of_change(name: &str, expect: &Expect, seen: &Evidence) -> Option<i64> {
    let change = seen.balancing.as_ref()?.change.as_ref()?;
    let at_ms = change.at_ms as i64;
    let bounded = |bound: fn(&Bounds) -> Option<Span>| {
        let bounds = expect.balancing.as_ref()?;
        let of_way = seen.balancing_way.and_then(|way| bounds.of(way));
        [of_way, bounds.every.as_ref()]
            .into_iter()
            .flatten()
            .find_map(bound)
    };
    match name {
        "balanced-within" => overdue(at_ms, bounded(|bounds| bounds.balanced_within)?),
        "retried-within" => overdue(at_ms, bounded(|bounds| bounds.retried_within)?),
        "stragglers-within" => overdue(at_ms, bounded(|bounds| bounds.stragglers_within)?),
        "wasted"
        | "wasted-by-one-device"
        | "known-dead"
        | "handshakes-per-second"
        | "new-at-failed-members" => Some(at_ms),
        _ => None,
    }
}
