//! The engine over real sockets: every test runs over both back ends. Where the kernel forbids
//! io_uring its tests are reported as ignored, with the reason.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod abuse;
mod batching;
mod closing;
mod compression;
mod dialling;
mod flow;
mod framing;
mod handshake;
mod keepalive;
mod support;
mod tls;

use gateway_engine::{Backend, EventLoop, LoopConfig};
use libtest_mimic::{Arguments, Trial};

use support::Recorder;

/// A test: its name and what it does over a back end.
type Test = (&'static str, fn(Backend));

/// Names each of the functions for the list of tests.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use tests;

fn main() {
    let parts = [
        ("abuse", abuse::TESTS),
        ("batching", batching::TESTS),
        ("closing", closing::TESTS),
        ("compression", compression::TESTS),
        ("dialling", dialling::TESTS),
        ("flow", flow::TESTS),
        ("framing", framing::TESTS),
        ("handshake", handshake::TESTS),
        ("keepalive", keepalive::TESTS),
        ("tls", tls::TESTS),
    ];
    let mut trials = Vec::new();
    for (label, backend) in [("epoll", Backend::Epoll), ("io-uring", Backend::IoUring)] {
        let refusal = refusal(backend);
        for (part, tests) in parts {
            for &(name, test) in tests {
                let trial = Trial::test(format!("{label}::{part}::{name}"), move || {
                    test(backend);
                    Ok(())
                })
                .with_kind(refusal.clone().unwrap_or_default());
                trials.push(trial.with_ignored_flag(refusal.is_some()));
            }
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Why a back end cannot be used on this machine.
fn refusal(backend: Backend) -> Option<String> {
    let config = LoopConfig {
        backend,
        ..LoopConfig::default()
    };
    let (recorder, _seen) = Recorder::new();
    EventLoop::new(config, recorder)
        .err()
        .map(|error| error.to_string())
}
