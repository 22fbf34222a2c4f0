//! The stand-in's certificate: of its own making, as a device has one out of the box, or given.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

/// Names that clients on this machine may use.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "stand-in.tidegate.lab"];

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// No certificate can be made.
    #[error("cannot make a certificate: {0}")]
    Made(#[from] rcgen::Error),
    /// A file is not what it should be.
    #[error("{file}: {error}")]
    Unusable {
        /// Which.
        file: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// TLS does not take it.
    #[error("TLS: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// A self-signed certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    /// The certificate in PEM, for whoever is to believe it.
    pub pem: String,
}

impl Certificate {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn make() -> Result<Self, CertificateError> {
        let made = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned).to_vec())?;
        Ok(Self {
            certificate: made.cert.der().clone(),
            key: PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into(),
            pem: pem_of(made.cert.der()),
        })
    }

    /// One that somebody else has made.
    ///
    /// # Errors
    /// When either file cannot be read or is no PEM.
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let unusable = |file: &Path, error: pem::Error| CertificateError::Unusable {
            file: file.to_owned(),
            error,
        };
        let shown = CertificateDer::from_pem_file(certificate)
            .map_err(|error| unusable(certificate, error))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
        Ok(Self {
            pem: pem_of(&shown),
            certificate: shown,
            key,
        })
    }

    /// A TLS server with it, for these versions.
    ///
    /// # Errors
    /// When TLS does not take the certificate.
    pub fn acceptor(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<TlsAcceptor, CertificateError> {
        self.server(versions).map(TlsAcceptor::from)
    }

    /// What a TLS server with it is configured with, for these versions.
    ///
    /// # Errors
    /// When TLS does not take the certificate.
    pub fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        Ok(Arc::new(config))
    }
}

/// RFC 7468: base64 in lines of 64.
fn pem_of(certificate: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}
