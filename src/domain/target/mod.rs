//! A target's own stream: one run holds it while it acts, and a budget limits how often it is changed.
//!
//! Lives here: the facts and the state they fold to. Never lives here: which step wants to act (that is the run's), and
//! what the target is (that is the inventory's).

pub mod event;
