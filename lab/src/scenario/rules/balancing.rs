//! Rules about how devices find their gateway.

use super::{Cell, Complaint, Sheet, Written};
use crate::scenario::expect::balancing::Bounds;
use crate::scenario::step::Action;
use crate::stage::{Balancing, Family, Stage};

/// The greatest weight, as the device library has it.
const MOST: u32 = 100;

/// The first rule that is broken.
pub(super) fn check(
    sheet: &Sheet<'_, '_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    for cell in cells {
        check_stage(sheet, &cell.stage)?;
    }
    for (number, step) in written.steps.iter().enumerate() {
        check_step(sheet, number, &step.action, cells)?;
    }
    check_bounds(sheet, written, cells)
}

fn check_stage(sheet: &Sheet<'_, '_>, stage: &Stage) -> Result<(), Complaint> {
    let limit = stage.limits.handshakes_per_second;
    if limit.is_some_and(|rate| rate.per_second() < 1.0 || rate.per_second().fract() > 0.0) {
        let path = ["stage", "limits", "handshakes-per-second"];
        return Err(sheet
            .complain(&path, "a gateway counts whole handshakes a second")
            .hint("write \"40/s\""));
    }
    if !stage.gateways_weights.is_empty() {
        let path = ["stage", "gateways-weights"];
        if stage.balancing.is_none() {
            return Err(sheet
                .complain(
                    &path,
                    "nobody would look at weights: the stage names no `balancing`",
                )
                .hint("add balancing = \"api\", \"dns\" or \"adc\""));
        }
        check_weights(sheet, &path, &stage.gateways_weights, stage.gateways)?;
    }
    if stage.asks_names() && stage.fleet.addresses == Family::Ipv6 {
        let what =
            "this machine has one IPv6 loopback address, and a name needs one for each gateway";
        return Err(sheet
            .complain(&["stage", "fleet", "addresses"], what)
            .hint("use \"ipv4\""));
    }
    if stage.asks_names() && stage.relay {
        let what = "a name leads to addresses on one port, and each relay has a port of its own";
        return Err(sheet
            .complain(&["stage", "relay"], what)
            .hint("use balancing = \"api\" or \"adc\""));
    }
    if stage.dns.ttl.get().subsec_nanos() > 0 {
        return Err(sheet
            .complain(&["stage", "dns", "ttl"], "DNS counts whole seconds")
            .hint("write \"1s\" or \"0s\""));
    }
    Ok(())
}

fn check_weights(
    sheet: &Sheet<'_, '_>,
    path: &[&str],
    weights: &[u32],
    gateways: u32,
) -> Result<(), Complaint> {
    if weights.len() != gateways as usize {
        let what = format!("{} weights for {gateways} gateways", weights.len());
        return Err(sheet.complain(path, what).hint("write one for each"));
    }
    if let Some(heavy) = weights.iter().find(|weight| **weight > MOST) {
        let what = format!("a weight is 0 to {MOST}, not {heavy}");
        return Err(sheet.complain(path, what));
    }
    if weights.iter().all(|weight| *weight == 0) {
        let what = "every weight is 0, so that no gateway can be chosen";
        return Err(sheet
            .complain(path, what)
            .hint("give one a weight of 1 to 100"));
    }
    Ok(())
}

fn check_step(
    sheet: &Sheet<'_, '_>,
    number: usize,
    action: &Action,
    cells: &[Cell],
) -> Result<(), Complaint> {
    let number = number.to_string();
    let path = |key| ["step", &number, "do", action.verb(), key];
    let stages = || cells.iter().map(|cell| &cell.stage);
    match action {
        Action::Weights(order) => {
            if stages().any(|stage| stage.balancing.is_none()) {
                return Err(sheet
                    .complain(
                        &path("gateways"),
                        "nobody would look at weights: the stage names no `balancing`",
                    )
                    .hint("add balancing = \"api\", \"dns\" or \"adc\" to [stage]"));
            }
            stages().try_for_each(|stage| {
                check_weights(sheet, &path("gateways"), &order.gateways, stage.gateways)
            })
        }
        Action::Names(_) if !stages().any(Stage::asks_names) => Err(sheet
            .complain(
                &path("answer"),
                "nobody would ask: no cell balances by names",
            )
            .hint("add balancing = \"dns\" to [stage]")),
        _ => Ok(()),
    }
}

/// A bound that nothing in the plot could break would always hold and prove nothing.
fn check_bounds(sheet: &Sheet<'_, '_>, written: &Written, cells: &[Cell]) -> Result<(), Complaint> {
    let Some(bounds) = &written.expect.balancing else {
        return Ok(());
    };
    let ways: Vec<Balancing> = cells
        .iter()
        .filter_map(|cell| cell.stage.balancing)
        .collect();
    if ways.len() < cells.len() {
        let what = "`balancing` would prove nothing: a cell names no way to balance";
        return Err(sheet.complain(&["expect", "balancing"], what).hint(
            "add balancing = \"api\", \"dns\" or \"adc\" to [stage], or a list of them to [matrix]",
        ));
    }
    if let Some(absent) = bounds.ways().find(|way| !ways.contains(way)) {
        let word = absent.word();
        let what = format!("`{word}` would prove nothing: no cell balances so");
        return Err(sheet.complain(&["expect", "balancing", word], what));
    }
    let changes = written.steps.iter().any(|step| is_change(&step.action));
    let every = bounds.every.iter().map(|bounds| ("every", bounds));
    let own = bounds
        .ways()
        .filter_map(|way| Some((way.word(), bounds.of(way)?)));
    for (word, bounds) in every.chain(own) {
        if let (false, Some(key)) = (changes, first_of_change(bounds)) {
            let what = format!(
                "`{key}` would prove nothing: no step kills, drains, freezes, takes out or weighs a gateway"
            );
            return Err(sheet.complain(&["expect", "balancing", word, key], what));
        }
    }
    let knows_no_gateway = |way: &Balancing| *way == Balancing::Adc;
    let asks_known_dead = bounds.every.as_ref().or(bounds.adc.as_ref());
    if asks_known_dead.is_some_and(|bounds| bounds.known_dead_max.is_some())
        && ways.iter().any(knows_no_gateway)
    {
        let what = "through a load balancer devices see one address, and know of no dead one";
        return Err(sheet.complain(&["expect", "balancing"], what));
    }
    Ok(())
}

/// Steps after which figures of a change are counted.
fn is_change(action: &Action) -> bool {
    action.is_fault()
        || matches!(
            action,
            Action::Weights(_) | Action::Names(_) | Action::Member(_)
        )
}

/// A bound that is about a change.
fn first_of_change(bounds: &Bounds) -> Option<&'static str> {
    let keys = [
        ("fair-newcomers", bounds.fair_newcomers.is_some()),
        ("balanced-within", bounds.balanced_within.is_some()),
        ("retried-within", bounds.retried_within.is_some()),
        ("stragglers-within", bounds.stragglers_within.is_some()),
        ("wasted-max", bounds.wasted_max.is_some()),
        ("wasted-min", bounds.wasted_min.is_some()),
        (
            "wasted-by-one-device-max",
            bounds.wasted_by_one_device_max.is_some(),
        ),
        ("known-dead-max", bounds.known_dead_max.is_some()),
        (
            "handshakes-per-second-max",
            bounds.handshakes_per_second_max.is_some(),
        ),
        (
            "new-at-failed-members-max",
            bounds.new_at_failed_members_max.is_some(),
        ),
    ];
    keys.into_iter()
        .find(|(_, is_set)| *is_set)
        .map(|(key, _)| key)
}

#[cfg(test)]
mod tests;
