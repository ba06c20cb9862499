//! How a service is restarted, redeployed and rolled back: read, send once, watch until it shows.
//!
//! Lives here: the baseline of a change, when the world shows it, when it failed. Never lives here: what to do about a
//! doubt.
//!
//! Railway takes an order with a bare "yes" and carries it out later, so the first good state one sees may be the old
//! one. A change is done only when the state differs from the baseline *and* is ready.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::text::{millis, span};
use super::super::{Executors, Failure, Instant, Prepared, Reply};
use super::snapshot::Snapshot;
use super::{LOOK_BACK, Trouble, running};
use crate::client::railway::{Deployment, Service};
use crate::domain::action::Action;
use crate::domain::action::railway::Change;
use crate::domain::action::reply::{Answer, Probe};

/// How often the service is looked at while it becomes ready.
const POLL: Duration = Duration::from_secs(2);
/// One look may take no longer, so that a silent answer costs a look and not the whole wait.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// Which change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::step) enum Verb {
    Restart,
    Redeploy,
    Rollback,
}

impl Verb {
    /// Of an action that is one of the three; any other reads as a restart and is never asked for.
    pub(in crate::step) fn of(action: &Action) -> Self {
        match action {
            Action::RailwayRedeploy(_) => Self::Redeploy,
            Action::RailwayRollback(_) => Self::Rollback,
            _ => Self::Restart,
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Restart => "restarted",
            Self::Redeploy => "redeployed",
            Self::Rollback => "rolled back",
        }
    }
}

/// What is journaled of the world before the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Baseline {
    /// The deployment that ran, or for a redeployment the newest one.
    before: Snapshot,
    /// The deployment to go back to, as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Snapshot>,
    /// Every deployment there was: one that is not named here is new.
    known: Vec<String>,
}

impl Baseline {
    /// What the change is sent for.
    fn subject(&self) -> &str {
        self.to.as_ref().map_or(&self.before.deployment, |to| &to.deployment)
    }

    /// The deployment in which the change shows, where it shows already.
    fn find(&self, verb: Verb, now: &[Deployment]) -> Option<Snapshot> {
        let by_id = |id: &str| now.iter().find(|deployment| deployment.id == id).map(Snapshot::of);
        if verb == Verb::Restart {
            return by_id(&self.before.deployment).filter(|now| *now != self.before);
        }
        let new = now.iter().find(|deployment| !self.known.contains(&deployment.id)).map(Snapshot::of);
        let revived = self.to.as_ref().and_then(|to| by_id(&to.deployment).filter(|now| now != to && !now.is_gone()));
        new.or(revived)
    }

    /// How the deployments that matter read now, for people.
    fn describe(&self, now: &[Deployment]) -> String {
        let new = now.iter().filter(|deployment| !self.known.contains(&deployment.id));
        let old = now.iter().filter(|deployment| deployment.id == self.before.deployment);
        let shown: Vec<String> = new.chain(old).take(3).map(|deployment| Snapshot::of(deployment).describe()).collect();
        if shown.is_empty() { "that deployment is not listed".to_owned() } else { shown.join("; ") }
    }
}

pub(in crate::step) async fn prepare(
    executors: &Executors,
    verb: Verb,
    change: &Change,
    until: Instant,
) -> Result<Prepared, Failure> {
    let service = executors.service(&change.service)?;
    let list = executors.recent(&service, LOOK_BACK, until).await.map_err(|trouble| trouble.failure)?;
    let before = match verb {
        Verb::Redeploy => list.first(),
        Verb::Restart | Verb::Rollback => running(&list).or(list.first().filter(|_| verb == Verb::Rollback)),
    };
    let Some(before) = before else {
        let newest = list.first().map_or("it has none".to_owned(), |one| Snapshot::of(one).describe());
        let message = format!("no deployment of {} runs (newest: {newest}); redeploy it instead", service.target);
        return Err(executors.lasting(&message));
    };
    let to = match (verb, change.to.as_deref()) {
        (Verb::Rollback, Some(id)) => Some(by_id(executors, &service, &list, id, until).await?),
        (Verb::Rollback, None) => Some(earlier(executors, &service, &list, before)?),
        _ => None,
    };
    let baseline = Baseline {
        before: Snapshot::of(before),
        to: to.as_ref().map(Snapshot::of),
        known: list.iter().map(|deployment| deployment.id.clone()).collect(),
    };
    let back_to = to.map(|to| format!("; back to {} of {}", to.id, to.created_at.to_rfc3339()));
    let summary = format!("{}{}", baseline.before.describe(), back_to.unwrap_or_default());
    let value = serde_json::to_value(&baseline).unwrap_or_default();
    // It must come back as it is, or the first look would take what was scrubbed for a change.
    if executors.scrubbed_json(value.clone()) != value {
        let message =
            format!("an id that Railway gives {} holds the value of a secret; change that secret", service.target);
        return Err(executors.lasting(&message));
    }
    Ok(Prepared { baseline: value, summary: executors.line(&summary) })
}

async fn by_id(
    executors: &Executors,
    service: &Service,
    list: &[Deployment],
    id: &str,
    until: Instant,
) -> Result<Deployment, Failure> {
    if let Some(known) = list.iter().find(|deployment| deployment.id == id) {
        return Ok(known.clone());
    }
    match executors.within(until, executors.ports.railway.deployment(service, id, until)).await {
        Some(Ok(deployment)) => Ok(deployment),
        Some(Err(error)) => Err(executors.trouble(&error).failure),
        None => Err(executors.silence(service).failure),
    }
}

fn earlier(
    executors: &Executors,
    service: &Service,
    list: &[Deployment],
    before: &Deployment,
) -> Result<Deployment, Failure> {
    let older = list.iter().skip_while(|deployment| deployment.id != before.id).skip(1);
    older.into_iter().find(|deployment| deployment.can_rollback).cloned().ok_or_else(|| {
        let message = format!(
            "among the last {} deployments of {} there is none before {} that can be gone back to",
            list.len(),
            service.target,
            before.id
        );
        executors.lasting(&message)
    })
}

pub(in crate::step) async fn act(
    executors: &Executors,
    verb: Verb,
    change: &Change,
    baseline: Option<&Value>,
    until: Instant,
) -> Reply {
    let (service, baseline) = match begin(executors, change, baseline) {
        Ok(both) => both,
        Err(failure) => return Reply::NotDone(failure),
    };
    let (railway, id) = (&executors.ports.railway, baseline.subject());
    let asking = async {
        match verb {
            Verb::Restart => railway.restart(&service, id, until).await.map(|()| id.to_owned()),
            Verb::Redeploy => railway.redeploy(&service, id, until).await,
            Verb::Rollback => railway.rollback(&service, id, until).await.map(|()| id.to_owned()),
        }
    };
    match executors.within(until, asking).await {
        Some(Ok(deployment)) => {
            let facts = [("deployment", json!(deployment))];
            Reply::Answered(Answer {
                facts: executors.facts(facts),
                summary: executors.line(&format!("Railway took the order for deployment {deployment}")),
                ..Answer::default()
            })
        }
        Some(Err(error)) => executors.trouble(&error).reply(),
        None => executors.silence(&service).reply(),
    }
}

fn begin(executors: &Executors, change: &Change, baseline: Option<&Value>) -> Result<(Service, Baseline), Failure> {
    let baseline = baseline.and_then(|value| Baseline::deserialize(value).ok());
    let baseline = baseline.ok_or_else(|| {
        executors.lasting(&format!("what {} looked like before the change is not known", change.service.target))
    })?;
    Ok((executors.service(&change.service)?, baseline))
}

pub(in crate::step) async fn confirm(
    executors: &Executors,
    verb: Verb,
    change: &Change,
    baseline: &Value,
    until: Instant,
) -> Reply {
    let (service, baseline) = match begin(executors, change, Some(baseline)) {
        Ok(both) => both,
        Err(failure) => return Reply::NotDone(failure),
    };
    // Also right where another process began to wait.
    let began = (until - change.ready_within.std()).min(executors.clock.now());
    let mut seen;
    loop {
        let now = executors.clock.now();
        match look(executors, verb, &service, &baseline, until.min(now + LONGEST_LOOK)).await {
            Ok((Some(found), _)) if found.is_ready(!baseline.before.instances.is_empty()) => {
                let took = (executors.clock.now() - began).to_std().unwrap_or_default();
                return Reply::Answered(shown(executors, verb, change, &found, Some(took)));
            }
            Ok((Some(found), _)) if found.has_failed() => {
                let message = format!("{} was {} and failed: {}", service.target, verb.done(), found.describe());
                return Reply::NotDone(executors.passing(&message));
            }
            Ok((_, description)) => seen = description,
            // A passing error of one look says nothing about the service.
            Err(trouble) if trouble.failure.retryable => {
                seen = format!("it could not be seen ({})", trouble.failure.message)
            }
            Err(trouble) => return Reply::NotDone(trouble.failure),
        }
        let now = executors.clock.now();
        if now >= until {
            let waited = span((now - began).to_std().unwrap_or_default());
            let message = format!("{} was not ready within {waited}; last: {seen}", service.target);
            return Reply::NotDone(executors.passing(&message));
        }
        executors.clock.sleep_until(until.min(now + POLL)).await;
    }
}

/// The deployment in which the change shows, and how all of it reads.
async fn look(
    executors: &Executors,
    verb: Verb,
    service: &Service,
    baseline: &Baseline,
    until: Instant,
) -> Result<(Option<Snapshot>, String), Trouble> {
    if verb == Verb::Restart {
        let asking = executors.ports.railway.deployment(service, &baseline.before.deployment, until);
        let deployment = match executors.within(until, asking).await {
            Some(Ok(deployment)) => [deployment],
            Some(Err(error)) => return Err(executors.trouble(&error)),
            None => return Err(executors.silence(service)),
        };
        return Ok((baseline.find(verb, &deployment), baseline.describe(&deployment)));
    }
    let list = executors.recent(service, LOOK_BACK, until).await?;
    Ok((baseline.find(verb, &list), baseline.describe(&list)))
}

pub(in crate::step) async fn probe(
    executors: &Executors,
    verb: Verb,
    change: &Change,
    baseline: Option<&Value>,
    until: Instant,
) -> Probe {
    let unclear =
        |before: &str, now: &str| Probe::Unclear { evidence: executors.line(&format!("before: {before}; now: {now}")) };
    let (service, baseline) = match begin(executors, change, baseline) {
        Ok(both) => both,
        Err(failure) => return unclear("not known", &failure.message),
    };
    // Railway shows a restart some seconds late: a first look that shows nothing new proves less than half a minute of
    // them, and half a minute is cheaper than waking a person to be told "nothing yet".
    let mut seen = None;
    loop {
        let now = executors.clock.now();
        match look(executors, verb, &service, &baseline, until.min(now + LONGEST_LOOK)).await {
            Ok((Some(found), _)) if !found.has_failed() => {
                return Probe::Happened(shown(executors, verb, change, &found, None));
            }
            // One that broke may have broken by itself, before the order ever arrived.
            Ok((Some(_), now)) => return unclear(&baseline.before.describe(), &now),
            Ok((None, now)) => seen = Some(now),
            Err(trouble) => {
                let blind = format!("not known ({})", trouble.failure.message);
                if !trouble.failure.retryable {
                    return unclear(&baseline.before.describe(), &blind);
                }
                seen.get_or_insert(blind);
            }
        }
        // A look needs time of its own.
        let next = executors.clock.now() + POLL;
        if next + POLL > until {
            return unclear(&baseline.before.describe(), &seen.unwrap_or_default());
        }
        executors.clock.sleep_until(next).await;
    }
}

fn shown(executors: &Executors, verb: Verb, change: &Change, found: &Snapshot, took: Option<Duration>) -> Answer {
    let mut facts = vec![("deployment", json!(found.deployment)), ("status", json!(found.status))];
    facts.extend(took.map(|took| ("took_ms", json!(millis(took)))));
    let target = &change.service.target;
    let summary = match took {
        Some(took) => format!("{target} {}, ready after {}", verb.done(), span(took)),
        None => format!("{target} was {}: {}", verb.done(), found.describe()),
    };
    Answer { facts: executors.facts(facts), summary: executors.line(&summary), ..Answer::default() }
}
