//! From a server's name to its addresses.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

/// All addresses of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The addresses, in any order.
    pub addresses: Vec<IpAddr>,
    /// How long they hold.
    pub ttl: Duration,
}

/// Something that resolves names.
pub trait Resolve: Send + Sync + 'static {
    /// Answers all addresses of a name, IPv4 and IPv6.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>>;
}

/// The system's own resolver (`getaddrinfo`). It does not tell how long an answer holds, so that is taken to be short.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl SystemResolver {
    const TTL: Duration = Duration::from_secs(30);
}

impl Resolve for SystemResolver {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0))
                .await?
                .map(|address| address.ip())
                .collect();
            Ok(Resolved {
                addresses,
                ttl: Self::TTL,
            })
        })
    }
}
