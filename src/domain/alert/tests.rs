//! Alerts in stories, and one property: whatever fires and is resolved, a group has one open incident at most, and what fires has one.

use std::collections::BTreeMap;

use chrono::{TimeDelta, TimeZone as _, Utc};
use proptest::prelude::*;

use super::decide::{FIRING, Follows, Incidents, fire, resolve};
use super::event::{Event, Then};
use super::state::State;
use super::{Alert, Standing};
use crate::base::event::{IncidentId, Instant, Person, Severity};
use crate::domain::incident::decide::{Command, Gate, decide};
use crate::domain::incident::event::Status;
use crate::domain::incident::state::State as Incident;

fn at(minute: i64) -> Instant {
    Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).unwrap() + TimeDelta::minutes(minute)
}

fn alert(fingerprint: &str) -> Alert {
    Alert {
        source: "alertmanager".into(),
        fingerprint: fingerprint.into(),
        group: "redis".into(),
        title: format!("{fingerprint} is down"),
        severity: None,
        state: Standing::Firing,
        since: None,
        details: BTreeMap::new(),
        link: None,
        runbook: None,
    }
}

fn bad(fingerprint: &str, severity: Severity) -> Alert {
    Alert { severity: Some(severity), ..alert(fingerprint) }
}

/// One group, its incidents, and everything that was said.
#[derive(Default)]
struct Story {
    group: State,
    incidents: Incidents,
    told: Vec<Event>,
    minute: i64,
}

impl Story {
    fn next(&self) -> IncidentId {
        IncidentId::number(self.incidents.len() as u64 + 1)
    }

    fn take(&mut self, follows: Follows) {
        assert_eq!(follows.declares, !self.incidents.contains_key(&follows.incident));
        let mut incident = self.incidents.remove(&follows.incident);
        follows.of_incident.iter().for_each(|event| Incident::step(&mut incident, event, at(self.minute)).unwrap());
        self.incidents.insert(follows.incident, incident.expect("an alert has an incident"));
        follows.group.iter().for_each(|event| self.group.apply(event));
        self.told.extend(follows.group);
    }

    fn fires(&mut self, alerts: &[Alert]) -> usize {
        self.minute += 1;
        let Some(follows) = fire(&self.group, &self.incidents, &self.next(), alerts, at(self.minute)) else { return 0 };
        let new = follows.group.len();
        self.take(follows);
        new
    }

    fn over(&mut self, fingerprints: &[&str]) -> Vec<Then> {
        self.minute += 1;
        let alerts: Vec<Alert> = fingerprints.iter().map(|name| alert(name)).collect();
        let mut then = Vec::new();
        for follows in resolve(&self.group, &self.incidents, &alerts, at(self.minute)) {
            then.extend(follows.group.iter().filter_map(|event| match event {
                Event::Resolved(resolved) => Some(resolved.then),
                Event::Fired(_) => None,
            }));
            self.take(follows);
        }
        then
    }

    fn person(&mut self, incident: u64, command: Command) {
        self.minute += 1;
        let id = IncidentId::number(incident);
        let mut state = self.incidents.remove(&id);
        let events = decide(state.as_ref(), command, &Person::new("Ana"), at(self.minute), &Gate::default());
        for event in events.unwrap_or_default() {
            Incident::step(&mut state, &event, at(self.minute)).unwrap();
        }
        self.incidents.extend(state.map(|state| (id, state)));
    }

    fn status(&self, incident: u64) -> Status {
        self.incidents[&IncidentId::number(incident)].status
    }

    fn severity(&self, incident: u64) -> Severity {
        self.incidents[&IncidentId::number(incident)].severity.unwrap()
    }
}

#[test]
fn alerts_of_a_group_are_one_incident_and_a_repeat_is_no_news() {
    let mut story = Story::default();
    assert_eq!(story.fires(&[alert("redis"), alert("queue")]), 2);
    assert_eq!(story.fires(&[alert("redis"), alert("queue")]), 0);
    assert_eq!(story.fires(&[alert("redis"), alert("workers")]), 1);
    assert_eq!(story.incidents.len(), 1);
    let incident = &story.incidents[&IncidentId::number(1)];
    assert_eq!((incident.title.as_str(), incident.severity), ("redis is down", Some(Severity::P2)));
    assert_eq!(incident.declared_by.name(), "Alertmanager");
}

#[test]
fn the_last_alert_that_ends_resolves_what_nobody_works_on() {
    let mut story = Story::default();
    story.fires(&[alert("redis"), alert("queue")]);
    assert_eq!(story.over(&["redis"]), [Then::OthersFire]);
    assert_eq!(story.over(&["redis", "unheard of"]), [], "it is over already, or never was");
    assert_eq!(story.over(&["queue"]), [Then::IncidentResolved]);
    assert_eq!(story.status(1), Status::Resolved);
    assert_eq!(story.fires(&[alert("redis")]), 1, "what fires again after the end is another incident");
    assert_eq!(story.incidents.len(), 2);
}

#[test]
fn what_somebody_works_on_somebody_ends() {
    let mut story = Story::default();
    story.fires(&[alert("redis")]);
    story.person(1, Command::Acknowledge);
    assert_eq!(story.over(&["redis"]), [Then::PersonDecides]);
    assert_eq!(story.status(1), Status::Detected);
    assert_eq!(story.fires(&[alert("redis")]), 1, "it belongs to what is still worked on");
    assert_eq!(story.incidents.len(), 1);
}

#[test]
fn what_still_fires_after_a_person_resolved_it_is_a_new_incident() {
    let mut story = Story::default();
    story.fires(&[alert("redis"), alert("queue")]);
    story.person(1, Command::Resolve { why: None });
    assert_eq!(story.fires(&[alert("queue")]), 1);
    assert_eq!(story.over(&["redis"]), [Then::WasOver], "it led to the first one");
    assert_eq!(story.over(&["queue"]), [Then::IncidentResolved]);
    assert_eq!((story.status(1), story.status(2)), (Status::Resolved, Status::Resolved));
}

#[test]
fn the_worst_alert_says_how_bad_it_is_and_a_milder_one_takes_nothing_back() {
    let mut story = Story::default();
    story.fires(&[bad("slow", Severity::P3), bad("queue", Severity::P2)]);
    assert_eq!(story.severity(1), Severity::P2);
    story.fires(&[bad("redis", Severity::P0)]);
    story.fires(&[bad("disk", Severity::P3)]);
    assert_eq!(story.severity(1), Severity::P0);
}

#[test]
fn a_storm_is_remembered_up_to_a_limit() {
    let mut story = Story::default();
    let storm: Vec<Alert> = (0..FIRING + 50).map(|number| alert(&format!("pod-{number}"))).collect();
    assert_eq!(story.fires(&storm), FIRING);
    assert_eq!(story.fires(&storm), 0);
    story.person(1, Command::Resolve { why: None });
    assert_eq!(story.fires(&storm), FIRING, "those that are known still fire, for another incident now");
}

#[test]
fn whatever_an_alert_says_is_cut_and_stays_told_apart() {
    let long = |ending: &str| format!("{}{ending}", "x".repeat(5_000));
    let bounded = |fingerprint: String| {
        Alert {
            title: "\u{1b}[31m\n ".into(),
            group: String::new(),
            details: (0..100).map(|number| (format!("{number:03}{}", long("")), long(""))).collect(),
            link: Some("javascript:alert(1)".into()),
            ..alert(&fingerprint)
        }
        .bounded()
    };
    let (one, other) = (bounded(long("a")), bounded(long("b")));
    assert_ne!(one.fingerprint, other.fingerprint);
    assert_eq!((one.link, one.details.len()), (None, super::DETAILS));
    assert!(serde_json::to_vec(&one.details).unwrap().len() < 12_000 && one.title.chars().count() <= super::TITLE);
    assert_eq!(one.group, one.fingerprint, "one that names no group is its own");
}

#[derive(Clone, Debug)]
enum Step {
    Fire(Vec<(u8, u8)>),
    Over(Vec<u8>),
    Acknowledge(u64),
    Resolve(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec((0..5u8, 0..5u8), 0..4).prop_map(Step::Fire),
        4 => prop::collection::vec(0..5u8, 0..4).prop_map(Step::Over),
        1 => (1..4u64).prop_map(Step::Acknowledge),
        1 => (1..4u64).prop_map(Step::Resolve),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn a_group_has_one_open_incident_at_most_and_what_was_said_folds_to_what_is(steps in steps()) {
        let name = |number: u8| format!("a{number}");
        let severities = [None, Some(Severity::P0), Some(Severity::P1), Some(Severity::P2), Some(Severity::P3)];
        let mut story = Story::default();
        for step in steps {
            match step {
                Step::Fire(alerts) => {
                    let alerts: Vec<Alert> = alerts
                        .into_iter()
                        .map(|(number, severity)| Alert { severity: severities[severity as usize], ..alert(&name(number)) })
                        .collect();
                    story.fires(&alerts);
                    for alert in &alerts {
                        let led_to = story.group.firing.get(&alert.fingerprint).expect("it is known to fire");
                        prop_assert!(story.incidents[led_to].status.is_open());
                    }
                }
                Step::Over(numbers) => {
                    let names: Vec<String> = numbers.into_iter().map(name).collect();
                    story.over(&names.iter().map(String::as_str).collect::<Vec<_>>());
                    for name in names {
                        prop_assert!(!story.group.firing.contains_key(&name));
                    }
                }
                Step::Acknowledge(incident) => story.person(incident, Command::Acknowledge),
                Step::Resolve(incident) => story.person(incident, Command::Resolve { why: None }),
            }
            let open = story.incidents.values().filter(|incident| incident.status.is_open()).count();
            prop_assert!(open <= 1, "{open} open");
            // What nobody works on is open exactly as long as something of it fires.
            for (id, incident) in &story.incidents {
                if incident.status.is_open() && incident.acknowledged_by.is_none() {
                    prop_assert!(story.group.firing_for(id) > 0);
                }
            }
            let mut folded = State::default();
            for event in &story.told {
                let stored = Event::decode(event.kind(), event.version(), &event.encode().unwrap()).unwrap();
                folded.apply(&stored);
            }
            prop_assert_eq!(&folded, &story.group);
        }
    }
}
