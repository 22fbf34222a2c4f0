//! The gateway's memory of the log: finding a subject, taking a record in, telling a device what it missed.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway::measured::Memory;

/// Subjects that are known.
const SUBJECTS: [usize; 3] = [100, 10_000, 1_000_000];

fn look_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subject/look up");
    for count in SUBJECTS {
        let (mut memory, keys) = filled(count, 1);
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                turn = step(turn, count);
                memory.look_up(black_box(&keys[turn]))
            });
        });
    }
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache/append");
    group.throughput(Throughput::Elements(1));
    let value = vec![b'x'; 512];
    for count in [1, 10_000] {
        let (mut memory, keys) = filled(count, 1);
        let mut turn = 0;
        group.bench_function(BenchmarkId::new("subjects", count), |bencher| {
            bencher.iter(|| {
                turn = step(turn, count);
                memory.append(black_box(&keys[turn]), &value)
            });
        });
    }
    group.finish();
}

fn resume(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache/resume");
    for missed in [0, 1, 100] {
        const KEYS: usize = 100;
        let (mut memory, keys) = filled(KEYS, 500);
        group.throughput(Throughput::Elements(missed.max(1)));
        group.bench_function(BenchmarkId::new("missed", missed), |bencher| {
            bencher.iter(|| memory.resume(black_box(&keys[0]), (missed * KEYS as u64) as i64));
        });
    }
    group.finish();
}

/// A memory with `rounds` records of each of `count` keys.
fn filled(count: usize, rounds: usize) -> (Memory, Vec<Vec<u8>>) {
    let keys: Vec<Vec<u8>> = (0..count)
        .map(|number| format!("device-{number:07}").into_bytes())
        .collect();
    let mut memory = Memory::default();
    for _ in 0..rounds {
        for key in &keys {
            memory.append(key, b"21.5");
        }
    }
    (memory, keys)
}

/// The next key, far from the one before, so that no cache of the processor helps where it would not in earnest.
fn step(turn: usize, count: usize) -> usize {
    (turn + 7_919) % count
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    targets = look_up, append, resume
}
criterion_main!(benches);
