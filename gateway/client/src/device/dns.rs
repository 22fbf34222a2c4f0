//! Names resolved in this process, so that every address and its time to live are known.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Instant;

use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};

use super::resolve::{Resolve, Resolved};

/// Asks the name servers itself and answers all addresses, A and AAAA.
#[derive(Debug, Clone)]
pub struct DnsResolver {
    resolver: TokioResolver,
}

impl DnsResolver {
    /// Asks the name servers that the system is set up with.
    ///
    /// # Errors
    /// The system's set-up cannot be read.
    pub fn from_system() -> io::Result<Self> {
        let mut builder = TokioResolver::builder_tokio().map_err(io::Error::other)?;
        // A device keeps the addresses itself; when it asks again, it has reason to doubt an earlier answer.
        builder.options_mut().cache_size = 0;
        let resolver = builder.build().map_err(io::Error::other)?;
        Ok(Self { resolver })
    }

    /// Asks these name servers in this way: search domains, time limits, cache. A cache here would hand out addresses
    /// that the device has found dead, until their time is over.
    ///
    /// # Errors
    /// The configuration is of no use.
    pub fn with(config: ResolverConfig, options: ResolverOpts) -> io::Result<Self> {
        let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options);
        let resolver = builder.build().map_err(io::Error::other)?;
        Ok(Self { resolver })
    }
}

impl Resolve for DnsResolver {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>> {
        Box::pin(async move {
            let answer = self
                .resolver
                .lookup_ip(host)
                .await
                .map_err(io::Error::other)?;
            let ttl = answer
                .valid_until()
                .saturating_duration_since(Instant::now());
            Ok(Resolved {
                addresses: answer.iter().collect(),
                ttl,
            })
        })
    }
}
