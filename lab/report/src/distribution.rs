//! Distributions out of a record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::Deserializer;

/// A distribution out of a record; none when it cannot be read.
pub(crate) fn decoded(hdr: &str) -> Option<Hdr<u64>> {
    let bytes = STANDARD.decode(hdr).ok()?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
}
