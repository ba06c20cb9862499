//! Accessibility: axe-core looks at a page as it is now.

use std::sync::OnceLock;

use serde_json::Value;

use super::page::{Page, text};
use super::provided;

/// A rule that a page breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// axe's name of the rule: `image-alt`.
    pub rule: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub impact: String,
    /// What is wrong, and where: for people.
    pub says: String,
}

impl Page {
    /// Every rule that the page breaks.
    #[track_caller]
    pub fn examined(&self) -> Vec<Violation> {
        static SOURCE: OnceLock<String> = OnceLock::new();
        let axe = SOURCE.get_or_init(|| {
            std::fs::read_to_string(provided("axe/node_modules/axe-core/axe.min.js")).expect("axe-core")
        });
        // It looks from beside the page's scripts, like every question: the page's policy stays as it is.
        if self.ask("typeof axe") == "undefined" {
            self.ask(&format!("{axe}; true"));
        }
        let found = self.ask("axe.run(document, { resultTypes: ['violations'] }).then(result => result.violations)");
        let found = found.as_array().expect("axe-core answers with a list");
        found.iter().map(violation).collect()
    }

    /// The rules among them that matter to somebody: what is `serious` or `critical`.
    #[track_caller]
    pub fn serious(&self) -> Vec<Violation> {
        let serious = |one: &Violation| matches!(one.impact.as_str(), "serious" | "critical");
        self.examined().into_iter().filter(serious).collect()
    }

    /// Expects that there is none.
    #[track_caller]
    pub fn is_accessible(&self) {
        let found = self.serious();
        if !found.is_empty() {
            self.fails(&format!("{} is not accessible: {found:#?}", self.url()));
        }
    }
}

fn violation(found: &Value) -> Violation {
    let nodes = found["nodes"].as_array().into_iter().flatten();
    let places = nodes.map(|node| format!("{}: {}", node["target"], text(&node["failureSummary"])));
    let says = format!("{}: {}", text(&found["help"]), places.take(5).collect::<Vec<_>>().join("; "));
    Violation { rule: text(&found["id"]), impact: text(&found["impact"]), says }
}
