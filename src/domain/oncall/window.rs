//! Hours of certain weekdays by a wall clock.
//!
//! Lives here: [`Window`]: whether a local time is inside, and at which instants that may change. Never lives here: who is on
//! call inside.

use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;

use crate::base::event::Instant;
use crate::base::schedule::{clock_changes, instants_of};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// Hours that begin on certain weekdays. They may end on the next day. What counts is what the wall clock shows: where it shows
/// an hour twice, both are inside, and where it skips hours there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins, by [`Weekday::num_days_from_monday`].
    days: [bool; 7],
    /// Minutes after midnight, below 1440.
    from: u32,
    /// The same. Not after `from`: on the next day.
    to: u32,
}

impl Window {
    /// From a time of day to another on these days. An end that is not after the beginning is on the next day, so that two equal
    /// times are a whole day. Seconds are dropped.
    #[must_use]
    pub fn new(days: &[Weekday], from: NaiveTime, to: NaiveTime) -> Self {
        let minutes = |time: NaiveTime| time.num_seconds_from_midnight() / 60;
        let mut begins = [false; 7];
        days.iter().for_each(|day| begins[day.num_days_from_monday() as usize] = true);
        Self { days: begins, from: minutes(from), to: minutes(to) }
    }

    /// Whether it is inside at any time.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.from == self.to && self.days == [true; 7]
    }

    /// Whether it is inside when the wall clock shows that.
    #[must_use]
    pub fn holds(&self, local: NaiveDateTime) -> bool {
        let minute = local.num_seconds_from_midnight() / 60;
        let begins = |day: Weekday| self.days[day.num_days_from_monday() as usize];
        let today = begins(local.weekday());
        if self.from < self.to {
            return today && (self.from..self.to).contains(&minute);
        }
        (today && minute >= self.from) || (begins(local.weekday().pred()) && minute < self.to)
    }

    /// Whether it is inside at an instant, by a zone's clock.
    #[must_use]
    pub fn holds_at(&self, zone: Tz, at: Instant) -> bool {
        self.holds(at.with_timezone(&zone).naive_local())
    }

    /// Instants in `from..to` at which it may begin or end, in no order.
    pub(super) fn edges(&self, zone: Tz, from: Instant, to: Instant) -> Vec<Instant> {
        let mut edges = clock_changes(zone, from, to);
        let mut day = from.with_timezone(&zone).date_naive() - TimeDelta::days(1);
        let last = to.with_timezone(&zone).date_naive() + TimeDelta::days(1);
        while day <= last {
            for minute in [self.from, self.to] {
                let Some(local) = day.and_hms_opt(minute % DAY / 60, minute % 60, 0) else { continue };
                let (first, second) = instants_of(local, zone);
                edges.extend([Some(first), second].into_iter().flatten());
            }
            day += TimeDelta::days(1);
        }
        edges.retain(|edge| (from..to).contains(edge));
        edges
    }

    /// The first instant after `at` at which it is outside, where it is inside at `at`. `None` as well for a window that never ends.
    #[must_use]
    pub fn ends_after(&self, zone: Tz, at: Instant) -> Option<Instant> {
        if !self.holds_at(zone, at) {
            return None;
        }
        let mut edges = self.edges(zone, at, at + TimeDelta::days(9));
        edges.sort_unstable();
        edges.into_iter().find(|edge| *edge > at && !self.holds_at(zone, *edge))
    }
}
