//! The ground floor: words and tools that every other floor may use, and that use nothing of the crate.
//!
//! Lives here: identities and envelopes, the clock port, schedules, bounded expressions, secrets, sample arithmetic.
//! Never lives here: anything that knows what an incident, a runbook or a chat is.

pub mod clock;
pub mod event;
pub mod expr;
pub mod metrics;
pub mod schedule;
pub mod secret;
pub mod series;
pub mod text;
pub mod token;
