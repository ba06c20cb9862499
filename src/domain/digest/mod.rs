//! Digests: when one is due, whether it is still to be sent, and what stands in it.
//!
//! Lives here: [`Schedule`], the facts of the stream `digest:NAME` ([`event`]), what they fold to ([`state`]), what follows from that
//! and the time ([`decide`](mod@decide)), the value that is told ([`model`]). Pure. Never lives here: collecting what it tells (`bot`),
//! its wording (`view`), sending it (`chat`).

pub mod decide;
pub mod event;
pub mod model;
pub mod state;
#[cfg(test)]
mod tests;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::base::event::Instant;
use crate::base::schedule::{Cron, Span};

/// A digest that comes this long after its time is still in time: a server takes that long to start.
pub const IN_TIME: TimeDelta = TimeDelta::seconds(60);
/// What a digest looks back on where there was none before it.
pub const FIRST_LOOK: TimeDelta = TimeDelta::hours(24);
/// What it looks back on at most: minutes of samples are kept for as long.
pub const LONGEST_LOOK: TimeDelta = TimeDelta::days(30);

/// When a digest is due, by whose clock, and how late it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What it is called: `morning`.
    pub name: String,
    /// When.
    pub cron: Cron,
    /// Where the clock hangs.
    pub zone: Tz,
    /// How long after its time it is still sent.
    pub late: Span,
}

impl Schedule {
    /// The first time after `after` at which it is due. `None` beyond the year 2100.
    #[must_use]
    pub fn next_after(&self, after: Instant) -> Option<Instant> {
        self.cron.next_after(after, self.zone)
    }

    /// The newest time in `after..=now`, `after` left out, at which it was due.
    #[must_use]
    pub fn newest(&self, after: Instant, now: Instant) -> Option<Instant> {
        let by_now = |from: Instant| self.next_after(from).filter(|due| *due <= now);
        let mut newest = by_now(after)?;
        // From the present back in growing steps: what lies far back may be a great many times.
        let mut back = TimeDelta::minutes(1);
        while back < now - after {
            if let Some(due) = by_now(now - back) {
                newest = due;
                break;
            }
            back = back * 2;
        }
        while let Some(due) = by_now(newest) {
            newest = due;
        }
        Some(newest)
    }

    /// How often it was due in `after..=until`, `after` left out; counted up to `most`.
    #[must_use]
    pub fn count(&self, after: Instant, until: Instant, most: u32) -> u32 {
        let (mut at, mut count) = (after, 0);
        while let Some(due) = self.next_after(at).filter(|due| *due <= until && count < most) {
            (at, count) = (due, count + 1);
        }
        count
    }
}
