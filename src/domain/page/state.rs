//! A page after the events so far.
//!
//! Lives here: [`State`] and its fold. Never lives here: what follows from an answer or from silence.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Called, Event, Opened, Route, Task};
use crate::base::event::{Instant, PageId, Person};

/// A page, folded from its events.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Which.
    pub id: PageId,
    /// How it began.
    pub opened: Opened,
    /// When it began.
    pub opened_at: Instant,
    /// How far it is.
    pub phase: Phase,
    /// The calls that were made, the first first.
    pub calls: Vec<Called>,
    /// When the first of them was written down.
    pub first_called_at: Option<Instant>,
    /// When the last of them was written down.
    pub called_at: Instant,
    /// When somebody answered.
    pub answered_at: Option<Instant>,
    /// What became of what was to be sent.
    pub sent: BTreeMap<(Task, Route), Sent>,
    /// Who cannot take it.
    pub passed: BTreeSet<Person>,
}

/// How far a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody is called yet.
    Held {
        /// From then on.
        until: Instant,
    },
    /// The last call waits for an answer.
    Calling {
        /// Until then; then the next one is called.
        until: Instant,
    },
    /// Somebody answered.
    Acknowledged {
        /// Who.
        by: Person,
        /// When.
        at: Instant,
    },
    /// Nobody answered, and nobody is called any more.
    GivenUp,
    /// Nobody is needed any more.
    Ended {
        /// Who had answered, if anybody had.
        answered: Option<Person>,
    },
}

/// What became of something that was to be sent one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It got through.
    Delivered {
        /// What that way calls it.
        receipt: Option<String>,
    },
    /// It did not.
    Failed {
        /// Why.
        why: String,
        /// Whether it is tried again.
        again: bool,
    },
}

/// An event that cannot follow the ones before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("impossible history of {page}: {kind} {detail}")]
pub struct Impossible {
    /// Which page.
    pub page: PageId,
    /// Which event.
    pub kind: &'static str,
    /// What does not fit.
    pub detail: &'static str,
}

impl State {
    /// Folds the next event, recorded at `at`, into a page that may not have begun.
    ///
    /// # Errors
    /// An event that cannot follow.
    pub fn step(page: &mut Option<Self>, id: &PageId, event: &Event, at: Instant) -> Result<(), Impossible> {
        let impossible = |detail| Impossible { page: id.clone(), kind: event.kind(), detail };
        match (page.as_mut(), event) {
            (None, Event::Opened(opened)) => {
                // Until the first call is written down there is one to make, at once or after quiet hours.
                let phase = Phase::Held { until: opened.held_until.unwrap_or(at) };
                *page = Some(Self {
                    id: id.clone(),
                    opened: opened.clone(),
                    opened_at: at,
                    phase,
                    calls: Vec::new(),
                    first_called_at: None,
                    called_at: at,
                    answered_at: None,
                    sent: BTreeMap::new(),
                    passed: BTreeSet::new(),
                });
                Ok(())
            }
            (None, _) => Err(impossible("before the page was opened")),
            (Some(_), Event::Opened(_)) => Err(impossible("a second time")),
            (Some(state), event) => state.fold(event, at).map_err(impossible),
        }
    }

    fn fold(&mut self, event: &Event, at: Instant) -> Result<(), &'static str> {
        match event {
            Event::Opened(_) => return Err("a second time"),
            Event::Called(called) => {
                if !self.waits() {
                    return Err("although nobody is called any more");
                }
                if called.number != self.next_number() {
                    return Err("out of order");
                }
                self.phase = Phase::Calling { until: called.until };
                self.calls.push(called.clone());
                self.first_called_at = self.first_called_at.or(Some(at));
                self.called_at = at;
            }
            Event::Delivered(delivered) => {
                let sent = Sent::Delivered { receipt: delivered.receipt.clone() };
                self.sent.insert((delivered.task, delivered.route), sent);
            }
            Event::Undelivered(failed) => {
                let sent = Sent::Failed { why: failed.why.clone(), again: failed.again };
                self.sent.insert((failed.task, failed.route), sent);
            }
            Event::Acknowledged(answered) => {
                if !self.may_be_answered() {
                    return Err("although it is over");
                }
                self.phase = Phase::Acknowledged { by: answered.by.clone(), at };
                self.answered_at = Some(at);
            }
            Event::PassedOn(passed) => {
                if !self.waits() {
                    return Err("although nobody is called any more");
                }
                self.passed.insert(passed.by.clone());
                if let Some(to) = &passed.to {
                    self.passed.remove(to);
                }
            }
            Event::GivenUp(_) => {
                if !self.waits() {
                    return Err("although nobody is called any more");
                }
                self.phase = Phase::GivenUp;
            }
            Event::Ended(_) => {
                if self.is_over() {
                    return Err("a second time");
                }
                self.phase = Phase::Ended { answered: self.answered_by().cloned() };
            }
        }
        Ok(())
    }

    /// The number of the next call.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Whether it still goes up its ladder.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.phase, Phase::Held { .. } | Phase::Calling { .. })
    }

    /// Whether an answer changes anything.
    #[must_use]
    pub fn may_be_answered(&self) -> bool {
        self.waits() || self.phase == Phase::GivenUp
    }

    /// Whether nobody is needed any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Who answered.
    #[must_use]
    pub fn answered_by(&self) -> Option<&Person> {
        match &self.phase {
            Phase::Acknowledged { by, .. } => Some(by),
            Phase::Ended { answered } => answered.as_ref(),
            _ => None,
        }
    }

    /// Whether it is only a drill.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        matches!(self.opened.cause, super::event::Cause::Drill { .. })
    }

    /// Everybody who was called, each once, the first first.
    #[must_use]
    pub fn called(&self) -> Vec<&Person> {
        let mut seen = BTreeSet::new();
        self.calls.iter().flat_map(|call| &call.persons).filter(|person| seen.insert(*person)).collect()
    }
}
