//! How other threads talk to a loop: a bounded queue and one wake-up per burst.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rustix::event::{EventfdFlags, eventfd};

/// The sending side. Clones share the queue; any thread may hold one.
#[derive(Debug)]
pub struct Mailbox<C> {
    commands: SyncSender<C>,
    bell: Arc<Bell>,
}

/// A command that was not taken, with the command itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendCommandError<C> {
    /// The loop is behind.
    #[error("the mailbox of the loop is full")]
    Full(C),
    /// The loop has ended.
    #[error("the loop has ended")]
    Ended(C),
}

impl<C> Mailbox<C> {
    /// Hands a command over without waiting.
    ///
    /// # Errors
    /// Full, or the loop has ended; the command comes back.
    pub fn try_send(&self, command: C) -> Result<(), SendCommandError<C>> {
        self.post(command)?;
        self.bell.ring();
        Ok(())
    }

    /// Leaves a command without waking the loop, for a sender that has more of them. Call [`ring`](Self::ring) after
    /// the last: a loop that sleeps does not look by itself.
    ///
    /// # Errors
    /// Full, or the loop has ended; the command comes back.
    pub fn post(&self, command: C) -> Result<(), SendCommandError<C>> {
        let posted = self.commands.try_send(command);
        posted.map_err(|error| match error {
            TrySendError::Full(command) => SendCommandError::Full(command),
            TrySendError::Disconnected(command) => SendCommandError::Ended(command),
        })
    }

    /// Wakes the loop for what was [posted](Self::post).
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// Hands a command over, waiting for room if there is none. Never call it on a loop's own thread.
    ///
    /// # Errors
    /// The loop has ended; the command comes back.
    pub fn send(&self, command: C) -> Result<(), SendCommandError<C>> {
        match self.try_send(command) {
            Err(SendCommandError::Full(command)) => {
                // Full: whoever filled it has rung, so the loop is on its way to make room.
                self.commands
                    .send(command)
                    .map_err(|error| SendCommandError::Ended(error.0))?;
                self.bell.ring();
                Ok(())
            }
            answer => answer,
        }
    }

    /// Ends the loop after the turn it is in. Connections still open are closed as they are; an app
    /// that wants to take leave of them does so before.
    pub fn stop(&self) {
        self.bell.stop.store(true, Ordering::Release);
        self.bell.ring();
    }
}

impl<C> Clone for Mailbox<C> {
    fn clone(&self) -> Self {
        Self {
            commands: self.commands.clone(),
            bell: Arc::clone(&self.bell),
        }
    }
}

/// The loop's side.
#[derive(Debug)]
pub(crate) struct Inbox<C> {
    commands: Receiver<C>,
    bell: Arc<Bell>,
}

impl<C> Inbox<C> {
    /// Becomes readable, and is to be watched edge-triggered, whenever somebody rings.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.eventfd.as_fd()
    }

    /// From here on the next command rings again. Call it before the first [`take`](Self::take) of a turn.
    pub(crate) fn quiet(&self) {
        self.bell.quiet();
    }

    pub(crate) fn take(&self) -> Option<C> {
        self.commands.try_recv().ok()
    }

    pub(crate) fn stop_asked(&self) -> bool {
        self.bell.stop.load(Ordering::Acquire)
    }
}

/// A mailbox for `capacity` commands.
pub(crate) fn mailbox<C>(capacity: usize) -> io::Result<(Mailbox<C>, Inbox<C>)> {
    let (sender, receiver) = sync_channel(capacity.max(1));
    let bell = Arc::new(Bell {
        eventfd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        rung: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    });
    let inbox = Inbox {
        commands: receiver,
        bell: Arc::clone(&bell),
    };
    Ok((
        Mailbox {
            commands: sender,
            bell,
        },
        inbox,
    ))
}

/// An eventfd that is written once per burst.
#[derive(Debug)]
struct Bell {
    eventfd: OwnedFd,
    rung: AtomicBool,
    stop: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // Fails only with a counter near u64::MAX, in which case the loop is awake anyway.
            let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
        }
    }

    /// The counter is never read: whoever waits for it is told of every write (edge-triggered), and
    /// it takes 2^64 writes to fill. Reading it could swallow the ring of a command not yet seen.
    fn quiet(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_gives_the_command_back() {
        let (mailbox, inbox) = mailbox(1).unwrap();

        assert_eq!(mailbox.try_send('a'), Ok(()));
        assert_eq!(mailbox.try_send('b'), Err(SendCommandError::Full('b')));
        assert_eq!(inbox.take(), Some('a'));
        assert_eq!(inbox.take(), None);
    }

    #[test]
    fn a_mailbox_without_a_loop_gives_the_command_back() {
        let (mailbox, inbox) = mailbox(1).unwrap();
        drop(inbox);

        assert_eq!(mailbox.try_send('a'), Err(SendCommandError::Ended('a')));
        assert_eq!(mailbox.send('b'), Err(SendCommandError::Ended('b')));
    }

    #[test]
    fn a_burst_rings_once_until_the_loop_was_quiet() {
        let (mailbox, inbox) = mailbox(8).unwrap();

        mailbox.try_send(1).unwrap();
        mailbox.try_send(2).unwrap();
        assert_eq!(rings(&inbox), 1);

        inbox.quiet();
        mailbox.try_send(3).unwrap();
        assert_eq!(rings(&inbox), 1);
    }

    #[test]
    fn what_is_posted_waits_for_the_ring() {
        let (mailbox, inbox) = mailbox(8).unwrap();

        mailbox.post(1).unwrap();
        mailbox.post(2).unwrap();
        assert!(!inbox.bell.rung.load(Ordering::Acquire));

        mailbox.ring();
        assert_eq!(rings(&inbox), 1);
        assert_eq!((inbox.take(), inbox.take()), (Some(1), Some(2)));
    }

    /// Reads how often the bell was rung since it was last read.
    fn rings<C>(inbox: &Inbox<C>) -> u64 {
        let mut count = [0u8; 8];
        rustix::io::read(inbox.bell(), &mut count).unwrap();
        u64::from_ne_bytes(count)
    }
}
