//! Topics, as the brokers describe them.

use std::ffi::{CString, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka_sys as rd;

use super::text;
use crate::kafka::consumer::Consumer;

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
