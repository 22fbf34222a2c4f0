//! The control: `send()` to each connection in turn, and nothing else.

use std::net::TcpStream;

use anyhow::Context as _;
use rustix::net::{SendFlags, send};

use super::crowd::{self, Sender};

/// Runs until standard input ends.
pub(super) fn play() -> anyhow::Result<()> {
    let connections = crowd::listen()?;
    crowd::obey(&connections, &mut BareSend::default())
}

#[derive(Default)]
struct BareSend {
    sockets: Vec<TcpStream>,
}

impl Sender for BareSend {
    fn join(&mut self, socket: TcpStream) -> anyhow::Result<()> {
        self.sockets.push(socket);
        Ok(())
    }

    fn send(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        for socket in &self.sockets {
            let sent = send(socket, frame, SendFlags::NOSIGNAL).context("a device is gone")?;
            anyhow::ensure!(sent == frame.len(), "a device took half a frame");
        }
        Ok(())
    }
}
