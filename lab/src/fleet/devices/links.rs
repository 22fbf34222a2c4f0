//! How devices connect and how their connections end.

use std::io::ErrorKind;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use gateway_client::{Cause, Lost};
use gateway_engine::{Closed, ConnId, Dial, Failure, Net};

use lab_kafka::payload::now_us;

use super::Devices;
use crate::fleet::device::Tag;
use crate::fleet::origins::origin;
use crate::provider::Observation;

/// Sources that a device tries before it gives up. The machine's other sockets hold a few hundred ports at most.
const COLLISIONS: u8 = 32;

/// The detail of a loss by a TCP reset.
pub(super) const RESET: &str = "the connection was reset";

impl Devices {
    /// Goes to a server, and tells so.
    pub(super) fn set_out_to(&mut self, net: &mut Net<Tag>, tag: Tag) {
        if let Some(place) = self.place_of(tag) {
            self.news.observe(Observation::Tried {
                device: tag.device,
                target: u32::try_from(place).unwrap_or(u32::MAX),
                at: Instant::now(),
            });
        }
        self.dial(net, tag);
    }

    /// Goes to a server, from the device's own address.
    fn dial(&mut self, net: &mut Net<Tag>, tag: Tag) {
        let common = Arc::clone(&self.common);
        let place = self.place_of(tag);
        let target = place.and_then(|place| common.setup.targets.get(place));
        let request = place.and_then(|place| common.requests.get(place));
        let (Some(target), Some(request)) = (target, request) else {
            return self.lose(tag, unreachable("there is no such server"));
        };
        let Some(device) = self.device(tag.device) else {
            return;
        };
        let origin = origin(device.source, tag.device, *target, common.setup.preface);
        let dial = Dial {
            remote: *target,
            local: origin.local,
            late_port: true,
            preface: origin.preface.into(),
            request: Arc::clone(request),
        };
        match net.connect(dial, tag) {
            Ok(conn) => device.conn = Some(conn),
            Err(error) if is_collision(error.kind()) => self.dial_from_elsewhere(net, tag),
            Err(error) => self.lose(tag, unreachable(&error.to_string())),
        }
    }

    /// The source is somebody else's: takes the model's next one.
    fn dial_from_elsewhere(&mut self, net: &mut Net<Tag>, tag: Tag) {
        let fresh = self
            .common
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next();
        let Some(device) = self.device(tag.device) else {
            return;
        };
        device.collisions += 1;
        match fresh {
            Some(source) if device.collisions < COLLISIONS => {
                device.source = source;
                self.dial(net, tag);
            }
            _ => self.lose(
                tag,
                unreachable("every source address and port tried is in use"),
            ),
        }
    }

    /// A connection is up, and is read.
    pub(super) fn opened(&mut self, tag: Tag) {
        self.news.count().connected += 1;
        if let Some(device) = self.device(tag.device) {
            device.collisions = 0;
            if let Some(names) = &mut device.names {
                names.opened(tag.attempt);
            }
            if let Some(session) = &mut device.session {
                session.handle_connected(tag.attempt, Instant::now());
            }
        }
    }

    pub(super) fn closed(&mut self, tag: Tag, closed: &Closed) {
        let counts = self.news.count();
        counts.connected = counts.connected.saturating_sub(1);
        // The loop ends, and every device with it.
        if !matches!(closed, Closed::Stopped | Closed::Aborted) {
            self.lose(tag, lost_by(closed));
        }
    }

    pub(super) fn failed(&mut self, net: &mut Net<Tag>, tag: Tag, conn: ConnId, failure: &Failure) {
        match failure {
            Failure::Stopped | Failure::Aborted => {}
            Failure::Connect(kind) if is_collision(*kind) && self.is_wanted(tag, conn) => {
                self.dial_from_elsewhere(net, tag);
            }
            _ => self.lose(tag, lost_before(failure)),
        }
    }

    /// Lets the device's socket fill up, or reads it again.
    pub(super) fn set_reading(&mut self, net: &mut Net<Tag>, number: u32, reading: bool) {
        let Some(device) = self.device(number) else {
            return;
        };
        let Some(conn) = device.conn.filter(|_| device.stalled == reading) else {
            return;
        };
        device.stalled = !reading;
        device.read_on_us = now_us();
        if reading {
            net.resume(conn);
        } else {
            net.pause(conn);
        }
        self.count_stalled(!reading);
    }

    pub(super) fn count_stalled(&mut self, stalled: bool) {
        let counts = self.news.count();
        counts.stalled = match stalled {
            true => counts.stalled + 1,
            false => counts.stalled.saturating_sub(1),
        };
    }

    /// The session no longer wants its connection.
    pub(super) fn hang_up(&mut self, net: &mut Net<Tag>, number: u32, code: u16) {
        let Some(conn) = self.device(number).and_then(|device| device.conn.take()) else {
            return;
        };
        if net.is_open(conn) {
            net.close(conn, code, "");
        } else {
            net.abort(conn);
        }
    }

    /// Whether the session still waits for this connection.
    fn is_wanted(&mut self, tag: Tag, conn: ConnId) -> bool {
        self.device(tag.device)
            .is_some_and(|device| device.conn == Some(conn))
    }

    pub(super) fn lose(&mut self, tag: Tag, mut lost: Lost) {
        let now = Instant::now();
        self.note_loss_of_address(tag, &mut lost, now);
        if let Some(session) = self.session(tag.device) {
            session.handle_lost(tag.attempt, lost, now);
        }
    }
}

/// The kernel's answers to a source in use: from `bind`, and from `connect` when the same pair of addresses is still in TIME-WAIT.
fn is_collision(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable)
}

fn unreachable(words: &str) -> Lost {
    Lost::new(Cause::Unreachable).with_detail(words.to_owned())
}

/// How an open connection ended, in the session's words.
fn lost_by(closed: &Closed) -> Lost {
    match closed {
        Closed::ByPeer { code, reason } => {
            // RFC 6455 section 7.1.5: a close frame without a code counts as 1005.
            Lost::new(Cause::Closed {
                code: code.unwrap_or(1005),
            })
            .with_detail(reason.clone())
        }
        Closed::Silent => Lost::new(Cause::Silent),
        Closed::Reset => Lost::new(Cause::Broken).with_detail(RESET),
        Closed::ByUs { .. }
        | Closed::Unanswered { .. }
        | Closed::NoRoom
        | Closed::Violation(_)
        | Closed::Tls(_)
        | Closed::EndOfStream
        | Closed::Network(_)
        | Closed::Aborted
        | Closed::Stopped => Lost::new(Cause::Broken).with_detail(format!("{closed:?}")),
    }
}

/// Why a connection did not open, in the session's words.
fn lost_before(failure: &Failure) -> Lost {
    let mut asked = None;
    let cause = match failure {
        Failure::Connect(_) | Failure::Network(_) => Cause::Unreachable,
        Failure::Answered {
            status,
            retry_after,
        } => {
            asked = *retry_after;
            Cause::Refused { status: *status }
        }
        Failure::BadAnswer(_) => Cause::NotAGateway,
        Failure::Tls(_) => Cause::Tls,
        Failure::Timeout => Cause::ConnectTimeout,
        Failure::BadRequest { .. }
        | Failure::RefusedByApp { .. }
        | Failure::EndOfStream
        | Failure::Reset
        | Failure::Aborted
        | Failure::Stopped => Cause::Broken,
    };
    Lost::new(cause)
        .with_detail(format!("{failure:?}"))
        .with_retry_after(asked)
}
