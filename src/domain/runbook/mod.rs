//! The runbook language: a Markdown page that a person can follow and the bot can run.
//!
//! Lives here: the [`model`] of a checked runbook and of the [`model::Plan`] a run is pinned to; reading and checking pages
//! ([`check`](check::check)), planning, comparing and showing them. Never lives here: running one, and reading files (the caller
//! brings the text).

pub mod check;
pub mod contracts;
pub mod model;

pub mod diff;
pub mod outline;
pub mod plan;
pub mod schema;

mod block;
mod decide;
mod draft;
pub mod facts;
mod front;
mod jumps;
mod kinds;
mod longest;
mod names;
mod page;
mod watch;

pub use crate::domain::source::fault;
pub use check::{Checked, Library, parse, text};
pub use front::fit;
pub use page::{MAX_PAGE, MAX_STEPS};

#[cfg(test)]
mod tests;
