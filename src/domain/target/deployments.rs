//! Deployments that others made: which of those that are listed are worth writing down.
//!
//! Lives here: that decision, so that an incident's response and whoever else looks at a target write down the same ones, each
//! once. Never lives here: asking, when to ask.

use chrono::TimeDelta;

use super::State;
use super::event::{DeploymentSeen, Event};
use crate::base::event::{IncidentId, Instant};
use crate::domain::action::railway::Deployment;

/// What was deployed longer ago is no news.
pub const LOOK_BACK: TimeDelta = TimeDelta::hours(24);
/// As many deployments are asked for: some may not have come to anything yet.
pub const LISTED: u32 = 10;
/// As many are written down of a target that is deployed to all day: the newest.
const NEWEST: usize = 5;
/// What a deployment is doing that may have changed something, in Railway's words. One that is still being built may yet, and is
/// looked at again; one that was skipped never will.
const SETTLED: [&str; 6] = ["SUCCESS", "CRASHED", "FAILED", "SLEEPING", "REMOVED", "REMOVING"];

impl State {
    /// The deployments among those listed that are to be written down, oldest first: settled, made lately, and not written down
    /// for this incident (or for none) before. Their ids tell them apart.
    #[must_use]
    pub fn deployments_to_record(
        &self,
        listed: &[Deployment],
        incident: Option<&IncidentId>,
        now: Instant,
    ) -> Vec<Event> {
        let mut newest: Vec<&Deployment> = listed
            .iter()
            .filter(|one| SETTLED.contains(&one.status.as_str()) && one.at > now - LOOK_BACK && one.at <= now)
            .collect();
        newest.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        newest.dedup_by(|one, other| one.id == other.id);
        newest.drain(..newest.len().saturating_sub(NEWEST));
        newest.retain(|one| !self.seen.contains(&(incident.cloned(), one.id.clone())));
        let seen = |one: &Deployment| DeploymentSeen { incident: incident.cloned(), deployment: one.clone() }.into();
        newest.into_iter().map(seen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn deployment(id: &str, status: &str, hours_ago: i64) -> Deployment {
        let at = now() - TimeDelta::hours(hours_ago);
        Deployment { id: id.into(), status: status.into(), at, by: None, commit: None, message: None }
    }

    fn ids(events: &[Event]) -> Vec<&str> {
        let id = |event: &Event| match event {
            Event::DeploymentSeen(seen) => Some(&*Box::leak(seen.deployment.id.clone().into_boxed_str())),
            _ => None,
        };
        events.iter().filter_map(id).collect()
    }

    #[test]
    fn each_is_written_down_once_for_each_incident_and_only_what_came_to_something_lately() {
        let listed = [
            deployment("new", "BUILDING", 0),
            deployment("live", "SUCCESS", 1),
            deployment("broken", "FAILED", 2),
            deployment("left-out", "SKIPPED", 3),
            deployment("before", "REMOVED", 23),
            deployment("long ago", "REMOVED", 25),
        ];
        let (first, second) = (IncidentId::number(1), IncidentId::number(2));
        let mut target = State::default();
        let events = target.deployments_to_record(&listed, Some(&first), now());
        assert_eq!(ids(&events), ["before", "broken", "live"]);
        events.iter().for_each(|event| target.apply(event, now()));
        assert!(target.deployments_to_record(&listed, Some(&first), now()).is_empty());
        assert_eq!(target.deployments_to_record(&listed, Some(&second), now()).len(), 3, "another incident's timeline");
        assert_eq!(target.deployments_to_record(&listed, None, now()).len(), 3, "and nobody's");

        let built = [deployment("new", "SUCCESS", 0), deployment("live", "REMOVED", 1)];
        assert_eq!(ids(&target.deployments_to_record(&built, Some(&first), now())), ["new"]);
    }

    #[test]
    fn of_a_target_that_is_deployed_to_all_day_the_newest_are_written_down() {
        let listed: Vec<_> = (0..10).map(|hour| deployment(&format!("d{hour}"), "REMOVED", hour)).collect();
        let mut target = State::default();
        let events = target.deployments_to_record(&listed, None, now());
        assert_eq!(ids(&events), ["d4", "d3", "d2", "d1", "d0"]);
        events.iter().for_each(|event| target.apply(event, now()));
        assert!(target.deployments_to_record(&listed, None, now()).is_empty(), "older ones do not come up afterwards");
    }
}
