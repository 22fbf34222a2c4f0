//! What TLS costs: processor time and memory per connection.

use std::time::Duration;

use super::handshake;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::Setup;
use crate::host::Certificate;
use crate::outcome::Found;
use crate::statistics::{Sample, slope};
use crate::target::Judged;

/// Both handshakes, TLS and WebSocket.
pub(crate) fn handshake(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let devices = bench.pick(2_000, 300);
    let certificate = bench.host.certificate()?;
    let mut gateway = bench.gateway_without_subjects(&setup(Some(&certificate)))?;
    let mut control = bench.tls_control(&certificate)?;
    let mut plain = bench.gateway_without_subjects(&setup(None))?;
    handshake::cost(&mut gateway, devices)?;
    handshake::cost(&mut control, devices)?;
    handshake::cost(&mut plain, devices)?;
    let (mut with, mut without, mut controls) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        with.push(handshake::cost(&mut gateway, devices)?);
        controls.push(handshake::cost(&mut control, devices)?);
        without.push(handshake::cost(&mut plain, devices)?);
    }
    let found = Found::paired(Judged::Ratio, &Sample::new(with), &Sample::new(controls));
    Ok(found.note(format!(
        "TLS 1.3, ECDSA P-256, no session is resumed; the gateway without TLS: {:.1} µs",
        Sample::new(without).median()
    )))
}

/// An idle connection, as the slope of a straight line.
pub(crate) fn memory(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let steps: &[usize] = bench.pick(&[500, 1_500, 2_500, 3_500, 4_500], &[200, 400, 600]);
    let certificate = bench.host.certificate()?;
    let mut gateway = bench.gateway_without_subjects(&setup(Some(&certificate)))?;
    let value = slope(&gateway.memory_line(steps)?);
    drop(gateway);
    let mut control = bench.tls_control(&certificate)?;
    let control = slope(&control.memory_line(steps)?);
    let (value, control) = (Sample::new(vec![value]), Sample::new(vec![control]));
    Ok(Found::paired(Judged::Ratio, &value, &control))
}

fn setup(certificate: Option<&Certificate>) -> Setup {
    Setup {
        certificate: certificate.cloned(),
        // Nothing is published, so Kafka need not be asked often.
        fetch_wait: Duration::from_millis(500),
        ..Setup::default()
    }
}
