//! The Railway port: what can be asked of a service that runs there.
//!
//! Lives here: the port, its types and errors. Never lives here: when a restart counts as done.

use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::SecretString;

use super::SendError;
use crate::base::event::Instant;

mod api;
mod documents;
mod token;

pub use api::{ENDPOINT, RailwayApi};
pub use documents::{DOCUMENTS, SCHEMA};
pub use token::TokenKind;

/// A service and the token to ask with. `Debug` does not show the token.
#[derive(Clone, Debug)]
pub struct Service {
    /// The target's name, for messages.
    pub target: String,
    /// Railway's project id.
    pub project: String,
    /// Railway's environment id.
    pub environment: String,
    /// Railway's service id.
    pub service: String,
    /// The token.
    pub token: SecretString,
    /// Where the token comes from, for messages: `the variable RAILWAY_TOKEN`.
    pub token_from: String,
    /// Whether it is a project token instead of an account, workspace or OAuth one.
    pub project_token: bool,
}

/// What a deployment is doing. Names are Railway's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Railway's own")]
pub enum DeploymentStatus {
    Building,
    Crashed,
    Deploying,
    Failed,
    Initializing,
    NeedsApproval,
    Queued,
    Removed,
    Removing,
    Skipped,
    Sleeping,
    Success,
    Waiting,
    /// One that Railway introduced later.
    Other(String),
}

impl DeploymentStatus {
    const NAMES: [(Self, &'static str); 13] = [
        (Self::Building, "BUILDING"),
        (Self::Crashed, "CRASHED"),
        (Self::Deploying, "DEPLOYING"),
        (Self::Failed, "FAILED"),
        (Self::Initializing, "INITIALIZING"),
        (Self::NeedsApproval, "NEEDS_APPROVAL"),
        (Self::Queued, "QUEUED"),
        (Self::Removed, "REMOVED"),
        (Self::Removing, "REMOVING"),
        (Self::Skipped, "SKIPPED"),
        (Self::Sleeping, "SLEEPING"),
        (Self::Success, "SUCCESS"),
        (Self::Waiting, "WAITING"),
    ];

    /// As Railway writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        Self::NAMES.iter().find(|(status, _)| status == self).map_or("", |(_, name)| name)
    }

    /// Reads Railway's name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = Self::NAMES.into_iter().find(|(_, known)| *known == name);
        known.map_or_else(|| Self::Other(name.to_owned()), |(status, _)| status)
    }
}

/// One container of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// Railway's id.
    pub id: String,
    /// Railway's word: `RUNNING`, `RESTARTING`, `CRASHED` …
    pub status: String,
}

/// One deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Railway's id.
    pub id: String,
    /// What it is doing.
    pub status: DeploymentStatus,
    /// When that last changed, where Railway says so.
    pub status_updated_at: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// Its containers, in Railway's order.
    pub instances: Vec<Instance>,
    /// Whether a rollback may go back to it.
    pub can_rollback: bool,
    /// The commit it was built from, where known.
    pub commit: Option<String>,
    /// Who made it, where known: who Railway says, or else the commit's author.
    pub by: Option<String>,
    /// The commit's message, where known.
    pub message: Option<String>,
}

/// Which log lines are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// From when on.
    pub since: Instant,
    /// At most so many, the newest.
    pub limit: u32,
    /// Railway's filter syntax; `None` for all lines.
    pub filter: Option<String>,
}

/// One log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, as Railway says it (RFC 3339 with nanoseconds).
    pub at: String,
    /// `info`, `error` …
    pub severity: Option<String>,
    /// The text.
    pub message: String,
}

/// Why Railway gave no answer, or which.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RailwayError {
    /// Nothing arrived there, or it may have; see [`SendError`]. A gateway's 502 or 504 is `Unanswered`.
    #[error("{0}")]
    Send(#[from] SendError),
    /// Railway answered that it did not do it.
    #[error("{message}")]
    Refused {
        /// What it said, to what, and what to do.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
        /// Whether another try could go differently (busy) or not (token, unknown service).
        passing: bool,
    },
    /// It answered something that is no answer to the question. After a change this settles nothing.
    #[error("{0}")]
    Unreadable(String),
}

/// Asks Railway. Every call is over by `until`.
pub trait Railway: Send + Sync {
    /// The service's deployments, newest first, at most `limit` (1 to 100).
    ///
    /// # Errors
    /// See [`RailwayError`]; the same for every other call.
    fn deployments<'a>(
        &'a self,
        service: &'a Service,
        limit: u32,
        until: Instant,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, RailwayError>>;

    /// One deployment by its id.
    ///
    /// # Errors
    /// See [`RailwayError`].
    fn deployment<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<Deployment, RailwayError>>;

    /// Restarts a deployment's containers. `Ok` means that Railway took the order, not that it is done.
    ///
    /// # Errors
    /// See [`RailwayError`].
    fn restart<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), RailwayError>>;

    /// Builds and deploys again what a deployment was made from; gives the new deployment's id.
    ///
    /// # Errors
    /// See [`RailwayError`].
    fn redeploy<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<String, RailwayError>>;

    /// Goes back to an earlier deployment. `Ok` means that Railway took the order.
    ///
    /// # Errors
    /// See [`RailwayError`].
    fn rollback<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        until: Instant,
    ) -> BoxFuture<'a, Result<(), RailwayError>>;

    /// Log lines of a deployment, oldest first.
    ///
    /// # Errors
    /// See [`RailwayError`].
    fn logs<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
        query: LogQuery,
        until: Instant,
    ) -> BoxFuture<'a, Result<Vec<LogLine>, RailwayError>>;
}
