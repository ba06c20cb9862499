//! What was done, run by run and phase by phase: each step's outcome, how long it took, and what was seen.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use crate::base::event::RunId;
use crate::domain::run::event::{Event, Judged, StepFinished};
use crate::domain::timeline::Fact;
use crate::view::time;

const DONE: &str = "done";
const FAILED: &str = "**failed**";

/// One run.
#[derive(Serialize)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) over: bool,
    /// It began by itself, and nobody waits for it.
    #[serde(skip)]
    pub(super) follow_up: bool,
    runbook: String,
    digest: String,
    environment: String,
    started: String,
    by: String,
    inputs: String,
    outcome: String,
    pub(super) cites: String,
    phases: Vec<Phase>,
}

#[derive(Serialize)]
struct Phase {
    title: String,
    steps: Vec<Step>,
    count: usize,
    done: usize,
    failures: usize,
    skipped: usize,
}

#[derive(Clone, Serialize)]
struct Step {
    title: String,
    outcome: String,
    failed: bool,
    took: String,
    attempts: String,
    evidence: String,
    cites: String,
}

impl Run {
    /// Whether a step of it failed.
    pub(super) fn has_failed_steps(&self) -> bool {
        self.phases.iter().any(|phase| phase.failures > 0)
    }
}

/// One visit of one step while it is read.
struct Visit {
    phase: Option<usize>,
    title: String,
    outcome: String,
    took: String,
    attempts: String,
    evidence: String,
    cites: Cites,
}

/// One run while it is read.
struct Reading {
    opened: Option<crate::domain::run::event::Opened>,
    started: String,
    outcome: Option<String>,
    cites: Cites,
    visits: Vec<Visit>,
    current: BTreeMap<String, usize>,
}

pub(super) fn runs(context: &Context<'_>) -> Vec<Run> {
    let mut order: Vec<RunId> = Vec::new();
    let mut readings: BTreeMap<RunId, Reading> = BTreeMap::new();
    for recorded in context.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        let reading = readings.entry(id.clone()).or_insert_with(|| {
            order.push(id.clone());
            Reading {
                opened: None,
                started: NOT_RECORDED.into(),
                outcome: None,
                cites: Cites::default(),
                visits: Vec::new(),
                current: BTreeMap::new(),
            }
        });
        if let Event::Opened(opened) = event {
            reading.opened = Some(opened.clone());
            reading.started = time::moment(recorded.head.occurred_at, context.zone);
            reading.cites.add(recorded.pos);
        }
        reading.read(context, id, event, recorded.pos);
    }
    order.iter().filter_map(|id| readings.remove(id).map(|reading| reading.finish(context, id))).collect()
}

impl Reading {
    fn read(&mut self, context: &Context<'_>, id: &RunId, event: &Event, pos: u64) {
        let phase = |step: &str| {
            let plan = context.plans.get(id)?;
            Some(plan.steps.get(plan.position(step)?)?.phase)
        };
        match event {
            Event::StepStarted(started) => {
                let times = if started.visit > 1 { format!(" (time {})", started.visit) } else { String::new() };
                self.begin(&started.step, phase(&started.step), format!("{}{times}", md(&started.title, 200)), pos);
            }
            Event::StepSkipped(skipped) if !skipped.follow_up => {
                if !self.current.contains_key(&skipped.step) {
                    self.begin(&skipped.step, phase(&skipped.step), md(&skipped.title, 200), pos);
                }
                let by = skipped.by.as_ref().map_or(String::new(), |by| format!(" by {}", md(by.name(), 60)));
                self.end(&skipped.step, format!("skipped{by}"), md(&skipped.why, 500), pos);
            }
            Event::StepFinished(finished) => {
                if !self.current.contains_key(&finished.step) {
                    self.begin(&finished.step, phase(&finished.step), md(&finished.title, 200), pos);
                }
                let outcome = if finished.ok { DONE } else { FAILED };
                if let Some(visit) = self.visit(&finished.step) {
                    visit.took = time::length_ms(finished.took_ms);
                    visit.attempts = finished.attempts.to_string();
                }
                self.end(&finished.step, outcome.to_owned(), evidence(finished), pos);
            }
            Event::AttemptDoubted(doubted) => {
                if let Some(visit) = self.visit(&doubted.step) {
                    visit.outcome = "**outcome unknown**".to_owned();
                    visit.evidence = md(&doubted.why, 500);
                    visit.cites.add(pos);
                }
            }
            Event::Finished(finished) => {
                let why = if finished.why.is_empty() { String::new() } else { format!(": {}", md(&finished.why, 500)) };
                self.outcome = Some(format!("{}{why}", finished.outcome.word()));
                self.cites.add(pos);
            }
            _ => {}
        }
    }

    fn begin(&mut self, step: &str, phase: Option<usize>, title: String, pos: u64) {
        self.current.insert(step.to_owned(), self.visits.len());
        self.visits.push(Visit {
            phase,
            title,
            outcome: "not finished".to_owned(),
            took: NOT_RECORDED.to_owned(),
            attempts: NOT_RECORDED.to_owned(),
            evidence: String::new(),
            cites: Cites::one(pos),
        });
    }

    fn visit(&mut self, step: &str) -> Option<&mut Visit> {
        self.current.get(step).and_then(|index| self.visits.get_mut(*index))
    }

    fn end(&mut self, step: &str, outcome: String, evidence: String, pos: u64) {
        if let Some(visit) = self.visit(step) {
            if outcome.starts_with("skipped") {
                visit.took = "–".to_owned();
                visit.attempts = "–".to_owned();
            }
            visit.outcome = outcome;
            visit.evidence = evidence;
            visit.cites.add(pos);
        }
    }

    fn finish(self, context: &Context<'_>, id: &RunId) -> Run {
        let titles = context.plans.get(id).map(|plan| &plan.phases);
        let mut phases: BTreeMap<usize, Vec<Step>> = BTreeMap::new();
        for visit in self.visits {
            phases.entry(visit.phase.unwrap_or(usize::MAX)).or_default().push(Step {
                title: visit.title,
                failed: visit.outcome == FAILED,
                outcome: visit.outcome,
                took: visit.took,
                attempts: visit.attempts,
                evidence: visit.evidence,
                cites: visit.cites.text(),
            });
        }
        let title = |index: usize| match titles.and_then(|titles| titles.get(index)) {
            Some(phase) => md(&phase.title, 200),
            None => format!("Steps (phases {NOT_RECORDED})"),
        };
        let opened = self.opened.as_ref();
        let known = |text: Option<&str>| text.map_or(NOT_RECORDED.to_owned(), |text| md(text, 200));
        let inputs =
            opened.map(|opened| opened.inputs.iter().map(|(key, value)| format!("{} = {value}", key.as_str())));
        let inputs = inputs.map(|inputs| inputs.collect::<Vec<_>>().join(", ")).filter(|inputs| !inputs.is_empty());
        Run {
            id: id.to_string(),
            title: known(opened.map(|opened| opened.title.as_str())),
            over: self.outcome.is_some(),
            follow_up: opened.is_some_and(|opened| opened.follow_up),
            runbook: known(opened.map(|opened| opened.runbook.as_str())),
            digest: known(opened.map(|opened| opened.digest.as_str())),
            environment: known(opened.map(|opened| opened.environment.as_str())),
            started: self.started,
            by: known(opened.map(|opened| opened.by.name())),
            inputs: inputs.map_or("none".to_owned(), |inputs| md(&inputs, 500)),
            outcome: self.outcome.unwrap_or_else(|| "not over yet".to_owned()),
            cites: self.cites.text(),
            phases: phases.into_iter().map(|(index, steps)| phase(title(index), steps)).collect(),
        }
    }
}

fn phase(title: String, steps: Vec<Step>) -> Phase {
    let of = |wanted: &dyn Fn(&Step) -> bool| steps.iter().filter(|step| wanted(step)).count();
    Phase {
        title,
        count: steps.len(),
        done: of(&|step| step.outcome == DONE),
        failures: of(&|step| step.failed),
        skipped: of(&|step| step.outcome.starts_with("skipped")),
        steps,
    }
}

/// What was seen: the summary, then every expectation that did not hold.
fn evidence(finished: &StepFinished) -> String {
    let mut parts = Vec::new();
    if !finished.summary.is_empty() {
        parts.push(md(&finished.summary, 500));
    }
    let untold = |judged: &&Judged| !judged.held && !finished.summary.contains(&judged.that);
    let failed: Vec<&Judged> = finished.expects.iter().filter(untold).collect();
    for judged in failed.iter().take(10) {
        let saw = judged.saw.as_deref().unwrap_or(NOT_RECORDED);
        parts.push(format!("expected {}, saw {}", md(&judged.that, 200), md(saw, 300)));
    }
    if failed.len() > 10 {
        parts.push(format!("and {} more expectations failed", failed.len() - 10));
    }
    if finished.expects.iter().all(|judged| judged.held) && !finished.expects.is_empty() {
        parts.push(format!("{} of {} expectations held", finished.expects.len(), finished.expects.len()));
    }
    parts.join("; ")
}
