//! Keeps librdkafka's log readable: while brokers are away it says the same again several times a second.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// How often a line may be said. What lasts is told by `/ready` and the metrics.
const ONCE_IN: Duration = Duration::from_secs(60);

/// Lines that are remembered; with more at once, something may be said twice.
const MOST_LINES: usize = 256;

/// A layer that drops lines which librdkafka has said a moment ago. Debug lines are for whoever asked for all of them.
#[derive(Debug, Default)]
pub(crate) struct Hush(Mutex<Said>);

impl<S: Subscriber> Layer<S> for Hush {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if metadata.target() != "librdkafka" || *metadata.level() > Level::INFO {
            return true;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.is_news(gist(&line.0), Instant::now())
    }
}

/// When each line was last said.
#[derive(Debug, Default)]
struct Said(HashMap<String, Instant>);

impl Said {
    fn is_news(&mut self, gist: String, now: Instant) -> bool {
        let is_recent = |then: &Instant| now.saturating_duration_since(*then) < ONCE_IN;
        if self.0.get(&gist).is_some_and(is_recent) {
            return false;
        }
        if self.0.len() >= MOST_LINES {
            self.0.retain(|_, then| is_recent(then));
        }
        if self.0.len() < MOST_LINES {
            self.0.insert(gist, now);
        }
        true
    }
}

/// The message of an event.
#[derive(Debug, Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// A line without what differs each time it is said: "(after 3ms in state CONNECT)".
fn gist(line: &str) -> String {
    let end = line.find(" (after ").unwrap_or(line.len());
    line[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "b1:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 3ms in state CONNECT)";
    const AGAIN: &str = "b1:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT, 2 identical error(s) suppressed)";

    #[test]
    fn a_line_is_said_once_a_minute() {
        let start = Instant::now();
        let mut said = Said::default();

        let heard = [(LINE, 0), (AGAIN, 1), (AGAIN, 59), (LINE, 60), (AGAIN, 61)]
            .map(|(line, after)| said.is_news(gist(line), start + Duration::from_secs(after)));

        assert_eq!(heard, [true, false, false, true, false]);
    }

    #[test]
    fn another_broker_is_other_news() {
        let start = Instant::now();
        let mut said = Said::default();

        assert!(said.is_news(gist(LINE), start));
        assert!(said.is_news(gist(&LINE.replace("b1", "b2")), start));
    }

    #[test]
    fn ever_new_lines_are_all_said_and_fill_no_memory() {
        let start = Instant::now();
        let mut said = Said::default();

        assert!((0..10_000).all(|number| said.is_news(format!("line {number}"), start)));
        assert_eq!(said.0.len(), MOST_LINES);
    }
}
