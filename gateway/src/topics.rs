//! The topics that are carried, by name and by number.

use std::sync::Arc;

/// The topics in the order of the configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Topics(Arc<[String]>);

impl Topics {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.into())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    /// The number of a topic; `None` if it is not carried.
    pub(crate) fn number(&self, name: &str) -> Option<u16> {
        let index = self.0.iter().position(|topic| topic == name)?;
        u16::try_from(index).ok()
    }

    pub(crate) fn name(&self, number: u16) -> &str {
        self.0.get(usize::from(number)).map_or("", String::as_str)
    }
}
