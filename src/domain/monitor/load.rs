//! Reading `monitors.yaml`, with every fault at once and in its place.
//!
//! Lives here: [`load`], the keys of a monitor, what they may be, who may depend on whom. Never lives here: the action of a check (that is the runbook
//! language's, `domain::action`), the names in it (`names`), reading files.

mod check;
mod common;
mod names;

use std::collections::BTreeMap;
use std::ops::Range;

use self::common::Common;
use super::spec::{Check, Monitors, Spec, is_id};
use crate::base::schedule::Span;
use crate::base::text::one_line;
use crate::domain::action::inventory::Inventory;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::yaml::{self, Placed};
use crate::domain::source::{Fault, Faults, Node};

/// Longest `monitors.yaml`, in bytes.
pub const MAX_SOURCE: usize = 2 * 1024 * 1024;
/// Monitors that one file may name.
const MOST: usize = 10_000;
/// Values that one file may hold.
const MOST_VALUES: usize = 400_000;
/// Monitors that one may depend on.
const MOST_PARENTS: usize = 50;
const EVERY: Span = Span::seconds(60);
const TOP: [&str; 3] = ["environment", "defaults", "monitors"];
const KEYS: [&str; 14] = [
    "title",
    "target",
    "check",
    "heartbeat",
    "expect",
    "degraded_unless",
    "every",
    "timeout",
    "fail_for",
    "ok_for",
    "depends_on",
    "maintenance",
    "flapping",
    "on_failure",
];

/// What a monitor is checked against, as far as it is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The environment.
    pub inventory: Option<&'a Inventory>,
    /// The ids of all runbooks.
    pub runbooks: Option<&'a [String]>,
}

/// The environment that a `monitors.yaml` names, whatever else is wrong with it.
#[must_use]
pub fn environment(source: &str) -> Option<String> {
    let mut faults = Faults::new(source);
    let node = yaml::parse_large(&Placed::whole(source, 0), MOST_VALUES, &mut faults)?;
    let fields = Fields::of(&node, "monitors.yaml", &mut faults)?;
    fields.get("environment").and_then(|node| node.text()).map(ToOwned::to_owned)
}

/// Reads `monitors.yaml`.
///
/// # Errors
/// Every fault of the text, in its order.
pub fn load(source: &str, known: Known<'_>) -> Result<Monitors, Vec<Fault>> {
    let mut faults = Faults::new(source);
    if source.len() > MAX_SOURCE {
        faults.add("too-large", 0..0, format!("the file is larger than {} MiB", MAX_SOURCE / 1024 / 1024));
        return Err(faults.finish());
    }
    let monitors = yaml::parse_large(&Placed::whole(source, 0), MOST_VALUES, &mut faults)
        .and_then(|node| Loader { known, faults: &mut faults, parents: Vec::new() }.file(&node));
    match monitors {
        Some(monitors) if faults.is_empty() => Ok(monitors),
        _ => Err(faults.finish()),
    }
}

struct Loader<'k, 'l, 's> {
    known: Known<'k>,
    faults: &'l mut Faults<'s>,
    /// Who depends on whom, and where that is written.
    parents: Vec<(String, String, Range<usize>)>,
}

impl Loader<'_, '_, '_> {
    fn file(&mut self, node: &Node) -> Option<Monitors> {
        let fields = Fields::of(node, "monitors.yaml", self.faults)?;
        fields.only(&TOP, self.faults);
        let environment = fields.get("environment").and_then(|node| read::string(node, "environment", self.faults));
        let defaults = match fields.get("defaults").and_then(|node| Fields::of(node, "'defaults'", self.faults)) {
            Some(fields) => {
                fields.only(&common::KEYS, self.faults);
                self.common(&fields)
            }
            None => Common::default(),
        };
        let place = fields.require("monitors", self.faults)?;
        let named = Fields::of(place, "'monitors'", self.faults)?;
        if named.entries().len() > MOST {
            self.faults.add("too-many", place.at.clone(), format!("at most {MOST} monitors can stand here"));
        }
        let mut all: BTreeMap<String, Spec> = BTreeMap::new();
        for (key, value) in named.entries().iter().take(MOST) {
            let Some(id) = self.id(key) else { continue };
            if let Some(spec) = self.monitor(&id, key, value, &defaults) {
                all.insert(id, spec);
            }
        }
        let ids: Vec<String> = named.entries().iter().filter_map(|(key, _)| key.key()).collect();
        self.families(&ids);
        Some(Monitors { environment, all })
    }

    fn id(&mut self, key: &Node) -> Option<String> {
        let id = key.key()?;
        if !is_id(&id) {
            let message = format!("'{}' cannot be the name of a monitor", one_line(&id, 40));
            let hint = "small letters, digits, - and _, beginning with a letter: api-health";
            self.faults.add_hint("bad-id", key.at.clone(), message, hint);
            return None;
        }
        Some(id)
    }

    fn monitor(&mut self, id: &str, key: &Node, node: &Node, defaults: &Common) -> Option<Spec> {
        let fields = Fields::of(node, format!("'{id}'"), self.faults)?.placed(key.at.clone());
        self.keys(&fields);
        let title = fields.get("title").and_then(|node| read::string(node, "title", self.faults));
        let title = title.map(|title| one_line(&title, 100)).filter(|title| !title.is_empty());
        let written = fields.get("target").and_then(|node| self.target(node));
        let depends_on = fields.get("depends_on").map(|node| self.parents(id, node)).unwrap_or_default();
        let common = self.common(&fields).or(defaults);
        let (check, every, looks_at) = match (fields.get("check"), fields.get("heartbeat")) {
            (Some(_), Some(node)) => {
                let hint = "make it two monitors";
                self.faults.add_hint("two-checks", node.at.clone(), "a monitor asks, or it waits to be called", hint);
                return None;
            }
            (None, Some(node)) => self.heartbeat(&fields, node).map(|(check, every)| (check, every, None))?,
            (Some(node), None) => {
                let every = common.every.unwrap_or(EVERY);
                let (probe, target) = self.probe(&fields, node, every, common.timeout)?;
                (Check::Probe(Box::new(probe)), every, target)
            }
            (None, None) => {
                let hint = "add `check: { http: { get: … } }` or `heartbeat: { every: 24h }`";
                self.faults.add_hint("missing-key", key.at.clone(), format!("'{id}' looks at nothing"), hint);
                return None;
            }
        };
        let waits = matches!(check, Check::Heartbeat { .. });
        Some(Spec {
            id: id.to_owned(),
            title: title.unwrap_or_else(|| id.to_owned()),
            target: written.or(looks_at),
            check,
            every,
            // A heartbeat has its grace, and one beat is proof.
            fail_for: common.fail_for.filter(|_| !waits).unwrap_or(Span::ZERO),
            ok_for: common.ok_for.filter(|_| !waits).unwrap_or(Span::ZERO),
            depends_on,
            maintenance: common.maintenance.unwrap_or_default(),
            flapping: common.flapping,
            on_failure: common.on_failure.unwrap_or_default(),
            slo: common.slo,
        })
    }

    fn keys(&mut self, fields: &Fields<'_>) {
        let known: Vec<&str> = KEYS.into_iter().chain(["slo"]).collect();
        for (key, _) in fields.entries() {
            if key.text() == Some("degraded") {
                let hint = "write degraded_unless: it is degraded unless this holds";
                self.faults.add_hint("unknown-key", key.at.clone(), "'degraded' could be read either way", hint);
            }
        }
        let known: Vec<&str> = known.into_iter().chain(fields.get("degraded").map(|_| "degraded")).collect();
        fields.only(&known, self.faults);
    }

    fn target(&mut self, node: &Node) -> Option<String> {
        let name = read::string(node, "target", self.faults)?;
        if let Some(inventory) = self.known.inventory.filter(|known| !known.targets.contains_key(&name)) {
            let hint = did_you_mean(&name, inventory.targets.keys().map(String::as_str));
            let message = format!("there is no target '{}' in {}", one_line(&name, 40), inventory.environment);
            self.faults.add_hint("unknown-target", node.at.clone(), message, hint);
        }
        Some(name)
    }

    fn parents(&mut self, id: &str, node: &Node) -> Vec<String> {
        let items = read::list(node);
        if items.len() > MOST_PARENTS {
            let message = format!("a monitor depends on at most {MOST_PARENTS} others");
            self.faults.add("too-many", node.at.clone(), message);
        }
        let mut parents = Vec::new();
        for item in items.iter().take(MOST_PARENTS) {
            let Some(parent) = read::string(item, "depends_on", self.faults) else { continue };
            self.parents.push((id.to_owned(), parent.clone(), item.at.clone()));
            parents.push(parent);
        }
        parents
    }

    /// Parents must be there, and nobody his own.
    fn families(&mut self, ids: &[String]) {
        let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (child, parent, at) in &self.parents {
            if ids.contains(parent) {
                parents.entry(child).or_default().push(parent);
            } else {
                let hint = did_you_mean(parent, ids.iter().map(String::as_str));
                let message = format!("there is no monitor '{}'", one_line(parent, 40));
                self.faults.add_hint("unknown-monitor", at.clone(), message, hint);
            }
        }
        let mut told: Vec<Vec<&str>> = Vec::new();
        for (child, parent, at) in &self.parents {
            let Some(mut circle) = path(parent, child, &parents) else { continue };
            circle.push(child);
            let mut members = circle.clone();
            members.sort_unstable();
            members.dedup();
            if !told.contains(&members) {
                told.push(members);
                let message = format!("these depend on each other in a circle: {child} → {}", circle.join(" → "));
                self.faults.add_hint("circle", at.clone(), message, "take one of the links out");
            }
        }
    }
}

/// The way from one monitor to another by what each depends on, without the last step; `None` where there is none.
fn path<'a>(from: &'a str, to: &str, parents: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<Vec<&'a str>> {
    if from == to {
        return Some(Vec::new());
    }
    let mut came: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for next in parents.get(at).into_iter().flatten() {
            if *next == to {
                let (mut way, mut here) = (vec![at], at);
                while let Some(before) = came.get(here) {
                    way.push(before);
                    here = before;
                }
                way.reverse();
                return Some(way);
            }
            if *next != from && !came.contains_key(next) {
                came.insert(next, at);
                open.push(next);
            }
        }
    }
    None
}
