//! The inventory: what `targets.yaml` says of one environment, read once and pinned to a run.
//!
//! Lives here: targets (where they are, who may touch them, how often), and what the operator grants to runbooks:
//! programs, variables, secrets. Never lives here: a secret's value, and who holds a target right now.

pub mod load;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Action;
use super::contract::Contract;
use crate::base::event::Person;
use crate::base::schedule::Span;

/// One environment of `targets.yaml` with its variables filled in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The environment's name: `production`.
    pub environment: String,
    /// IANA zone in which people there read times.
    pub zone: String,
    /// Whether a run there asks for confirmation before its first step.
    pub confirm: bool,
    /// Things that steps act on, by name.
    pub targets: BTreeMap<String, Target>,
    /// Secrets by name: where they may go. Values are never here.
    pub secrets: BTreeMap<String, SecretGrant>,
    /// Programs that `exec` may run, by the name a runbook uses.
    pub programs: BTreeMap<String, ProgramGrant>,
    /// Variables that runbook inputs may take their default from, with their values; empty where not set.
    pub variables: BTreeMap<String, String>,
    /// What APIs promise, by the name of the file that says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contracts: BTreeMap<String, Contract>,
    /// Contracts that a page names and that could not be read, with the reason; a plan has none.
    #[serde(skip)]
    pub unread_contracts: BTreeMap<String, String>,
}

/// A thing that steps act on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Base URL without a trailing slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its place on Railway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub railway: Option<super::railway::Service>,
    /// The name of the secret that holds its Redis URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<String>,
    /// Who must agree before it is changed, where a step or this entry asks for approval.
    #[serde(default)]
    pub approval: ApprovalRule,
    /// How often it may be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The contract that all requests to it must fit, by the name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Values that are not set yet, as `field: NAME_OF_VARIABLE`: the target is known, but steps that need the field say
    /// which variable is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unset: BTreeMap<String, String>,
}

/// Who must agree before a target is changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// Distinct persons that every change of this target takes, whatever the runbook says; 0 leaves it to the runbook.
    #[serde(default)]
    pub quorum: u32,
    /// Who may approve; empty: anyone who may run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<Person>,
    /// Whether the person who started the run may not be one of them.
    #[serde(default)]
    pub not_requester: bool,
    /// Whether a change of it cannot be taken back: it is then never made without an approval, given by a person whom
    /// `people.yaml` gives the right by name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
}

/// At most `changes` within any `per`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// How many.
    pub changes: u32,
    /// In how long.
    pub per: Span,
}

/// Where a secret may go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGrant {
    /// Hosts (`host` or `host:port`) whose requests may carry it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Programs whose environment may carry it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
}

/// What a program may be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramGrant {
    /// The file that is run; default: the name looked up in PATH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Environment variables that a runbook may set for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Whether what it does cannot be taken back; see [`ApprovalRule::irreversible`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
}

/// Brings a contract by its name, or the reason why it cannot be read.
pub type ReadContract<'a> = &'a dyn Fn(&str) -> Result<Contract, String>;

impl Inventory {
    /// Whether an action cannot be taken back. Nothing about a request or a program tells: the operator says so of a target
    /// or a program.
    #[must_use]
    pub fn irreversible(&self, action: &Action) -> bool {
        let target = action.target().and_then(|name| self.targets.get(name));
        let program = match action {
            Action::Exec(command) => command.argv.first().and_then(|name| self.programs.get(name)),
            _ => None,
        };
        action.changes()
            && (target.is_some_and(|target| target.approval.irreversible)
                || program.is_some_and(|program| program.irreversible))
    }

    /// Brings a contract in, or the reason why it cannot be read. One that was read already stays.
    pub fn read_contract(&mut self, name: &str, read: ReadContract<'_>) {
        if self.contracts.contains_key(name) || self.unread_contracts.contains_key(name) {
            return;
        }
        match read(name) {
            Ok(contract) => drop(self.contracts.insert(name.to_owned(), contract)),
            Err(why) => drop(self.unread_contracts.insert(name.to_owned(), why)),
        }
    }
}
