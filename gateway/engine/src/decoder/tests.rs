//! Bytes as RFC 6455, RFC 7692 and conformance suites have them, in chunks of every size.

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
