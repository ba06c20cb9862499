//! What can happen to a monitor: the facts of the stream `monitor:NAME`. Only changes are facts; samples are kept elsewhere.
//!
//! Lives here: the events. Never lives here: which samples lead to which (`observe`), what follows (`state`).

use serde::{Deserialize, Serialize};

use super::state::Level;
use crate::base::event::{IncidentId, Instant, Person};

crate::stored_events! {
    /// A fact about one monitor.
    Event {
        /// It fails, and has long enough.
        Failed = "monitor.failed" v 1,
        /// It still fails, and what kept it silent is over: now it is an alarm.
        Unsilenced = "monitor.unsilenced" v 1,
        /// It answers, worse than it should.
        Degraded = "monitor.degraded" v 1,
        /// It is well again.
        Recovered = "monitor.recovered" v 1,
        /// It changes to and fro: one alarm until it is steady.
        Flapping = "monitor.flapping" v 1,
        /// It no longer changes to and fro.
        Steady = "monitor.steady" v 1,
        /// Somebody wants to hear nothing of it for a while.
        Muted = "monitor.muted" v 1,
        /// Somebody wants to hear of it again.
        Unmuted = "monitor.unmuted" v 1,
        /// Whoever takes alerts has taken one.
        Alerted = "monitor.alerted" v 1,
    }
}

/// Why a failure is no alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Silence {
    /// Something it depends on fails.
    Parent {
        /// Which monitor.
        monitor: String,
    },
    /// It is being worked on.
    Maintenance {
        /// What for.
        why: String,
    },
    /// Somebody muted it.
    Person {
        /// Who.
        person: Person,
        /// Why.
        why: String,
    },
}

/// See [`Event::Failed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// When it was first seen failing.
    pub since: Instant,
    /// What was seen last.
    pub seen: String,
    /// Why nobody is called; absent: it is an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silence>,
}

/// See [`Event::Unsilenced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsilenced {
    /// What was seen last.
    pub seen: String,
}

/// See [`Event::Degraded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// When it was first seen so.
    pub since: Instant,
    /// What was seen last.
    pub seen: String,
    /// How long it had failed before, where it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

/// See [`Event::Recovered`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// When it was first seen well again.
    pub since: Instant,
    /// How long it had not been, in milliseconds.
    pub after_ms: u64,
    /// What it was until then.
    pub from: Level,
}

/// See [`Event::Flapping`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// How often it changed.
    pub changes: u32,
    /// Within how long, in milliseconds.
    pub within_ms: u64,
    /// What it just changed to.
    pub level: Level,
    /// What was seen last.
    pub seen: String,
    /// Why nobody is called; absent: it is an alarm, if there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silence>,
}

/// See [`Event::Steady`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// What it came to rest as.
    pub level: Level,
    /// Since when it has been that.
    pub since: Instant,
    /// How long it had flapped, in milliseconds.
    pub after_ms: u64,
    /// What was seen last.
    pub seen: String,
}

/// See [`Event::Muted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Muted {
    /// Until when.
    pub until: Instant,
    /// Why.
    pub why: String,
    /// Who.
    pub by: Person,
}

/// See [`Event::Unmuted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmuted {
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who.
    pub by: Person,
}

/// See [`Event::Alerted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerted {
    /// Whether it was the alarm; otherwise its end.
    pub firing: bool,
    /// The incident that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
}
