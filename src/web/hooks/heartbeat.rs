//! Where heartbeats call in: `curl https://…/hooks/heartbeat/KEY/nightly-backup`.
//!
//! Whatever can make a request can call, so the secret is in the path and `GET` counts as well: a beat changes nothing but when it was heard
//! last. Lives here: its checks and answers. Never lives here: when a beat is overdue (`domain/monitor`).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::{Desk, Job, WRITE, locked, refuse};
use crate::bot::Fault;
use crate::web::listen::Peer;

pub(super) async fn hear(
    State(desk): State<Arc<Desk>>,
    Path((key, monitor)): Path<(String, String)>,
    Extension(Peer(peer)): Extension<Peer>,
) -> Response {
    let heard = desk.hear(&key, monitor, peer).await;
    if !matches!(heard.status(), StatusCode::NO_CONTENT | StatusCode::TOO_MANY_REQUESTS) {
        tracing::warn!(status = heard.status().as_u16(), %peer, "a heartbeat was refused");
    }
    heard
}

impl Desk {
    async fn hear(&self, key: &str, monitor: String, peer: SocketAddr) -> Response {
        let Some(secret) = &self.settings.heartbeat else {
            return refuse(StatusCode::NOT_FOUND, "there is nothing here");
        };
        if let Err(seconds) = locked(&self.rate).take("heartbeat", peer.ip(), self.clock.now()) {
            let mut refused = refuse(StatusCode::TOO_MANY_REQUESTS, "that is too many at once; call again later");
            refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            return refused;
        }
        if !secret.is(key.as_bytes()) {
            return refuse(StatusCode::UNAUTHORIZED, "this does not prove where it comes from");
        }
        let later = || refuse(StatusCode::SERVICE_UNAVAILABLE, "this could not be written down; call again");
        let (answer, heard) = oneshot::channel();
        if self.jobs.clone().try_send(Job::Beat { monitor, answer }).is_err() {
            return later();
        }
        match select(heard, self.clock.sleep_until(self.clock.now() + WRITE)).await {
            Either::Left((Ok(Ok(())), _)) => StatusCode::NO_CONTENT.into_response(),
            // No such monitor, or one that Rundown asks by itself.
            Either::Left((Ok(Err(Fault::Usage(why))), _)) => refuse(StatusCode::NOT_FOUND, &why),
            _ => later(),
        }
    }
}
