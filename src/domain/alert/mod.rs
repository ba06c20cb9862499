//! Alerts of other systems: what fires, what of it belongs together, which incident it leads to, when it is over.
//!
//! Lives here: what an alert is ([`Alert`], with its limits), the facts ([`event`]), what a group of alerts folds to ([`state`]), what
//! follows when one fires or is resolved ([`decide`]). Pure. Never lives here: the shapes in which systems send them, signatures (`web`),
//! who is called for an incident (`domain/page`).
//!
//! A *group* is what a source says belongs together; it has one journal stream and leads to one incident at a time. The group, not the
//! single alert, is what is written to at once: two alerts of it that arrive together can then not declare two incidents.

pub mod decide;
pub mod event;
pub mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::base::event::{Instant, Severity};
use crate::base::text::one_line;

/// The longest title, in characters.
pub const TITLE: usize = 200;
/// Details that are kept of an alert, and the longest name and value of one, in characters.
pub const DETAILS: usize = 24;
const DETAIL_NAME: usize = 60;
const DETAIL: usize = 300;
/// The longest fingerprint and name of a group, in characters; a longer one is known by its hash.
const KEY: usize = 300;
/// The longest name of a source, in characters.
const SOURCE: usize = 40;
/// The longest address, in characters.
const LINK: usize = 2_000;
/// The longest id of a runbook, in characters.
const RUNBOOK: usize = 100;

/// What a system says about something that is wrong, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Which system: `alertmanager`, `monitor`. The first half of its group's stream.
    pub source: String,
    /// What tells it from other alerts of the source. The same one that fires again is the same alert.
    pub fingerprint: String,
    /// What belongs together, in the source's own words: alerts of one group lead to one incident.
    pub group: String,
    /// What is wrong, in one line.
    pub title: String,
    /// How bad it is, where the source says.
    pub severity: Option<Severity>,
    /// Whether it is so still.
    pub state: Standing,
    /// Since when, where the source says.
    pub since: Option<Instant>,
    /// Labels, annotations: what else there is to know, by name.
    pub details: BTreeMap<String, String>,
    /// An `http` or `https` address that shows it.
    pub link: Option<String>,
    /// The id of a runbook that its author thought of.
    pub runbook: Option<String>,
}

/// Whether what an alert is about is so still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is.
    Firing,
    /// It is over, says the source.
    Resolved,
}

impl Alert {
    /// The same within the limits: texts on one line and cut, no more details than [`DETAILS`], no address that is none.
    #[must_use]
    pub fn bounded(self) -> Self {
        let cut = |text: &str, limit| one_line(text, limit);
        let titles = [cut(&self.title, TITLE), cut(&self.fingerprint, TITLE)];
        let title = titles.into_iter().find(|title| !title.is_empty());
        let fingerprint = key(&self.fingerprint);
        let details = self.details.iter().take(DETAILS);
        Self {
            source: cut(&self.source, SOURCE),
            group: if self.group.trim().is_empty() { fingerprint.clone() } else { key(&self.group) },
            title: title.unwrap_or_else(|| "an alert without a title".to_owned()),
            fingerprint,
            severity: self.severity,
            state: self.state,
            since: self.since,
            details: details.map(|(name, value)| (cut(name, DETAIL_NAME), cut(value, DETAIL))).collect(),
            link: self.link.filter(|link| is_address(link)),
            runbook: self.runbook.map(|id| cut(&id, RUNBOOK)).filter(|id| !id.is_empty()),
        }
    }
}

/// A text by which things are told apart: as it is where it can be shown, else by its hash. Two that differ stay different.
fn key(text: &str) -> String {
    let shown = one_line(text, KEY);
    if shown == text { shown } else { format!("sha256:{}", hex::encode(Sha256::digest(text))) }
}

fn is_address(link: &str) -> bool {
    let lower = link.to_ascii_lowercase();
    let host = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    link.chars().count() <= LINK
        && host.is_some_and(|host| !host.is_empty())
        && !link.contains(|char: char| char.is_whitespace() || char.is_control())
}

/// A source as people know it.
#[must_use]
pub fn named(source: &str) -> String {
    match source {
        "alertmanager" => "Alertmanager".to_owned(),
        "grafana" => "Grafana".to_owned(),
        "railway" => "Railway".to_owned(),
        "generic" => "another system".to_owned(),
        "monitor" => "a monitor".to_owned(),
        other => other.to_owned(),
    }
}
