//! A certificate of the stand-in's own making, as a device has one out of the box.

use std::sync::Arc;

use base64::Engine;
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
    /// TLS does not take it.
    #[error("TLS: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// A self-signed certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
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
            key: PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()),
            pem: pem(made.cert.der()),
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
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.clone()],
                PrivateKeyDer::Pkcs8(self.key.clone_key()),
            )?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// RFC 7468: base64 in lines of 64.
fn pem(certificate: &[u8]) -> String {
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
