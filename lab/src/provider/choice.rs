//! Who plays, as it is typed on the command line and written in a record.

use crate::replay::Replay;

/// Which Kafka plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KafkaChoice {
    /// librdkafka's mock cluster in the lab's process.
    Embedded,
    /// Apache Kafka in containers.
    Container,
    /// A running cluster, `host:port[,host:port]`.
    External(String),
}

/// Which load balancer plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AdcChoice {
    /// The lab's own, a child process.
    Builtin,
    /// The real HAProxy.
    Haproxy,
    /// F5's files and iRules on the lab's own engine, a child process.
    BigipStandin,
    /// A device of the operator's.
    Bigip(Box<Replay>),
}

impl std::fmt::Display for KafkaChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Container => "container",
            Self::External(bootstrap) => bootstrap,
        })
    }
}

impl std::fmt::Display for AdcChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Builtin => "builtin",
            Self::Haproxy => "haproxy",
            Self::BigipStandin => "bigip-standin",
            Self::Bigip(_) => "bigip",
        })
    }
}
