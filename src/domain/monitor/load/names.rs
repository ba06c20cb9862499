//! Names: what the conditions and texts of a check may speak of. A monitor stands outside any run, so there are no inputs and no steps.
//!
//! Lives here: checking every reference to targets, secrets and facts of the answer. Never lives here: reading keys.

use crate::base::expr::{Condition, Reference, Template};
use crate::base::text::one_line;
use crate::domain::action::Kind;
use crate::domain::action::check::Text;
use crate::domain::action::inventory::Inventory;
use crate::domain::action::resolve::TARGET_FIELDS;
use crate::domain::source::read::did_you_mean;
use crate::domain::source::{Faults, Node};

/// A condition sees what its answer offers, and nothing else.
pub(super) fn condition(condition: &Condition, node: &Node, kind: Kind, faults: &mut Faults<'_>) {
    let known = || kind.kept_facts().iter().chain(kind.passing_facts()).copied();
    for reference in condition.references() {
        let (name, offset, len) = match reference {
            Reference::Variable { path, offset, len } => (path.first().cloned().unwrap_or_default(), offset, len),
            Reference::Runs { offset, len, .. } => ("runs".to_owned(), offset, len),
        };
        if known().any(|fact| fact == name) {
            continue;
        }
        let name = one_line(&name, 40);
        let at = node.inside(faults.source(), offset, len);
        let message = format!("there is no '{name}' here; '{}' does not answer with it", kind.key());
        faults.add_hint("unknown-name", at, message, did_you_mean(&name, known()));
    }
}

/// The target that a text reads from: `backend` of `{{target.backend.url}}/health`.
pub(super) fn target(text: &Text, source: &str) -> Option<String> {
    let template = Template::parse(text.node.scalar(source)?).ok()?;
    let of_target = |path: &[String]| path.first().is_some_and(|first| first == "target");
    template.references().iter().find(|reference| of_target(&reference.path))?.path.get(1).cloned()
}

/// A text may name targets, and secrets where nothing shows them.
pub(super) fn text(text: &Text, inventory: Option<&Inventory>, faults: &mut Faults<'_>) {
    let source = faults.source();
    let Some(template) = text.template(faults) else { return };
    for reference in template.references() {
        let at = text.node.inside(source, reference.offset, reference.len);
        let part = |index: usize| reference.path.get(index).map(String::as_str);
        match (part(0), part(1)) {
            (Some("target"), Some(name)) => {
                if let Some(inventory) = inventory.filter(|inventory| !inventory.targets.contains_key(name)) {
                    let hint = did_you_mean(name, inventory.targets.keys().map(String::as_str));
                    let message = format!("there is no target '{}' in {}", one_line(name, 40), inventory.environment);
                    faults.add_hint("unknown-target", at, message, hint);
                } else if let Some(field) = part(2).filter(|field| !TARGET_FIELDS.contains(field)) {
                    let message = format!("a target has no '{}' to read", one_line(field, 40));
                    faults.add_hint("unknown-name", at, message, did_you_mean(field, TARGET_FIELDS.iter().copied()));
                }
            }
            (Some("secret"), _) if !text.secrets => {
                let message = format!("a secret may not stand in {}: it would be shown or stored", text.place);
                let hint = "secrets may stand in http headers, json and body";
                faults.add_hint("secret", at, message, hint);
            }
            (Some("secret"), Some(name)) => {
                if let Some(inventory) = inventory.filter(|inventory| !inventory.secrets.contains_key(name)) {
                    let hint = did_you_mean(name, inventory.secrets.keys().map(String::as_str));
                    faults.add_hint("unknown-secret", at, format!("there is no secret '{}'", one_line(name, 40)), hint);
                }
            }
            (first, _) => {
                let message = format!("there is no '{}' here", one_line(first.unwrap_or_default(), 40));
                let hint = "a monitor belongs to no run: it can name target.NAME.url and secrets in headers";
                faults.add_hint("unknown-name", at, message, hint);
            }
        }
    }
}
