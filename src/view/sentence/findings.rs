//! What persons stated about an incident, in a sentence each: suspicions, evidence, causes, lessons, work that follows.

use chrono_tz::Tz;

use super::{because, name, quote};
use crate::domain::incident::event::Event;
use crate::domain::incident::investigation::{EvidenceFound, HypothesisSettled, HypothesisStated, Verdict};
use crate::domain::incident::review::{ActionSettled, ActionStated};
use crate::view::time;

/// Of the events that state something numbered, impact and the review; of any other, its kind.
pub(super) fn sentence(event: &Event, zone: Tz) -> String {
    match event {
        Event::HypothesisStated(stated) => hypothesis(stated),
        Event::HypothesisSettled(settled) => hypothesis_settled(settled),
        Event::EvidenceFound(found) => evidence(found),
        Event::CauseNamed(cause) => {
            let what = if cause.root { "root cause" } else { "contributing factor" };
            let from = cause.hypothesis.map_or_else(String::new, |hypothesis| format!(" ({hypothesis})"));
            format!("{} {what}, says {}: {}{from}", cause.id, name(&cause.by), quote(&cause.text))
        }
        Event::ImpactStated(stated) => {
            format!("impact on {}, says {}: {}", stated.side.word(), name(&stated.by), quote(&stated.text))
        }
        Event::LessonLearned(lesson) => {
            format!("{} {}, says {}: {}", lesson.id, lesson.kind.word(), name(&lesson.by), quote(&lesson.text))
        }
        Event::Recommended(recommended) => {
            let (id, priority) = (recommended.id, recommended.priority);
            format!("{id} {} recommends ({priority}): {}", name(&recommended.by), quote(&recommended.text))
        }
        Event::ActionStated(stated) => action(stated),
        Event::ActionSettled(settled) => action_settled(settled),
        Event::ReviewSet(set) => format!("the review is at {}, says {}", time::moment(set.at, zone), name(&set.by)),
        Event::Withdrawn(withdrawn) => {
            format!("{} withdrawn by {}: {}", withdrawn.id, name(&withdrawn.by), quote(&withdrawn.why))
        }
        other => other.kind().to_owned(),
    }
}

fn hypothesis(stated: &HypothesisStated) -> String {
    let what = if stated.different_problem { "sees a different problem" } else { "suspects" };
    let mut told = format!("{} {} {what}: {}", stated.id, name(&stated.by), quote(&stated.claim));
    for (lead, more) in [("expecting", &stated.expecting), ("test", &stated.test)] {
        if let Some(more) = more {
            told.push_str(&format!("; {lead}: {}", quote(more)));
        }
    }
    told
}

fn hypothesis_settled(settled: &HypothesisSettled) -> String {
    let verdict = match settled.verdict {
        Verdict::Open => "open again",
        other => other.word(),
    };
    format!("{} {verdict}, says {}{}", settled.id, name(&settled.by), because(settled.why.as_deref()))
}

fn evidence(found: &EvidenceFound) -> String {
    let about = found.hypothesis.map_or_else(String::new, |hypothesis| format!(" on {hypothesis}"));
    let (checked, seen) = (quote(&found.checked), quote(&found.found));
    let so = found.implication.as_ref().map_or_else(String::new, |so| format!("; so {}", quote(so)));
    format!("{} {} checked {checked}{about}: {seen}{so}", found.id, name(&found.by))
}

fn action(stated: &ActionStated) -> String {
    let mut about = Vec::new();
    about.extend(stated.owner.as_ref().map(name));
    about.extend(stated.priority.map(|priority| priority.to_string()));
    about.extend(stated.due.map(|due| format!("by {due}")));
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    format!("{} to do, says {}: {}{about}", stated.id, name(&stated.by), quote(&stated.text))
}

fn action_settled(settled: &ActionSettled) -> String {
    let state = if settled.done { "done" } else { "open again" };
    format!("{} {state}, says {}{}", settled.id, name(&settled.by), because(settled.note.as_deref()))
}
