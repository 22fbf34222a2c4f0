//! Subjects as devices write them, taken apart without the gateway's help.

/// The records that a subject names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// Those of a topic with this key.
    Key(String, Vec<u8>),
    /// All of a topic.
    Topic(String),
}

/// `/topic/key` with `%XX` for bytes that text does not carry; `/topic/*` is the whole topic. None for any other text.
pub(super) fn read(subject: &str) -> Option<Wanted> {
    let (topic, key) = subject.strip_prefix('/')?.split_once('/')?;
    if key == "*" {
        return Some(Wanted::Topic(topic.to_owned()));
    }
    Some(Wanted::Key(topic.to_owned(), decoded(key)?))
}

/// The bytes of a key.
pub(super) fn decoded(key: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? << 4 | digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_as_the_contract_has_them() {
        let key = |topic: &str, key: &[u8]| Some(Wanted::Key(topic.to_owned(), key.to_owned()));

        assert_eq!(read("/t/dev-1"), key("t", b"dev-1"));
        assert_eq!(read("/t/a/b"), key("t", b"a/b"));
        assert_eq!(read("/t/"), key("t", b""));
        assert_eq!(read("/t/%2A"), key("t", b"*"));
        assert_eq!(read("/t/100%25%FF"), key("t", b"100%\xff"));
        assert_eq!(read("/t/*"), Some(Wanted::Topic("t".to_owned())));
        assert_eq!([read("t/a"), read("/t"), read("/t/%4")], [None, None, None]);
    }
}
