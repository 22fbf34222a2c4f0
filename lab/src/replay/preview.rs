//! What a run would change on a device. Nothing is changed.

use lab_f5::as3;
use lab_icontrol::declaration;
use lab_icontrol::facts::DeviceFacts;
use lab_icontrol::session::Session;

use super::Replay;
use super::removal::partition_exists;
use crate::adc::bigip_declaration;
use crate::interrupt::Interrupt;
use crate::options::select_cells;
use crate::scenario::Scenario;
use crate::stage::Stage;

/// The last line, for people and scripts.
const LAST: &str = "dry run: nothing changed";

/// Shows the device, and for every cell the objects that it would get. AS3 itself is asked whether it would take them.
pub(crate) fn show(
    scenarios: &[Scenario],
    cell: Option<&str>,
    replay: &Replay,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let mut session = replay.device.open(interrupt)?;
    let facts = DeviceFacts::read(&mut session)?;
    say_line!("{}", describe(replay, &facts));
    for scenario in scenarios {
        for cell in select_cells(scenario, cell) {
            say_line!("\n{}{}", scenario.title, bracketed(&cell.name));
            if let Some(refusal) = crate::adc::bigip_refusal(&cell.stage, &replay.site) {
                say_line!(
                    "  cannot be replayed: {}; {}",
                    refusal.reason,
                    refusal.remedy
                );
                continue;
            }
            difference(&mut session, &cell.stage, replay)?;
        }
    }
    say_line!("\n{LAST}");
    Ok(())
}

fn describe(replay: &Replay, facts: &DeviceFacts) -> String {
    format!(
        "{}: {} {} build {}, {}, modules {}, AS3 {}",
        replay.device.target,
        facts.product,
        facts.version,
        facts.build,
        facts.failover,
        facts.modules.join(", "),
        facts.as3.as_deref().unwrap_or("not installed")
    )
}

fn bracketed(cell: &str) -> String {
    match cell {
        "" => String::new(),
        name => format!(" [{name}]"),
    }
}

fn difference(session: &mut Session, stage: &Stage, replay: &Replay) -> anyhow::Result<()> {
    let declared = bigip_declaration(stage, &replay.site)?;
    if partition_exists(session, &declared.tenant)? {
        say_line!(
            "  the partition {} is there already; another name is drawn for a run",
            declared.tenant
        );
    }
    say_line!(
        "  + partition {} (the name and the gateways' ports are drawn anew for each run)",
        declared.tenant
    );
    let text = serde_json::to_string_pretty(&declared.declaration)?;
    for object in as3::parse("declaration", &text).objects {
        say_line!("  + ltm {} {}", object.kind, object.path);
        for property in &object.properties {
            if let Some(words) = words(property) {
                say_line!("  +     {} {words}", property.name);
            }
        }
    }
    for outcome in declaration::dry_run(session, &declared.declaration)? {
        say_line!("  AS3 would take it: {}", outcome.message);
    }
    Ok(())
}

/// A property in one line; of a block the names.
fn words(property: &lab_f5::object::Property) -> Option<String> {
    use lab_f5::object::Value;
    match &property.value {
        Value::Flag => Some(String::new()),
        Value::Word(word) => Some(word.clone()),
        Value::Block(entries) if entries.is_empty() => None,
        Value::Block(entries) => {
            let entry = |entry: &lab_f5::object::Property| match &entry.value {
                Value::Word(word) => format!("{} {word}", entry.name),
                Value::Flag | Value::Block(_) => entry.name.clone(),
            };
            let names: Vec<String> = entries.iter().map(entry).collect();
            Some(format!("{{ {} }}", names.join(" ")))
        }
    }
}
