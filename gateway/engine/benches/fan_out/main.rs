//! Fan-out over real sockets: the CPU time that the sending thread spends on one message to each of a
//! thousand devices, beside a bare `send()` of the same bytes to as many sockets in the same run.
//!
//! *single*: every delivery is its own write. *24 queued*: 24 messages are ready together.
//! Loopback charges the receiver's TCP input to the sender; a real network card would not. Machines
//! are noisy: compare only within one run, as a ratio.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

mod bare;
mod bare_ring;
mod devices;
mod engine;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_engine::Backend;

use bare::Bare;
use bare_ring::BareRing;
use devices::Devices;
use engine::Engine;

/// Devices.
const DEVICES: usize = 1000;

/// Bytes of payload.
const PAYLOAD: usize = 512;

/// A server that can send to all its devices.
trait Server {
    /// Sends `messages` messages to every device; they are ready together.
    fn broadcast(&mut self, messages: usize);

    /// CPU time of the sending thread so far.
    fn cpu(&mut self) -> Duration;
}

fn fan_out(criterion: &mut Criterion) {
    for (name, messages) in [("fan-out/single", 1), ("fan-out/24 queued", 24)] {
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(20)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(4));
        group.throughput(Throughput::Elements((DEVICES * messages) as u64));

        let (devices, sockets) = Devices::connect(DEVICES);
        measure(
            &mut group,
            "bare send",
            &mut Bare::new(sockets, &devices),
            &devices,
            messages,
        );
        let (devices, sockets) = Devices::connect(DEVICES);
        match BareRing::new(sockets, &devices) {
            Ok(mut bare) => measure(&mut group, "bare io_uring", &mut bare, &devices, messages),
            Err(error) => eprintln!("bare io_uring is left out: {error}"),
        }
        for (name, backend) in [("epoll", Backend::Epoll), ("io_uring", Backend::IoUring)] {
            let (devices, sockets) = Devices::connect(DEVICES);
            match Engine::new(backend, sockets, &devices) {
                Ok(mut engine) => measure(&mut group, name, &mut engine, &devices, messages),
                Err(error) => eprintln!("fan-out over {name} is left out: {error}"),
            }
        }
        group.finish();
    }
}

fn measure(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    server: &mut impl Server,
    devices: &Devices,
    messages: usize,
) {
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_custom(|rounds| {
            let before = server.cpu();
            for _ in 0..rounds {
                let expected = devices.expect(DEVICES * messages * frame().len());
                server.broadcast(messages);
                devices.wait(expected);
            }
            server.cpu() - before
        });
    });
}

/// The frame that everybody gets.
fn frame() -> bytes::Bytes {
    gateway_engine::frame::binary(&[7; PAYLOAD])
}

/// CPU time of the calling thread, in nanoseconds that the scheduler counted (proc(5), schedstat).
fn thread_cpu() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedstat
        .split(' ')
        .next()
        .and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
