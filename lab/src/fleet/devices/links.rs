//! How devices connect and how their connections end.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use gateway_engine::{Closed, ConnId, Dial, DialRequest, Failure, Net};
use gateway_protocol::message::SUBPROTOCOL;

use super::{Devices, is_down};
use crate::fleet::device::Link;
use crate::fleet::origins::origin;
use crate::provider::Observation;

/// Sources that a device tries before it gives up. The machine's other sockets hold a few hundred ports at most.
const COLLISIONS: u8 = 32;

/// The upgrade request for each target.
pub(super) fn requests(targets: &[SocketAddr]) -> Vec<Arc<DialRequest>> {
    let request = |target: &SocketAddr| {
        Arc::new(DialRequest {
            host: target.to_string(),
            path: "/".to_owned(),
            subprotocols: vec![SUBPROTOCOL.to_owned()],
            headers: Vec::new(),
        })
    };
    targets.iter().map(request).collect()
}

impl Devices {
    pub(super) fn connect(&mut self, net: &mut Net<u32>, number: u32) {
        if self.device(number).is_some_and(|device| is_down(device)) {
            self.dial(net, number);
        }
    }

    pub(super) fn disconnect(&mut self, net: &mut Net<u32>, number: u32) {
        let Some(device) = self.device(number) else {
            return;
        };
        match device.link {
            Link::Up(conn) => {
                device.link = Link::Leaving(conn);
                net.close(conn, 1000, "");
            }
            Link::Dialling(conn) => {
                device.link = Link::Leaving(conn);
                net.abort(conn);
            }
            Link::Down | Link::Leaving(_) => {}
        }
    }

    pub(super) fn opened(&mut self, net: &mut Net<u32>, number: u32, conn: ConnId) {
        let Some(device) = self.device(number) else {
            return;
        };
        if device.link != Link::Leaving(conn) {
            device.link = Link::Up(conn);
        }
        self.news.count().connected += 1;
        self.subscribe_again(net, number);
    }

    pub(super) fn closed(&mut self, number: u32, closed: &Closed) {
        let Some(device) = self.device(number) else {
            return;
        };
        let wished = matches!(device.link, Link::Leaving(_)) || *closed == Closed::Stopped;
        device.link = Link::Down;
        let counts = self.news.count();
        counts.connected = counts.connected.saturating_sub(1);
        if wished {
            return;
        }
        counts.lost += 1;
        let code = match closed {
            Closed::ByPeer { code, .. } => *code,
            _ => None,
        };
        self.news.observe(Observation::Lost {
            device: number,
            code,
            at: Instant::now(),
        });
    }

    pub(super) fn failed(&mut self, net: &mut Net<u32>, number: u32, failure: &Failure) {
        let Some(device) = self.device(number) else {
            return;
        };
        let wished = matches!(device.link, Link::Leaving(_)) || *failure == Failure::Stopped;
        device.link = Link::Down;
        match failure {
            _ if wished => {}
            Failure::Connect(kind) if is_collision(*kind) => self.dial_from_elsewhere(net, number),
            _ => self.give_up(number, &format!("{failure:?}")),
        }
    }

    fn dial(&mut self, net: &mut Net<u32>, number: u32) {
        let (Some(target), Some(request)) = (
            turn_of(&self.setup.targets, number).copied(),
            turn_of(&self.requests, number).cloned(),
        ) else {
            return self.give_up(number, "there is nothing to connect to");
        };
        let preface = self.setup.preface;
        let Some(device) = self.device(number) else {
            return;
        };
        let origin = origin(device.source, number, target, preface);
        let dial = Dial {
            remote: target,
            local: origin.local,
            late_port: true,
            preface: origin.preface.into(),
            request,
        };
        match net.connect(dial, number) {
            Ok(conn) => device.link = Link::Dialling(conn),
            Err(error) if is_collision(error.kind()) => self.dial_from_elsewhere(net, number),
            Err(error) => self.give_up(number, &error.to_string()),
        }
    }

    /// The source is somebody else's: takes the model's next one.
    fn dial_from_elsewhere(&mut self, net: &mut Net<u32>, number: u32) {
        let fresh = self
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next();
        let Some(device) = self.device(number) else {
            return;
        };
        device.collisions += 1;
        match fresh {
            Some(source) if device.collisions < COLLISIONS => {
                device.source = source;
                self.dial(net, number);
            }
            _ => self.give_up(number, "every source address and port tried is in use"),
        }
    }

    fn give_up(&mut self, number: u32, why: &str) {
        self.news.count().failed += 1;
        self.news
            .fail(|| format!("device {number} did not connect: {why}"));
    }
}

/// Devices take targets in turn.
fn turn_of<T>(targets: &[T], number: u32) -> Option<&T> {
    let index = usize::try_from(number).ok()?.checked_rem(targets.len())?;
    targets.get(index)
}

/// The kernel's answers to a source in use: from `bind`, and from `connect` when the same pair of addresses is still in TIME-WAIT.
fn is_collision(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable)
}
