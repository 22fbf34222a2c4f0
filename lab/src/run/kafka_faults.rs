//! The steps that break Kafka. The truth reader is told what it could not find out by itself, and from then on everybody is owed
//! what comes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use lab_kafka::compaction::first_offsets;

use super::theatre::Theatre;
use crate::kafka;
use crate::provider::ProviderError;
use crate::scenario::step::kafka::{KafkaFault, StartWaiting};

/// How long the log cleaner may take.
const TO_COMPACT: Duration = Duration::from_secs(30);

/// Between two looks at what it has removed.
const LOOK: Duration = Duration::from_millis(300);

impl Theatre<'_> {
    pub(super) fn break_kafka(&mut self, fault: &KafkaFault) -> Result<(), ProviderError> {
        let topic = self.topic()?;
        let (word, target) = (fault.word(), target(fault));
        self.progress.phase(format!("Kafka: {word} {target}"));
        if loses_records(fault) && self.books.is_some() {
            self.books()?.catch_up()?;
        }
        let ends = ends(fault);
        if ends.is_empty() {
            self.fault_begins(word, target.clone());
        }
        for order in kafka::faults(fault, &topic, self.stage.kafka.partitions) {
            self.cast.kafka.inject(&order, self.interrupt)?;
        }
        if self.books.is_some() {
            self.tell_truth(fault, &topic)?;
        }
        match ends {
            [] if is_over_at_once(fault) => self.fault_is_over(&[word], &target),
            [] => {}
            kinds => self.fault_is_over(kinds, &target),
        }
        Ok(())
    }

    /// Starts a gateway that is gone although Kafka is away, and waits until it says why it is not ready.
    pub(super) fn start_waiting(&mut self, order: &StartWaiting) -> Result<(), ProviderError> {
        let StartWaiting {
            gateway,
            says,
            within,
        } = order;
        self.progress
            .phase(format!("starting gateway {gateway} without Kafka"));
        let Some(gone) = self.gateways.get(*gateway as usize) else {
            return Ok(());
        };
        let back = self.launch.again(gone, &self.cluster, self.interrupt)?;
        let admin = back.admin;
        if let Some(place) = self.gateways.get_mut(*gateway as usize) {
            *place = back;
        }
        self.fault_is_over(&["kill", "drain"], &format!("gateway {gateway}"));
        let mut last = "nothing".to_owned();
        let said = self.watch(within.get(), |_| {
            last = match admin.readiness() {
                Ok(Err(reason)) => reason,
                Ok(Ok(())) => "ready".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            Ok(last.contains(says))
        })?;
        self.event(
            "not-ready",
            [
                ("gateway", (*gateway).into()),
                ("says", last.clone().into()),
            ],
        );
        if said {
            return Ok(());
        }
        Err(ProviderError::Gateway(format!(
            "/ready of gateway {gateway} should say \"{says}\" while Kafka is away; it said: {last}"
        )))
    }

    /// What happened to the log, for the reader of the truth; what was there before is no news to it.
    fn tell_truth(&mut self, fault: &KafkaFault, topic: &str) -> Result<(), ProviderError> {
        match fault {
            KafkaFault::RecreateTopic(_) => self.books()?.topic_recreated(topic)?,
            KafkaFault::AddPartitions(_) => self.books()?.partitions_added(topic)?,
            KafkaFault::UncleanElection(_) => self.books()?.log_cut()?,
            KafkaFault::Compact(_) => self.await_compaction(topic)?,
            _ => return Ok(()),
        }
        self.books()?.fence()
    }

    /// Every partition has lost its first record. Barriers close its segments; only closed ones are compacted.
    fn await_compaction(&mut self, topic: &str) -> Result<(), ProviderError> {
        let access = kafka::access(&self.cluster);
        let mut looked: Option<Instant> = None;
        let compacted = self.watch(TO_COMPACT, |theatre| {
            if looked.is_some_and(|at| at.elapsed() < LOOK) {
                return Ok(false);
            }
            looked = Some(Instant::now());
            theatre.books()?.catch_up()?;
            let first = first_offsets(&access, topic)?;
            Ok(first.iter().all(|offset| *offset > 0))
        })?;
        if compacted {
            return Ok(());
        }
        Err(anyhow!(
            "the log cleaner left a partition of {topic} as it was; write each key twice before `compact`"
        )
        .into())
    }

    fn topic(&self) -> Result<String, ProviderError> {
        let topic = self.cluster.topics.first().cloned();
        Ok(topic.context("the stage has no topic")?)
    }
}

/// Upon what, for people and for the step that undoes it.
fn target(fault: &KafkaFault) -> String {
    match fault {
        KafkaFault::MoveLeaders(order) => format!("to broker {}", order.to),
        KafkaFault::KillAll(_) | KafkaFault::StartAll(_) => "all brokers".to_owned(),
        KafkaFault::IsolateLeader(of) | KafkaFault::UncleanElection(of) => {
            format!("partition {}", of.partition)
        }
        _ => match fault.broker() {
            Some((_, broker)) => format!("broker {broker}"),
            None => "the topic".to_owned(),
        },
    }
}

/// The faults that this step undoes.
fn ends(fault: &KafkaFault) -> &'static [&'static str] {
    match fault {
        KafkaFault::StartBroker(_) => &["stop-broker", "kill-broker"],
        KafkaFault::ResumeBroker(_) => &["pause-broker"],
        KafkaFault::StartAll(_) => &["kill-all"],
        KafkaFault::DelayBroker(order) if order.by.get().is_zero() => &["delay-broker"],
        _ => &[],
    }
}

/// Whether nothing has to be undone later.
fn is_over_at_once(fault: &KafkaFault) -> bool {
    matches!(
        fault,
        KafkaFault::MoveLeaders(_)
            | KafkaFault::RecreateTopic(_)
            | KafkaFault::AddPartitions(_)
            | KafkaFault::ShrinkRetention(_)
            | KafkaFault::Compact(_)
            | KafkaFault::UncleanElection(_)
    )
}

/// Whether records may go that the truth has not read yet.
fn loses_records(fault: &KafkaFault) -> bool {
    matches!(
        fault,
        KafkaFault::RecreateTopic(_)
            | KafkaFault::ShrinkRetention(_)
            | KafkaFault::Compact(_)
            | KafkaFault::UncleanElection(_)
    )
}
