//! Starts Kafka, a load balancer, gateways and a fleet of devices from one scenario file, and judges what it sees.
//!
//! What is written:
//! - [`scenario`]: title, why, stage, matrix, steps, expectations. [`stage`] and [`units`] hold its words.
//!
//! What it takes:
//! - `args`, `options`: what was typed, and what it means.
//! - `machine`, `plan`, `doctor`, `list`: what this machine offers, and what a cell needs of it.
//!
//! Who plays:
//! - `provider`, `cast`: the parts that can be had in several ways, each behind one short trait, and the one place that chooses.
//! - `kafka`, `adc`, `fleet`: the providers. `gateway`: the processes under test. `certificate`: what they show devices.
//!
//! Scenarios as tests: [`suite`].
//!
//! What happens:
//! - `run`: stage up, steps, stage down. `knock`, `kernel_table`, `kernel_counters`, `resources`: what it looks at on the way.
//! - `recovery`: what faults do to devices, collected while it happens. `pacing`: how far apart updates come.
//! - `evidence`, `judge`: what was seen, and what of the expected held.
//! - `say`, `progress`, `summary`, `junit`, `colour`, `narrow`: what it says. `files`: what it leaves on disk. `records`: reading that again.
//! - `capacity`: how many machines a fleet takes.
//! - `interrupt`, `signals`, `leash`: how a run ends early, and how its children end with it.
//!
//! It never imports the gateway: it starts the binary and meets it over sockets, signals and the admin port.

#[macro_use]
mod say;

pub mod scenario;

pub mod stage;

pub mod units;

mod args;
mod command;
mod options;

mod doctor;
mod list;
mod machine;
mod plan;

mod cast;
mod provider;

mod adc;
mod certificate;
mod f5;
mod fleet;
mod gateway;
mod kafka;

mod run;

mod bench;

pub mod suite;

mod kernel_counters;
mod kernel_table;
mod knock;
mod listeners;
mod resources;

mod evidence;
mod judge;
mod pacing;
mod recovery;

mod colour;
mod files;
mod junit;
mod narrow;
mod progress;
mod records;
mod replay;
mod summary;

mod capacity;

mod interrupt;
mod leash;
mod signals;

#[cfg(test)]
mod example;

pub use command::main;
