//! From bytes to messages (RFC 6455 sections 5 and 8.1). It holds nothing while the peer is between
//! messages: what arrived whole is answered out of the read buffer, and only a message or frame that
//! arrived in part gets a [`Partial`].

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::append;

    const SERVER: Rules = Rules {
        masked: true,
        frame_limit: 1 << 20,
        message_limit: 1 << 20,
        deflate: false,
    };
    const CLIENT: Rules = Rules {
        masked: false,
        frame_limit: 1 << 20,
        message_limit: 1 << 20,
        deflate: false,
    };

    #[test]
    fn a_message_in_one_piece_leaves_nothing_behind() {
        // RFC 6455 section 5.7: "Hello" in a masked frame.
        let bytes = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];

        assert_eq!(
            decode(&bytes, 64, SERVER),
            (vec!["text Hello".to_owned()], None)
        );
    }

    #[test]
    fn a_message_byte_by_byte_is_the_same_message() {
        let bytes = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];

        assert_eq!(
            decode(&bytes, 1, SERVER),
            (vec!["text Hello".to_owned()], None)
        );
    }

    #[test]
    fn a_ping_between_fragments_comes_before_the_message() {
        // RFC 6455 section 5.7: "Hel" "lo", and a ping with "Hello" between them.
        let bytes = [
            &[0x01, 0x03, 0x48, 0x65, 0x6c][..],
            &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
            &[0x80, 0x02, 0x6c, 0x6f],
        ]
        .concat();

        for chunk in 1..=bytes.len() {
            let events = vec!["ping Hello".to_owned(), "text Hello".to_owned()];
            assert_eq!(
                decode(&bytes, chunk, CLIENT),
                (events, None),
                "in chunks of {chunk}"
            );
        }
    }

    #[test]
    fn an_empty_last_fragment_ends_a_message() {
        let bytes = [0x01, 0x01, b'x', 0x80, 0x00];

        for chunk in 1..=bytes.len() {
            assert_eq!(
                decode(&bytes, chunk, CLIENT),
                (vec!["text x".to_owned()], None)
            );
        }
    }

    #[test]
    fn text_that_can_never_become_utf_8_fails_before_its_end() {
        // κόσμε, then a code point above U+10FFFF, in an unfinished fragment (Autobahn 6.4.1).
        let text = [
            0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xcf, 0x83, 0xce, 0xbc, 0xce, 0xb5, 0xf4, 0x90,
        ];
        let mut bytes = vec![0x01, text.len() as u8];
        bytes.extend_from_slice(&text);

        assert_eq!(
            decode(&bytes, 3, CLIENT),
            (vec![], Some(FrameError::NotUtf8))
        );
    }

    #[test]
    fn a_character_may_be_cut_by_a_fragment_but_not_by_the_end() {
        let cut = [0x01, 0x01, 0xc3, 0x80, 0x01, 0xa9];
        assert_eq!(decode(&cut, 64, CLIENT), (vec!["text é".to_owned()], None));

        let ended = [0x01, 0x01, 0xc3, 0x80, 0x00];
        assert_eq!(
            decode(&ended, 64, CLIENT),
            (vec![], Some(FrameError::NotUtf8))
        );
    }

    #[test]
    fn fragments_together_obey_the_message_limit() {
        let rules = Rules {
            message_limit: 5,
            ..CLIENT
        };
        let fits = [0x02, 0x03, 1, 2, 3, 0x80, 0x02, 4, 5];
        assert_eq!(
            decode(&fits, 64, rules),
            (vec!["binary 5".to_owned()], None)
        );

        let exceeds = [0x02, 0x03, 1, 2, 3, 0x80, 0x03];
        assert_eq!(
            decode(&exceeds, 64, rules),
            (vec![], Some(FrameError::MessageTooBig { limit: 5 }))
        );
    }

    #[test]
    fn a_huge_announcement_is_refused_at_the_header() {
        let bytes = [0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

        let error = FrameError::FrameTooBig {
            announced: i64::MAX as u64,
            limit: 1 << 20,
        };
        assert_eq!(decode(&bytes, 64, CLIENT), (vec![], Some(error)));
    }

    #[test]
    fn each_breach_of_the_framing_has_its_error() {
        let cases: &[(&[u8], Rules, FrameError)] = &[
            (&[0x81, 0x00], SERVER, FrameError::Unmasked),
            (&[0x89, 0x00], SERVER, FrameError::Unmasked),
            (&[0x81, 0x80, 0, 0, 0, 0], CLIENT, FrameError::Masked),
            (&[0xc1, 0x00], CLIENT, FrameError::ReservedBits),
            (&[0xc9, 0x00], CLIENT, FrameError::ReservedBits),
            (&[0xa1], CLIENT, FrameError::ReservedBits),
            (&[0x91], CLIENT, FrameError::ReservedBits),
            (&[0x83], CLIENT, FrameError::UnknownOpcode(3)),
            (&[0x8b], CLIENT, FrameError::UnknownOpcode(11)),
            (&[0x09], CLIENT, FrameError::FragmentedControl),
            (&[0x89, 0x7e], CLIENT, FrameError::LongControl),
            (&[0x81, 0x7e, 0x00, 0x7d], CLIENT, FrameError::LongLength),
            (
                &[0x81, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
                CLIENT,
                FrameError::LongLength,
            ),
            (
                &[0x81, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0],
                CLIENT,
                FrameError::HugeLength,
            ),
            (&[0x80, 0x00], CLIENT, FrameError::NothingToContinue),
            (&[0x01, 0x00, 0x81, 0x00], CLIENT, FrameError::Unfinished),
            (&[0x88, 0x01, 0x03], CLIENT, FrameError::BadCloseBody),
            (
                &[0x88, 0x02, 0x03, 0xed],
                CLIENT,
                FrameError::BadCloseCode(1005),
            ),
            (
                &[0x88, 0x03, 0x03, 0xe8, 0xff],
                CLIENT,
                FrameError::BadCloseBody,
            ),
        ];
        for &(bytes, rules, error) in cases {
            for chunk in 1..=bytes.len() {
                assert_eq!(
                    decode(bytes, chunk, rules),
                    (vec![], Some(error)),
                    "{bytes:x?} by {chunk}"
                );
            }
        }
    }

    #[test]
    fn a_close_frame_may_be_empty_or_name_code_and_reason() {
        assert_eq!(
            decode(&[0x88, 0x00], 1, CLIENT),
            (vec!["close None".to_owned()], None)
        );

        let bytes = [0x88, 0x05, 0x03, 0xe8, b'b', b'y', b'e'];
        assert_eq!(
            decode(&bytes, 1, CLIENT),
            (vec!["close Some((1000, \"bye\"))".to_owned()], None)
        );
    }

    #[test]
    fn compressed_messages_are_understood_where_agreed_on() {
        // RFC 7692 section 7.2.3.2: "Hello" in one frame and in two.
        let rules = Rules {
            deflate: true,
            ..CLIENT
        };
        let whole = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let fragmented = [
            0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00,
        ];
        for bytes in [&whole[..], &fragmented] {
            for chunk in 1..=bytes.len() {
                assert_eq!(
                    decode(bytes, chunk, rules),
                    (vec!["text Hello".to_owned()], None)
                );
            }
        }

        let again_on_the_second = [
            0x41, 0x03, 0xf2, 0x48, 0xcd, 0xc0, 0x04, 0xc9, 0xc9, 0x07, 0x00,
        ];
        let reserved = (vec![], Some(FrameError::ReservedBits));
        assert_eq!(decode(&again_on_the_second, 64, rules), reserved);
        assert_eq!(decode(&[0xc9, 0x00], 64, rules), reserved);
    }

    #[test]
    fn a_partial_is_let_go_with_its_message() {
        let mut bytes = Vec::new();
        append(&mut bytes, Opcode::Binary, &[7; 300]);
        let mut partial = None;

        let (front, back) = bytes.split_at_mut(100);
        assert_eq!(
            next(
                &mut &mut *front,
                &mut partial,
                CLIENT,
                &mut Inflater::default()
            ),
            Ok(None)
        );
        assert!(partial.is_some());
        assert_eq!(
            next(
                &mut &mut *back,
                &mut partial,
                CLIENT,
                &mut Inflater::default()
            ),
            Ok(Some(Event::Binary(vec![7; 300].into())))
        );
        assert!(partial.is_none());
    }

    /// Decodes `bytes` in chunks; every event as a line, and the error that ended it.
    fn decode(bytes: &[u8], chunk: usize, rules: Rules) -> (Vec<String>, Option<FrameError>) {
        let mut events = Vec::new();
        let mut partial = None;
        for chunk in bytes.to_vec().chunks_mut(chunk) {
            let mut input = chunk;
            loop {
                match next(&mut input, &mut partial, rules, &mut Inflater::default()) {
                    Ok(Some(event)) => events.push(line(&event)),
                    Ok(None) => break,
                    Err(error) => return (events, Some(error)),
                }
            }
        }
        assert!(partial.is_none(), "something was left behind: {partial:?}");
        (events, None)
    }

    fn line(event: &Event<'_>) -> String {
        match event {
            Event::Text(text) => format!("text {text}"),
            Event::Binary(data) => format!("binary {}", data.len()),
            Event::Ping(payload) => format!("ping {}", String::from_utf8_lossy(payload)),
            Event::Pong => "pong".to_owned(),
            Event::Close(body) => format!("close {body:?}"),
        }
    }
}
