//! Texts and data that many messages have in common, held once.

use std::collections::HashSet;
use std::sync::Arc;

/// Texts remembered; further ones are copied each time.
const MOST_WORDS: usize = 1 << 20;

/// What is held once.
#[derive(Debug, Default)]
pub(super) struct Words {
    known: HashSet<Arc<str>>,
    /// One record goes to many devices, one after the other.
    last: Option<Arc<[u8]>>,
}

impl Words {
    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let word: Arc<str> = text.into();
        if self.known.len() < MOST_WORDS {
            self.known.insert(Arc::clone(&word));
        }
        word
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Arc<[u8]> {
        match &self.last {
            Some(last) if **last == *bytes => Arc::clone(last),
            _ => Arc::clone(self.last.insert(bytes.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_and_repeated_data_are_held_once() {
        let mut words = Words::default();

        assert!(Arc::ptr_eq(&words.get("/t/a"), &words.get("/t/a")));
        assert!(Arc::ptr_eq(&words.bytes(b"21"), &words.bytes(b"21")));
        assert_eq!(*words.bytes(b"22"), *b"22");
    }
}
