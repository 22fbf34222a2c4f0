//! What workgroups ask of the hub, and what the hub tells workgroups.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use bytes::Bytes;
use gateway_engine::ConnId;
use gateway_protocol::message::ErrorCode;
use gateway_protocol::position::Position;

use super::subscriptions::GroupId;
use crate::log::subjects::SubjectId;
use crate::waker::Waker;

/// What a workgroup asks. Answers come through the workgroup's mailbox, between the batches of records, so that replay
/// and live messages meet without a gap or a double.
#[derive(Debug)]
pub(crate) enum Request {
    Subscribe(Box<Subscribe>),
    /// Sent through the hub and back, so that it cannot overtake a subscription that is still to be answered.
    Unsubscribe {
        group: GroupId,
        conn: ConnId,
        id: u64,
        subject: Box<str>,
    },
    /// One subscription of the workgroup ended.
    Release {
        group: GroupId,
        subject: SubjectId,
    },
}

/// A subscription that a device asks for.
#[derive(Debug)]
pub(crate) struct Subscribe {
    pub(crate) group: GroupId,
    pub(crate) conn: ConnId,
    pub(crate) id: u64,
    pub(crate) topic: u16,
    /// `None` is the whole topic.
    pub(crate) key: Option<Box<[u8]>>,
    /// As the device spells it.
    pub(crate) subject: Box<str>,
    pub(crate) from: Vec<Position>,
    pub(crate) history: Option<u32>,
}

/// What the hub tells a workgroup.
#[derive(Debug)]
pub(crate) enum News {
    /// Records of one poll, encoded once for all workgroups.
    Records(Box<[ForSubject]>),
    /// A subscription begins: its answer and what the device missed.
    Granted {
        conn: ConnId,
        subject: SubjectId,
        name: Arc<str>,
        frames: Bytes,
        messages: u32,
    },
    /// A subscription cannot begin.
    Refused {
        conn: ConnId,
        id: u64,
        code: ErrorCode,
        reason: String,
    },
    /// The device no longer wants this subject.
    Unsubscribe {
        conn: ConnId,
        id: u64,
        subject: Box<str>,
    },
}

/// Frames for everyone who subscribed to one subject.
#[derive(Debug, Clone)]
pub(crate) struct ForSubject {
    pub(crate) subject: SubjectId,
    pub(crate) frames: Bytes,
    pub(crate) messages: u32,
    /// Where the last message begins in `frames`.
    pub(crate) latest_at: usize,
    /// What the messages stand for beside themselves.
    pub(crate) left_out: Option<LeftOut>,
}

/// Records that others of their subject stand for.
#[derive(Debug, Clone)]
pub(crate) struct LeftOut {
    pub(crate) count: u64,
    /// The frame that says so; it goes before the messages.
    pub(crate) notice: Bytes,
}

impl ForSubject {
    /// The last message alone.
    pub(crate) fn latest(&self) -> Self {
        Self {
            subject: self.subject,
            frames: self.frames.slice(self.latest_at..),
            messages: 1,
            latest_at: 0,
            left_out: None,
        }
    }
}

/// How workgroups reach the hub.
#[derive(Debug, Clone)]
pub(crate) struct HubHandle {
    requests: SyncSender<Request>,
    waker: Waker,
}

impl HubHandle {
    pub(crate) fn new(requests: SyncSender<Request>, waker: Waker) -> Self {
        Self { requests, waker }
    }

    /// Hands a request over without waiting; it comes back if the hub is too far behind.
    pub(crate) fn ask(&self, request: Request) -> Result<(), Request> {
        let sent = self
            .requests
            .try_send(request)
            .map_err(|error| match error {
                TrySendError::Full(request) | TrySendError::Disconnected(request) => request,
            });
        self.waker.wake();
        sent
    }
}
