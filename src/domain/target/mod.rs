//! A target's own stream: one run holds it while it acts, and a budget limits how often it is changed.
//!
//! Lives here: the facts and the state they fold to. Never lives here: which step wants to act (that is the run's), and
//! what the target is (that is the inventory's).

pub mod event;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::event::{Instant, RunId};
use crate::domain::action::inventory::Budget;
use event::Event;

/// Changes that are remembered: more than any budget counts.
const REMEMBERED_CHANGES: usize = 1_000;

/// Who holds a target, and how often it was changed lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The run that acts on it right now.
    pub held_by: Option<Hold>,
    changes: Vec<Instant>,
    unbudgeted: BTreeSet<RunId>,
}

/// A run that acts on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub run: RunId,
    /// Its step.
    pub step: String,
    /// What it does, in one line.
    pub action: String,
    /// Since when.
    pub since: Instant,
}

/// What keeps a step from acting on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// Another run acts on the target right now.
    HeldBy(RunId),
    /// The target was changed as often as its budget allows; free again at this time.
    OverBudget {
        /// When.
        until: Instant,
    },
}

impl State {
    /// Folds one event. A release by a run that no longer holds the target changes nothing: it was taken over.
    pub fn apply(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Held(held) => {
                self.held_by = Some(Hold {
                    run: held.run.clone(),
                    step: held.step.clone(),
                    action: held.action.clone(),
                    since: at,
                });
                if held.counts {
                    self.changes.push(at);
                    let surplus = self.changes.len().saturating_sub(REMEMBERED_CHANGES);
                    self.changes.drain(..surplus);
                }
                self.unbudgeted.remove(&held.run);
            }
            Event::Released(released) => {
                if self.held_by.as_ref().is_some_and(|hold| hold.run == released.run) {
                    self.held_by = None;
                }
            }
            Event::TakenOver(taken) => {
                if self.held_by.as_ref().is_some_and(|hold| hold.run == taken.from) {
                    self.held_by = None;
                }
            }
            Event::BudgetOverridden(overridden) => {
                self.unbudgeted.insert(overridden.run.clone());
            }
        }
    }

    /// What keeps `run` from changing the target at `now`. `counts` is false for cleanup, which no budget stops.
    #[must_use]
    pub fn obstacle(&self, run: &RunId, budget: Option<&Budget>, counts: bool, now: Instant) -> Option<Obstacle> {
        if let Some(hold) = self.held_by.as_ref().filter(|hold| hold.run != *run) {
            return Some(Obstacle::HeldBy(hold.run.clone()));
        }
        let budget = budget.filter(|_| counts && !self.unbudgeted.contains(run))?;
        let window = chrono::TimeDelta::from_std(budget.per.std()).unwrap_or(chrono::TimeDelta::MAX);
        let recent: Vec<_> = self.changes.iter().filter(|at| **at + window > now).collect();
        let allowed = budget.changes as usize;
        (recent.len() >= allowed).then(|| {
            let frees = recent.len().checked_sub(allowed.max(1)).and_then(|index| recent.get(index));
            Obstacle::OverBudget { until: frees.map_or(now + window, |at| **at + window) }
        })
    }
}
