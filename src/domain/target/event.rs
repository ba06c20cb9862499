//! What can happen to a target: who holds it while acting on it, how often it was changed, which guards were overridden.

use serde::{Deserialize, Serialize};

use crate::base::event::{Person, RunId};

crate::stored_events! {
    /// A fact about one target.
    Event {
        /// A run acts on it from now on; this also spends one of its budget.
        Held = "target.held" v 1,
        /// The run is done with it.
        Released = "target.released" v 1,
        /// A person let a run act although another one holds it.
        TakenOver = "target.taken_over" v 1,
        /// A person let a run act although the budget is spent.
        BudgetOverridden = "target.budget_overridden" v 1,
    }
}

/// See [`Event::Held`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which run.
    pub run: RunId,
    /// Which step of it.
    pub step: String,
    /// What it does, in one line.
    pub action: String,
    /// Whether this counts against the budget (cleanup and steps taken back do not).
    pub counts: bool,
}

/// See [`Event::Released`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Which run.
    pub run: RunId,
    /// Which step of it.
    pub step: String,
}

/// See [`Event::TakenOver`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// The run that held it.
    pub from: RunId,
    /// The run that may act now.
    pub run: RunId,
    /// Who said so.
    pub by: Person,
    /// Why.
    pub why: String,
}

/// See [`Event::BudgetOverridden`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetOverridden {
    /// The run that may act.
    pub run: RunId,
    /// Who said so.
    pub by: Person,
    /// Why.
    pub why: String,
}
