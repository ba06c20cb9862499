//! Reading an action's parameters as a runbook writes them, with every fault in its place.
//!
//! Lives here: which keys each kind takes, what their values must be, which texts are templates and whether a secret may
//! stand in them. Never lives here: what the names in a template refer to (the runbook's check knows), rendering
//! (`resolve`).

use std::collections::BTreeMap;
use std::ops::Range;

use super::inventory::{Inventory, Target};
use super::{ActionSpec, Kind, exec, http, railway, redis};
use crate::base::expr::Template;
use crate::base::schedule::Span;
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::{Faults, Node, Value};

mod promise;

pub use promise::contract_name;

/// Most arguments of a program.
const MAX_ARGUMENTS: usize = 256;

/// A text that may hold a template, and where it stands.
#[derive(Clone, Debug)]
pub struct Text {
    /// The text with its place.
    pub node: Node,
    /// Where it goes, for messages: `a URL`.
    pub place: &'static str,
    /// Whether a secret may stand in it: only where nothing stores or shows it.
    pub secrets: bool,
}

impl Text {
    /// The template in it, where it holds one; one that cannot be read is a fault.
    #[must_use]
    pub fn template(&self, faults: &mut Faults<'_>) -> Option<Template> {
        let source = faults.source();
        let written = self.node.scalar(source).filter(|written| written.contains("{{"))?;
        match Template::parse(written) {
            Ok(template) => Some(template),
            Err(fault) => {
                let at = self.node.inside(source, fault.offset, fault.len);
                faults.push("bad-template", at, fault.message, fault.hint);
                None
            }
        }
    }
}

/// What was read of an action.
#[derive(Debug)]
pub struct Found {
    /// The action; absent where a fault left nothing to go on with.
    pub spec: Option<ActionSpec>,
    /// Its texts.
    pub texts: Vec<Text>,
    /// Names of targets written in it.
    pub targets: Vec<(String, Range<usize>)>,
    /// Whether it may change the world.
    pub changes: bool,
}

/// Reads the parameters of an action. With an inventory, targets and programs must be in it.
pub fn check(
    kind: Kind,
    node: &Node,
    key: &Range<usize>,
    inventory: Option<&Inventory>,
    faults: &mut Faults<'_>,
) -> Found {
    let mut reading = Reading { kind, inventory, texts: Vec::new(), targets: Vec::new(), changes: true, faults };
    let before = reading.faults.len();
    let params = Fields::of(node, format!("'{}'", kind.key()), reading.faults)
        .map(|fields| fields.placed(key.clone()))
        .and_then(|fields| reading.params(&fields));
    let sound = reading.faults.len() == before;
    let spec = params.filter(|_| sound).map(|params| ActionSpec { kind, params });
    Found { spec, texts: reading.texts, targets: reading.targets, changes: reading.changes }
}

struct Reading<'f, 's, 'i> {
    kind: Kind,
    inventory: Option<&'i Inventory>,
    texts: Vec<Text>,
    targets: Vec<(String, Range<usize>)>,
    changes: bool,
    faults: &'f mut Faults<'s>,
}

impl Reading<'_, '_, '_> {
    fn params(&mut self, fields: &Fields<'_>) -> Option<serde_json::Value> {
        let params = match self.kind {
            Kind::Http => serde_json::to_value(self.http(fields)?),
            Kind::RailwayRestart | Kind::RailwayRedeploy | Kind::RailwayRollback => {
                serde_json::to_value(self.change(fields)?)
            }
            Kind::RailwayLogs => serde_json::to_value(self.logs(fields)?),
            Kind::RailwayDeployments => serde_json::to_value(self.deployments(fields)?),
            Kind::RedisClients => serde_json::to_value(self.clients(fields)?),
            Kind::Exec => serde_json::to_value(self.exec(fields)?),
        };
        params.ok()
    }

    /// A text that may hold a template.
    fn template(&mut self, node: &Node, what: &str, place: &'static str, secrets: bool) -> Option<String> {
        let text = read::string(node, what, self.faults)?;
        self.texts.push(Text { node: node.clone(), place, secrets });
        Some(text)
    }

    fn http(&mut self, fields: &Fields<'_>) -> Option<http::Spec> {
        const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];
        const KEYS: [&str; 11] = [
            "get",
            "head",
            "post",
            "put",
            "patch",
            "delete",
            "headers",
            "json",
            "body",
            "follow_redirects",
            "contract",
        ];
        fields.only(&KEYS, self.faults);
        let mut spec = http::Spec::default();
        let mut method = None;
        for (key, value) in fields.entries() {
            let Some(name) = key.text().filter(|name| METHODS.contains(name)) else { continue };
            if let Some(first) = method {
                let message = format!("a request has one method; '{first}' is given already");
                self.faults.add_hint("two-methods", key.at.clone(), message, "make it two steps");
                continue;
            }
            method = Some(name.to_owned())
                .map(|name| -> &'static str { METHODS.iter().find(|m| **m == name).copied().unwrap_or("get") });
            self.changes = !matches!(name, "get" | "head");
            let url = self.url(value);
            match name {
                "get" => spec.get = url,
                "head" => spec.head = url,
                "post" => spec.post = url,
                "put" => spec.put = url,
                "patch" => spec.patch = url,
                _ => spec.delete = url,
            }
        }
        if method.is_none() {
            let hint = "write one of get, head, post, put, patch, delete with the URL";
            self.faults.add_hint("missing-key", fields.at.clone(), "'http' has no method", hint);
        }
        if let Some(headers) = fields.get("headers") {
            spec.headers = self.text_map(headers, "headers", "a header", true)?;
            for name in spec.headers.keys().filter(|name| !is_token(name)) {
                self.faults.add(
                    "bad-header",
                    headers.at.clone(),
                    format!("'{}' is not the name of a header", one_line(name, 40)),
                );
            }
        }
        if let Some(json) = fields.get("json") {
            self.json_texts(json);
            spec.json = Some(json.to_json());
        }
        if let Some((key, body)) = fields.entry("body") {
            spec.body = self.template(body, "body", "a request body", true);
            if spec.json.is_some() {
                self.faults.add_hint(
                    "two-bodies",
                    key.at.clone(),
                    "'http' has both 'json' and 'body'",
                    "keep one of them",
                );
            }
        }
        if let Some(follow) = fields.get("follow_redirects") {
            spec.follow_redirects = read::boolean(follow, "follow_redirects", self.faults)?;
        }
        if let Some(node) = fields.get("contract") {
            spec.contract = contract_name(node, self.faults);
        }
        if let Some(inventory) = self.inventory {
            promise::check(&spec, fields, inventory, self.faults);
        }
        Some(spec)
    }

    fn url(&mut self, node: &Node) -> Option<String> {
        let url = self.template(node, "a URL", "a URL", false)?;
        let begins = ["http://", "https://", "{{"].iter().any(|begin| url.starts_with(begin));
        if !begins || url.contains(char::is_whitespace) && !url.contains("{{") {
            let message = format!("'{}' is not a URL", one_line(&url, 60));
            let hint = "begin it with https://, http:// or {{target.NAME.url}}";
            self.faults.add_hint("bad-url", node.at.clone(), message, hint);
        }
        Some(url)
    }

    fn json_texts(&mut self, node: &Node) {
        match &node.value {
            Value::Text(_) => self.texts.push(Text { node: node.clone(), place: "a request body", secrets: true }),
            Value::List(items) => items.iter().for_each(|item| self.json_texts(item)),
            Value::Map(_) if node.is_unquoted_template(self.faults.source()) => {
                read::wrong_type(node, "json", self.faults)
            }
            Value::Map(entries) => entries.iter().for_each(|(_, value)| self.json_texts(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text_map(
        &mut self,
        node: &Node,
        what: &str,
        place: &'static str,
        secrets: bool,
    ) -> Option<BTreeMap<String, String>> {
        let fields = Fields::of(node, format!("'{what}'"), self.faults)?;
        let mut map = BTreeMap::new();
        for (key, value) in fields.entries() {
            let Some(name) = key.key() else {
                self.faults.add("wrong-type", key.at.clone(), format!("a key of '{what}' must be text"));
                continue;
            };
            if let Some(text) = self.template(value, what, place, secrets) {
                map.insert(name, text);
            }
        }
        Some(map)
    }

    /// The target's name; with an inventory it must be there and have what the kind needs.
    fn target(&mut self, fields: &Fields<'_>, has: impl Fn(&Target) -> bool, needs: &str) -> Option<String> {
        let node = fields.require("target", self.faults)?;
        let name = read::string(node, "target", self.faults)?;
        if name.contains("{{") {
            self.texts.push(Text { node: node.clone(), place: "the name of a target", secrets: false });
            return Some(name);
        }
        self.targets.push((name.clone(), node.at.clone()));
        let Some(inventory) = self.inventory else { return Some(name) };
        match inventory.targets.get(&name) {
            None => {
                let hint = did_you_mean(&name, inventory.targets.keys().map(String::as_str));
                let message = format!("there is no target '{}' in {}", one_line(&name, 40), inventory.environment);
                self.faults.add_hint("unknown-target", node.at.clone(), message, hint);
            }
            Some(target) if !has(target) && !target.unset.keys().any(|field| field.starts_with(needs)) => {
                let message = format!("the target '{name}' has no '{needs}' entry in {}", inventory.environment);
                self.faults.add_hint(
                    "unfit-target",
                    node.at.clone(),
                    message,
                    format!("add `{needs}:` to it in targets.yaml"),
                );
            }
            Some(_) => {}
        }
        Some(name)
    }

    /// A duration that may be a template.
    fn duration(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.get(key)?;
        duration_text(node, key, &mut self.texts, self.faults)
    }

    fn limit(&mut self, fields: &Fields<'_>, most: u32) -> Option<u32> {
        fields.get("limit").and_then(|node| read::whole(node, "limit", 1, most, self.faults))
    }

    fn change(&mut self, fields: &Fields<'_>) -> Option<railway::ChangeSpec> {
        let rollback = self.kind == Kind::RailwayRollback;
        fields
            .only(if rollback { &["target", "ready_within", "to"] } else { &["target", "ready_within"] }, self.faults);
        let to = fields.get("to").filter(|_| rollback);
        let to = to.and_then(|node| self.template(node, "to", "the id of a deployment", false));
        let ready_within = self.duration(fields, "ready_within");
        let target = self.target(fields, |target| target.railway.is_some(), "railway")?;
        Some(railway::ChangeSpec { target, ready_within, to })
    }

    fn logs(&mut self, fields: &Fields<'_>) -> Option<railway::LogsSpec> {
        self.changes = false;
        fields.only(&["target", "text", "since", "limit"], self.faults);
        let text = fields.get("text").and_then(|node| self.template(node, "text", "a text to look for", false));
        let since = self.duration(fields, "since");
        let limit = self.limit(fields, 5000);
        let target = self.target(fields, |target| target.railway.is_some(), "railway")?;
        Some(railway::LogsSpec { target, text, since, limit })
    }

    fn deployments(&mut self, fields: &Fields<'_>) -> Option<railway::DeploymentsSpec> {
        self.changes = false;
        fields.only(&["target", "limit"], self.faults);
        let limit = self.limit(fields, 100);
        let target = self.target(fields, |target| target.railway.is_some(), "railway")?;
        Some(railway::DeploymentsSpec { target, limit })
    }

    fn clients(&mut self, fields: &Fields<'_>) -> Option<redis::Spec> {
        self.changes = false;
        fields.only(&["target"], self.faults);
        let target = self.target(fields, |target| target.redis.is_some(), "redis")?;
        Some(redis::Spec { target })
    }

    fn exec(&mut self, fields: &Fields<'_>) -> Option<exec::Spec> {
        fields.only(&["argv", "env", "results", "known_failures"], self.faults);
        let mut argv = Vec::new();
        let node = fields.require("argv", self.faults);
        if let Some(node) = node {
            match &node.value {
                Value::List(items) if items.is_empty() || items.len() > MAX_ARGUMENTS => {
                    let message = format!("argv takes a program and at most {MAX_ARGUMENTS} arguments");
                    self.faults.add("wrong-type", node.at.clone(), message);
                }
                Value::List(items) => {
                    argv = items.iter().filter_map(|item| self.template(item, "argv", "an argument", false)).collect();
                }
                _ => {
                    let hint = "there is no shell: write [program, argument, argument]";
                    self.faults.add_hint(
                        "wrong-type",
                        node.at.clone(),
                        format!("argv takes a list, not {}", node.describe()),
                        hint,
                    );
                }
            }
        }
        let env = fields
            .get("env")
            .and_then(|node| self.text_map(node, "env", "a variable of the program", true))
            .unwrap_or_default();
        self.grants(&argv, node.map(read::list).and_then(<[Node]>::first), fields.get("env"));
        let results = fields.get("results").and_then(|node| self.results(node));
        let known_failures =
            fields.get("known_failures").and_then(|node| read::texts(node, "known_failures", self.faults));
        if let (Some((key, _)), None) = (fields.entry("known_failures"), fields.get("results")) {
            let hint = "say with `results` how the output becomes tests";
            self.faults.add_hint("useless", key.at.clone(), "known_failures without results says nothing", hint);
        }
        Some(exec::Spec { argv, env, results, known_failures: known_failures.unwrap_or_default() })
    }

    /// The program must be plain text, and with an inventory granted, with every variable.
    fn grants(&mut self, argv: &[String], program: Option<&Node>, env: Option<&Node>) {
        let (Some(name), Some(node)) = (argv.first(), program) else { return };
        if name.contains("{{") {
            let message = "the program must be plain text: what may run is settled before a run begins";
            self.faults.add("bad-program", node.at.clone(), message);
            return;
        }
        let Some(inventory) = self.inventory else { return };
        let Some(grant) = inventory.programs.get(name) else {
            let hint = match crate::base::text::nearest(name, inventory.programs.keys().map(String::as_str)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("grant it under `programs.{}` in targets.yaml if it should run", one_line(name, 40)),
            };
            let message = format!("the program '{}' is not granted", one_line(name, 40));
            self.faults.add_hint("unknown-program", node.at.clone(), message, hint);
            return;
        };
        let Some(Value::Map(entries)) = env.map(|node| &node.value) else { return };
        for (key, _) in entries {
            let Some(variable) = key.text().filter(|variable| !grant.env.iter().any(|granted| granted == variable))
            else {
                continue;
            };
            let message = format!("'{name}' may not be given the variable '{}'", one_line(variable, 40));
            let hint = did_you_mean(variable, grant.env.iter().map(String::as_str));
            self.faults.add_hint("unknown-variable", key.at.clone(), message, hint);
        }
    }

    fn results(&mut self, node: &Node) -> Option<exec::Results> {
        match &node.value {
            Value::Text(text) if text == "tap" => Some(exec::Results::Tap),
            Value::Text(text) if text == "junit" => Some(exec::Results::Junit),
            Value::Map(_) => {
                let fields = Fields::of(node, "'results'", self.faults)?;
                fields.only(&["lines", "junit_file"], self.faults);
                if let Some((key, file)) = fields.entry("junit_file") {
                    if fields.get("lines").is_some() {
                        let message = "results are read from lines or from a file, not from both";
                        self.faults.add_hint("two-results", key.at.clone(), message, "keep one of them");
                    }
                    return self
                        .template(file, "junit_file", "the path of a file", false)
                        .map(exec::Results::JunitFile);
                }
                let node = fields.require("lines", self.faults)?;
                let pattern = read::string(node, "lines", self.faults)?;
                self.pattern(&pattern, node).then_some(exec::Results::Lines(pattern))
            }
            _ => {
                let hint = "write `tap`, `junit`, `{ junit_file: report.xml }` or `{ lines: \"…\" }`";
                let message = "results is 'tap', 'junit', a file with JUnit XML or a pattern for lines";
                self.faults.add_hint("wrong-type", node.at.clone(), message, hint);
                None
            }
        }
    }

    fn pattern(&mut self, pattern: &str, node: &Node) -> bool {
        let found = match regex::RegexBuilder::new(pattern).size_limit(1 << 20).build() {
            Ok(found) => found,
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.faults.add(
                    "bad-pattern",
                    node.at.clone(),
                    format!("the pattern cannot be read: {}", one_line(last, 120)),
                );
                return false;
            }
        };
        let has = |group: &str| found.capture_names().flatten().any(|name| name == group);
        let missing: Vec<&str> = ["name", "result"].into_iter().filter(|group| !has(group)).collect();
        if !missing.is_empty() {
            let message = format!("the pattern has no group {}", missing.join(" and no group "));
            self.faults.add_hint("bad-pattern", node.at.clone(), message, "write (?<name>…) and (?<result>…)");
        }
        missing.is_empty()
    }
}

/// A duration that may be a template; a literal one must be readable and longer than 0.
pub fn duration_text(node: &Node, what: &str, texts: &mut Vec<Text>, faults: &mut Faults<'_>) -> Option<String> {
    let text = read::string(node, what, faults)?;
    if text.contains("{{") {
        texts.push(Text { node: node.clone(), place: "a duration", secrets: false });
        return Some(text);
    }
    match Span::parse_positive(&text) {
        Ok(_) => Some(text),
        Err(fault) => {
            faults.push("bad-duration", node.at.clone(), format!("{what}: {}", fault.message), fault.hint);
            None
        }
    }
}

/// The name of a header, by RFC 9110.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
