//! Policies: in which order persons are told, and how long each step has.
//!
//! Lives here: [`Policy`] and whom it reaches at an instant ([`Oncall::rung`]). Never lives here: telling them, and knowing that
//! somebody answered.

use super::Oncall;
use super::rota::Overrides;
use super::schedule::who;
use crate::base::event::{Instant, Person};
use crate::base::schedule::Span;

/// A ladder of steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What people call it.
    pub name: String,
    /// In order; never empty.
    pub steps: Vec<Step>,
    /// How often the whole ladder is gone through again.
    pub repeat: u32,
    /// Who is told when nobody answered, or nobody is on call. Names at least one person.
    pub finally: Vec<Target>,
}

/// A step of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who is told at once; never empty.
    pub notify: Vec<Target>,
    /// How long they have before the next step.
    pub escalate_after: Span,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whoever is on call there.
    Schedule(String),
    /// This person.
    Person(Person),
}

/// Where on a ladder somebody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// How often the ladder was gone through before.
    pub round: u32,
    /// Which step, from 0.
    pub step: usize,
}

impl Place {
    /// The place behind it. It may be past the last step: [`Oncall::rung`] goes on with the next round.
    #[must_use]
    pub fn next(self) -> Self {
        Self { step: self.step + 1, ..self }
    }
}

/// Whom a policy reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rung {
    /// The persons of a step.
    Step {
        /// Where that is.
        place: Place,
        /// In order, nobody twice; never empty.
        persons: Vec<Person>,
        /// How long they have.
        escalate_after: Span,
    },
    /// The last ones; after them nobody is told.
    Finally {
        /// In order, nobody twice; never empty.
        persons: Vec<Person>,
    },
}

impl Oncall {
    /// The persons that targets mean at `at`: in order, nobody twice. Empty where nobody is on call.
    #[must_use]
    pub fn reached(&self, targets: &[Target], overrides: &Overrides, at: Instant) -> Vec<Person> {
        let mut persons: Vec<Person> = Vec::new();
        for target in targets {
            let person = match target {
                Target::Person(person) => Some(person.clone()),
                Target::Schedule(name) => self.schedules.get(name).and_then(|schedule| who(schedule, overrides, at)),
            };
            persons.extend(person.filter(|person| !persons.contains(person)));
        }
        persons
    }

    /// Whom a policy tells at `at`, from a place on. A step with nobody on call is skipped; behind the last round come the last
    /// ones.
    #[must_use]
    pub fn rung(&self, policy: &Policy, from: Place, overrides: &Overrides, at: Instant) -> Rung {
        let mut place = from;
        while place.round <= policy.repeat {
            while let Some(step) = policy.steps.get(place.step) {
                let persons = self.reached(&step.notify, overrides, at);
                if !persons.is_empty() {
                    return Rung::Step { place, persons, escalate_after: step.escalate_after };
                }
                place = place.next();
            }
            place = Place { round: place.round + 1, step: 0 };
        }
        Rung::Finally { persons: self.reached(&policy.finally, overrides, at) }
    }
}
