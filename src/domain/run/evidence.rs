//! What a run has seen of the world around a change: before it, and after it.
//!
//! Lives here: which results of a run have to do with a step that changes something. Pure: read off the state alone, so that
//! every door shows the same, also after a restart. Never lives here: wording (`view::evidence`).
//!
//! A result has to do with a change where it looked at the same target, or where the change's `when` rests on it, directly or
//! by way of computed values: a check of the backend may be what says that Redis is to be restarted.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::state::{State, StepResult, StepState};
use crate::base::event::Instant;
use crate::base::expr::{Condition, Reference};
use crate::domain::action::Action;
use crate::domain::runbook::model::Does;

/// Results that are told of what came before, the newest.
const BEFORE: usize = 3;

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The heading of the step that looked, and whether it found what it expected; `None`: how the target's state read just
    /// before the change.
    pub step: Option<(String, bool)>,
    /// What was seen, in one line.
    pub said: String,
    /// When.
    pub at: Instant,
}

/// What was seen after a change, as far as anybody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// How the change itself ended: what was confirmed.
    pub change: Seen,
    /// The first check after it that has to do with it.
    pub check: Option<Seen>,
}

/// What was last seen before the step at `position` became ready, oldest first, and the state of its target where that was
/// read. Empty where nothing of this run looked.
#[must_use]
pub fn before(state: &State, position: usize) -> Vec<Seen> {
    let mut seen: Vec<Seen> = related(state, position).into_iter().map(|(_, seen)| seen).collect();
    seen.sort_by_key(|seen| seen.at);
    seen.drain(..seen.len().saturating_sub(BEFORE));
    let baseline = state.steps[position].prepared.as_ref();
    seen.extend(baseline.map(|(at, said)| Seen { step: None, said: said.to_string(), at: *at }));
    seen
}

/// What was seen after the step at `position` ended; `None` where it has not.
#[must_use]
pub fn after(state: &State, position: usize) -> Option<After> {
    let change = result(state, position)?;
    let step = &state.steps[position];
    let target = step.action.as_ref().and_then(|action| action.target());
    // The same question asked again is worth more than any other about the same target.
    let asked: Vec<&Action> = related(state, position).iter().filter_map(|(at, _)| looks(&state.steps[*at])).collect();
    let mut checks: Vec<(bool, Seen)> = (0..state.steps.len())
        .filter(|at| *at != position)
        .filter_map(|at| {
            let action = looks(&state.steps[at])?;
            let again = asked.contains(&action);
            let same = target.is_some() && action.target() == target;
            // Zero milliseconds later is later: steps run one after the other.
            let began = state.steps[at].started_at.filter(|began| *began >= change.at && (again || same))?;
            result(state, at).filter(|seen| seen.at >= began).map(|seen| (again, seen))
        })
        .collect();
    checks.sort_by_key(|(again, seen)| (!again, seen.at));
    Some(After { change, check: checks.into_iter().next().map(|(_, seen)| seen) })
}

/// Ended steps that have to do with the step at `position` and ended before it became ready.
fn related(state: &State, position: usize) -> Vec<(usize, Seen)> {
    let step = &state.steps[position];
    let target = step.action.as_ref().and_then(|action| action.target());
    let grounds = grounds(state, position);
    (0..state.steps.len())
        .filter(|at| *at != position)
        .filter(|at| {
            let same = looks(&state.steps[*at]).is_some_and(|action| target.is_some() && action.target() == target);
            same || (grounds.contains(at) && looks(&state.steps[*at]).is_some())
        })
        .filter_map(|at| result(state, at).map(|seen| (at, seen)))
        .filter(|(_, seen)| step.started_at.is_none_or(|ready| seen.at <= ready))
        .collect()
}

/// The steps that the `when` of a step rests on, by way of computed values as well.
fn grounds(state: &State, position: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![position];
    while let Some(at) = open.pop() {
        let step = state.step(at);
        let computed = match &step.does {
            Does::Set(values) => values.values().collect(),
            _ => Vec::new(),
        };
        let prefix = state.plan.frames.get(step.frame).map_or("", |frame| frame.prefix.as_str());
        for name in step.when.iter().chain(computed).flat_map(steps_of) {
            let known = state.plan.position(&format!("{prefix}{name}"));
            if let Some(other) = known.filter(|other| *other != position && found.insert(*other)) {
                // A step that looked stands for itself: what made it look is further away.
                if looks(&state.steps[other]).is_none() {
                    open.push(other);
                }
            }
        }
    }
    found
}

/// The steps a condition speaks of, by the names its page gives them.
fn steps_of(condition: &Condition) -> Vec<String> {
    let named = |reference| match reference {
        Reference::Variable { path, .. } => match path.as_slice() {
            [steps, step, ..] if steps == "steps" => Some(step.clone()),
            _ => None,
        },
        Reference::Runs { .. } => None,
    };
    condition.references().into_iter().filter_map(named).collect()
}

/// What a step did or read, where it has an executor.
fn looks(step: &StepState) -> Option<&Action> {
    step.action.as_deref().or_else(|| step.watch.as_ref().map(|watch| &watch.sample))
}

fn result(state: &State, position: usize) -> Option<Seen> {
    let step = &state.steps[position];
    let StepResult { ok, summary, took_ms, .. } = &**step.result.as_ref()?;
    let took = TimeDelta::try_milliseconds(i64::try_from(*took_ms).ok()?)?;
    let at = step.started_at?.checked_add_signed(took)?;
    Some(Seen { step: Some((state.step(position).title.clone(), *ok)), said: summary.clone(), at })
}
