//! Orders and answers between the bench and its parts, and what a message looks like.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::host::Certificate;

/// How a fleet is set up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FleetSetting {
    /// Where to connect.
    pub(crate) server: SocketAddr,
    /// What each device does.
    pub(crate) manners: Manners,
}

/// What each device does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manners {
    /// Begin each connection with a PROXY header, version 2.
    pub(crate) proxy: bool,
    /// Offer the gateway's subprotocol, which it insists on; the controls speak none.
    pub(crate) subprotocol: bool,
    /// What each device subscribes to before it counts as ready.
    pub(crate) subject: Subscribing,
    /// Come from an address of its own within 127.0.0.0/8, so that ports do not run out.
    pub(crate) own_address: bool,
    /// Speak TLS, and believe this certificate.
    pub(crate) believes: Option<Believed>,
}

/// A certificate that devices believe, and no other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Believed {
    /// As DER.
    pub(crate) der: Vec<u8>,
    /// Whom it names.
    pub(crate) name: String,
}

impl Believed {
    pub(crate) fn of(certificate: &Certificate) -> Self {
        Self {
            der: certificate.der.clone(),
            name: certificate.name.to_owned(),
        }
    }
}

/// Where the certificate of a control that speaks TLS is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// As PEM.
    pub(crate) file: PathBuf,
    /// Its private key, as PEM.
    pub(crate) key: PathBuf,
}

impl Manners {
    /// For a control: connect, and take what comes.
    pub(crate) fn plain() -> Self {
        Self {
            proxy: false,
            subprotocol: false,
            subject: Subscribing::Nothing,
            own_address: false,
            believes: None,
        }
    }
}

/// What each device subscribes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Subscribing {
    /// Nothing: it is ready once the connection is open.
    Nothing,
    /// All to this one.
    Shared(String),
    /// Each to one of its own: this, and its number.
    Own(String),
}

/// What a part is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Order {
    /// A server: send so many messages of so many bytes to everybody, each as soon as it can be.
    Broadcast {
        messages: usize,
        bytes: usize,
        stamp: u64,
    },
    /// The fleet: have so many devices in all; answered with `Ready`.
    Connect { devices: usize },
    /// The fleet: so many devices read no more, for good; answered with `Ready`.
    StopReading { devices: usize },
    /// The fleet: end all connections; answered with `Closed`.
    Close,
    /// The fleet: answer `Reached` when so many messages have come in all.
    Await { messages: u64 },
    /// The fleet: how much has come; answered with `Counts`.
    Count,
    /// The fleet: how long messages took since this was asked last; answered with `Latencies`.
    Latencies,
}

/// What a part answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A server listens.
    Listening { address: SocketAddr },
    /// The devices are connected, and subscribed if they had to.
    Ready,
    /// The connections are gone.
    Closed,
    /// The messages have come.
    Reached,
    /// What the fleet counted.
    Counts(Counts),
    /// Microseconds from the stamp: of each delivery, and of the last device of each message.
    Latencies { each: Latency, last: Latency },
    /// The part cannot go on, or cannot start here.
    Failed { reason: String },
}

/// What a fleet counted since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Messages that came.
    pub(crate) messages: u64,
    /// Payload bytes of the latest.
    pub(crate) latest_bytes: usize,
    /// Writes of all devices.
    pub(crate) writes: u64,
}

/// A latency in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// How many were counted.
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Says something to the bench. If nobody listens any more, the end of standard input will tell.
pub(crate) fn say(answer: &Answer) {
    if let Ok(mut line) = serde_json::to_string(answer) {
        line.push('\n');
        let _ = std::io::stdout().write_all(line.as_bytes());
        let _ = std::io::stdout().flush();
    }
}

/// What the bench orders, until it ends.
pub(crate) fn orders() -> impl Iterator<Item = anyhow::Result<Order>> {
    let lines = std::io::stdin().lock().lines().map_while(Result::ok);
    lines.map(|line| read(&line))
}

/// One line, as what it should be.
pub(crate) fn read<T: DeserializeOwned>(line: &str) -> anyhow::Result<T> {
    serde_json::from_str(line).with_context(|| format!("not understood: {line}"))
}

/// How every message begins, from the gateway and from the controls.
pub(crate) const BEGINNING: &str = r#"{"op":"message""#;

/// Digits of the stamp that ends every message.
pub(crate) const STAMP: usize = 20;

/// What follows the stamp.
const END: &str = "\"}";

/// The text of a message of a control, as long as asked (80 bytes at least), shaped like the gateway's.
pub(crate) fn message(bytes: usize, stamp: u64) -> String {
    let head = format!("{BEGINNING},\"data\":\"");
    let filler = bytes.saturating_sub(head.len() + STAMP + END.len());
    format!("{head}{:x<filler$}{stamp:0STAMP$}{END}", "")
}

/// The data of a record whose message ends with the stamp.
pub(crate) fn data(bytes: usize, stamp: u64) -> Vec<u8> {
    let filler = bytes.saturating_sub(STAMP);
    format!("{:x<filler$}{stamp:0STAMP$}", "").into_bytes()
}

/// The stamp of a message.
pub(crate) fn stamp(message: &str) -> Option<u64> {
    let message = message.strip_suffix(END)?;
    message
        .get(message.len().checked_sub(STAMP)?..)?
        .parse()
        .ok()
}

/// Nanoseconds of the clock that all processes of a machine share.
pub(crate) fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let parts = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    parts.0.unwrap_or(0) * 1_000_000_000 + parts.1.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_asked_and_carries_its_stamp() {
        let message = message(512, 1_234_567_890);

        assert_eq!(message.len(), 512);
        assert!(message.starts_with(BEGINNING));
        assert_eq!(stamp(&message), Some(1_234_567_890));
        assert_eq!(stamp(r#"{"op":"subscribed"}"#), None);
    }

    #[test]
    fn orders_survive_the_way() {
        let order = Order::Broadcast {
            messages: 24,
            bytes: 512,
            stamp: 7,
        };
        let line = serde_json::to_string(&order).unwrap();

        assert!(matches!(
            read(&line).unwrap(),
            Order::Broadcast {
                messages: 24,
                bytes: 512,
                stamp: 7
            }
        ));
    }
}
