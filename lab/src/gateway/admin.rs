//! What a gateway's admin port says, asked as any HTTP tool would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::metrics::Metrics;

/// An answer may take this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read; 20,000 connections need 3 MB.
const LONGEST: u64 = 256 * 1024 * 1024;

/// The admin port of one gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin(pub(crate) SocketAddr);

/// One entry of `GET /workgroups`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct WorkgroupCount {
    /// Its number.
    pub(crate) workgroup: u32,
    /// Connections it owns.
    pub(crate) connections: u64,
}

/// One entry of `GET /connections`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ConnectionEntry {
    /// The socket's other end.
    pub(crate) peer: SocketAddr,
    /// Who the gateway holds it for.
    pub(crate) client: SocketAddr,
    /// Where it was placed.
    pub(crate) workgroup: u32,
}

impl Admin {
    /// Whether it is ready, and its own words when it is not.
    pub(crate) fn readiness(self) -> anyhow::Result<Result<(), String>> {
        let (status, body) = self.get("/ready")?;
        Ok(if status == 200 {
            Ok(())
        } else {
            Err(body.trim().to_owned())
        })
    }

    /// Connections per workgroup.
    pub(crate) fn workgroups(self) -> anyhow::Result<Vec<WorkgroupCount>> {
        self.json("/workgroups")
    }

    /// Every connection.
    pub(crate) fn connections(self) -> anyhow::Result<Vec<ConnectionEntry>> {
        self.json("/connections")
    }

    /// All counters.
    pub(crate) fn metrics(self) -> anyhow::Result<Metrics> {
        let (status, body) = self.get("/metrics")?;
        if status != 200 {
            bail!("GET /metrics answered {status}");
        }
        Ok(Metrics::parse(&body))
    }

    fn json<T: DeserializeOwned>(self, path: &str) -> anyhow::Result<T> {
        let (status, body) = self.get(path)?;
        if status != 200 {
            bail!("GET {path} answered {status}: {}", body.trim());
        }
        serde_json::from_str(&body)
            .with_context(|| format!("GET {path} answered something else than its contract"))
    }

    /// Status and body.
    fn get(self, path: &str) -> anyhow::Result<(u16, String)> {
        let asking = || format!("GET http://{}{path}", self.0);
        let mut stream = TcpStream::connect_timeout(&self.0, PATIENCE).with_context(asking)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // HTTP/1.0 answers are never chunked and end with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.0).with_context(asking)?;
        let mut answer = String::new();
        stream
            .take(LONGEST)
            .read_to_string(&mut answer)
            .with_context(asking)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .with_context(|| format!("{} got no HTTP answer", asking()))?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Ok((
            status.with_context(|| format!("{} got no HTTP status", asking()))?,
            body.to_owned(),
        ))
    }
}
