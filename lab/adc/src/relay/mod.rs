//! A plain TCP relay that makes a line worse: slower, narrower, silent, or dishonest.
//!
//! It belongs on any line between two parties of the lab, and knows nothing of load balancing. The kernels of build machines
//! have no `netem`; this needs none and no rights.
//!
//! - [`line`]: when bytes arrive, given delay, jitter and bandwidth. Pure.
//! - [`frames`]: where WebSocket frames begin and end in a stream. Pure.
//! - [`tamper`]: frames that are dropped, doubled, swapped, corrupted or invented, and a note of each, so that whoever
//!   claims to find such things can be put to the test. Pure.

mod carry;
pub mod frames;
pub mod line;
pub mod tamper;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::LocalSet,
};

use self::{
    line::Line,
    tamper::{Deed, Mischief, Tampering},
};

/// How the line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Conditions {
    /// From the one who connects to the one who is connected to.
    pub up: Line,
    /// The other way.
    pub down: Line,
    /// Nothing passes, and nobody is told.
    pub silent: bool,
}

/// A running relay. It ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped to stop it.
    life: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    conditions: watch::Sender<Conditions>,
    tampering: Mutex<Tampering>,
    /// Counts up; connections of an earlier count are reset.
    cut: watch::Sender<u64>,
}

impl Shared {
    fn tampering(&self) -> MutexGuard<'_, Tampering> {
        // A deed is either noted or not; a panic elsewhere leaves no half of one.
        self.tampering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relay {
    /// Relays connections to `listen` on to `target`. `seed` makes jitter repeatable.
    ///
    /// # Errors
    /// When the address cannot be listened on, or there is no thread to be had.
    pub fn start(
        listen: SocketAddr,
        target: SocketAddr,
        conditions: Conditions,
        seed: u64,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            conditions: watch::Sender::new(conditions),
            tampering: Mutex::default(),
            cut: watch::Sender::new(0),
        });
        let (life, end_of_life) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let work = Work {
            shared: Arc::clone(&shared),
            target,
            seed,
        };
        let thread = thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || {
                LocalSet::new().block_on(&runtime, async {
                    tokio::select! {
                        accepting = work.accept(listener) => {
                            if let Err(error) = accepting {
                                tracing::error!(%error, "the relay cannot accept");
                            }
                        }
                        _ = end_of_life => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            shared,
            life: Some(life),
            thread: Some(thread),
        })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the line, for connections there are as well.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.shared.conditions.send_replace(conditions);
    }

    /// Orders mischief with the next messages that a member sends, one each, in this order.
    pub fn plan(&self, mischief: impl IntoIterator<Item = Mischief>) {
        self.shared.tampering().plan(mischief);
    }

    /// What has been done so far.
    pub fn deeds(&self) -> Vec<Deed> {
        self.shared.tampering().deeds().to_vec()
    }

    /// Resets all connections.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.life = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the relay's thread panicked");
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    target: SocketAddr,
    seed: u64,
}

impl Work {
    async fn accept(self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let mut number = 0;
        loop {
            let Ok((client, _)) = listener.accept().await else {
                // Out of descriptors, or the client is gone already.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let shared = Arc::clone(&self.shared);
            let (target, seed) = (self.target, self.seed ^ number);
            number += 1;
            // From here on a cut is meant for this connection too.
            let cut = shared.cut.subscribe();
            tokio::task::spawn_local(async move {
                match TcpStream::connect(target).await {
                    Ok(server) => carry::carry(client, server, &shared, cut, seed).await,
                    Err(_) => carry::reset(&client),
                }
            });
        }
    }
}
