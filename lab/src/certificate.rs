//! The certificate that gateways, or a load balancer before them, show when a stage has them speak TLS, made for one run; devices believe it and no other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use gateway_engine::DialTls;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

/// Whom the certificate names, and devices mean.
pub(crate) const NAME: &str = "gateway.test";

/// A certificate and where it and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// As PEM.
    pub(crate) file: PathBuf,
    /// The private key, as PEM.
    pub(crate) key: PathBuf,
    /// What devices are given to believe.
    pub(crate) der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes one and puts it in `folder`.
    pub(crate) fn make(folder: &Path) -> anyhow::Result<Self> {
        let pair = rcgen::generate_simple_self_signed([NAME.to_owned()])
            .context("cannot make a certificate")?;
        let (file, key) = (folder.join("gateway.pem"), folder.join("gateway.key"));
        std::fs::write(&file, pair.cert.pem()).context("cannot write the certificate")?;
        std::fs::write(&key, pair.signing_key.serialize_pem())
            .context("cannot write the certificate's key")?;
        Ok(Self {
            file,
            key,
            der: pair.cert.der().clone(),
        })
    }
}

/// How devices speak TLS when they believe this certificate and no other.
pub(crate) fn believing(certificate: &CertificateDer<'static>) -> anyhow::Result<DialTls> {
    let mut roots = RootCertStore::empty();
    roots
        .add(certificate.clone())
        .context("the gateways' certificate cannot be believed")?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(DialTls {
        config: Arc::new(config),
        name: ServerName::try_from(NAME)?,
    })
}
