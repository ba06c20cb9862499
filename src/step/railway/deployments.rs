//! How `railway.deployments` is done.
//!
//! Lives here: deployments as facts. Never lives here: which one is the right one.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::super::{Executors, Failure, Instant, Reply};
use super::Trouble;
use super::snapshot::Snapshot;
use crate::client::railway::Deployment;
use crate::domain::action::railway::{self as action, Deployments};
use crate::domain::action::reply::Answer;

pub(in crate::step) async fn act(executors: &Executors, list: &Deployments, until: Instant) -> Reply {
    match read(executors, list, until).await {
        Ok(deployments) => Reply::Answered(answer(executors, &deployments)),
        Err(trouble) => trouble.reply(),
    }
}

impl Executors {
    /// A service's newest deployments, newest first, as they are written down where they are seen.
    ///
    /// # Errors
    /// Railway could not be asked, or refuses; no token.
    pub async fn deployments_of(
        &self,
        service: &action::Service,
        limit: u32,
        until: Instant,
    ) -> Result<Vec<action::Deployment>, Failure> {
        let service = self.service(service)?;
        let listed = self.recent(&service, limit, until).await.map_err(|trouble| trouble.failure)?;
        let clean = |text: Option<String>| text.map(|text| self.line(&text));
        let seen = listed.into_iter().map(|one| action::Deployment {
            id: self.line(&one.id),
            status: one.status.as_str().to_owned(),
            at: one.created_at,
            by: clean(one.by),
            commit: clean(one.commit),
            message: clean(one.message),
        });
        Ok(seen.collect())
    }
}

async fn read(executors: &Executors, list: &Deployments, until: Instant) -> Result<Vec<Deployment>, Trouble> {
    let service = executors.service(&list.service).map_err(Trouble::settled)?;
    executors.recent(&service, list.limit, until).await
}

fn answer(executors: &Executors, deployments: &[Deployment]) -> Answer {
    let newest = deployments.first();
    let time = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let listed = deployments.iter().map(|deployment| {
        json!({
            "id": deployment.id,
            "status": deployment.status.as_str(),
            "created_at": time(deployment.created_at),
            "status_updated_at": deployment.status_updated_at.map(time),
            "can_rollback": deployment.can_rollback,
            "commit": deployment.commit,
        })
    });
    let facts = [
        ("deployments", Value::Array(listed.collect())),
        ("latest_status", json!(newest.map(|newest| newest.status.as_str()))),
        ("latest_id", json!(newest.map(|newest| &newest.id))),
    ];
    let summary = newest.map_or_else(|| "no deployments".to_owned(), |newest| Snapshot::of(newest).describe());
    Answer { facts: executors.facts(facts), summary: executors.line(&summary), ..Answer::default() }
}
