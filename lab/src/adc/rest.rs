//! Questions to the builtin load balancer's REST port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An answer may take this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read; 10,000 connections need 2 MB.
const LONGEST: u64 = 64 * 1024 * 1024;

/// The REST port of one load balancer; see `lab_adc::rest` for what it knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest(pub(crate) SocketAddr);

impl Rest {
    /// Asks without a body.
    pub(crate) fn get<A: DeserializeOwned>(self, path: &str) -> anyhow::Result<A> {
        self.ask("GET", path, &serde_json::Value::Null)
    }

    /// Asks with a body.
    pub(crate) fn ask<B: Serialize, A: DeserializeOwned>(
        self,
        method: &str,
        path: &str,
        body: &B,
    ) -> anyhow::Result<A> {
        let asking = || format!("{method} http://{}{path}", self.0);
        let (status, answer) = self
            .exchange(method, path, &serde_json::to_string(body)?)
            .with_context(asking)?;
        if status != 200 {
            bail!("{} answered {status}: {answer}", asking());
        }
        serde_json::from_str(&answer)
            .with_context(|| format!("{} answered something else than its contract", asking()))
    }

    fn exchange(self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.0, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // HTTP/1.0 answers are never chunked and end with the connection.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.0,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .context("no HTTP status")?;
        Ok((status, body.to_owned()))
    }
}
