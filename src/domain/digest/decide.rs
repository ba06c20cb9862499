//! What follows from the time: a digest is sent, given up, or waited for.
//!
//! For one time there is never more than one digest, and for several times that nobody kept, one: the newest. Each time is sent, or
//! recorded as skipped. Lives here: [`decide`]. Pure. Never lives here: collecting and sending.

use chrono::TimeDelta;

use super::event::{Due, Event, Scheduled, Skipped, Why};
use super::state::State;
use super::{FIRST_LOOK, IN_TIME, LONGEST_LOOK, Schedule};
use crate::base::event::Instant;

/// Up to how many skipped times are counted.
pub const MOST_COUNTED: u32 = 1_000;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This is written down; then it is decided anew.
    Record(Vec<Event>),
    /// The digest is made, and written down as due together with what is skipped for it; then it is decided anew.
    Make(Make),
    /// It is sent. It may have been: whoever sends it recognises that.
    Send(Due),
    /// Nothing until then; never again where there is no such time.
    Wait(Option<Instant>),
}

/// A digest that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Make {
    /// When it was due.
    pub due: Instant,
    /// Whether nobody kept it then.
    pub late: bool,
    /// What it takes the place of.
    pub skipped: Option<Skipped>,
}

/// Decides. `failed` is why the one that is pending did not get through, where this process has tried.
#[must_use]
pub fn decide(state: &State, schedule: &Schedule, failed: Option<&str>, now: Instant) -> Next {
    let late = schedule.late.delta();
    if let Some(pending) = &state.pending {
        // One that did not get through gives way to a newer one.
        let newer = failed.is_some() && schedule.newest(pending.due, now).is_some();
        if now - pending.due <= late && !newer {
            return Next::Send(pending.clone());
        }
        let why = failed.map_or(Why::TooOld, |said| Why::Undelivered { said: said.to_owned() });
        return Next::Record(vec![Skipped { first: pending.due, last: pending.due, count: 1, why }.into()]);
    }
    let written = Scheduled { cron: schedule.cron.text().to_owned(), zone: schedule.zone.name().to_owned() };
    let Some(handled) = state.handled.filter(|_| state.schedule.as_ref() == Some(&written)) else {
        return Next::Record(vec![written.into()]);
    };
    let Some(first) = schedule.next_after(handled) else { return Next::Wait(None) };
    let Some(newest) = schedule.newest(handled, now) else { return Next::Wait(Some(first)) };
    let skipped = |last: Instant, why| {
        let count = schedule.count(handled, last, MOST_COUNTED);
        Skipped { first, last, count, why }
    };
    if now - newest > late {
        return Next::Record(vec![skipped(newest, Why::TooOld).into()]);
    }
    let before = (first < newest).then(|| schedule.newest(handled, newest - TimeDelta::milliseconds(1))).flatten();
    Next::Make(Make {
        due: newest,
        late: now - newest > IN_TIME,
        skipped: before.map(|last| skipped(last, Why::Superseded)),
    })
}

/// From when on the digest that is made now tells: it goes on where the last one ended.
#[must_use]
pub fn since(state: &State, now: Instant) -> Instant {
    let last = state.last.as_ref().map_or(now - FIRST_LOOK, |last| last.until);
    last.clamp(now - LONGEST_LOOK, now)
}
