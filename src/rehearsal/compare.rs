//! What was expected against what happened.
//!
//! Lives here: one sentence for every difference. Never lives here: playing.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::scenario::{CriterionIs, Entry as Wanted, Expect, StepIs};
use super::stage::{Ended, Performance};
use crate::domain::run::state::{Stage, State};

/// Every difference, a sentence each. `postmortem` is its Markdown.
pub(super) fn differences(expect: &Expect, played: &Performance, entries: &[Entry], postmortem: &str) -> Vec<String> {
    let mut found = Vec::new();
    let outcome = outcome(played);
    if outcome != expect.outcome.word() {
        found.push(format!("the outcome is {outcome}, expected {}", expect.outcome.word()));
    }
    steps(expect, played, &mut found);
    criteria(expect, played, &mut found);
    let acts = &played.acts;
    counts("restarts of", &expect.restarts, &acts.restarts, &mut found);
    counts("redeploys of", &expect.redeploys, &acts.redeploys, &mut found);
    counts("rollbacks of", &expect.rollbacks, &acts.rollbacks, &mut found);
    counts("requests", &expect.requests, &acts.requests, &mut found);
    counts("runs of", &expect.commands, &acts.commands, &mut found);
    for (name, wanted) in &expect.state {
        let is = played.states.get(name).map_or("unknown", String::as_str);
        if is != wanted {
            found.push(format!("the world's state '{name}' is {is}, expected {wanted}"));
        }
    }
    timeline(expect, entries, &mut found);
    for text in expect.postmortem.has.iter().filter(|text| !postmortem.contains(text.as_str())) {
        found.push(format!("the postmortem does not say: {text}"));
    }
    for text in expect.postmortem.lacks.iter().filter(|text| postmortem.contains(text.as_str())) {
        found.push(format!("the postmortem says: {text}"));
    }
    found
}

/// How it ended, as scenarios say it.
pub(super) fn outcome(played: &Performance) -> &'static str {
    match (played.run.outcome(), played.ended) {
        (Some(outcome), _) => outcome.word(),
        (None, Ended::Stuck) => "stuck",
        (None, _) => "needs_human",
    }
}

fn steps(expect: &Expect, played: &Performance, found: &mut Vec<String>) {
    let named = expect.steps.keys().chain(expect.attempts.keys()).chain(expect.visits.keys());
    for id in named {
        if played.run.plan.position(id).is_none() {
            let near = crate::base::text::nearest(id, played.run.plan.steps.iter().map(|step| step.id.as_str()));
            let hint = near.map_or(String::new(), |near| format!("; did you mean '{near}'?"));
            let text = format!("the runbook has no step '{id}'{hint}");
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    for (id, wanted) in &expect.steps {
        let Some(is) = played.run.plan.position(id).map(|position| step_is(&played.run, position)) else { continue };
        if is != *wanted {
            let summary = summary(played, id);
            found.push(format!("step '{id}' is {}, expected {}{summary}", is.word(), wanted.word()));
        }
    }
    for (id, wanted) in &expect.attempts {
        let Some(position) = played.run.plan.position(id) else { continue };
        let is = played.run.steps[position].attempt;
        if is != *wanted {
            found.push(format!("step '{id}' took {is} attempts, expected {wanted}"));
        }
    }
    for (id, wanted) in &expect.visits {
        let Some(position) = played.run.plan.position(id) else { continue };
        let is = played.run.steps[position].visits;
        if is != *wanted {
            found.push(format!("step '{id}' was done {is} times, expected {wanted}"));
        }
    }
}

fn summary(played: &Performance, id: &str) -> String {
    let position = played.run.plan.position(id);
    let result = position.and_then(|position| played.run.steps[position].result.as_ref());
    result.map_or(String::new(), |result| format!(" ({})", result.summary))
}

/// Where a step of a run stands, as scenarios say it.
pub(super) fn step_is(run: &State, position: usize) -> StepIs {
    let step = &run.steps[position];
    match (&step.stage, &step.result) {
        (Stage::Skipped, _) => StepIs::Skipped,
        (Stage::Pending, None) => StepIs::Pending,
        (_, Some(result)) if result.ok => StepIs::Ok,
        (_, Some(_)) => StepIs::Failed,
        _ => StepIs::Open,
    }
}

fn criteria(expect: &Expect, played: &Performance, found: &mut Vec<String>) {
    for (text, wanted) in &expect.criteria {
        let judged = played.run.judged.as_deref().unwrap_or_default();
        let matching: Vec<_> = judged.iter().filter(|one| one.text.starts_with(text.as_str())).collect();
        let [one] = matching.as_slice() else {
            found.push(format!("{} judged criteria begin with '{text}', expected one", matching.len()));
            continue;
        };
        let is = match one.met {
            Some(true) => CriterionIs::Met,
            Some(false) => CriterionIs::Unmet,
            None => CriterionIs::Unticked,
        };
        if is != *wanted {
            let saw = one.saw.as_ref().map_or(String::new(), |saw| format!(" ({saw})"));
            found.push(format!("criterion '{}' is {}, expected {}{saw}", one.text, is.word(), wanted.word()));
        }
    }
}

fn counts(what: &str, wanted: &BTreeMap<String, u32>, is: &BTreeMap<String, u32>, found: &mut Vec<String>) {
    for (name, wanted) in wanted {
        let is = is.get(name).copied().unwrap_or(0);
        if is != *wanted {
            found.push(format!("the world saw {is} {what} {name}, expected {wanted}"));
        }
    }
}

fn timeline(expect: &Expect, entries: &[Entry], found: &mut Vec<String>) {
    let mut from = 0;
    for wanted in &expect.timeline {
        match entries[from..].iter().position(|entry| is_it(wanted, entry)) {
            Some(at) => from += at + 1,
            None => {
                let earlier = entries[..from].iter().any(|entry| is_it(wanted, entry));
                let place = if earlier { "in the timeline, but not in this place" } else { "not in the timeline" };
                found.push(format!("{} is {place}", described(wanted)));
            }
        }
    }
    for unwanted in &expect.never {
        if let Some(entry) = entries.iter().find(|entry| is_it(unwanted, entry)) {
            found.push(format!("{} is in the timeline: {}", described(unwanted), entry.sentence));
        }
    }
}

fn is_it(wanted: &Wanted, entry: &Entry) -> bool {
    wanted.event == entry.kind
        && wanted.step.as_ref().is_none_or(|step| entry.step.as_ref() == Some(step))
        && wanted.by.as_ref().is_none_or(|by| entry.by == *by)
        && wanted.says.as_ref().is_none_or(|says| entry.sentence.contains(says.as_str()))
}

fn described(wanted: &Wanted) -> String {
    let step = wanted.step.as_ref().map_or(String::new(), |step| format!(" of {step}"));
    let by = wanted.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
    let says = wanted.says.as_ref().map_or(String::new(), |says| format!(" that says '{says}'"));
    format!("{}{step}{by}{says}", wanted.event)
}
