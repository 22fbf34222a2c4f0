//! Every file in `scenarios/` is a test, once per cell and pair of providers; so is everything known to be bad that the
//! lab must catch: hashes, and relays that tamper with messages.
//!
//! A cell that this machine cannot play is ignored with its reason, and fails where `TIDEGATE_REQUIRE=all` is set. Each test runs the `lab` binary as
//! a person would. Cells on real Kafka share one broker, but for those that break brokers or want several.

mod binaries;
mod broker;
mod control;
mod play;
mod report;
mod tampering;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lab::suite::{Answer, offers};
use libtest_mimic::{Arguments, Trial};

use play::{Cell, NotHere, play};

/// The pairs of providers that every scenario is played on, and how much of it.
const PAIRS: [(&str, &str, Extent); 3] = [
    ("embedded", "builtin", Extent::EveryCell),
    ("container", "haproxy", Extent::EveryCell),
    ("embedded", "bigip-standin", Extent::OnceOutside("f5")),
];

/// What these prove lies behind the load balancer, and they are long: on the stand-in they are played by hand.
const LONG: [&str; 9] = [
    "a-frozen-gateway-is-left-behind.toml",
    "a-killed-gateway-loses-no-message.toml",
    "a-publish-that-is-doubled-is-delivered-once.toml",
    "equal-positions-mean-equal-bytes.toml",
    "nearly-ten-thousand-come-back-at-once.toml",
    "publishes-outlive-a-killed-gateway.toml",
    "the-devices-of-a-big-gateway-are-back-in-seconds.toml",
    "the-same-fleet-on-one-two-and-three-gateways.toml",
    "what-the-cache-forgot-is-told.toml",
];

/// How many cells of a scenario a pair plays.
#[derive(Debug, Clone, Copy)]
enum Extent {
    EveryCell,
    /// The first that it can play, of what is not [`LONG`]; in this folder every one.
    OnceOutside(&'static str),
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A cell takes as many processors as there are; two at once would measure each other.
    arguments.test_threads.get_or_insert(1);
    let mut trials = vec![];
    for (kafka, adc, extent) in PAIRS {
        match trials_of(kafka, adc, extent) {
            Ok(more) => trials.extend(more),
            Err(mistakes) => {
                eprintln!("{mistakes}");
                return ExitCode::FAILURE;
            }
        }
    }
    trials.extend(control::trials());
    trials.extend(tampering::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    broker::dismiss();
    conclusion.exit_code()
}

/// A test for the cells that this pair can play somewhere, to this extent.
fn trials_of(kafka: &'static str, adc: &'static str, extent: Extent) -> Result<Vec<Trial>, String> {
    let scenarios = root().join("scenarios");
    let offers = offers(&scenarios, kafka, adc)?;
    let mut last = String::new();
    let playable = offers
        .into_iter()
        .filter(|offer| offer.answer != Answer::Never)
        .filter(move |offer| {
            let again = std::mem::replace(&mut last, offer.file.clone()) == offer.file;
            match extent {
                Extent::EveryCell => true,
                Extent::OnceOutside(folder) => {
                    let file = Path::new(&offer.file);
                    let is_long = LONG.iter().any(|name| file.ends_with(name));
                    !again && !is_long || file.iter().any(|part| part == folder)
                }
            }
        });
    Ok(playable
        .map(|offer| {
            let file = Path::new(&offer.file);
            let story = file
                .strip_prefix(&scenarios)
                .unwrap_or(file)
                .with_extension("");
            let name = [
                story.display().to_string(),
                format!("{kafka}+{adc}"),
                offer.cell.clone(),
            ];
            let cell = Cell {
                file: offer.file,
                choices: offer.cell,
                kafka,
                adc,
                alone: offer.alone,
            };
            let lacking = match offer.answer {
                Answer::NotHere(reason) => Some(NotHere(reason)),
                Answer::Playable | Answer::Never => None,
            };
            Trial::ignorable_test(
                name.join(" ").trim_end().to_owned(),
                move || match lacking {
                    Some(reason) => reason.ignored(),
                    None => play(&cell),
                },
            )
        })
        .collect())
}

/// The repository.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
