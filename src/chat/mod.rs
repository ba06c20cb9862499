//! Doors through which people talk to the bot.
//!
//! Lives here: the terminal, Discord. Never lives here: what a command does (`bot`).

pub mod discord;
pub mod terminal;
