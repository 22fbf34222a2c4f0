//! What librdkafka tells in its log only.
//!
//! If a topic's id changes, the topic was deleted and created again. librdkafka goes on at the old offset of the new topic
//! and mentions it in a debug line (`rd_kafka_topic_metadata_update`, which has a `FIXME` there). Log lines come through
//! the consumer's queue and are heard on the thread that reads from it, ahead of every record of the new topic.

use std::cell::Cell;
use std::ffi::{c_char, c_int};

use rdkafka::consumer::Consumer as _;
use rdkafka_sys as rd;
use tracing::{debug, error, info, warn};

use super::text;
use crate::kafka::consumer::Consumer;

/// The debug contexts that the line belongs to.
pub(crate) const CONTEXTS: &str = "topic,metadata";
/// What the line says.
const ID_CHANGED: &str = " changed id from ";

thread_local! {
    static IDS_CHANGED: Cell<bool> = const { Cell::new(false) };
}

/// Listens to the log of a consumer from now on.
pub(super) fn listen(consumer: &Consumer) {
    // SAFETY: the client is valid, and the function lives for ever.
    unsafe { rd::rd_kafka_set_logger(consumer.client().native_ptr(), Some(hear)) };
}

/// Whether a topic's id changed since this was asked last, as far as this thread has heard.
pub(super) fn take_ids_changed() -> bool {
    IDS_CHANGED.take()
}

unsafe extern "C" fn hear(
    _client: *const rd::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    let (facility, line) = (text(facility), text(line));
    if facility == "METADATA" && line.contains(ID_CHANGED) {
        IDS_CHANGED.set(true);
    }
    // The levels of syslog(3).
    match level {
        0..=2 => error!(target: "librdkafka", facility, "{line}"),
        // Lost connections come as errors, again and again; /ready and the metrics tell them better.
        3 | 4 => warn!(target: "librdkafka", facility, "{line}"),
        5 | 6 => info!(target: "librdkafka", facility, "{line}"),
        _ => debug!(target: "librdkafka", facility, "{line}"),
    }
}
