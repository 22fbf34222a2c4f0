//! The engine on real sockets: what travels, who is chosen, what is counted, what breaks.
#![cfg(test)]

mod common;

mod balancing;
mod monitors;
mod source_ports;
mod tunnels;
