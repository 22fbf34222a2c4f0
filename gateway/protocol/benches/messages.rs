//! The words between device and gateway, as JSON: what the gateway writes and reads, and what a device reads.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_protocol::message::{
    ClientMessage, Data, Delivery, Kind, ServerMessage, encode_publish, encode_subscribe,
};
use gateway_protocol::position::{Epoch, Position};
use gateway_protocol::subject::Subject;

const SUBJECT: &str = "/telemetry/dev-000001";
const EPOCH: &str = "Zm9vYmFyYmF6cXV1eDEyMw.3.7";

/// Bytes of a record's value.
const SIZES: [usize; 3] = [64, 512, 16 * 1024];

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("json/encode");
    for size in SIZES {
        let text = "x".repeat(size);
        let bytes = vec![0xff; size];
        group.throughput(Throughput::Bytes(size as u64));
        for (name, data) in [
            ("message of text", Data::text(text.as_str())),
            ("message of bytes", Data::Bytes(Cow::Borrowed(&bytes))),
        ] {
            let delivery = delivery(data);
            group.bench_with_input(
                BenchmarkId::new(name, size),
                &delivery,
                |bencher, delivery| {
                    let mut out = Vec::new();
                    bencher.iter(|| {
                        out.clear();
                        black_box(delivery).encode(&mut out);
                    });
                },
            );
        }
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("json/decode");
    let position = Position::new(Epoch::from_wire(EPOCH), 41);
    let requests = [
        ("subscribe", encode_subscribe(1, SUBJECT, &[], None)),
        ("resume", encode_subscribe(1, SUBJECT, &[position], None)),
        (
            "publish",
            encode_publish(
                2,
                SUBJECT,
                &Data::text("x".repeat(512)),
                Some("a-publish-id-of-a-device"),
            ),
        ),
    ];
    for (name, request) in requests {
        group.throughput(Throughput::Bytes(request.len() as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            &request,
            |bencher, request| {
                bencher.iter(|| ClientMessage::parse(black_box(request)).expect("a request"));
            },
        );
    }
    for size in SIZES {
        let message = ServerMessage::Message(delivery(Data::text("x".repeat(size))));
        let message = String::from_utf8(message.to_vec()).expect("text");
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("message", size),
            &message,
            |bencher, message| {
                bencher.iter(|| ServerMessage::parse(black_box(message)).expect("a message"));
            },
        );
    }
    group.finish();
}

fn subject(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subject/parse");
    for (name, text) in [("plain", SUBJECT), ("escaped", "/telemetry/100%25 dev%0A1")] {
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            text,
            |bencher, text: &str| {
                bencher.iter(|| Subject::parse(black_box(text)).expect("a subject"));
            },
        );
    }
    group.finish();
}

fn delivery(data: Data<'_>) -> Delivery<'_> {
    Delivery {
        subject: Cow::Borrowed(SUBJECT),
        record: None,
        epoch: Cow::Borrowed(EPOCH),
        seq: 1_000_042,
        prev: Some(1_000_041),
        kind: Kind::Update,
        data,
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    targets = encode, decode, subject
}
criterion_main!(benches);
