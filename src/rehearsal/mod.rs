//! Rehearsals: a runbook played against a scripted world, in virtual time.
//!
//! Lives here: scenario files, the world they describe (behind the ports of `client`), the people in it, the player and the
//! comparison with what was expected. Never lives here: another engine or other executors: what is rehearsed is what runs.

pub mod scenario;
pub mod world;
