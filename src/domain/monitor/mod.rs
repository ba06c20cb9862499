//! Monitors: standing checks outside any run.
//!
//! Lives here: what `monitors.yaml` says ([`spec`], read by [`load`]), what samples lead to ([`observe`](mod@observe), folded by [`state`]), the
//! alert that follows ([`alert`]), figures over time ([`tally`], [`slo`]). Pure: no clock, no I/O. Never lives here: asking anything
//! (`engine/monitoring`), where samples are kept (`samples`), who is called.

pub mod alert;
pub mod event;
pub mod judge;
pub mod load;
pub mod observe;
pub mod slo;
pub mod spec;
pub mod state;
pub mod tally;
pub mod whole;

#[cfg(test)]
mod tests;

pub use alert::{Alert, Status, Wants, outstanding};
pub use observe::{Around, observe};
pub use spec::{Check, Monitors, Spec};
pub use state::{Level, Sample, State};
