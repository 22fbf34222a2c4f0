//! The engine as a process of its own, so that its descriptors are not the lab's.

use std::{
    fs, io,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, task::LocalSet};

use crate::{
    engine::{Engine, StartError},
    model::{Model, ModelError},
    rest,
};

/// The one line of JSON on standard output that says: ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReadyLine {
    /// Where [`rest`] answers.
    pub rest: SocketAddr,
    /// Where clients connect to, in the model's order.
    pub virtual_servers: Vec<ReadyVirtualServer>,
}

/// A virtual server that listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReadyVirtualServer {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
}

/// Why a process cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is no model.
    #[error("{path}: {error}")]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ModelError,
    },
    /// The engine does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The REST address cannot be listened on.
    #[error("cannot listen on {address} for REST: {error}")]
    Rest {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// Standard output is closed, or there is no loop to run in.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ServeError {
    /// Whether whoever wrote the command or the file is to blame (exit status 2), and not the machine (3).
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::Model { .. }
                | Self::Start(StartError::Model(_) | StartError::Rules(_) | StartError::Tls { .. })
        )
    }
}

/// Runs the model in `config` (JSON, see [`Model`]) until `POST /stop`; prints a [`ReadyLine`] once everything listens.
///
/// # Errors
/// See [`ServeError`].
pub fn serve_builtin(config: &Path, rest_address: SocketAddr) -> Result<(), ServeError> {
    let text = fs::read_to_string(config).map_err(|error| ServeError::Unreadable {
        path: config.to_owned(),
        error,
    })?;
    let model = Model::from_json(&text).map_err(|error| ServeError::Model {
        path: config.to_owned(),
        error,
    })?;
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(rest_address).await;
        let listener = listener.map_err(|error| ServeError::Rest {
            address: rest_address,
            error,
        })?;
        let engine = Engine::start(model)?;
        announce(&engine, listener.local_addr()?)?;
        rest::serve(listener, engine.handle()).await;
        Ok(())
    })
}

/// Two descriptors per client add up; what the hard limit allows is ours to take. A refusal shows when clients come.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open descriptors");
    }
}

fn announce(engine: &Engine, rest: SocketAddr) -> io::Result<()> {
    let virtual_servers = engine.listening().iter();
    let virtual_servers = virtual_servers
        .map(|one| ReadyVirtualServer {
            name: one.virtual_server.clone(),
            address: one.address,
        })
        .collect();
    let line = serde_json::to_string(&ReadyLine {
        rest,
        virtual_servers,
    })?;
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
