//! Schedules: who is on call at an instant, and in which shifts.
//!
//! Lives here: [`Schedule`], [`Layer`], [`who`], [`shifts`], [`next_handoff`]. Never lives here: who is told of an incident.
//!
//! A hand-off is due at a local time, and becomes an instant by the rule of [`instant_of`]: at the first instant after a gap, and
//! the first of two. A rotation counts local days, not hours, so that a day's shift may be 23 or 25 hours long.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::rota::{CoverId, Override, Overrides};
use super::window::Window;
use crate::base::event::{Instant, Person};
use crate::base::schedule::instant_of;

/// How far ahead the next hand-off is looked for.
const HORIZON: TimeDelta = TimeDelta::days(800);

/// Somebody at a time, from several layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What people call it.
    pub name: String,
    /// By whose clock hand-offs and restrictions are read.
    pub zone: Tz,
    /// The lowest first: a later one goes over an earlier one wherever it has somebody.
    pub layers: Vec<Layer>,
}

/// People who take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What people call it.
    pub name: String,
    /// In their order; never empty.
    pub people: Vec<Person>,
    /// How many local days a turn lasts, at least 1.
    pub days: u32,
    /// When a turn begins, by the schedule's clock.
    pub handoff: NaiveTime,
    /// The day on which the first turn begins.
    pub from: NaiveDate,
    /// The layer ends on this day at the time of its hand-off.
    pub until: Option<NaiveDate>,
    /// Only then; always, where there is none.
    pub only: Vec<Window>,
}

/// Why somebody is on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is their turn in the layer of that name.
    Layer(String),
    /// An override says so.
    Override(CoverId),
}

/// A stretch of time that one person is on call for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Who.
    pub person: Person,
    /// From when.
    pub from: Instant,
    /// Until when; not on call any more at this instant.
    pub until: Instant,
    /// Why.
    pub source: Source,
}

/// Another person, or nobody, is on call from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handoff {
    /// When.
    pub at: Instant,
    /// Who was; `None` where nobody was.
    pub from: Option<Person>,
    /// Who is; `None` where nobody is.
    pub to: Option<Person>,
}

impl Layer {
    /// When a turn begins; the first one is 0.
    fn begin(&self, zone: Tz, turn: i64) -> Instant {
        let days = TimeDelta::days(turn * i64::from(self.days));
        instant_of((self.from + days).and_time(self.handoff), zone)
    }

    /// When it ends, if ever.
    fn end(&self, zone: Tz) -> Option<Instant> {
        self.until.map(|day| instant_of(day.and_time(self.handoff), zone))
    }

    /// Whose turn it is at `at`, counted from 0; restrictions are not asked. Negative before the first turn.
    fn turn(&self, zone: Tz, at: Instant) -> i64 {
        let day = at.with_timezone(&zone).date_naive();
        let mut turn = (day - self.from).num_days().div_euclid(i64::from(self.days));
        // The time of the hand-off, and days that the calendar skips, put it off by one.
        while self.begin(zone, turn) > at {
            turn -= 1;
        }
        while self.begin(zone, turn + 1) <= at {
            turn += 1;
        }
        turn
    }

    fn who(&self, zone: Tz, at: Instant) -> Option<&Person> {
        let turn = usize::try_from(self.turn(zone, at)).ok()?;
        let over = self.end(zone).is_some_and(|end| end <= at);
        let inside = self.only.is_empty() || self.only.iter().any(|window| window.holds_at(zone, at));
        if over || !inside {
            return None;
        }
        self.people.get(turn % self.people.len().max(1))
    }

    /// Instants in `from..to` at which somebody else may be on call, in no order.
    fn edges(&self, zone: Tz, from: Instant, to: Instant) -> Vec<Instant> {
        let mut edges = Vec::new();
        let mut turn = self.turn(zone, from).max(-1) + 1;
        let end = self.end(zone);
        let last = end.map_or(to, |end| end.min(to));
        loop {
            let begin = self.begin(zone, turn);
            if begin >= last {
                break;
            }
            edges.push(begin);
            turn += 1;
        }
        edges.extend(end.filter(|end| (from..to).contains(end)));
        edges.extend(self.only.iter().flat_map(|window| window.edges(zone, from, to)));
        edges
    }
}

/// Who is on call.
#[must_use]
pub fn who(schedule: &Schedule, overrides: &Overrides, at: Instant) -> Option<Person> {
    let over: Vec<&Override> = overrides.of(&schedule.name).collect();
    standing(schedule, &over, at).map(|(person, _)| person.clone())
}

fn standing<'a>(schedule: &'a Schedule, over: &[&'a Override], at: Instant) -> Option<(&'a Person, Source)> {
    let layers = schedule.layers.iter().rev();
    let rotation = layers.filter_map(|layer| Some((layer.who(schedule.zone, at)?, layer))).next();
    let mut standing = rotation.map(|(person, layer)| (person, Source::Layer(layer.name.clone())));
    for one in over.iter().filter(|one| one.from <= at && at < one.until) {
        // Whoever takes somebody's place takes nobody else's.
        let replaces = match (&one.instead_of, &standing) {
            (None, _) => true,
            (Some(other), Some((person, _))) => other == *person,
            (Some(_), None) => false,
        };
        if replaces {
            standing = Some((&one.person, Source::Override(one.id.clone())));
        }
    }
    standing
}

/// Who is on call from `from` until before `to`, in order; times in which nobody is are left out. Neighbours of the same person for
/// the same reason are one shift.
#[must_use]
pub fn shifts(schedule: &Schedule, overrides: &Overrides, from: Instant, to: Instant) -> Vec<Shift> {
    let over: Vec<&Override> = overrides.of(&schedule.name).filter(|one| one.from < to && one.until > from).collect();
    let mut edges: Vec<Instant> =
        schedule.layers.iter().flat_map(|layer| layer.edges(schedule.zone, from, to)).collect();
    edges.extend(over.iter().flat_map(|one| [one.from, one.until]));
    edges.extend([from, to]);
    edges.retain(|edge| (from..=to).contains(edge));
    edges.sort_unstable();
    edges.dedup();
    let mut found: Vec<Shift> = Vec::new();
    for (begin, end) in edges.iter().copied().zip(edges.iter().copied().skip(1)) {
        let Some((person, source)) = standing(schedule, &over, begin) else { continue };
        match found.last_mut() {
            Some(last) if last.until == begin && last.person == *person && last.source == source => last.until = end,
            _ => found.push(Shift { person: person.clone(), from: begin, until: end, source }),
        }
    }
    found
}

/// The next instant after `after` at which another person, or nobody, is on call. `None` where that is more than two years away.
#[must_use]
pub fn next_handoff(schedule: &Schedule, overrides: &Overrides, after: Instant) -> Option<Handoff> {
    let (mut at, mut step) = (after, TimeDelta::days(15));
    let from = who(schedule, overrides, after);
    while at < after + HORIZON {
        let end = at + step;
        for (begin, person) in changes(schedule, overrides, at, end) {
            if person != from {
                return Some(Handoff { at: begin, from, to: person });
            }
        }
        (at, step) = (end, step * 2);
    }
    None
}

/// Who is on call from when on, nobody included, from `from` until before `to`.
pub(super) fn changes(
    schedule: &Schedule,
    overrides: &Overrides,
    from: Instant,
    to: Instant,
) -> Vec<(Instant, Option<Person>)> {
    let (mut found, mut at) = (Vec::new(), from);
    for shift in shifts(schedule, overrides, from, to) {
        if shift.from > at {
            found.push((at, None));
        }
        found.push((shift.from, Some(shift.person)));
        at = shift.until;
    }
    if at < to {
        found.push((at, None));
    }
    found
}
