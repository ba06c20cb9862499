//! `railway.*`: what can be asked of a service that runs on Railway.
//!
//! `restart` restarts the running container: the same image, the same configuration, memory gone. `redeploy` builds
//! again, `rollback` goes back to an earlier deployment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::event::Instant;
use crate::base::schedule::Span;

/// Kept of a change: the deployment it touched and how long it took until ready.
pub const KEPT_FACTS_CHANGE: &[&str] = &["deployment", "status", "took_ms"];
/// Kept of log reading: how many lines, how many matched `text`.
pub const KEPT_FACTS_LOGS: &[&str] = &["count", "matched"];
/// `lines` is a list of `{at, severity, message}`; `text` all messages joined by newlines.
pub const PASSING_FACTS_LOGS: &[&str] = &["lines", "text"];
/// Kept of a listing: status and id of the newest deployment.
pub const KEPT_FACTS_DEPLOYMENTS: &[&str] = &["latest_status", "latest_id"];
/// `deployments` is a list of `{id, status, created_at, status_updated_at, can_rollback, commit}`.
pub const PASSING_FACTS_DEPLOYMENTS: &[&str] = &["deployments"];

/// What a runbook writes under `railway.restart`, `railway.redeploy` and `railway.rollback`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSpec {
    /// The target, by its name in `targets.yaml`; it must have a `railway` entry.
    pub target: String,
    /// How long it may take until every instance runs again. Text, because it may be a template. Default 3m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_within: Option<String>,
    /// Only `rollback`: the deployment to go back to. Default: the newest one before the current that can be gone back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What a runbook writes under `railway.logs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogsSpec {
    /// The target.
    pub target: String,
    /// Counts lines that contain this text (`matched`). Not a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How far back to look. Default 15m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// At most so many lines, 1 to 5000. Default 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What a runbook writes under `railway.deployments`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentsSpec {
    /// The target.
    pub target: String,
    /// At most so many, 1 to 100. Default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A service as Railway knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The target's name in the inventory.
    pub target: String,
    /// Railway's project id.
    pub project: String,
    /// Railway's environment id.
    pub environment: String,
    /// Railway's service id.
    pub service: String,
    /// The name of the secret that holds the token.
    pub token: String,
    /// Whether the token is a project token (`Project-Access-Token`) instead of an account, workspace or OAuth one.
    #[serde(default)]
    pub project_token: bool,
}

/// A resolved restart, redeploy or rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// On what.
    pub service: Service,
    /// How long until ready.
    pub ready_within: Span,
    /// Only for a rollback: the deployment to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A resolved reading of logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Of what.
    pub service: Service,
    /// The text that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How far back.
    pub since: Span,
    /// At most so many lines.
    pub limit: u32,
}

/// A resolved listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployments {
    /// Of what.
    pub service: Service,
    /// At most so many.
    pub limit: u32,
}

/// A deployment of a service, as it is written down when it is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Railway's id.
    pub id: String,
    /// What it was doing when it was seen, in Railway's word: `SUCCESS`, `FAILED` …
    pub status: String,
    /// When it was made.
    pub at: Instant,
    /// Who made it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The commit it was built from, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// That commit's message, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
