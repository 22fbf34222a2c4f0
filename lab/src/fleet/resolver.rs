//! Devices' questions to the name server: real ones, one for each device that asks, through the device library's resolver.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use gateway_client::hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use gateway_client::{Attempt, DnsResolver, Resolve as _, Resolved};
use gateway_engine::Mailbox;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, oneshot};

use super::devices::Command;

/// Devices that ask at once, so that a storm stays within this process's descriptors; the others wait for their turn.
const AT_ONCE: usize = 64;

/// How long a question may take before it is asked again, and how often that is done.
const PATIENCE: Duration = Duration::from_secs(1);

/// A thread that asks for devices. Nothing is cached and nobody shares an answer, as if each device stood by itself.
#[derive(Debug)]
pub(super) struct Resolver {
    handle: Handle,
    names: Arc<Names>,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Names {
    host: String,
    places: Semaphore,
    /// One for each place: a resolver asks only once for all who want to know the same at the same time, and devices have no resolver in common.
    resolvers: Mutex<Vec<DnsResolver>>,
}

/// Asks for the devices of one event loop.
#[derive(Debug)]
pub(super) struct Asker {
    handle: Handle,
    names: Arc<Names>,
    replies: Mailbox<Command>,
}

impl Resolver {
    /// Begins to ask this name server for the addresses of `host`.
    pub(super) fn start(server: SocketAddr, host: &str) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot make an event loop for the devices' resolver")?;
        let resolvers = {
            let _inside = runtime.enter();
            let resolvers = (0..AT_ONCE).map(|_| resolver(server));
            resolvers
                .collect::<io::Result<Vec<_>>>()
                .context("cannot make the devices' resolver")?
        };
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(move || {
                // An error means that the handle is gone, which is the sign to stop.
                let _ = runtime.block_on(stopped);
            })
            .context("cannot start a thread for the devices' resolver")?;
        let names = Names {
            // Absolute: no search domain of this machine is tried.
            host: format!("{host}."),
            places: Semaphore::new(AT_ONCE),
            resolvers: Mutex::new(resolvers),
        };
        Ok(Self {
            handle,
            names: Arc::new(names),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Asks for the devices of the loop with this mailbox.
    pub(super) fn asker(&self, replies: Mailbox<Command>) -> Asker {
        Asker {
            handle: self.handle.clone(),
            names: Arc::clone(&self.names),
            replies,
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl Asker {
    /// Asks for one device; the answer comes as a command.
    pub(super) fn ask(&self, device: u32, attempt: Attempt) {
        let (names, replies) = (Arc::clone(&self.names), self.replies.clone());
        self.handle.spawn(async move {
            let answer = names.ask().await;
            let mut reply = Command::Resolved {
                device,
                attempt,
                answer,
            };
            // The loop is full at times; this thread serves others meanwhile.
            while let Err(gateway_engine::SendCommandError::Full(command)) = replies.try_send(reply)
            {
                reply = command;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

impl Names {
    async fn ask(&self) -> io::Result<Resolved> {
        let _place = self.places.acquire().await.map_err(io::Error::other)?;
        let resolver = self.lock().pop();
        let resolver = resolver.ok_or_else(|| io::Error::other("more places than resolvers"))?;
        let answer = resolver.resolve(&self.host).await;
        self.lock().push(resolver);
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Vec<DnsResolver>> {
        // A list is whole between any two of its methods, so that a panic elsewhere leaves nothing half done.
        self.resolvers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn resolver(server: SocketAddr) -> io::Result<DnsResolver> {
    let mut config = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut config.connections {
        connection.port = server.port();
    }
    let mut options = ResolverOpts::default();
    options.cache_size = 0;
    options.timeout = PATIENCE;
    options.attempts = 1;
    DnsResolver::with(
        ResolverConfig::from_parts(None, vec![], vec![config]),
        options,
    )
}
