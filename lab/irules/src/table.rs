//! `table`: the session table that all TMMs share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::value::Value;

/// Entries that one table may hold.
const ENTRY_LIMIT: usize = 1_000_000;
/// The appliance's default idle timeout of an entry.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(180);

/// A handle; clones share the entries.
#[derive(Debug, Clone, Default)]
pub struct Table(Arc<Mutex<Entries>>);

/// Subtable (empty for none) and key.
type Key = (Value, Value);

#[derive(Debug, Default)]
struct Entries {
    entries: BTreeMap<Key, Entry>,
}

/// One entry with its two clocks.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    timeout: Option<Duration>,
    idle_until: Option<Duration>,
    dead_at: Option<Duration>,
}

impl Entry {
    /// `None` means indefinite.
    pub(crate) fn new(
        value: Value,
        timeout: Option<Duration>,
        lifetime: Option<Duration>,
        now: Duration,
    ) -> Self {
        Self {
            value,
            timeout,
            idle_until: timeout.map(|timeout| now + timeout),
            dead_at: lifetime.map(|lifetime| now + lifetime),
        }
    }

    pub(crate) fn default_timeout() -> Option<Duration> {
        Some(DEFAULT_TIMEOUT)
    }

    fn alive(&self, now: Duration) -> bool {
        [self.idle_until, self.dead_at]
            .iter()
            .flatten()
            .all(|end| *end > now)
    }
}

impl Table {
    fn with<T>(&self, now: Duration, work: impl FnOnce(&mut BTreeMap<Key, Entry>) -> T) -> T {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.entries.len() >= ENTRY_LIMIT {
            entries.entries.retain(|_, entry| entry.alive(now));
        }
        work(&mut entries.entries)
    }

    /// The value of a living entry; `touch` pushes its idle timeout.
    pub(crate) fn lookup(&self, key: &Key, touch: bool, now: Duration) -> Option<Value> {
        self.with(now, |entries| {
            let entry = entries.get_mut(key).filter(|entry| entry.alive(now))?;
            if touch {
                entry.idle_until = entry.timeout.map(|timeout| now + timeout);
            }
            Some(entry.value.clone())
        })
    }

    /// Stores; false when the table is full.
    pub(crate) fn set(&self, key: Key, entry: Entry, now: Duration) -> bool {
        self.with(now, |entries| {
            if entries.len() >= ENTRY_LIMIT && !entries.contains_key(&key) {
                return false;
            }
            entries.insert(key, entry);
            true
        })
    }

    /// Changes the value and keeps the clocks running; `None` when there is no such entry.
    pub(crate) fn update(
        &self,
        key: &Key,
        now: Duration,
        change: impl FnOnce(&Value) -> Option<Value>,
    ) -> Option<Value> {
        self.with(now, |entries| {
            let entry = entries.get_mut(key).filter(|entry| entry.alive(now))?;
            entry.value = change(&entry.value)?;
            entry.idle_until = entry.timeout.map(|timeout| now + timeout);
            Some(entry.value.clone())
        })
    }

    pub(crate) fn delete(&self, key: &Key, now: Duration) {
        self.with(now, |entries| entries.remove(key));
    }

    pub(crate) fn delete_all(&self, subtable: &Value, now: Duration) {
        self.with(now, |entries| entries.retain(|(of, _), _| of != subtable));
    }

    /// The living keys of a subtable.
    pub(crate) fn keys(&self, subtable: &Value, now: Duration) -> Vec<Value> {
        self.with(now, |entries| {
            let of = entries
                .iter()
                .filter(|((of, _), entry)| of == subtable && entry.alive(now));
            of.map(|((_, key), _)| key.clone()).collect()
        })
    }
}
