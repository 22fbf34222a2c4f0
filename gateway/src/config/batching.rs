//! How long a listener's updates may wait for company.

use std::time::Duration;

use gateway_engine::Batching;

use super::section::Section;
use super::value::Size;

/// Longer waits are no batching any more; `[[conflation]]` leaves updates out instead.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// `batching.max-delay` and `batching.max-bytes`; either switches it on.
pub(super) fn read(mut section: Section<'_, '_>) -> Option<Batching> {
    let delay = section.take::<Duration>("max-delay");
    let bytes = section.take::<Size>("max-bytes");
    if let Some(delay) = &delay
        && !(Duration::from_millis(1)..=LONGEST_DELAY).contains(delay.get_ref())
    {
        section.complain(
            delay.span(),
            format!("updates cannot wait for {:?}", delay.get_ref()),
            "write \"1ms\" to \"1s\"; without `batching` they leave at once",
        );
    }
    if let Some(bytes) = &bytes
        && bytes.get_ref().0 == 0
    {
        section.complain(
            bytes.span(),
            "no update fits in 0 bytes".to_owned(),
            "write \"16KiB\", for example; without `batching` updates leave at once",
        );
    }
    section.finish();
    let on = delay.is_some() || bytes.is_some();
    on.then(|| Batching {
        max_delay: delay.map_or(Duration::from_millis(10), toml::Spanned::into_inner),
        max_bytes: bytes.map_or(16 << 10, |bytes| bytes.into_inner().0),
    })
}
