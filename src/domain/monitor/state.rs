//! A monitor as it stands: what its events make of it, and what the samples since this process began add.
//!
//! Lives here: [`State`]; [`State::apply`] folds events, live and after a restart alike; [`State::take`] remembers samples, which a restart
//! forgets: then it is asked again. Never lives here: what follows from a sample (`observe`).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::event::{Event, Silence};
use crate::base::event::{IncidentId, Instant, Person};

/// Changes that are remembered for flapping.
pub const MOST_CHANGES: usize = 100;

/// How something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    #[default]
    Healthy,
    /// It answers, worse than it should.
    Degraded,
    /// It does not do what it is for.
    Failing,
}

impl Level {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

/// What one look came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When the answer was there.
    pub at: Instant,
    /// How it was.
    pub level: Level,
    /// What was seen, in one line; scrubbed.
    pub seen: String,
    /// How long the answer took, in milliseconds, where that was measured.
    pub took_ms: Option<u32>,
}

/// Somebody muted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// Until when.
    pub until: Instant,
    /// Who.
    pub by: Person,
    /// Why.
    pub why: String,
}

/// A monitor as its events make it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// What it counts as. Until something else was recorded, healthy.
    pub level: Level,
    /// Since when; absent where nothing was ever recorded.
    pub since: Option<Instant>,
    /// What was seen when it became so.
    pub seen: String,
    /// Since when it changes to and fro.
    pub flapping: Option<Instant>,
    /// Changes between failing and not failing, the newest last.
    pub changes: VecDeque<Instant>,
    /// Since when there is an alarm.
    pub alarm: Option<Instant>,
    /// Whether whoever takes alerts believes that there is one.
    pub told: bool,
    /// The incident of the last alarm.
    pub incident: Option<IncidentId>,
    /// Somebody muted it; may be over.
    pub mute: Option<Mute>,
}

/// What the samples since this process began say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// The last one; none: nobody has asked yet.
    pub last: Option<Sample>,
    /// Since when every sample failed.
    pub failing: Option<Instant>,
    /// Since when no sample was healthy.
    pub unwell: Option<Instant>,
    /// Since when no sample failed.
    pub standing: Option<Instant>,
    /// Since when every sample was healthy.
    pub well: Option<Instant>,
    /// Since when every sample failed and nothing kept it silent.
    pub loud: Option<Instant>,
    /// What kept it silent last.
    pub silence: Option<Silence>,
}

/// A monitor as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// What its events say.
    pub folded: Folded,
    /// What its samples say.
    pub live: Live,
}

impl State {
    /// Remembers a sample; `silence` is what keeps it silent right now.
    pub fn take(&mut self, sample: &Sample, silence: Option<Silence>) {
        let (failing, healthy) = (sample.level == Level::Failing, sample.level == Level::Healthy);
        let live = &mut self.live;
        let run = |since: &mut Option<Instant>, goes_on: bool| {
            *since = if goes_on { since.or(Some(sample.at)) } else { None };
        };
        run(&mut live.failing, failing);
        run(&mut live.standing, !failing);
        run(&mut live.unwell, !healthy);
        run(&mut live.well, healthy);
        run(&mut live.loud, failing && silence.is_none());
        live.silence = silence.or(live.silence.take());
        live.last = Some(sample.clone());
    }

    /// What an event changes; `at` is when it happened. Nothing is judged here.
    pub fn apply(&mut self, event: &Event, at: Instant) {
        let folded = &mut self.folded;
        match event {
            Event::Failed(failed) => {
                folded.become_(Level::Failing, failed.since, &failed.seen);
                folded.changed(at);
                folded.raise(failed.silenced.is_none(), at);
            }
            Event::Unsilenced(unsilenced) => {
                folded.seen.clone_from(&unsilenced.seen);
                folded.raise(true, at);
            }
            Event::Degraded(degraded) => {
                folded.end_failure(at);
                folded.become_(Level::Degraded, degraded.since, &degraded.seen);
            }
            Event::Recovered(recovered) => {
                folded.end_failure(at);
                folded.become_(Level::Healthy, recovered.since, "");
            }
            Event::Flapping(flapping) => {
                folded.become_(flapping.level, at, &flapping.seen);
                folded.changed(at);
                folded.flapping = Some(at);
                folded.raise(flapping.silenced.is_none(), at);
            }
            Event::Steady(steady) => {
                folded.flapping = None;
                folded.changes.clear();
                folded.become_(steady.level, steady.since, &steady.seen);
                if steady.level != Level::Failing {
                    folded.alarm = None;
                }
            }
            Event::Muted(muted) => {
                folded.mute = Some(Mute { until: muted.until, by: muted.by.clone(), why: muted.why.clone() });
            }
            Event::Unmuted(_) => folded.mute = None,
            Event::Alerted(alerted) => {
                folded.told = alerted.firing;
                if alerted.firing {
                    folded.incident.clone_from(&alerted.incident);
                }
            }
        }
    }

    /// Who muted it, where that still holds.
    #[must_use]
    pub fn muted(&self, now: Instant) -> Option<&Mute> {
        self.folded.mute.as_ref().filter(|mute| now < mute.until)
    }

    /// Whether it fails as far as those who depend on it care: it counts as failing, flaps, or was last seen failing.
    #[must_use]
    pub fn holds_others_silent(&self) -> bool {
        self.folded.level == Level::Failing || self.folded.flapping.is_some() || self.live.failing.is_some()
    }
}

impl Folded {
    fn become_(&mut self, level: Level, since: Instant, seen: &str) {
        self.level = level;
        self.since = Some(since);
        seen.clone_into(&mut self.seen);
    }

    fn changed(&mut self, at: Instant) {
        self.changes.push_back(at);
        if self.changes.len() > MOST_CHANGES {
            self.changes.pop_front();
        }
    }

    fn end_failure(&mut self, at: Instant) {
        if self.level == Level::Failing {
            self.changed(at);
            self.alarm = None;
        }
    }

    fn raise(&mut self, loud: bool, at: Instant) {
        if loud {
            self.alarm = self.alarm.or(Some(at));
        }
    }
}
