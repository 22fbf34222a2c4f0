//! Where a key lands, by the rule of Java's clients.

/// The partition of a key: murmur2, its sign bit cleared, modulo the number of partitions
/// (`org.apache.kafka.clients.producer.internals.BuiltInPartitioner`). `None` if there are no partitions.
pub(crate) fn partition_of(key: &[u8], partitions: usize) -> Option<i32> {
    let positive = (murmur2(key) & 0x7fff_ffff) as usize;
    i32::try_from(positive.checked_rem(partitions)?).ok()
}

/// Austin Appleby's `MurmurHash2` with Kafka's seed (`org.apache.kafka.common.utils.Utils`).
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0, |tail: u32, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn hashes_are_those_of_kafka() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()) as i32, hash, "{text}");
        }
    }

    #[test]
    fn a_topic_without_partitions_has_no_place() {
        assert_eq!(partition_of(b"a", 0), None);
        assert_eq!(partition_of(b"", 1), Some(0));
    }
}
