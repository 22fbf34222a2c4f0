//! HTTPS: one connection a task, one device behind a lock.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ALL_VERSIONS;

use super::device::Device;
use super::request::{Request, Response};
use crate::certificate::{Certificate, CertificateError};

/// A declaration with its iRules fits many times over.
const LONGEST_BODY: usize = 8 << 20;
/// Connections at once.
const CONNECTION_LIMIT: usize = 256;
/// From the first byte of a request to the end of its header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the REST face does not come up.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for iControl REST: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// There is no TLS.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A REST face that listens and does not serve yet.
pub struct Server {
    listener: TcpListener,
    tls: TlsAcceptor,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Listens with this certificate.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn bind(address: SocketAddr, certificate: &Certificate) -> Result<Self, ServerError> {
        let cannot = |error| ServerError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self {
            listener,
            tls: certificate.acceptor(ALL_VERSIONS)?,
            address,
        })
    }

    /// Serves until dropped.
    pub async fn run(self, device: Arc<Mutex<Device>>) {
        let places = Arc::new(Semaphore::new(CONNECTION_LIMIT));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            // A client that is gone before it is accepted is no reason to stop.
            let Ok((stream, _)) = self.listener.accept().await else {
                continue;
            };
            let (tls, device) = (self.tls.clone(), Arc::clone(&device));
            tokio::spawn(async move {
                let handshake = tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await;
                if let Ok(Ok(stream)) = handshake {
                    let service = service_fn(|request| answer(request, Arc::clone(&device)));
                    let served = hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(HEADER_TIMEOUT)
                        .serve_connection(TokioIo::new(stream), service);
                    if let Err(error) = served.await {
                        tracing::debug!(%error, "an iControl connection broke");
                    }
                }
                drop(place);
            });
        }
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    device: Arc<Mutex<Device>>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let response = match read(request).await {
        Ok(request) => device.lock().await.answer(&request).await,
        Err(message) => Response {
            status: 400,
            body: json!({ "code": 400, "message": message, "errorStack": [] }),
        },
    };
    let body = if response.body.is_null() {
        String::new()
    } else {
        response.body.to_string()
    };
    let mut answer = hyper::Response::new(Full::from(body));
    *answer.status_mut() = hyper::StatusCode::from_u16(response.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    Ok(answer)
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, String> {
    let (head, body) = request.into_parts();
    let bytes = Limited::new(body, LONGEST_BODY)
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    let body = match bytes.is_empty() {
        true => Json::Null,
        false => serde_json::from_slice(&bytes)
            .map_err(|error| format!("Found invalid JSON: {error}"))?,
    };
    Ok(Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: text(&head.headers, AUTHORIZATION.as_str()),
        token: text(&head.headers, "x-f5-auth-token"),
        transaction: text(&head.headers, "x-f5-rest-coordination-id"),
        body,
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
