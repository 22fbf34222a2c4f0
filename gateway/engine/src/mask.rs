//! The mask of client frames (RFC 6455 section 5.3).

/// Applies `mask` to `payload`, whose first byte is byte number `offset` of its frame. Applied twice
/// it gives the payload back.
pub(crate) fn apply(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut rotated = mask;
    rotated.rotate_left(offset % 4);
    let word = u64::from(u32::from_ne_bytes(rotated));
    let word = word << 32 | word;

    let mut words = payload.chunks_exact_mut(8);
    for chunk in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ word).to_ne_bytes());
    }
    // Whole words are a multiple of four: the rest begins where the rotated mask begins.
    for (byte, mask) in words
        .into_remainder()
        .iter_mut()
        .zip(rotated.iter().cycle())
    {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_payload_masked_in_pieces_equals_one_masked_byte_by_byte(
            payload in proptest::collection::vec(any::<u8>(), 0..100),
            mask: [u8; 4],
            cut in 0usize..100,
        ) {
            let expected: Vec<u8> =
                payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();

            let cut = cut.min(payload.len());
            let mut pieces = payload.clone();
            apply(&mut pieces[..cut], mask, 0);
            apply(&mut pieces[cut..], mask, cut);

            prop_assert_eq!(pieces, expected);
        }
    }
}
