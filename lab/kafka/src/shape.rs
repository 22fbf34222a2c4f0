//! Records that a gateway must bear although nobody writes them on purpose.

use crate::publisher::Record;

/// A byte that no UTF-8 text has.
const NO_TEXT: u8 = 0xff;

/// What is unusual about the records of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// Nothing: a key, and a value that is text.
    #[default]
    Plain,
    /// They have no key.
    NullKeys,
    /// Their keys are not UTF-8.
    BadKeys,
    /// Their values are not UTF-8.
    BadValues,
    /// They have no value.
    Tombstones,
}

impl Shape {
    pub(crate) fn apply(self, mut record: Record) -> Record {
        match self {
            Self::Plain => {}
            Self::NullKeys => record.key = None,
            Self::BadKeys => record.key.get_or_insert_default().push(NO_TEXT),
            // The stamp in front stays readable, so that the time on the way is still measured.
            Self::BadValues => {
                if let Some(last) = record.payload.as_mut().and_then(|bytes| bytes.last_mut()) {
                    *last = NO_TEXT;
                }
            }
            Self::Tombstones => record.payload = None,
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Stamp;

    #[test]
    fn each_shape_changes_what_it_says_and_nothing_else() {
        let plain = || Record {
            topic: "t".to_owned(),
            key: Some(b"k".to_vec()),
            payload: Some(
                Stamp {
                    intended_us: 1,
                    number: 2,
                }
                .payload(32),
            ),
            ..Record::default()
        };
        let key_and_text = |shape: Shape| {
            let record = shape.apply(plain());
            let is_text = record.payload.map(|bytes| String::from_utf8(bytes).is_ok());
            (record.key, is_text)
        };

        assert_eq!(Shape::Plain.apply(plain()), plain());
        assert_eq!(key_and_text(Shape::NullKeys), (None, Some(true)));
        assert_eq!(
            key_and_text(Shape::BadKeys),
            (Some(vec![b'k', 0xff]), Some(true))
        );
        assert_eq!(
            key_and_text(Shape::BadValues),
            (Some(b"k".to_vec()), Some(false))
        );
        assert_eq!(key_and_text(Shape::Tombstones), (Some(b"k".to_vec()), None));
        let bad = Shape::BadValues.apply(plain()).payload.unwrap();
        assert_eq!(Stamp::read(&bad).map(|stamp| stamp.number), Some(2));
    }
}
