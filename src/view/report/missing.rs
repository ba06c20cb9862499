//! What is not there: never recorded, or recorded and erased since. The two are never mixed up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED};
use crate::base::event::Recorded;
use crate::domain::timeline::Fact;

/// Where bodies were erased, by the kind of the event.
pub(super) type Erased = BTreeMap<String, Cites>;

pub(super) fn erased(facts: &[Recorded<Fact>]) -> Erased {
    let mut erased = Erased::new();
    for recorded in facts {
        if let Fact::Erased { kind, .. } = &recorded.event {
            erased.entry(kind.clone()).or_default().add(recorded.pos);
        }
    }
    erased
}

impl Context<'_> {
    /// What stands where a statement that rests on these kinds of events is missing.
    pub(super) fn missing(&self, kinds: &[&str]) -> String {
        let mut cites = Cites::default();
        kinds.iter().filter_map(|kind| self.erased.get(*kind)).for_each(|found| cites.extend(found));
        match cites.text() {
            none if none.is_empty() => NOT_RECORDED.to_owned(),
            cites => format!("erased {cites}"),
        }
    }

    /// The same where an erased event of these kinds may have said something else.
    pub(super) fn perhaps_missing(&self, kinds: &[&str]) -> String {
        match self.missing(kinds) {
            missing if missing == NOT_RECORDED => missing,
            erased => format!("{NOT_RECORDED}, or {erased}"),
        }
    }
}

/// What stands in a section that would be empty.
#[derive(Serialize)]
pub(super) struct Missing {
    written: String,
    impact: String,
    hypotheses: String,
    hypotheses_open: String,
    evidence: String,
    cause: String,
    factors: String,
    lessons: String,
    recommendations: String,
    actions: String,
    links: String,
    roles: String,
    runs: String,
    steps: String,
    criteria: String,
    suites: String,
    readings: String,
    watches: String,
    doubts: String,
    decisions: String,
    overrides: String,
    open: String,
}

pub(super) fn missing(context: &Context<'_>) -> Missing {
    let of = |kinds: &[&str]| context.missing(kinds);
    // A section that would say "there was none" must not say so about what was erased.
    let none = |none: &str, kinds: &[&str]| match of(kinds) {
        missing if missing == NOT_RECORDED => none.to_owned(),
        erased => erased,
    };
    Missing {
        written: context.perhaps_missing(&["incident.summarised"]),
        impact: context.perhaps_missing(&["impact.stated", "incident.summarised"]),
        hypotheses: of(&["hypothesis.stated"]),
        hypotheses_open: none("none", &["hypothesis.stated", "hypothesis.settled"]),
        evidence: of(&["evidence.found"]),
        cause: context.perhaps_missing(&["cause.named", "incident.summarised"]),
        factors: of(&["cause.named"]),
        lessons: context.perhaps_missing(&["lesson.learned", "incident.summarised"]),
        recommendations: of(&["recommendation.stated"]),
        actions: of(&["action.stated"]),
        links: of(&["incident.linked"]),
        roles: of(&["incident.role_assigned", "incident.handed_over"]),
        runs: of(&["run.opened"]),
        steps: of(&["step.started", "step.finished", "step.skipped"]),
        criteria: of(&["criteria.judged"]),
        suites: of(&["step.finished"]),
        readings: of(&["step.finished", "watch.tallied"]),
        watches: of(&["watch.started"]),
        doubts: none("No attempt whose outcome was unknown is recorded.", &["attempt.doubted"]),
        decisions: of(&["approval.asked", "approval.given", "question.asked", "question.answered"]),
        overrides: none(
            "No guard that somebody went past is recorded.",
            &[
                "approval.broken_glass",
                "step.unblocked",
                "target.taken_over",
                "target.budget_overridden",
                "target.freeze_overridden",
            ],
        ),
        open: none(
            "Nothing that the journal knows of.",
            &["run.opened", "criteria.judged", "attempt.doubted", "doubt.settled"],
        ),
    }
}
