//! A control: a small server that does the least there is to do, or what one writes first.

use std::net::SocketAddr;
use std::time::Duration;

use crate::child::ChildPart;
use crate::error::BenchError;
use crate::host::{Certificate, Host};
use crate::parts::Part;
use crate::parts::words::{Answer, Order, Shown};
use crate::stand::Server;

/// The time to listen.
const TO_LISTEN: Duration = Duration::from_secs(10);

/// A running control.
pub(crate) struct Control<'a> {
    child: ChildPart<'a>,
    address: SocketAddr,
}

impl<'a> Control<'a> {
    /// # Errors
    /// [`BenchError::Unfit`] where the kernel forbids what the control consists of.
    pub(crate) fn start(host: &'a dyn Host, part: Part) -> Result<Self, BenchError> {
        Self::start_with(host, part, "")
    }

    /// A control that speaks TLS.
    pub(crate) fn start_showing(
        host: &'a dyn Host,
        part: Part,
        certificate: &Certificate,
    ) -> Result<Self, BenchError> {
        let shown = Shown {
            file: certificate.file.clone(),
            key: certificate.key.clone(),
        };
        let setting = serde_json::to_string(&shown).map_err(anyhow::Error::from)?;
        Self::start_with(host, part, &setting)
    }

    fn start_with(host: &'a dyn Host, part: Part, setting: &str) -> Result<Self, BenchError> {
        let child = ChildPart::start(host, part, setting)?;
        match child.answer(TO_LISTEN) {
            Ok(Answer::Listening { address }) => Ok(Self { child, address }),
            Ok(answer) => Err(child.unexpected(&answer)),
            Err(BenchError::Failed(error)) if part == Part::BareRing => Err(BenchError::Unfit {
                what: format!("{error:#}"),
                remedy: "allow io_uring, which container engines often forbid".to_owned(),
            }),
            Err(error) => Err(error),
        }
    }
}

impl Server for Control<'_> {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn pid(&self) -> u32 {
        self.child.pid()
    }

    fn broadcast(&mut self, messages: usize, bytes: usize, stamp: u64) -> Result<(), BenchError> {
        Ok(self.child.order(&Order::Broadcast {
            messages,
            bytes,
            stamp,
        })?)
    }
}
