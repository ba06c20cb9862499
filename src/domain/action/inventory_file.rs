//! `targets.yaml`: environments, targets, and what the operator grants to runbooks.
//!
//! Lives here: reading it with every fault in its place, filling in variables (through a function: this file reads no
//! environment). Never lives here: secrets' values, only where they come from.
//!
//! ```yaml
//! environments:
//!   production:
//!     zone: America/Mexico_City
//!     confirm: true
//!     targets:
//!       redis:
//!         railway: { project: { env: RAILWAY_PROJECT_ID }, environment: …, service: …, token: railway }
//!         redis: redis_url
//!         approval: { quorum: 2, approvers: [ana, ben], not_requester: true }
//!         budget: { changes: 3, per: 1h }
//! secrets:
//!   railway: { env: RAILWAY_TOKEN, hosts: [backboard.railway.com] }
//! programs:
//!   python3: { env: [BASE_URL] }
//! variables: [SUITE_SCRIPT]
//! ```

use std::collections::BTreeMap;

use super::inventory::{ApprovalRule, Budget, Inventory, ProgramGrant, SecretGrant, Target};
use super::railway::Service;
use crate::base::event::Person;
use crate::base::schedule::zone;
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::yaml::{self, Placed};
use crate::domain::source::{Fault, Faults, Node, Value};

/// Largest file, in bytes.
pub const MAX_FILE: usize = 512 * 1024;

/// Brings the value of an environment variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Everything `targets.yaml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventories {
    /// Environments in the order of the file.
    pub environments: Vec<Inventory>,
    /// Secrets, and where the value of each comes from.
    pub secrets: Vec<SecretSource>,
}

impl Inventories {
    /// The environment of that name; without a name the only one.
    ///
    /// # Errors
    /// A sentence that says which there are.
    pub fn environment(&self, name: Option<&str>) -> Result<&Inventory, String> {
        let names: Vec<&str> = self.environments.iter().map(|inventory| inventory.environment.as_str()).collect();
        match (name, self.environments.as_slice()) {
            (None, [only]) => Ok(only),
            (None, []) => Err("targets.yaml names no environment".to_owned()),
            (None, _) => Err(format!("choose an environment with --env: {}", names.join(", "))),
            (Some(name), all) => all.iter().find(|inventory| inventory.environment == name).ok_or_else(|| {
                let name_shown = one_line(name, 40);
                format!("there is no environment '{name_shown}'; {}", did_you_mean(name, names))
            }),
        }
    }
}

/// Where a secret's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// The secret's name.
    pub name: String,
    /// Where its value is.
    pub from: SecretFrom,
    /// Where it may go.
    pub grant: SecretGrant,
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// In an environment variable.
    Variable(String),
    /// In a file; surrounding white space is not part of it.
    File(String),
}

impl std::fmt::Display for SecretFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "the file {path}"),
        }
    }
}

/// Reads `targets.yaml`. A variable that is not set is no fault: the target keeps its name and says what is missing.
///
/// # Errors
/// Every fault of the file.
pub fn parse(source: &str, variables: Variables<'_>) -> Result<Inventories, Vec<Fault>> {
    let mut faults = Faults::new(source);
    let mut found = Inventories::default();
    if source.len() > MAX_FILE {
        faults.add("too-large", 0..0, format!("targets.yaml may be {} KiB", MAX_FILE / 1024));
    } else if let Some(node) = yaml::parse(&Placed::whole(source, 0), &mut faults) {
        let mut reader = Reader { variables, faults: &mut faults, secrets: Vec::new() };
        found = reader.file(&node).unwrap_or_default();
    }
    if faults.is_empty() { Ok(found) } else { Err(faults.finish()) }
}

struct Reader<'v, 'f, 's> {
    variables: Variables<'v>,
    faults: &'f mut Faults<'s>,
    secrets: Vec<SecretSource>,
}

impl Reader<'_, '_, '_> {
    fn file(&mut self, node: &Node) -> Option<Inventories> {
        let fields = Fields::of(node, "targets.yaml", self.faults)?;
        fields.only(&["environments", "secrets", "programs", "variables"], self.faults);
        self.secrets = fields.get("secrets").map(|node| self.secrets(node)).unwrap_or_default();
        let programs = fields.get("programs").map(|node| self.programs(node)).unwrap_or_default();
        for secret in &self.secrets {
            for program in secret.grant.programs.iter().filter(|program| !programs.contains_key(*program)) {
                let at = fields.get("secrets").map_or(0..0, |node| node.at.clone());
                let message = format!(
                    "the secret '{}' is granted to '{}', which is no program here",
                    secret.name,
                    one_line(program, 40)
                );
                self.faults.add_hint(
                    "unknown-program",
                    at,
                    message,
                    did_you_mean(program, programs.keys().map(String::as_str)),
                );
            }
        }
        let names = fields.get("variables").and_then(|node| read::texts(node, "variables", self.faults));
        let values = names.unwrap_or_default().into_iter();
        // A variable without a value is granted all the same: an input may have another default.
        let values: BTreeMap<String, String> = values
            .map(|name| {
                let value = (self.variables)(&name).unwrap_or_default();
                (name, value)
            })
            .collect();
        let grants = self.secrets.iter().map(|secret| (secret.name.clone(), secret.grant.clone())).collect();
        let shared = Inventory { secrets: grants, programs, variables: values, ..Inventory::default() };
        let node = fields.require("environments", self.faults)?;
        let given = Fields::of(node, "'environments'", self.faults)?;
        if given.entries().is_empty() {
            self.faults.add("missing-key", node.at.clone(), "'environments' names no environment");
        }
        let mut environments = Vec::new();
        for (key, node) in given.entries() {
            let Some(name) = self.name(key, "an environment") else { continue };
            environments.extend(self.environment(name, key, node, &shared));
        }
        Some(Inventories { environments, secrets: std::mem::take(&mut self.secrets) })
    }

    /// A key that becomes a name in expressions.
    fn name(&mut self, key: &Node, what: &str) -> Option<String> {
        let name = key.key().unwrap_or_default();
        let good = name.len() <= 64
            && name.starts_with(|char: char| char.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !good {
            let message = format!("'{}' cannot be the name of {what}", one_line(&name, 40));
            self.faults.add_hint(
                "bad-name",
                key.at.clone(),
                message,
                "small letters, digits and _, beginning with a letter",
            );
        }
        good.then_some(name)
    }

    fn secrets(&mut self, node: &Node) -> Vec<SecretSource> {
        let mut secrets = Vec::new();
        let Some(given) = Fields::of(node, "'secrets'", self.faults) else { return secrets };
        for (key, node) in given.entries() {
            let Some(name) = self.name(key, "a secret") else { continue };
            let Some(fields) = Fields::of(node, format!("the secret '{name}'"), self.faults) else { continue };
            fields.only(&["env", "file", "hosts", "programs"], self.faults);
            let hosts =
                fields.get("hosts").and_then(|node| read::texts(node, "hosts", self.faults)).unwrap_or_default();
            let programs =
                fields.get("programs").and_then(|node| read::texts(node, "programs", self.faults)).unwrap_or_default();
            if let Some((at, host)) = fields
                .get("hosts")
                .and_then(|node| Some((node, hosts.iter().find(|host| host.contains(['/', '*', ' ']))?)))
            {
                let message = format!("'{}' is not a host", one_line(host, 60));
                self.faults.add_hint("bad-host", at.at.clone(), message, "write host or host:port, without https://");
            }
            let from = match (fields.get("env"), fields.get("file")) {
                (Some(node), None) => read::string(node, "env", self.faults).map(SecretFrom::Variable),
                (None, Some(node)) => read::string(node, "file", self.faults).map(SecretFrom::File),
                _ => {
                    let message = format!("the secret '{name}' comes from one place: 'env' or 'file'");
                    self.faults.add_hint(
                        "missing-key",
                        key.at.clone(),
                        message,
                        "write `env: NAME_OF_VARIABLE`; a value never stands here",
                    );
                    None
                }
            };
            secrets.extend(from.map(|from| SecretSource { name, from, grant: SecretGrant { hosts, programs } }));
        }
        secrets
    }

    fn programs(&mut self, node: &Node) -> BTreeMap<String, ProgramGrant> {
        let mut programs = BTreeMap::new();
        let Some(given) = Fields::of(node, "'programs'", self.faults) else { return programs };
        for (key, node) in given.entries() {
            let Some(name) = key.key() else { continue };
            if node.value == Value::Null {
                programs.insert(name, ProgramGrant::default());
                continue;
            }
            let Some(fields) = Fields::of(node, format!("the program '{}'", one_line(&name, 40)), self.faults) else {
                continue;
            };
            fields.only(&["path", "env"], self.faults);
            let path = fields.get("path").and_then(|node| read::string(node, "path", self.faults));
            let env = fields.get("env").and_then(|node| read::texts(node, "env", self.faults)).unwrap_or_default();
            programs.insert(name, ProgramGrant { path, env });
        }
        programs
    }

    fn environment(&mut self, name: String, key: &Node, node: &Node, shared: &Inventory) -> Option<Inventory> {
        let fields = Fields::of(node, format!("the environment '{name}'"), self.faults)?.placed(key.at.clone());
        fields.only(&["zone", "confirm", "targets"], self.faults);
        let mut zone_name = "UTC".to_owned();
        if let Some(node) = fields.get("zone") {
            zone_name = read::string(node, "zone", self.faults)?;
            match zone(&zone_name) {
                Ok(found) => found.name().clone_into(&mut zone_name),
                Err(fault) => self.faults.push("bad-zone", node.at.clone(), fault.message, fault.hint),
            }
        }
        let confirm =
            fields.get("confirm").and_then(|node| read::boolean(node, "confirm", self.faults)).unwrap_or_default();
        let mut targets = BTreeMap::new();
        if let Some(given) = fields.get("targets").and_then(|node| Fields::of(node, "'targets'", self.faults)) {
            for (key, node) in given.entries() {
                let Some(name) = self.name(key, "a target") else { continue };
                targets.extend(self.target(&name, node).map(|target| (name, target)));
            }
        }
        Some(Inventory { environment: name, zone: zone_name, confirm, targets, ..shared.clone() })
    }

    fn target(&mut self, name: &str, node: &Node) -> Option<Target> {
        let fields = Fields::of(node, format!("the target '{name}'"), self.faults)?;
        fields.only(&["url", "railway", "redis", "approval", "budget"], self.faults);
        let mut unset = BTreeMap::new();
        let url = fields.get("url").and_then(|node| {
            let url = self.value(node, "url", &mut unset)?;
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                // The value can come from a variable, and may hold what nobody should read: only its place is told.
                let message = format!("the URL of '{name}' does not begin with http:// or https://");
                self.faults.add("bad-url", node.at.clone(), message);
            }
            Some(url.trim_end_matches('/').to_owned())
        });
        let railway = fields.get("railway").and_then(|node| self.railway(name, node, &mut unset));
        let redis = fields.get("redis").and_then(|node| self.secret_name(node, "redis"));
        let approval = fields.get("approval").and_then(|node| self.approval(node)).unwrap_or_default();
        let budget = fields.get("budget").and_then(|node| self.budget(node));
        Some(Target { url, railway, redis, approval, budget, unset })
    }

    /// A text, or `{ env: NAME, default: … }`. `None` where the variable is not set; then `unset` says so.
    fn value(&mut self, node: &Node, field: &str, unset: &mut BTreeMap<String, String>) -> Option<String> {
        if !matches!(node.value, Value::Map(_)) {
            return read::string(node, field, self.faults);
        }
        let fields = Fields::of(node, format!("'{field}'"), self.faults)?;
        fields.only(&["env", "default"], self.faults);
        let name = fields.require("env", self.faults).and_then(|node| read::string(node, "env", self.faults))?;
        let default = fields.get("default").and_then(|node| read::string(node, "default", self.faults));
        let value =
            (self.variables)(&name).filter(|value| !value.trim().is_empty()).map(|value| value.trim().to_owned());
        let value = value.or(default);
        if value.is_none() {
            unset.insert(field.to_owned(), name);
        }
        value
    }

    fn railway(&mut self, name: &str, node: &Node, unset: &mut BTreeMap<String, String>) -> Option<Service> {
        let fields = Fields::of(node, "'railway'", self.faults)?;
        fields.only(&["project", "environment", "service", "token", "project_token"], self.faults);
        let mut part = |key: &str| {
            let node = fields.require(key, self.faults)?;
            self.value(node, &format!("railway.{key}"), unset)
        };
        let (project, environment, service) = (part("project"), part("environment"), part("service"));
        let token = fields.require("token", self.faults).and_then(|node| self.secret_name(node, "token"));
        let project_token = fields
            .get("project_token")
            .and_then(|node| read::boolean(node, "project_token", self.faults))
            .unwrap_or_default();
        Some(Service {
            target: name.to_owned(),
            project: project?,
            environment: environment?,
            service: service?,
            token: token?,
            project_token,
        })
    }

    /// The name of a secret that the file grants.
    fn secret_name(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = read::string(node, what, self.faults)?;
        if !self.secrets.iter().any(|secret| secret.name == name) {
            // What stands here by mistake may be the secret itself: it is not repeated.
            let message = format!("'{what}' takes the name of a secret under `secrets`");
            let hint = did_you_mean("", self.secrets.iter().map(|secret| secret.name.as_str()));
            self.faults.add_hint("not-a-secret-name", node.at.clone(), message, hint);
            return None;
        }
        Some(name)
    }

    fn approval(&mut self, node: &Node) -> Option<ApprovalRule> {
        let fields = Fields::of(node, "'approval'", self.faults)?;
        fields.only(&["quorum", "approvers", "not_requester"], self.faults);
        let quorum = fields.get("quorum").map_or(Some(0), |node| read::whole(node, "quorum", 0, 5, self.faults));
        let names =
            fields.get("approvers").and_then(|node| read::texts(node, "approvers", self.faults)).unwrap_or_default();
        let approvers: Vec<Person> = names.iter().map(|name| Person::new(name)).collect();
        let not_requester = fields
            .get("not_requester")
            .and_then(|node| read::boolean(node, "not_requester", self.faults))
            .unwrap_or_default();
        let quorum = quorum?;
        let distinct: std::collections::BTreeSet<&Person> = approvers.iter().collect();
        if !approvers.is_empty() && (quorum as usize) > distinct.len() {
            let message = format!("{quorum} people must agree, and {} may", distinct.len());
            self.faults.add_hint(
                "impossible-quorum",
                fields.at.clone(),
                message,
                "name more approvers, or lower the quorum",
            );
        }
        Some(ApprovalRule { quorum, approvers, not_requester })
    }

    fn budget(&mut self, node: &Node) -> Option<Budget> {
        let fields = Fields::of(node, "'budget'", self.faults)?;
        fields.only(&["changes", "per"], self.faults);
        let changes =
            fields.require("changes", self.faults).and_then(|node| read::whole(node, "changes", 1, 1000, self.faults));
        let per = fields.require("per", self.faults).and_then(|node| read::span(node, "per", self.faults));
        Some(Budget { changes: changes?, per: per? })
    }
}
