//! CPU time per delivered message.

use super::{BYTES, DEVICES};
use crate::bench::Bench;
use crate::control::Control;
use crate::error::BenchError;
use crate::gateway::{Gateway, Setup};
use crate::outcome::Found;
use crate::parts::Part;
use crate::stand::{Server, Stand};
use crate::statistics::Sample;
use crate::target::Judged;

/// What a round consists of.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Broadcasts.
    rounds: usize,
    /// Messages that are ready together.
    together: usize,
}

/// Each delivery is its own send.
pub(crate) fn single(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let rounds = bench.pick(100, 10);
    against_bare_sends(
        bench,
        Load {
            rounds,
            together: 1,
        },
    )
}

/// 24 messages are ready at a time.
pub(crate) fn together(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let rounds = bench.pick(30, 5);
    against_bare_sends(
        bench,
        Load {
            rounds,
            together: 24,
        },
    )
}

/// Against what one writes first.
pub(crate) fn obvious(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let load = Load {
        rounds: bench.pick(50, 10),
        together: 1,
    };
    let mut gateway = gateway(bench)?;
    let mut obvious = control(bench, Part::Obvious)?;
    let (mut value, mut control) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        value.push(cost(&mut gateway, load)?);
        control.push(cost(&mut obvious, load)?);
    }
    let (value, control) = (Sample::new(value), Sample::new(control));
    Ok(Found::paired(Judged::TimesLess, &value, &control))
}

fn against_bare_sends(bench: &mut Bench<'_>, load: Load) -> Result<Found, BenchError> {
    // Everything ready together still leaves a bare loop one by one, so that it needs fewer of them.
    let bare_load = Load {
        rounds: load.rounds.div_ceil(load.together).max(5),
        ..load
    };
    let mut gateway = gateway(bench)?;
    let mut bare = control(bench, Part::BareSend)?;
    let mut ring = control(bench, Part::BareRing);
    let (mut value, mut sends, mut ringed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        value.push(cost(&mut gateway, load)?);
        sends.push(cost(&mut bare, bare_load)?);
        if let Ok(ring) = &mut ring {
            ringed.push(cost(ring, bare_load)?);
        }
    }
    let (value, sends, ringed) = (Sample::new(value), Sample::new(sends), Sample::new(ringed));
    let note = match ring {
        Ok(_) => format!(
            "bare io_uring in batches of 128: {:.2} µs, {:.2} × bare send(); the gateway is at {:.2} × of it",
            ringed.median(),
            ringed.over(&sends).median(),
            value.over(&ringed).median(),
        ),
        Err(BenchError::Interrupted) => return Err(BenchError::Interrupted),
        Err(error) => format!("without bare io_uring: {error}"),
    };
    Ok(Found::paired(Judged::Ratio, &value, &sends).note(note))
}

/// One bare `send()`, in microseconds, as a yardstick for other rows.
pub(super) fn bare_send(bench: &Bench<'_>) -> Result<f64, BenchError> {
    let load = Load {
        rounds: bench.pick(50, 10),
        together: 1,
    };
    let mut bare = control(bench, Part::BareSend)?;
    let rounds: Result<Vec<f64>, BenchError> =
        (0..bench.rounds()).map(|_| cost(&mut bare, load)).collect();
    Ok(Sample::new(rounds?).median())
}

fn gateway<'a>(bench: &mut Bench<'a>) -> Result<Stand<'a, Gateway>, BenchError> {
    let mut gateway = bench.gateway(&Setup::default())?;
    gateway.connect(DEVICES)?;
    gateway.calibrate()?;
    gateway.broadcast(10, 1, BYTES)?;
    Ok(gateway)
}

fn control<'a>(bench: &Bench<'a>, part: Part) -> Result<Stand<'a, Control<'a>>, BenchError> {
    let mut control = bench.control(part)?;
    control.connect(DEVICES)?;
    control.broadcast(10, 1, BYTES)?;
    Ok(control)
}

fn cost(stand: &mut Stand<'_, impl Server>, load: Load) -> Result<f64, BenchError> {
    stand.cpu_per_message(load.rounds, load.together, BYTES)
}
