//! Finding a client's workgroup: one hash per connection.

use std::hint::black_box;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_protocol::placement::{Hashing, Placement};

const WORKGROUPS: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

fn placement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("placement");
    group.throughput(Throughput::Elements(1));
    let clients = [
        ("IPv4", SocketAddr::from(([192, 0, 2, 77], 40_962))),
        (
            "IPv6",
            SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 77], 40_962)),
        ),
    ];
    for (rule, hashing) in [("ip", Hashing::Ip), ("ip-port", Hashing::IpPort)] {
        let placement = Placement::new(hashing, WORKGROUPS, *b"a fixed test key");
        for (family, client) in clients {
            group.bench_function(BenchmarkId::new(rule, family), |bencher| {
                bencher.iter(|| placement.workgroup(black_box(client)));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    targets = placement
}
criterion_main!(benches);
