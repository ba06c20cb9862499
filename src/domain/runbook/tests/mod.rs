//! Stories of the language: pages that people write, right and wrong.

mod broken;
mod hostile;
mod planning;
mod reference;

use super::check::{Checked, check};
use super::model::Runbook;
use crate::domain::action::inventory::Inventory;
use crate::domain::action::inventory::load::load;

pub const EXAMPLE: &str = include_str!("example.md");
pub const TARGETS: &str = include_str!("targets.yaml");

/// The environment of the tests; `REDIS_SERVICE` is not set yet.
pub fn inventory() -> Inventory {
    let variables = |name: &str| {
        let set = ["API_URL=https://api.example/", "BACKEND_SERVICE=s-backend", "SUITE_SCRIPT=e2e/suite.py"];
        set.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(ToOwned::to_owned))
    };
    load(TARGETS, "targets.yaml", &variables).unwrap().pick(Some("production")).unwrap().clone()
}

pub fn no_library(_: &str) -> Option<String> {
    None
}

pub fn checked(source: &str) -> Checked {
    check(source, "page", Some(&inventory()), &no_library)
}

/// A page that must be sound.
pub fn sound(source: &str) -> Runbook {
    let checked = checked(source);
    let shown = super::fault::render(&checked.faults, "page.md", source, false);
    checked.runbook.unwrap_or_else(|| panic!("{shown}"))
}

/// A page with one step whose block is `yaml`.
pub fn with_block(yaml: &str) -> String {
    format!("# Page\n\n## Phase\n\n### Step\n\n```yaml rundown\n{yaml}\n```\n")
}
