//! A bench run: which rows, how thoroughly, on what.

use std::time::{Duration, Instant};

use crate::control::Control;
use crate::error::BenchError;
use crate::gateway::{Gateway, Setup};
use crate::host::{Certificate, Host};
use crate::log::Log;
use crate::machine;
use crate::million;
use crate::outcome::Row;
use crate::parts::Part;
use crate::parts::words::{Believed, Manners, Subscribing};
use crate::stand::Stand;
use crate::target::Target;

/// Which Kafka stands behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaChoice {
    /// librdkafka's mock cluster, in this process.
    Embedded,
    /// Apache Kafka in a container.
    Container,
    /// The user's own, by `host:port`.
    External(String),
}

/// How a run is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// The rows, in the order of the table.
    pub targets: Vec<Target>,
    /// Few rounds and small fleets: to see that it works.
    pub quick: bool,
    /// Which Kafka.
    pub kafka: KafkaChoice,
    /// What the gateway's `workgroups.backend` says.
    pub backend: &'static str,
    /// How many live devices [`million`](crate::million) is after; none for the other rows.
    pub devices: Option<usize>,
}

/// A run under way.
pub(crate) struct Bench<'a> {
    pub(crate) host: &'a dyn Host,
    options: &'a Options,
    log: Option<Log>,
    progress: &'a mut dyn FnMut(&str),
}

/// Measures the rows one by one. `progress` is told what is going on. Answers what was measured on, and the rows.
///
/// # Errors
/// The user wants out.
pub fn run(
    options: &Options,
    host: &dyn Host,
    mut progress: impl FnMut(&str),
) -> Result<(Vec<String>, Vec<Row>), BenchError> {
    let facts = vec![
        machine::facts(),
        format!(
            "{}; back end {}{}",
            Log::name(&options.kafka),
            options.backend,
            if options.quick {
                "; quick: few rounds and small fleets, so expect noise"
            } else {
                ""
            }
        ),
    ];
    let mut bench = Bench {
        host,
        options,
        log: None,
        progress: &mut progress,
    };
    let mut rows = Vec::new();
    for (index, target) in options.targets.iter().enumerate() {
        bench.say(&format!(
            "{} of {}: {}",
            index + 1,
            options.targets.len(),
            target.name
        ));
        let start = Instant::now();
        let found = (target.measure)(&mut bench);
        if host.interrupted() || matches!(found, Err(BenchError::Interrupted)) {
            return Err(BenchError::Interrupted);
        }
        let row = Row::new(target, found.as_ref().map(Clone::clone), &facts.join("; "));
        bench.say(&format!(
            "  {} after {:.0} s",
            match row.ok {
                Some(true) => "holds",
                Some(false) => "does not hold",
                None if row.value.is_some() => "was not reached",
                None => "was not measured",
            },
            start.elapsed().as_secs_f64()
        ));
        rows.push(row);
    }
    Ok((facts, rows))
}

impl<'a> Bench<'a> {
    /// A gateway and a fleet that shares one subject, with messages as long as the controls'.
    pub(crate) fn gateway(&mut self, setup: &Setup) -> Result<Stand<'a, Gateway>, BenchError> {
        let gateway = self.bare_gateway(setup)?;
        let subject = Subscribing::Shared(gateway.shared_subject());
        self.stand(gateway, setup, subject)
    }

    /// A gateway and a fleet of devices that each have a subject of their own.
    pub(crate) fn gateway_of_own_subjects(
        &mut self,
        setup: &Setup,
    ) -> Result<Stand<'a, Gateway>, BenchError> {
        let gateway = self.bare_gateway(setup)?;
        let subject = Subscribing::Own(gateway.own_subject());
        self.stand(gateway, setup, subject)
    }

    /// A gateway and a fleet that subscribes to nothing.
    pub(crate) fn gateway_without_subjects(
        &mut self,
        setup: &Setup,
    ) -> Result<Stand<'a, Gateway>, BenchError> {
        let gateway = self.bare_gateway(setup)?;
        self.stand(gateway, setup, Subscribing::Nothing)
    }

    /// A control with a fleet.
    pub(crate) fn control(&self, part: Part) -> Result<Stand<'a, Control<'a>>, BenchError> {
        let control = Control::start(self.host, part)?;
        Stand::new(self.host, control, Manners::plain())
    }

    /// A control that speaks TLS, with a fleet that believes it.
    pub(crate) fn tls_control(
        &self,
        certificate: &Certificate,
    ) -> Result<Stand<'a, Control<'a>>, BenchError> {
        let control = Control::start_showing(self.host, Part::TunedTls, certificate)?;
        let manners = Manners {
            believes: Some(Believed::of(certificate)),
            ..Manners::plain()
        };
        Stand::new(self.host, control, manners)
    }

    /// Tells the user what is going on.
    pub(crate) fn say(&mut self, line: &str) {
        (self.progress)(line);
    }

    /// How many devices are wanted where as many as possible are.
    pub(crate) fn devices(&self) -> usize {
        self.options.devices.unwrap_or(million::DEVICES)
    }

    /// As many rounds as make a median worth its name.
    pub(crate) fn rounds(&self) -> usize {
        self.pick(6, 2)
    }

    /// The one for a thorough run, or the one for a quick one.
    pub(crate) fn pick<T>(&self, thorough: T, quick: T) -> T {
        if self.options.quick { quick } else { thorough }
    }

    pub(crate) fn log(&mut self) -> Result<&mut Log, BenchError> {
        match &mut self.log {
            Some(log) => Ok(log),
            none => Ok(none.insert(Log::start(&self.options.kafka, self.host)?)),
        }
    }

    /// Lets time pass because time itself is measured.
    pub(crate) fn let_pass(&self, time: Duration) -> Result<(), BenchError> {
        const LOOK: Duration = Duration::from_millis(50);
        let deadline = Instant::now() + time;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if self.host.interrupted() {
                return Err(BenchError::Interrupted);
            }
            std::thread::sleep(left.min(LOOK));
        }
        Ok(())
    }

    fn bare_gateway(&mut self, setup: &Setup) -> Result<Gateway, BenchError> {
        let (host, backend) = (self.host, self.options.backend);
        let setup = Setup {
            backend,
            ..setup.clone()
        };
        Gateway::start(host, self.log()?, &setup)
    }

    fn stand(
        &self,
        gateway: Gateway,
        setup: &Setup,
        subject: Subscribing,
    ) -> Result<Stand<'a, Gateway>, BenchError> {
        let manners = Manners {
            proxy: setup.proxy,
            subprotocol: true,
            subject,
            own_address: setup.own_addresses,
            believes: setup.certificate.as_ref().map(Believed::of),
        };
        Stand::new(self.host, gateway, manners)
    }
}
