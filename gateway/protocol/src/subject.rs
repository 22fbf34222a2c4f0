//! `/topic/key`, and who asked for it.
//!
//! A subject names records by Kafka's own terms, without a mapping file: `/telemetry/dev-1` is every record with the
//! key `dev-1` in the topic `telemetry`, in both directions. The key is everything after the second slash, slashes
//! included; `/telemetry/` is the empty key. `/telemetry/*` is the whole topic, records without a key included.
//!
//! # Percent-encoding
//! A key may hold any bytes. `%XX` (upper case) stands for a byte that text cannot carry safely, and for nothing else:
//! the percent sign, the bytes of control characters, bytes that are not UTF-8, and the star of a key that is exactly
//! `*`. So every subject has **one spelling**, and a device may compare subjects as text. A spelling that encodes more
//! (`/t/%61`, `%2a`) is refused and the error gives the right one.

use std::fmt;
use std::str::FromStr;

/// What a device subscribes or publishes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The Kafka topic.
    pub topic: String,
    /// Which of its records.
    pub key: Key,
}

/// Which records of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// Those with exactly these key bytes. Records without a key are in no exact subject, not even in the empty one.
    Exact(Vec<u8>),
    /// All of them, also those without a key: written `*`.
    Every,
}

impl Subject {
    /// The subject of one key.
    #[must_use]
    pub fn exact(topic: impl Into<String>, key: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.into(),
            key: Key::Exact(key.into()),
        }
    }

    /// The subject of a whole topic.
    #[must_use]
    pub fn every(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            key: Key::Every,
        }
    }

    /// Reads `/topic/key`.
    ///
    /// # Errors
    /// What is wrong with the text, and how to write it.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let Some((topic, key)) = text.strip_prefix('/').and_then(|rest| rest.split_once('/'))
        else {
            return Err(SubjectError::Shape {
                text: shorten(text),
            });
        };
        check_topic(topic)?;
        if key == "*" {
            return Ok(Self::every(topic));
        }
        let bytes = percent_decode(key)?;
        if EncodedKey(&bytes).to_string() != key {
            let canonical = format!("/{topic}/{}", EncodedKey(&bytes));
            return Err(SubjectError::Spelling {
                text: shorten(text),
                canonical: shorten(&canonical),
            });
        }
        Ok(Self::exact(topic, bytes))
    }

    /// Whether this is a whole topic, `/topic/*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.key == Key::Every
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        Self::parse(text)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Key::Exact(key) => write!(f, "/{}/{}", self.topic, EncodedKey(key)),
            Key::Every => write!(f, "/{}/*", self.topic),
        }
    }
}

/// A record's key as it is spelled in a subject: `/topic/` followed by it is the record's exact subject.
#[derive(Debug, Clone, Copy)]
pub struct EncodedKey<'a>(pub &'a [u8]);

impl fmt::Display for EncodedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == b"*" {
            return f.write_str("%2A");
        }
        for chunk in self.0.utf8_chunks() {
            write_text(f, chunk.valid())?;
            write_encoded(f, chunk.invalid())?;
        }
        Ok(())
    }
}

/// Writes runs of plain characters in one piece; most keys are one run.
fn write_text(f: &mut fmt::Formatter<'_>, mut text: &str) -> fmt::Result {
    while let Some((at, special)) = text
        .char_indices()
        .find(|(_, character)| needs_encoding(*character))
    {
        let after = at + special.len_utf8();
        f.write_str(&text[..at])?;
        write_encoded(f, &text.as_bytes()[at..after])?;
        text = &text[after..];
    }
    f.write_str(text)
}

fn needs_encoding(character: char) -> bool {
    character == '%' || character.is_control()
}

fn write_encoded(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "%{byte:02X}"))
}

fn percent_decode(key: &str) -> Result<Vec<u8>, SubjectError> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let decoded = tail
            .get(..2)
            .and_then(|digits| Some(hex_digit(digits[0])? << 4 | hex_digit(digits[1])?));
        let Some(decoded) = decoded else {
            return Err(SubjectError::Escape {
                text: shorten(key),
                at: key.len() - rest.len(),
            });
        };
        bytes.push(decoded);
        rest = &tail[2..];
    }
    Ok(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Kafka's own rule for topic names (`org.apache.kafka.common.internals.Topic`).
fn check_topic(topic: &str) -> Result<(), SubjectError> {
    const MAX_LEN: usize = 249;

    let legal_character =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let legal = (1..=MAX_LEN).contains(&topic.len())
        && topic != "."
        && topic != ".."
        && topic.bytes().all(legal_character);
    if legal {
        Ok(())
    } else {
        Err(SubjectError::Topic {
            topic: shorten(topic),
        })
    }
}

/// Errors repeat what a stranger wrote, but not without end.
fn shorten(text: &str) -> String {
    const MAX_CHARACTERS: usize = 120;

    let mut short = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == MAX_CHARACTERS {
            short.push('…');
            break;
        }
        if character.is_control() {
            short.extend(character.escape_default());
        } else {
            short.push(character);
        }
    }
    short
}

/// Why a text is no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// There are no two slashes.
    #[error("`{text}` is no subject: write /topic/key, or /topic/* for the whole topic")]
    Shape {
        /// The text, shortened.
        text: String,
    },
    /// Kafka allows no topic of this name.
    #[error("`{topic}` is no topic name: use 1 to 249 letters, digits, `.`, `_` and `-`")]
    Topic {
        /// The topic, shortened.
        topic: String,
    },
    /// A percent sign without two hexadecimal digits.
    #[error(
        "the key `{text}` has a `%` at byte {at} without two hexadecimal digits: write a percent sign as %25"
    )]
    Escape {
        /// The key, shortened.
        text: String,
        /// The offset of the percent sign in the key, in bytes.
        at: usize,
    },
    /// A subject has one spelling, and this is another.
    #[error("`{text}` has to be spelled `{canonical}`")]
    Spelling {
        /// The text, shortened.
        text: String,
        /// The right spelling, shortened.
        canonical: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        Subject::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn key_is_everything_after_the_second_slash() {
        assert_eq!(
            Subject::parse("/telemetry/dev-1"),
            Ok(Subject::exact("telemetry", "dev-1"))
        );
        assert_eq!(
            Subject::parse("/telemetry/a/b//c/"),
            Ok(Subject::exact("telemetry", "a/b//c/"))
        );
        assert_eq!(
            Subject::parse("/telemetry/"),
            Ok(Subject::exact("telemetry", ""))
        );
        assert_eq!(
            Subject::parse("/t/ä ö?&#\"\\'"),
            Ok(Subject::exact("t", "ä ö?&#\"\\'"))
        );
    }

    #[test]
    fn lone_star_is_the_whole_topic() {
        assert_eq!(
            Subject::parse("/telemetry/*"),
            Ok(Subject::every("telemetry"))
        );
        assert_eq!(
            Subject::parse("/telemetry/**"),
            Ok(Subject::exact("telemetry", "**"))
        );
        assert_eq!(
            Subject::parse("/telemetry/*/a"),
            Ok(Subject::exact("telemetry", "*/a"))
        );
        assert_eq!(
            Subject::parse("/telemetry/%2A"),
            Ok(Subject::exact("telemetry", "*"))
        );
    }

    #[test]
    fn only_what_text_cannot_carry_is_encoded() {
        let spelled = |key: &[u8]| Subject::exact("t", key).to_string();

        assert_eq!(spelled(b"100%"), "/t/100%25");
        assert_eq!(spelled(b"a\0b\n\x1f\x7f"), "/t/a%00b%0A%1F%7F");
        assert_eq!(spelled("\u{85}".as_bytes()), "/t/%C2%85");
        assert_eq!(spelled(b"\xff\xc3"), "/t/%FF%C3");
        assert_eq!(spelled("é\u{2028}😀".as_bytes()), "/t/é\u{2028}😀");
        assert_eq!(spelled(b"*"), "/t/%2A");
        assert_eq!(spelled(b"a*"), "/t/a*");
        assert_eq!(Subject::every("t").to_string(), "/t/*");
    }

    #[test]
    fn other_spellings_are_answered_with_the_right_one() {
        assert_eq!(error("/t/%61"), "`/t/%61` has to be spelled `/t/a`");
        assert_eq!(error("/t/a%2fb"), "`/t/a%2fb` has to be spelled `/t/a/b`");
        assert_eq!(error("/t/%2a"), "`/t/%2a` has to be spelled `/t/%2A`");
        assert_eq!(error("/t/a\n"), "`/t/a\\n` has to be spelled `/t/a%0A`");
        assert_eq!(error("/t/%C3%A9"), "`/t/%C3%A9` has to be spelled `/t/é`");
    }

    #[test]
    fn broken_escapes_are_pointed_at() {
        let broken = [
            ("100%", "100%", 3),
            ("a%2", "a%2", 1),
            ("%zz", "%zz", 0),
            ("%+1", "%+1", 0),
            ("ä%é", "ä%é", 2),
        ];
        for (key, text, at) in broken {
            let expected = SubjectError::Escape {
                text: text.to_owned(),
                at,
            };
            assert_eq!(Subject::parse(&format!("/t/{key}")), Err(expected));
        }
    }

    #[test]
    fn text_without_topic_and_key_is_no_subject() {
        for text in ["", "/", "telemetry", "telemetry/a", "/telemetry"] {
            let expected = format!(
                "`{text}` is no subject: write /topic/key, or /topic/* for the whole topic"
            );
            assert_eq!(error(text), expected);
        }
    }

    #[test]
    fn topics_are_those_that_kafka_allows() {
        let long = "t".repeat(250);
        for topic in ["", ".", "..", "a b", "*", "ä", "a%20", &long] {
            let refused = Subject::parse(&format!("/{topic}/k"));
            assert!(
                matches!(refused, Err(SubjectError::Topic { .. })),
                "{topic:?}: {refused:?}"
            );
        }
        for topic in ["a", "a.b_c-D9", "...", "__consumer_offsets", &long[1..]] {
            assert_eq!(
                Subject::parse(&format!("/{topic}/k")),
                Ok(Subject::exact(topic, "k"))
            );
        }
    }

    #[test]
    fn errors_repeat_no_more_than_a_line() {
        assert!(error(&"x".repeat(1_000_000)).len() < 300);
        assert!(error(&format!("/t/%61{}", "\0".repeat(1_000_000))).len() < 3000);
    }

    proptest! {
        #[test]
        fn every_key_reads_back_as_written(key in prop::collection::vec(any::<u8>(), 0..40)) {
            let subject = Subject::exact("telemetry", key);
            let text = subject.to_string();

            prop_assert_eq!(Subject::parse(&text), Ok(subject));
            prop_assert!(!text.chars().any(char::is_control));
        }

        #[test]
        fn every_text_key_reads_back_as_written(key in "\\PC{0,20}|[*%/]{0,4}") {
            let subject = Subject::exact("telemetry", key.as_bytes());

            prop_assert_eq!(Subject::parse(&subject.to_string()), Ok(subject));
        }

        /// So devices may compare subjects as text.
        #[test]
        fn every_subject_has_one_spelling(text in "/t/.{0,12}|/t/[%0-9A-Fa-f*]{0,8}|.{0,12}") {
            if let Ok(subject) = Subject::parse(&text) {
                prop_assert_eq!(subject.to_string(), text);
            }
        }
    }
}
