//! Building frames and reading their headers: what a message costs before any system call.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_engine::Deflater;
use gateway_engine::frame::{FrameHeader, Opcode, append, append_with};

fn build(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame/build");
    for size in [64, 512, 16 * 1024] {
        let payload = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(
            BenchmarkId::new("known length", size),
            &payload,
            |bencher, payload| {
                let mut batch = Vec::new();
                bencher.iter(|| {
                    batch.clear();
                    append(&mut batch, Opcode::Text, black_box(payload));
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("written in place", size),
            &payload,
            |bencher, payload| {
                let mut batch = Vec::new();
                bencher.iter(|| {
                    batch.clear();
                    append_with(&mut batch, Opcode::Text, |out| {
                        out.extend_from_slice(black_box(payload))
                    });
                });
            },
        );
    }
    group.finish();
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame/parse header");
    for size in [64u64, 512, 1 << 20] {
        let mask = Some([1, 2, 3, 4]);
        let header = FrameHeader {
            fin: true,
            compressed: false,
            opcode: Opcode::Text,
            length: size,
            mask,
        };
        let encoded = header.encode();
        group.bench_with_input(
            BenchmarkId::from_parameter(size),
            encoded.as_slice(),
            |bencher, bytes| {
                bencher.iter(|| FrameHeader::parse(black_box(bytes)));
            },
        );
    }
    group.finish();
}

fn deflate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame/deflate");
    let payload =
        br#"{"op":"message","subject":"/telemetry/dev-1","seq":42,"prev":41,"data":"21.5"}"#
            .repeat(8);
    group.throughput(Throughput::Bytes(payload.len() as u64));
    for level in [1, 4, 9] {
        let mut deflater = Deflater::new(level, 15);
        group.bench_with_input(
            BenchmarkId::new("level", level),
            &payload,
            |bencher, payload| {
                let mut batch = Vec::new();
                bencher.iter(|| {
                    batch.clear();
                    deflater.append(&mut batch, Opcode::Text, black_box(payload));
                });
            },
        );
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    targets = build, parse, deflate
}
criterion_main!(benches);
