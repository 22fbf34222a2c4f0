//! Rules about steps that break something: what cannot happen to a gateway, what nobody would wait for, bounds that nothing could break.

use super::{Cell, Complaint, Sheet, Written};
use crate::scenario::step::faults::AdcFault;
use crate::scenario::step::{Action, Step};

/// What the steps so far have made of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Up,
    Frozen,
    Gone,
}

impl Fate {
    fn words(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Frozen => "frozen",
            Self::Gone => "gone",
        }
    }
}

/// The first rule that is broken.
pub(super) fn check(
    sheet: &Sheet<'_, '_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    check_fates(sheet, &written.steps, cells)?;
    check_waits(sheet, &written.steps)?;
    check_network(sheet, &written.steps, cells)?;
    check_bounds(sheet, written, cells)
}

/// Nobody kills what is gone, thaws what is not frozen, or starts what is up.
fn check_fates(sheet: &Sheet<'_, '_>, steps: &[Step], cells: &[Cell]) -> Result<(), Complaint> {
    let gateways = cells.iter().map(|cell| cell.stage.gateways).min();
    let mut fates = vec![Fate::Up; gateways.unwrap_or(1) as usize];
    for (number, step) in steps.iter().enumerate() {
        let (needed, becomes) = match step.action {
            Action::Kill(_) | Action::Drain(_) => (Fate::Up, Fate::Gone),
            Action::Freeze(_) => (Fate::Up, Fate::Frozen),
            Action::Thaw(_) => (Fate::Frozen, Fate::Up),
            Action::Start(_) | Action::StartWaiting(_) => (Fate::Gone, Fate::Up),
            _ => continue,
        };
        let gateway = step.action.gateway().unwrap_or(0) as usize;
        let Some(fate) = fates.get_mut(gateway) else {
            continue;
        };
        if *fate != needed {
            let number = number.to_string();
            let path = ["step", &number, "do", step.action.verb(), "gateway"];
            let what = format!(
                "gateway {gateway} is {} at this step, `{}` needs one that is {}",
                fate.words(),
                step.action.verb(),
                needed.words()
            );
            return Err(sheet.complain(&path, what));
        }
        *fate = becomes;
    }
    Ok(())
}

/// What goes on meanwhile must be waited for, or the end of the scenario would cut it off.
fn check_waits(sheet: &Sheet<'_, '_>, steps: &[Step]) -> Result<(), Complaint> {
    let Some(last) = steps.iter().rposition(|step| step.action.goes_on()) else {
        return Ok(());
    };
    let is_waited_for = steps
        .iter()
        .skip(last)
        .any(|step| matches!(step.action, Action::Settle(_)));
    if is_waited_for {
        return Ok(());
    }
    let number = last.to_string();
    let path = [
        "step",
        &number,
        "do",
        steps[last].action.verb(),
        "meanwhile",
    ];
    Err(sheet
        .complain(&path, "no later step waits for the end of this")
        .hint("add [[step]] with do.settle = {}"))
}

/// A relay stands where a step works it, and a fault of the whole load balancer names no gateway.
fn check_network(sheet: &Sheet<'_, '_>, steps: &[Step], cells: &[Cell]) -> Result<(), Complaint> {
    for (number, step) in steps.iter().enumerate() {
        let number = number.to_string();
        let verb = step.action.verb();
        let path = |key| ["step", &number, "do", verb, key];
        match &step.action {
            Action::Line(_) | Action::Tamper(_) if cells.iter().any(|cell| !cell.stage.relay) => {
                let what = format!("`{verb}` needs a relay before the gateways");
                return Err(sheet
                    .complain(&path("gateway"), what)
                    .hint("set relay = true in [stage]"));
            }
            Action::Line(on) if on.bytes_per_second == Some(0) => {
                let what = "no byte would ever pass";
                return Err(sheet
                    .complain(&path("bytes-per-second"), what)
                    .hint("silent = true says so"));
            }
            Action::Tamper(order) if order.mischief.is_empty() => {
                return Err(sheet
                    .complain(&path("mischief"), "nothing would be done")
                    .hint("name some of drop, double, swap, corrupt, phantom, answer-twice"));
            }
            Action::Adc(on) if on.gateway.is_some() => {
                if matches!(on.fault, AdcFault::Cut | AdcFault::BlackHole) {
                    continue;
                }
                let what = format!("`{}` happens to everything", on.fault.name());
                return Err(sheet
                    .complain(&path("gateway"), what)
                    .hint("leave `gateway` out"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_bounds(sheet: &Sheet<'_, '_>, written: &Written, cells: &[Cell]) -> Result<(), Complaint> {
    let expect = &written.expect;
    let drains = |action: &Action| matches!(action, Action::Drain(_));
    let needs_fault = [
        ("reconnected-within", expect.reconnected_within.is_some()),
        ("caught-up-within", expect.caught_up_within.is_some()),
        (
            "survivors-slower-max",
            expect.survivors_slower_max.is_some(),
        ),
        ("recovery", expect.recovery.is_some()),
        ("resynced", expect.resynced.is_some()),
        ("memory-grows-max", expect.memory_grows_max.is_some()),
        ("fetches-max", expect.fetches_max.is_some()),
    ];
    let needs_drain = [
        ("resets-max", expect.resets_max.is_some()),
        ("drained-within", expect.drained_within.is_some()),
    ];
    let any =
        |is_it: &dyn Fn(&Action) -> bool| written.steps.iter().any(|step| is_it(&step.action));
    for (bounds, can_break, words) in [
        (&needs_fault[..], any(&Action::is_fault), "breaks anything"),
        (&needs_drain[..], any(&drains), "does drain"),
    ] {
        let idle = bounds.iter().find(|(_, is_set)| *is_set && !can_break);
        if let Some((key, _)) = idle {
            let what = format!("`{key}` would prove nothing: no step {words}");
            return Err(sheet.complain(&["expect", key], what));
        }
    }
    for (key, value) in [
        ("survivors-slower-max", expect.survivors_slower_max),
        ("memory-grows-max", expect.memory_grows_max),
    ] {
        if value.is_some_and(|value| !(1.0..1000.0).contains(&value)) {
            return Err(sheet
                .complain(
                    &["expect", key],
                    format!("`{key}` is how many times as much"),
                )
                .hint("2.0 allows twice as much"));
        }
    }
    let comes_back = [
        "reconnected-within",
        "caught-up-within",
        "recovery",
        "resynced",
    ];
    let wanted = needs_fault
        .iter()
        .find(|(key, is_set)| *is_set && comes_back.contains(key));
    if let Some((key, _)) = wanted
        && cells.iter().any(|cell| !cell.stage.fleet.reconnect)
    {
        let what = format!("`{key}` is about devices that come back, and these stay away");
        return Err(sheet
            .complain(&["expect", key], what)
            .hint("set fleet.reconnect = true"));
    }
    Ok(())
}
