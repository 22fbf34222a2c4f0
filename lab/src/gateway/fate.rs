//! What a scenario does to a gateway: kills it, asks it to leave, freezes it. What is wished is no end "on its own".

use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};

use super::Gateway;
use crate::interrupt::Interrupt;
use crate::provider::ProviderError;

/// The time from SIGKILL to the end.
const TO_DIE: Duration = Duration::from_secs(10);

/// What a scenario has made of a gateway.
#[derive(Debug)]
pub(crate) enum Fate {
    /// Nothing; it serves.
    Serving,
    /// It is stopped, and goes on when it is thawed.
    Frozen,
    /// It was asked to leave.
    Leaving,
    /// It was made to end. Its addresses are kept for its return: nobody else is given their ports meanwhile.
    Gone {
        /// Bound and not listening, so that whoever connects is refused.
        _seats: Vec<Socket>,
    },
}

impl Gateway {
    /// Whether it answers, as far as the scenario's wishes go.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.fate, Fate::Serving)
    }

    /// Whether its end would be its own doing.
    pub(crate) fn may_not_end(&self) -> bool {
        matches!(self.fate, Fate::Serving | Fate::Frozen)
    }

    /// SIGKILL, and the wait for its end.
    pub(crate) fn kill(&mut self, interrupt: &Interrupt) -> Result<(), ProviderError> {
        self.fate = Fate::Leaving;
        self.signal(Signal::KILL)?;
        let mut ended = None;
        interrupt.wait_until(TO_DIE, || {
            ended = self.exited();
            Ok(ended.is_some())
        })?;
        match ended {
            Some(_) => Ok(self.keep_seats()?),
            None => Err(anyhow!("gateway {} outlived SIGKILL", self.number).into()),
        }
    }

    /// SIGTERM; its end is to be waited for.
    pub(crate) fn ask_to_leave(&mut self) -> Result<(), ProviderError> {
        self.fate = Fate::Leaving;
        Ok(self.signal(Signal::TERM)?)
    }

    /// It left, and how.
    pub(crate) fn has_left(&mut self) -> Option<ExitStatus> {
        let status = self.exited()?;
        // A port that somebody else got hold of is told when the gateway is started again.
        if self.keep_seats().is_err() {
            self.fate = Fate::Gone { _seats: vec![] };
        }
        Some(status)
    }

    /// SIGSTOP.
    pub(crate) fn freeze(&mut self) -> Result<(), ProviderError> {
        self.signal(Signal::STOP)?;
        self.fate = Fate::Frozen;
        Ok(())
    }

    /// SIGCONT.
    pub(crate) fn thaw(&mut self) -> Result<(), ProviderError> {
        self.signal(Signal::CONT)?;
        self.fate = Fate::Serving;
        Ok(())
    }

    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(Pid::from_raw)
            .context("a gateway has no process id")?;
        kill_process(pid, signal)
            .with_context(|| format!("cannot send gateway {} a signal", self.number))
    }

    fn keep_seats(&mut self) -> anyhow::Result<()> {
        let seats = [self.listener, self.admin.0]
            .map(seat)
            .into_iter()
            .collect::<anyhow::Result<_>>()?;
        self.fate = Fate::Gone { _seats: seats };
        Ok(())
    }
}

/// A socket that holds an address without listening. Both it and the gateway that returns set SO_REUSEADDR, so it is in nobody's way.
fn seat(address: SocketAddr) -> anyhow::Result<Socket> {
    let held = || format!("cannot hold {address} for a gateway that is away");
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM, None).with_context(held)?;
    socket.set_reuse_address(true).with_context(held)?;
    socket.bind(&address.into()).with_context(held)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_seat_refuses_connections_and_lets_its_owner_return() {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap();
        drop(first);

        let held = seat(address).unwrap();

        assert!(TcpStream::connect(address).is_err());
        let again = TcpListener::bind(address).unwrap();
        assert!(TcpStream::connect(address).is_ok());
        drop((held, again));
    }
}
