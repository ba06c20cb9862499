//! Discord: the look-alike itself, with the real client library as its bot.
#![allow(clippy::disallowed_methods, reason = "Discord is outside the program and lives in real time")]

mod alerts;
mod channels;
mod deployments;
mod digests;
mod endpoint;
mod heartbeat;
mod leaving;
mod load;
mod login;
mod lookalike;
mod many;
mod noticed;
mod oncall;
mod outage;
mod paging;
mod people;
pub mod place;
mod protocol;
mod response;
mod rules;
pub mod served;
mod sizes;
mod small_bot;
mod trouble;
