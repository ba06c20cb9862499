//! Monitors as people ask for them: how everything is, one in detail, muting, asking once.
//!
//! Lives here: these use cases, and watching (`watching`). Never lives here: what follows from a sample (`domain::monitor`).

pub mod watching;
