//! What is looked at when a step is reached: whether all are there, what they cost, and whether each is pinged and receives.
//! Every number is the kernel's or the fleet's.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::super::BYTES;
use super::{Growth, room};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::Gateway;
use crate::memory;
use crate::stand::{Server as _, Stand};

/// How often the fleet is asked for answers to pings.
const LOOK: Duration = Duration::from_secs(1);

/// What there was before the crowd came.
#[derive(Debug)]
pub(super) struct Ground {
    gateway: u64,
    fleet: u64,
    kernel: u64,
}

impl Ground {
    pub(super) fn look(stand: &Stand<'_, Gateway>) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: memory::resident(stand.server.pid())?,
            fleet: memory::resident(stand.fleet_pid())?,
            kernel: room::kernel()?,
        })
    }

    /// What has come since.
    fn grown(&self, stand: &Stand<'_, Gateway>) -> anyhow::Result<Self> {
        let now = Self::look(stand)?;
        Ok(Self {
            gateway: now.gateway.saturating_sub(self.gateway),
            fleet: now.fleet.saturating_sub(self.fleet),
            kernel: now.kernel.saturating_sub(self.kernel),
        })
    }
}

/// Looks at a step, in words.
pub(super) fn take(
    bench: &mut Bench<'_>,
    stand: &mut Stand<'_, Gateway>,
    ground: &Ground,
    growth: &Growth,
    interval: Duration,
) -> Result<String, BenchError> {
    let devices = growth.reached;
    let sockets = sockets()?;
    if sockets < 2 * devices {
        return Err(BenchError::Gateway(format!(
            "the kernel counts {sockets} TCP sockets, too few for both ends of {devices} connections"
        )));
    }
    let received = receive(stand)?;
    let pinged = await_pings(bench, stand, devices, interval)?;
    let grown = ground.grown(stand)?;
    let each = |bytes: u64| bytes as f64 / devices as f64;
    let microseconds = |cpu: Duration, number: usize| cpu.as_secs_f64() * 1e6 / number as f64;
    Ok(format!(
        "{devices} live: {:.0} a second came, {:.1} µs of gateway CPU each, subscription included; \
         bytes each: {:.0} of the gateway, {:.0} of the fleet, {:.0} of the kernel for both ends; \
         {BYTES} bytes to everyone in {:.1} s, {:.1} µs of CPU each; \
         {} pings answered in {:.0} s, {:.1} µs of CPU each; {} descriptors open",
        growth.added as f64 / growth.took.as_secs_f64(),
        microseconds(growth.cpu, growth.added.max(1)),
        each(grown.gateway),
        each(grown.fleet),
        each(grown.kernel),
        received.took.as_secs_f64(),
        microseconds(received.cpu, devices),
        pinged.count,
        pinged.took.as_secs_f64(),
        microseconds(pinged.cpu, pinged.count),
        descriptors(stand.server.pid())?,
    ))
}

/// Something the gateway did.
struct Done {
    count: usize,
    took: Duration,
    cpu: Duration,
}

/// A message to everyone; it is over when every device has it.
fn receive(stand: &mut Stand<'_, Gateway>) -> Result<Done, BenchError> {
    let (start, cpu) = (Instant::now(), stand.cpu()?);
    stand.broadcast(1, 1, BYTES)?;
    Ok(Done {
        count: 1,
        took: start.elapsed(),
        cpu: stand.cpu()? - cpu,
    })
}

/// Waits for as many answers to pings as there are devices, and for one interval at least: within that each is pinged, and a
/// device that is lost says so.
fn await_pings(
    bench: &Bench<'_>,
    stand: &mut Stand<'_, Gateway>,
    devices: usize,
    interval: Duration,
) -> Result<Done, BenchError> {
    let (start, cpu, before) = (Instant::now(), stand.cpu()?, stand.writes()?);
    loop {
        bench.let_pass(LOOK)?;
        let (took, written) = (start.elapsed(), stand.writes()? - before);
        let count = usize::try_from(written).unwrap_or(usize::MAX);
        if took >= interval && count >= devices {
            let cpu = stand.cpu()? - cpu;
            return Ok(Done { count, took, cpu });
        }
        if took > 3 * interval {
            return Err(BenchError::Gateway(format!(
                "{count} pings were answered within {} s, although {devices} devices are to be pinged every {} s",
                took.as_secs(),
                interval.as_secs()
            )));
        }
    }
}

/// TCP sockets in this network, as the kernel counts them.
fn sockets() -> anyhow::Result<usize> {
    const FILE: &str = "/proc/net/sockstat";
    let text = std::fs::read_to_string(FILE).with_context(|| format!("cannot read {FILE}"))?;
    in_use(&text).with_context(|| format!("{FILE} counts no TCP sockets"))
}

fn in_use(sockstat: &str) -> Option<usize> {
    let line = sockstat
        .lines()
        .find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "inuse");
    words.nth(1)?.parse().ok()
}

/// Descriptors that a process has open.
fn descriptors(pid: u32) -> anyhow::Result<usize> {
    let folder = format!("/proc/{pid}/fd");
    let open = std::fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))?;
    Ok(open.count())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_s_count_of_sockets_is_read() {
        let text = "sockets: used 9\nTCP: inuse 2000123 orphan 0 tw 3 alloc 2000200 mem 7\nUDP: inuse 1 mem 0\n";

        assert_eq!(super::in_use(text), Some(2_000_123));
        assert_eq!(super::in_use("UDP: inuse 1\n"), None);
    }
}
