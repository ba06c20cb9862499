//! What a step leaves behind, readable as `steps.ID.NAME`.
//!
//! Lives here: the names, by kind. Never lives here: the values.

use super::model::{Does, Step};

/// What every step says of itself.
pub const COMMON: &[&str] = &["ok", "outcome", "skipped", "attempts", "took_ms", "visits"];
/// `verdict`: `stable`, `breached` or `inconclusive`. `coverage`: percentage of samples that came in. `samples`: how many
/// came in. `breaches`, `warnings`: how many limits of that level were broken. `log_matches`: forbidden texts found.
/// `series`: by name `{last, min, max, count}`.
pub const WATCH: &[&str] = &["verdict", "coverage", "samples", "breaches", "warnings", "log_matches", "series"];
/// What was answered.
pub const ASK: &[&str] = &["answer"];
/// The id of the case that was taken.
pub const DECIDE: &[&str] = &["answer"];
/// What conditions may read of `incident`.
pub const INCIDENT: &[&str] = &["id", "started"];
/// What conditions may read of `run`.
pub const RUN: &[&str] = &["id", "started", "environment", "by"];

/// The names under `steps.ID` of a step.
#[must_use]
pub fn of(step: &Step) -> Vec<&str> {
    let does = match &step.does {
        Does::Each(each) => &*each.does,
        does => does,
    };
    let own: Vec<&str> = match does {
        Does::Act(spec) => spec.kind.kept_facts().to_vec(),
        Does::Watch(_) => WATCH.to_vec(),
        Does::Ask(_) => ASK.to_vec(),
        Does::Decide(_) => DECIDE.to_vec(),
        Does::Set(values) => values.keys().map(String::as_str).collect(),
        Does::Wait(_) | Does::Notify(_) | Does::Runbook(_) | Does::Each(_) | Does::Manual => Vec::new(),
    };
    COMMON.iter().copied().chain(own).chain(step.save.keys().map(String::as_str)).collect()
}

/// What a step is called in a sentence.
#[must_use]
pub fn kind_name(does: &Does) -> &'static str {
    match does {
        Does::Act(spec) => spec.kind.key(),
        Does::Watch(_) => "watch",
        Does::Wait(_) => "wait",
        Does::Ask(_) => "ask",
        Does::Decide(_) => "decide",
        Does::Set(_) => "set",
        Does::Notify(_) => "notify",
        Does::Runbook(_) => "runbook",
        Does::Each(_) => "each",
        Does::Manual => "a manual step",
    }
}
