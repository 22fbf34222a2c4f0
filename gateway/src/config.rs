//! What the configuration file means: validated, complete, nothing left to guess.
//!
//! A file is read once, before anything listens. Whatever is wrong with it is answered with the file, the line, a caret
//! and the remedy, all complaints at once, and the process ends with status 2.

mod batching;
mod cache;
mod complaint;
mod compression;
mod conflation;
mod drain;
mod kafka;
mod keepalive;
mod limits;
mod listener;
mod origins;
mod section;
mod tls;
mod value;
mod workgroups;

use std::net::SocketAddr;
use std::path::Path;

use toml::de::DeTable;

pub(crate) use cache::Cache;
pub(crate) use compression::Compression;
pub(crate) use conflation::Conflation;
pub(crate) use drain::Drain;
pub(crate) use kafka::{Kafka, TopicIdentity};
pub(crate) use keepalive::Keepalive;
pub(crate) use limits::Limits;
pub(crate) use listener::{Listener, ProxyProtocol, SlowClient};
pub(crate) use origins::Origins;
pub(crate) use workgroups::{Backend, HashKey, Placement, Workgroups};

use complaint::Complaint;
use section::{Complaints, Section};

/// Everything the gateway needs to know to start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) workgroups: Workgroups,
    pub(crate) listeners: Vec<Listener>,
    /// Where `/health`, `/ready`, `/metrics` and the like are served, as plain HTTP.
    pub(crate) admin: SocketAddr,
    pub(crate) kafka: Kafka,
    pub(crate) conflation: Vec<Conflation>,
    pub(crate) cache: Cache,
    pub(crate) drain: Drain,
    pub(crate) limits: Limits,
    pub(crate) keepalive: Keepalive,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "cannot read {path}: {source}\nwrite the file, or name another one: gateway --config FILE"
    )]
    Unreadable {
        path: String,
        source: std::io::Error,
    },
    /// The complaints, rendered one below the other.
    #[error("{0}")]
    Wrong(String),
}

impl Config {
    /// Reads and validates the file at `path`.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: name.clone(),
            source,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).map_err(|complaints| {
            let rendered: Vec<String> = complaints
                .iter()
                .map(|complaint| complaint.render(&name, &text))
                .collect();
            ConfigError::Wrong(rendered.join("\n"))
        })
    }

    /// What `text` means, or everything that is wrong with it. Relative paths in it begin at `folder`.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Complaint>> {
        let (table, syntax) = DeTable::parse_recoverable(text);
        if !syntax.is_empty() {
            return Err(syntax.iter().map(syntax_complaint).collect());
        }
        let complaints = Complaints::default();
        let config = Self::read(Section::root(&table, &complaints), folder);
        let complaints = complaints.into_sorted();
        match config {
            Some(config) if complaints.is_empty() => Ok(config),
            Some(_) | None => Err(complaints),
        }
    }

    /// `None` only after a complaint.
    fn read(mut file: Section<'_, '_>, folder: &Path) -> Option<Self> {
        let offload = workgroups::read_offload(&mut file);
        let workgroups = Workgroups::read(file.section("workgroups"), offload);
        let listeners = listener::read_all(&mut file, folder);
        let admin = read_admin(file.section("admin"), &listeners);
        let kafka = Kafka::read(file.section("kafka"));
        let topics = kafka.as_ref().map(|kafka| kafka.topics.as_slice());
        let conflation = conflation::read_all(&mut file, topics);
        let cache = Cache::read(file.section("cache"));
        let drain = Drain::read(file.section("drain"));
        let limits = Limits::read(file.section("limits"));
        let keepalive = Keepalive::read(file.section("keepalive"));
        file.finish();
        Some(Self {
            workgroups,
            listeners,
            admin,
            kafka: kafka?,
            conflation,
            cache,
            drain,
            limits,
            keepalive,
        })
    }
}

fn read_admin(mut section: Section<'_, '_>, listeners: &[Listener]) -> SocketAddr {
    let default = SocketAddr::from(([127, 0, 0, 1], 8801));
    let typed = section.take("address");
    let (span, address) = typed.map_or((section.span(), default), |typed| {
        (typed.span(), typed.into_inner())
    });
    if listeners
        .iter()
        .any(|listener| listener::overlap(listener.address, address))
    {
        section.complain(
            span,
            format!("{address} is also the address of a listener"),
            "give the admin port an address of its own: it never speaks the PROXY protocol",
        );
    }
    section.finish();
    address
}

fn syntax_complaint(error: &toml::de::Error) -> Complaint {
    let message = error.message().trim().replace('\n', ", ");
    Complaint::new(error.span().unwrap_or(0..0), message, "this is not TOML")
}

#[cfg(test)]
mod tests;
