//! Threads that the gateway cannot do without.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread without which the process makes no sense: if it panics, the process aborts, and whoever watches it
/// starts it anew. A gateway that looks alive but serves half of its devices would be worse.
///
/// # Errors
/// The kernel refuses the thread.
pub(crate) fn spawn(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name).spawn(|| {
        let guard = AbortOnPanic;
        body();
        drop(guard);
    })
}

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
