//! TLS for `wss://`.

use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::event::{Cause, Lost};

/// Speaks TLS on a connection, and makes sure that it is the server that was meant.
pub(super) async fn begin(
    host: &str,
    stream: TcpStream,
    config: Option<Arc<ClientConfig>>,
) -> Result<TlsStream<TcpStream>, Lost> {
    let failed = |detail: String| Lost::new(Cause::Tls).with_detail(detail);
    let config = match config {
        Some(config) => config,
        None => system_config().map_err(|error| failed(error.clone()))?,
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
    TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| failed(error.to_string()))
}

/// Trusts what the system trusts. Reading its certificates takes long, so that all devices of a process share them.
fn system_config() -> Result<Arc<ClientConfig>, &'static String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();

    CONFIG
        .get_or_init(|| read_system_config().map(Arc::new))
        .as_ref()
        .map(Arc::clone)
}

fn read_system_config() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(
            "the system has no certificates to trust: install some, or give a TLS configuration"
                .to_owned(),
        );
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
