//! Scenarios as tests: which cells a pair of providers plays, which it never can, and which this machine lacks something for.

use std::path::Path;

use crate::args::Parts;
use crate::cast::Cast;
use crate::machine::Machine;
use crate::options::{Casting, read_scenarios};
use crate::plan::Plan;
use crate::provider::RefusalKind;
use crate::replay::arguments::ReplayArguments;
use crate::scenario::step::takes_brokers;

/// One cell, offered to a pair of providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The scenario file.
    pub file: String,
    /// The cell's choices; empty without a matrix, and where cells are compared and only all of them together are a test.
    pub cell: String,
    /// Whether it needs a Kafka of its own: several brokers, or steps that take brokers away.
    pub alone: bool,
    /// Whether it can be played here.
    pub answer: Answer,
}

/// Whether a cell can be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Here and now.
    Playable,
    /// This machine lacks something; what, and what to do.
    NotHere(String),
    /// These providers never can.
    Never,
}

/// Every cell of every scenario below `folder`, offered to this pair, in the words of `--kafka` and `--adc`.
///
/// # Errors
///
/// The mistakes in the scenario files or in the words.
pub fn offers(folder: &Path, kafka: &str, adc: &str) -> Result<Vec<Offer>, String> {
    let casting = Casting::new(&Parts {
        kafka: kafka.to_owned(),
        adc: adc.to_owned(),
        replay: ReplayArguments::default(),
    });
    let casting = casting.map_err(|error| error.to_string())?;
    let scenarios = read_scenarios(&[folder.to_owned()]).map_err(|error| error.to_string())?;
    let machine = Machine::look();
    let cast = Cast::new(&casting);
    let mut offers = vec![];
    for scenario in &scenarios {
        let first = offers.len();
        for cell in &scenario.cells {
            let plan = Plan::new(
                &cell.stage,
                &casting.adc,
                &machine,
                cast.refusals(&cell.stage, &scenario.steps),
            );
            offers.push(Offer {
                file: scenario.file.display().to_string(),
                cell: cell.name.clone(),
                alone: cell.stage.kafka.brokers > 1 || takes_brokers(&scenario.steps),
                answer: answer(&plan),
            });
        }
        if scenario.expect.compares_cells() {
            let together = offers.drain(first..).reduce(together);
            offers.extend(together);
        }
    }
    Ok(offers)
}

/// Two cells as one offer: playable if both are.
fn together(a: Offer, b: Offer) -> Offer {
    Offer {
        cell: String::new(),
        alone: a.alone || b.alone,
        answer: match a.answer {
            Answer::Playable => b.answer,
            lacking => lacking,
        },
        file: a.file,
    }
}

/// What can never be played needs no word about the machine.
fn answer(plan: &Plan) -> Answer {
    if plan
        .refusals
        .iter()
        .any(|refusal| refusal.kind == RefusalKind::ByNature)
    {
        return Answer::Never;
    }
    match plan.refusals.first() {
        None => Answer::Playable,
        Some(refusal) => Answer::NotHere(format!("{}; {}", refusal.reason, refusal.remedy)),
    }
}
