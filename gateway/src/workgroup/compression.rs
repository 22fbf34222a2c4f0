//! What is sent to devices that agreed on permessage-deflate.
//!
//! Every message is compressed on its own, so one compressed batch serves all devices of the loop that agreed on the same:
//! it is made when the first of them wants it, and never for nobody. The loop keeps one compressor per agreement, a
//! connection none.

use std::sync::Arc;

use bytes::Bytes;
use gateway_engine::{ConnId, Deflater, Net};

use super::session::Session;
use crate::config::Compression;
use crate::hub::request::ForSubject;

/// What a listener and a device agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreement {
    rules: Compression,
    window_bits: u8,
}

/// The compressors of one loop.
#[derive(Debug)]
pub(super) struct Compressors {
    /// Of each listener.
    rules: Arc<[Option<Compression>]>,
    /// At most one per rule and window: a handful.
    deflaters: Vec<(Agreement, Deflater)>,
    /// Bytes of frames that were compressed, each counted once for however many devices.
    pub(super) bytes_in: u64,
    /// Bytes that they became.
    pub(super) bytes_out: u64,
}

impl Compressors {
    pub(super) fn new(rules: Arc<[Option<Compression>]>) -> Self {
        Self {
            rules,
            deflaters: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Whether any listener compresses.
    pub(super) fn is_on(&self) -> bool {
        self.rules.iter().any(Option::is_some)
    }

    /// What goes to a device beside what goes to others: compressed if it agreed and that makes it smaller.
    pub(super) fn one(&mut self, net: &Net<Session>, conn: ConnId, frames: Bytes) -> Bytes {
        let deflated = self
            .agreement(net, conn)
            .and_then(|agreement| self.deflate(agreement, &frames));
        deflated.map_or(frames, |(frames, _)| frames)
    }

    fn agreement(&self, net: &Net<Session>, conn: ConnId) -> Option<Agreement> {
        let window_bits = net.window_bits(conn)?;
        let rules = (*self.rules.get(usize::from(net.endpoint(conn)?))?)?;
        Some(Agreement { rules, window_bits })
    }

    /// The frames compressed, and where the last of them begins; `None` if they are none the smaller for it.
    fn deflate(&mut self, agreement: Agreement, frames: &Bytes) -> Option<(Bytes, usize)> {
        let Agreement { rules, window_bits } = agreement;
        if frames.len() < rules.min_bytes {
            return None;
        }
        let known = self.deflaters.iter().position(|(of, _)| *of == agreement);
        let place = known.unwrap_or_else(|| {
            let deflater = Deflater::new(rules.level, window_bits);
            self.deflaters.push((agreement, deflater));
            self.deflaters.len() - 1
        });
        let (_, deflater) = &mut self.deflaters[place];
        let deflated = deflater.deflate_frames(frames, rules.min_bytes)?;
        self.bytes_in += frames.len() as u64;
        self.bytes_out += deflated.frames.len() as u64;
        Some((deflated.frames.into(), deflated.last_at))
    }
}

/// One batch in the forms that its subscribers agreed on, each made once.
pub(super) struct Forms {
    plain: ForSubject,
    others: Vec<(Agreement, ForSubject)>,
}

impl Forms {
    pub(super) fn of(plain: ForSubject) -> Self {
        Self {
            plain,
            others: Vec::new(),
        }
    }

    /// The form that everybody gets where nothing is compressed.
    pub(super) fn plain(&self) -> &ForSubject {
        &self.plain
    }

    /// The form for this device.
    pub(super) fn suiting(
        &mut self,
        compressors: &mut Compressors,
        net: &Net<Session>,
        conn: ConnId,
    ) -> &ForSubject {
        let Some(agreement) = compressors.agreement(net, conn) else {
            return &self.plain;
        };
        let known = self.others.iter().position(|(of, _)| *of == agreement);
        let place = known.unwrap_or_else(|| {
            let mut form = self.plain.clone();
            if let Some((frames, latest_at)) = compressors.deflate(agreement, &form.frames) {
                (form.frames, form.latest_at) = (frames, latest_at);
            }
            self.others.push((agreement, form));
            self.others.len() - 1
        });
        &self.others[place].1
    }
}
