//! Scenario files: what is rehearsed, in which world, with whom, and what must hold at the end.
//!
//! Lives here: the shape of the file as it is written. Unknown keys are refused, so that a misspelt expectation cannot
//! pass unnoticed. Never lives here: playing it. Reading files and looking for mistakes beyond the shape is `load`'s.

mod expect;
mod fault;
mod load;
mod people;
mod text;
mod world;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::base::schedule::Span;

pub use expect::{CriterionIs, Entry, Expect, Expected, Postmortem, StepIs};
pub use fault::{CallFault, Crash, Failing, Fault, RailwayCall};
pub(super) use load::status;
pub use load::{Loaded, ScenarioError, list, load};
pub use people::{Does, Occasion, Part, Verdict};
pub use text::{Needs, RequestLine};
pub use world::{
    ClientGroup, ClientKind, CommandRule, DeploymentSpec, LogRule, Move, RedisServer, RedisView, Reply, ServiceSpec,
    Site, Trigger, Vary, World,
};

/// One scenario as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line for people: what happens in it.
    pub title: String,
    /// What it is for, where the title does not say.
    #[serde(default)]
    pub about: String,
    /// The page that is rehearsed, relative to the scenario's file.
    pub runbook: String,
    /// The inventory, relative to the scenario's file.
    pub targets: String,
    /// The environment of the inventory; its default where absent.
    #[serde(default)]
    pub environment: Option<String>,
    /// Inputs of the runbook.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// Who starts the run.
    pub by: String,
    /// Steps that the person who runs it approves from the start, as `--approve` does; `all` for every one.
    #[serde(default)]
    pub approves: Vec<String>,
    /// When the run starts.
    pub start: DateTime<Utc>,
    /// How long before that the impact began; not known where absent.
    #[serde(default)]
    pub impact_began: Option<Span>,
    /// From what everything random follows.
    #[serde(default)]
    pub seed: u64,
    /// A file with a world to begin with, relative to the scenario's file; `world` is laid over it.
    #[serde(default, rename = "use")]
    pub base: Option<String>,
    /// The world.
    #[serde(default)]
    pub world: World,
    /// What goes wrong between the bot and the world, and with the bot itself.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What the people in it do.
    #[serde(default)]
    pub people: Vec<Part>,
    /// What must hold at the end.
    pub expect: Expect,
}
