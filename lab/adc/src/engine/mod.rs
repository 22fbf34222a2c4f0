//! The model at work: one thread, one loop, real sockets.
//!
//! - [`Engine`]: starts and stops it; [`Handle`]: asks and changes while traffic flows.
//! - `core`: what everything on the thread shares, without locks.
//! - `connection`: from a client's handshake to a tunnel; `dial` is its way to a member, `tunnel` and `pipe` what follows.
//! - `probe`: asks members how they are. `sweep`: ends what has been silent for too long.
//! - `client`: its socket, in the clear or with its TLS ended here.
//! - `flow`: one connection as others see it. `log`: lines in the appliance's words. `stats`: what is counted.
//!
//! A connection costs two descriptors and about a kilobyte; a buffer only while its receiver is slow. Bytes are read
//! into one buffer that all connections share and written on at once.

mod client;
mod connection;
mod core;
mod dial;
mod flow;
mod handle;
mod log;
mod pipe;
mod probe;
mod stats;
mod sweep;
mod tunnel;

pub use handle::{FaultReport, Handle, MemberChange, NotThere, Stopped};
pub use log::LogLine;
pub use stats::{Cause, ConnectionStats, MemberStats, Refusal, Stats, VirtualServerStats};

use std::{collections::HashMap, io, net::SocketAddr, rc::Rc, sync::Arc, thread};

use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::LocalSet,
};
use tokio_rustls::rustls::ServerConfig;

use crate::{
    engine::{
        client::Offload,
        core::{Core, Virtual},
        handle::Job,
    },
    events::{RuleInit, Rules},
    model::{Model, ModelError},
};

/// Connections that wait for `accept`, as far as `net.core.somaxconn` lets it.
const BACKLOG: i32 = 4_096;
/// Requests of [`Handle`]s that wait for the engine.
const JOBS: usize = 64;

/// Rules for virtual servers, by name.
pub type RulesByName = HashMap<String, RuleInit>;
/// How TLS with clients ends at virtual servers whose model names no files, by name.
pub type TlsByName = HashMap<String, Arc<ServerConfig>>;

/// A running load balancer. It ends when it is dropped.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    listening: Vec<Listening>,
    /// Dropped to stop the engine.
    life: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Where a virtual server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Its name.
    pub virtual_server: String,
    /// The address, with the port that the kernel chose for port 0.
    pub address: SocketAddr,
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The model contradicts itself.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An address cannot be listened on.
    #[error("virtual server `{virtual_server}` cannot listen on {address}: {error}")]
    Listen {
        /// The virtual server.
        virtual_server: String,
        /// Its address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// What clients are to be shown cannot be had.
    #[error("virtual server `{virtual_server}` cannot end TLS: {error}")]
    Tls {
        /// The virtual server.
        virtual_server: String,
        /// Which file, and what is wrong with it.
        error: String,
    },
    /// The rules of a virtual server do not load.
    #[error("{0}")]
    Rules(String),
    /// The loop or its thread cannot be made.
    #[error("cannot start the engine's thread: {0}")]
    Thread(#[from] io::Error),
}

impl Engine {
    /// Starts without rules. Returns once every virtual server listens.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(model: Model) -> Result<Self, StartError> {
        Self::start_with_rules(model, RulesByName::new())
    }

    /// Starts with rules for some virtual servers. Returns once every virtual server listens.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with_rules(model: Model, rules: RulesByName) -> Result<Self, StartError> {
        Self::start_with(model, rules, TlsByName::new())
    }

    /// Starts with rules for some virtual servers and TLS at some. Returns once every virtual server listens.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with(
        model: Model,
        rules: RulesByName,
        tls: TlsByName,
    ) -> Result<Self, StartError> {
        model.check()?;
        let extras = Extras { rules, tls };
        let (jobs_in, jobs) = mpsc::channel(JOBS);
        let (ready_in, ready) = std::sync::mpsc::sync_channel(1);
        let (life, end_of_life) = oneshot::channel();
        let orders = Orders { jobs, end_of_life };
        let thread = thread::Builder::new()
            .name("adc".to_owned())
            .spawn(move || run(model, extras, ready_in, orders))?;

        let Ok(started) = ready.recv() else {
            return Err(io::Error::other("it ended before it was ready").into());
        };
        Ok(Self {
            handle: Handle::new(jobs_in),
            listening: started?,
            life: Some(life),
            thread: Some(thread),
        })
    }

    /// Where clients connect to, in the order of the model.
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// The address of the first virtual server.
    pub fn address(&self) -> SocketAddr {
        self.listening[0].address
    }

    /// Asks and changes; may be cloned and sent to other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.life = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine's thread panicked");
        }
    }
}

type Ready = std::sync::mpsc::SyncSender<Result<Vec<Listening>, StartError>>;

/// What belongs to virtual servers and is no data.
struct Extras {
    rules: RulesByName,
    tls: TlsByName,
}

struct Orders {
    jobs: mpsc::Receiver<Job>,
    end_of_life: oneshot::Receiver<()>,
}

fn run(model: Model, extras: Extras, ready: Ready, orders: Orders) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        match prepare(model, extras) {
            Ok((core, listeners)) => {
                let listening = core.listening();
                begin(&core, listeners);
                if ready.send(Ok(listening)).is_ok() {
                    work(&core, orders).await;
                }
            }
            // The starter has gone if it does not take the reason.
            Err(error) => drop(ready.send(Err(error))),
        }
    });
    // Dropping the set ends every task, and with it every connection.
}

fn prepare(
    model: Model,
    Extras { mut rules, mut tls }: Extras,
) -> Result<(Rc<Core>, Vec<TcpListener>), StartError> {
    let mut listeners = Vec::new();
    let mut virtuals = Vec::new();
    for server in &model.virtual_servers {
        let cannot_listen = |error| StartError::Listen {
            virtual_server: server.name.clone(),
            address: server.listen,
            error,
        };
        let rules: Option<Box<dyn Rules>> = rules
            .remove(&server.name)
            .map(|init| init())
            .transpose()
            .map_err(StartError::Rules)?;
        let offload = server.tls.as_ref().map(Offload::load).transpose();
        let offload = offload.map_err(|error| StartError::Tls {
            virtual_server: server.name.clone(),
            error,
        })?;
        let offload = offload.or_else(|| tls.remove(&server.name).map(Offload::with));
        let listener = listen(server.listen).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let pool = model
            .pools
            .iter()
            .position(|pool| pool.name == server.pool)
            .unwrap_or_default();
        virtuals.push(Virtual::new(
            server.clone(),
            address,
            pool,
            model.seed,
            rules,
            offload,
        ));
        listeners.push(listener);
    }
    Ok((Rc::new(Core::new(virtuals, model.pools)), listeners))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM.nonblocking(),
        None,
    )?;
    // A twin may take the address over while old connections linger.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn begin(core: &Rc<Core>, listeners: Vec<TcpListener>) {
    for (index, listener) in listeners.into_iter().enumerate() {
        tokio::task::spawn_local(connection::accept(Rc::clone(core), index, listener));
    }
    probe::begin_all(core);
    tokio::task::spawn_local(sweep::run(Rc::clone(core)));
}

async fn work(
    core: &Rc<Core>,
    Orders {
        mut jobs,
        mut end_of_life,
    }: Orders,
) {
    loop {
        tokio::select! {
            _ = &mut end_of_life => return,
            job = jobs.recv() => match job {
                Some(Job::Do(work)) => work(core),
                Some(Job::Stop) | None => return,
            },
        }
    }
}
