//! What compression costs and saves, by level: messages of telemetry as devices get them, each on its own as the gateway
//! compresses them (no context is taken over). The bytes are printed first; criterion measures the time.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway_engine::Deflater;
use gateway_engine::frame::Opcode;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The window that devices get who do not limit it.
const WINDOW_BITS: u8 = 15;

const LEVELS: [u32; 5] = [1, 2, 4, 6, 9];

/// Measurements in one message: about 300 bytes, 1 KiB, 4 KiB.
const SIZES: [usize; 3] = [1, 6, 28];

const MESSAGES: usize = 200;

fn levels(criterion: &mut Criterion) {
    for measurements in SIZES {
        let messages = telemetry(measurements);
        let before: usize = messages.iter().map(String::len).sum();
        let mut group = criterion.benchmark_group(format!("deflate/{}-bytes", before / MESSAGES));
        group.throughput(Throughput::Elements(MESSAGES as u64));
        for level in LEVELS {
            let (mut deflater, mut frame) = (Deflater::new(level, WINDOW_BITS), Vec::new());
            let after: usize = messages
                .iter()
                .map(|message| size(&mut deflater, &mut frame, message))
                .sum();
            println!(
                "{:>5} bytes become {:>4} at level {level}: {:.1} %",
                before / MESSAGES,
                after / MESSAGES,
                100.0 * after as f64 / before as f64
            );
            group.bench_function(format!("level-{level}"), |bencher| {
                bencher.iter(|| {
                    for message in &messages {
                        black_box(size(&mut deflater, &mut frame, black_box(message)));
                    }
                });
            });
        }
        group.finish();
    }
}

/// Bytes of a message's frame as it leaves: compressed, unless that is longer.
fn size(deflater: &mut Deflater, frame: &mut Vec<u8>, message: &str) -> usize {
    frame.clear();
    deflater.append(frame, Opcode::Text, message.as_bytes());
    frame.len()
}

/// Messages as the gateway builds them, of sensors that report so many measurements at a time.
fn telemetry(measurements: usize) -> Vec<String> {
    let mut dice = StdRng::seed_from_u64(1);
    (0..MESSAGES)
        .map(|number| {
            let mut data = String::from("[");
            for step in 0..measurements {
                let _ = write!(
                    data,
                    "{}{{\\\"sensor\\\":\\\"hall-{}/press-{}\\\",\\\"at\\\":{},\\\"temperature\\\":{:.2},\\\"pressure\\\":{:.3},\\\"ok\\\":true}}",
                    if step == 0 { "" } else { "," },
                    dice.random_range(1..5),
                    dice.random_range(1..100),
                    1_750_000_000_000u64 + 250 * (number * measurements + step) as u64,
                    dice.random_range(15.0..90.0),
                    dice.random_range(0.9..1.1),
                );
            }
            format!(
                "{{\"op\":\"message\",\"subject\":\"/telemetry/line-{}\",\"epoch\":\"aBcDeFgHiJkLmNoPqRsTuV.{}.7\",\"seq\":{},\"prev\":{},\"kind\":\"update\",\"data\":\"{data}]\"}}",
                dice.random_range(1..1000),
                dice.random_range(0..12),
                100_000 + number,
                99_999 + number,
            )
        })
        .collect()
}

criterion_group!(benches, levels);
criterion_main!(benches);
