//! Many records in one call, with what the wrapper does not tell of them.

use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;

use rdkafka::consumer::Consumer as _;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as rd;

use super::log;
use super::{PUBLISH_ID_HEADER_C, bytes, text, topic_name};
use crate::kafka::consumer::Consumer;

/// Messages taken out of librdkafka in one call.
const BATCH: usize = 512;

/// The consumer's queue: records, ends of partitions and errors of all partitions.
pub(crate) struct FetchQueue {
    queue: NonNull<rd::rd_kafka_queue_t>,
    batch: Vec<*mut rd::rd_kafka_message_t>,
    /// Keeps the client alive for as long as its queue.
    _consumer: Arc<Consumer>,
}

// SAFETY: librdkafka's queues may be used from any thread, and the array holds nothing between two calls.
unsafe impl Send for FetchQueue {}

/// One thing that came out of the queue. Borrows librdkafka's memory.
#[derive(Debug)]
pub(crate) enum Fetched<'a> {
    Record(FetchedRecord<'a>),
    /// Everything up to `offset` was read.
    End {
        topic: &'a str,
        partition: i32,
        offset: i64,
    },
    /// The partition cannot be read, for now or as it is.
    Failed {
        topic: &'a str,
        partition: i32,
        code: RDKafkaErrorCode,
        text: String,
    },
}

/// A record as Kafka has it.
#[derive(Debug)]
pub(crate) struct FetchedRecord<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// -1 if the broker did not say.
    pub(crate) leader_epoch: i32,
    /// Milliseconds since 1970; -1 if there is none.
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) publish_id: Option<&'a [u8]>,
}

impl FetchQueue {
    /// The queue of `consumer`. `None` if it has none, which a consumer with a `group.id` always has.
    pub(crate) fn of(consumer: &Arc<Consumer>) -> Option<Self> {
        log::listen(consumer);
        // SAFETY: the client pointer is valid while `consumer` lives; the returned reference is ours to destroy.
        let queue = unsafe { rd::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Some(Self {
            queue: NonNull::new(queue)?,
            batch: vec![null_mut(); BATCH],
            _consumer: Arc::clone(consumer),
        })
    }

    /// Hands out what is ready, without waiting.
    pub(crate) fn take(&mut self, mut each: impl FnMut(Fetched<'_>)) -> Taken {
        // SAFETY: the queue is valid until `drop`, and the array has room for as many pointers as is said.
        let count = unsafe {
            rd::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                0,
                self.batch.as_mut_ptr(),
                self.batch.len(),
            )
        };
        // librdkafka's log comes through the same queue, ahead of what it warns of, and was heard by now.
        let ids_changed = log::take_ids_changed();
        let count = usize::try_from(count).unwrap_or(0);
        for pointer in self.batch.iter().take(count) {
            if let Some(message) = NonNull::new(*pointer).map(Message)
                && !ids_changed
            {
                each(message.content());
            }
        }
        match count {
            _ if ids_changed => Taken::Disbelieved,
            BATCH => Taken::Full,
            _ => Taken::All,
        }
    }
}

/// What [`FetchQueue::take`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There is nothing more at the moment.
    All,
    /// There may be more.
    Full,
    /// A topic has another id than before, so it was created again; librdkafka reads the new one on where it was in the
    /// old one. Nothing was handed out.
    Disbelieved,
}

impl Drop for FetchQueue {
    fn drop(&mut self) {
        // SAFETY: the reference was given to us by `rd_kafka_queue_get_consumer` and is given back once.
        unsafe { rd::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

/// A message that librdkafka gave us to keep, until dropped.
struct Message(NonNull<rd::rd_kafka_message_t>);

impl Message {
    fn content(&self) -> Fetched<'_> {
        // SAFETY: the pointer came from `rd_kafka_consume_batch_queue` and is destroyed only in `drop`.
        let raw = unsafe { self.0.as_ref() };
        let topic = topic_name(raw.rkt);
        match raw.err {
            rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Fetched::Record(FetchedRecord {
                topic,
                partition: raw.partition,
                offset: raw.offset,
                // SAFETY: the message is valid.
                leader_epoch: unsafe { rd::rd_kafka_message_leader_epoch(raw) },
                // SAFETY: the message is valid, and a null type pointer is allowed.
                timestamp: unsafe { rd::rd_kafka_message_timestamp(raw, null_mut()) },
                key: bytes(raw.key.cast(), raw.key_len),
                value: bytes(raw.payload.cast(), raw.len),
                publish_id: self.publish_id(),
            }),
            rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => Fetched::End {
                topic,
                partition: raw.partition,
                offset: raw.offset,
            },
            code => Fetched::Failed {
                topic,
                partition: raw.partition,
                code: code.into(),
                // SAFETY: the message is valid; the text lives as long as it and is copied at once.
                text: text(unsafe { rd::rd_kafka_message_errstr(raw) }),
            },
        }
    }

    fn publish_id(&self) -> Option<&[u8]> {
        let mut headers = null_mut();
        // SAFETY: the message is valid; the headers stay its property.
        let found = unsafe { rd::rd_kafka_message_headers(self.0.as_ptr(), &mut headers) };
        if found != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let (mut value, mut size) = (null(), 0);
        // SAFETY: headers and name are valid; value and size are written if the header is there.
        let found = unsafe {
            rd::rd_kafka_header_get_last(
                headers,
                PUBLISH_ID_HEADER_C.as_ptr(),
                &mut value,
                &mut size,
            )
        };
        if found != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        bytes(value.cast(), size)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is ours, and nothing borrowed from it outlives it.
        unsafe { rd::rd_kafka_message_destroy(self.0.as_ptr()) };
    }
}
