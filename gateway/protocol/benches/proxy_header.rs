//! Reading the PROXY header of a connection: whole, and not yet all there.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_protocol::proxy_header::{Limits, Tlv, encode_v1, encode_v2, kind, parse};

fn proxy_parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("proxy/parse");
    let client = SocketAddr::from(([192, 0, 2, 77], 40_962));
    let destination = SocketAddr::from(([203, 0, 113, 80], 443));
    let tlvs = [
        Tlv::new(kind::ALPN, b"http/1.1"),
        Tlv::new(kind::AUTHORITY, b"gateway.example.com"),
    ];
    let v2 = |tlvs: &[Tlv<'_>], crc| encode_v2(client, destination, tlvs, crc).expect("room");
    let whole = v2(&[], false);
    let headers = [
        ("v1", encode_v1(client, destination)),
        ("v2", whole.clone()),
        ("v2 with TLVs and CRC32C", v2(&tlvs, true)),
        ("v2 half there", whole[..whole.len() / 2].to_vec()),
    ];
    let limits = Limits::default();
    for (name, header) in headers {
        group.throughput(Throughput::Bytes(header.len() as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            &header,
            |bencher, header| {
                bencher.iter(|| parse(black_box(header), &limits));
            },
        );
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    targets = proxy_parse
}
criterion_main!(benches);
