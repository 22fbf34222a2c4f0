//! Sweeps: one scenario after another, each a little bigger, played on embedded parts over loopback and read for what they took.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use lab_capacity::costs::REPEATS;
use lab_capacity::results::Results;
use lab_capacity::sweep::{idle, produced};
use lab_record::run::Cell;
use lab_record::verdict::Verdict;

use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::options::{Casting, RunOptions};
use crate::progress::Progress;
use crate::provider::{AdcChoice, KafkaChoice};
use crate::run::{Company, play_alone};
use crate::scenario::Scenario;

/// Devices that sit still; the room of one process with 20,000 descriptors is enough for the last.
const PLATEAUS: [u32; 5] = [1_000, 3_000, 5_000, 7_000, 9_000];

/// Records per second, for [`SECONDS`].
const RATES: [u32; 5] = [200, 400, 800, 1_200, 1_600];

/// How long records are written.
const SECONDS: u32 = 2;

/// Records per second while the number of workgroups varies.
const SCALING_RATE: u32 = 800;

/// More workgroups than this are not tried: the law needs places, not all of them.
const MOST_WORKGROUPS: u32 = 8;

/// Devices among which records are spread.
const DEVICES: u32 = 500;

/// What a point is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Idle,
    Deliveries,
    Reads,
    Scaling,
}

/// One point of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    purpose: Purpose,
    repeat: u32,
    workgroups: u32,
    /// Devices, or records per second.
    size: u32,
    bytes: u64,
    /// Whether the gateway ends TLS.
    tls: bool,
}

/// Plays every point into the results; an exit status where the machine cannot, or the user wants out.
pub(super) fn play(
    results: &mut Results,
    machine: &Machine,
    gateway: PathBuf,
    interrupt: &Interrupt,
) -> anyhow::Result<Result<(), u8>> {
    let options = RunOptions {
        casting: Casting {
            kafka: KafkaChoice::Embedded,
            adc: AdcChoice::Builtin,
        },
        seed: 1,
        out: None,
        gateway: None,
        control_hash: None,
        cell: None,
        summary: None,
        metrics: None,
    };
    let company = Company {
        options: &options,
        machine,
        gateway,
        interrupt,
    };
    let points = points(machine.cpus.max(1), results.bytes, results.tls);
    let mut progress = Progress::new();
    for (number, point) in points.iter().enumerate() {
        let scenario = point.scenario()?;
        progress.cell(number + 1, points.len(), &scenario.title);
        let cell = play_alone(&company, &scenario, &mut progress);
        progress.clear();
        let cell = cell.context("a sweep has one cell")?;
        match cell.verdict {
            Verdict::Interrupted | Verdict::Unfit => {
                let reason = cell.reason.as_deref().unwrap_or("interrupted");
                eprintln!(
                    "{reason}; {}",
                    cell.remedy.as_deref().unwrap_or("nothing is written")
                );
                return Ok(Err(cell.verdict.exit_status()));
            }
            _ => point.enter(&cell, results)?,
        }
    }
    Ok(Ok(()))
}

/// Repetitions go round and round, so that a mood of the machine meets every size alike.
fn points(cores: u32, bytes: u64, tls: bool) -> Vec<Point> {
    let mut points = vec![];
    for repeat in 0..REPEATS as u32 {
        let mut add = |purpose, workgroups, sizes: &[u32]| {
            points.extend(sizes.iter().map(|size| Point {
                purpose,
                repeat,
                workgroups,
                size: *size,
                bytes,
                tls,
            }));
        };
        add(Purpose::Idle, cores, &PLATEAUS);
        add(Purpose::Deliveries, cores, &RATES);
        add(Purpose::Reads, cores, &RATES);
        for workgroups in 1..=cores.min(MOST_WORKGROUPS) {
            add(Purpose::Scaling, workgroups, &[SCALING_RATE]);
        }
    }
    points
}

impl Point {
    fn scenario(&self) -> anyhow::Result<Scenario> {
        Scenario::parse(Path::new("capacity sweep"), self.text())
            .map_err(|complaint| anyhow!("the lab wrote a wrong sweep: {complaint}"))
    }

    fn text(&self) -> String {
        let (size, workgroups) = (self.size, self.workgroups);
        let (title, devices, connected) = match self.purpose {
            Purpose::Idle => (format!("{size} devices sit still"), size, size),
            Purpose::Deliveries | Purpose::Scaling => (
                format!("{size} records a second are delivered by {workgroups} workgroups"),
                DEVICES,
                DEVICES,
            ),
            Purpose::Reads => (
                format!("{size} records a second are wanted by nobody"),
                DEVICES,
                1,
            ),
        };
        let over = 100 + connected / 3;
        let mut text = format!(
            r#"title = "{title}"
why = "A point of a capacity sweep."

[stage]
workgroups = {workgroups}
listener.tls = {}
fleet.devices = {devices}
fleet.via = "direct"

[[step]]
do.connect = {{ devices = {connected}, over = "{over}ms" }}

[[step]]
do.subscribe = {{ devices = {connected}, over = "{over}ms" }}
"#,
            self.tls
        );
        if self.purpose != Purpose::Idle {
            text.push_str(&format!(
                "\n[[step]]\ndo.produce = {{ records = {}, rate = \"{size}/s\", bytes = {} }}\n",
                size * SECONDS,
                self.bytes
            ));
        }
        text
    }

    /// Enters what one point took.
    fn enter(&self, cell: &Cell, results: &mut Results) -> anyhow::Result<()> {
        let told = || {
            let broken = cell.expectations.iter().find(|e| e.held == Some(false));
            let broken = broken.map(|e| format!("{}: {}", e.name, e.measured));
            let reason = cell.reason.clone().or(broken);
            format!(
                "the sweep `{}` of {} could not be read: {}",
                self.purpose.word(),
                self.size,
                reason.unwrap_or_else(|| "its record has no figures".to_owned())
            )
        };
        if cell.verdict != Verdict::Pass {
            return Err(anyhow!(told()));
        }
        if self.purpose == Purpose::Idle {
            let (plateau, handshakes) = idle(cell, self.repeat).with_context(told)?;
            results.memory.push(plateau);
            results.handshakes.push(handshakes);
            return Ok(());
        }
        let work = produced(cell, self.repeat).with_context(told)?;
        match self.purpose {
            Purpose::Reads => results.reads.push(work),
            Purpose::Scaling => results.scaling.push(work),
            Purpose::Deliveries | Purpose::Idle => results.deliveries.push(work),
        }
        Ok(())
    }
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Deliveries => "deliveries",
            Self::Reads => "reads",
            Self::Scaling => "scaling",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_a_scenario_the_lab_can_play() {
        for tls in [false, true] {
            for point in points(12, 512, tls) {
                let scenario = point.scenario().unwrap();

                assert_eq!(scenario.cells.len(), 1, "{}", scenario.title);
            }
        }
    }

    #[test]
    fn slopes_rest_on_five_places_and_three_repetitions() {
        let points = points(2, 512, false);

        for purpose in [Purpose::Idle, Purpose::Deliveries, Purpose::Reads] {
            let of = points.iter().filter(|point| point.purpose == purpose);
            assert_eq!(of.count(), 15);
        }
        let scaling = points.iter().filter(|p| p.purpose == Purpose::Scaling);
        assert_eq!(scaling.count(), 6);
    }
}
