//! Discord: the look-alike itself, with the real client library as its bot.
#![allow(clippy::disallowed_methods, reason = "Discord is outside the program and lives in real time")]
mod load;
mod lookalike;
mod outage;
mod protocol;
mod response;
mod rules;
mod served;
mod sizes;
mod small_bot;
