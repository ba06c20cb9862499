//! A request as it is written, held against the contract of its API before anything runs.
//!
//! Lives here: the name of a contract, and faults in the right place: the contract that cannot be read, a path or a literal
//! body that does not fit. What holds a template is known only when it runs, and is not judged here.

use std::path::{Component, Path};

use super::super::contract::operation::Body;
use super::super::contract::{Asked, Finding, NONE};
use super::super::http::Spec;
use super::Inventory;
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields};
use crate::domain::source::{Faults, Node, Value};

/// The name of a contract: a file beside `targets.yaml`, or below it.
pub fn contract_name(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let name = read::string(node, "contract", faults)?;
    let plain = !name.is_empty() && Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
    if plain && !name.contains("{{") {
        return Some(name);
    }
    let message = format!("'{}' is not the name of a contract", one_line(&name, 60));
    faults.add_hint("bad-contract", node.at.clone(), message, "name a file beside targets.yaml, such as openapi.json");
    None
}

/// Adds what is wrong with a request as far as that can be said before it runs.
pub(super) fn check(spec: &Spec, fields: &Fields<'_>, inventory: &Inventory, faults: &mut Faults<'_>) {
    let Some((method, url)) = spec.request_line() else { return };
    let Some(line) = fields.get(&method.as_str().to_ascii_lowercase()) else { return };
    let target = url.strip_prefix("{{target.").and_then(|rest| rest.split_once(".url}}")).map(|(name, _)| name.trim());
    let target = target.and_then(|name| inventory.targets.get(name));
    let named = spec.contract.as_ref().or_else(|| target.and_then(|target| target.contract.as_ref()));
    let Some(name) = named.filter(|name| *name != NONE) else { return };
    if let (Some(why), Some(node)) = (inventory.unread_contracts.get(name), fields.get("contract")) {
        let message = format!("the contract '{}' cannot be used: {why}", one_line(name, 60));
        let hint = "it is looked for beside targets.yaml; an OpenAPI 3.0 or 3.1 document, JSON or YAML";
        return faults.add_hint("bad-contract", node.at.clone(), message, hint);
    }
    let Some(contract) = inventory.contracts.get(name) else { return };
    if url.starts_with("{{") && target.is_none() {
        return;
    }
    let asked = Asked::of_template(url, target.and_then(|target| target.url.as_deref()));
    let operation = match contract.operation(method, &asked) {
        Ok(Some(operation)) => operation,
        Ok(None) => return,
        Err(why) => return faults.add("no-operation", line.at.clone(), why),
    };
    let json = fields.get("json");
    let body = match (&spec.json, &spec.body) {
        (Some(json), _) => Body::Json(json),
        (None, Some(_)) => Body::Opaque,
        (None, None) => Body::None,
    };
    match operation.request(&asked, body) {
        Ok(findings) => {
            for Finding { pointer, text } in findings {
                let at = match (json, &pointer) {
                    (Some(json), Some(pointer)) => place(json, pointer),
                    _ => Some(line),
                };
                // A value with a template is whatever it becomes; that a field is missing is certain.
                let Some(at) = at else { continue };
                if pointer.is_some() && holds_template(at) && !(is_map(at) && text.contains(" lacks ")) {
                    continue;
                }
                faults.add("against-contract", at.at.clone(), text);
            }
        }
        Err(why) => faults.add("bad-contract", fields.get("contract").unwrap_or(line).at.clone(), why),
    }
}

fn is_map(node: &Node) -> bool {
    matches!(node.value, Value::Map(_))
}

/// The value that a JSON pointer leads to.
fn place<'a>(json: &'a Node, pointer: &str) -> Option<&'a Node> {
    pointer.split('/').skip(1).try_fold(json, |node, part| {
        let part = part.replace("~1", "/").replace("~0", "~");
        match &node.value {
            Value::Map(entries) => {
                entries.iter().find(|(key, _)| key.key().as_deref() == Some(&part)).map(|(_, value)| value)
            }
            Value::List(items) => items.get(part.parse::<usize>().ok()?),
            _ => None,
        }
    })
}

fn holds_template(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => text.contains("{{"),
        Value::List(items) => items.iter().any(holds_template),
        Value::Map(entries) => entries.iter().any(|(_, value)| holds_template(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
