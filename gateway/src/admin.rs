//! The admin port: plain HTTP for load balancers' monitors, Prometheus and people. It never speaks the PROXY protocol
//! and holds no state of its own.
//!
//! `GET /health`, `/ready`, `/metrics`, `/workgroups`, `/connections`; `POST /drain`.

mod reports;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use gateway_engine::Mailbox;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::workgroup::Command;

/// What the admin port can tell and do.
pub(crate) struct Admin {
    readiness: Arc<Readiness>,
    metrics: Metrics,
    registry: Registry,
    mailboxes: Vec<Mailbox<Command>>,
    drain: mpsc::Sender<()>,
}

type Answer = Response<Full<Bytes>>;

/// Connections served at a time; monitors and scrapers need few.
const MOST_CONNECTIONS: usize = 128;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

impl Admin {
    pub(crate) fn new(
        readiness: Arc<Readiness>,
        metrics: Metrics,
        mailboxes: Vec<Mailbox<Command>>,
        drain: mpsc::Sender<()>,
    ) -> Self {
        let registry = metrics.registry();
        Self {
            readiness,
            metrics,
            registry,
            mailboxes,
            drain,
        }
    }

    /// Serves until dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let admin = Arc::clone(&self);
                    tokio::spawn(async move {
                        admin.serve_connection(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin port cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let admin = Arc::clone(&self);
            async move { Ok::<_, Infallible>(admin.answer(&request).await) }
        });
        // What a broken client gets is its own affair.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/health") => text(StatusCode::OK, "alive\n"),
            (&Method::GET | &Method::HEAD, "/ready") => self.ready(),
            (&Method::GET, "/metrics") => self.show_metrics(),
            (&Method::GET, "/workgroups") => {
                json(StatusCode::OK, reports::workgroups(&self.metrics))
            }
            (&Method::GET, "/connections") => self.connections().await,
            (&Method::POST, "/drain") => self.begin_drain(),
            (_, "/health" | "/ready" | "/metrics" | "/workgroups" | "/connections") => {
                not_allowed("GET")
            }
            (_, "/drain") => not_allowed("POST"),
            _ => text(
                StatusCode::NOT_FOUND,
                "here are: GET /health /ready /metrics /workgroups /connections, POST /drain\n",
            ),
        }
    }

    fn ready(&self) -> Answer {
        match self.readiness.check() {
            Ok(()) => json(
                StatusCode::OK,
                serde_json::json!({ "ready": true }).to_string(),
            ),
            Err(reason) => json(
                StatusCode::SERVICE_UNAVAILABLE,
                serde_json::json!({ "ready": false, "reason": reason }).to_string(),
            ),
        }
    }

    fn show_metrics(&self) -> Answer {
        const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let mut out = String::new();
        match prometheus_client::encoding::text::encode(&mut out, &self.registry) {
            Ok(()) => answer(StatusCode::OK, OPEN_METRICS, out),
            Err(_) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics cannot be written\n",
            ),
        }
    }

    async fn connections(&self) -> Answer {
        let mailboxes = self.mailboxes.clone();
        match tokio::task::spawn_blocking(move || reports::connections(&mailboxes)).await {
            Ok(Ok(report)) => json(StatusCode::OK, report),
            Ok(Err(reason)) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{reason}\n")),
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the report was lost\n"),
        }
    }

    fn begin_drain(&self) -> Answer {
        // Full means that it was asked before, which is as good.
        let _ = self.drain.try_send(());
        text(
            StatusCode::ACCEPTED,
            "draining: /ready says 503 from now on\n",
        )
    }
}

fn not_allowed(method: &'static str) -> Answer {
    let mut answer = text(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("ask with {method}\n"),
    );
    answer
        .headers_mut()
        .insert(ALLOW, hyper::header::HeaderValue::from_static(method));
    answer
}

fn text(status: StatusCode, body: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", body.to_owned())
}

fn json(status: StatusCode, body: String) -> Answer {
    answer(status, "application/json", body)
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    answer
}
