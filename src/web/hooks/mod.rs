//! Hooks: the addresses to which other systems post their alerts.
//!
//! Lives here: what is set, the order of the checks, statuses. Never lives here: each check itself (`rate`, `proof`, `seen`), the shapes of
//! bodies (`shape`), what follows from an alert (`domain/alert`).
//!
//! What is cheap to refuse is refused first, and nothing a request says is read before it has proved where it comes from: path and method,
//! announced size, content type, rate, the body up to its limit, proof over its bytes, whether it came before, JSON, shape.

mod heartbeat;
mod proof;
mod rate;
mod seen;
mod shape;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use chrono::TimeDelta;
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, select};
use futures::pin_mut;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

use super::listen::Peer;
use crate::base::clock::Clock;
use crate::base::event::Severity;
use crate::base::metrics;
use crate::bot::Fault;
use crate::bot::alerting::Took;
use crate::domain::alert::Alert;
pub use proof::{Proof, Signed, Token};
use proof::{Refused, Shown};
use rate::Rate;
use seen::{Known, Seen};
use shape::Unfit;

/// The largest body, in bytes.
const BODY: usize = 1024 * 1024;
/// How long a body may take to come in.
const READ: TimeDelta = TimeDelta::seconds(10);
/// How long the journal may take.
const WRITE: TimeDelta = TimeDelta::seconds(15);

/// A system that reports alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// Grafana's own alerting.
    Grafana,
    /// Railway's project webhooks.
    Railway,
    /// Anything that can be taught to post.
    Generic,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Alertmanager, Self::Grafana, Self::Railway, Self::Generic];

    /// As it stands in the path, the settings and the record.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::Railway => "railway",
            Self::Generic => "generic",
        }
    }
}

/// What is set.
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What each source that may post proves itself with.
    pub sources: BTreeMap<Source, Proof>,
    /// How bad the words of sources are, in small letters; before the usual ones.
    pub severities: BTreeMap<String, Severity>,
    /// What whoever calls in for a heartbeat shows, where that is heard here.
    pub heartbeat: Option<Token>,
}

/// What is to be taken in, and where to say what came of it.
pub enum Job {
    /// Alerts.
    Alerts {
        /// The alerts.
        alerts: Vec<Alert>,
        /// Whoever waits for the answer.
        answer: oneshot::Sender<Result<Took, Fault>>,
    },
    /// A heartbeat was heard.
    Beat {
        /// Of which monitor.
        monitor: String,
        /// Whoever waits for the answer.
        answer: oneshot::Sender<Result<(), Fault>>,
    },
}

/// What all requests share.
pub struct Desk {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    jobs: mpsc::Sender<Job>,
    rate: Mutex<Rate>,
    seen: Mutex<Seen>,
}

/// Requests whose alerts wait for the journal at a time. Where there are more, the source is asked to send them again.
const WAITING: usize = 64;

/// The addresses, and what is to be taken in through them.
pub fn open(settings: Arc<Settings>, clock: Arc<dyn Clock>) -> (Router, mpsc::Receiver<Job>) {
    for source in settings.sources.keys() {
        // There from the start: what was never seen cannot be seen to grow.
        let source = ("source", source.word().into());
        metrics::ALERTS_RECEIVED.add(std::slice::from_ref(&source), 0);
        REASONS
            .iter()
            .for_each(|reason| metrics::ALERTS_REFUSED.add(&[source.clone(), ("reason", (*reason).into())], 0));
    }
    let (jobs, todo) = mpsc::channel(WAITING);
    (router(Arc::new(Desk::new(settings, clock, jobs))), todo)
}

fn router(desk: Arc<Desk>) -> Router {
    let hooks = Router::new()
        .route("/heartbeat/{key}/{monitor}", get(heartbeat::hear).post(heartbeat::hear))
        .route("/{source}", post(take))
        .route("/{source}/{key}", post(take))
        .fallback(nothing)
        .method_not_allowed_fallback(|| async { refuse(StatusCode::METHOD_NOT_ALLOWED, "alerts are posted here") })
        .with_state(desk);
    Router::new().nest("/hooks", hooks)
}

/// The answer where there is nothing, for an address at which nothing but hooks is answered.
pub async fn nothing() -> Response {
    refuse(StatusCode::NOT_FOUND, "there is nothing here")
}

async fn take(
    State(desk): State<Arc<Desk>>,
    Path(path): Path<BTreeMap<String, String>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let named = path.get("source").map(String::as_str).unwrap_or_default();
    let key = path.get("key").map(String::as_str);
    let known = Source::ALL.into_iter().find(|source| source.word() == named);
    let of = known.and_then(|source| Some((source, desk.settings.sources.get(&source)?)));
    // Only a source whose secret is in the path has a second part.
    let of = of.filter(|(_, proof)| key.is_none() || matches!(proof, Proof::Path(_)));
    let Some((source, proof)) = of else { return refuse(StatusCode::NOT_FOUND, "there is nothing here") };
    let taken = desk.take(source, proof, key, peer, request).await;
    if let Some(reason) = refused_for(taken.status()) {
        metrics::ALERTS_REFUSED.add(&[("source", source.word().into()), ("reason", reason.into())], 1);
    }
    // Who sends too much must not fill the log as well.
    if !matches!(taken.status(), StatusCode::ACCEPTED | StatusCode::TOO_MANY_REQUESTS) {
        let (source, status) = (source.word(), taken.status().as_u16());
        tracing::warn!(source, status, %peer, "alerts were refused");
    }
    taken
}

impl Desk {
    /// A desk that hands on to whoever reads `jobs`.
    #[must_use]
    pub fn new(settings: Arc<Settings>, clock: Arc<dyn Clock>, jobs: mpsc::Sender<Job>) -> Self {
        Self { settings, clock, jobs, rate: Mutex::default(), seen: Mutex::default() }
    }

    async fn take(
        &self,
        source: Source,
        proof: &Proof,
        key: Option<&str>,
        peer: SocketAddr,
        request: Request<Body>,
    ) -> Response {
        let (head, body) = request.into_parts();
        if let Some(refused) = misfit(&head.headers) {
            return refused;
        }
        if let Err(seconds) = locked(&self.rate).take(source.word(), peer.ip(), self.clock.now()) {
            let mut refused = refuse(StatusCode::TOO_MANY_REQUESTS, "that is too many at once; send it again later");
            refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            return refused;
        }
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(refused) => return *refused,
        };
        let header = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
        let once = match proof.check(Shown { header: &header, key, body: &body }, self.clock.now()) {
            Ok(once) => once,
            Err(Refused::Stale) => {
                // Either somebody sends what was overheard, or one of the two clocks is wrong: then nothing works any more.
                tracing::warn!(source = source.word(), "the signed time is more than five minutes from this machine's");
                return refuse(StatusCode::UNAUTHORIZED, "this was signed at another time");
            }
            Err(Refused::Missing | Refused::Forged) => {
                return refuse(StatusCode::UNAUTHORIZED, "this does not prove where it comes from");
            }
        };
        match once.map(|once| locked(&self.seen).remember(once, self.clock.now())) {
            None | Some(Known::New) => {}
            Some(Known::Again) => return refuse(StatusCode::CONFLICT, "this came already"),
            Some(Known::Full) => return refuse(StatusCode::TOO_MANY_REQUESTS, "too much came lately"),
        }
        let answer = self.carry_out(source, &body).await;
        if answer.status().is_server_error()
            && let Some(once) = once
        {
            locked(&self.seen).forget(once);
        }
        answer
    }

    /// The body up to its limit, within its time.
    async fn read(&self, body: Body) -> Result<axum::body::Bytes, Box<Response>> {
        let late = self.clock.sleep_until(self.clock.now() + READ);
        let read = Limited::new(body, BODY).collect();
        pin_mut!(read);
        match select(read, late).await {
            Either::Left((Ok(body), _)) => Ok(body.to_bytes()),
            Either::Left((Err(error), _)) if error.is::<LengthLimitError>() => Err(Box::new(too_large())),
            Either::Left((Err(_), _)) => Err(Box::new(refuse(StatusCode::BAD_REQUEST, "the request broke off"))),
            Either::Right(_) => Err(Box::new(refuse(StatusCode::REQUEST_TIMEOUT, "the request took too long"))),
        }
    }

    /// What a request says that has proved where it comes from.
    async fn carry_out(&self, source: Source, body: &[u8]) -> Response {
        let (alerts, left_out) = match shape::read(source, body, &self.settings.severities) {
            Ok(read) => (read.alerts, read.left_out),
            Err(Unfit::NoJson(why)) => return refuse(StatusCode::BAD_REQUEST, &why),
            Err(Unfit::OtherShape(why)) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, &why),
        };
        if left_out > 0 {
            tracing::warn!(
                source = source.word(),
                left_out,
                "alerts of a body were left out: there are too many in it"
            );
        }
        let number = alerts.len();
        let later = || refuse(StatusCode::SERVICE_UNAVAILABLE, "this could not be written down; send it again");
        let (answer, took) = oneshot::channel();
        if self.jobs.clone().try_send(Job::Alerts { alerts, answer }).is_err() {
            return later();
        }
        let late = self.clock.sleep_until(self.clock.now() + WRITE);
        match select(took, late).await {
            Either::Left((Ok(Ok(took)), _)) => {
                metrics::ALERTS_RECEIVED.add(&[("source", source.word().into())], number as u64);
                let incidents: Vec<&str> = took.incidents.iter().map(|incident| incident.as_str()).collect();
                let told = json!({ "accepted": number, "left_out": left_out, "incidents": incidents });
                (StatusCode::ACCEPTED, Json(told)).into_response()
            }
            // Taking in the same alerts again changes nothing, so it does not matter how far it came.
            _ => later(),
        }
    }
}

/// Why requests are refused, as metrics tell them apart.
const REASONS: [&str; 5] = ["unproven", "malformed", "repeated", "too_many", "not_written"];

/// Why a request was refused, as metrics tell; `None` where it was not.
fn refused_for(status: StatusCode) -> Option<&'static str> {
    let [unproven, malformed, repeated, too_many, not_written] = REASONS;
    match status {
        StatusCode::ACCEPTED => None,
        StatusCode::UNAUTHORIZED => Some(unproven),
        StatusCode::CONFLICT => Some(repeated),
        StatusCode::TOO_MANY_REQUESTS => Some(too_many),
        status if status.is_server_error() => Some(not_written),
        _ => Some(malformed),
    }
}

/// What can be refused by the head alone.
fn misfit(headers: &HeaderMap) -> Option<Response> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let length = text(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY as u64) {
        return Some(too_large());
    }
    let kind = text(CONTENT_TYPE).and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let is_json = kind.trim().eq_ignore_ascii_case("application/json");
    (!is_json).then(|| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "alerts are application/json"))
}

fn too_large() -> Response {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 1 MiB")
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
