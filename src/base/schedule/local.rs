//! Times of a wall clock as instants, by one rule for everything that is due at a local time.
//!
//! Lives here: [`instant_of`], [`instants_of`], [`clock_changes`]. Never lives here: what is due then.

use chrono::{LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::base::event::Instant;

/// The instant of a local time. A time that the clock skips happens at the first instant after the gap, and a time that it
/// shows twice happens once, the first time.
#[must_use]
pub fn instant_of(local: NaiveDateTime, zone: Tz) -> Instant {
    instants_of(local, zone).0
}

/// [`instant_of`] a local time, and the second instant where the clock shows it twice.
#[must_use]
pub fn instants_of(local: NaiveDateTime, zone: Tz) -> (Instant, Option<Instant>) {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) => (instant.to_utc(), None),
        LocalResult::Ambiguous(first, second) => (first.to_utc(), Some(second.to_utc())),
        LocalResult::None => (end_of_gap(local, zone), None),
    }
}

/// The instants in `from..=to` at which the zone's clocks are put forward or back.
#[must_use]
pub fn clock_changes(zone: Tz, from: Instant, to: Instant) -> Vec<Instant> {
    // No zone has changed its clocks and changed them back within six hours.
    let step = TimeDelta::hours(6);
    let offset = |at: Instant| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let (mut found, mut at) = (Vec::new(), from - TimeDelta::seconds(1));
    while at < to {
        let next = (at + step).min(to);
        if offset(at) != offset(next) {
            let (mut before, mut after) = (0, (next - at).num_seconds());
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if offset(at + TimeDelta::seconds(middle)) == offset(at) { before = middle } else { after = middle }
            }
            // Clocks change at whole seconds, and `from` need not be one.
            let change = at + TimeDelta::seconds(after);
            found.push(change - TimeDelta::nanoseconds(i64::from(change.timestamp_subsec_nanos())));
        }
        at = next;
    }
    found
}

/// The first instant whose wall-clock time is after `local`, which the clock skips. No zone is more than 15 hours from
/// UTC, and the longest gap was a day.
fn end_of_gap(local: NaiveDateTime, zone: Tz) -> Instant {
    let shows_later = |seconds: i64| {
        let instant = local.and_utc() + TimeDelta::seconds(seconds);
        instant.with_timezone(&zone).naive_local() > local
    };
    let (mut before, mut after) = (-48 * 3600_i64, 48 * 3600_i64);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if shows_later(middle) {
            after = middle;
        } else {
            before = middle;
        }
    }
    local.and_utc() + TimeDelta::seconds(after)
}
