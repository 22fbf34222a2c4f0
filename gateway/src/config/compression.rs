//! Whether a listener agrees to permessage-deflate, and what is worth compressing.

use toml::Spanned;

use super::section::Section;
use super::value::Size;

/// The level that is taken if none is named. `benches/compression.rs` on telemetry of 780 and 3,132 bytes: level 1 leaves
/// 46 and 27 %, level 2 38 and 21 %, level 6 38 and 19 % in up to twice the time; below 256 bytes level 1 saves next to nothing.
const LEVEL: usize = 2;

/// How a listener compresses what it sends to devices that offered permessage-deflate (RFC 7692).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compression {
    /// From 1 (fast) to 9 (small).
    pub(crate) level: u32,
    /// Shorter messages are sent as they are, in bytes.
    pub(crate) min_bytes: usize,
}

/// `compression.level` and `compression.min-bytes`; either switches it on.
pub(super) fn read(mut section: Section<'_, '_>) -> Option<Compression> {
    let level = section.take::<usize>("level");
    let min_bytes = section.take::<Size>("min-bytes");
    if let Some(level) = &level
        && !(1..=9).contains(level.get_ref())
    {
        section.complain(
            level.span(),
            format!("there is no compression level {}", level.get_ref()),
            "write 1 (fast) to 9 (small); without `compression` nothing is compressed",
        );
    }
    section.finish();
    let on = level.is_some() || min_bytes.is_some();
    let level = level.map_or(LEVEL, Spanned::into_inner);
    on.then(|| Compression {
        level: u32::try_from(level).unwrap_or(9),
        min_bytes: min_bytes.map_or(256, |bytes| bytes.into_inner().0),
    })
}
