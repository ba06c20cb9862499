//! Doors through which people talk to the bot.
//!
//! Lives here: the terminal. Never lives here: what a command does (`bot`).

pub mod terminal;
