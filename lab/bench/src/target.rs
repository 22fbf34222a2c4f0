//! What is promised, row by row, in the order of the table.

use crate::bench::Bench;
use crate::error::BenchError;
use crate::outcome::Found;
use crate::rows;

/// One row: what is measured and what must hold.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line and in results.
    pub name: &'static str,
    /// What is measured, as a phrase.
    pub what: &'static str,
    /// The unit of the gateway's value and of the control's.
    pub unit: &'static str,
    /// What the control is.
    pub control: &'static str,
    /// Which number is judged.
    pub judged: Judged,
    /// What must hold.
    pub must: Bound,
    /// What would be better still.
    pub stretch: Bound,
    pub(crate) measure: fn(&mut Bench<'_>) -> Result<Found, BenchError>,
}

/// Which number of a row is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The gateway's own.
    Value,
    /// The gateway's over the control's.
    Ratio,
    /// The control's over the gateway's: "so many times less".
    TimesLess,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bound {
    /// Whether a number keeps to it.
    #[must_use]
    pub fn holds(self, number: f64) -> bool {
        match self {
            Self::AtMost(limit) => number <= limit,
            Self::AtLeast(limit) => number >= limit,
        }
    }
}

impl Target {
    /// The limit in words: "ratio <= 1.05".
    #[must_use]
    pub fn words(&self, bound: Bound) -> String {
        let judged = match self.judged {
            Judged::Value => "value",
            Judged::Ratio => "ratio",
            Judged::TimesLess => "control / value",
        };
        match bound {
            Bound::AtMost(limit) => format!("{judged} <= {limit}"),
            Bound::AtLeast(limit) => format!("{judged} >= {limit}"),
        }
    }
}

/// All rows.
pub const TARGETS: [Target; 13] = [
    Target {
        name: "message",
        what: "server CPU per delivered message of 512 bytes, 1,000 devices, each delivery its own send",
        unit: "µs",
        control: "bare send()",
        judged: Judged::Ratio,
        must: Bound::AtMost(1.05),
        stretch: Bound::AtMost(0.85),
        measure: rows::message::single,
    },
    Target {
        name: "message-24",
        what: "the same with 24 messages ready together",
        unit: "µs",
        control: "bare send()",
        judged: Judged::Ratio,
        must: Bound::AtMost(0.08),
        stretch: Bound::AtMost(0.06),
        measure: rows::message::together,
    },
    Target {
        name: "idle-memory",
        what: "user memory per idle connection with a subscription of its own and keep-alive, slope of a straight line",
        unit: "bytes",
        control: "tokio-tungstenite with 4 KiB reads",
        judged: Judged::Value,
        must: Bound::AtMost(463.0),
        stretch: Bound::AtMost(160.0),
        measure: rows::memory::idle,
    },
    Target {
        name: "memory-after-burst",
        what: "user memory per connection 10 s after a burst to everyone",
        unit: "bytes",
        control: "the same before the burst",
        judged: Judged::Ratio,
        must: Bound::AtMost(1.10),
        stretch: Bound::AtMost(1.0),
        measure: rows::memory::after_burst,
    },
    Target {
        name: "handshake",
        what: "server CPU per handshake, PROXY header of version 2 included",
        unit: "µs",
        control: "tokio-tungstenite with 4 KiB reads, without the header",
        judged: Judged::Ratio,
        must: Bound::AtMost(0.75),
        stretch: Bound::AtMost(0.65),
        measure: rows::handshake::measure,
    },
    Target {
        name: "ten-thousand",
        what: "10,000 devices, one message a second to all: p99 of the way from order to device",
        unit: "ms",
        control: "tokio-tungstenite with 4 KiB reads",
        judged: Judged::Ratio,
        must: Bound::AtMost(0.75),
        stretch: Bound::AtMost(0.65),
        measure: rows::crowd::measure,
    },
    Target {
        name: "idle-cost",
        what: "server CPU per second and idle connection, pinged every 25 s",
        unit: "µs",
        control: "one bare send()",
        judged: Judged::Ratio,
        must: Bound::AtMost(0.1),
        stretch: Bound::AtMost(0.06),
        measure: rows::idle::measure,
    },
    Target {
        name: "kafka-to-device",
        what: "Kafka record to the last of 1,000 devices at half load: p99 minus that of a bare consumer",
        unit: "ms",
        control: "1,000 bare sends",
        judged: Judged::Ratio,
        must: Bound::AtMost(1.3),
        stretch: Bound::AtMost(1.1),
        measure: rows::kafka::measure,
    },
    Target {
        name: "slow-readers",
        what: "1,000 devices of which 1 % do not read, 40 messages a second to all: p99 of the others; memory stays under the cap",
        unit: "ms",
        control: "the same with everybody reading",
        judged: Judged::Ratio,
        must: Bound::AtMost(1.2),
        stretch: Bound::AtMost(1.05),
        measure: rows::slow_readers::measure,
    },
    Target {
        name: "tls-handshake",
        what: "server CPU per connection with TLS, both handshakes",
        unit: "µs",
        control: "tokio-tungstenite with 4 KiB reads on tokio-rustls",
        judged: Judged::Ratio,
        must: Bound::AtMost(1.0),
        stretch: Bound::AtMost(0.9),
        measure: rows::tls::handshake,
    },
    Target {
        name: "tls-memory",
        what: "user memory per idle connection with TLS, slope of a straight line",
        unit: "bytes",
        control: "tokio-tungstenite with 4 KiB reads on tokio-rustls",
        judged: Judged::Ratio,
        must: Bound::AtMost(0.25),
        stretch: Bound::AtMost(0.15),
        measure: rows::tls::memory,
    },
    Target {
        name: "obvious-cpu",
        what: "server CPU per delivered message, against tokio-tungstenite written the obvious way",
        unit: "µs",
        control: "tokio-tungstenite, defaults",
        judged: Judged::TimesLess,
        must: Bound::AtLeast(2.0),
        stretch: Bound::AtLeast(2.3),
        measure: rows::message::obvious,
    },
    Target {
        name: "obvious-memory",
        what: "user memory per idle connection, against tokio-tungstenite written the obvious way",
        unit: "bytes",
        control: "tokio-tungstenite, defaults",
        judged: Judged::TimesLess,
        must: Bound::AtLeast(250.0),
        stretch: Bound::AtLeast(500.0),
        measure: rows::memory::obvious,
    },
];
