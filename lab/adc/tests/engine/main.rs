//! The engine on real sockets: what travels, who is chosen, what is counted, what breaks.
#![cfg(test)]

mod common;

mod balancing;
mod faults;
mod monitors;
mod relay;
mod rest;
mod rules;
mod source_ports;
mod tls;
mod tunnels;
