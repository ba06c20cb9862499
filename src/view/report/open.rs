//! What stayed open, and what the runbook offers to do afterwards.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::cite::{Cites, md};
use super::{Context, asked, criteria, resolution};
use crate::domain::run::event::Event;
use crate::domain::timeline::Fact;

/// Something nobody settled.
#[derive(Serialize)]
pub(super) struct Open {
    text: String,
    cites: String,
}

/// A step of a phase that the run did not cover.
#[derive(Serialize)]
pub(super) struct FollowUp {
    text: String,
    cites: String,
}

/// By the same rule as the resolve gate: of two runs of one runbook, the later one's criteria count.
pub(super) fn open(runs: &[resolution::Run], judgements: &[criteria::Judgement], doubts: &[asked::Doubt]) -> Vec<Open> {
    let mut open = Vec::new();
    for run in runs.iter().filter(|run| !run.over && !run.follow_up) {
        open.push(Open { text: format!("{} ({}) is not over", run.id, run.title), cites: run.cites.clone() });
    }
    for doubt in doubts.iter().filter(|doubt| !doubt.settled) {
        let text = format!("{} ({}): nobody knows whether it was done", doubt.step, doubt.run);
        open.push(Open { text, cites: doubt.cites.clone() });
    }
    let places: BTreeMap<&str, usize> = runs.iter().enumerate().map(|(at, run)| (run.id.as_str(), at)).collect();
    let place = |judgement: &criteria::Judgement| places.get(judgement.run.as_str()).copied();
    let mut latest: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for judgement in judgements.iter().filter(|judgement| !judgement.rows.is_empty()) {
        let last = latest.entry(judgement.title.as_str()).or_default();
        *last = (*last).max(place(judgement));
    }
    for judgement in judgements {
        let replaced = latest.get(judgement.title.as_str()).is_some_and(|last| *last > place(judgement));
        for row in judgement.rows.iter().filter(|row| !replaced && row.met != Some(true)) {
            let what = if row.met.is_none() { "waits for a tick" } else { "not met" };
            open.push(Open { text: format!("{}: {what} ({})", row.text, judgement.run), cites: row.cites.clone() });
        }
    }
    open
}

pub(super) fn follow_ups(context: &Context<'_>) -> Vec<FollowUp> {
    let mut offered = BTreeSet::new();
    let mut follow_ups = Vec::new();
    for recorded in context.facts {
        let Fact::Run(id, Event::StepSkipped(skipped)) = &recorded.event else { continue };
        if !skipped.follow_up || !offered.insert((skipped.step.as_str(), skipped.title.as_str())) {
            continue;
        }
        let phase = context.plans.get(id).and_then(|plan| {
            let step = plan.steps.get(plan.position(&skipped.step)?)?;
            plan.phases.get(step.phase)
        });
        // Such a phase begins by itself: it is no work to be given to anybody.
        if phase.is_some_and(|phase| phase.follow_up) {
            continue;
        }
        let phase = phase.map_or(String::new(), |phase| format!(" ({})", md(&phase.title, 100)));
        let text = format!("{}{phase}; owner, priority and due date not recorded", md(&skipped.title, 200));
        follow_ups.push(FollowUp { text, cites: Cites::one(recorded.pos).text() });
    }
    follow_ups
}
