//! Incidents: a coordinated response to impact, from detection to the review.
//!
//! Lives here: what can happen to one ([`event`]), what it looks like after that ([`state`]), and what a person's command
//! comes to ([`decide`]). Never lives here: runs and what they found; the resolve gate is computed from them in
//! `domain/gate` and only handed in.

pub mod decide;
pub mod event;
pub mod investigation;
pub mod item;
pub mod review;
pub mod state;

pub use decide::{Command, Gate, Refusal, decide};
pub use state::{Interval, Measure, State};

#[cfg(test)]
mod tests;
