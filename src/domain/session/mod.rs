//! Sessions in a browser: somebody was given a link, used it, and is signed in for a while.
//!
//! Lives here: the facts of a stream `session:KEY` ([`event`]), what they fold to ([`state`]), what follows from that and the time
//! ([`decide`](mod@decide)). Pure. Never lives here: links and keys themselves (`base/token`), cookies (`web`), who an account is and what
//! they may (`domain/people`): that is asked anew each time.

pub mod decide;
pub mod event;
pub mod state;
#[cfg(test)]
mod tests;

use chrono::TimeDelta;

/// How long a link can be used after it was made: long enough to change to the browser, too short to be found somewhere later.
pub const LINK_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long somebody stays signed in: a shift.
pub const SESSION_LIFE: TimeDelta = TimeDelta::hours(12);
