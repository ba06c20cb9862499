//! The front matter of a page.
//!
//! Lives here: its keys, inputs and their defaults, and what a value given for an input must be. Never lives here: steps.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

use super::kinds::input_kind;
use super::model::{Input, InputKind};
use crate::base::event::Severity;
use crate::base::schedule::Span;
use crate::base::text::one_line;
use crate::domain::action::inventory::Inventory;
use crate::domain::source::read::{self, Fields, did_you_mean};
use crate::domain::source::yaml::{self, Placed};
use crate::domain::source::{Faults, Node, Value};

const KEYS: [&str; 9] = ["id", "title", "severity", "use_when", "targets", "inputs", "deadline", "phases", "follow_up"];
/// Longest text of an input, in characters.
pub const MAX_TEXT: usize = 4_000;
const MAX_INPUTS: usize = 100;

/// What the front matter says.
#[derive(Debug, Default)]
pub struct Front {
    /// The page's id.
    pub id: Option<String>,
    /// The title, where it is not the H1.
    pub title: Option<String>,
    /// The severity of an incident that a run declares.
    pub severity: Option<Severity>,
    /// Words by which a pasted error finds the page.
    pub use_when: Vec<String>,
    /// Targets the page acts on, where it says so.
    pub targets: Option<Vec<String>>,
    /// Inputs.
    pub inputs: BTreeMap<String, Input>,
    /// When a run asks whether to go on.
    pub deadline: Option<Span>,
    /// Phases a run covers, with their places.
    pub phases: Option<Vec<(String, Range<usize>)>>,
    /// Phases that begin by themselves after a run that succeeded, with their places.
    pub follow_up: Vec<(String, Range<usize>)>,
}

/// Reads the front matter.
pub fn read(placed: &Placed, inventory: Option<&Inventory>, faults: &mut Faults<'_>) -> Front {
    let mut front = Front::default();
    let Some(node) = yaml::parse(placed, faults) else { return front };
    if node.value == Value::Null {
        return front;
    }
    let Some(fields) = Fields::of(&node, "the front matter", faults) else { return front };
    fields.only(&KEYS, faults);
    if let Some(node) = fields.get("id") {
        front.id = id(node, faults);
    }
    front.title = fields.get("title").and_then(|node| read::string(node, "title", faults));
    let words = [("P0", Severity::P0), ("P1", Severity::P1), ("P2", Severity::P2), ("P3", Severity::P3)];
    front.severity = fields.get("severity").and_then(|node| read::word(node, "severity", &words, faults));
    front.use_when = fields.get("use_when").and_then(|node| read::texts(node, "use_when", faults)).unwrap_or_default();
    front.targets = fields.get("targets").map(|node| targets(node, inventory, faults));
    front.deadline = fields.get("deadline").and_then(|node| read::span(node, "deadline", faults));
    let mut named = |key: &'static str| -> Option<Vec<(String, Range<usize>)>> {
        let items = read::list(fields.get(key)?).iter();
        Some(items.filter_map(|item| Some((read::string(item, key, faults)?, item.at.clone()))).collect())
    };
    front.phases = named("phases");
    front.follow_up = named("follow_up").unwrap_or_default();
    if let Some(given) = fields.get("inputs").and_then(|node| Fields::of(node, "'inputs'", faults)) {
        inputs(&given, inventory, &mut front.inputs, faults);
    }
    front
}

fn id(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let id = read::string(node, "id", faults)?;
    let good = !id.is_empty()
        && id.len() <= 64
        && id.starts_with(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if !good {
        let message = format!("'{}' cannot be the id of a runbook", one_line(&id, 40));
        faults.add_hint("bad-id", node.at.clone(), message, "small letters, digits, - and _: redis-connections");
    }
    good.then_some(id)
}

fn targets(node: &Node, inventory: Option<&Inventory>, faults: &mut Faults<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for item in read::list(node) {
        let Some(name) = read::string(item, "targets", faults) else { continue };
        if let Some(inventory) = inventory.filter(|inventory| !inventory.targets.contains_key(&name)) {
            let hint = did_you_mean(&name, inventory.targets.keys().map(String::as_str));
            let message = format!("there is no target '{}' in {}", one_line(&name, 40), inventory.environment);
            faults.add_hint("unknown-target", item.at.clone(), message, hint);
        }
        names.push(name);
    }
    names
}

fn inputs(
    given: &Fields<'_>,
    inventory: Option<&Inventory>,
    into: &mut BTreeMap<String, Input>,
    faults: &mut Faults<'_>,
) {
    if given.entries().len() > MAX_INPUTS {
        faults.add("too-large", given.at.clone(), format!("a runbook may have {MAX_INPUTS} inputs"));
    }
    for (key, node) in given.entries() {
        let name = key.key().unwrap_or_default();
        let good = name.starts_with(|char: char| char.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !good {
            let message = format!("'{}' cannot be the name of an input", one_line(&name, 40));
            faults.add_hint("bad-name", key.at.clone(), message, "letters, digits and _, beginning with a letter");
        }
        let Some(fields) = Fields::of(node, format!("the input '{}'", one_line(&name, 40)), faults) else { continue };
        let fields = fields.placed(key.at.clone());
        fields.only(&["type", "default", "default_from", "choices", "about"], faults);
        let Some(kind) = input_kind(&fields, faults) else { continue };
        let default = fields.get("default").and_then(|node| default(node, &kind, faults));
        let default_from = fields.get("default_from").and_then(|node| default_from(node, inventory, faults));
        let about = fields.get("about").and_then(|node| read::string(node, "about", faults));
        into.insert(name, Input { kind, default, default_from, about });
    }
}

fn default(node: &Node, kind: &InputKind, faults: &mut Faults<'_>) -> Option<Json> {
    let json = match kind {
        InputKind::Text | InputKind::Duration | InputKind::Choice(_) => {
            Json::String(read::string(node, "default", faults)?)
        }
        InputKind::Number | InputKind::Bool => node.to_json(),
    };
    match fit(kind, &json) {
        Ok(value) => Some(value),
        Err(why) => {
            faults.add("bad-default", node.at.clone(), format!("the default {why}"));
            None
        }
    }
}

fn default_from(node: &Node, inventory: Option<&Inventory>, faults: &mut Faults<'_>) -> Option<String> {
    let name = read::string(node, "default_from", faults)?;
    if let Some(inventory) = inventory.filter(|inventory| !inventory.variables.contains_key(&name)) {
        let near = crate::base::text::nearest(&name, inventory.variables.keys().map(String::as_str));
        let hint = near.map_or_else(
            || "name it under `variables` in targets.yaml".to_owned(),
            |near| format!("did you mean '{near}'?"),
        );
        let message = format!("the variable '{}' is not granted to runbooks", one_line(&name, 40));
        faults.add_hint("unknown-variable", node.at.clone(), message, hint);
    }
    Some(name)
}

/// The value as its input's type; text is read where the type is another.
///
/// # Errors
/// The second half of a sentence: `must be a number, not 'x'`.
pub fn fit(kind: &InputKind, value: &Json) -> Result<Json, String> {
    let shown = match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let shown_short = one_line(&shown, 60);
    match (kind, value) {
        (InputKind::Text, Json::String(_) | Json::Number(_) | Json::Bool(_)) => {
            if shown.chars().count() > MAX_TEXT {
                return Err(format!("may be {MAX_TEXT} characters long"));
            }
            Ok(Json::String(shown))
        }
        (InputKind::Number, Json::Number(_)) | (InputKind::Bool, Json::Bool(_)) => Ok(value.clone()),
        (InputKind::Number, Json::String(text)) => {
            let whole = text.trim().parse::<i64>().ok().map(Json::from);
            let number = || text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Json::Number);
            whole.or_else(number).ok_or_else(|| format!("must be a number, not '{shown_short}'"))
        }
        (InputKind::Bool, Json::String(text)) => match text.trim() {
            "true" | "yes" => Ok(Json::Bool(true)),
            "false" | "no" => Ok(Json::Bool(false)),
            _ => Err(format!("must be true or false, not '{shown_short}'")),
        },
        (InputKind::Duration, Json::String(text)) => match Span::parse(text) {
            Ok(span) => Ok(Json::String(span.to_string())),
            Err(fault) => Err(format!("must be a duration: {}", fault.message)),
        },
        (InputKind::Choice(choices), Json::String(_) | Json::Number(_) | Json::Bool(_)) => {
            if choices.contains(&shown) {
                return Ok(Json::String(shown));
            }
            Err(format!("must be one of {}, not '{shown_short}'", choices.join(", ")))
        }
        (InputKind::Number, _) => Err(format!("must be a number, not {shown_short}")),
        (InputKind::Bool, _) => Err(format!("must be true or false, not {shown_short}")),
        (InputKind::Duration, _) => Err(format!("must be a duration such as 2h, not {shown_short}")),
        (InputKind::Text | InputKind::Choice(_), _) => Err(format!("must be text, not {shown_short}")),
    }
}
