//! Texts that ask and texts that say how things stand: plain, without colour; the doors add what they can show.
//!
//! Lives here: [`prompt`] (what a run waits for) and [`card`] (an incident in a few lines). Never lives here: who is told,
//! and through which door.

pub mod card;
pub mod prompt;
