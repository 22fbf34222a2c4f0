//! From bytes to messages (RFC 6455 sections 5 and 8.1). It holds nothing while the peer is between
//! messages: what arrived whole is answered out of the read buffer, and only a message or frame that
//! arrived in part gets a [`Partial`].

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::close_code;
use crate::compress::Inflater;
use crate::frame::{FrameError, FrameHeader, Opcode};
use crate::mask;

/// What this connection allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// A server demands the mask, a client forbids it.
    pub(crate) masked: bool,
    /// Payload bytes of a frame.
    pub(crate) frame_limit: u64,
    /// Payload bytes of a message, all its fragments together, compressed or not.
    pub(crate) message_limit: u64,
    /// permessage-deflate was agreed on.
    pub(crate) deflate: bool,
}

/// What the peer said. Owned where it arrived in pieces.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Text(Cow<'a, str>),
    Binary(Cow<'a, [u8]>),
    Ping(Cow<'a, [u8]>),
    Pong,
    Close(Option<(u16, String)>),
}

/// What is kept between two reads of a message or frame that arrived in part.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    /// A frame whose header, or whose short control payload, is not complete.
    stash: Vec<u8>,
    /// The data frame whose payload is arriving.
    frame: Option<OpenFrame>,
    /// The message whose fragments are arriving.
    message: Option<OpenMessage>,
}

/// Takes the next event from the front of `input`, which it advances. `Ok(None)` means that all of
/// `input` is used up.
///
/// # Errors
/// The peer broke the protocol or a limit; nothing after it can be trusted.
pub(crate) fn next<'a>(
    input: &mut &'a mut [u8],
    partial: &mut Option<Box<Partial>>,
    rules: Rules,
    inflater: &mut Inflater,
) -> Result<Option<Event<'a>>, FrameError> {
    loop {
        if let Some(kept) = partial
            && kept.frame.is_some()
        {
            if let Some(message) = kept.take_payload(input)? {
                forget_if_empty(partial);
                return message.finish(rules, inflater).map(Some);
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        let Some(front) = next_front(input, partial)? else {
            return Ok(None);
        };
        let (Front::Control(header, _) | Front::Data(header)) = &front;
        check(header, partial.as_deref(), rules)?;
        match front {
            Front::Control(header, payload) => return control(header, payload).map(Some),
            Front::Data(header) => {
                if is_whole(&header, input) {
                    let payload = unmasked(header, take(input, header.length as usize));
                    return whole(header.opcode, payload).map(Some);
                }
                partial.get_or_insert_default().open(header);
            }
        }
    }
}

/// What the next bytes begin with: a control frame with its payload, or the header of a data frame.
enum Front<'a> {
    Control(FrameHeader, Cow<'a, [u8]>),
    Data(FrameHeader),
}

fn next_front<'a>(
    input: &mut &'a mut [u8],
    partial: &mut Option<Box<Partial>>,
) -> Result<Option<Front<'a>>, FrameError> {
    if let Some(kept) = partial
        && !kept.stash.is_empty()
    {
        let front = kept.complete_stash(input)?;
        forget_if_empty(partial);
        return Ok(front);
    }
    match FrameHeader::parse(input)? {
        Some((header, size)) if !header.opcode.is_control() => {
            take(input, size);
            Ok(Some(Front::Data(header)))
        }
        Some((header, size)) if input.len() as u64 >= size as u64 + header.length => {
            take(input, size);
            let payload = take(input, header.length as usize);
            Ok(Some(Front::Control(
                header,
                Cow::Borrowed(unmasked(header, payload)),
            )))
        }
        Some(_) | None => {
            let rest = take(input, input.len());
            if !rest.is_empty() {
                partial
                    .get_or_insert_default()
                    .stash
                    .extend_from_slice(rest);
            }
            Ok(None)
        }
    }
}

/// Sections 5.1, 5.2 and 5.4: what a frame may be, given what came before it.
fn check(header: &FrameHeader, partial: Option<&Partial>, rules: Rules) -> Result<(), FrameError> {
    match (header.mask, rules.masked) {
        (None, true) => return Err(FrameError::Unmasked),
        (Some(_), false) => return Err(FrameError::Masked),
        (None, false) | (Some(_), true) => {}
    }
    // RFC 7692 section 6: the bit stands on the first frame of a message.
    let may_be_compressed = rules.deflate && matches!(header.opcode, Opcode::Text | Opcode::Binary);
    if header.compressed && !may_be_compressed {
        return Err(FrameError::ReservedBits);
    }
    if header.opcode.is_control() {
        return Ok(());
    }
    let begun = partial.and_then(|kept| kept.message.as_ref());
    match (header.opcode, begun) {
        (Opcode::Continuation, None) => return Err(FrameError::NothingToContinue),
        (Opcode::Text | Opcode::Binary, Some(_)) => return Err(FrameError::Unfinished),
        _ => {}
    }
    if header.length > rules.frame_limit {
        return Err(FrameError::FrameTooBig {
            announced: header.length,
            limit: rules.frame_limit,
        });
    }
    let before = begun.map_or(0, |message| message.data.len() as u64);
    if before + header.length > rules.message_limit {
        return Err(FrameError::MessageTooBig {
            limit: rules.message_limit,
        });
    }
    Ok(())
}

fn control<'a>(header: FrameHeader, payload: Cow<'a, [u8]>) -> Result<Event<'a>, FrameError> {
    match header.opcode {
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Close => close_code::parse_body(&payload).map(Event::Close),
        _ => Ok(Event::Pong),
    }
}

/// An unfragmented message that is in the read buffer as a whole, the common case.
fn is_whole(header: &FrameHeader, input: &[u8]) -> bool {
    let unfragmented = header.fin && header.opcode != Opcode::Continuation;
    unfragmented && !header.compressed && input.len() as u64 >= header.length
}

fn whole(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, FrameError> {
    if opcode == Opcode::Text {
        let text = std::str::from_utf8(payload).map_err(|_| FrameError::NotUtf8)?;
        return Ok(Event::Text(Cow::Borrowed(text)));
    }
    Ok(Event::Binary(Cow::Borrowed(payload)))
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.stash.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    /// Feeds the stash until it holds a header, and the payload if that is of a control frame.
    fn complete_stash<'a>(
        &mut self,
        input: &mut &'a mut [u8],
    ) -> Result<Option<Front<'a>>, FrameError> {
        loop {
            let parsed = FrameHeader::parse(&self.stash)?;
            let wanted = match parsed {
                // A header grows byte by byte, so that nothing behind it is taken.
                None => self.stash.len() + 1,
                Some((header, size)) if header.opcode.is_control() => size + header.length as usize,
                Some((_, size)) => size,
            };
            let missing = wanted - self.stash.len();
            let fed = take(input, missing.min(input.len()));
            self.stash.extend_from_slice(fed);
            if fed.len() < missing {
                return Ok(None);
            }
            if let Some((header, size)) = parsed {
                let mut stash = std::mem::take(&mut self.stash);
                if !header.opcode.is_control() {
                    return Ok(Some(Front::Data(header)));
                }
                let mut payload = stash.split_off(size);
                unmasked(header, &mut payload);
                return Ok(Some(Front::Control(header, Cow::Owned(payload))));
            }
        }
    }

    /// Begins a data frame that is not answered out of the read buffer.
    fn open(&mut self, header: FrameHeader) {
        // The announced length is only a promise: memory follows the bytes that come.
        const ROOM: u64 = 4096;
        let message = self.message.get_or_insert_with(|| OpenMessage {
            text: header.opcode == Opcode::Text,
            compressed: header.compressed,
            data: Vec::new(),
            valid: 0,
        });
        message.data.reserve(header.length.min(ROOM) as usize);
        self.frame = Some(OpenFrame {
            header,
            received: 0,
        });
    }

    /// Moves payload of the open frame into its message; answers the message if that completes it.
    fn take_payload(&mut self, input: &mut &mut [u8]) -> Result<Option<OpenMessage>, FrameError> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else {
            return Ok(None);
        };
        let missing = frame.header.length - frame.received;
        let payload = take(input, missing.min(input.len() as u64) as usize);
        if let Some(mask) = frame.header.mask {
            mask::apply(payload, mask, (frame.received % 4) as usize);
        }
        message.extend(payload)?;
        frame.received += payload.len() as u64;
        if frame.received < frame.header.length {
            return Ok(None);
        }
        let fin = frame.header.fin;
        self.frame = None;
        Ok(if fin { self.message.take() } else { None })
    }
}

#[derive(Debug)]
struct OpenFrame {
    header: FrameHeader,
    received: u64,
}

#[derive(Debug)]
struct OpenMessage {
    text: bool,
    compressed: bool,
    data: Vec<u8>,
    /// How much of `data` is known to be UTF-8.
    valid: usize,
}

impl OpenMessage {
    /// Text is checked as it comes: what can never become UTF-8 fails at once (section 8.1).
    fn extend(&mut self, payload: &[u8]) -> Result<(), FrameError> {
        self.data.extend_from_slice(payload);
        if !self.text || self.compressed {
            return Ok(());
        }
        match std::str::from_utf8(&self.data[self.valid..]) {
            Ok(_) => self.valid = self.data.len(),
            // A character may be cut between two reads; its first bytes are checked again with the rest.
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(FrameError::NotUtf8),
        }
        Ok(())
    }

    fn finish<'a>(self, rules: Rules, inflater: &mut Inflater) -> Result<Event<'a>, FrameError> {
        let data = if self.compressed {
            inflater.inflate(&self.data, rules.message_limit)?
        } else {
            self.data
        };
        if self.text {
            let text = String::from_utf8(data).map_err(|_| FrameError::NotUtf8)?;
            return Ok(Event::Text(Cow::Owned(text)));
        }
        Ok(Event::Binary(Cow::Owned(data)))
    }
}

fn forget_if_empty(partial: &mut Option<Box<Partial>>) {
    if partial.as_ref().is_some_and(|kept| kept.is_empty()) {
        *partial = None;
    }
}

/// Cuts `length` bytes off the front of `input`.
fn take<'a>(input: &mut &'a mut [u8], length: usize) -> &'a mut [u8] {
    let (front, rest) = std::mem::take(input).split_at_mut(length);
    *input = rest;
    front
}

/// A payload that is there from its first byte on, without its mask.
fn unmasked(header: FrameHeader, payload: &mut [u8]) -> &mut [u8] {
    if let Some(mask) = header.mask {
        mask::apply(payload, mask, 0);
    }
    payload
}
