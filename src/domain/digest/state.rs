//! A digest after the events so far.
//!
//! Lives here: [`State`] and its fold. Never lives here: what follows.

use super::event::{Due, Event, Scheduled, Skipped};
use crate::base::event::Instant;

/// Skips that the next digest tells of, at most.
const MOST_MISSED: usize = 5;

/// A digest, folded from its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// By which schedule it is kept.
    pub schedule: Option<Scheduled>,
    /// Up to when everything that was due is settled, or about to be.
    pub handled: Option<Instant>,
    /// The one that is to be sent, and may have been.
    pub pending: Option<Due>,
    /// The last one that was sent.
    pub last: Option<Due>,
    /// What was skipped since, the newest last.
    pub missed: Vec<Skipped>,
}

impl State {
    /// What an event changes; `at` is when it was recorded. Nothing is judged here.
    pub fn apply(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Scheduled(scheduled) => {
                self.schedule = Some(scheduled.clone());
                self.handle(at);
            }
            Event::Due(due) => {
                self.handle(due.due);
                self.pending = Some(due.clone());
            }
            Event::Sent(sent) => {
                self.handle(sent.due);
                if let Some(due) = self.pending.take() {
                    self.last = Some(due);
                }
                self.missed.clear();
            }
            Event::Skipped(skipped) => {
                self.handle(skipped.last);
                if self.pending.as_ref().is_some_and(|due| due.due <= skipped.last) {
                    self.pending = None;
                }
                self.missed.push(skipped.clone());
                if self.missed.len() > MOST_MISSED {
                    self.missed.remove(0);
                }
            }
        }
    }

    fn handle(&mut self, at: Instant) {
        self.handled = self.handled.max(Some(at));
    }
}
