//! Somebody's running cluster. The lab makes topics of its own there and removes them; brokers and other topics it leaves alone.

use std::time::Duration;

use crate::admin::Admin;
use crate::error::StartError;
use crate::metadata::Metadata;
use crate::settings::Access;

/// How long the cluster may take to answer at all.
const ANSWER: Duration = Duration::from_secs(10);

/// A cluster that was there before the lab.
pub struct ExternalCluster {
    access: Access,
    admin: Admin,
    brokers: i32,
}

impl ExternalCluster {
    /// Connects, and makes sure that somebody answers.
    pub fn connect(access: Access, cancelled: &dyn Fn() -> bool) -> Result<Self, StartError> {
        let metadata = Metadata::connect(&access)?;
        let answered = metadata.wait_until("an answer", ANSWER, cancelled, |metadata| {
            Ok(!metadata.brokers()?.is_empty())
        });
        match answered {
            Err(StartError::Failed(error)) => Err(StartError::Unfit {
                what: format!("no Kafka answers at {} ({error:#})", access.bootstrap),
                remedy: "start it or correct --kafka HOST:PORT; its advertised listeners must be reachable from here".to_owned(),
            }),
            Err(other) => Err(other),
            Ok(()) => {
                let brokers = i32::try_from(metadata.brokers()?.len()).unwrap_or(i32::MAX);
                Ok(Self { admin: Admin::connect(&access)?, access, brokers })
            }
        }
    }

    /// How clients reach it.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// An admin client of it.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// How many brokers it had when the lab connected.
    #[must_use]
    pub fn brokers(&self) -> i32 {
        self.brokers
    }
}
