//! What was typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Parser};

/// Carries Apache Kafka to and from devices over WebSockets.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, after_help = TEACHING)]
#[command(group = ArgGroup::new("task").required(true).args(["config", "check_config", "echo"]))]
pub(crate) struct Args {
    /// Serve what FILE says, until SIGTERM.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Read FILE, say what is wrong with it, and end: status 0 if nothing is, else 2.
    #[arg(long, value_name = "FILE")]
    pub(crate) check_config: Option<PathBuf>,

    /// Serve a bare WebSocket echo at ADDRESS, without Kafka, for conformance suites.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) echo: Option<SocketAddr>,

    /// Let the echo negotiate permessage-deflate (RFC 7692).
    #[arg(long, requires = "echo")]
    pub(crate) echo_deflate: bool,
}

const TEACHING: &str = r#"A first gateway.toml:

    X.ConnectionOffload = true     # spread clients by address and port

    [[listener]]
    address = "0.0.0.0:8800"

    [kafka]
    topics = ["telemetry"]

    [kafka.properties]
    "bootstrap.servers" = "127.0.0.1:9092"

Then:

    gateway --check-config gateway.toml
    gateway --config gateway.toml
    curl http://127.0.0.1:8801/ready      # also /health /metrics /workgroups /connections

A device connects to ws://HOST:8800/ with the subprotocol tidegate.v1.json and sends
{"op":"subscribe","id":1,"subject":"/telemetry/dev-1"}.

Every key with its meaning: gateway/gateway.example.toml.
Exit status: 0 drained after SIGTERM, SIGINT or POST /drain; 2 the configuration is wrong; 3 an address cannot be bound;
1 anything else. Logs go to standard error (TIDEGATE_LOG=debug for more), one JSON line per listening socket to standard output."#;
