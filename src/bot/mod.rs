//! The bot: what a person says becomes a typed command, and the command is carried out.
//!
//! Lives here: the command grammar, persons, the use cases. Never lives here: how a door shows an answer (`chat`), what
//! follows from what (`domain`).

pub mod grammar;
