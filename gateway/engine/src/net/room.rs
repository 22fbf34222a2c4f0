//! What may wait for slow connections, alone and all together.
//!
//! A send to a connection that is slow already is refused when there is no room. What a socket did not take of one write
//! has been accepted, so where there is no room for it the connection goes: the frame that has left in part is completed,
//! a Close frame with 1013 follows, everything else is let go. An eighth of the total is set aside for such last words;
//! without room for those either, or where TLS forbids to leave something out, the connection ends with a reset. So all
//! queues together never pass the total by more than that eighth, besides control frames, of which a connection has few.

use super::Net;
use crate::close_code;
use crate::connection::{ConnId, Ending, Phase};
use crate::ending::Closed;
use crate::queue::{Backlog, Item, Kind};

/// Try again later: what a device is told that has to go because there is no room.
const NO_ROOM: u16 = 1013;

impl<S> Net<S> {
    /// Whether so many more bytes may wait for a connection for which `waiting` bytes wait.
    pub(super) fn has_room(&mut self, waiting: usize, bytes: usize) -> bool {
        let limits = &self.config.limits;
        if self.queued + bytes > limits.total_queue {
            self.counters.total_queue_full += 1;
            return false;
        }
        waiting + bytes <= limits.send_queue
    }

    /// A socket took less than it was given: the rest waits, if there is room.
    pub(super) fn block(&mut self, conn: ConnId, mut backlog: Backlog) {
        let total = self.config.limits.total_queue;
        let mask = self.mask_for(conn);
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        self.counters.blocked += 1;
        let no_room = connection.phase == Phase::Open && self.queued + backlog.bytes() > total;
        if no_room {
            self.counters.total_queue_full += 1;
            let reason = "too many devices are slow: connect again and resume";
            let close = close_code::frame(Some(NO_ROOM), reason, mask);
            let cut = connection.tls().is_none() && backlog.cut_to_frame();
            backlog.push(Item::own(close.into(), Kind::Own));
            if !cut || self.queued + backlog.bytes() > total + total / 8 {
                return self.doom(conn, Ending::Closed(Closed::NoRoom));
            }
        }
        self.queued += backlog.bytes();
        connection.rare().backlog = Some(backlog);
        self.driver.watch_writable(&connection.socket);
        if no_room {
            self.leave(conn, Phase::Closing, Ending::Closed(Closed::NoRoom));
        }
    }
}
