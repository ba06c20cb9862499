//! The contracts that a page and its sub-runbooks name.
//!
//! Lives here: finding the names before the page is checked, so that the check finds the documents read. Never lives here:
//! what a contract says, and reading files: the caller brings the text.

use std::collections::BTreeSet;

use super::check::{Library, MAX_SUB_DEPTH};
use super::page;
use crate::domain::action::contract::NONE;
use crate::domain::action::inventory::{Inventory, ReadContract};
use crate::domain::source::Faults;
use crate::domain::source::yaml::{self, Node, Placed, Value};

/// Most documents of one page with its sub-runbooks.
const MAX_CONTRACTS: usize = 32;

/// Brings every contract that a page or one of its sub-runbooks names into the inventory, or the reason why it cannot be read.
/// Whatever else is wrong with the page, its check will say.
pub fn gather(inventory: &mut Inventory, source: &str, library: Library<'_>, read: ReadContract<'_>) {
    let (mut names, mut seen) = (BTreeSet::new(), BTreeSet::new());
    look(source, library, 0, &mut names, &mut seen);
    for name in names.into_iter().filter(|name| name != NONE).take(MAX_CONTRACTS) {
        inventory.read_contract(&name, read);
    }
}

fn look(source: &str, library: Library<'_>, depth: usize, names: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
    // Where neither word occurs there is nothing to look for; most pages.
    if depth > MAX_SUB_DEPTH
        || super::text(source.as_bytes()).is_err()
        || !(source.contains("contract") || source.contains("runbook:"))
    {
        return;
    }
    let mut faults = Faults::new(source);
    let page = page::read(source, "page", &mut faults);
    let names_any = |block: &&Placed| block.text.contains("contract") || block.text.contains("runbook:");
    for block in page.steps.iter().filter_map(|step| step.block.as_ref()).filter(names_any) {
        let Some(node) = yaml::parse(block, &mut faults) else { continue };
        let mut subs = Vec::new();
        collect(&node, names, &mut subs);
        for sub in subs {
            if seen.insert(sub.clone())
                && let Some(source) = library(&sub)
            {
                look(&source, library, depth + 1, names, seen);
            }
        }
    }
}

fn collect(node: &Node, names: &mut BTreeSet<String>, subs: &mut Vec<String>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| collect(item, names, subs)),
        Value::Map(entries) => {
            for (key, value) in entries {
                match (key.text(), &value.value) {
                    (Some("contract"), Value::Text(name)) => drop(names.insert(name.clone())),
                    (Some("runbook"), Value::Map(fields)) => subs.extend(
                        fields
                            .iter()
                            .filter(|(key, _)| key.text() == Some("id"))
                            .filter_map(|(_, id)| id.text().map(ToOwned::to_owned)),
                    ),
                    _ => collect(value, names, subs),
                }
            }
        }
        _ => {}
    }
}
