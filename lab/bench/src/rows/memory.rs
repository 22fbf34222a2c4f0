//! User memory per connection: the slope of a straight line, so that what everyone shares does not count.

use std::time::Duration;

use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::Setup;
use crate::outcome::Found;
use crate::parts::Part;
use crate::statistics::{Sample, slope, slopes};
use crate::target::Judged;

/// When memory should have been given back.
const AFTER: Duration = Duration::from_secs(10);

/// Bytes of each message of the burst.
const BURST_BYTES: usize = 1_024;

/// Messages of the burst, to each device.
const BURST: usize = 32;

/// An idle connection with a subscription of its own.
pub(crate) fn idle(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let steps: &[usize] = bench.pick(
        &[1_000, 4_000, 7_000, 10_000, 13_000, 16_000, 19_000],
        &[500, 1_000, 1_500, 2_000],
    );
    let mut gateway = bench.gateway_of_own_subjects(&quiet())?;
    let line = gateway.memory_line(steps)?;
    let first = line.first().map_or(0.0, |point| point.1);
    drop(gateway);
    let control = control(bench, Part::Tuned)?;
    let found = Found::single(slope(&line), control, slope(&line));
    let (low, high) = slopes(&line).spread();
    Ok(found.note(format!(
        "from {} to {} connections, between neighbouring steps {low:.0} to {high:.0} bytes; {:.1} MiB with the first {}",
        steps[0],
        steps[steps.len() - 1],
        first / f64::from(1 << 20),
        steps[0],
    )))
}

/// The same after everyone got a burst.
pub(crate) fn after_burst(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let steps: &[usize] = bench.pick(&[1_000, 4_000, 7_000, 10_000], &[500, 1_000, 2_000]);
    let devices = steps[steps.len() - 1];
    let mut gateway = bench.gateway(&quiet())?;
    // The first burst pays for what everyone shares, as the first connections do.
    gateway.connect(steps[0])?;
    gateway.broadcast(1, BURST, BURST_BYTES)?;
    let line = gateway.memory_line(steps)?;
    let before = slope(&line);
    let resident = gateway.memory()?;
    gateway.broadcast(1, BURST, BURST_BYTES)?;
    let at_once = gateway.memory()?;
    bench.let_pass(AFTER)?;
    let grown = |after: u64| (after as f64 - resident as f64) / devices as f64;
    let after = before + grown(gateway.memory()?);
    let found = Found::single(after, before, after / before);
    Ok(found.note(format!(
        "{BURST} messages of {BURST_BYTES} bytes to each of {devices}; right after them {:.0} bytes per connection. All share one subject here",
        before + grown(at_once)
    )))
}

/// Against what one writes first.
pub(crate) fn obvious(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let steps: &[usize] = bench.pick(&[1_000, 3_000, 5_000, 7_000, 9_000], &[500, 1_000, 2_000]);
    let mut gateway = bench.gateway_of_own_subjects(&quiet())?;
    let value = slope(&gateway.memory_line(steps)?);
    drop(gateway);
    let control = control(bench, Part::Obvious)?;
    let (value, control) = (Sample::new(vec![value]), Sample::new(vec![control]));
    Ok(Found::paired(Judged::TimesLess, &value, &control))
}

fn control(bench: &Bench<'_>, part: Part) -> Result<f64, BenchError> {
    let steps: &[usize] = bench.pick(&[500, 1_000, 2_000, 3_000, 4_000], &[200, 400, 600]);
    let mut stand = bench.control(part)?;
    Ok(slope(&stand.memory_line(steps)?))
}

/// Nothing but connections: Kafka is asked rarely.
fn quiet() -> Setup {
    Setup {
        fetch_wait: Duration::from_millis(100),
        ..Setup::default()
    }
}
