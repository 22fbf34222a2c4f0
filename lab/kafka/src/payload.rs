//! What the lab's own records carry: when they were due, and their number.
//!
//! `1795353600123456 42 ........` - microseconds since the Unix epoch, a number that is unique per load, and padding. It is text, so
//! that a device gets it unescaped in `"data"`, and it is short to read on the fleet's hot path.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a record was due and which one it is.
///
/// Latency counts from the intended time, so that a late sender makes latencies longer instead of hiding them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When the record was due, in microseconds since the Unix epoch.
    pub intended_us: u64,
    /// Its number within the load that made it.
    pub number: u64,
}

impl Stamp {
    /// The most bytes a stamp takes without padding: two `u64` and a space.
    pub const MAX_BYTES: usize = 41;

    /// The payload, padded to `bytes` (it is longer if the stamp itself is).
    #[must_use]
    pub fn payload(self, bytes: usize) -> Vec<u8> {
        let mut payload = format!("{} {}", self.intended_us, self.number).into_bytes();
        if payload.len() < bytes {
            payload.push(b' ');
            // The letter changes with the number, so that two payloads swapped by a fault differ in most of their bytes.
            let letter = b'a' + (self.number % 26) as u8;
            payload.resize(bytes, letter);
        }
        payload
    }

    /// The stamp in `payload`, if the lab made it.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let head = &payload[..payload.len().min(Self::MAX_BYTES + 1)];
        let mut words = head.split(|&byte| byte == b' ');
        let intended_us = number(words.next()?)?;
        let number = number(words.next()?)?;
        Some(Self {
            intended_us,
            number,
        })
    }
}

/// Now, in the unit of [`Stamp::intended_us`].
#[must_use]
pub fn now_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stamp_is_read_back_from_any_size_of_payload(intended_us: u64, number: u64, bytes in 0usize..300) {
            let stamp = Stamp { intended_us, number };

            let payload = stamp.payload(bytes);

            prop_assert!(payload.len() >= bytes);
            prop_assert_eq!(Stamp::read(&payload), Some(stamp));
        }

        #[test]
        fn foreign_bytes_never_panic(payload: Vec<u8>) {
            let _ = Stamp::read(&payload);
        }
    }

    #[test]
    fn a_foreign_payload_has_no_stamp() {
        assert_eq!(Stamp::read(b"{\"temperature\":21}"), None);
        assert_eq!(Stamp::read(b""), None);
    }
}
