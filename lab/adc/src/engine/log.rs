//! The last lines of the log, in the appliance's words where it has some.

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Lines that are kept.
const KEPT: usize = 1_000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts lines since the start; a gap tells that lines were dropped.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The text.
    pub line: String,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: VecDeque<LogLine>,
    next: u64,
}

impl Log {
    pub(crate) fn add(&mut self, line: String) {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        let at_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        self.lines.push_back(LogLine {
            number: self.next,
            at_ms,
            line,
        });
        self.next += 1;
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.lines.iter().cloned().collect()
    }
}
