//! A deployment as it is compared before and after a change.
//!
//! Lives here: what of a deployment is remembered, when two states differ, when one is ready, how it reads. Never lives
//! here: asking.

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};

use crate::base::event::Instant;
use crate::client::railway::{Deployment, DeploymentStatus};

/// The part of a deployment that a change shows in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) deployment: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) status_updated_at: Option<Instant>,
    /// Ids and states, in a fixed order.
    pub(super) instances: Vec<(String, String)>,
}

impl Snapshot {
    pub(super) fn of(deployment: &Deployment) -> Self {
        let instances = deployment.instances.iter();
        let mut instances: Vec<_> = instances.map(|one| (one.id.clone(), one.status.clone())).collect();
        instances.sort();
        Self {
            deployment: deployment.id.clone(),
            status: deployment.status.as_str().to_owned(),
            status_updated_at: deployment.status_updated_at,
            instances,
        }
    }

    fn status(&self) -> DeploymentStatus {
        DeploymentStatus::from_name(&self.status)
    }

    /// Deployed, and every container runs. Ones that Railway still lists although they were removed do not count;
    /// `expects_instances` says whether a list without any can be the whole truth.
    pub(super) fn is_ready(&self, expects_instances: bool) -> bool {
        let mut present = self.instances.iter().filter(|(_, status)| status != "REMOVED").peekable();
        self.status() == DeploymentStatus::Success
            && (present.peek().is_some() || !expects_instances)
            && present.all(|(_, status)| status == "RUNNING")
    }

    /// It will not become ready any more: it broke, was never built, or another one took its place.
    pub(super) fn has_failed(&self) -> bool {
        use DeploymentStatus::{Crashed, Failed, Skipped};
        self.is_gone() || matches!(self.status(), Crashed | Failed | Skipped)
    }

    /// It serves nobody any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.status(), DeploymentStatus::Removed | DeploymentStatus::Removing)
    }

    /// `deployment 4f1c SUCCESS since 2026-03-01T10:00:00Z, 1 instance: RUNNING`.
    pub(super) fn describe(&self) -> String {
        let since =
            self.status_updated_at.map(|at| format!(" since {}", at.to_rfc3339_opts(SecondsFormat::Secs, true)));
        let states: Vec<&str> = self.instances.iter().map(|(_, status)| status.as_str()).collect();
        let instances = match states.len() {
            0 => "no instances".to_owned(),
            1 => format!("1 instance: {}", states[0]),
            count => format!("{count} instances: {}", states.join(", ")),
        };
        format!("deployment {} {}{}, {instances}", self.deployment, self.status, since.unwrap_or_default())
    }
}
