//! What librdkafka offers and its wrapper does not: a record's leader epoch, a topic's id, many records in one call,
//! and headers whose names are no UTF-8 (the wrapper panics on those).
#![expect(
    unsafe_code,
    reason = "librdkafka is a C library, and these of its functions have no safe wrapper"
)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as rd;

use super::consumer::Consumer;

/// The header that carries a device's `publish_id`.
pub(crate) const PUBLISH_ID_HEADER: &str = "tidegate-publish-id";
const PUBLISH_ID_HEADER_C: &CStr = c"tidegate-publish-id";

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
        // SAFETY: the client pointer is valid while `consumer` lives; the returned reference is ours to destroy.
        let queue = unsafe { rd::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Some(Self {
            queue: NonNull::new(queue)?,
            batch: vec![null_mut(); BATCH],
            _consumer: Arc::clone(consumer),
        })
    }

    /// Hands out what is ready, without waiting; answers how much there was. A full batch means that there may be more.
    /// If `disbelieved` says so once the batch is here, all of it is thrown away.
    pub(crate) fn take(
        &mut self,
        disbelieved: impl FnOnce() -> bool,
        mut each: impl FnMut(Fetched<'_>),
    ) -> usize {
        // SAFETY: the queue is valid until `drop`, and the array has room for as many pointers as is said.
        let count = unsafe {
            rd::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                0,
                self.batch.as_mut_ptr(),
                self.batch.len(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        let disbelieved = disbelieved();
        for pointer in self.batch.iter().take(count) {
            if let Some(message) = NonNull::new(*pointer).map(Message)
                && !disbelieved
            {
                each(message.content());
            }
        }
        count
    }

    /// How many messages [`take`](Self::take) hands out at most.
    pub(crate) const FULL: usize = BATCH;
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

/// Whether a record that was not acknowledged may be in the log nevertheless.
pub(crate) fn may_be_stored(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the message is valid while it is borrowed.
    let status = unsafe { rd::rd_kafka_message_status(message.ptr()) };
    status != rd::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

/// A topic as the brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicId {
    pub(crate) topic: String,
    /// Differs for every topic that ever had this name; or why it is not known.
    pub(crate) id: Result<String, String>,
}

/// Asks the brokers for the ids of topics, waiting for at most `timeout`.
///
/// # Errors
/// The brokers did not answer, or are too old to know.
pub(crate) fn topic_ids(
    consumer: &Consumer,
    topics: &[String],
    timeout: Duration,
) -> Result<Vec<TopicId>, String> {
    let names: Vec<CString> = topics
        .iter()
        .map(|topic| CString::new(topic.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|_| "a topic's name holds a NUL byte".to_owned())?;
    let milliseconds = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    let question = Question::new(consumer, &names, milliseconds)?;
    let answer = question
        .ask(consumer, milliseconds)
        .ok_or("the brokers did not answer")?;
    answer.topics()
}

/// What is asked, and where the answer goes.
struct Question<'a> {
    topics: NonNull<rd::rd_kafka_TopicCollection_t>,
    options: NonNull<rd::rd_kafka_AdminOptions_t>,
    queue: NonNull<rd::rd_kafka_queue_t>,
    _client: PhantomData<&'a Consumer>,
}

impl<'a> Question<'a> {
    fn new(consumer: &'a Consumer, names: &[CString], milliseconds: c_int) -> Result<Self, String> {
        let client = consumer.client().native_ptr();
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the names are valid C strings and are copied; client and operation are valid.
        let (topics, options, queue) = unsafe {
            (
                rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
                rd::rd_kafka_AdminOptions_new(
                    client,
                    rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
                ),
                rd::rd_kafka_queue_new(client),
            )
        };
        let (Some(topics), Some(options), Some(queue)) = (
            NonNull::new(topics),
            NonNull::new(options),
            NonNull::new(queue),
        ) else {
            return Err("librdkafka has no memory left".to_owned());
        };
        // SAFETY: the options are valid; without a buffer librdkafka writes no text.
        unsafe {
            rd::rd_kafka_AdminOptions_set_request_timeout(
                options.as_ptr(),
                milliseconds,
                null_mut(),
                0,
            )
        };
        Ok(Self {
            topics,
            options,
            queue,
            _client: PhantomData,
        })
    }

    fn ask(&self, consumer: &Consumer, milliseconds: c_int) -> Option<Answer> {
        // SAFETY: all four are valid and outlive the call; the answer goes to our own queue.
        unsafe {
            rd::rd_kafka_DescribeTopics(
                consumer.client().native_ptr(),
                self.topics.as_ptr(),
                self.options.as_ptr(),
                self.queue.as_ptr(),
            );
        }
        // SAFETY: the queue is valid; the event is ours to destroy.
        let event = unsafe {
            rd::rd_kafka_queue_poll(self.queue.as_ptr(), milliseconds.saturating_add(500))
        };
        NonNull::new(event).map(Answer)
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        // SAFETY: all three were made in `new` and are destroyed once.
        unsafe {
            rd::rd_kafka_queue_destroy(self.queue.as_ptr());
            rd::rd_kafka_AdminOptions_destroy(self.options.as_ptr());
            rd::rd_kafka_TopicCollection_destroy(self.topics.as_ptr());
        }
    }
}

struct Answer(NonNull<rd::rd_kafka_event_t>);

impl Answer {
    fn topics(&self) -> Result<Vec<TopicId>, String> {
        // SAFETY: the event is valid until `drop`; its text is copied at once.
        let (failed, why) = unsafe {
            (
                rd::rd_kafka_event_error(self.0.as_ptr()),
                rd::rd_kafka_event_error_string(self.0.as_ptr()),
            )
        };
        if failed != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(text(why));
        }
        // SAFETY: the event is valid; a null result means that it is another kind of event.
        let result = unsafe { rd::rd_kafka_event_DescribeTopics_result(self.0.as_ptr()) };
        if result.is_null() {
            return Err("the brokers answered something else".to_owned());
        }
        let mut count = 0;
        // SAFETY: the result is valid, and so is the array it owns, for `count` elements.
        let topics = unsafe {
            let first = rd::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            if first.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(first, count)
            }
        };
        Ok(topics.iter().map(|topic| describe(*topic)).collect())
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the event is ours; everything borrowed from it was copied.
        unsafe { rd::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

fn describe(topic: *const rd::rd_kafka_TopicDescription_t) -> TopicId {
    // SAFETY: the description belongs to an event that outlives this call; texts are copied at once.
    unsafe {
        let name = text(rd::rd_kafka_TopicDescription_name(topic));
        let error = rd::rd_kafka_TopicDescription_error(topic);
        if !error.is_null()
            && rd::rd_kafka_error_code(error) != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return TopicId {
                topic: name,
                id: Err(text(rd::rd_kafka_error_string(error))),
            };
        }
        let uuid = rd::rd_kafka_TopicDescription_topic_id(topic);
        let known = !uuid.is_null()
            && (rd::rd_kafka_Uuid_most_significant_bits(uuid) != 0
                || rd::rd_kafka_Uuid_least_significant_bits(uuid) != 0);
        let id = if known {
            Ok(text(rd::rd_kafka_Uuid_base64str(uuid)))
        } else {
            Err("the brokers know no topic ids".to_owned())
        };
        TopicId { topic: name, id }
    }
}

fn topic_name<'a>(topic: *const rd::rd_kafka_topic_t) -> &'a str {
    if topic.is_null() {
        return "";
    }
    // SAFETY: the topic belongs to a message that outlives the answer (callers tie it to theirs), and its name never moves.
    let name = unsafe { CStr::from_ptr(rd::rd_kafka_topic_name(topic)) };
    name.to_str().unwrap_or("")
}

fn bytes<'a>(pointer: *const u8, length: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: librdkafka owns `length` bytes there for as long as the message lives; callers tie the answer to it.
    Some(unsafe { std::slice::from_raw_parts(pointer, length) })
}

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: librdkafka's texts are valid C strings.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}
