//! What whoever operates this process asks: does it answer, is it ready, what has it measured.
//!
//! Lives here: the addresses, who may read the metrics, statuses. Never lives here: what ready means (`bot/readiness`), what is measured
//! (`bot/metrics`). None of them needs a session: a platform asks them, not a person. They say nothing about incidents or
//! people; metrics name runbooks, and are therefore for this machine or for who shows a token.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, FORWARDED, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures::lock::Mutex;
use serde_json::json;

use super::hooks::Token;
use super::listen::Peer;
use super::session::is_loopback;
use crate::bot::Bot;
use crate::bot::metrics::Meter;
use crate::bot::readiness::Readiness;

/// Prometheus' text format, <https://prometheus.io/docs/instrumenting/exposition_formats/>.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Who may read the metrics.
pub enum Readers {
    /// Whoever is on this machine.
    Local,
    /// Whoever shows the token, from wherever.
    Bearer(Box<Token>),
    /// Nobody: requests of strangers come from this machine, too, because a proxy passes them on, and there is no token.
    Nobody,
}

/// What all requests share.
pub struct Desk {
    bot: Arc<Bot>,
    meter: Arc<Meter>,
    readiness: Readiness,
    readers: Readers,
    /// One page is written at a time.
    writing: Mutex<()>,
}

/// The addresses. `readiness` began with the process.
pub fn router(bot: Arc<Bot>, meter: Arc<Meter>, readiness: Readiness, readers: Readers) -> Router {
    let desk = Desk { bot, meter, readiness, readers, writing: Mutex::new(()) };
    Router::new()
        .route("/healthz", get(|| async { ([(CACHE_CONTROL, "no-store")], "ok\n") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(desk))
}

async fn ready(State(desk): State<Arc<Desk>>) -> Response {
    let report = desk.readiness.report(&desk.bot).await;
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let told = json!({ "ready": report.is_ready(), "checks": report.checks });
    (status, [(CACHE_CONTROL, "no-store")], Json(told)).into_response()
}

async fn metrics(
    State(desk): State<Arc<Desk>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = desk.readers.admit(peer, &headers) {
        return *refused;
    }
    let _turn = desk.writing.lock().await;
    let report = desk.readiness.report(&desk.bot).await;
    let page = desk.bot.metrics(&desk.meter, &report, desk.readiness.began());
    ([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, "no-store")], page).into_response()
}

impl Readers {
    /// Whether a request may be answered.
    fn admit(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let refuse = |status: StatusCode, why: &'static str| Box::new((status, why).into_response());
        // Whoever passes a request on says so; then it did not begin on this machine.
        let passed_on =
            [FORWARDED.as_str(), "via", "x-forwarded-for", "x-real-ip"].iter().any(|name| headers.contains_key(*name));
        // A foreign name that leads to this machine would let the page of a stranger read the answer (DNS rebinding).
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_ascii_lowercase);
        let is_ours = host.is_some_and(|host| is_loopback(&host));
        match self {
            Self::Local if peer.ip().to_canonical().is_loopback() && is_ours && !passed_on => Ok(()),
            Self::Local | Self::Nobody => {
                let why = "metrics are for this machine alone; for others, set [web] metrics in rundown.toml\n";
                Err(refuse(StatusCode::FORBIDDEN, why))
            }
            Self::Bearer(token) => {
                let shown = headers.get(AUTHORIZATION).map(axum::http::HeaderValue::as_bytes);
                if shown.is_some_and(|shown| token.is_borne(shown)) {
                    return Ok(());
                }
                let challenge = [(WWW_AUTHENTICATE, "Bearer")];
                Err(Box::new(
                    (StatusCode::UNAUTHORIZED, challenge, "metrics are shown to who has the token\n").into_response(),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(readers: &Readers, peer: &str, headers: &[(&'static str, &'static str)]) -> u16 {
        let host = [("host", "localhost:8321")];
        let named = headers.iter().any(|(name, _)| *name == "host");
        let headers = headers
            .iter()
            .chain(host.iter().filter(|_| !named))
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        readers.admit(peer.parse().unwrap(), &headers).map_or_else(|refused| refused.status().as_u16(), |()| 200)
    }

    #[test]
    fn metrics_are_for_this_machine_or_for_who_has_the_token() {
        let here = "127.0.0.1:50000";
        assert_eq!(status(&Readers::Local, here, &[]), 200);
        assert_eq!(status(&Readers::Local, "[::1]:50000", &[]), 200);
        assert_eq!(status(&Readers::Local, "[::ffff:127.0.0.1]:50000", &[]), 200);
        assert_eq!(status(&Readers::Local, "192.0.2.7:50000", &[]), 403);
        assert_eq!(status(&Readers::Local, here, &[("host", "evil.example:8321")]), 403, "a name that only leads here");
        for header in ["forwarded", "via", "x-forwarded-for", "x-real-ip"] {
            assert_eq!(
                status(&Readers::Local, here, &[(header, "192.0.2.7")]),
                403,
                "{header}: a proxy stands in front"
            );
        }
        assert_eq!(status(&Readers::Nobody, here, &[]), 403);
        let token = Readers::Bearer(Box::new(Token::new(&"s3cret".to_owned().into()).unwrap()));
        assert_eq!(status(&token, "192.0.2.7:50000", &[("authorization", "Bearer s3cret")]), 200);
        assert_eq!(status(&token, here, &[]), 401);
        for wrong in ["Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer "] {
            assert_eq!(status(&token, here, &[("authorization", wrong)]), 401, "{wrong}");
        }
    }
}
