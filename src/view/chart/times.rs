//! The axis of time: marks at moments that people would name, in the reader's zone.
//!
//! Marks lie on the zone's own clock: full hours, midnights, first days of months. Where clocks go forward, an hour that
//! does not exist has no mark; where they go back, marks of an hour or less show the repeated hour twice and coarser ones
//! its first time only. The first mark behind such a change says what the zone differs from UTC now.

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::base::event::Instant;

/// A mark on the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where it lies.
    pub at: Instant,
    /// The time (`08:30`), or the day, month or year where marks are that far apart.
    pub label: String,
    /// What is new from here on: the day, the year, the zone's difference from UTC.
    pub note: Option<String>,
}

/// How far marks are apart.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Seconds that divide a day.
    Seconds(i64),
    Days(i64),
    Months(i32),
    Years(i32),
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// From fine to coarse.
const STEPS: [Step; 38] = [
    Step::Seconds(1),
    Step::Seconds(2),
    Step::Seconds(5),
    Step::Seconds(10),
    Step::Seconds(15),
    Step::Seconds(30),
    Step::Seconds(MINUTE),
    Step::Seconds(2 * MINUTE),
    Step::Seconds(5 * MINUTE),
    Step::Seconds(10 * MINUTE),
    Step::Seconds(15 * MINUTE),
    Step::Seconds(30 * MINUTE),
    Step::Seconds(HOUR),
    Step::Seconds(2 * HOUR),
    Step::Seconds(3 * HOUR),
    Step::Seconds(4 * HOUR),
    Step::Seconds(6 * HOUR),
    Step::Seconds(12 * HOUR),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Days(14),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Years(1),
    Step::Years(2),
    Step::Years(5),
    Step::Years(10),
    Step::Years(20),
    Step::Years(50),
    Step::Years(100),
    Step::Years(200),
    Step::Years(500),
    Step::Years(1000),
    Step::Years(2000),
    Step::Years(5000),
];

/// At most `at_most` marks from `from` to `to`, both included, as fine as that allows. A stretch too short for any has one at
/// its beginning. Nothing outside of the years 1 to 9999, and nothing where `to` lies before `from`.
#[must_use]
pub fn ticks(from: Instant, to: Instant, zone: Tz, at_most: usize) -> Vec<Tick> {
    let known = |at: Instant| (2..9999).contains(&at.year());
    if to < from || at_most == 0 || !known(from) || !known(to) {
        return Vec::new();
    }
    for step in STEPS {
        if let Some(found) = moments(from, to, zone, step, at_most).filter(|found| !found.is_empty()) {
            return labelled(&found, zone, step);
        }
    }
    labelled(&[from], zone, Step::Seconds(1))
}

/// All moments of a step, or none where there would be too many.
fn moments(from: Instant, to: Instant, zone: Tz, step: Step, at_most: usize) -> Option<Vec<Instant>> {
    let mut found: Vec<Instant> = Vec::new();
    let mut add = |at: Instant| {
        if (from..=to).contains(&at) && found.last().is_none_or(|last| *last < at) {
            found.push(at);
        }
        found.len() <= at_most
    };
    match step {
        Step::Seconds(seconds) => {
            let step = seconds * 1000;
            let mut at = from;
            while at <= to {
                // Behind a change of the clocks this is not a multiple; then the next one is looked for from there.
                let over = millis_of_day(at, zone).rem_euclid(step);
                if over == 0 && !add(at) {
                    return None;
                }
                at += TimeDelta::milliseconds(step - over);
            }
        }
        Step::Days(days) => {
            let (first, last) = (at_zone(from, zone).date_naive(), at_zone(to, zone).date_naive());
            let over = i64::from(first.num_days_from_ce() - 1).rem_euclid(days);
            let mut day = first - TimeDelta::days(over);
            while day <= last {
                if !add(day_begins(day, zone)) {
                    return None;
                }
                day += TimeDelta::days(days);
            }
        }
        Step::Months(_) | Step::Years(_) => {
            let months = match step {
                Step::Years(years) => years * 12,
                Step::Months(months) => months,
                _ => 1,
            };
            let month = |at: Instant| at_zone(at, zone).year() * 12 + at_zone(at, zone).month0() as i32;
            let mut next = month(from) - month(from).rem_euclid(months);
            while next <= month(to) {
                let day = NaiveDate::from_ymd_opt(next.div_euclid(12), next.rem_euclid(12) as u32 + 1, 1)?;
                if !add(day_begins(day, zone)) {
                    return None;
                }
                next += months;
            }
        }
    }
    Some(found)
}

fn at_zone(at: Instant, zone: Tz) -> DateTime<Tz> {
    at.with_timezone(&zone)
}

fn millis_of_day(at: Instant, zone: Tz) -> i64 {
    let local = at_zone(at, zone).time();
    i64::from(local.num_seconds_from_midnight()) * 1000 + i64::from(local.nanosecond() / 1_000_000)
}

/// The first moment of a day: not always midnight, because some zones change their clocks then.
fn day_begins(day: NaiveDate, zone: Tz) -> Instant {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    for minutes in 0..=DAY / MINUTE {
        match zone.from_local_datetime(&(midnight + TimeDelta::minutes(minutes))) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.to_utc(),
            LocalResult::None => {}
        }
    }
    midnight.and_utc()
}

fn labelled(moments: &[Instant], zone: Tz, step: Step) -> Vec<Tick> {
    let mut before: Option<DateTime<Tz>> = None;
    let mut ticks = Vec::with_capacity(moments.len());
    for at in moments {
        let local = at_zone(*at, zone);
        let is_new = |what: &dyn Fn(&DateTime<Tz>) -> i32| before.as_ref().is_none_or(|old| what(old) != what(&local));
        let offset = |at: &DateTime<Tz>| at.offset().fix().local_minus_utc();
        let (label, note) = match step {
            Step::Seconds(seconds) => {
                let shown = local.format(if seconds < MINUTE { "%H:%M:%S" } else { "%H:%M" }).to_string();
                let day = is_new(&|at| at.num_days_from_ce()).then(|| local.format("%-d %b").to_string());
                let shifted = before.is_some() && is_new(&offset);
                let difference = shifted.then(|| difference(offset(&local)));
                let notes: Vec<String> = [day, difference].into_iter().flatten().collect();
                (shown, (!notes.is_empty()).then(|| notes.join(", ")))
            }
            Step::Days(_) => {
                (local.format("%-d %b").to_string(), is_new(&|at| at.year()).then(|| local.format("%Y").to_string()))
            }
            Step::Months(_) => {
                (local.format("%b").to_string(), is_new(&|at| at.year()).then(|| local.format("%Y").to_string()))
            }
            Step::Years(_) => (local.format("%Y").to_string(), None),
        };
        before = Some(local);
        ticks.push(Tick { at: *at, label, note });
    }
    ticks
}

/// `UTC+2`, `UTC-3:30`
fn difference(seconds: i32) -> String {
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    match (minutes / 60, minutes % 60) {
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

/// Which days and times a stretch covers, in words: `9 Mar 2026, 08:05:30 to 10:06:42 (America/Santiago, UTC-3)`.
#[must_use]
pub fn covered(from: Instant, to: Instant, zone: Tz) -> String {
    let (first, last) = (at_zone(from, zone), at_zone(to, zone));
    let until = if first.date_naive() == last.date_naive() { "%H:%M:%S" } else { "%-d %b %Y, %H:%M:%S" };
    let (begins, ends) = (first.offset().fix().local_minus_utc(), last.offset().fix().local_minus_utc());
    let shifted = if begins == ends { String::new() } else { format!(", then {}", difference(ends)) };
    format!(
        "{} to {} ({}{shifted})",
        first.format("%-d %b %Y, %H:%M:%S"),
        last.format(until),
        crate::view::time::zone_label(from, zone)
    )
}
