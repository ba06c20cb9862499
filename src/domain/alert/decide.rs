//! What follows when alerts fire, and when they are resolved.
//!
//! Lives here: [`fire`] and [`resolve`]. Pure. Each comes to facts about the group and facts about one incident, which belong into one
//! commit: there is never an alert without its incident, nor an incident without what led to it.

use std::collections::BTreeMap;

use super::event::{Event, Fired, Led, Resolved, Then};
use super::state::State;
use super::{Alert, named};
use crate::base::event::{IncidentId, Instant, Person, Severity};
use crate::domain::incident::decide::{Command, Gate, decide};
use crate::domain::incident::event as of_incident;
use crate::domain::incident::state::State as Incident;

/// How bad an incident is whose alerts do not say.
pub const USUAL: Severity = Severity::P2;
/// Alerts of a group that are known to fire at a time. What else fires there is left out: its incident is open already.
pub const FIRING: usize = 500;

/// What follows, to be written down at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Follows {
    /// Which incident it is about.
    pub incident: IncidentId,
    /// Whether that one is declared with it.
    pub declares: bool,
    /// About the group.
    pub group: Vec<Event>,
    /// About the incident.
    pub of_incident: Vec<of_incident::Event>,
}

/// The incidents that a group's state names, as they stand.
pub type Incidents = BTreeMap<IncidentId, Incident>;

/// What follows when these alerts of one group fire; nothing where all are known to, and their incident is open. `next` is the id of an
/// incident that would be declared.
#[must_use]
pub fn fire(
    group: &State,
    incidents: &Incidents,
    next: &IncidentId,
    alerts: &[Alert],
    now: Instant,
) -> Option<Follows> {
    let is_open = |id: &IncidentId| incidents.get(id).is_some_and(|incident| incident.status.is_open());
    let known = |alert: &&Alert| group.firing.get(&alert.fingerprint).is_some_and(is_open);
    let mut news: BTreeMap<&str, &Alert> = BTreeMap::new();
    let mut order = Vec::new();
    for alert in alerts.iter().filter(|alert| !known(alert)) {
        if news.insert(&alert.fingerprint, alert).is_none() {
            order.push(alert.fingerprint.as_str());
        }
    }
    // One that is known to fire for an incident that is over is not one more.
    let more = |fingerprint: &&str| !group.firing.contains_key(*fingerprint);
    let room = FIRING.saturating_sub(group.firing.len());
    let left_out: Vec<&str> = order.iter().copied().filter(more).skip(room).collect();
    order.retain(|fingerprint| !left_out.contains(fingerprint));
    let news: Vec<&Alert> = order.iter().filter_map(|fingerprint| news.get(fingerprint).copied()).collect();
    let first = news.first()?;
    let worst = news.iter().map(|alert| alert.severity.unwrap_or(USUAL)).min().unwrap_or(USUAL);
    let joined = group.last.iter().chain(group.firing.values().rev()).find(|id| is_open(id));
    let by = Person::new(&named(&first.source));
    let (incident, of_incident) = match joined {
        Some(id) => (id.clone(), worsened(incidents.get(id)?, worst, &by, first, now)),
        None => (next.clone(), declared(first, worst, &by, now)?),
    };
    let fired = |(at, alert): (usize, &&Alert)| {
        let alert = (*alert).clone();
        Event::from(Fired {
            source: alert.source,
            group: alert.group,
            fingerprint: alert.fingerprint,
            title: alert.title,
            severity: alert.severity,
            since: alert.since,
            details: alert.details,
            link: alert.link,
            runbook: alert.runbook,
            incident: incident.clone(),
            led: match (at, joined) {
                (0, None) => Led::Declared,
                (0, Some(_)) => Led::Joined { more: news.len() - 1 },
                _ => Led::With,
            },
        })
    };
    let group = news.iter().enumerate().map(fired).collect();
    Some(Follows { incident: incident.clone(), declares: joined.is_none(), group, of_incident })
}

/// What follows when these alerts of one group are resolved at their source: for each incident that one of them led to. What is not known
/// to fire is no news.
#[must_use]
pub fn resolve(group: &State, incidents: &Incidents, alerts: &[Alert], now: Instant) -> Vec<Follows> {
    let mut group = group.clone();
    let mut found: BTreeMap<IncidentId, Follows> = BTreeMap::new();
    for alert in alerts {
        let Some(id) = group.firing.remove(&alert.fingerprint) else { continue };
        let open = incidents.get(&id).filter(|incident| incident.status.is_open());
        let follows = found.entry(id.clone()).or_insert_with(|| Follows {
            incident: id.clone(),
            declares: false,
            group: Vec::new(),
            of_incident: Vec::new(),
        });
        let then = match open {
            None => Then::WasOver,
            Some(_) if group.firing_for(&id) > 0 => Then::OthersFire,
            Some(incident) if incident.is_worked_on() => Then::PersonDecides,
            Some(incident) => {
                let why = "every alert that led here is resolved at its source, and nobody had begun to work on it";
                let command = Command::Resolve { why: Some(why.to_owned()) };
                let by = Person::new(&named(&alert.source));
                // Nothing ran, so there is nothing that a gate could hold.
                match decide(Some(incident), command, &by, now, &Gate::default()) {
                    Ok(events) => {
                        follows.of_incident = events;
                        Then::IncidentResolved
                    }
                    Err(_) => Then::PersonDecides,
                }
            }
        };
        let (source, fingerprint) = (alert.source.clone(), alert.fingerprint.clone());
        follows.group.push(Resolved { source, fingerprint, title: alert.title.clone(), then }.into());
    }
    found.into_values().collect()
}

fn declared(first: &Alert, severity: Severity, by: &Person, now: Instant) -> Option<Vec<of_incident::Event>> {
    let command = Command::Declare {
        title: first.title.clone(),
        severity: Some(severity),
        environment: None,
        zone: None,
        // A clock elsewhere may be ahead of ours.
        started: first.since.filter(|since| *since <= now),
        detected: None,
    };
    decide(None, command, by, now, &Gate::default()).ok()
}

/// An alert that is worse than what its incident is held to be makes that worse: otherwise it would call nobody.
fn worsened(
    incident: &Incident,
    severity: Severity,
    by: &Person,
    first: &Alert,
    now: Instant,
) -> Vec<of_incident::Event> {
    if incident.severity.is_some_and(|held| held <= severity) {
        return Vec::new();
    }
    let why = Some(format!("another alert fires: {}", first.title));
    decide(Some(incident), Command::SetSeverity { severity, why }, by, now, &Gate::default()).unwrap_or_default()
}
