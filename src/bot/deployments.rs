//! What others deployed on the targets of an incident: seen while it is open, and written down in its timeline.
//!
//! Lives here: when which incident is looked at ([`Lookout`], pure), which services are its targets, asking. Never lives here:
//! which deployments are worth writing down (`domain::target`).

use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, select_biased};

use super::fleet::Appended;
use super::{Bot, Fault};
use crate::base::event::{IncidentId, Instant};
use crate::bot::library::At;
use crate::domain::action::ActionSpec;
use crate::domain::action::railway::{Deployment, Service};
use crate::domain::incident::event::Event;
use crate::domain::incident::state::State;
use crate::domain::runbook::model::{Does, Plan};
use crate::domain::target::LISTED;
use crate::domain::timeline::Fact;
use crate::step::Executors;

/// How often an open incident is looked at.
const EVERY: TimeDelta = TimeDelta::minutes(3);
/// What was listed no longer ago is good for another incident on the same target: Railway counts requests by the hour.
const FRESH: TimeDelta = TimeDelta::minutes(1);
/// How long one service may take to answer.
const PATIENCE: TimeDelta = TimeDelta::seconds(10);
/// Services that are asked about for one incident, and runs that are read for their targets, the newest.
const SERVICES: usize = 8;
const RUNS: usize = 5;

/// Which open incidents are to be looked at, and when.
#[derive(Debug, Default)]
struct Lookout {
    due: BTreeMap<IncidentId, Instant>,
}

impl Lookout {
    /// Something happened to an incident: one that begins, or has other targets than before, is looked at now.
    fn heard(&mut self, incident: &IncidentId, event: &Event, now: Instant) {
        match event {
            Event::Declared(_) | Event::Reopened(_) | Event::RunAttached(_) => {
                self.due.insert(incident.clone(), now);
            }
            Event::Resolved(_) | Event::Closed(_) => {
                self.due.remove(incident);
            }
            _ => {}
        }
    }

    fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// The incident whose turn it is; the next one comes after a while.
    fn take(&mut self, now: Instant) -> Option<IncidentId> {
        let (incident, due) = self.due.iter_mut().filter(|(_, due)| **due <= now).min_by_key(|(_, due)| **due)?;
        *due = now + EVERY;
        Some(incident.clone())
    }
}

/// What was asked lately, by environment and target: when, and what was listed; nothing where there was no answer.
#[derive(Default)]
struct Known(BTreeMap<(String, String), Asked>);

type Asked = (Instant, Option<Vec<Deployment>>);

impl Bot {
    /// Sees to it that deployments on the targets of open incidents get into their timelines, for as long as `news` comes: what
    /// happens to incidents. What cannot be asked holds nothing up: it is told once, in the log.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn watch_deployments(&self, mut news: mpsc::UnboundedReceiver<Appended>) -> Result<(), Fault> {
        let (mut lookout, mut known) = (Lookout::default(), Known::default());
        for (incident, state) in self.incident_list().await? {
            if state.status.is_open() {
                lookout.due.insert(incident, self.clock.now());
            }
        }
        loop {
            let mut wake = match lookout.next() {
                Some(due) => self.clock.sleep_until(due).left_future(),
                None => futures::future::pending().right_future(),
            }
            .fuse();
            select_biased! {
                appended = news.next() => match appended {
                    Some(Appended { fact, .. }) => {
                        if let Fact::Incident(incident, event) = &fact.event {
                            lookout.heard(incident, event, self.clock.now());
                        }
                    }
                    None => return Ok(()),
                },
                () = wake => {
                    if let Some(incident) = lookout.take(self.clock.now())
                        && let Err(fault) = self.look_at_deployments(&incident, &mut known).await
                    {
                        tracing::warn!(%incident, %fault, "what was deployed is not looked at");
                    }
                }
            }
        }
    }

    async fn look_at_deployments(&self, incident: &IncidentId, known: &mut Known) -> Result<(), Fault> {
        let state = self.incident_state(incident).await?;
        let services = self.services_of(incident, &state).await?;
        if services.is_empty() {
            return Ok(());
        }
        let executors = self.executors()?;
        for (environment, service) in services {
            let listed = self.listed(&executors, &environment, &service, known).await;
            let place = (environment.as_str(), service.target.as_str());
            if let Some(listed) = listed {
                self.engine()?.deployments_seen(place, Some(incident), listed).await?;
            }
        }
        Ok(())
    }

    /// The deployments of a service, asked for now or a moment ago. Where there is no answer, that is told when it begins.
    async fn listed<'k>(
        &self,
        executors: &Executors,
        environment: &str,
        service: &Service,
        known: &'k mut Known,
    ) -> Option<&'k Vec<Deployment>> {
        let now = self.clock.now();
        let key = (environment.to_owned(), service.target.clone());
        let before = known.0.get(&key);
        if before.is_none_or(|(at, _)| *at + FRESH <= now) {
            let answered_before = before.is_none_or(|(_, listed)| listed.is_some());
            let listed = match executors.deployments_of(service, LISTED, now + PATIENCE).await {
                Ok(listed) => Some(listed),
                Err(failure) => {
                    if answered_before {
                        let (target, why) = (&service.target, &failure.message);
                        tracing::warn!(target, why, "what was deployed is not known for now");
                    }
                    None
                }
            };
            known.0.insert(key.clone(), (now, listed));
        }
        known.0.get(&key)?.1.as_ref()
    }

    /// The Railway services that an incident's runs act on or read; those of the runbooks that it calls for, while nothing was
    /// run yet.
    async fn services_of(&self, incident: &IncidentId, state: &State) -> Result<Vec<(String, Service)>, Fault> {
        let mut found = BTreeMap::new();
        for run in state.runs.iter().rev().take(RUNS) {
            // A plan that was erased names no targets any more.
            if let Ok(plan) = self.engine()?.run_plan(run).await {
                found.extend(services(&plan));
            }
        }
        if state.runs.is_empty() {
            let at = At { environment: state.environment.clone(), ..At::default() };
            let fitting = self.proposed(incident, state).await?;
            // One that needs inputs to be planned names its targets when it is run.
            let plans = fitting.iter().filter_map(|proposed| self.plan(&proposed.id, &at).ok());
            plans.for_each(|planned| found.extend(services(&planned.plan)));
        }
        Ok(found.into_iter().map(|((environment, _), service)| (environment, service)).take(SERVICES).collect())
    }
}

/// The Railway services among the targets that a plan's steps name, by environment and name.
fn services(plan: &Plan) -> BTreeMap<(String, String), Service> {
    let environment = &plan.inventory.environment;
    let specs: Vec<&ActionSpec> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.does {
            Does::Act(spec) => Some(spec),
            Does::Watch(watch) => Some(&watch.sample),
            _ => None,
        })
        .collect();
    let named = |name: &str| {
        let template = format!("target.{name}.");
        specs.iter().any(|spec| spec.params["target"] == name || spec.params.to_string().contains(&template))
    };
    let targets = plan.inventory.targets.iter().filter(|(name, _)| named(name));
    targets.filter_map(|(name, target)| Some(((environment.clone(), name.clone()), target.railway.clone()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::event::Person;
    use crate::domain::incident::event::{Closed, Noted, Reopened, Status};

    #[test]
    fn an_incident_is_looked_at_when_it_begins_and_every_few_minutes_until_it_is_over() {
        let start: Instant = "2026-03-01T12:00:00Z".parse().unwrap();
        let (first, by) = (IncidentId::number(1), Person::new("Ana"));
        let mut lookout = Lookout::default();
        lookout.heard(&first, &Noted { text: "hello".into(), by: by.clone() }.into(), start);
        assert_eq!(lookout.next(), None, "a note is no beginning");
        let reopened = Reopened { from: Status::Resolved, to: Status::Detected, by: by.clone(), why: None };
        lookout.heard(&first, &reopened.into(), start);
        assert_eq!(lookout.take(start), Some(first.clone()));
        assert_eq!(lookout.take(start), None);
        assert_eq!(lookout.next(), Some(start + EVERY));
        assert_eq!(lookout.take(start + EVERY), Some(first.clone()));
        lookout.heard(&first, &Closed { by, why: None }.into(), start + EVERY);
        assert_eq!(lookout.next(), None);
    }
}
