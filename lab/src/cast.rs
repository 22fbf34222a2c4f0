//! Who plays which part: the one place where a choice becomes a provider.

use crate::adc::{Bigip, Builtin, Haproxy, Standin};
use crate::fleet::Loopback;
use crate::kafka::{Container, Embedded, External};
use crate::options::Casting;
use crate::provider::{Adc, AdcChoice, Fleet, Kafka, KafkaChoice, Refusal};
use crate::scenario::step::Step;
use crate::stage::{Stage, Via};

/// A provider for every part, not started.
pub(crate) struct Cast {
    /// The log.
    pub(crate) kafka: Box<dyn Kafka>,
    /// The load balancer.
    pub(crate) adc: Box<dyn Adc>,
    /// The devices.
    pub(crate) fleet: Box<dyn Fleet>,
}

impl Cast {
    /// The providers for these choices.
    pub(crate) fn new(casting: &Casting) -> Self {
        Self {
            kafka: match &casting.kafka {
                KafkaChoice::Embedded => Box::new(Embedded::new()),
                KafkaChoice::Container => Box::new(Container::new()),
                KafkaChoice::External(bootstrap) => Box::new(External::new(bootstrap)),
            },
            adc: match &casting.adc {
                AdcChoice::Builtin => Box::new(Builtin::default()),
                AdcChoice::Haproxy => Box::new(Haproxy::default()),
                AdcChoice::Bigip(replay) => Box::new(Bigip::new(replay)),
                AdcChoice::BigipStandin => Box::new(Standin::default()),
            },
            fleet: Box::new(Loopback::new()),
        }
    }

    /// What the providers cannot play of this stage and these steps.
    pub(crate) fn refusals(&self, stage: &Stage, steps: &[Step]) -> Vec<Refusal> {
        let through_adc = stage.fleet.via == Via::Adc;
        let adc = through_adc.then(|| self.adc.refuses(stage)).flatten();
        let of_stage = [self.kafka.refuses(stage), adc, self.fleet.refuses(stage)];
        let of_steps = steps.iter().flat_map(|step| {
            let adc = through_adc.then(|| self.adc.refuses_step(&step.action));
            [self.kafka.refuses_step(&step.action), adc.flatten()]
        });
        of_stage.into_iter().chain(of_steps).flatten().collect()
    }
}
