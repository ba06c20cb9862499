//! Reading `targets.yaml`: environments with their targets, and what the operator grants.
//!
//! Lives here: [`load`], [`Inventories`]; every fault of the file at once, with its place. Never lives here: reading files or
//! the process's environment (the caller brings both), and secrets' values (a secret is only a name and where to find it).

mod grants;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{ApprovalRule, Budget, Inventory, ProgramGrant, ReadContract, SecretGrant, Target};
use crate::base::event::Person;
use crate::base::schedule::{Span, zone};
use crate::base::text::{nearest, one_line};
use crate::domain::action::railway::Service;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::yaml::{self, Placed};
use crate::domain::source::{Fault, Faults, Node, Value};

/// Longest `targets.yaml`, in bytes.
const MAX_SOURCE: usize = 1024 * 1024;
/// The environment that is meant where several are there and none is named.
const USUAL: &str = "production";

/// Everything that one `targets.yaml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventories {
    /// The environments by name; at least one.
    pub environments: BTreeMap<String, Inventory>,
    /// Where secrets come from, in the order of their names. Who starts the program reads their values.
    pub secrets: Vec<SecretSource>,
    /// Contracts that targets name, and where.
    contracts: Vec<(String, std::ops::Range<usize>)>,
}

/// A secret, where its value is found, and where it may go.
///
/// A secret that a target names as its Railway token or its Redis URL needs no grant: the clients of those two services
/// take it by name and send it nowhere else. Without `hosts` and `programs` that is all it can be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// Its name.
    pub name: String,
    /// Where its value is.
    pub from: SecretFrom,
    /// Hosts (`host` or `host:port`) whose requests may carry it.
    pub hosts: Vec<String>,
    /// Programs whose environment may carry it.
    pub programs: Vec<String>,
}

/// Where a secret's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// In this environment variable.
    Env(String),
    /// In this file; a relative path counts from the folder of `targets.yaml`.
    File(PathBuf),
}

/// Why no environment could be picked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    /// None of that name.
    #[error("there is no environment '{name}'; {hint}")]
    Unknown {
        /// As it was given.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// Several, none of them `production`, and none named.
    #[error("which environment? name one with --env: {}", .names.join(", "))]
    Unnamed {
        /// What there is.
        names: Vec<String>,
    },
}

impl Inventories {
    /// The environment of that name; without a name the only one, or `production`.
    ///
    /// # Errors
    /// A name that is not there; no name where several are and none is `production`.
    pub fn pick(&self, name: Option<&str>) -> Result<&Inventory, PickError> {
        let names = || self.environments.keys().map(String::as_str);
        if let Some(name) = name {
            return self
                .environments
                .get(name)
                .ok_or_else(|| PickError::Unknown { name: one_line(name, 60), hint: did_you_mean(name, names()) });
        }
        let mut all = self.environments.values();
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            _ => self
                .environments
                .get(USUAL)
                .ok_or_else(|| PickError::Unnamed { names: names().map(ToOwned::to_owned).collect() }),
        }
    }
}

/// Reads `targets.yaml`. `file` is where it was read from: relative paths in it count from there. `env` gives the value of an
/// environment variable; a target's value whose variable is not set goes into [`Target::unset`] and is no fault.
///
/// # Errors
/// Every fault of the text, in its order.
pub fn load(source: &str, file: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Inventories, Vec<Fault>> {
    let mut faults = Faults::new(source);
    if source.len() > MAX_SOURCE {
        let message = format!("the file is larger than {} KiB", MAX_SOURCE / 1024);
        faults.add("too-large", 0..0, message);
        return Err(faults.finish());
    }
    let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
    let inventories = yaml::parse(&Placed::whole(source, 0), &mut faults)
        .and_then(|node| Loader { env, folder, faults: &mut faults, contracts: Vec::new() }.file(&node));
    match inventories {
        Some(inventories) if faults.is_empty() => Ok(inventories),
        _ => Err(faults.finish()),
    }
}

impl Inventories {
    /// Brings the contracts that the targets of an inventory name into it. `source` is the text that this was read from.
    ///
    /// # Errors
    /// Those that cannot be read, each where it is named.
    pub fn read_contracts(
        &self,
        inventory: &mut Inventory,
        source: &str,
        read: ReadContract<'_>,
    ) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::new(source);
        for (name, at) in &self.contracts {
            inventory.read_contract(name, read);
            if let Some(why) = inventory.unread_contracts.get(name) {
                faults.add(
                    "bad-contract",
                    at.clone(),
                    format!("the contract '{}' cannot be used: {why}", one_line(name, 60)),
                );
            }
        }
        let faults = faults.finish();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// A scalar of a target after its variable was looked up.
enum Filled {
    Text(String),
    Unset(String),
    Faulty,
}

struct Loader<'l, 's> {
    env: &'l dyn Fn(&str) -> Option<String>,
    folder: &'l Path,
    faults: &'l mut Faults<'s>,
    contracts: Vec<(String, std::ops::Range<usize>)>,
}

impl Loader<'_, '_> {
    fn file(&mut self, node: &Node) -> Option<Inventories> {
        let fields = Fields::of(node, "targets.yaml", self.faults)?;
        fields.only(&["environments", "secrets", "programs", "variables"], self.faults);
        let programs = fields.get("programs").map(|node| self.programs(node)).unwrap_or_default();
        let secrets = fields.get("secrets").map(|node| self.secrets(node, &programs)).unwrap_or_default();
        let variables = fields.get("variables").map(|node| self.variables(node)).unwrap_or_default();
        let grants: BTreeMap<String, SecretGrant> = secrets
            .iter()
            .map(|secret| {
                let (hosts, programs) = (secret.hosts.clone(), secret.programs.clone());
                (secret.name.clone(), SecretGrant { hosts, programs })
            })
            .collect();
        let shared = Inventory { secrets: grants, programs, variables, ..Inventory::default() };
        let place = fields.require("environments", self.faults)?;
        let named = Fields::of(place, "'environments'", self.faults)?;
        if named.entries().is_empty() {
            let hint = "write for example `production: { targets: { … } }`";
            self.faults.add_hint("missing-key", place.at.clone(), "there is no environment", hint);
        }
        let mut environments = BTreeMap::new();
        for (key, value) in named.entries() {
            let Some(name) = self.name(key, "an environment") else { continue };
            let inventory = Inventory { environment: name.clone(), ..shared.clone() };
            if let Some(inventory) = self.environment(inventory, key, value) {
                environments.insert(name, inventory);
            }
        }
        Some(Inventories { environments, secrets, contracts: std::mem::take(&mut self.contracts) })
    }

    /// A name that `target.NAME`, `secret.NAME` and `--env NAME` can spell.
    fn name(&mut self, key: &Node, what: &str) -> Option<String> {
        let name = key.key()?;
        let good = name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if good {
            return Some(name);
        }
        let message = format!("'{}' cannot be the name of {what}", one_line(&name, 40));
        self.faults.add_hint("bad-name", key.at.clone(), message, "letters, digits and _, beginning with a letter");
        None
    }

    fn environment(&mut self, mut inventory: Inventory, key: &Node, node: &Node) -> Option<Inventory> {
        let fields = Fields::of(node, "an environment", self.faults)?.placed(key.at.clone());
        fields.only(&["zone", "confirm", "targets"], self.faults);
        inventory.zone = match fields.get("zone") {
            Some(node) => {
                let name = read::string(node, "zone", self.faults)?;
                match zone(&name) {
                    Ok(zone) => zone.name().to_owned(),
                    Err(fault) => {
                        self.faults.push("bad-zone", node.at.clone(), fault.message, fault.hint);
                        name
                    }
                }
            }
            None => "UTC".to_owned(),
        };
        inventory.confirm =
            fields.get("confirm").and_then(|node| read::boolean(node, "confirm", self.faults)).unwrap_or_default();
        if let Some(targets) = fields.get("targets").and_then(|node| Fields::of(node, "'targets'", self.faults)) {
            for (key, value) in targets.entries() {
                let Some(name) = self.name(key, "a target") else { continue };
                if let Some(target) = self.target(&name, value, &inventory.secrets) {
                    inventory.targets.insert(name, target);
                }
            }
        }
        Some(inventory)
    }

    fn target(&mut self, name: &str, node: &Node, secrets: &BTreeMap<String, SecretGrant>) -> Option<Target> {
        let mut target = Target::default();
        if node.value == Value::Null {
            return Some(target);
        }
        let fields = Fields::of(node, "a target", self.faults)?;
        fields.only(&["url", "railway", "redis", "approval", "budget", "contract"], self.faults);
        if let Some(node) = fields.get("url") {
            target.url = self.open(node, "url", &mut target.unset).and_then(|url| self.url(&url, node));
        }
        if let Some((key, node)) = fields.entry("railway") {
            target.railway = self.railway(name, key, node, secrets, &mut target.unset);
        }
        if let Some(node) = fields.get("redis") {
            let secret = self.open(node, "redis", &mut target.unset);
            target.redis = secret.and_then(|secret| self.secret_name(secret, node, secrets));
        }
        if let Some(node) = fields.get("approval") {
            target.approval = self.approval(node).unwrap_or_default();
        }
        if let Some((key, node)) = fields.entry("budget") {
            target.budget = self.budget(key, node);
        }
        if let Some(node) = fields.get("contract") {
            target.contract = super::super::check::contract_name(node, self.faults);
            self.contracts.extend(target.contract.iter().map(|name| (name.clone(), node.at.clone())));
        }
        Some(target)
    }

    fn railway(
        &mut self,
        name: &str,
        key: &Node,
        node: &Node,
        secrets: &BTreeMap<String, SecretGrant>,
        unset: &mut BTreeMap<String, String>,
    ) -> Option<Service> {
        let fields = Fields::of(node, "'railway'", self.faults)?.placed(key.at.clone());
        fields.only(&["project", "environment", "service", "token", "project_token"], self.faults);
        let mut part = |loader: &mut Self, key: &str| {
            let node = fields.require(key, loader.faults)?;
            loader.open(node, &format!("railway.{key}"), unset)
        };
        let (project, environment) = (part(self, "project"), part(self, "environment"));
        let (service, token) = (part(self, "service"), part(self, "token"));
        let token = token.zip(fields.get("token")).and_then(|(token, node)| self.secret_name(token, node, secrets));
        let project_token = match fields.get("project_token") {
            Some(node) => {
                self.guard(node, "project_token").and_then(|text| self.truth(&text, node, "project_token"))?
            }
            None => false,
        };
        Some(Service {
            target: name.to_owned(),
            project: project?,
            environment: environment?,
            service: service?,
            token: token?,
            project_token,
        })
    }

    fn approval(&mut self, node: &Node) -> Option<ApprovalRule> {
        let fields = Fields::of(node, "'approval'", self.faults)?;
        fields.only(&["quorum", "approvers", "not_requester", "irreversible"], self.faults);
        let mut rule = ApprovalRule::default();
        if let Some(node) = fields.get("quorum") {
            rule.quorum = self.count(node, "quorum", 0, 5)?;
        }
        if let Some(node) = fields.get("approvers") {
            let names =
                read::list(node).iter().map(|item| self.guard(item, "approvers")).collect::<Option<Vec<_>>>()?;
            rule.approvers = names.iter().map(|name| Person::new(name)).collect();
            rule.approvers.sort_by(|a, b| a.name().cmp(b.name()));
            rule.approvers.dedup();
            let enough = rule.approvers.is_empty() || rule.approvers.len() >= rule.quorum as usize;
            if !enough {
                let count = rule.approvers.len();
                let message = format!("a quorum of {} cannot come together: approvers names {count}", rule.quorum);
                self.faults.add_hint("out-of-range", node.at.clone(), message, "name more persons, or ask for fewer");
            }
        }
        if let Some(node) = fields.get("not_requester") {
            let text = self.guard(node, "not_requester")?;
            rule.not_requester = self.truth(&text, node, "not_requester")?;
        }
        if let Some(node) = fields.get("irreversible") {
            let text = self.guard(node, "irreversible")?;
            rule.irreversible = self.truth(&text, node, "irreversible")?;
        }
        Some(rule)
    }

    fn budget(&mut self, key: &Node, node: &Node) -> Option<Budget> {
        let fields = Fields::of(node, "'budget'", self.faults)?.placed(key.at.clone());
        fields.only(&["changes", "per"], self.faults);
        let changes = fields.require("changes", self.faults).and_then(|node| self.count(node, "changes", 1, 1000));
        let per = fields.require("per", self.faults).and_then(|node| {
            let text = self.guard(node, "per")?;
            match Span::parse_positive(&text) {
                Ok(span) => Some(span),
                Err(fault) => {
                    let message = format!("per: {}", fault.message);
                    self.faults.push("bad-duration", node.at.clone(), message, fault.hint);
                    None
                }
            }
        });
        Some(Budget { changes: changes?, per: per? })
    }

    /// A value that may still be missing: then the field and its variable go into `unset`.
    fn open(&mut self, node: &Node, field: &str, unset: &mut BTreeMap<String, String>) -> Option<String> {
        match self.filled(node, field) {
            Filled::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Filled::Text(_) => {
                self.faults.add("wrong-type", node.at.clone(), format!("'{field}' is empty"));
                None
            }
            Filled::Unset(variable) => {
                unset.insert(field.to_owned(), variable);
                None
            }
            Filled::Faulty => None,
        }
    }

    /// A value of a rule that protects something. It must hold wherever the program runs, so a variable needs a default.
    fn guard(&mut self, node: &Node, field: &str) -> Option<String> {
        if let Value::Map(entries) = &node.value
            && entries.iter().any(|(key, _)| key.text() == Some("env"))
            && !entries.iter().any(|(key, _)| key.text() == Some("default"))
        {
            let message = format!("'{field}' needs a default: it must hold where the variable is not set as well");
            self.faults.add_hint("missing-key", node.at.clone(), message, "write { env: NAME, default: … }");
            return None;
        }
        match self.filled(node, field) {
            Filled::Text(text) => Some(text.trim().to_owned()),
            Filled::Unset(_) | Filled::Faulty => None,
        }
    }

    /// Text, or `{ env: NAME, default: text }`. A variable that is set to nothing counts as not set.
    fn filled(&mut self, node: &Node, field: &str) -> Filled {
        if !matches!(node.value, Value::Map(_)) {
            return read::string(node, &format!("'{field}'"), self.faults).map_or(Filled::Faulty, Filled::Text);
        }
        let Some(fields) = Fields::of(node, format!("'{field}'"), self.faults) else { return Filled::Faulty };
        fields.only(&["env", "default"], self.faults);
        let Some(variable) = fields.require("env", self.faults).and_then(|node| self.variable(node)) else {
            return Filled::Faulty;
        };
        if let Some(value) = (self.env)(&variable).filter(|value| !value.trim().is_empty()) {
            return Filled::Text(value);
        }
        match fields.get("default") {
            Some(node) => read::string(node, "default", self.faults).map_or(Filled::Faulty, Filled::Text),
            None => Filled::Unset(variable),
        }
    }

    fn count(&mut self, node: &Node, what: &str, least: u32, most: u32) -> Option<u32> {
        let text = self.guard(node, what)?;
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.faults.add("out-of-range", node.at.clone(), format!("{what} goes from {least} to {most}"));
        }
        number
    }

    fn truth(&mut self, text: &str, node: &Node, what: &str) -> Option<bool> {
        match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                read::wrong_type(node, &format!("{what} takes true or false"), self.faults);
                None
            }
        }
    }

    /// The value is not repeated in a fault: it may come from a variable and hold a password.
    fn url(&mut self, url: &str, node: &Node) -> Option<String> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let (message, hint) = if host.is_empty() || url.contains(|char: char| char.is_whitespace() || char.is_control())
        {
            (
                "the URL of a target begins with https:// or http://, and has a host",
                "write for example https://host/path",
            )
        } else if host.contains('@') {
            ("the URL of a target holds a user name", "put it into a secret and send it as a header")
        } else if url.contains(['?', '#']) {
            ("the URL of a target ends before ? and #", "write what follows in the step")
        } else {
            return Some(url.trim_end_matches('/').to_owned());
        };
        self.faults.add_hint("bad-url", node.at.clone(), message, hint);
        None
    }

    fn secret_name(&mut self, name: String, node: &Node, secrets: &BTreeMap<String, SecretGrant>) -> Option<String> {
        if secrets.contains_key(&name) {
            return Some(name);
        }
        // Somebody who writes the value here instead of a name must not find it in a log.
        let hint = match nearest(&name, secrets.keys().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "name one that stands under `secrets:`; a value never belongs here".to_owned(),
        };
        self.faults.add_hint("unknown-secret", node.at.clone(), "there is no secret of this name", hint);
        None
    }
}

#[cfg(test)]
mod tests;
