//! What the project exists for: incidents, runbooks, runs. Pure: no clock, no I/O, no randomness.
//!
//! Inside, imports go one way: source is below all, people, oncall and action are right above it; runbook and monitor → action; run → runbook, action, target; target → action;
//! timeline and gate → all that state facts.

pub mod action;
pub mod alert;
pub mod digest;
pub mod erasure;
pub mod gate;
pub mod incident;
pub mod likeness;
pub mod monitor;
pub mod oncall;
pub mod page;
pub mod people;
pub mod run;
pub mod runbook;
pub mod session;
pub mod source;
pub mod target;
pub mod timeline;
