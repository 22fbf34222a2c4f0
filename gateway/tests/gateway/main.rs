//! The gateway from outside: the real program against librdkafka's mock cluster, met over sockets, signals and the
//! admin port, as devices and load balancers meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod abuse;
mod batching;
mod compression;
mod configuration;
mod conflation;
mod kafka_faults;
mod leaving;
mod limits;
mod memory;
mod messaging;
mod origins;
mod placement;
mod proxy;
mod real_kafka;
mod recovery;
mod support;
mod tls;
