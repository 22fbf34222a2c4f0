//! The certificate of a listener that speaks TLS.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use toml::Spanned;

use super::section::Section;
use crate::certificate::{Files, Flaw};

/// `tls.certificate` and `tls.key`, loaded.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) files: Files,
    pub(crate) certified: Arc<CertifiedKey>,
}

/// Both keys or neither; what they name has to be there and to fit together.
pub(super) fn read(mut section: Section<'_, '_>, folder: &Path) -> Option<Tls> {
    let certificate = section.take::<String>("certificate");
    let key = section.take::<String>("key");
    let tls = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => load(&section, folder, certificate, key),
        (Some(half), None) => {
            let remedy =
                "write tls.key = \"gateway.key\" as well: the certificate's private key, as PEM";
            lacks(&section, half.span(), "key", remedy)
        }
        (None, Some(half)) => {
            let remedy = "write tls.certificate = \"gateway.pem\" as well: the certificate and what vouches for it, as PEM";
            lacks(&section, half.span(), "certificate", remedy)
        }
    };
    section.finish();
    tls
}

fn lacks(section: &Section<'_, '_>, span: Range<usize>, key: &str, remedy: &str) -> Option<Tls> {
    section.complain(span, format!("TLS without `tls.{key}`"), remedy);
    None
}

/// Relative paths begin at the folder of the configuration.
fn load(
    section: &Section<'_, '_>,
    folder: &Path,
    certificate: Spanned<String>,
    key: Spanned<String>,
) -> Option<Tls> {
    let place = |typed: &Spanned<String>| -> PathBuf { folder.join(typed.get_ref()) };
    let files = Files {
        certificate: place(&certificate),
        key: place(&key),
    };
    match files.load() {
        Ok(certified) => Some(Tls { files, certified }),
        Err(error) => {
            let span = match error.flaw {
                Flaw::Certificate => certificate.span(),
                Flaw::Key | Flaw::Mismatch => key.span(),
            };
            section.complain(span, error.what, error.remedy);
            None
        }
    }
}
