//! One execution of a runbook as a pure state machine: `decide`, `apply`, `work`, `next_deadline`.
//!
//! Lives here: what can happen to a run, what may follow, what is outstanding. Never lives here: a clock, an executor,
//! a store.

pub mod apply;
pub mod decide;
pub mod event;
pub mod evidence;
pub mod input;
pub mod scope;
pub mod state;
#[cfg(test)]
mod tests;
pub mod watch;
pub mod work;
