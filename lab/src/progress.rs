//! What is going on, told while it goes on: one live line on a terminal, plain lines elsewhere.
//!
//! All of it goes to standard error; results go to standard output.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two updates of the live line.
const LIVE: Duration = Duration::from_millis(100);

/// Time between two plain lines about one phase.
const PLAIN: Duration = Duration::from_secs(5);

/// Tells what is going on.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    /// The cell: "[3/40] workgroups=8".
    cell: String,
    phase: Option<Phase>,
}

/// Something that takes a while.
#[derive(Debug)]
struct Phase {
    words: String,
    since: Instant,
    told: Option<Instant>,
}

impl Progress {
    /// To standard error, as it is.
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            cell: String::new(),
            phase: None,
        }
    }

    /// The following is about this cell.
    pub(crate) fn cell(&mut self, number: usize, of: usize, name: &str) {
        self.cell = if of == 1 {
            name.to_owned()
        } else {
            format!("[{number}/{of}] {name}")
        };
    }

    /// Something begins.
    pub(crate) fn phase(&mut self, words: impl Into<String>) {
        self.phase = Some(Phase {
            words: words.into(),
            since: Instant::now(),
            told: None,
        });
        self.tell("");
    }

    /// How far it is: done, of how many, of what.
    pub(crate) fn count(&mut self, done: u64, of: u64, what: &str) {
        let Some(phase) = &self.phase else { return };
        let elapsed = phase.since.elapsed();
        self.tell(&counted(done, of, what, elapsed));
    }

    /// Takes the live line away, so that something else can be printed.
    pub(crate) fn clear(&mut self) {
        self.phase = None;
        if self.terminal {
            // A terminal that is gone needs no progress.
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }

    /// Writes the line when it is time for one.
    fn tell(&mut self, counted: &str) {
        let Some(phase) = &mut self.phase else { return };
        let every = if self.terminal { LIVE } else { PLAIN };
        if phase.told.is_some_and(|told| told.elapsed() < every) {
            return;
        }
        phase.told = Some(Instant::now());
        let parts = [self.cell.as_str(), phase.words.as_str(), counted];
        let line = parts
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("  ");
        let mut stderr = std::io::stderr().lock();
        let _ = if self.terminal {
            write!(stderr, "\r\x1b[2K{}", shortened(&line, width()))
        } else {
            writeln!(stderr, "{line}")
        };
        let _ = stderr.flush();
    }
}

/// "1,200 of 2,000 connected, 400/s, 2 s left".
fn counted(done: u64, of: u64, what: &str, elapsed: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown rounded")]
    let (done_f, of_f) = (done as f64, of as f64);
    let rate = done_f / elapsed.as_secs_f64().max(0.001);
    let mut text = format!("{done} of {of} {what}");
    if elapsed >= Duration::from_millis(500) && rate > 0.0 && done < of {
        text.push_str(&format!(
            ", {rate:.0}/s, {:.0} s left",
            ((of_f - done_f) / rate).ceil()
        ));
    }
    text
}

/// The beginning of a line that does not fit.
fn shortened(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Columns of the terminal, one less so that the cursor stays on the line.
fn width() -> usize {
    let columns =
        rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { 79 } else { columns - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_says_rate_and_time_left_once_they_mean_something() {
        let counted =
            |done, elapsed| counted(done, 2000, "connected", Duration::from_millis(elapsed));

        assert_eq!(counted(10, 100), "10 of 2000 connected");
        assert_eq!(counted(800, 2000), "800 of 2000 connected, 400/s, 3 s left");
        assert_eq!(counted(2000, 5000), "2000 of 2000 connected");
    }

    #[test]
    fn a_long_line_is_shortened_to_the_terminal() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
    }
}
