//! Mischief with messages, and an honest note of each deed. Pure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::frames::{Cutter, Piece};

/// Messages that Kafka sent hold this. Answers to the device are left alone,
const MESSAGE: &[u8] = b"\"op\":\"message\"";
/// but for acknowledgements where a mischief is about them.
const ACKNOWLEDGEMENT: &[u8] = b"\"op\":\"published\"";
/// Where a message carries its data; what stands behind it may be changed without breaking its form.
const DATA: &[u8] = b"\"data\":\"";
/// Where a message says which it is.
const SEQUENCE: &[u8] = b"\"seq\":";

/// What is done to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mischief {
    /// It never arrives.
    Drop,
    /// It arrives twice.
    Double,
    /// It arrives after the one that follows it on its connection.
    Swap,
    /// Its data is changed.
    Corrupt,
    /// After it arrives one that nobody sent: another sequence, other data.
    Phantom,
    /// Done to the acknowledgement of a publish: after it arrives another, with another sequence.
    AnswerTwice,
}

impl Mischief {
    /// Whether it is done to this payload.
    fn is_about(self, payload: &[u8]) -> bool {
        let needs: &[&[u8]] = match self {
            Self::AnswerTwice => &[ACKNOWLEDGEMENT, SEQUENCE],
            Self::Drop | Self::Double | Self::Swap | Self::Corrupt | Self::Phantom => {
                &[MESSAGE, DATA, SEQUENCE]
            }
        };
        needs.iter().all(|part| contains(payload, part))
    }
}

/// One mischief done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deed {
    /// What was done.
    pub mischief: Mischief,
    /// The message it was done to, as it was sent.
    pub message: String,
}

/// What is planned and what is done, over all connections of a relay.
#[derive(Debug, Default)]
pub struct Tampering {
    planned: VecDeque<Mischief>,
    deeds: Vec<Deed>,
}

impl Tampering {
    /// Orders mischief with the next messages, one each.
    pub fn plan(&mut self, mischief: impl IntoIterator<Item = Mischief>) {
        self.planned.extend(mischief);
    }

    /// What was done, in order.
    pub fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    fn is_idle(&self) -> bool {
        self.planned.is_empty()
    }

    fn next_for(&mut self, payload: &[u8]) -> Option<Mischief> {
        let mischief = self
            .planned
            .pop_front_if(|mischief| mischief.is_about(payload))?;
        self.deeds.push(Deed {
            mischief,
            message: String::from_utf8_lossy(payload).into_owned(),
        });
        Some(mischief)
    }
}

/// One connection's stream from its member.
#[derive(Debug, Default)]
pub struct Tamperer {
    cutter: Cutter,
    held_back: Option<Vec<u8>>,
}

impl Tamperer {
    /// What arrives instead of these bytes.
    pub fn pass(&mut self, bytes: &[u8], tampering: &mut Tampering) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for piece in self.cutter.cut(bytes) {
            match piece {
                Piece::Other(bytes) => out.extend(bytes),
                Piece::Message { frame, payload_at } => {
                    self.message(&frame, payload_at, tampering, &mut out)
                }
            }
        }
        out
    }

    /// What is held back when the member ends.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut out = self.held_back.take().unwrap_or_default();
        out.extend(self.cutter.rest());
        out
    }

    fn message(
        &mut self,
        frame: &[u8],
        payload_at: usize,
        tampering: &mut Tampering,
        out: &mut Vec<u8>,
    ) {
        let earlier = self.held_back.take();
        // While one is held back for a swap, the next comes as it is, so that the swap is a swap.
        let mischief = if earlier.is_some() || tampering.is_idle() {
            None
        } else {
            tampering.next_for(&frame[payload_at..])
        };
        match mischief {
            None => out.extend_from_slice(frame),
            Some(Mischief::Drop) => {}
            Some(Mischief::Double) => out.extend([frame, frame].concat()),
            Some(Mischief::Swap) => self.held_back = Some(frame.to_vec()),
            Some(Mischief::Corrupt) => out.extend(corrupted(frame)),
            Some(Mischief::Phantom | Mischief::AnswerTwice) => {
                out.extend([frame, &invented(frame)].concat())
            }
        }
        out.extend(earlier.unwrap_or_default());
    }
}

/// Another letter where the data begins; empty data stays as it is but for its closing quote's neighbourhood.
fn corrupted(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some(at) = position(&frame, DATA).map(|at| at + DATA.len())
        && let Some(letter) = frame
            .get_mut(at)
            .filter(|letter| letter.is_ascii_alphanumeric())
    {
        *letter = if *letter == b'X' { b'Y' } else { b'X' };
    }
    frame
}

/// A copy with other data and a sequence whose first digit is another: the frame keeps its length.
fn invented(frame: &[u8]) -> Vec<u8> {
    let mut frame = corrupted(frame);
    if let Some(at) = position(&frame, SEQUENCE).map(|at| at + SEQUENCE.len())
        && let Some(digit) = frame.get_mut(at).filter(|digit| digit.is_ascii_digit())
    {
        *digit = if *digit == b'9' { b'8' } else { b'9' };
    }
    frame
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    position(haystack, needle).is_some()
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mischief_does_what_it_says_and_is_noted() {
        for (mischief, expected) in [
            (Mischief::Drop, vec![message(2, "b")]),
            (
                Mischief::Double,
                vec![message(1, "a"), message(1, "a"), message(2, "b")],
            ),
            (Mischief::Swap, vec![message(2, "b"), message(1, "a")]),
            (Mischief::Corrupt, vec![message(1, "X"), message(2, "b")]),
            (
                Mischief::Phantom,
                vec![message(1, "a"), message(9, "X"), message(2, "b")],
            ),
        ] {
            let (arrived, tampering) = tampered([mischief], &[message(1, "a"), message(2, "b")]);

            assert_eq!(arrived, frames(&expected), "{mischief:?}");
            assert_eq!(
                tampering.deeds(),
                [Deed {
                    mischief,
                    message: message(1, "a")
                }]
            );
        }
    }

    #[test]
    fn answers_to_the_device_are_left_alone() {
        let published = r#"{"op":"published","id":2,"partition":0,"seq":43}"#.to_owned();

        let (arrived, tampering) =
            tampered([Mischief::Drop], &[published.clone(), message(1, "a")]);

        assert_eq!(arrived, frames(&[published]));
        assert_eq!(tampering.deeds().len(), 1);
    }

    #[test]
    fn an_acknowledgement_is_followed_by_another_where_that_is_ordered() {
        let published = |seq| format!(r#"{{"op":"published","id":2,"partition":0,"seq":{seq}}}"#);

        let (arrived, _) = tampered(
            [Mischief::AnswerTwice],
            &[message(1, "a"), published(43), published(44)],
        );

        let expected = [message(1, "a"), published(43), published(93), published(44)];
        assert_eq!(arrived, frames(&expected));
    }

    #[test]
    fn a_message_held_back_for_a_swap_still_comes_when_no_other_follows() {
        let mut tampering = Tampering::default();
        tampering.plan([Mischief::Swap]);
        let mut tamperer = opened(&mut tampering);

        assert_eq!(
            tamperer.pass(&frames(&[message(1, "a")]), &mut tampering),
            b""
        );
        assert_eq!(tamperer.rest(), frames(&[message(1, "a")]));
    }

    fn tampered(plan: impl IntoIterator<Item = Mischief>, sent: &[String]) -> (Vec<u8>, Tampering) {
        let mut tampering = Tampering::default();
        tampering.plan(plan);
        let mut tamperer = opened(&mut tampering);
        let arrived = tamperer.pass(&frames(sent), &mut tampering);
        (arrived, tampering)
    }

    fn opened(tampering: &mut Tampering) -> Tamperer {
        let mut tamperer = Tamperer::default();
        tamperer.pass(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", tampering);
        tamperer
    }

    fn message(sequence: u32, data: &str) -> String {
        format!(
            r#"{{"op":"message","subject":"/t/k","epoch":"e","seq":{sequence},"data":"{data}"}}"#
        )
    }

    fn frames(messages: &[String]) -> Vec<u8> {
        messages
            .iter()
            .flat_map(|text| [&[0x81, text.len() as u8], text.as_bytes()].concat())
            .collect()
    }
}
