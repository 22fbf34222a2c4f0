//! Profiles: how long a connection may be silent, whether TLS ends here, and whether HTTP is understood.

use std::sync::Arc;
use std::time::Duration;

use lab_adc::model::{IdleAction, IdleTimeout};
use lab_f5::object::{Object, Property, Value, base_name, full_path};
use tokio_rustls::rustls::{ProtocolVersion, ServerConfig, SupportedProtocolVersion, version};

use super::Translator;

/// The idle timeout of `/Common/tcp` and its children, in seconds.
const DEFAULT_IDLE: u64 = 300;

/// What the http and websocket profiles of a virtual server ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebProfile {
    /// `insert-xforwarded-for`: the client's address behind what the client claims.
    pub forwarded_for: bool,
    /// A websocket profile: WebSocket events are fired.
    pub websocket: bool,
}

/// What the client-ssl profile of a virtual server comes to. Alike when the versions are, as the certificate is always the same.
#[derive(Debug, Clone)]
pub struct TlsProfile {
    versions: Vec<ProtocolVersion>,
    /// For the engine.
    pub config: Arc<ServerConfig>,
}

impl PartialEq for TlsProfile {
    fn eq(&self, other: &Self) -> bool {
        self.versions == other.versions
    }
}

/// What all profiles of a virtual server come to.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    pub(super) idle_timeout: Option<IdleTimeout>,
    pub(super) tls: Option<TlsProfile>,
    pub(super) web: Option<WebProfile>,
}

impl<'a> Translator<'a> {
    pub(super) fn profiles(&mut self, object: &'a Object) -> Profiles {
        let mut profiles = Profiles::default();
        let mut idle = Idle::default();
        let (mut http, mut websocket) = (None, false);
        for used in object.entries("profiles") {
            let path = full_path(&used.name);
            let profile = self.find(&path, |kind| kind.starts_with("profile "));
            match profile.map_or_else(|| built_in(&path), |profile| profile.subkind()) {
                "tcp" => self.tcp(profile, &mut idle),
                "http" => http = self.http_profile(used, profile),
                "websocket" => websocket = self.websocket_profile(used, profile),
                "client-ssl" => profiles.tls = self.client_ssl(used, profile),
                other => self.not_modelled(&used.place, format!("{other} profiles ({path})")),
            }
        }
        profiles.idle_timeout = idle.timeout();
        profiles.web = http.map(|forwarded_for| WebProfile {
            forwarded_for,
            websocket,
        });
        if websocket && http.is_none() {
            self.obstacle(
                object.place_of("profiles"),
                format!(
                    "01070734:3: Configuration error: {}: a websocket profile requires an http profile",
                    object.path
                ),
            );
        }
        profiles
    }

    /// The shortest idle timeout of the two sides counts.
    fn tcp(&self, profile: Option<&'a Object>, idle: &mut Idle) {
        let setting = |name: &str| {
            profile
                .and_then(|profile| self.setting(profile, name))
                .map(Property::word)
        };
        let seconds = match setting("idle-timeout") {
            Some("indefinite") => None,
            Some(word) => word.parse().ok(),
            None => Some(DEFAULT_IDLE),
        };
        idle.after = [idle.after, seconds].into_iter().flatten().min();
        if setting("reset-on-timeout") == Some("disabled") {
            idle.then = IdleAction::Drop;
        }
    }

    /// Whether X-Forwarded-For is inserted.
    fn http_profile(&mut self, used: &Property, profile: Option<&'a Object>) -> Option<bool> {
        let setting = |name: &str| {
            let found = profile.and_then(|profile| self.setting(profile, name));
            found.map(Property::word)
        };
        let forwarded_for = setting("insert-xforwarded-for") == Some("enabled");
        let is_proxy = setting("proxy-type").is_some_and(|kind| kind != "reverse");
        if is_proxy {
            self.not_modelled(&used.place, "http profiles whose proxy-type is not reverse");
        }
        Some(forwarded_for)
    }

    fn websocket_profile(&mut self, used: &Property, profile: Option<&'a Object>) -> bool {
        let setting = |name: &str| {
            let found = profile.and_then(|profile| self.setting(profile, name));
            found.map(Property::word)
        };
        // "selective" unmasks only what another module looks into, and there is none here.
        let masking = setting("masking").unwrap_or("selective");
        let compresses = setting("compress-mode") == Some("typed");
        if !matches!(masking, "selective" | "preserve") {
            let what = format!("websocket profiles that {masking} frames");
            self.not_modelled(&used.place, what);
        }
        if compresses {
            self.not_modelled(&used.place, "websocket profiles that compress");
        }
        true
    }

    /// TLS as the profile says, with the certificate of the stand-in in place of whichever is named.
    fn client_ssl(&mut self, used: &Property, profile: Option<&'a Object>) -> Option<TlsProfile> {
        let options = profile.and_then(|profile| self.setting(profile, "options"));
        let versions = versions(&options.map(words).unwrap_or_default());
        if versions.is_empty() {
            self.not_modelled(&used.place, "client-ssl profiles without TLS 1.2 and 1.3");
            return None;
        }
        if let Some(chain) = profile.and_then(|profile| self.setting(profile, "cert-key-chain"))
            && chain
                .entries()
                .iter()
                .any(|entry| entry.get("cert").is_none_or(|cert| !cert.starts_with('/')))
        {
            let what = "certificates that are written into the configuration instead of named";
            self.not_modelled(&chain.place, what);
        }
        let Some(certificate) = &self.stage.certificate else {
            self.not_modelled(
                &used.place,
                "client-ssl profiles without a certificate of its own",
            );
            return None;
        };
        match certificate.server(&versions) {
            Ok(config) => Some(TlsProfile {
                versions: versions.iter().map(|version| version.version).collect(),
                config,
            }),
            Err(error) => {
                self.not_modelled(&used.place, format!("this client-ssl profile: {error}"));
                None
            }
        }
    }
}

/// What remains of several tcp profiles.
#[derive(Default)]
struct Idle {
    after: Option<u64>,
    then: IdleAction,
}

impl Idle {
    fn timeout(&self) -> Option<IdleTimeout> {
        self.after.map(|seconds| IdleTimeout {
            after: Duration::from_secs(seconds),
            then: self.then,
        })
    }
}

/// The words of a list, in braces or not.
fn words(property: &Property) -> Vec<&str> {
    match &property.value {
        Value::Block(entries) => entries.iter().map(|entry| entry.name.as_str()).collect(),
        Value::Word(word) => word.split_whitespace().collect(),
        Value::Flag => Vec::new(),
    }
}

/// The versions that options leave; TLS 1.3 is off until somebody writes options without `no-tlsv1.3`.
fn versions(options: &[&str]) -> Vec<&'static SupportedProtocolVersion> {
    let off = |option: &str| options.iter().any(|one| one.eq_ignore_ascii_case(option));
    let mut versions = Vec::new();
    if !off("no-tlsv1.2") {
        versions.push(&version::TLS12);
    }
    if !options.is_empty() && !off("no-tlsv1.3") {
        versions.push(&version::TLS13);
    }
    versions
}

/// The kind of a profile that every device has.
fn built_in(path: &str) -> &'static str {
    match base_name(path) {
        name if name.contains("tcp") => "tcp",
        name if name.starts_with("http") => "http",
        name if name.starts_with("clientssl") => "client-ssl",
        name if name.starts_with("serverssl") => "server-ssl",
        "websocket" => "websocket",
        "oneconnect" => "one-connect",
        "fastL4" => "fastl4",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_switch_versions_off_and_1_3_is_off_until_somebody_says_otherwise() {
        let names = |options: &[&str]| -> Vec<String> {
            versions(options)
                .iter()
                .map(|version| format!("{:?}", version.version))
                .collect()
        };

        assert_eq!(names(&[]), ["TLSv1_2"]);
        assert_eq!(names(&["no-tlsv1", "no-tlsv1.1"]), ["TLSv1_2", "TLSv1_3"]);
        assert_eq!(names(&["no-tlsv1.2"]), ["TLSv1_3"]);
        assert_eq!(names(&["no-tlsv1.2", "no-tlsv1.3"]), [""; 0]);
    }
}
