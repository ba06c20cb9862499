//! A page: one call for help that goes up an escalation policy until somebody answers.
//!
//! Lives here: the facts ([`event`]), what they fold to ([`state`]), what follows from an answer or from silence ([`decide`]), what is
//! still to be sent ([`work`]), and which incidents call for one ([`cause`], [`attention`]). Pure. Never lives here: who is on call (a port,
//! [`OnCall`], answers that), how somebody is reached.

pub mod attention;
pub mod cause;
pub mod decide;
pub mod event;
pub mod state;
#[cfg(test)]
mod tests;
pub mod work;

use crate::base::event::{Instant, Person};

/// Knows who is on call.
pub trait OnCall: Sync {
    /// Who is on call in a schedule at a moment; `None` where nobody is, or the schedule is gone.
    fn who(&self, schedule: &str, at: Instant) -> Option<Person>;
}
