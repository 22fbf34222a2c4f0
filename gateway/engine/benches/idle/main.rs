//! Memory of idle connections: how much the process that serves them grows for each, with keep-alive
//! on, before and after a burst to everyone. The devices are another process, on the same engine.
//!
//! It is user memory (resident set), read while 1,000 and 19,000 connections are open; the slope
//! between the two is what a connection costs. Kernel memory comes on top, see `/proc/slabinfo`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

mod fleet;
mod server;

use std::process::Command;

use gateway_engine::Backend;

use fleet::FleetProcess;
use server::Server;

/// Fewest and most connections: the slope between them leaves out what any loop needs.
const FEW: usize = 1_000;
const MANY: usize = 19_000;

/// Bytes of a page of memory, on the machines this runs on.
const PAGE: usize = 4096;

/// Tells this program to measure over one back end.
const MEASURE: &str = "--measure";

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some(fleet::ARGUMENT), Some(address)) => {
            fleet::run(address.parse().expect("an address to dial"));
        }
        (Some(MEASURE), Some(name)) => measure(&name),
        // A process each: memory that one back end left behind would serve the next.
        _ => ["epoll", "io_uring"].into_iter().for_each(measure_apart),
    }
}

fn measure_apart(name: &str) {
    let program = std::env::current_exe().expect("a program");
    let status = Command::new(program).args([MEASURE, name]).status();
    assert!(
        status.expect("a child process").success(),
        "{name} was not measured"
    );
}

fn measure(name: &str) {
    let backend = if name == "epoll" {
        Backend::Epoll
    } else {
        Backend::IoUring
    };
    let server = match Server::start(backend) {
        Ok(server) => server,
        Err(error) => return println!("{name}: {error}"),
    };
    let mut fleet = FleetProcess::start(server.address);
    let resident = |fleet: &mut FleetProcess, connections| {
        fleet.grow_to(connections);
        server.wait_for(connections);
        resident_bytes()
    };
    let few = resident(&mut fleet, FEW);
    let many = resident(&mut fleet, MANY);
    server.burst();
    let after = resident_bytes();

    let per_connection = |bytes: usize| (bytes.saturating_sub(few)) as f64 / (MANY - FEW) as f64;
    println!(
        "{name}: {:.0} bytes per idle connection, {:.0} after a burst ({FEW} connections: {} KiB resident)",
        per_connection(many),
        per_connection(after),
        few / 1024,
    );
}

/// What of this process is in memory now (proc(5), statm).
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * PAGE
}
