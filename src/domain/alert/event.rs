//! What can happen to a group of alerts: the facts its journal stream is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::event::{IncidentId, Instant, Severity};

crate::stored_events! {
    /// A fact about one group of alerts.
    Event {
        /// An alert fires, and was not known to.
        Fired = "alert.fired" v 1,
        /// The source says that it is over.
        Resolved = "alert.resolved" v 1,
    }
}

/// See [`Event::Fired`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// Which system says so.
    pub source: String,
    /// What the source calls the group.
    pub group: String,
    /// What tells it from others.
    pub fingerprint: String,
    /// What is wrong.
    pub title: String,
    /// How bad it is, where the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Since when, where the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Instant>,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// An address that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The runbook that its author thought of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// The incident it led to or joined.
    pub incident: IncidentId,
    /// How it came to that incident.
    pub led: Led,
}

/// How an alert came to its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Led {
    /// The incident was declared for it, in the same commit.
    Declared,
    /// It joined the incident of its group, and this many others with it.
    Joined {
        /// How many.
        more: usize,
    },
    /// It came together with the one before it, which says how.
    With,
}

/// See [`Event::Resolved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Which system says so.
    pub source: String,
    /// What tells it from others.
    pub fingerprint: String,
    /// What was wrong.
    pub title: String,
    /// What that means for its incident.
    pub then: Then,
}

/// What the end of an alert means for its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Others that led to it fire still.
    OthersFire,
    /// It was the last one, and nobody had begun to work on it: the incident is resolved in the same commit.
    IncidentResolved,
    /// It was the last one, and somebody works on it: a person says when it is over.
    PersonDecides,
    /// The incident was over before.
    WasOver,
}
