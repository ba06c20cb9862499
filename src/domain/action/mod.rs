//! Actions: what a step can do to the world, one file a kind.
//!
//! Lives here: each kind's parameters as a runbook writes them, the resolved [`Action`] (exactly what will be done),
//! what a kind changes, what its answers look like, and the [`inventory`] that names targets and grants rights.
//! Never lives here: how it is done (that is `step/`), and anything about runs.

pub mod check;
pub mod contract;
pub mod exec;
pub mod http;
pub mod inventory;
pub mod railway;
pub mod redis;
pub mod reply;
pub mod resolve;

use serde::{Deserialize, Serialize};

/// A kind of step that has an executor. The text is what a runbook writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Kind {
    /// One HTTP request.
    #[serde(rename = "http")]
    Http,
    /// Restarts the running container of a Railway service.
    #[serde(rename = "railway.restart")]
    RailwayRestart,
    /// Builds and deploys a Railway service's current source again.
    #[serde(rename = "railway.redeploy")]
    RailwayRedeploy,
    /// Puts a Railway service back on an earlier deployment.
    #[serde(rename = "railway.rollback")]
    RailwayRollback,
    /// Reads a Railway service's log lines.
    #[serde(rename = "railway.logs")]
    RailwayLogs,
    /// Lists a Railway service's deployments.
    #[serde(rename = "railway.deployments")]
    RailwayDeployments,
    /// Reads who is connected to a Redis server.
    #[serde(rename = "redis.clients")]
    RedisClients,
    /// Runs a program.
    #[serde(rename = "exec")]
    Exec,
}

impl Kind {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [Self; 8] = [
        Self::Http,
        Self::RailwayRestart,
        Self::RailwayRedeploy,
        Self::RailwayRollback,
        Self::RailwayLogs,
        Self::RailwayDeployments,
        Self::RedisClients,
        Self::Exec,
    ];

    /// The key that a runbook writes.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::RailwayRestart => "railway.restart",
            Self::RailwayRedeploy => "railway.redeploy",
            Self::RailwayRollback => "railway.rollback",
            Self::RailwayLogs => "railway.logs",
            Self::RailwayDeployments => "railway.deployments",
            Self::RedisClients => "redis.clients",
            Self::Exec => "exec",
        }
    }

    /// The facts of an answer that stay readable as `steps.ID.FACT` for the rest of the run; others are in scope of
    /// the step's own `expect` and `save` only.
    #[must_use]
    pub fn kept_facts(self) -> &'static [&'static str] {
        match self {
            Self::Http => http::KEPT_FACTS,
            Self::RailwayRestart | Self::RailwayRedeploy | Self::RailwayRollback => railway::KEPT_FACTS_CHANGE,
            Self::RailwayLogs => railway::KEPT_FACTS_LOGS,
            Self::RailwayDeployments => railway::KEPT_FACTS_DEPLOYMENTS,
            Self::RedisClients => redis::KEPT_FACTS,
            Self::Exec => exec::KEPT_FACTS,
        }
    }

    /// The facts that only the step's own `expect` and `save` can see.
    #[must_use]
    pub fn passing_facts(self) -> &'static [&'static str] {
        match self {
            Self::Http => http::PASSING_FACTS,
            Self::RailwayLogs => railway::PASSING_FACTS_LOGS,
            Self::RailwayDeployments => railway::PASSING_FACTS_DEPLOYMENTS,
            Self::Exec => exec::PASSING_FACTS,
            Self::RedisClients => redis::PASSING_FACTS,
            Self::RailwayRestart | Self::RailwayRedeploy | Self::RailwayRollback => &[],
        }
    }
}

/// An action as a runbook writes it: strings may hold Handlebars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionSpec {
    /// Which kind.
    pub kind: Kind,
    /// The kind's parameters; templates not rendered yet.
    pub params: serde_json::Value,
}

/// An action with everything rendered and resolved: exactly what will be done. What an approval is bound to is the
/// hash of its JSON. Secrets are still references (`⟦secret:NAME⟧`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// See [`http::Request`].
    #[serde(rename = "http")]
    Http(http::Request),
    /// See [`railway::Change`].
    #[serde(rename = "railway.restart")]
    RailwayRestart(railway::Change),
    /// See [`railway::Change`].
    #[serde(rename = "railway.redeploy")]
    RailwayRedeploy(railway::Change),
    /// See [`railway::Change`].
    #[serde(rename = "railway.rollback")]
    RailwayRollback(railway::Change),
    /// See [`railway::Logs`].
    #[serde(rename = "railway.logs")]
    RailwayLogs(railway::Logs),
    /// See [`railway::Deployments`].
    #[serde(rename = "railway.deployments")]
    RailwayDeployments(railway::Deployments),
    /// See [`redis::Clients`].
    #[serde(rename = "redis.clients")]
    RedisClients(redis::Clients),
    /// See [`exec::Command`].
    #[serde(rename = "exec")]
    Exec(exec::Command),
}

impl Action {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Http(_) => Kind::Http,
            Self::RailwayRestart(_) => Kind::RailwayRestart,
            Self::RailwayRedeploy(_) => Kind::RailwayRedeploy,
            Self::RailwayRollback(_) => Kind::RailwayRollback,
            Self::RailwayLogs(_) => Kind::RailwayLogs,
            Self::RailwayDeployments(_) => Kind::RailwayDeployments,
            Self::RedisClients(_) => Kind::RedisClients,
            Self::Exec(_) => Kind::Exec,
        }
    }

    /// The target it acts on, by its name in the inventory.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Http(request) => request.target.as_deref(),
            Self::RailwayRestart(change) | Self::RailwayRedeploy(change) | Self::RailwayRollback(change) => {
                Some(&change.service.target)
            }
            Self::RailwayLogs(logs) => Some(&logs.service.target),
            Self::RailwayDeployments(list) => Some(&list.service.target),
            Self::RedisClients(clients) => Some(&clients.target),
            Self::Exec(_) => None,
        }
    }

    /// Whether it may change the world. A change that was sent without an answer is in doubt; a read is simply repeated.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self {
            Self::Http(request) => !request.method.reads(),
            Self::RailwayRestart(_) | Self::RailwayRedeploy(_) | Self::RailwayRollback(_) | Self::Exec(_) => true,
            Self::RailwayLogs(_) | Self::RailwayDeployments(_) | Self::RedisClients(_) => false,
        }
    }

    /// Whether the world must be read before and watched after the change.
    #[must_use]
    pub fn confirms(&self) -> bool {
        self.ready_within().is_some()
    }

    /// How long after the other side accepted it the effect may take to show; `None` where nothing is waited for.
    #[must_use]
    pub fn ready_within(&self) -> Option<chrono::TimeDelta> {
        match self {
            Self::RailwayRestart(change) | Self::RailwayRedeploy(change) | Self::RailwayRollback(change) => {
                Some(change.ready_within.delta())
            }
            _ => None,
        }
    }

    /// One line that says what it does, for people: no secret, no query string.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Http(request) => request.describe(),
            Self::RailwayRestart(change) => format!("restart {} on Railway", change.service.target),
            Self::RailwayRedeploy(change) => format!("redeploy {} on Railway", change.service.target),
            Self::RailwayRollback(change) => format!("roll {} back on Railway", change.service.target),
            Self::RailwayLogs(logs) => format!("read the logs of {}", logs.service.target),
            Self::RailwayDeployments(list) => format!("list the deployments of {}", list.service.target),
            Self::RedisClients(clients) => format!("list who is connected to {}", clients.target),
            Self::Exec(command) => command.describe(),
        }
    }

    /// How long one stage of it may take by default, where the step sets no `timeout`.
    #[must_use]
    pub fn default_timeout(&self) -> std::time::Duration {
        match self {
            Self::Http(_) | Self::RedisClients(_) => std::time::Duration::from_secs(10),
            Self::RailwayLogs(_) | Self::RailwayDeployments(_) => std::time::Duration::from_secs(20),
            Self::RailwayRestart(_) | Self::RailwayRedeploy(_) | Self::RailwayRollback(_) => {
                std::time::Duration::from_secs(30)
            }
            Self::Exec(_) => std::time::Duration::from_secs(600),
        }
    }

    /// Hex of the hash that an approval is bound to.
    #[must_use]
    pub fn digest(&self) -> String {
        use sha2::Digest;
        // Maps are ordered and every field serialises, so the same action always gives the same bytes.
        hex::encode(sha2::Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests;
