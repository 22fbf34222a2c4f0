//! How connections end: by a close handshake, by a breach of the protocol, by the stream's own end.

use bytes::Bytes;
use rustix::io::Errno;

use super::Net;
use crate::close_code;
use crate::connection::{ConnId, Ending, Flags, Phase};
use crate::ending::{Closed, Failure};
use crate::frame::FrameError;
use crate::queue::Kind;

impl<S> Net<S> {
    /// Begins the close handshake, behind what is already queued. Messages that still arrive are
    /// discarded. `reason` is cut to the 123 bytes a Close frame has room for; a code that must not
    /// be sent (RFC 6455 section 7.4) becomes 1011. A connection not yet open just ends.
    pub fn close(&mut self, conn: ConnId, code: u16, reason: &str) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        match connection.phase {
            Phase::Handshake => self.doom(conn, Ending::Failed(Failure::Aborted)),
            Phase::Open => {
                let code = if close_code::may_be_sent(code) {
                    code
                } else {
                    1011
                };
                self.say_close(conn, Some(code), reason);
                self.leave(
                    conn,
                    Phase::Closing,
                    Ending::Closed(Closed::Unanswered { code }),
                );
            }
            Phase::Closing | Phase::Lingering | Phase::Doomed => {}
        }
    }

    /// Ends the connection at once, with a reset. What is queued is lost.
    pub fn abort(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let ending = match connection.phase {
            Phase::Handshake => Ending::Failed(Failure::Aborted),
            Phase::Open | Phase::Closing | Phase::Lingering => Ending::Closed(Closed::Aborted),
            Phase::Doomed => return,
        };
        self.doom(conn, ending);
    }

    /// The peer sent a Close frame.
    pub(crate) fn peer_closes(&mut self, conn: ConnId, body: Option<(u16, String)>) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let dialled = connection.flags.has(Flags::DIALLED);
        match connection.phase {
            Phase::Open => {
                let (code, reason) =
                    body.map_or((None, String::new()), |(code, reason)| (Some(code), reason));
                self.say_close(conn, code, "");
                self.linger(conn, Ending::Closed(Closed::ByPeer { code, reason }));
            }
            Phase::Closing => {
                let ending = match self.decided(conn) {
                    Some(Ending::Closed(Closed::Unanswered { code })) => {
                        Ending::Closed(Closed::ByUs { code })
                    }
                    ending => ending.unwrap_or(Ending::Closed(Closed::EndOfStream)),
                };
                // The server ends the stream (section 7.1.1), so that the ports of clients do not stay
                // taken; but not before what it has to say, which may be its own Close frame, has left.
                if dialled || self.has_output(conn) || self.is_sealed(conn) {
                    self.linger(conn, ending);
                } else {
                    self.doom(conn, ending);
                }
            }
            Phase::Handshake | Phase::Lingering | Phase::Doomed => {}
        }
    }

    /// The peer broke the protocol or a limit: say so, and listen no more.
    pub(crate) fn violated(&mut self, conn: ConnId, error: FrameError) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        self.counters.violations += 1;
        if connection.phase == Phase::Open {
            self.say_close(conn, Some(error.close_code()), &error.to_string());
        }
        self.linger(conn, Ending::Closed(Closed::Violation(error)));
    }

    /// Answers a request with something else than the upgrade.
    pub(crate) fn refuse(&mut self, conn: ConnId, answer: Vec<u8>, failure: Failure) {
        self.enqueue_own(conn, Bytes::from(answer), Kind::Own);
        self.linger(conn, Ending::Failed(failure));
    }

    /// A handshake failed and there is nothing to say about it.
    pub(crate) fn fail(&mut self, conn: ConnId, failure: Failure) {
        self.doom(conn, Ending::Failed(failure));
    }

    /// The stream has no more bytes for us.
    pub(crate) fn end_of_stream(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let broken = connection.flags.has(Flags::BROKEN);
        let ending = match connection.phase {
            Phase::Handshake if broken => Ending::Failed(Failure::Reset),
            Phase::Handshake => Ending::Failed(Failure::EndOfStream),
            Phase::Open if broken => Ending::Closed(Closed::Reset),
            Phase::Open => Ending::Closed(Closed::EndOfStream),
            Phase::Closing | Phase::Lingering => self
                .decided(conn)
                .unwrap_or(Ending::Closed(Closed::EndOfStream)),
            Phase::Doomed => return,
        };
        self.doom(conn, ending);
    }

    /// A read failed.
    pub(crate) fn read_failed(&mut self, conn: ConnId, error: Errno) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let kind = std::io::Error::from(error).kind();
        let reset =
            matches!(error, Errno::CONNRESET | Errno::PIPE) || connection.flags.has(Flags::BROKEN);
        let ending = match connection.phase {
            Phase::Handshake if connection.flags.has(Flags::CONNECTING) => {
                Ending::Failed(Failure::Connect(kind))
            }
            Phase::Handshake if reset => Ending::Failed(Failure::Reset),
            Phase::Handshake => Ending::Failed(Failure::Network(kind)),
            Phase::Open if reset => Ending::Closed(Closed::Reset),
            Phase::Open => Ending::Closed(Closed::Network(kind)),
            Phase::Closing | Phase::Lingering => {
                self.decided(conn).unwrap_or(Ending::Closed(Closed::Reset))
            }
            Phase::Doomed => return,
        };
        self.doom(conn, ending);
    }

    /// Has the app told in this turn that the connection has ended, and its socket closed then.
    pub(crate) fn doom(&mut self, conn: ConnId, ending: Ending) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if connection.phase == Phase::Doomed {
            return;
        }
        connection.phase = Phase::Doomed;
        self.forget_output(conn);
        self.doomed.push((conn, ending));
    }

    /// The app has been told: nothing of the connection remains.
    pub(crate) fn bury(&mut self, conn: ConnId, ending: &Ending) {
        let Some(connection) = self.connections.remove(conn) else {
            return;
        };
        // A peer that does not answer gets no farewell that the kernel would repeat for minutes.
        let reset = matches!(
            ending,
            Ending::Closed(
                Closed::Aborted | Closed::Silent | Closed::NoRoom | Closed::Unanswered { .. }
            ) | Ending::Failed(Failure::Aborted)
        );
        match ending {
            Ending::Closed(_) => self.counters.closed += 1,
            Ending::Failed(_) => self.counters.failed += 1,
        }
        self.driver.detach(connection.socket, reset);
    }

    /// How the connection ends, if that is decided.
    pub(super) fn decided(&mut self, conn: ConnId) -> Option<Ending> {
        self.connections.get_mut(conn)?.rare.as_mut()?.ending.take()
    }

    fn say_close(&mut self, conn: ConnId, code: Option<u16>, reason: &str) {
        let mask = self.mask_for(conn);
        self.enqueue_own(
            conn,
            close_code::frame(code, reason, mask).into(),
            Kind::Own,
        );
    }

    pub(super) fn linger(&mut self, conn: ConnId, ending: Ending) {
        if !self.is_dialled(conn) {
            self.say_goodbye(conn);
        }
        let waiting = self.has_output(conn);
        if let Some(connection) = self.connections.get_mut(conn)
            && !connection.flags.has(Flags::DIALLED)
        {
            connection.flags.set(Flags::LAST_WORDS);
            if !waiting {
                self.driver.end_stream(&connection.socket);
            }
        }
        self.leave(conn, Phase::Lingering, ending);
    }

    pub(super) fn leave(&mut self, conn: ConnId, phase: Phase, ending: Ending) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.phase = phase;
        connection.mark = self.tick;
        let rare = connection.rare();
        rare.ending = Some(ending);
        rare.handshake = None;
        rare.partial = None;
        // The end of the stream must be seen, whether the app wants messages or not.
        if connection.flags.clear(Flags::PAUSED) {
            self.look_again(conn);
        }
        self.arm(conn);
    }
}
