//! Monitors told as stories, and held to their promises over any sequence of samples.

mod figures;
mod page;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::alert::{Alert, Status, outstanding};
use super::event::{Alerted, Event, Muted};
use super::load::{Known, load};
use super::observe::{Around, observe, silence};
use super::spec::Spec;
use super::state::{Folded, Level, Sample, State};
use crate::base::event::{IncidentId, Instant, Person};

fn start() -> Instant {
    "2026-03-01T02:30:00Z".parse().unwrap()
}

fn spec(keys: &str) -> Spec {
    let source = format!("monitors:\n  api: {{ check: {{ http: {{ get: \"http://api.example/\" }} }}, {keys} }}\n");
    load(&source, Known::default()).unwrap().all.remove("api").unwrap()
}

/// One monitor, what is around it, and everything that came of it.
struct Watched {
    spec: Spec,
    state: State,
    now: Instant,
    parent: bool,
    events: Vec<(Instant, Event)>,
    alerts: Vec<(Instant, Status)>,
}

impl Watched {
    fn new(keys: &str) -> Self {
        let (events, alerts) = (Vec::new(), Vec::new());
        Self { spec: spec(keys), state: State::default(), now: start(), parent: false, events, alerts }
    }

    fn is_silent(&self) -> bool {
        silence(&self.state, self.around(), self.now).is_some()
    }

    fn around(&self) -> Around<'_> {
        let maintenance = self.spec.maintained(self.now).map(|window| window.why.as_str());
        Around { parent: self.parent.then_some("redis"), maintenance }
    }

    fn sees(&mut self, level: Level) -> Option<Alert> {
        let silent = silence(&self.state, self.around(), self.now);
        let sample = Sample { at: self.now, level, seen: format!("{level:?} at {}", self.now), took_ms: Some(12) };
        self.state.take(&sample, silent);
        for event in observe(&self.state, &self.spec) {
            self.happens(event);
        }
        let alert = outstanding(&self.spec, &self.state)?;
        self.alerts.push((self.now, alert.status));
        let firing = alert.status == Status::Firing;
        self.happens(Event::Alerted(Alerted { firing, incident: firing.then(|| IncidentId::number(1)) }));
        Some(alert)
    }

    fn happens(&mut self, event: Event) {
        self.state.apply(&event, self.now);
        self.events.push((self.now, event));
    }

    /// The same level every 15 seconds for a while; the alerts it led to.
    fn stays(&mut self, level: Level, minutes: i64) -> Vec<Status> {
        let before = self.alerts.len();
        for _ in 0..minutes * 4 {
            self.sees(level);
            self.now += TimeDelta::seconds(15);
        }
        self.alerts[before..].iter().map(|(_, status)| *status).collect()
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(|(_, event)| event.kind()).filter(|kind| *kind != "monitor.alerted").collect()
    }

    fn folded(&self) -> Folded {
        let mut state = State::default();
        self.events.iter().for_each(|(at, event)| state.apply(event, *at));
        state.folded
    }

    /// The process ends and another takes over.
    fn restarts(&mut self) {
        self.state = State { folded: self.folded(), ..State::default() };
    }
}

const ONE_MINUTE: &str = "every: 15s, fail_for: 1m, ok_for: 1m";

#[test]
fn an_outage_is_one_alarm_after_a_minute_and_one_recovery() {
    let mut api = Watched::new(ONE_MINUTE);
    assert_eq!(api.stays(Level::Healthy, 5), []);
    assert_eq!(api.stays(Level::Failing, 1), [], "45 seconds are not a minute");
    assert_eq!(api.stays(Level::Failing, 10), [Status::Firing]);
    assert_eq!(api.stays(Level::Healthy, 10), [Status::Resolved]);
    assert_eq!(api.kinds(), ["monitor.failed", "monitor.recovered"]);
    let Event::Failed(failed) = &api.events[0].1 else { panic!() };
    assert_eq!((failed.since, api.events[0].0), (start() + TimeDelta::minutes(5), start() + TimeDelta::minutes(6)));
}

#[test]
fn a_blip_is_nothing_and_a_restart_of_the_process_calls_nobody_again() {
    let mut api = Watched::new(ONE_MINUTE);
    for _ in 0..20 {
        api.stays(Level::Healthy, 1);
        api.sees(Level::Failing);
    }
    assert_eq!(api.events, []);
    assert_eq!(api.stays(Level::Failing, 2), [Status::Firing]);
    api.restarts();
    assert_eq!(api.stays(Level::Failing, 5), []);
    api.restarts();
    assert_eq!(api.stays(Level::Healthy, 5), [Status::Resolved]);
}

#[test]
fn what_nobody_took_is_told_after_a_restart() {
    let mut api = Watched::new(ONE_MINUTE);
    api.stays(Level::Failing, 2);
    assert!(matches!(api.events.pop(), Some((_, Event::Alerted(_)))), "the process dies before the alert was taken");
    api.restarts();
    assert_eq!(api.stays(Level::Failing, 1), [Status::Firing]);
    assert_eq!(outstanding(&api.spec, &api.state), None);
}

#[test]
fn a_slow_answer_is_degraded_and_no_alarm() {
    let mut api = Watched::new(ONE_MINUTE);
    assert_eq!(api.stays(Level::Degraded, 5), []);
    assert_eq!(api.stays(Level::Failing, 3), [Status::Firing]);
    assert_eq!(api.stays(Level::Degraded, 3), [Status::Resolved], "degraded is no longer failing");
    assert_eq!(api.stays(Level::Healthy, 3), []);
    assert_eq!(api.kinds(), ["monitor.degraded", "monitor.failed", "monitor.degraded", "monitor.recovered"]);
}

#[test]
fn while_its_parent_fails_a_child_is_silent_and_afterwards_has_as_long_to_recover() {
    let mut api = Watched::new(ONE_MINUTE);
    api.sees(Level::Failing);
    api.now += TimeDelta::seconds(45);
    api.parent = true;
    assert_eq!(api.stays(Level::Failing, 10), [], "the parent began to fail within the child's minute");
    api.parent = false;
    assert_eq!(api.stays(Level::Failing, 1), [], "the parent is back; the child may take a minute");
    assert_eq!(api.stays(Level::Failing, 1), [Status::Firing], "it is not back: now it is its own failure");
    assert_eq!(api.kinds(), ["monitor.failed", "monitor.unsilenced"]);
}

#[test]
fn maintenance_is_silent_by_the_operators_clock() {
    let window = "maintenance: [{ cron: \"0 3 * * sun\", for: 1h, zone: UTC, why: backups }]";
    let mut api = Watched::new(&format!("{ONE_MINUTE}, {window}"));
    api.stays(Level::Healthy, 30);
    assert_eq!(api.spec.maintained(api.now).map(|window| window.why.as_str()), Some("backups"));
    assert_eq!(api.stays(Level::Failing, 60), []);
    assert_eq!(api.spec.maintained(api.now), None);
    assert_eq!(api.stays(Level::Failing, 2), [Status::Firing]);
}

#[test]
fn whoever_mutes_it_hears_nothing_until_then() {
    let mut api = Watched::new(ONE_MINUTE);
    let until = api.now + TimeDelta::minutes(10);
    api.happens(Event::Muted(Muted { until, why: "moving house".into(), by: Person::new("Ana") }));
    assert_eq!(api.stays(Level::Failing, 10), []);
    assert_eq!(api.stays(Level::Failing, 2), [Status::Firing]);
}

#[test]
fn one_that_goes_to_and_fro_is_one_alarm_until_it_is_steady() {
    let mut api = Watched::new("every: 15s, flapping: { changes: 4, within: 30m }");
    let mut told = Vec::new();
    for _ in 0..20 {
        told.extend(api.stays(Level::Failing, 1));
        told.extend(api.stays(Level::Healthy, 1));
    }
    assert_eq!(told, [Status::Firing, Status::Resolved, Status::Firing], "two outages, then one that goes on");
    assert_eq!(api.stays(Level::Healthy, 31), [Status::Resolved]);
    assert_eq!(api.kinds()[3..], ["monitor.flapping", "monitor.steady"]);
}

#[derive(Clone, Debug)]
enum Step {
    Sees(Level),
    Parent(bool),
    Mutes(i64),
    Waits(i64),
    Restarts,
}

fn step() -> impl Strategy<Value = Step> {
    let level = prop_oneof![Just(Level::Healthy), Just(Level::Degraded), Just(Level::Failing)];
    prop_oneof![
        6 => level.prop_map(Step::Sees),
        1 => any::<bool>().prop_map(Step::Parent),
        1 => (1_i64..10).prop_map(Step::Mutes),
        1 => (1_i64..40).prop_map(Step::Waits),
        1 => Just(Step::Restarts),
    ]
}

proptest! {
    #[test]
    fn any_samples_alarms_and_recoveries_alternate_and_silence_is_kept(
        steps in prop::collection::vec(step(), 1..150),
        fail_for in prop_oneof![Just("0"), Just("30s"), Just("2m")],
        ok_for in prop_oneof![Just("0"), Just("1m")],
        flaps in any::<bool>(),
        maintained in any::<bool>(),
    ) {
        let flapping = if flaps { ", flapping: { changes: 3, within: 10m }" } else { "" };
        let window = ", maintenance: [{ cron: \"*/40 * * * *\", for: 10m, zone: UTC, why: backups }]";
        let window = if maintained { window } else { "" };
        let mut api = Watched::new(&format!("every: 15s, fail_for: {fail_for}, ok_for: {ok_for}{flapping}{window}"));
        let long = api.spec.fail_for.delta();
        let mut silent_at: Vec<Instant> = Vec::new();
        for step in steps {
            match step {
                Step::Sees(level) => {
                    let silent = api.is_silent();
                    if silent { silent_at.push(api.now); }
                    let alert = api.sees(level);
                    if let Some(alert) = alert.filter(|alert| alert.status == Status::Firing) {
                        prop_assert!(!silent, "an alarm in silence: {alert:?}");
                        let recent = silent_at.iter().any(|at| *at > api.now - long);
                        prop_assert!(!recent || alert.flapping, "an alarm right after silence: {alert:?}");
                    }
                    api.now += TimeDelta::seconds(15);
                }
                Step::Parent(fails) => api.parent = fails,
                Step::Mutes(minutes) => {
                    let until = api.now + TimeDelta::minutes(minutes);
                    api.happens(Event::Muted(Muted { until, why: "x".into(), by: Person::new("Ana") }));
                }
                Step::Waits(minutes) => api.now += TimeDelta::minutes(minutes),
                Step::Restarts => api.restarts(),
            }
            prop_assert_eq!(&api.folded(), &api.state.folded);
        }
        for (index, (_, status)) in api.alerts.iter().enumerate() {
            let expected = if index % 2 == 0 { Status::Firing } else { Status::Resolved };
            prop_assert_eq!(*status, expected);
        }
    }
}
