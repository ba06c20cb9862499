//! What the operator grants: programs, secrets and where they may go, variables.
//!
//! Lives here: reading those parts of `targets.yaml`. Never lives here: environments and their targets.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Loader, ProgramGrant, SecretFrom, SecretSource};
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::{Node, Value};

impl Loader<'_, '_> {
    pub(super) fn programs(&mut self, node: &Node) -> BTreeMap<String, ProgramGrant> {
        let mut programs = BTreeMap::new();
        let Some(fields) = Fields::of(node, "'programs'", self.faults) else { return programs };
        for (key, value) in fields.entries() {
            let Some(name) = key.key() else { continue };
            if name.is_empty() || name.contains(|char: char| char.is_whitespace() || char.is_control() || char == '/') {
                let message = format!("'{}' cannot be the name of a program", one_line(&name, 40));
                self.faults.add_hint("bad-name", key.at.clone(), message, "write where it is under `path`");
                continue;
            }
            if value.value == Value::Null {
                programs.insert(name, ProgramGrant::default());
                continue;
            }
            let Some(fields) = Fields::of(value, "a program", self.faults) else { continue };
            fields.only(&["path", "env", "irreversible"], self.faults);
            let path = fields.get("path").and_then(|node| read::string(node, "path", self.faults));
            let env = fields.get("env").map(|node| self.variable_names(node)).unwrap_or_default();
            let irreversible = fields
                .get("irreversible")
                .and_then(|node| read::boolean(node, "irreversible", self.faults))
                .unwrap_or_default();
            programs.insert(name, ProgramGrant { path, env, irreversible });
        }
        programs
    }

    pub(super) fn secrets(&mut self, node: &Node, programs: &BTreeMap<String, ProgramGrant>) -> Vec<SecretSource> {
        let mut secrets = Vec::new();
        let Some(fields) = Fields::of(node, "'secrets'", self.faults) else { return secrets };
        for (key, value) in fields.entries() {
            let Some(name) = self.name(key, "a secret") else { continue };
            if let Some(secret) = self.secret(name, &key.at, value, programs) {
                secrets.push(secret);
            }
        }
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        secrets
    }

    fn secret(
        &mut self,
        name: String,
        at: &Range<usize>,
        node: &Node,
        programs: &BTreeMap<String, ProgramGrant>,
    ) -> Option<SecretSource> {
        let Value::Map(_) = node.value else {
            let hint = "write { env: NAME } or { file: PATH }; a value never belongs here";
            self.faults.add_hint("wrong-type", at.clone(), "a secret says where its value is", hint);
            return None;
        };
        let fields = Fields::of(node, "a secret", self.faults)?.placed(at.clone());
        fields.only(&["env", "file", "hosts", "programs"], self.faults);
        let hosts = fields.get("hosts").map(|node| self.hosts(node)).unwrap_or_default();
        let granted = fields.get("programs").map(|node| self.granted(node, programs)).unwrap_or_default();
        let from = match (fields.get("env"), fields.entry("file")) {
            (Some(node), None) => SecretFrom::Env(self.variable(node)?),
            (None, Some((_, node))) => SecretFrom::File(self.folder.join(read::string(node, "file", self.faults)?)),
            (Some(_), Some((key, _))) => {
                self.faults.add("conflict", key.at.clone(), "'file' and 'env' exclude each other");
                return None;
            }
            (None, None) => {
                let hint = "write { env: NAME } or { file: PATH }";
                self.faults.add_hint("missing-key", at.clone(), "a secret has neither 'env' nor 'file'", hint);
                return None;
            }
        };
        Some(SecretSource { name, from, hosts, programs: granted })
    }

    fn hosts(&mut self, node: &Node) -> Vec<String> {
        let mut hosts = Vec::new();
        for item in read::list(node) {
            let Some(host) = read::string(item, "hosts", self.faults) else { continue };
            let good =
                !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
            if good {
                hosts.push(host);
            } else {
                let message = format!("'{}' is not a host", one_line(&host, 60));
                self.faults.add_hint("bad-host", item.at.clone(), message, "write host or host:port, without https://");
            }
        }
        hosts
    }

    fn granted(&mut self, node: &Node, programs: &BTreeMap<String, ProgramGrant>) -> Vec<String> {
        let mut granted = Vec::new();
        for item in read::list(node) {
            let Some(name) = read::string(item, "programs", self.faults) else { continue };
            if programs.contains_key(&name) {
                granted.push(name);
                continue;
            }
            let message = format!("there is no program '{}'", one_line(&name, 40));
            let hint = did_you_mean(&name, programs.keys().map(String::as_str));
            self.faults.add_hint("unknown-program", item.at.clone(), message, hint);
        }
        granted
    }

    pub(super) fn variables(&mut self, node: &Node) -> BTreeMap<String, String> {
        let names = self.variable_names(node);
        // One that is not set is granted all the same: an input that needs it says so when a run is planned.
        names
            .into_iter()
            .map(|name| ((self.env)(&name).unwrap_or_default(), name))
            .map(|(value, name)| (name, value))
            .collect()
    }

    fn variable_names(&mut self, node: &Node) -> Vec<String> {
        read::list(node).iter().filter_map(|item| self.variable(item)).collect()
    }

    /// The name of an environment variable.
    pub(super) fn variable(&mut self, node: &Node) -> Option<String> {
        let name = read::string(node, "the name of a variable", self.faults)?;
        let good = !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !good {
            let message = format!("'{}' is not the name of a variable", one_line(&name, 40));
            self.faults.add_hint("bad-name", node.at.clone(), message, "letters, digits and _, like SERVICE_URL");
        }
        good.then_some(name)
    }
}
