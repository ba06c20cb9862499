//! A group of alerts after the events so far.
//!
//! Lives here: [`State`] and its fold. It takes every history: what was erased is not known any more, and nothing is made up for it.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use crate::base::event::IncidentId;

/// A group, folded from its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What fires, by fingerprint: the incident it led to.
    pub firing: BTreeMap<String, IncidentId>,
    /// The incident that an alert of the group led to or joined last.
    pub last: Option<IncidentId>,
}

impl State {
    /// Folds the next event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Fired(fired) => {
                self.firing.insert(fired.fingerprint.clone(), fired.incident.clone());
                self.last = Some(fired.incident.clone());
            }
            Event::Resolved(resolved) => {
                self.firing.remove(&resolved.fingerprint);
            }
        }
    }

    /// Whether anything fires.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        !self.firing.is_empty()
    }

    /// The incidents whose state decides what follows.
    #[must_use]
    pub fn incidents(&self) -> BTreeSet<IncidentId> {
        self.firing.values().chain(&self.last).cloned().collect()
    }

    /// How many alerts of an incident fire.
    #[must_use]
    pub fn firing_for(&self, incident: &IncidentId) -> usize {
        self.firing.values().filter(|led_to| *led_to == incident).count()
    }
}
