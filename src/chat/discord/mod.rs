//! Discord: slash commands, a thread with a card for each incident, buttons, modals, menus on messages.
//!
//! Lives here: Discord's side of everything. What comes in is acknowledged at once (`gateway`, or `endpoint` where interactions are
//! HTTP requests) and handed to the loop (`door`);
//! definitions and arguments are read off the one grammar (`verbs`); a thread is kept by a task of its own (`thread`), which shows
//! what `card` and `told` make of the state; what can be pressed is made of the state as well (`offers`). Never lives here: what a
//! command does (`bot`), the wording of facts (`view`).

mod announce;
pub mod answer;
pub mod card;
pub mod digest;
pub mod door;
pub mod endpoint;
pub mod gateway;
mod hints;
mod interaction;
mod login;
mod menus;
mod oncall;
pub mod paging;
pub mod register;
pub mod settings;
mod suggest;
mod text;
pub mod thread;
mod told;
pub mod verbs;

/// The door's name in the record.
const DOOR: &str = "discord";
