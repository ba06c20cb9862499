//! Who is on call: rotations of persons, what goes over them, and in which order persons are told of an incident.
//!
//! The words are PagerDuty's and GoAlert's. A *schedule* has *layers*; each rotates through its people, later layers go over
//! earlier ones, and *overrides* go over all. A *policy* is a ladder of steps that notify schedules and persons.
//!
//! Lives here: what `oncall.yaml` says ([`Oncall`]; [`load`] reads it), who is on call when ([`who`], [`shifts`],
//! [`next_handoff`]), overrides and requests for cover ([`rota`]), what a plan comes to
//! ([`simulate`]). Never lives here: sending anything, reading files, a clock: every instant is an argument.

pub mod load;
mod policy;
pub mod rota;
mod schedule;
pub mod simulate;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use crate::base::event::{Instant, Person, Severity};
use crate::base::schedule::Span;

pub use load::load;
pub use policy::{Policy, Step, Target};
pub use rota::{Override, Overrides};
pub use schedule::{Handoff, Layer, Schedule, Shift, Source, next_handoff, shifts, who};
pub use window::Window;

/// What `oncall.yaml` says. Everything that is named in it is there: [`load`] sees to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oncall {
    /// The zone of everything that names none.
    pub zone: Tz,
    /// By name.
    pub schedules: BTreeMap<String, Schedule>,
    /// By name.
    pub policies: BTreeMap<String, Policy>,
    /// Which policy an incident of that severity pages; none for a severity that is not here.
    pub page: BTreeMap<Severity, String>,
    /// When what is not urgent waits; never, where the file does not say.
    pub quiet_hours: Option<QuietHours>,
    /// How often somebody is asked for an update.
    pub reminders: Reminders,
}

impl Oncall {
    /// The policy that an incident of that severity pages.
    #[must_use]
    pub fn policy_for(&self, severity: Severity) -> Option<&Policy> {
        self.policies.get(self.page.get(&severity)?)
    }

    /// Until when what concerns an incident of that severity waits, where it waits at all at `at`.
    #[must_use]
    pub fn held_until(&self, severity: Severity, at: Instant) -> Option<Instant> {
        self.quiet_hours.as_ref()?.held_until(severity, at)
    }

    /// Every person that the file names.
    #[must_use]
    pub fn persons(&self) -> BTreeSet<&Person> {
        let layers = self.schedules.values().flat_map(|schedule| &schedule.layers);
        let steps = self.policies.values().flat_map(|policy| policy.steps.iter().flat_map(|step| &step.notify));
        let last = self.policies.values().flat_map(|policy| &policy.finally);
        let named = steps.chain(last).filter_map(|target| match target {
            Target::Person(person) => Some(person),
            Target::Schedule(_) => None,
        });
        layers.flat_map(|layer| &layer.people).chain(named).collect()
    }
}

/// Hours in which what is not urgent waits until their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Which hours, and of which days.
    pub hours: Window,
    /// By whose clock.
    pub zone: Tz,
    /// What waits. Never [`Severity::P0`].
    pub hold: BTreeSet<Severity>,
}

impl QuietHours {
    /// The end of the quiet hours that hold a severity at `at`; `None` where nothing holds it.
    #[must_use]
    pub fn held_until(&self, severity: Severity, at: Instant) -> Option<Instant> {
        if !self.hold.contains(&severity) {
            return None;
        }
        self.hours.ends_after(self.zone, at)
    }
}

/// How often whoever leads an incident is asked for an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminders {
    /// After how long without one, by severity; never for a severity that is not here.
    pub update_every: BTreeMap<Severity, Span>,
    /// After so many in a row that nobody answered there are no more.
    pub at_most: u32,
}

impl Default for Reminders {
    fn default() -> Self {
        Self { update_every: BTreeMap::new(), at_most: 5 }
    }
}

#[cfg(test)]
mod tests;
