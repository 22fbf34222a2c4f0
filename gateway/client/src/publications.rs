//! Publishes that are not answered yet. They outlive connections, and keep their order and their ids.
//!
//! While all is well, as many are on their way as the window takes. A publish that has to be sent again goes alone: a gateway may refuse it once more, and
//! whatever was sent behind it would be in the log before it.

use std::collections::VecDeque;

use gateway_protocol::message::{Data, ErrorCode, encode_publish};

use crate::event::Ticket;

/// The publishes of a session that wait for an answer, oldest first.
#[derive(Debug)]
pub(crate) struct Publications {
    queue: VecDeque<Publication>,
    /// Makes the ids of this session's publishes unlike those of any other.
    publisher: u64,
    next: u64,
}

#[derive(Debug)]
struct Publication {
    ticket: Ticket,
    subject: Box<str>,
    data: Data<'static>,
    state: State,
    /// It was sent before, and whether the log has it is unknown.
    again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be sent.
    Ready,
    /// Sent on this connection with this id, in a frame of so many bytes.
    Sent { id: u64, bytes: usize },
    /// The gateway could not take it just now.
    PutOff,
}

/// What an error means for a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is put off.
    PutOff,
    /// It is over.
    Final(Ticket),
}

impl Publications {
    pub(crate) fn new(publisher: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            publisher,
            next: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn add(&mut self, subject: &str, data: Data<'static>) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.queue.push_back(Publication {
            ticket,
            subject: subject.into(),
            data,
            state: State::Ready,
            again: false,
        });
        ticket
    }

    /// The next text frame to send, if order and the window allow one. The id is the request's.
    pub(crate) fn next_frame(&mut self, id: u64, window: usize) -> Option<String> {
        let publisher = self.publisher;
        let next = self.next_to_send(window)?;
        let publish_id = publish_id(publisher, next.ticket);
        let frame = encode_publish(id, &next.subject, &next.data, Some(&publish_id));
        next.state = State::Sent {
            id,
            bytes: frame.len(),
        };
        Some(frame)
    }

    /// The oldest publish that is ready, unless it would have to overtake one that may be sent once more.
    fn next_to_send(&mut self, window: usize) -> Option<&mut Publication> {
        let mut sent = 0;
        for publication in &mut self.queue {
            match publication.state {
                State::PutOff => return None,
                State::Sent { .. } if publication.again => return None,
                State::Sent { .. } => sent += 1,
                State::Ready => {
                    let room = if publication.again { 1 } else { window.max(1) };
                    return (sent < room).then_some(publication);
                }
            }
        }
        None
    }

    /// What the records of this publish are known by.
    pub(crate) fn publish_id(&self, ticket: Ticket) -> String {
        publish_id(self.publisher, ticket)
    }

    /// The log has it.
    pub(crate) fn published(&mut self, id: u64) -> Option<Ticket> {
        let index = self.find(id)?;
        self.queue
            .remove(index)
            .map(|publication| publication.ticket)
    }

    /// The gateway refused it.
    pub(crate) fn refused(&mut self, id: u64, code: ErrorCode) -> Option<Refusal> {
        let index = self.find(id)?;
        if code.is_retryable() {
            self.queue.get_mut(index)?.state = State::PutOff;
            return Some(Refusal::PutOff);
        }
        self.queue
            .remove(index)
            .map(|publication| Refusal::Final(publication.ticket))
    }

    /// Takes out the largest publish that waits for its answer on this connection.
    pub(crate) fn remove_largest_sent(&mut self) -> Option<Ticket> {
        let sizes = self.queue.iter().enumerate();
        let sent = sizes.filter_map(|(index, publication)| match publication.state {
            State::Sent { bytes, .. } => Some((bytes, index)),
            State::Ready | State::PutOff => None,
        });
        let (_, largest) = sent.max()?;
        self.queue
            .remove(largest)
            .map(|publication| publication.ticket)
    }

    /// What was put off may be sent again.
    pub(crate) fn retry(&mut self) {
        self.make_ready(|state| state == State::PutOff);
    }

    /// Nothing that was sent on the lost connection is certain.
    pub(crate) fn disconnected(&mut self) {
        self.make_ready(|state| state != State::Ready);
    }

    fn make_ready(&mut self, which: impl Fn(State) -> bool) {
        for publication in self
            .queue
            .iter_mut()
            .filter(|publication| which(publication.state))
        {
            publication.state = State::Ready;
            publication.again = true;
        }
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.queue.iter().position(
            |publication| matches!(publication.state, State::Sent { id: sent, .. } if sent == id),
        )
    }
}

fn publish_id(publisher: u64, ticket: Ticket) -> String {
    format!("{publisher:016x}-{}", ticket.0)
}
