//! How a device is set up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::resolve::{Resolve, SystemResolver};
use crate::settings::Settings;

/// How a device is set up. The default suits most.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    /// How patient it is.
    pub settings: Settings,
    /// How it connects.
    pub transport: Transport,
    /// Makes its choices repeatable. Two devices with one seed publish under the same ids, so leave it out but in tests.
    pub seed: Option<u64>,
    /// How many messages and events may wait in the inbox.
    pub inbox: usize,
}

/// How a device connects.
#[derive(Clone)]
pub struct Transport {
    /// Resolves the names of servers.
    pub resolver: Arc<dyn Resolve>,
    /// TLS for `wss://`: certificates to trust, and to show. `None` trusts what the system trusts.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
    /// The largest message that is taken, in bytes.
    pub max_message: usize,
    /// The next address of a name is tried when one has not answered for so long (RFC 8305, section 5).
    pub stagger: Duration,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        const INBOX: usize = 256;

        Self {
            settings: Settings::default(),
            transport: Transport::default(),
            seed: None,
            inbox: INBOX,
        }
    }
}

impl Default for Transport {
    fn default() -> Self {
        const MAX_MESSAGE: usize = 8 * 1024 * 1024;

        Self {
            resolver: Arc::new(SystemResolver),
            #[cfg(feature = "tls")]
            tls: None,
            max_message: MAX_MESSAGE,
            stagger: Duration::from_millis(250),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("max_message", &self.max_message)
            .field("stagger", &self.stagger)
            .finish_non_exhaustive()
    }
}
