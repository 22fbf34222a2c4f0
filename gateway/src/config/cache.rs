//! How much of the log the gateway remembers.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::section::Section;
use super::value::Size;

/// Bounds of the memory that devices resume from.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// Messages kept per subject and partition.
    pub(crate) messages: usize,
    /// Messages kept per partition for those who subscribed to a whole topic.
    pub(crate) topic_messages: usize,
    /// Older messages are forgotten; also how long a `publish_id` is remembered.
    pub(crate) max_age: Duration,
    /// Bodies of all messages together, in bytes.
    pub(crate) max_bytes: usize,
    /// Last values of all subjects together, in bytes.
    pub(crate) last_value_bytes: usize,
}

impl Cache {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let one = NonZeroUsize::MIN;
        let messages = section.or("messages", one.saturating_add(999));
        let topic_messages = section.or("topic-messages", one.saturating_add(99_999));
        let cache = Self {
            messages: messages.get(),
            topic_messages: topic_messages.get(),
            max_age: section.or("max-age", Duration::from_secs(180)),
            max_bytes: section.or("max-bytes", Size(256 << 20)).0,
            last_value_bytes: section.or("last-value-bytes", Size(64 << 20)).0,
        };
        section.finish();
        cache
    }
}
