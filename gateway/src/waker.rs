//! Wakes a thread that may not have started yet.

use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// Clones wake the same thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waker(Arc<OnceLock<Thread>>);

impl Waker {
    /// From now on the calling thread is woken; it looks at everything once before it first parks.
    pub(crate) fn wakes_me(&self) {
        // Only one thread calls this, once.
        let _ = self.0.set(std::thread::current());
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}
