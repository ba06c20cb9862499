//! What can happen to a target: who holds it while acting on it, how often it was changed, who froze it and until when, which
//! guards were overridden.

use serde::{Deserialize, Serialize};

use crate::base::event::{IncidentId, Instant, Person, RunId};
use crate::domain::action::railway::Deployment;

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
        /// A person keeps everybody's hands off it for a while.
        Frozen = "target.frozen" v 1,
        /// A person ended that before its time.
        Unfrozen = "target.unfrozen" v 1,
        /// A person let one step act although it is frozen.
        FreezeOverridden = "target.freeze_overridden" v 1,
        /// It was seen that somebody deployed to it; when, the head says.
        DeploymentSeen = "target.deployment_seen" v 1,
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

/// See [`Event::Frozen`]. A later one replaces an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Who said so.
    pub by: Person,
    /// Why.
    pub why: String,
    /// Until when; from then on it is as if it had never been frozen.
    pub until: Instant,
}

/// See [`Event::Unfrozen`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfrozen {
    /// Who said so.
    pub by: Person,
    /// Why, where a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::FreezeOverridden`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeOverridden {
    /// The run that may act.
    pub run: RunId,
    /// The step of it that may.
    pub step: String,
    /// Who said so.
    pub by: Person,
    /// Why.
    pub why: String,
}

/// See [`Event::DeploymentSeen`]. Written down once for each incident it is of interest to, and once where it is for none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSeen {
    /// In whose timeline it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Which.
    pub deployment: Deployment,
}
