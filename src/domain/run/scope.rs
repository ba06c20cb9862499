//! What the conditions and templates of a step see.
//!
//! Lives here: names and where their values come from: `inputs`, `target`, `secret` (references only), `steps`,
//! `incident`, `run`, `each`, `runs('id')`. Never lives here: evaluating anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::event::Opened;
use super::state::State;
use crate::base::event::{Instant, RunId};
use crate::base::expr::Scope;
use crate::domain::action::resolve::base_scope;
use crate::domain::runbook::model::Plan;

/// What does not change while a run goes on: made once, shared by every scope of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Groundwork {
    /// Positions of the steps that any condition or template of the plan speaks of. A plan may hold thousands of steps;
    /// a scope holds only these.
    visible: Vec<usize>,
    /// By frame: everything but `steps` and `each`.
    frames: Vec<Scope>,
}

impl Groundwork {
    /// For a run of `plan` that `opened` at that moment.
    #[must_use]
    pub fn of(id: &RunId, plan: &Plan, opened: &Opened, opened_at: Instant) -> Self {
        let whole_seconds = |at: Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let incident = Arc::new(json!({
            "id": opened.incident,
            "started": whole_seconds(opened.incident_started),
        }));
        let run = Arc::new(json!({
            "id": id,
            "started": whole_seconds(opened_at),
            "environment": opened.environment,
            "by": opened.by,
        }));
        let frame =
            |inputs| base_scope(inputs, &plan.inventory).with("incident", incident.clone()).with("run", run.clone());
        Self { visible: visible(plan), frames: plan.frames.iter().map(|of| frame(&of.inputs)).collect() }
    }
}

/// Reads the names behind `steps.` and inside `runs('…')` out of every expression of the plan. Naming too many is
/// harmless, so a name in prose counts as well.
fn visible(plan: &Plan) -> Vec<usize> {
    let texts = [serde_json::to_string(&plan.steps), serde_json::to_string(&plan.criteria)];
    let mut named = BTreeSet::new();
    let mut all = false;
    for text in texts.iter().flatten() {
        all |= text.contains("steps[");
        for marker in ["steps.", "runs('", "runs(\\\""] {
            for (at, _) in text.match_indices(marker) {
                let behind = &text[at + marker.len()..];
                let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
                named.insert(&behind[..end]);
            }
        }
    }
    let own = |id: &str| id.rsplit('/').next().is_some_and(|own| named.contains(own));
    (0..plan.steps.len()).filter(|position| all || own(&plan.steps[*position].id)).collect()
}

/// The scope of the step at `position`; `steps` holds all steps of its frame.
#[must_use]
pub fn of_step(state: &State, position: usize) -> Scope {
    let step = state.step(position);
    let mut scope = of_frame(state, step.frame);
    if let Some(item) = &step.each {
        scope.set("each", item.clone());
    }
    scope
}

/// The scope of a frame: what criteria see (frame 0).
#[must_use]
pub fn of_frame(state: &State, frame: usize) -> Scope {
    let prefix = state.plan.frames.get(frame).map_or("", |frame| frame.prefix.as_str());
    let mut scope = state.groundwork.frames.get(frame).cloned().unwrap_or_default();
    let mut steps = Map::new();
    for position in state.groundwork.visible.iter().copied() {
        let step = state.step(position);
        if let Some(id) = step.id.strip_prefix(prefix).filter(|id| !id.contains('/')) {
            if state.steps[position].visits > 0 {
                scope.set_runs(id, u64::from(state.steps[position].visits));
            }
            steps.insert(id.to_owned(), state.view(position));
        }
    }
    scope.set("steps", Value::Object(steps));
    scope
}
