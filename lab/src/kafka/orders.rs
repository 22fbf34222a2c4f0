//! What a scenario says about Kafka, in the words of `lab-kafka`.

use anyhow::Context as _;
use lab_kafka::fault::Fault;
use lab_kafka::shape::Shape;
use lab_kafka::transaction::End;

use crate::provider::{Refusal, RefusalKind};
use crate::scenario::step::Action;
use crate::scenario::step::kafka::{KafkaFault, Oddity, Transaction};
use crate::stage::KafkaStage;

/// What a step does to a cluster that has `topic` with so many partitions, in order.
pub(crate) fn faults(fault: &KafkaFault, topic: &str, partitions: u32) -> Vec<Fault> {
    let topic = topic.to_owned();
    let one = match fault {
        KafkaFault::MoveLeaders(order) => {
            let of_partition = |partition| Fault::MoveLeader {
                topic: topic.clone(),
                partition: number(partition),
                to: number(order.to),
            };
            return (0..partitions).map(of_partition).collect();
        }
        KafkaFault::StopBroker(on) => Fault::StopBroker {
            broker: number(on.broker),
        },
        KafkaFault::KillBroker(on) => Fault::KillBroker {
            broker: number(on.broker),
        },
        KafkaFault::StartBroker(on) => Fault::StartBroker {
            broker: number(on.broker),
        },
        KafkaFault::PauseBroker(on) => Fault::PauseBroker {
            broker: number(on.broker),
        },
        KafkaFault::ResumeBroker(on) => Fault::ResumeBroker {
            broker: number(on.broker),
        },
        KafkaFault::DelayBroker(order) => Fault::DelayBroker {
            broker: number(order.broker),
            by_ms: u64::try_from(order.by.get().as_millis()).unwrap_or(u64::MAX),
        },
        KafkaFault::KillAll(_) => Fault::KillAll,
        KafkaFault::StartAll(_) => Fault::StartAll,
        KafkaFault::RecreateTopic(order) => Fault::RecreateTopic {
            topic,
            partitions: number(order.partitions.unwrap_or(partitions)),
        },
        KafkaFault::AddPartitions(order) => Fault::AddPartitions {
            topic,
            total: order.total as usize,
        },
        KafkaFault::ShrinkRetention(_) => Fault::ShrinkRetention { topic },
        KafkaFault::Compact(_) => Fault::Compact { topic },
        KafkaFault::IsolateLeader(of) => Fault::IsolateLeader {
            topic,
            partition: number(of.partition),
        },
        KafkaFault::UncleanElection(of) => Fault::ElectUncleanly {
            topic,
            partition: number(of.partition),
        },
    };
    vec![one]
}

/// What a step does to a cluster, whatever its topic is called; for the question whether it can be had.
pub(super) fn faults_of(action: &Action) -> Vec<Fault> {
    match action {
        Action::Kafka(fault) => faults(fault, "", 1),
        _ => vec![],
    }
}

/// What a provider can never do, with the usual way out.
pub(super) fn refusal(reason: String) -> Refusal {
    Refusal {
        kind: RefusalKind::ByNature,
        reason,
        remedy: "use --kafka container".to_owned(),
    }
}

/// How many brokers hold each partition in a cluster of so many.
pub(super) fn replicas(wanted: &KafkaStage, brokers: i32) -> anyhow::Result<i32> {
    wanted.replicas.map_or(Ok(brokers.min(3)), |replicas| {
        i32::try_from(replicas).context("too many replicas")
    })
}

/// The properties of the stage's topics that are not Kafka's own.
pub(super) fn topic_config(wanted: &KafkaStage) -> Vec<(&'static str, String)> {
    let most = wanted.max_record_bytes;
    most.map(|most| ("max.message.bytes", most.to_string()))
        .into_iter()
        .collect()
}

/// As the admin client takes them.
pub(super) fn as_pairs<'a>(config: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    config
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect()
}

/// What is odd about the records of a load.
pub(crate) fn shape(odd: Option<Oddity>) -> Shape {
    match odd {
        None => Shape::Plain,
        Some(Oddity::NullKeys) => Shape::NullKeys,
        Some(Oddity::BadKeys) => Shape::BadKeys,
        Some(Oddity::BadValues) => Shape::BadValues,
        Some(Oddity::Tombstones) => Shape::Tombstones,
    }
}

/// How a transaction ends.
pub(crate) fn transaction_end(transaction: Transaction) -> End {
    match transaction {
        Transaction::Committed => End::Commit,
        Transaction::Aborted => End::Abort,
    }
}

/// The rules keep numbers of brokers and partitions small.
fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
