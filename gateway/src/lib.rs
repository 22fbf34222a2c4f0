//! A gateway that carries Apache Kafka to and from devices over WebSockets.
//!
//! In the order of a message's way:
//! - [`args`], [`config`]: what was typed, and what it means.
//! - [`serve`]: from a configuration to a running gateway.
//! - [`listening`], [`acceptor`], [`admission`], [`turnstile`]: sockets, PROXY headers, limits.
//! - [`certificate`]: what listeners that speak TLS show.
//! - [`workgroup`]: the threads that own connections.
//! - [`hub`]: the thread that reads Kafka for all of them.
//! - [`log`]: what is remembered of the log.
//! - [`kafka`]: the way to Kafka.
//! - [`admin`], [`metrics`], [`readiness`], [`drain`]: for load balancers, Prometheus and people.
//!
//! See `ARCHITECTURE.md` for what is absent, and why.

mod acceptor;
mod admin;
mod admission;
mod args;
mod certificate;
mod config;
mod drain;
mod echo;
mod few;
mod hub;
mod hush;
mod kafka;
mod listening;
mod log;
#[doc(hidden)]
pub mod measured;
mod metrics;
mod readiness;
mod serve;
mod topics;
mod turnstile;
mod vital;
mod waker;
mod workgroup;

use std::process::ExitCode;

use clap::Parser as _;

use args::Args;
use config::Config;
use listening::BindError;

/// The configuration is wrong.
const WRONG_CONFIGURATION: u8 = 2;
/// An address cannot be had.
const CANNOT_BIND: u8 = 3;

/// The whole program, from its arguments to its exit status.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    log_to_stderr();
    if let Some(address) = args.echo {
        return status(echo::serve(address, args.echo_deflate));
    }
    let checking = args.check_config.is_some();
    let Some(path) = args.check_config.or(args.config) else {
        return ExitCode::from(WRONG_CONFIGURATION);
    };
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(WRONG_CONFIGURATION);
        }
    };
    if checking {
        println!("{}: nothing is wrong with it", path.display());
        return ExitCode::SUCCESS;
    }
    status(serve::serve(&config))
}

fn status(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<BindError>() => {
            eprintln!("{error}");
            ExitCode::from(CANNOT_BIND)
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    use tracing_subscriber::{EnvFilter, fmt, registry};

    let filter = EnvFilter::try_from_env("TIDEGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    registry()
        .with(filter)
        .with(hush::Hush::default())
        .with(lines)
        .init();
}
