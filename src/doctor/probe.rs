//! Asking over HTTP, with a deadline, and noting what each answer says of the time.
//!
//! Lives here: [`Probe`], racing against the clock. Never lives here: what an answer means.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use futures::future::{BoxFuture, Either, select};
use futures::pin_mut;

use super::skew;
use crate::base::clock::Clock;
use crate::client::SendError;
use crate::client::egress::host_and_port;
use crate::client::http::{Http, HttpRequest, HttpResponse};

/// How long one question may take.
pub const DEADLINE: TimeDelta = TimeDelta::seconds(5);

/// Sends requests and notes how far each server's clock is from ours.
pub struct Probe {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    seen: Mutex<BTreeMap<(String, u16), TimeDelta>>,
}

impl Probe {
    /// Asks through `http`.
    #[must_use]
    pub fn new(http: Arc<dyn Http>, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock, seen: Mutex::default() }
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How far our clock is ahead of each server's that was asked so far; see [`skew::ahead`].
    #[must_use]
    pub fn seen(&self) -> Vec<TimeDelta> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}

impl Http for Probe {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        Box::pin(async move {
            let (server, asked) = (host_and_port(&request.url), self.clock.now());
            let answer = self.http.send(request).await?;
            let ahead = skew::ahead(asked, self.clock.now(), &answer);
            if let (Some(server), Some(ahead)) = (server, ahead) {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(server, ahead);
            }
            Ok(answer)
        })
    }
}

/// What a future gives within a time; `None` where the time is over first.
pub async fn within<T>(clock: &dyn Clock, time: TimeDelta, future: impl Future<Output = T>) -> Option<T> {
    pin_mut!(future);
    match select(future, clock.sleep_until(clock.now() + time)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}
