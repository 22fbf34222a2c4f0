//! The published record of ten million clients on one machine, to stand beside what was measured here.
//!
//! MigratoryData, "How MigratoryData solved the C10M problem", and its sequel on latency: each client receives one message of 512 bytes a minute.

/// Where it was published.
pub const SOURCE: &str = "migratorydata.com/blog/migratorydata-solved-the-c10m-problem";
/// Clients.
pub const CLIENTS: f64 = 10_000_000.0;
/// Processors of its machine, a Dell PowerEdge R610 of 2010.
pub const CORES: u32 = 12;
/// Bytes of memory of its machine.
pub const MEMORY_BYTES: f64 = 96e9;
/// Bytes of memory in use per client, its kernel's share included.
pub const BYTES_PER_CLIENT: f64 = 9_600.0;
/// Messages per second.
pub const RATE: f64 = CLIENTS / 60.0;
/// Bytes of each message.
pub const MESSAGE_BYTES: u64 = 512;
/// Mean time from publisher to client, in milliseconds.
pub const MEAN_MS: f64 = 61.0;
/// 99th percentile, in milliseconds.
pub const P99_MS: f64 = 585.0;

/// What makes the two hard to compare.
pub const DIFFERENCES: [&str; 5] = [
    "Theirs is one machine at full size. Ours is extrapolated from a small one, and marked where it goes beyond 4 times what was measured.",
    "Their processors are of 2010, with a real network card between server and clients. Ours has gateway, Kafka and devices on one machine over loopback, where the sender also pays for the receiver's TCP.",
    "Their processors are bounded by all 12 being used up; how busy they were is not counted here. Ours is the gateway's own processor time.",
    "Their messages came from publishers straight to the server. Ours come through Kafka, and every gateway reads every record.",
    "Their memory is the machine's. Ours is the gateway's resident memory and its half of the kernel's slab; socket buffers under load come on top of both.",
];
