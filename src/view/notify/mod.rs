//! Texts that say how things stand: plain, without colour; the doors add what they can show.
//!
//! Lives here: [`card`] (an incident in a few lines), [`brief`] (for somebody who joins), [`investigation`] (what is suspected). Never lives here: who is told, and through which door; what a run
//! waits for and which command answers it (`bot::waiting` says that for every door).

pub mod brief;
pub mod card;
pub mod investigation;
