//! Which device is asked.

use std::fmt;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The address of a device's management, as `https://HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a target is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{typed}: {reason}; write https://HOST or https://HOST:PORT")]
pub struct TargetError {
    typed: String,
    reason: &'static str,
}

impl Target {
    /// Reads `https://HOST[:PORT]`.
    ///
    /// # Errors
    /// Anything else; credentials in the URL in particular, as command lines are public.
    pub fn parse(typed: &str) -> Result<Self, TargetError> {
        // What was typed before an `@` may be a password.
        let shown = || typed.rsplit('@').next().unwrap_or_default().to_owned();
        let wrong = |reason| TargetError {
            typed: shown(),
            reason,
        };
        let rest = typed
            .strip_prefix("https://")
            .ok_or_else(|| wrong("not https"))?;
        if rest.contains('@') {
            return Err(wrong("credentials do not belong on a command line"));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = port
            .map_or(Ok(443), str::parse)
            .map_err(|_| wrong("the port is not a number"))?;
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(wrong("not a host"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port {
            443 => write!(out, "https://{host}"),
            port => write!(out, "https://{host}:{port}"),
        }
    }
}

/// Whose certificate is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that this machine's own authorities have signed.
    #[default]
    System,
    /// These, and those that they have signed.
    Only(Vec<CertificateDer<'static>>),
    /// Any. Whoever is in between can read the password.
    Anybody,
}

impl Trust {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// A file that cannot be read or holds no certificate.
    pub fn from_pem_file(file: &std::path::Path) -> Result<Self, String> {
        let read =
            CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(certificates) if !certificates.is_empty() => Ok(Self::Only(certificates)),
            Ok(_) => Err(format!("{} holds no certificate in PEM", file.display())),
            Err(error) => Err(format!(
                "cannot read certificates from {}: {error}",
                file.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        let seen = |typed| {
            Target::parse(typed).map_or_else(|error| error.to_string(), |target| target.to_string())
        };

        assert_eq!(seen("https://bigip.example"), "https://bigip.example");
        assert_eq!(seen("https://192.0.2.1:8443/"), "https://192.0.2.1:8443");
        assert_eq!(seen("https://[2001:db8::1]"), "https://[2001:db8::1]");
        assert_eq!(
            seen("bigip.example"),
            "bigip.example: not https; write https://HOST or https://HOST:PORT"
        );
        assert!(!seen("https://admin:secret@bigip.example").contains("secret"));
    }
}
