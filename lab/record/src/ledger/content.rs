//! Bytes, remembered by a digest.

/// A record's value: none for a tombstone, else the digest of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content(Option<u64>);

impl Content {
    /// The content of a value; none is a tombstone.
    #[must_use]
    pub fn of(value: Option<&[u8]>) -> Self {
        Self(value.map(digest))
    }
}

/// A 64-bit digest that is the same in every process. It guards against accidents, not against forgers.
///
/// Words of eight bytes are folded in by multiply and rotate; the length goes in first, so that zeros at the end count.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |state: u64, word: u64| (state ^ word).wrapping_mul(ODD).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words
        .iter()
        .fold(fold(ODD, bytes.len() as u64), |state, word| {
            fold(state, u64::from_le_bytes(*word))
        });
    let last = rest
        .iter()
        .fold(0, |word, byte| word << 8 | u64::from(*byte));
    let mixed = fold(fold(state, last), ODD);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn one_changed_byte_changes_the_content(bytes in prop::collection::vec(any::<u8>(), 1..200), at: prop::sample::Index, flip in 1_u8..) {
            let mut changed = bytes.clone();
            *at.get_mut(&mut changed) ^= flip;

            prop_assert_ne!(Content::of(Some(&bytes)), Content::of(Some(&changed)));
        }

        #[test]
        fn swapped_words_change_the_content(a: u64, b: u64) {
            prop_assume!(a != b);
            let joined = |first: u64, second: u64| [first.to_le_bytes(), second.to_le_bytes()].concat();

            prop_assert_ne!(digest(&joined(a, b)), digest(&joined(b, a)));
        }
    }

    #[test]
    fn a_tombstone_is_not_an_empty_value_and_zeros_count() {
        assert_ne!(Content::of(None), Content::of(Some(b"")));
        assert_ne!(Content::of(Some(b"\0")), Content::of(Some(b"")));
        assert_ne!(Content::of(Some(&[0; 8])), Content::of(Some(&[0; 16])));
    }
}
