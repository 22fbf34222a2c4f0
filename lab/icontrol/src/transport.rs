//! One request, one connection, one answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::target::{Target, Trust};

/// A declaration takes minutes on a small device.
const PATIENCE: Duration = Duration::from_secs(180);
/// From the first packet to the end of the TLS handshake.
const TO_CONNECT: Duration = Duration::from_secs(15);
/// The statistics of 10,000 members are a few megabytes.
const LONGEST_ANSWER: usize = 64 << 20;

/// A request. Its headers are secrets; its body is one only at the login.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) body: &'a Json,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The device has not heard the request.
    #[error("cannot connect to {0}: {1}")]
    Unheard(Target, io::Error),
    /// It may have heard and even obeyed it.
    #[error("{0} did not answer: {1}")]
    Unanswered(Target, String),
}

/// The way to one device.
pub(crate) struct Transport {
    target: Target,
    tls: TlsConnector,
    runtime: Runtime,
}

impl Transport {
    pub(crate) fn new(target: Target, trust: &Trust) -> io::Result<Self> {
        Ok(Self {
            target,
            tls: TlsConnector::from(Arc::new(config(trust)?)),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    pub(crate) fn exchange(&self, request: &Request<'_>) -> Result<Answer, Lost> {
        self.runtime.block_on(async {
            let stream = tokio::time::timeout(TO_CONNECT, self.connect())
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(|error| Lost::Unheard(self.target.clone(), error))?;
            let unanswered = |reason: String| Lost::Unanswered(self.target.clone(), reason);
            match tokio::time::timeout(PATIENCE, self.ask(stream, request)).await {
                Ok(answer) => answer.map_err(unanswered),
                Err(_) => Err(unanswered(format!("nothing within {PATIENCE:?}"))),
            }
        })
    }

    async fn connect(&self) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect((self.target.host.as_str(), self.target.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(self.target.host.clone()).map_err(io::Error::other)?;
        self.tls.connect(name, stream).await
    }

    async fn ask(
        &self,
        stream: tokio_rustls::client::TlsStream<TcpStream>,
        request: &Request<'_>,
    ) -> Result<Answer, String> {
        let words = |error: hyper::Error| error.to_string();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(words)?;
        let exchange = async {
            let response = sender
                .send_request(self.http(request)?)
                .await
                .map_err(words)?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER)
                .collect()
                .await;
            let bytes = body.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer {
                status,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        // The connection must be driven while the exchange waits; it ends by itself only when it breaks.
        let mut broken = false;
        std::future::poll_fn(|cx| {
            use std::future::Future;
            if !broken && connection.as_mut().poll(cx).is_ready() {
                broken = true;
            }
            exchange.as_mut().poll(cx)
        })
        .await
    }

    fn http(&self, request: &Request<'_>) -> Result<hyper::Request<Full<Bytes>>, String> {
        let body = match request.body {
            Json::Null => String::new(),
            body => body.to_string(),
        };
        let authority = self.target.to_string();
        let authority = authority.strip_prefix("https://").unwrap_or(&authority);
        let mut built = hyper::Request::builder()
            .method(request.method)
            .uri(request.path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = request.token {
            let mut token = HeaderValue::from_str(token).map_err(|error| error.to_string())?;
            token.set_sensitive(true);
            built = built.header("X-F5-Auth-Token", token);
        }
        built
            .body(Full::from(body))
            .map_err(|error| error.to_string())
    }
}

fn config(trust: &Trust) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
        Trust::Only(certificates) => {
            roots.add_parsable_certificates(certificates.iter().cloned());
        }
        Trust::Anybody => {
            let verifier = Arc::new(Unverified(provider));
            return Ok(builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_no_client_auth());
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Believes every certificate; the handshake itself is still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, tokio_rustls::rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
