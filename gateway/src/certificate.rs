//! Certificates of listeners: read from files, and read again on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::Signal;
use tracing::{error, info};

/// Where a certificate and its key are, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The certificate, and behind it those that vouch for it.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {remedy}")]
pub(crate) struct CertificateError {
    pub(crate) flaw: Flaw,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// Which of the files is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Certificate,
    Key,
    /// They belong to different pairs.
    Mismatch,
}

impl Files {
    /// Reads both, and checks that they fit together.
    ///
    /// # Errors
    /// A file is not there or not what it should be, or the key is not the certificate's.
    pub(crate) fn load(&self) -> Result<Arc<CertifiedKey>, CertificateError> {
        let chain = read_chain(&self.certificate).map_err(|error| {
            let wanted = "the certificate as PEM, and behind it those that vouch for it";
            flawed(Flaw::Certificate, &self.certificate, &error, wanted)
        })?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            let wanted = "the certificate's private key as PEM, without a password";
            flawed(Flaw::Key, &self.key, &error, wanted)
        })?;
        let provider = ring::default_provider();
        let signing = provider.key_provider.load_private_key(key);
        let signing = signing.map_err(|error| CertificateError {
            flaw: Flaw::Key,
            what: format!("the key in {} cannot be used: {error}", self.key.display()),
            remedy: "use an RSA key of 2048 to 8192 bits, or ECDSA P-256 or P-384, or Ed25519"
                .to_owned(),
        })?;
        let certified = CertifiedKey::new(chain, signing);
        certified
            .keys_match()
            .map_err(|error| self.mismatch(&error))?;
        Ok(Arc::new(certified))
    }

    fn mismatch(&self, error: &rustls::Error) -> CertificateError {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        if !matches!(error, rustls::Error::InconsistentKeys(_)) {
            return CertificateError {
                flaw: Flaw::Certificate,
                what: format!("the certificate in {certificate} cannot be used: {error}"),
                remedy: "it has to be an X.509 certificate, version 3".to_owned(),
            };
        }
        CertificateError {
            flaw: Flaw::Mismatch,
            what: format!("the key in {key} is not that of the certificate in {certificate}"),
            remedy: format!(
                "name the key the certificate was made for; these two must print the same: \
                 openssl x509 -in {certificate} -noout -pubkey; openssl pkey -in {key} -pubout"
            ),
        }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(pem::Error::NoItemsFound);
    }
    Ok(chain)
}

fn flawed(flaw: Flaw, path: &Path, error: &pem::Error, wanted: &str) -> CertificateError {
    let what = match error {
        pem::Error::Io(error) => format!("cannot read {}: {error}", path.display()),
        pem::Error::NoItemsFound => format!("{} holds none", path.display()),
        error => format!("{} is damaged: {error}", path.display()),
    };
    CertificateError {
        flaw,
        what,
        remedy: format!("name a file that holds {wanted}"),
    }
}

/// The certificate that new connections are shown.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: Files,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    pub(crate) fn new(files: Files, certified: Arc<CertifiedKey>) -> Self {
        Self {
            files,
            current: RwLock::new(certified),
        }
    }

    /// Reads the files again. What cannot be used changes nothing.
    ///
    /// # Errors
    /// As [`Files::load`].
    pub(crate) fn reload(&self) -> Result<(), CertificateError> {
        let fresh = self.files.load()?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.files.certificate
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// How a listener speaks TLS: 1.2 or 1.3, HTTP/1.1 inside, and no memory for sessions that ended: what resumes them is
/// in a ticket that the client keeps.
///
/// # Errors
/// The machine has no randomness for the key of the tickets.
pub(crate) fn server_config(certificate: Arc<Certificate>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// Reads every certificate again whenever the process is told to (SIGHUP). Connections that are open keep what they have.
pub(crate) async fn reload_on_hangup(certificates: Vec<Arc<Certificate>>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        for certificate in &certificates {
            let path = certificate.path().display();
            match certificate.reload() {
                Ok(()) => info!(certificate = %path, "read again; new connections are shown it"),
                Err(error) => {
                    error!(certificate = %path, %error, "not read again; the one before stays")
                }
            }
        }
    }
}
