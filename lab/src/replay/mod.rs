//! A scenario replayed on a device: `--adc bigip`.
//!
//! - [`arguments`]: what is typed about a device.
//! - [`site`]: the operator's own addresses, `--site FILE`.
//! - [`preview`]: what a run would change. The default; nothing is changed.
//! - [`journal`]: what a run is about to change, written before it does.
//! - [`removal`]: takes away what the journal names; at the end of a run, or later: `lab adc remove`.
//! - [`evidence`]: what an operator attaches to a change ticket.
//!
//! The run itself is an ordinary one, with [`crate::adc::Bigip`] as its load balancer.

pub(crate) mod arguments;
pub(crate) mod evidence;
pub(crate) mod journal;
pub(crate) mod preview;
pub(crate) mod removal;
pub(crate) mod site;

use std::path::PathBuf;

use lab_icontrol::credentials::Credentials;
use lab_icontrol::session::{DeviceError, Session};
use lab_icontrol::target::{Target, Trust};

use crate::interrupt::Interrupt;
use site::ReplaySite;

/// A device and who asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// Where its management is.
    pub(crate) target: Target,
    /// Whose certificate is believed.
    pub(crate) trust: Trust,
    /// Who asks.
    pub(crate) credentials: Credentials,
}

impl Device {
    /// A session that ends with Ctrl-C.
    pub(crate) fn open(&self, interrupt: &Interrupt) -> Result<Session, DeviceError> {
        let stop = interrupt.clone();
        Session::open(
            self.target.clone(),
            &self.trust,
            self.credentials.clone(),
            move || stop.is_raised(),
        )
    }

    /// A session that nothing ends: what was changed must be changed back.
    pub(crate) fn open_to_the_end(&self) -> Result<Session, DeviceError> {
        Session::open(
            self.target.clone(),
            &self.trust,
            self.credentials.clone(),
            || false,
        )
    }
}

/// What to do about a device that cannot be asked; nothing for one that refuses what it was asked.
pub(crate) fn remedy(error: &DeviceError) -> Option<&'static str> {
    match error {
        DeviceError::Lost(_) => {
            Some("check --target, the way there, and --ca or --insecure for its certificate")
        }
        error if error.status() == Some(401) => Some("check --credentials-from"),
        _ => None,
    }
}

/// Everything that was said about a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replay {
    /// The device.
    pub(crate) device: Device,
    /// The operator's addresses.
    pub(crate) site: ReplaySite,
    /// Whether the device may be changed.
    pub(crate) allow_changes: bool,
    /// Where the evidence goes.
    pub(crate) evidence: PathBuf,
    /// What was typed, for the command that repeats the run; no secrets among it.
    pub(crate) typed: String,
}
