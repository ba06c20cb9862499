//! What must hold at the end of a scenario.
//!
//! Lives here: the shape. Never lives here: comparing.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What must hold at the end. What is not named here may be anything.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How it ends.
    pub outcome: Expected,
    /// How steps ended, by id.
    #[serde(default)]
    pub steps: BTreeMap<String, StepIs>,
    /// How many attempts the last visit of a step took.
    #[serde(default)]
    pub attempts: BTreeMap<String, u32>,
    /// How often a step was done.
    #[serde(default)]
    pub visits: BTreeMap<String, u32>,
    /// What became of criteria, by how their text begins.
    #[serde(default)]
    pub criteria: BTreeMap<String, CriterionIs>,
    /// How often the world really restarted a service.
    #[serde(default)]
    pub restarts: BTreeMap<String, u32>,
    /// How often the world really redeployed a service.
    #[serde(default)]
    pub redeploys: BTreeMap<String, u32>,
    /// How often the world really rolled a service back.
    #[serde(default)]
    pub rollbacks: BTreeMap<String, u32>,
    /// How often a request reached the world, by `POST /path`.
    #[serde(default)]
    pub requests: BTreeMap<String, u32>,
    /// How often a program was started, by its first word.
    #[serde(default)]
    pub commands: BTreeMap<String, u32>,
    /// What the world's states are.
    #[serde(default)]
    pub state: BTreeMap<String, String>,
    /// Entries of the timeline in this order, others between them.
    #[serde(default)]
    pub timeline: Vec<Entry>,
    /// What is not in the timeline.
    #[serde(default)]
    pub never: Vec<Entry>,
    /// What the postmortem says.
    #[serde(default)]
    pub postmortem: Postmortem,
}

/// How a rehearsal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The run succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// A person or a branch ended it early.
    Stopped,
    /// A person cancelled it.
    Cancelled,
    /// It waits for a person, and nobody comes.
    NeedsHuman,
}

impl Expected {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::NeedsHuman => "needs_human",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepIs {
    /// It did what it should.
    Ok,
    /// It did not.
    Failed,
    /// It did not run.
    Skipped,
    /// It was never reached.
    Pending,
    /// It was begun and has no end.
    Open,
}

impl StepIs {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Pending => "pending",
            Self::Open => "open",
        }
    }
}

/// What became of a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriterionIs {
    /// Met, by its condition or a person's tick.
    Met,
    /// Not met.
    Unmet,
    /// It waits for a person's tick.
    Unticked,
}

impl CriterionIs {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Unticked => "unticked",
        }
    }
}

/// An entry of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its kind: `approval.given`.
    pub event: String,
    /// Of which step; any where absent.
    #[serde(default)]
    pub step: Option<String>,
    /// By whom; anyone where absent.
    #[serde(default)]
    pub by: Option<String>,
    /// What its sentence holds; anything where absent.
    #[serde(default)]
    pub says: Option<String>,
}

/// What the postmortem says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postmortem {
    /// Texts that it holds.
    #[serde(default)]
    pub has: Vec<String>,
    /// Texts that it does not hold.
    #[serde(default)]
    pub lacks: Vec<String>,
}
