//! One connection through a relay.

use std::{
    collections::VecDeque,
    future::pending,
    io,
    net::Shutdown,
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio::{net::TcpStream, sync::watch, time::sleep_until};

use super::{
    Conditions, Shared,
    line::{Line, Timetable},
    tamper::Tamperer,
};

/// Bytes on their way in one direction, at most; then the sender waits.
const MOST_UNDER_WAY: usize = 256 * 1024;
/// What one read takes at most.
const READ: usize = 16 * 1024;

/// Carries a connection to its end. A reset of one side resets the other.
pub(super) async fn carry(
    client: TcpStream,
    server: TcpStream,
    shared: &Shared,
    mut cut: watch::Receiver<u64>,
    seed: u64,
) {
    let up = Direction::new(&client, &server, shared, |conditions| conditions.up, seed);
    let mut down = Direction::new(
        &server,
        &client,
        shared,
        |conditions| conditions.down,
        !seed,
    );
    down.tamperer = Some(Tamperer::default());
    let ended_in_order = tokio::select! {
        ended = async { tokio::try_join!(up.run(), down.run()) } => ended.is_ok(),
        _ = cut.changed() => false,
    };
    if !ended_in_order {
        reset(&client);
        reset(&server);
    }
}

/// Lets the coming end of a connection be a reset.
pub(super) fn reset(stream: &TcpStream) {
    // Failing that, the other side gets an orderly end, and no harm is done.
    drop(stream.set_zero_linger());
}

/// One direction of a connection.
struct Direction<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    shared: &'a Shared,
    line: fn(&Conditions) -> Line,
    timetable: Timetable,
    under_way: VecDeque<(Instant, Cargo)>,
    bytes_under_way: usize,
    /// Only what members send is tampered with.
    tamperer: Option<Tamperer>,
    ended: bool,
}

enum Cargo {
    Bytes(Vec<u8>),
    End,
}

impl<'a> Direction<'a> {
    fn new(
        from: &'a TcpStream,
        to: &'a TcpStream,
        shared: &'a Shared,
        line: fn(&Conditions) -> Line,
        seed: u64,
    ) -> Self {
        Self {
            from,
            to,
            shared,
            line,
            timetable: Timetable::new(seed),
            under_way: VecDeque::new(),
            bytes_under_way: 0,
            tamperer: None,
            ended: false,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        // Small pieces must arrive when they are due, not when the kernel has more.
        self.to.set_nodelay(true)?;
        let mut conditions = self.shared.conditions.subscribe();
        loop {
            let Conditions { silent, .. } = *conditions.borrow_and_update();
            let takes_more = !silent && !self.ended && self.bytes_under_way < MOST_UNDER_WAY;
            let next_due = self.under_way.front().map(|(due, _)| *due);
            tokio::select! {
                readable = self.from.readable(), if takes_more => {
                    readable?;
                    self.take_in()?;
                }
                () = until(next_due), if !silent => match self.under_way.pop_front() {
                    Some((_, Cargo::Bytes(bytes))) => {
                        self.bytes_under_way -= bytes.len();
                        self.write(&bytes).await?;
                    }
                    Some((_, Cargo::End)) => return SockRef::from(self.to).shutdown(Shutdown::Write),
                    None => {}
                },
                changed = conditions.changed() => changed.map_err(io::Error::other)?,
            }
        }
    }

    fn take_in(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ];
        let read = match self.from.try_read(&mut buffer) {
            Ok(read) => read,
            // Readiness may be a false alarm.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let bytes = match &mut self.tamperer {
            None => buffer[..read].to_vec(),
            Some(tamperer) if read == 0 => tamperer.rest(),
            Some(tamperer) => tamperer.pass(&buffer[..read], &mut self.shared.tampering()),
        };
        if !bytes.is_empty() {
            self.send(Cargo::Bytes(bytes));
        }
        if read == 0 {
            self.ended = true;
            self.send(Cargo::End);
        }
        Ok(())
    }

    fn send(&mut self, cargo: Cargo) {
        let line = (self.line)(&self.shared.conditions.borrow());
        let bytes = match &cargo {
            Cargo::Bytes(bytes) => bytes.len(),
            Cargo::End => 0,
        };
        self.bytes_under_way += bytes;
        let due = self.timetable.arrival(&line, bytes, Instant::now());
        self.under_way.push_back((due, cargo));
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.to.writable().await?;
            match self.to.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Until something has arrived; for ever when nothing is under way.
async fn until(due: Option<Instant>) {
    match due {
        // The timer's grain is a millisecond; a clear line shall not wait for it.
        Some(due) if due <= Instant::now() + Duration::from_micros(100) => {}
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}
