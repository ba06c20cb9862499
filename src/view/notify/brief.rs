//! What somebody who joins must know, on one screen: what, since when, who, what was tried, what comes next.
//!
//! Lives here: [`brief`]. Never lives here: reading the journal, commands of a door.

use chrono_tz::Tz;

use crate::base::event::{IncidentId, Instant, Recorded};
use crate::base::text::one_line;
use crate::domain::incident::event::{Event as IncidentEvent, Milestone, Role, Section};
use crate::domain::incident::investigation::Verdict;
use crate::domain::incident::review::Impact;
use crate::domain::incident::{Gate, State};
use crate::domain::run::event::Event as RunEvent;
use crate::domain::timeline::Fact;
use crate::view::NOT_RECORDED;
use crate::view::sentence::Wording;
use crate::view::time;

/// The longest line's own text, in characters.
const LINE: usize = 160;
/// The last changes that are told.
const TRIED: usize = 8;
/// The last notes that are told.
const NOTES: usize = 3;
/// What is open, at most.
const NEXT: usize = 8;
/// Causes and hypotheses, at most.
const WHY: usize = 12;
/// What runs do and wait for, at most.
const NOW: usize = 10;

/// What a brief is made of besides the incident itself.
#[derive(Clone, Debug)]
pub struct Brief<'a> {
    /// Which incident.
    pub id: &'a IncidentId,
    /// As it stands.
    pub state: &'a State,
    /// Everything recorded.
    pub facts: &'a [Recorded<Fact>],
    /// What is open on its runs.
    pub gate: &'a Gate,
    /// What its runs do and wait for right now, a line each.
    pub doing: &'a [String],
    /// The zone people talk about it in.
    pub zone: Tz,
    /// The present.
    pub now: Instant,
}

/// The brief: a heading line, then a part each with its name in front.
#[must_use]
pub fn brief(about: &Brief<'_>) -> String {
    let Brief { id, state, .. } = about;
    let severity = state.severity.map_or("no severity".to_owned(), |severity| severity.to_string());
    let place = state.environment.as_deref().map_or(String::new(), |place| format!(" on {}", one_line(place, 60)));
    let mut lines = vec![format!("{id}  {severity}  {}  {}{place}", state.status_words(), one_line(&state.title, 120))];
    part(&mut lines, "what", what(state), Some(NOT_RECORDED));
    part(&mut lines, "since", vec![since(about)], None);
    part(&mut lines, "who", vec![who(state)], None);
    part(&mut lines, "why", why(state), Some("nobody has said yet"));
    part(&mut lines, "tried", tried(about), Some("nothing yet"));
    part(&mut lines, "now", bounded(about.doing.to_vec(), NOW), None);
    part(&mut lines, "notes", notes(about), None);
    part(&mut lines, "next", next(about), Some("nothing recorded is open"));
    lines.join("\n")
}

/// A part with its name before the first line; left out where it is empty and `none` says nothing.
fn part(lines: &mut Vec<String>, name: &str, said: Vec<String>, none: Option<&str>) {
    let said = if said.is_empty() { none.map(str::to_owned).into_iter().collect() } else { said };
    for (index, line) in said.into_iter().enumerate() {
        let lead = if index == 0 { name } else { "" };
        lines.push(format!("{lead:<6} {line}"));
    }
}

fn what(state: &State) -> Vec<String> {
    let summary = state.sections.get(&Section::Summary).or_else(|| state.sections.get(&Section::Impact));
    let sides = Impact::ALL
        .into_iter()
        .filter_map(|side| Some(format!("{}: {}", side.word(), one_line(state.review.impact.get(&side)?, LINE))));
    summary.map(|text| one_line(text, LINE)).into_iter().chain(sides).collect()
}

fn since(about: &Brief<'_>) -> String {
    let known = Milestone::ALL.into_iter().filter_map(|milestone| {
        let at = about.state.milestones.get(&milestone)?;
        Some(format!("{} {}", milestone.word(), time::due(*at, about.now, about.zone)))
    });
    known.collect::<Vec<_>>().join(" · ")
}

fn who(state: &State) -> String {
    let roles = Role::ALL
        .into_iter()
        .filter_map(|role| Some(format!("{} {}", role.word(), one_line(state.roles.get(&role)?.name(), 60))));
    let declared = format!("declared by {}", one_line(state.declared_by.name(), 60));
    let taken = state.acknowledged_by.as_ref().map(|by| format!("acknowledged by {}", one_line(by.name(), 60)));
    let commander = (!state.roles.contains_key(&Role::Commander)).then(|| "nobody is commander".to_owned());
    roles.chain(commander).chain([declared]).chain(taken).collect::<Vec<_>>().join(" · ")
}

fn why(state: &State) -> Vec<String> {
    let known = &state.investigation;
    let causes = known.causes.iter().map(|(number, cause)| {
        let what = if cause.root { "root cause" } else { "contributed" };
        format!("C{number} {what}: {}", one_line(&cause.text, LINE))
    });
    let hypotheses = known.hypotheses.iter().map(|(number, hypothesis)| {
        let other = if hypothesis.stated.different_problem { ", a different problem" } else { "" };
        let verdict = hypothesis.verdict.word();
        format!("H{number} {verdict}{other}: {}", one_line(&hypothesis.stated.claim, LINE))
    });
    let written = state.sections.get(&Section::RootCause).map(|text| format!("root cause: {}", one_line(text, LINE)));
    bounded(written.into_iter().chain(causes).chain(hypotheses).collect(), WHY)
}

/// At most so many lines; what is left out is counted.
fn bounded(mut lines: Vec<String>, most: usize) -> Vec<String> {
    if lines.len() > most {
        let more = lines.len() - (most - 1);
        lines.truncate(most - 1);
        lines.push(format!("and {more} more"));
    }
    lines
}

/// Changes of the world, and hypotheses that were ruled out, oldest first.
fn tried(about: &Brief<'_>) -> Vec<String> {
    let mut wording = Wording::new(about.zone);
    let mut changes = std::collections::BTreeSet::new();
    let mut lines = Vec::new();
    for recorded in about.facts {
        let told = wording.tell(&recorded.event);
        let counts = match &recorded.event {
            Fact::Run(run, RunEvent::StepStarted(started)) => {
                if started.action.as_ref().is_some_and(|action| action.changes()) {
                    changes.insert((run.clone(), started.step.clone()));
                }
                false
            }
            Fact::Run(run, RunEvent::StepFinished(finished)) => changes.remove(&(run.clone(), finished.step.clone())),
            Fact::Run(_, RunEvent::AttemptDoubted(_) | RunEvent::Finished(_)) => true,
            Fact::Incident(_, IncidentEvent::HypothesisSettled(settled)) => settled.verdict == Verdict::Eliminated,
            _ => false,
        };
        if let (true, Some(told)) = (counts, told) {
            let at = time::clock(recorded.head.occurred_at, about.zone);
            lines.push(format!("{at}  {}", one_line(&told, LINE)));
        }
    }
    let before = lines.len().saturating_sub(TRIED);
    let mut told = lines.split_off(before);
    if before > 0 {
        told.insert(0, format!("({before} earlier: see the timeline)"));
    }
    told
}

fn notes(about: &Brief<'_>) -> Vec<String> {
    let noted = about.facts.iter().filter_map(|recorded| match &recorded.event {
        Fact::Incident(_, IncidentEvent::Noted(noted)) => {
            let at = time::clock(recorded.head.occurred_at, about.zone);
            Some(format!("{at}  {}: {}", one_line(noted.by.name(), 60), one_line(&noted.text, LINE)))
        }
        _ => None,
    });
    let noted: Vec<String> = noted.collect();
    noted[noted.len().saturating_sub(NOTES)..].to_vec()
}

fn next(about: &Brief<'_>) -> Vec<String> {
    let actions = about.state.review.actions.iter().filter(|(_, action)| !action.done).map(|(number, action)| {
        let owner = action.stated.owner.as_ref().map_or("nobody".to_owned(), |owner| one_line(owner.name(), 60));
        let due = action.stated.due.map_or(String::new(), |due| format!(", by {due}"));
        format!("A{number} {} ({owner}{due})", one_line(&action.stated.text, LINE))
    });
    let open = about.gate.lines().into_iter().map(|line| one_line(&line, LINE));
    bounded(open.chain(actions).collect(), NEXT)
}
