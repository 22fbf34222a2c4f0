//! A running engine over plain HTTP and JSON, for tools and for the lab itself.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /stats` | | [`Stats`](crate::engine::Stats) |
//! | `GET /connections` | | a list of [`ConnectionStats`](crate::engine::ConnectionStats) |
//! | `GET /log` | | a list of [`LogLine`](crate::engine::LogLine) |
//! | `PATCH /members/ADDRESS:PORT` | [`MemberChange`] | `{"ended": connections}` |
//! | `POST /members` | `{"pool": …, "member": …}` | `{}` |
//! | `DELETE /members/ADDRESS:PORT` | | `{}` |
//! | `POST /fault` | [`Fault`] | [`FaultReport`](crate::engine::FaultReport) |
//! | `POST /stop` | | `{}`, then the process ends |
//!
//! What cannot be done is answered with 400, 404 or 405 and `{"error": reason}`.

use std::{convert::Infallible, future::Future, net::SocketAddr, rc::Rc};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    engine::{Handle, MemberChange, NotThere, Stopped},
    faults::Fault,
    model::Member,
};

/// Longest body of a request.
const LONGEST_BODY: usize = 64 * 1024;

/// The body of `POST /members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NewMember {
    /// The pool it joins.
    pub pool: String,
    /// The member.
    pub member: Member,
}

/// Answers requests until somebody asks to stop. Runs inside a [`LocalSet`](tokio::task::LocalSet).
pub async fn serve(listener: TcpListener, handle: Handle) {
    let stop = Rc::new(Notify::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.notified() => return,
        };
        // A client that is gone before it is accepted is no reason to stop.
        let Ok((stream, _)) = accepted else { continue };
        let (handle, stop) = (handle.clone(), Rc::clone(&stop));
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| answer(request, handle.clone(), Rc::clone(&stop)));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a REST connection broke");
            }
        });
    }
}

type Answer = Result<serde_json::Value, Complaint>;

/// Why a request is not done.
struct Complaint(StatusCode, String);

impl From<Stopped> for Complaint {
    fn from(stopped: Stopped) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string())
    }
}

impl From<NotThere> for Complaint {
    fn from(missing: NotThere) -> Self {
        Self(StatusCode::NOT_FOUND, missing.to_string())
    }
}

async fn answer(
    request: Request<Incoming>,
    handle: Handle,
    stop: Rc<Notify>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match dispatch(request, &handle, &stop).await {
        Ok(value) => (StatusCode::OK, value),
        Err(Complaint(status, error)) => (status, json!({ "error": error })),
    };
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

async fn dispatch(request: Request<Incoming>, handle: &Handle, stop: &Notify) -> Answer {
    let path = request.uri().path().to_owned();
    let steps: Vec<&str> = path.split('/').skip(1).collect();
    match (request.method(), steps.as_slice()) {
        (&Method::GET, ["stats"]) => value_of(handle.stats()).await,
        (&Method::GET, ["connections"]) => value_of(handle.connections()).await,
        (&Method::GET, ["log"]) => value_of(handle.log()).await,
        (&Method::PATCH, ["members", member]) => {
            let member = address(member)?;
            let change: MemberChange = body(request).await?;
            Ok(json!({ "ended": handle.change_member(member, change).await?? }))
        }
        (&Method::POST, ["members"]) => {
            let NewMember { pool, member } = body(request).await?;
            handle.add_member(pool, member).await??;
            Ok(json!({}))
        }
        (&Method::DELETE, ["members", member]) => {
            handle.remove_member(address(member)?).await??;
            Ok(json!({}))
        }
        (&Method::POST, ["fault"]) => {
            let fault: Fault = body(request).await?;
            value_of(handle.inflict(fault)).await
        }
        (&Method::POST, ["stop"]) => {
            handle.stop().await;
            stop.notify_one();
            Ok(json!({}))
        }
        (
            _,
            ["stats" | "connections" | "log" | "fault" | "stop"] | ["members"] | ["members", _],
        ) => Err(Complaint(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{} does not go with {path}", request.method()),
        )),
        _ => {
            let known = "there are /stats, /connections, /log, /members, /fault and /stop";
            Err(Complaint(
                StatusCode::NOT_FOUND,
                format!("there is no {path}; {known}"),
            ))
        }
    }
}

async fn value_of<T: Serialize>(question: impl Future<Output = Result<T, Stopped>>) -> Answer {
    serde_json::to_value(question.await?)
        .map_err(|error| Complaint(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Complaint> {
    let bad = |error: String| Complaint(StatusCode::BAD_REQUEST, error);
    let bytes = Limited::new(request.into_body(), LONGEST_BODY)
        .collect()
        .await
        .map_err(|error| bad(error.to_string()))?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))
}

fn address(text: &str) -> Result<SocketAddr, Complaint> {
    text.parse().map_err(|_| {
        Complaint(
            StatusCode::BAD_REQUEST,
            format!("`{text}` is no address; write 127.0.0.1:8800 or [::1]:8800"),
        )
    })
}
