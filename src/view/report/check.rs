//! What is missing in the record, or said without anything to support it.
//!
//! Lives here: [`lacks`], a reading of what the page would show. Never lives here: judging whether an incident may be
//! resolved; that gate is `domain/gate`, and its lines are among these.

use std::collections::BTreeSet;

use super::{Context, Page};
use crate::base::event::Instant;
use crate::domain::gate;
use crate::domain::incident::State;
use crate::domain::incident::event::{Milestone, Section};
use crate::domain::incident::investigation::Verdict;
use crate::domain::incident::review::Impact;
use crate::view::time;

/// One line each, in the order of the page: what is missing, and the command that says it.
pub(super) fn lacks(context: &Context<'_>, page: &Page, now: Instant) -> Vec<String> {
    let Some(state) = &context.incident else {
        return vec!["there is no incident among these events".to_owned()];
    };
    let mut lacks = Vec::new();
    times(state, &mut lacks);
    written(state, page, &mut lacks);
    investigation(state, &mut lacks);
    cited(context, state, &mut lacks);
    lacks.extend(gate::gate(context.facts).lines());
    follow_up(state, page, &mut lacks);
    review_date(context, state, now, &mut lacks);
    lacks
}

fn times(state: &State, lacks: &mut Vec<String>) {
    for milestone in Milestone::ALL {
        if !state.milestones.contains_key(&milestone) {
            let word = milestone.word();
            lacks.push(format!("nobody said when it was {word}: rundown incident milestone {word} TIME"));
        }
    }
}

fn written(state: &State, page: &Page, lacks: &mut Vec<String>) {
    if !state.sections.contains_key(&Section::Summary) {
        lacks.push("there is no summary: rundown incident summary TEXT".to_owned());
    }
    if page.review.impact.is_empty() && !state.sections.contains_key(&Section::Impact) {
        lacks.push("the impact is not said: rundown impact users TEXT".to_owned());
    } else if !state.review.impact.contains_key(&Impact::DataLoss) {
        lacks.push("nobody said whether data was lost: rundown impact data-loss TEXT".to_owned());
    }
    if state.review.lessons.is_empty() && !state.sections.contains_key(&Section::Lessons) {
        lacks.push("no lesson is recorded: rundown lesson went-well|could-improve|surprised TEXT".to_owned());
    }
    if state.review.recommendations.is_empty() {
        lacks.push("nothing is recommended: rundown recommend TEXT".to_owned());
    }
}

/// A root cause that nobody named; one that rests on nothing; a suspicion left hanging.
fn investigation(state: &State, lacks: &mut Vec<String>) {
    let known = &state.investigation;
    let has_evidence = |number: u32| {
        known.evidence.iter().any(|(_, found)| found.hypothesis.is_some_and(|about| about.number == number))
    };
    if !known.causes.iter().any(|(_, cause)| cause.root) && !state.sections.contains_key(&Section::RootCause) {
        lacks.push("no root cause is named: rundown cause TEXT, or rundown cause --hypothesis H1".to_owned());
    }
    for (number, cause) in known.causes.iter().filter(|(_, cause)| cause.root) {
        match cause.hypothesis.map(|about| (about, known.hypotheses.get(about.number))) {
            Some((about, None)) => lacks.push(format!(
                "C{number} rests on {about}, which was withdrawn: rundown cause … --corrects C{number}"
            )),
            Some((about, Some(hypothesis))) if hypothesis.verdict != Verdict::Confirmed => lacks.push(format!(
                "C{number} rests on {about}, which is {}: rundown hypothesis confirm {about}, or rundown withdraw C{number}",
                hypothesis.verdict.word()
            )),
            Some((about, Some(_))) if has_evidence(about.number) => {}
            Some((about, Some(_))) => lacks.push(format!(
                "C{number} names a root cause that no evidence supports: rundown evidence … --hypothesis {about}"
            )),
            None => lacks.push(format!(
                "C{number} names a root cause that no hypothesis and no evidence supports: rundown cause --hypothesis H1 --corrects C{number}"
            )),
        }
    }
    for (number, hypothesis) in known.hypotheses.iter() {
        match hypothesis.verdict {
            Verdict::Open => {
                lacks.push(format!("H{number} is still open: rundown hypothesis confirm|eliminate H{number}"))
            }
            verdict if !has_evidence(number) && hypothesis.why.is_none() => {
                let word = verdict.word();
                lacks.push(format!(
                    "H{number} is {word} without evidence or a reason: rundown evidence … --hypothesis H{number}"
                ));
            }
            Verdict::Confirmed | Verdict::Eliminated => {}
        }
    }
}

/// Events that people cite as the pages do (`[#12]`) must be among this incident's. What was corrected or withdrawn does not
/// count any more.
fn cited(context: &Context<'_>, state: &State, lacks: &mut Vec<String>) {
    let known: BTreeSet<u64> = context.facts.iter().map(|recorded| recorded.pos).collect();
    let sections = state.sections.iter().map(|(section, text)| (section.word().to_owned(), text));
    let causes = state.investigation.causes.iter().map(|(number, cause)| (format!("C{number}"), &cause.text));
    let evidence = state.investigation.evidence.iter().map(|(number, found)| (format!("E{number}"), &found.found));
    let lessons = state.review.lessons.iter().map(|(number, lesson)| (format!("L{number}"), &lesson.text));
    for (place, text) in sections.chain(causes).chain(evidence).chain(lessons) {
        for number in numbers(text).into_iter().filter(|number| !known.contains(number)) {
            lacks.push(format!(
                "{place} cites #{number}, which is no event of this incident: say it again without, or rightly"
            ));
        }
    }
}

/// The numbers behind `[#` in a text.
fn numbers(text: &str) -> Vec<u64> {
    let behind = text.split("[#").skip(1);
    behind
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).take(12).collect();
            digits.parse().ok()
        })
        .collect()
}

fn follow_up(state: &State, page: &Page, lacks: &mut Vec<String>) {
    if state.review.actions.is_empty() {
        lacks.push("there is no action item: rundown action add TEXT --owner PERSON --due DATE".to_owned());
    }
    for action in &page.review.actions {
        let missing: Vec<&str> = [(action.owner.is_none(), "owner"), (action.due.is_none(), "date")]
            .into_iter()
            .filter_map(|(missing, what)| missing.then_some(what))
            .collect();
        if !action.done && !missing.is_empty() {
            let (id, missing) = (&action.id, missing.join(" and no "));
            lacks.push(format!("{id} has no {missing}: rundown action set {id} --owner PERSON --due DATE"));
        }
    }
}

fn review_date(context: &Context<'_>, state: &State, now: Instant, lacks: &mut Vec<String>) {
    match (state.review.at, state.review_due()) {
        (None, Some(due)) if due < now => {
            let due = time::due(due, now, context.zone);
            lacks.push(format!("the review was due {due}, and no date is set: rundown review TIME"));
        }
        (None, _) => lacks.push("no date for the review is set: rundown review TIME".to_owned()),
        (Some(_), _) => {}
    }
}
