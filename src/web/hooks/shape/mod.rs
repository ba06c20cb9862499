//! Bodies of sources, read into alerts.
//!
//! Lives here: JSON first, then the shape; how bad a word is; how many alerts a body may have. One file a source. Pure.

mod alertmanager;
mod generic;
mod railway;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Source;
use crate::base::event::{Instant, Severity};
use crate::base::text::one_line;
use crate::domain::alert::{Alert, Standing};

/// Alerts of one body that are taken.
pub const ALERTS: usize = 500;
/// What is told of a fault, in characters.
const FAULT: usize = 200;

/// Why a body is no body of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is cut off, or no JSON.
    NoJson(String),
    /// It is JSON of another shape.
    OtherShape(String),
}

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Its alerts.
    pub alerts: Vec<Alert>,
    /// How many more there were, those included that the sender left out itself.
    pub left_out: usize,
}

/// Words for how bad something is.
pub type Words = BTreeMap<String, Severity>;

/// Reads a body.
///
/// # Errors
/// It is none of that source.
pub fn read(source: Source, body: &[u8], words: &Words) -> Result<Read, Unfit> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| Unfit::NoJson(format!("this is no JSON: {}", one_line(&error.to_string(), FAULT))))?;
    let mut before = 0;
    let mut alerts = match source {
        Source::Alertmanager | Source::Grafana => {
            let told: alertmanager::Notification = typed(json)?;
            before = told.truncated;
            alertmanager::read(source, told, words)?
        }
        Source::Railway => railway::read(&typed(json)?, words),
        Source::Generic => vec![generic::read(typed(json)?, words)?],
    };
    let left_out = alerts.len().saturating_sub(ALERTS).saturating_add(before);
    alerts.truncate(ALERTS);
    Ok(Read { alerts, left_out })
}

fn typed<T: DeserializeOwned>(json: Value) -> Result<T, Unfit> {
    serde_json::from_value(json).map_err(|error| unfit(&error.to_string()))
}

fn unfit(why: &str) -> Unfit {
    Unfit::OtherShape(format!("this is not what is expected here: {}", one_line(why, FAULT)))
}

/// How bad a word is: as the settings say, else as it is usually meant; nothing for a word that nobody knows.
fn severity(word: &str, words: &Words) -> Option<Severity> {
    let word = word.trim().to_lowercase();
    words.get(&word).copied().or_else(|| usual(&word))
}

/// What words usually mean (docs/alerts.md has the same table).
fn usual(word: &str) -> Option<Severity> {
    Some(match word {
        "p0" | "emergency" | "fatal" | "disaster" => Severity::P0,
        "p1" | "critical" | "page" | "high" => Severity::P1,
        "p2" | "error" | "major" | "warning" | "medium" => Severity::P2,
        "p3" | "info" | "notice" | "minor" | "low" | "none" => Severity::P3,
        _ => return None,
    })
}

/// The id of a runbook that a text names: itself, or the last part of an address without its ending.
fn runbook_in(text: &str) -> Option<String> {
    let text = text.trim().split(['?', '#']).next().unwrap_or_default();
    let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let id = last.strip_suffix(".md").unwrap_or(last);
    (!id.is_empty()).then(|| id.to_owned())
}

/// A time, unless it stands for none: some write the year 1 then.
fn since(at: Option<Instant>) -> Option<Instant> {
    at.filter(|at| at.timestamp() > 0)
}
