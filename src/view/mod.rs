//! What people read, made of what happened: facts in, text out. Pure: no clock, no I/O.
//!
//! Lives here: the wording of every fact ([`sentence`]), times as people read them ([`time`]), prompts and cards
//! ([`notify`]), rights ([`rights`]), signing in ([`session`]), pages ([`pages`]), what was seen before and after a change ([`evidence`]), the postmortem
//! ([`report`]), charts of measured values ([`chart`]), digests ([`digest`]). Never lives here: colours, keys and
//! widths of a terminal, buttons of a chat: the doors put those around these texts.

pub mod chart;
pub mod digest;
pub mod evidence;
pub mod notify;
pub mod pages;
pub mod report;
pub mod rights;
pub mod sentence;
pub mod session;
pub mod time;

/// What stands where nobody recorded anything.
pub const NOT_RECORDED: &str = "not recorded";
