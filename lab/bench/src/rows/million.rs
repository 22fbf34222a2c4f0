//! As many live devices as one gateway process holds on this machine: each with an address and a port of its own,
//! subscribed, pinged, and receiving. It grows in steps, looks at each of them, and stops by itself.
//!
//! - [`census`]: what is looked at when a step is reached.
//! - [`room`]: whether there is memory for more.

mod census;
mod room;

use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::{Gateway, Setup};
use crate::outcome::Found;
use crate::stand::Stand;
use crate::target::{Bound, Judged, Target};
use census::Ground;

/// Descriptors that the gateway and the fleet may open.
pub const DESCRIPTORS: u64 = 20_000;

/// Devices that must be live where nothing else is asked for.
pub const DEVICES: usize = 1_000_000;

/// Devices of a quick run, at most: they are pinged every few seconds.
pub const QUICK: usize = 20_000;

/// What would be better still.
const STRETCH: f64 = 2_000_000.0;

/// Where it stops to look, besides at its end.
const STEPS: [usize; 4] = [100_000, 250_000, 500_000, 1_000_000];

/// Devices that connect between two looks at the memory.
const AT_ONCE: usize = 10_000;

/// A line at least this often.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// No more devices are added after this long, however far it is.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// How long an answer to a ping may take: a message to everyone keeps the loops of both sides busy for seconds.
const PING_PATIENCE: Duration = Duration::from_secs(30);

/// The row for so many devices.
#[must_use]
pub fn target(devices: usize) -> Target {
    Target {
        name: "live-devices",
        what: "live devices of one gateway process, each with its own address and port, subscribed, pinged and receiving",
        unit: "devices",
        control: "descriptors that the process may open",
        judged: Judged::Value,
        must: Bound::AtLeast(devices as f64),
        stretch: Bound::AtLeast(STRETCH.max(devices as f64)),
        measure,
    }
}

/// Why no more devices were added.
#[derive(Debug)]
enum Stop {
    /// All are there.
    Reached,
    /// This machine has no room for more.
    Short(String),
    /// Something did not do what it must.
    Broke(String),
}

fn measure(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let interval = bench.pick(Duration::from_secs(60), Duration::from_secs(10));
    let setup = Setup {
        own_addresses: true,
        // One message at a time: Kafka need not be asked often.
        fetch_wait: Duration::from_millis(100),
        ping_every: interval,
        // Longer than the interval it would put the next ping off.
        ping_patience: PING_PATIENCE.min(interval),
        ..Setup::default()
    };
    let mut gateway = bench.gateway(&setup)?;
    gateway.connect(1)?;
    gateway.calibrate()?;
    await_kernel(bench)?;
    let ground = Ground::look(&gateway)?;
    let began = Instant::now();
    let (mut live, mut notes, mut stop) = (0, Vec::new(), Stop::Reached);
    for step in steps(bench.devices()) {
        let growth = match grow(bench, &mut gateway, live.max(1), step, began) {
            Ok(growth) => growth,
            Err(error) => {
                stop = broken(error)?;
                break;
            }
        };
        let reached = growth.reached;
        match census::take(bench, &mut gateway, &ground, &growth, interval) {
            Ok(seen) => {
                bench.say(&format!("  {seen}"));
                notes.push(seen);
                live = reached;
            }
            Err(error) => {
                stop = broken(error)?;
                break;
            }
        }
        if let Some(why) = growth.short {
            stop = Stop::Short(why);
            break;
        }
    }
    Ok(found(live, notes, stop))
}

/// Waits until the kernel has given back what an earlier crowd left behind, which takes it more than a minute.
fn await_kernel(bench: &Bench<'_>) -> Result<(), BenchError> {
    const LONG_ENOUGH: Duration = Duration::from_secs(120);
    const LOOK: Duration = Duration::from_secs(2);
    const NOTHING: u64 = 8 << 20;
    let start = Instant::now();
    while start.elapsed() < LONG_ENOUGH {
        let before = room::kernel()?;
        bench.let_pass(LOOK)?;
        if room::kernel()? + NOTHING > before {
            break;
        }
    }
    Ok(())
}

/// The steps to a number, it itself the last.
fn steps(devices: usize) -> impl Iterator<Item = usize> {
    let before = STEPS.into_iter().filter(move |&step| step < devices);
    before.chain([devices])
}

fn broken(error: BenchError) -> Result<Stop, BenchError> {
    match error {
        BenchError::Interrupted => Err(error),
        error => Ok(Stop::Broke(error.to_string())),
    }
}

fn found(live: usize, mut notes: Vec<String>, stop: Stop) -> Found {
    let (short, why) = match stop {
        Stop::Reached => (false, None),
        Stop::Short(why) => (true, Some(why)),
        Stop::Broke(why) => (false, Some(why)),
    };
    notes.extend(why.map(|why| format!("stopped: {why}")));
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let found = Found::single(
        live as f64,
        limit.unwrap_or(DESCRIPTORS) as f64,
        live as f64,
    );
    Found {
        notes,
        short,
        ..found
    }
}

/// How a step was reached.
#[derive(Debug)]
struct Growth {
    /// Devices added.
    added: usize,
    /// Devices in all.
    reached: usize,
    took: Duration,
    /// CPU time of the gateway.
    cpu: Duration,
    /// Why the step's number was not reached.
    short: Option<String>,
}

/// Adds devices until there are `to`, or there is no room, or the time is over.
fn grow(
    bench: &mut Bench<'_>,
    gateway: &mut Stand<'_, Gateway>,
    from: usize,
    to: usize,
    began: Instant,
) -> Result<Growth, BenchError> {
    let (start, cpu) = (Instant::now(), gateway.cpu()?);
    let (mut reached, mut said, mut short) = (from, start, None);
    while reached < to {
        let left = room::left()?;
        short = no_more(left, began.elapsed());
        if short.is_some() {
            break;
        }
        reached = to.min((reached / AT_ONCE + 1) * AT_ONCE);
        gateway.connect(reached)?;
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            let rate = (reached - from) as f64 / start.elapsed().as_secs_f64();
            bench.say(&format!(
                "  {reached} of {to} live, {rate:.0} a second; {:.1} GiB of memory left",
                room::gibibytes(left)
            ));
        }
    }
    Ok(Growth {
        added: reached - from,
        reached,
        took: start.elapsed(),
        cpu: gateway.cpu()? - cpu,
        short,
    })
}

fn no_more(left: u64, elapsed: Duration) -> Option<String> {
    if left < room::FLOOR {
        Some(format!(
            "only {:.1} GiB of memory are left, and {:.0} stay untouched",
            room::gibibytes(left),
            room::gibibytes(room::FLOOR)
        ))
    } else if elapsed > LONGEST {
        Some(format!("{} minutes are over", LONGEST.as_secs() / 60))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_at_every_step_below_and_at_the_end() {
        let seen = |devices| steps(devices).collect::<Vec<_>>();

        assert_eq!(seen(2_000), [2_000]);
        assert_eq!(seen(250_000), [100_000, 250_000]);
        assert_eq!(seen(300_000), [100_000, 250_000, 300_000]);
    }

    #[test]
    fn it_stops_before_memory_runs_out_and_when_the_time_is_over() {
        let (enough, soon) = (room::FLOOR, Duration::from_secs(1));

        assert_eq!(no_more(enough, soon), None);
        assert!(no_more(enough - 1, soon).unwrap().contains("3 stay"));
        assert!(no_more(enough, LONGEST * 2).unwrap().contains("30 minutes"));
    }

    #[test]
    fn a_machine_that_falls_short_is_told_from_a_gateway_that_breaks() {
        let short = found(700_000, Vec::new(), Stop::Short("no memory".to_owned()));
        let broke = found(0, Vec::new(), Stop::Broke("refused".to_owned()));

        assert_eq!((short.value, short.short), (700_000.0, true));
        assert_eq!(short.notes, ["stopped: no memory"]);
        assert!(!broke.short);
    }
}
