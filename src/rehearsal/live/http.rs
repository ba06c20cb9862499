//! The scripted world's sites over HTTP.
//!
//! Lives here: one HTTP/1 connection, and how each way to fail looks on it. Never lives here: what a request is answered.

use std::future::poll_fn;
use std::sync::Arc;

use chrono::TimeDelta;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::door::{Tasks, Visit};
use crate::base::clock::{Clock, ScaledClock};
use crate::client::egress::Named;
use crate::client::http::{HttpRequest, HttpResponse};
use crate::rehearsal::world::http::{Url, error_page};
use crate::rehearsal::world::{Missed, ScriptedWorld};

/// Bytes of a request's body that are read.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// How long a server that never answers holds a connection: longer than anybody waits for an answer.
pub(super) const SILENCE: TimeDelta = TimeDelta::days(1);

/// A request as it arrived.
pub(super) struct Asked {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// What answers requests.
pub(super) type Answer = Arc<dyn Fn(Asked) -> BoxFuture<'static, Result<HttpResponse, Missed>> + Send + Sync>;

/// The connection is reset instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the scenario has this connection reset")]
struct Reset;

/// What happens on a connection to the sites at an address.
pub(super) fn site(world: ScriptedWorld, clock: ScaledClock, origin: String, tasks: &Tasks) -> Visit {
    let answer: Answer = Arc::new(move |asked: Asked| {
        let (world, until) = (world.clone(), clock.now() + SILENCE);
        let url = format!("{origin}{}", asked.target);
        async move {
            let body = (!asked.body.is_empty()).then(|| asked.body.into());
            let request = HttpRequest {
                method: asked.method,
                url: url.clone(),
                headers: Vec::new(),
                body,
                follow_redirects: false,
                named: Named::default(),
                until,
            };
            match Url::of(&url) {
                Some(url) => world.reply(&request, &url, until).await,
                None => Ok(HttpResponse { status: 400, ..HttpResponse::default() }),
            }
        }
        .boxed()
    });
    visit(answer, tasks)
}

/// What happens on a connection to something that answers requests. What was asked for happens even when whoever asked leaves.
pub(super) fn visit(answer: Answer, tasks: &Tasks) -> Visit {
    let tasks = tasks.clone();
    Arc::new(move |stream| connection(stream, answer.clone(), tasks.clone()).boxed())
}

async fn connection(stream: TcpStream, answer: Answer, tasks: Tasks) {
    let service = hyper::service::service_fn(move |request| serve(request, answer.clone(), tasks.clone()).boxed());
    let mut connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    // Any other failure is the client's: it left.
    if ended.is_err() {
        // Without lingering, closing sends a reset. A socket that cannot do that is closed in the ordinary way.
        drop(connection.into_parts().io.into_inner().set_zero_linger());
    }
}

async fn serve(request: Request<Incoming>, answer: Answer, tasks: Tasks) -> Result<Response<Full<Bytes>>, Reset> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(wire(HttpResponse { status: 413, ..HttpResponse::default() }));
    };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let asked = Asked { method: head.method, target, headers: head.headers, body };
    match tasks.finish(answer(asked)).await.ok_or(Reset)? {
        Ok(response) => Ok(wire(response)),
        Err(Missed::Struck(how)) => error_page(how, std::time::Duration::ZERO).map(wire).ok_or(Reset),
        // The service went down between the connection and the request.
        Err(Missed::Send(_) | Missed::Railway(_)) => Err(Reset),
    }
}

fn wire(answer: HttpResponse) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
