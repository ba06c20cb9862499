//! Executors: how each kind of step is done, in its stages prepare, act and confirm, and how a doubt is probed.
//!
//! Lives here: the translation between resolved actions and transports, and of what came back into facts. This is where
//! secret references are resolved and every reply is scrubbed. Never lives here: when to retry, whom to ask, what a
//! step's `expect` says, and anything about runs.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::Value;

use crate::base::clock::Clock;
use crate::base::event::Instant;
use crate::base::secret::Secrets;
use crate::client::http::{Http, HttpClient};
use crate::client::process::{ProcessGroups, Processes};
use crate::client::railway::{Railway, RailwayApi};
use crate::client::redis::{Redis, RedisServers};
use crate::domain::action::Action;
use crate::domain::action::inventory::Inventory;
use crate::domain::action::reply::{Failure, Probe, Reply};

mod contract;
mod exec;
mod http;
mod look;
mod railway;
mod redis;
mod text;

#[cfg(test)]
mod tests;

pub use look::Look;

/// The transports that executors use; real ones, or a rehearsal's.
#[derive(Clone)]
pub struct Ports {
    /// HTTP.
    pub http: Arc<dyn Http>,
    /// Railway's API.
    pub railway: Arc<dyn Railway>,
    /// Redis servers.
    pub redis: Arc<dyn Redis>,
    /// Child processes.
    pub processes: Arc<dyn Processes>,
}

/// Does what actions say. Cheap to clone.
#[derive(Clone)]
pub struct Executors {
    ports: Ports,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
}

/// What the world looked like before a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// For the executor's own later stages; to be journaled and handed back as it is.
    pub baseline: Value,
    /// One line for people.
    pub summary: String,
}

/// Watches an act while it is under way, for a live view. Nothing said here is journaled.
pub trait Progress: Send + Sync {
    /// One line, scrubbed and without control characters.
    fn line(&self, text: &str);
}

/// Watches nothing.
pub struct Silent;

impl Progress for Silent {
    fn line(&self, _: &str) {}
}

impl Ports {
    /// The real transports. Opens nothing yet; using them takes a tokio runtime with its I/O and timers enabled.
    /// `railway_endpoint` is [`crate::client::railway::ENDPOINT`] unless the operator says otherwise; it is reached at
    /// whatever address it is.
    #[must_use]
    pub fn real(clock: &Arc<dyn Clock>, railway_endpoint: &str) -> Self {
        let http: Arc<dyn Http> = Arc::new(HttpClient::new(Arc::clone(clock)));
        Self {
            railway: Arc::new(RailwayApi::new(Arc::clone(&http), Arc::clone(clock), railway_endpoint)),
            redis: Arc::new(RedisServers::new(Arc::clone(clock))),
            processes: Arc::new(ProcessGroups::new(Arc::clone(clock))),
            http,
        }
    }
}

impl Executors {
    /// Puts the parts together.
    #[must_use]
    pub fn new(ports: Ports, secrets: Secrets, clock: Arc<dyn Clock>) -> Self {
        Self { ports, secrets, clock }
    }

    /// Reads the world before a change that is confirmed afterwards ([`Action::confirms`]). For other actions there is
    /// nothing to read: an empty baseline comes back at once.
    ///
    /// # Errors
    /// A [`Failure`] when the world could not be read in time. Nothing was changed.
    pub async fn prepare(&self, action: &Action) -> Result<Prepared, Failure> {
        let until = self.clock.now() + action.default_timeout();
        match action {
            Action::RailwayRestart(change) | Action::RailwayRedeploy(change) | Action::RailwayRollback(change) => {
                railway::change::prepare(self, railway::change::Verb::of(action), change, until).await
            }
            _ => Ok(Prepared { baseline: Value::Null, summary: String::new() }),
        }
    }

    /// Does it, once. `key` is the idempotency key, `baseline` what [`Self::prepare`] gave. Over after `timeout`; a
    /// program gets a few seconds more to be ended.
    pub async fn act(
        &self,
        action: &Action,
        inventory: &Inventory,
        key: &str,
        baseline: Option<&Value>,
        timeout: Duration,
        progress: &dyn Progress,
    ) -> Reply {
        let until = self.clock.now() + timeout;
        match action {
            Action::Http(request) => http::act(self, request, inventory, key, until).await,
            Action::RailwayRestart(change) | Action::RailwayRedeploy(change) | Action::RailwayRollback(change) => {
                railway::change::act(self, railway::change::Verb::of(action), change, baseline, until).await
            }
            Action::RailwayLogs(logs) => railway::logs::act(self, logs, until).await,
            Action::RailwayDeployments(list) => railway::deployments::act(self, list, until).await,
            Action::RedisClients(clients) => redis::act(self, clients, until).await,
            Action::Exec(command) => exec::act(self, command, inventory, until, timeout, progress).await,
        }
    }

    /// Waits until the world shows the change: `Answered` when it does; `NotDone` when it definitely failed or was not
    /// ready by `until` (the message says which). Actions that are not confirmed are answered at once.
    pub async fn confirm(&self, action: &Action, baseline: &Value, until: Instant) -> Reply {
        match action {
            Action::RailwayRestart(change) | Action::RailwayRedeploy(change) | Action::RailwayRollback(change) => {
                railway::change::confirm(self, railway::change::Verb::of(action), change, baseline, until).await
            }
            _ => Reply::Answered(Default::default()),
        }
    }

    /// Looks at the world after a change whose outcome is unknown.
    pub async fn probe(&self, action: &Action, baseline: Option<&Value>) -> Probe {
        match action {
            Action::RailwayRestart(change) | Action::RailwayRedeploy(change) | Action::RailwayRollback(change) => {
                let until = self.clock.now() + action.default_timeout();
                railway::change::probe(self, railway::change::Verb::of(action), change, baseline, until).await
            }
            Action::Http(request) => Probe::Unclear {
                evidence: format!("{}: nothing shows from here whether it was carried out.", request.describe()),
            },
            _ => Probe::Unclear {
                evidence: format!("{}: nothing shows from here whether it was carried out.", action.describe()),
            },
        }
    }

    /// Keeps a connection open to every Redis server of the inventory, so that it still answers when it accepts nobody
    /// new. Call it now and then while all is well; it never fails, and gives up on a server after five seconds.
    pub async fn hold(&self, inventory: &Inventory) {
        redis::hold(self, inventory).await;
    }

    /// The future's result, or `None` at `until`. The future is polled first, so an answer at the last moment counts.
    async fn within<T>(&self, until: Instant, future: impl Future<Output = T>) -> Option<T> {
        match select(Box::pin(future), self.clock.sleep_until(until)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }
}
