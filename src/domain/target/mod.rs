//! A target's own stream: one run holds it while it acts, a budget limits how often it is changed, and a person may freeze it
//! for a while. What is frozen as a whole environment is a stream of the same kind under the name [`EVERYTHING`].
//!
//! Lives here: the facts and the state they fold to. Never lives here: which step wants to act (that is the run's), and
//! what the target is (that is the inventory's).

mod deployments;
pub mod event;
mod freeze;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::event::{IncidentId, Instant, Person, RunId};
use crate::domain::action::inventory::Budget;
use event::Event;

pub use deployments::{LISTED, LOOK_BACK};
pub use freeze::{EVERYTHING, Freeze, LONGEST_FREEZE, Refusal, named};

/// Changes that are remembered: more than any budget counts.
const REMEMBERED_CHANGES: usize = 1_000;

/// Who holds a target, and how often it was changed lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The run that acts on it right now.
    pub held_by: Option<Hold>,
    changes: Vec<Instant>,
    unbudgeted: BTreeSet<RunId>,
    freeze: Option<Freeze>,
    /// Steps that may act although it is frozen.
    let_through: BTreeSet<(RunId, String)>,
    /// Deployments that were written down, by their ids, with the incident they were written down for.
    seen: BTreeSet<(Option<IncidentId>, String)>,
}

/// A change that a step wants to make.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Which run.
    pub run: &'a RunId,
    /// Which step of it.
    pub step: &'a str,
    /// How often the target may be changed.
    pub budget: Option<&'a Budget>,
    /// False for cleanup and steps taken back, which no budget and no freeze stops.
    pub counts: bool,
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
    /// A person keeps everybody's hands off the target, or off its whole environment.
    Frozen {
        /// Who.
        by: Person,
        /// Why.
        why: String,
        /// Until when.
        until: Instant,
        /// Whether it is the whole environment that is frozen.
        everything: bool,
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
                self.let_through.remove(&(held.run.clone(), held.step.clone()));
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
            Event::Frozen(frozen) => {
                self.let_through.clear();
                let (by, why) = (frozen.by.clone(), frozen.why.clone());
                self.freeze = Some(Freeze { by, why, since: at, until: frozen.until });
            }
            Event::Unfrozen(_) => {
                self.let_through.clear();
                self.freeze = None;
            }
            Event::FreezeOverridden(overridden) => {
                self.let_through.insert((overridden.run.clone(), overridden.step.clone()));
            }
            Event::DeploymentSeen(seen) => {
                self.seen.insert((seen.incident.clone(), seen.deployment.id.clone()));
            }
        }
    }

    /// What keeps a step from changing the target at `now`. `everything` is the state of the whole environment.
    #[must_use]
    pub fn obstacle(&self, wish: &Wish<'_>, everything: &Self, now: Instant) -> Option<Obstacle> {
        if let Some(hold) = self.held_by.as_ref().filter(|hold| hold.run != *wish.run) {
            return Some(Obstacle::HeldBy(hold.run.clone()));
        }
        if !wish.counts {
            return None;
        }
        self.frozen_for(wish, everything, now).or_else(|| self.over_budget(wish, now))
    }

    fn over_budget(&self, wish: &Wish<'_>, now: Instant) -> Option<Obstacle> {
        let budget = wish.budget.filter(|_| !self.unbudgeted.contains(wish.run))?;
        let window = chrono::TimeDelta::from_std(budget.per.std()).unwrap_or(chrono::TimeDelta::MAX);
        let recent: Vec<_> = self.changes.iter().filter(|at| **at + window > now).collect();
        let allowed = budget.changes as usize;
        (recent.len() >= allowed).then(|| {
            let frees = recent.len().checked_sub(allowed.max(1)).and_then(|index| recent.get(index));
            Obstacle::OverBudget { until: frees.map_or(now + window, |at| **at + window) }
        })
    }
}
