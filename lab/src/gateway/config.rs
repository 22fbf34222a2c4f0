//! The configuration file that a gateway under test is given.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::certificate::Certificate;
use crate::provider::Cluster;
use crate::stage::{Placement, ProxyRule, Stage};

/// Everything a gateway of this run has to know.
#[derive(Debug, Clone)]
pub(crate) struct GatewayConfig<'a> {
    /// The stage of the cell.
    pub(crate) stage: &'a Stage,
    /// The log.
    pub(crate) cluster: &'a Cluster,
    /// What its listener shows, if it speaks TLS.
    pub(crate) certificate: Option<&'a Certificate>,
    /// Where to listen for devices; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Where to answer questions, likewise.
    pub(crate) admin: SocketAddr,
    /// Key of the placement hash, from the run's seed.
    pub(crate) hash_key: [u8; 16],
    /// A known-bad hash instead of the real one, to see the lab catch it.
    pub(crate) control_hash: Option<&'a str>,
    /// Whom to believe besides whom the stage names.
    pub(crate) trusted: &'a [IpAddr],
}

impl GatewayConfig<'_> {
    /// The text of `gateway.toml`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {value}");
        };
        match self.stage.placement {
            Placement::ByOffload => {
                let offload = self.stage.connection_offload.to_string();
                line("X.ConnectionOffload", offload);
                line("workgroups.hash-key", quoted(&hex(&self.hash_key)));
            }
            Placement::LeastLoaded => line("workgroups.placement", quoted("least-loaded")),
        }
        line("workgroups.count", self.stage.workgroups.to_string());
        if let Some(hash) = self.control_hash {
            line("workgroups.control-hash", quoted(hash));
        }
        line("admin.address", quoted(&self.admin.to_string()));
        let drain = &self.stage.drain;
        line(
            "drain.monitor-wait",
            quoted(&drain.monitor_wait.to_string()),
        );
        line(
            "drain.rate",
            quoted(&format!("{:.0}/s", drain.rate.per_second())),
        );
        line("drain.jitter", quoted(&drain.jitter.to_string()));
        if let Some(rate) = self.stage.limits.handshakes_per_second {
            let rate = format!("{:.0}/s", rate.per_second());
            line("limits.handshakes-per-second", quoted(&rate));
        }
        let cache = &self.stage.cache;
        line("cache.messages", cache.messages.to_string());
        line("cache.topic-messages", cache.topic_messages.to_string());
        line("cache.max-age", quoted(&cache.max_age.to_string()));
        line("kafka.topics", list(&self.cluster.topics));
        line("kafka.topic-identity", quoted(self.cluster.topic_identity));
        line(
            "kafka.properties.\"bootstrap.servers\"",
            quoted(&self.cluster.bootstrap),
        );
        for (key, value) in &self.cluster.properties {
            line(&format!("kafka.properties.{}", quoted(key)), quoted(value));
        }
        text.push_str("\n[[listener]]\n");
        let mut line = |key: &str, value: String| {
            let _ = writeln!(text, "{key} = {value}");
        };
        line("address", quoted(&self.listen.to_string()));
        match self.stage.listener.proxy_protocol {
            ProxyRule::Forbidden => line("proxy-protocol", quoted("forbidden")),
            ProxyRule::Required => {
                line("proxy-protocol", quoted("required"));
                let mut trusted = self.stage.listener.trusted.clone();
                trusted.extend(self.trusted.iter().map(|address| match address {
                    IpAddr::V4(_) => format!("{address}/32"),
                    IpAddr::V6(_) => format!("{address}/128"),
                }));
                line("trusted", list(&trusted));
            }
        }
        if let Some(batching) = &self.stage.listener.batching {
            let delay = format!("{}ms", batching.max_delay.0.as_millis());
            line("batching.max-delay", quoted(&delay));
            line("batching.max-bytes", batching.max_bytes.to_string());
        }
        if let Some(certificate) = self.certificate {
            line("tls.certificate", path(&certificate.file));
            line("tls.key", path(&certificate.key));
        }
        for conflation in &self.stage.conflation {
            let _ = writeln!(
                text,
                "\n[[conflation]]\nsubjects = {}\ninterval = {}",
                quoted(&self.on_the_cluster(&conflation.subjects)),
                quoted(&format!("{}ms", conflation.interval.get().as_millis()))
            );
        }
        text
    }

    /// Subjects with the name that their topic has on the cluster in the place of the stage's.
    fn on_the_cluster(&self, subjects: &str) -> String {
        let names = self.stage.kafka.topics.iter().zip(&self.cluster.topics);
        names
            .filter_map(|(staged, real)| {
                let key = subjects.strip_prefix('/')?.strip_prefix(staged.as_str())?;
                key.starts_with('/').then(|| format!("/{real}{key}"))
            })
            .next()
            .unwrap_or_else(|| subjects.to_owned())
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn path(path: &std::path::Path) -> String {
    quoted(&path.display().to_string())
}

fn list(items: &[String]) -> String {
    toml::Value::from(items.to_vec()).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Conflation;
    use crate::units::{Rate, Span};

    #[test]
    fn conflated_subjects_bear_the_name_that_their_topic_has_on_the_cluster() {
        let stage = Stage {
            conflation: vec![Conflation {
                subjects: "/telemetry/*".to_owned(),
                interval: Span(std::time::Duration::from_millis(200)),
            }],
            ..Stage::default()
        };
        let cluster = Cluster {
            topics: vec!["telemetry-7f".to_owned()],
            ..cluster()
        };

        let text = config(&stage, &cluster).text();

        let end = "\n[[conflation]]\nsubjects = \"/telemetry-7f/*\"\ninterval = \"200ms\"\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn the_file_says_what_the_stage_says() {
        let mut stage = Stage::default();
        stage.listener.proxy_protocol = ProxyRule::Required;
        stage.limits.handshakes_per_second = Some(Rate::a_second(40));
        let cluster = cluster();
        let config = config(&stage, &cluster);

        assert_eq!(
            config.text(),
            r#"X.ConnectionOffload = true
workgroups.hash-key = "abababababababababababababababab"
workgroups.count = 4
workgroups.control-hash = "port-modulo"
admin.address = "127.0.0.1:0"
drain.monitor-wait = "0s"
drain.rate = "1000/s"
drain.jitter = "2s"
limits.handshakes-per-second = "40/s"
cache.messages = 1000
cache.topic-messages = 100000
cache.max-age = "180s"
kafka.topics = ["telemetry"]
kafka.topic-identity = "name"
kafka.properties."bootstrap.servers" = "127.0.0.1:9092"
kafka.properties."reconnect.backoff.max.ms" = "200"

[[listener]]
address = "127.0.0.1:0"
proxy-protocol = "required"
trusted = ["127.0.0.0/8", "::1/128"]
"#
        );
    }

    fn cluster() -> Cluster {
        Cluster {
            bootstrap: "127.0.0.1:9092".to_owned(),
            topics: vec!["telemetry".to_owned()],
            topic_identity: "name",
            properties: vec![("reconnect.backoff.max.ms".to_owned(), "200".to_owned())],
            version: "mock".to_owned(),
        }
    }

    fn config<'a>(stage: &'a Stage, cluster: &'a Cluster) -> GatewayConfig<'a> {
        GatewayConfig {
            stage,
            cluster,
            certificate: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            hash_key: [0xab; 16],
            control_hash: Some("port-modulo"),
            trusted: &[],
        }
    }
}
