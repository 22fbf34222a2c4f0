//! Programs that run as processes of their own, so that the CPU time of each is its own. They take orders on standard
//! input and answer on standard output, a line of JSON each ([`words`]), and end with standard input.
//!
//! - [`fleet`]: the devices, on the engine that the gateway runs on.
//! - [`bare_send`]: the control, `send()` in a loop and nothing else.
//! - [`bare_ring`]: the same in batches on an io_uring.
//! - [`tungstenite`]: a server on tokio-tungstenite as one writes it first, and with its read buffer tuned.
//! - [`crowd`]: the connections of a bare control.

mod bare_ring;
mod bare_send;
mod crowd;
mod fleet;
mod tungstenite;
pub(crate) mod words;

use std::ffi::OsString;

use anyhow::bail;

/// A part, by the name it has on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The devices.
    Fleet,
    /// `send()`, nothing else.
    BareSend,
    /// io_uring, nothing else.
    BareRing,
    /// tokio-tungstenite, the obvious way.
    Obvious,
    /// The same with a read buffer of 4 KiB.
    Tuned,
    /// The same over TLS, by tokio-rustls.
    TunedTls,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::Fleet,
        Self::BareSend,
        Self::BareRing,
        Self::Obvious,
        Self::Tuned,
        Self::TunedTls,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::BareSend => "bare-send",
            Self::BareRing => "bare-ring",
            Self::Obvious => "tungstenite-obvious",
            Self::Tuned => "tungstenite-4k",
            Self::TunedTls => "tungstenite-4k-tls",
        }
    }
}

/// Becomes the part that the first argument names.
///
/// # Errors
/// There is no such part, or it cannot go on; standard output has the same words.
pub fn play(arguments: &[OsString]) -> anyhow::Result<()> {
    let mut texts = arguments.iter().filter_map(|argument| argument.to_str());
    let name = texts.next().unwrap_or_default();
    let Some(part) = Part::ALL.into_iter().find(|part| part.name() == name) else {
        bail!("`{name}` is no part of the bench");
    };
    let setting = texts.next().unwrap_or_default();
    let played = match part {
        Part::Fleet => fleet::play(setting),
        Part::BareSend => bare_send::play(),
        Part::BareRing => bare_ring::play(),
        Part::Obvious => tungstenite::play(None, None),
        Part::Tuned => tungstenite::play(Some(4096), None),
        Part::TunedTls => {
            words::read(setting).and_then(|shown| tungstenite::play(Some(4096), Some(&shown)))
        }
    };
    if let Err(error) = &played {
        words::say(&words::Answer::Failed {
            reason: format!("{error:#}"),
        });
    }
    played
}
