//! The alert of a monitor: what there is to tell whoever takes alerts.
//!
//! Lives here: [`Alert`], [`Wants`], [`outstanding`], a function of the state alone: after a restart what was not told yet is told, and nothing
//! twice. Never lives here: who is called and how.

use super::spec::{OnFailure, Spec};
use super::state::State;
use crate::base::event::{IncidentId, Instant, Severity};

/// Whether there is something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something is wrong.
    Firing,
    /// It is over.
    Resolved,
}

/// One alert, as whoever takes alerts gets it. The same fingerprint is the same matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it goes by: `monitor:api-health`.
    pub fingerprint: String,
    /// The monitor's name.
    pub monitor: String,
    /// What people call it.
    pub title: String,
    /// The target it is about.
    pub target: Option<String>,
    /// Whether there is something to do.
    pub status: Status,
    /// When the trouble began; of an end, when it ended.
    pub since: Instant,
    /// What was seen.
    pub seen: String,
    /// Whether it changes to and fro.
    pub flapping: bool,
    /// The incident of its last alarm, which may be over.
    pub incident: Option<IncidentId>,
    /// What the operator wants to follow.
    pub wants: Wants,
}

/// What the operator wants to follow from an alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// It is said where people talk.
    pub post: bool,
    /// Somebody on call is called.
    pub page: bool,
    /// An incident is declared.
    pub declare: Option<Declare>,
    /// The runbook that is proposed.
    pub propose: Option<String>,
    /// The runbook that begins by itself.
    pub start: Option<String>,
    /// How bad it is.
    pub severity: Option<Severity>,
}

/// The incident to declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declare {
    /// How bad.
    pub severity: Option<Severity>,
    /// What it is called.
    pub title: String,
}

impl Wants {
    fn of(on: &OnFailure, title: &str, status: Status) -> Self {
        let firing = status == Status::Firing;
        Self {
            post: on.post,
            page: on.page,
            declare: (firing && on.declare)
                .then(|| Declare { severity: on.severity, title: format!("{title} is failing") }),
            propose: on.propose.clone().filter(|_| firing),
            start: on.start.clone().filter(|_| firing),
            severity: on.severity,
        }
    }
}

/// What is to be told now; `None` where everything is.
#[must_use]
pub fn outstanding(spec: &Spec, state: &State) -> Option<Alert> {
    let folded = &state.folded;
    let (status, since) = match (folded.alarm, folded.told) {
        (Some(began), false) => (Status::Firing, folded.since.map_or(began, |since| since.min(began))),
        (None, true) => (Status::Resolved, folded.since?),
        _ => return None,
    };
    Some(Alert {
        fingerprint: spec.fingerprint(),
        monitor: spec.id.clone(),
        title: spec.title.clone(),
        target: spec.target.clone(),
        status,
        since,
        seen: folded.seen.clone(),
        flapping: folded.flapping.is_some(),
        incident: folded.incident.clone(),
        wants: Wants::of(&spec.on_failure, &spec.title, status),
    })
}
