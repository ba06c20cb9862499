//! Freezing: nobody changes a target, or anything in an environment, until a moment.
//!
//! Lives here: who may freeze what for how long, and whether a step may pass. Never lives here: which steps ask.

use super::event::{Event, Frozen, Unfrozen};
use super::{Obstacle, State, Wish};
use crate::base::event::{Instant, Person};
use crate::base::schedule::Span;
use crate::base::text::one_line;

/// The name under which a whole environment is frozen. No target can have it.
pub const EVERYTHING: &str = "*";

/// A freeze that somebody forgets ends after so long.
pub const LONGEST_FREEZE: Span = Span::seconds(30 * 24 * 60 * 60);

/// Longest reason, in characters.
const LONGEST_WHY: usize = 2_000;

/// Who froze a target, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Who.
    pub by: Person,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Instant,
    /// Until when.
    pub until: Instant,
}

/// Why it is not frozen, or not unfrozen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody says why.
    #[error("say why it is frozen: --why TEXT; whoever is held up by it reads that")]
    NoReason,
    /// Too long, or no time at all.
    #[error("a freeze lasts from one second to {LONGEST_FREEZE}, so that one that is forgotten ends")]
    BadSpan,
    /// There is nothing to end.
    #[error("it is not frozen")]
    NotFrozen,
}

impl State {
    /// The freeze that holds at `now`.
    #[must_use]
    pub fn frozen(&self, now: Instant) -> Option<&Freeze> {
        self.freeze.as_ref().filter(|freeze| freeze.until > now)
    }

    /// Freezes from `now` on. A freeze that holds already is replaced.
    ///
    /// # Errors
    /// There is no reason; the span is over [`LONGEST_FREEZE`] or none.
    pub fn freeze(by: Person, why: &str, span: Span, now: Instant) -> Result<Event, Refusal> {
        let why: String = why.trim().chars().take(LONGEST_WHY).collect();
        if why.is_empty() {
            return Err(Refusal::NoReason);
        }
        if span.std().is_zero() || span.std() > LONGEST_FREEZE.std() {
            return Err(Refusal::BadSpan);
        }
        Ok(Frozen { by, why, until: now + span.delta() }.into())
    }

    /// Ends the freeze that holds at `now`.
    ///
    /// # Errors
    /// None holds.
    pub fn unfreeze(&self, by: Person, why: Option<&str>, now: Instant) -> Result<Event, Refusal> {
        self.frozen(now).ok_or(Refusal::NotFrozen)?;
        let why = why.map(|why| why.trim().chars().take(LONGEST_WHY).collect::<String>());
        Ok(Unfrozen { by, why: why.filter(|why| !why.is_empty()) }.into())
    }

    /// The freeze in the way of a step: this target's, or the environment's. Of two, the one that lasts longer.
    pub(super) fn frozen_for(&self, wish: &Wish<'_>, everything: &Self, now: Instant) -> Option<Obstacle> {
        if self.let_through.contains(&(wish.run.clone(), wish.step.to_owned())) {
            return None;
        }
        let own = self.frozen(now).map(|freeze| (freeze, false));
        let whole = everything.frozen(now).map(|freeze| (freeze, true));
        let (freeze, everything) = [own, whole].into_iter().flatten().max_by_key(|(freeze, _)| freeze.until)?;
        let (by, why, until) = (freeze.by.clone(), freeze.why.clone(), freeze.until);
        Some(Obstacle::Frozen { by, why, until, everything })
    }
}

/// What is frozen, for people: `redis`, `everything in production`.
#[must_use]
pub fn named(environment: &str, target: &str) -> String {
    match target {
        EVERYTHING => format!("everything in {}", one_line(environment, 60)),
        target => one_line(target, 60),
    }
}
