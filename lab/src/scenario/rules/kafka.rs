//! Rules about Kafka: brokers and partitions that no cell has, records that would reach nobody, elections that would lose nothing.

use gateway_protocol::message::ErrorCode;

use super::{Cell, Complaint, Sheet, Written};
use crate::scenario::complaint::nearest;
use crate::scenario::step::kafka::KafkaFault;
use crate::scenario::step::{Action, Step};
use crate::stage::{KafkaStage, Subjects};
use crate::units::Span;

/// The longest delay of a broker's answers; beyond it clients take the broker for dead.
const LONGEST_DELAY: Span = Span(std::time::Duration::from_secs(30));

/// The first rule that is broken.
pub(super) fn check(
    sheet: &Sheet<'_, '_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    for cell in cells {
        check_stage(sheet, &cell.stage.kafka)?;
        for (number, step) in written.steps.iter().enumerate() {
            if let Action::Kafka(fault) = &step.action {
                check_fault(sheet, number, fault, &cell.stage.kafka)?;
            }
        }
        check_odd(sheet, &written.steps, cell)?;
    }
    check_refusals(sheet, written)
}

fn check_stage(sheet: &Sheet<'_, '_>, kafka: &KafkaStage) -> Result<(), Complaint> {
    let path = |key| ["stage", "kafka", key];
    if let Some(replicas) = kafka.replicas {
        sheet.within(&path("replicas"), replicas, 1..=kafka.brokers)?;
    }
    kafka.max_record_bytes.map_or(Ok(()), |most| {
        sheet.within(&path("max-record-bytes"), most, 1_000..=100_000_000)
    })
}

fn check_fault(
    sheet: &Sheet<'_, '_>,
    number: usize,
    fault: &KafkaFault,
    kafka: &KafkaStage,
) -> Result<(), Complaint> {
    let number = number.to_string();
    let path = |key| ["step", &number, "do", "kafka", fault.word(), key];
    if let Some((key, broker)) = fault.broker() {
        sheet.within(&path(key), broker, 1..=kafka.brokers)?;
    }
    match fault {
        KafkaFault::DelayBroker(order) if order.by > LONGEST_DELAY => {
            let what = format!("`by` takes at most {LONGEST_DELAY}, not {}", order.by);
            Err(sheet.complain(&path("by"), what))
        }
        KafkaFault::AddPartitions(order) => {
            sheet.within(&path("total"), order.total, kafka.partitions + 1..=1_000)
        }
        KafkaFault::RecreateTopic(order) => order.partitions.map_or(Ok(()), |partitions| {
            sheet.within(&path("partitions"), partitions, 1..=1_000)
        }),
        KafkaFault::IsolateLeader(of) | KafkaFault::UncleanElection(of) => {
            sheet.within(&path("partition"), of.partition, 0..=kafka.partitions - 1)?;
            if kafka.replicas == Some(2) && kafka.brokers >= 3 {
                return Ok(());
            }
            let what = "an unclean election takes two replicas on three brokers: the third keeps one of the two company";
            Err(sheet
                .complain(&["stage", "kafka"], what)
                .hint("set kafka.brokers = 3 and kafka.replicas = 2"))
        }
        _ => Ok(()),
    }
}

/// Records whose keys nobody can name reach only subscribers of the whole topic.
fn check_odd(sheet: &Sheet<'_, '_>, steps: &[Step], cell: &Cell) -> Result<(), Complaint> {
    let mut subjects = cell.stage.fleet.subjects;
    for (number, step) in steps.iter().enumerate() {
        match &step.action {
            Action::Subscribe(order) => {
                subjects = order.subjects.unwrap_or(cell.stage.fleet.subjects)
            }
            Action::Produce(order)
                if subjects != Subjects::Wildcard
                    && order.odd.is_some_and(|odd| odd.changes_keys()) =>
            {
                let number = number.to_string();
                let what = "such records reach nobody: no device has subscribed to the whole topic";
                return Err(sheet
                    .complain(&["step", &number, "do", "produce", "odd"], what)
                    .hint("set fleet.subjects = \"wildcard\""));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Codes that gateways know, in plots where devices publish.
fn check_refusals(sheet: &Sheet<'_, '_>, written: &Written) -> Result<(), Complaint> {
    let Some(refused) = &written.expect.publishes_refused else {
        return Ok(());
    };
    let publishes = |step: &Step| matches!(step.action, Action::Publish(_));
    if !written.steps.iter().any(publishes) {
        let what = "`publishes-refused` would prove nothing: no step does publish";
        return Err(sheet.complain(&["expect", "publishes-refused"], what));
    }
    let known: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.word()).collect();
    let Some(wrong) = refused.keys().find(|code| !known.contains(&code.as_str())) else {
        return Ok(());
    };
    let complaint = sheet.complain(
        &["expect", "publishes-refused", wrong],
        format!("no gateway refuses with \"{wrong}\""),
    );
    Err(match nearest(wrong, &known) {
        Some(word) => complaint.hint(format!("did you mean `{word}`?")),
        None => complaint.hint(format!("there are {}", known.join(", "))),
    })
}
