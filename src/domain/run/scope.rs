//! What the conditions and templates of a step see.
//!
//! Lives here: names and where their values come from: `inputs`, `target`, `secret` (references only), `steps`,
//! `incident`, `run`, `each`, `runs('id')`. Never lives here: evaluating anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::state::State;
use crate::base::expr::Scope;
use crate::domain::action::resolve::base_scope;
use crate::domain::runbook::model::Plan;

/// Positions of the steps that any condition or template of a plan speaks of. A plan may hold thousands of steps; a
/// scope holds only these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visible(Vec<usize>);

impl Visible {
    /// Reads the names behind `steps.` and inside `runs('…')` out of every expression of the plan. Naming too many is
    /// harmless, so a name in prose counts as well.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
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
        Self((0..plan.steps.len()).filter(|position| all || own(&plan.steps[*position].id)).collect())
    }
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
    let empty = Map::new();
    let (inputs, prefix) =
        state.plan.frames.get(frame).map_or((&empty, ""), |frame| (&frame.inputs, frame.prefix.as_str()));
    let mut scope = base_scope(inputs, &state.plan.inventory);
    let mut steps = Map::new();
    for position in state.visible.0.iter().copied() {
        let step = state.step(position);
        if let Some(id) = step.id.strip_prefix(prefix).filter(|id| !id.contains('/')) {
            if state.steps[position].visits > 0 {
                scope.set_runs(id, u64::from(state.steps[position].visits));
            }
            steps.insert(id.to_owned(), state.view(position));
        }
    }
    scope.set("steps", Arc::new(Value::Object(steps)));
    scope.set(
        "incident",
        json!({
            "id": state.opened.incident,
            "started": state.opened.incident_started.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        }),
    );
    scope.set(
        "run",
        json!({
            "id": state.id,
            "started": state.opened_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "environment": state.opened.environment,
            "by": state.opened.by,
        }),
    );
    scope
}
