//! The runbook language: a Markdown page that a person can follow and the bot can run.
//!
//! Lives here: the [`model`] of a checked runbook and of the [`model::Plan`] a run is pinned to; reading, checking,
//! planning and comparing runbooks. Never lives here: running one, and reading files (the caller brings the text).

pub mod model;
