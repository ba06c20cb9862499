//! What the samples of a monitor come to: the only place where something follows from one.
//!
//! Lives here: [`observe`], the order in which a change is confirmed, silenced, called flapping; the deadline of a heartbeat. Pure. Never lives
//! here: folding (`state`), judging an answer (`judge`).

use chrono::TimeDelta;

use super::event::{Degraded, Event, Failed, Flapping, Recovered, Silence, Steady, Unsilenced};
use super::spec::{Check, Spec};
use super::state::{Level, State};
use crate::base::event::Instant;

/// What is around a monitor at the moment it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around<'a> {
    /// A monitor it depends on, at whatever remove, that fails.
    pub parent: Option<&'a str>,
    /// What is being worked on.
    pub maintenance: Option<&'a str>,
}

/// What keeps a monitor silent right now, the most telling reason first.
#[must_use]
pub fn silence(state: &State, around: Around<'_>, now: Instant) -> Option<Silence> {
    if let Some(mute) = state.muted(now) {
        return Some(Silence::Person { person: mute.by.clone(), why: mute.why.clone() });
    }
    if let Some(why) = around.maintenance {
        return Some(Silence::Maintenance { why: why.to_owned() });
    }
    around.parent.map(|monitor| Silence::Parent { monitor: monitor.to_owned() })
}

/// What follows from the samples taken so far ([`State::take`]), the last of them just now. Each event is to be applied before it is asked again.
///
/// Getting worse takes `fail_for` without a break, getting better `ok_for`. A failure is an alarm when it has lasted `fail_for` with nothing keeping it
/// silent: so a parent that begins to fail within that time keeps its child silent, and one that recovers leaves the child
/// as long to recover as well.
#[must_use]
pub fn observe(state: &State, spec: &Spec) -> Vec<Event> {
    let Some(last) = &state.live.last else { return Vec::new() };
    let looking = Looking { state, spec, now: last.at, seen: &last.seen };
    match state.folded.flapping {
        Some(since) => looking.while_flapping(since),
        None => looking.change(),
    }
    .or_else(|| looking.unsilenced())
    .into_iter()
    .collect()
}

struct Looking<'a> {
    state: &'a State,
    spec: &'a Spec,
    now: Instant,
    seen: &'a str,
}

impl Looking<'_> {
    fn change(&self) -> Option<Event> {
        let (live, folded) = (&self.state.live, &self.state.folded);
        let (fail_for, ok_for) = (self.spec.fail_for.delta(), self.spec.ok_for.delta());
        match folded.level {
            Level::Healthy | Level::Degraded if self.lasted(live.failing, fail_for).is_some() => {
                let since = live.failing.unwrap_or(self.now);
                let silenced = self.silenced();
                Some(
                    self.flaps(Level::Failing)
                        .unwrap_or_else(|| Event::Failed(Failed { since, seen: self.seen.to_owned(), silenced })),
                )
            }
            Level::Healthy if self.lasted(live.unwell, fail_for).is_some() => {
                // It may be failing by now, only not long enough: then what is seen is not what degraded looks like, but it is true.
                let since = live.unwell.unwrap_or(self.now);
                Some(Event::Degraded(Degraded { since, seen: self.seen.to_owned(), after_ms: None }))
            }
            Level::Failing | Level::Degraded if self.lasted(live.well, ok_for).is_some() => {
                let since = live.well.unwrap_or(self.now);
                let flaps = (folded.level == Level::Failing).then(|| self.flaps(Level::Healthy)).flatten();
                let recovered = Recovered { since, after_ms: self.millis_since(folded.since), from: folded.level };
                Some(flaps.unwrap_or(Event::Recovered(recovered)))
            }
            Level::Failing if self.lasted(live.standing, ok_for).is_some() => {
                let since = live.standing.unwrap_or(self.now);
                let after_ms = Some(self.millis_since(folded.since));
                let degraded = Degraded { since, seen: self.seen.to_owned(), after_ms };
                Some(self.flaps(Level::Degraded).unwrap_or(Event::Degraded(degraded)))
            }
            _ => None,
        }
    }

    /// The change to `level` as the one that makes it flap; `None` where it does not.
    fn flaps(&self, level: Level) -> Option<Event> {
        let limit = self.spec.flapping?;
        let from = self.now - limit.within.delta();
        let before = self.state.folded.changes.iter().filter(|at| **at > from).count();
        let changes = u32::try_from(before + 1).unwrap_or(u32::MAX);
        // Coming back is nothing to call anybody for while it is silent; failing is an alarm by the same rule as ever.
        let silenced =
            if level == Level::Failing || self.state.folded.alarm.is_none() { self.silenced() } else { None };
        (changes >= limit.changes).then(|| {
            Event::Flapping(Flapping {
                changes,
                within_ms: limit.within.millis(),
                level,
                seen: self.seen.to_owned(),
                silenced,
            })
        })
    }

    fn while_flapping(&self, began: Instant) -> Option<Event> {
        let live = &self.state.live;
        let rest = self.spec.flapping.map_or(TimeDelta::zero(), |limit| limit.within.delta());
        let (level, since) = match (self.lasted(live.failing, rest), self.lasted(live.standing, rest)) {
            (Some(since), _) => (Level::Failing, since),
            (None, Some(since)) if live.well.is_some() => (Level::Healthy, since),
            (None, Some(since)) => (Level::Degraded, since),
            (None, None) => return None,
        };
        let after_ms = self.millis_since(Some(began));
        Some(Event::Steady(Steady { level, since, after_ms, seen: self.seen.to_owned() }))
    }

    /// A failure that was kept silent becomes an alarm when nothing keeps it silent any more and it goes on.
    fn unsilenced(&self) -> Option<Event> {
        let folded = &self.state.folded;
        let counts = folded.level == Level::Failing || folded.flapping.is_some();
        let silent = folded.alarm.is_none() && counts;
        let ripe = self.lasted(self.state.live.loud, self.spec.fail_for.delta()).is_some();
        (silent && ripe).then(|| Event::Unsilenced(Unsilenced { seen: self.seen.to_owned() }))
    }

    /// Why a failure that is confirmed now is no alarm.
    fn silenced(&self) -> Option<Silence> {
        let live = &self.state.live;
        match self.lasted(live.loud, self.spec.fail_for.delta()) {
            Some(_) => None,
            None => live.silence.clone(),
        }
    }

    /// Since when something goes on, where it has for `long`.
    fn lasted(&self, since: Option<Instant>, long: TimeDelta) -> Option<Instant> {
        since.filter(|since| self.now - *since >= long)
    }

    fn millis_since(&self, since: Option<Instant>) -> u64 {
        since.map_or(0, |since| (self.now - since).num_milliseconds().max(0).unsigned_abs())
    }
}

/// When a heartbeat that was last heard at `heard` is overdue; `None` for what is asked instead.
#[must_use]
pub fn overdue_at(spec: &Spec, heard: Instant) -> Option<Instant> {
    match spec.check {
        Check::Heartbeat { grace } => Some(heard + spec.every.delta() + grace.delta()),
        Check::Probe(_) => None,
    }
}
