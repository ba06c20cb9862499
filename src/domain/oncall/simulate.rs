//! What a plan comes to: times in which nobody is on call, and what it asks of each person.
//!
//! Lives here: [`simulate`]. Never lives here: how it is shown.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;

use super::rota::Overrides;
use super::schedule::{Handoff, Schedule, changes, shifts};
use super::window::Window;
use crate::base::event::{Instant, Person};

/// The night: from this hour until [`MORNING`]. Hand-offs in between are at an odd hour.
const EVENING: u32 = 22;
/// See [`EVENING`].
const MORNING: u32 = 7;

/// What a plan comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// When nobody is on call, schedule by schedule.
    pub holes: Vec<Hole>,
    /// What it asks of each person.
    pub persons: BTreeMap<Person, Load>,
    /// Hand-offs to somebody before 07:00 or after 22:00 by the schedule's clock.
    pub odd: Vec<(String, Handoff)>,
}

/// A time in which nobody is on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// On which schedule.
    pub schedule: String,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
}

/// What it asks of a person. Who is on call on two schedules at once is so once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// On call in all.
    pub total: TimeDelta,
    /// Of that between 22:00 and 07:00 by the schedule's clock.
    pub nights: TimeDelta,
    /// Of that on Saturdays and Sundays.
    pub weekends: TimeDelta,
    /// The longest time without a break.
    pub longest: TimeDelta,
}

/// Goes through a time.
#[must_use]
pub fn simulate<'a>(
    schedules: impl IntoIterator<Item = &'a Schedule>,
    overrides: &Overrides,
    from: Instant,
    to: Instant,
) -> Report {
    let mut report = Report::default();
    let mut on_call: BTreeMap<Person, Vec<(Instant, Instant, Tz)>> = BTreeMap::new();
    for schedule in schedules {
        for shift in shifts(schedule, overrides, from, to) {
            on_call.entry(shift.person).or_default().push((shift.from, shift.until, schedule.zone));
        }
        let changes = changes(schedule, overrides, from, to);
        let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([to]);
        for ((at, person), until) in changes.iter().zip(ends) {
            if person.is_none() {
                report.holes.push(Hole { schedule: schedule.name.clone(), from: *at, until });
            }
        }
        for pair in changes.windows(2) {
            let [(_, before), (at, after)] = pair else { continue };
            if after.is_some() && before != after && is_odd(*at, schedule.zone) {
                let handoff = Handoff { at: *at, from: before.clone(), to: after.clone() };
                report.odd.push((schedule.name.clone(), handoff));
            }
        }
    }
    report.persons = on_call.into_iter().map(|(person, shifts)| (person, load(shifts))).collect();
    report
}

fn is_odd(at: Instant, zone: Tz) -> bool {
    let local = at.with_timezone(&zone).time();
    let clock = |hour: u32| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    local < clock(MORNING) || local > clock(EVENING)
}

fn load(mut shifts: Vec<(Instant, Instant, Tz)>) -> Load {
    const ALL: [Weekday; 7] =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let hour = |hour: u32| NaiveTime::MIN.with_hour(hour).unwrap_or_default();
    let night = Window::new(&ALL, hour(EVENING), hour(MORNING));
    let weekend = Window::new(&[Weekday::Sat, Weekday::Sun], NaiveTime::MIN, NaiveTime::MIN);
    shifts.sort_unstable_by_key(|(from, until, _)| (*from, *until));
    let mut load = Load::default();
    let (mut begun, mut covered) = (Instant::MIN_UTC, Instant::MIN_UTC);
    for (from, until, zone) in shifts {
        if from > covered {
            begun = from;
        }
        let from = from.max(covered);
        if until <= from {
            continue;
        }
        load.total += until - from;
        load.nights += inside(&night, zone, from, until);
        load.weekends += inside(&weekend, zone, from, until);
        load.longest = load.longest.max(until - begun);
        covered = until;
    }
    load
}

/// How much of a time is inside a window.
fn inside(window: &Window, zone: Tz, from: Instant, until: Instant) -> TimeDelta {
    let mut edges = window.edges(zone, from, until);
    edges.extend([from, until]);
    edges.sort_unstable();
    let pieces = edges.iter().zip(edges.iter().skip(1));
    pieces.filter(|(from, _)| window.holds_at(zone, **from)).map(|(from, until)| *until - *from).sum()
}
