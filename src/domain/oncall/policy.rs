//! Policies: in which order persons are told, and how long each step has.
//!
//! Lives here: [`Policy`] as the file has it. Never lives here: going up its steps (`domain/page`).

use crate::base::event::Person;
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
