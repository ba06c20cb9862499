//! What is still open on an incident's runs, asked before it counts as resolved.
//!
//! Lives here: [`gate`], a pure reading of an incident's facts. Never lives here: what is done about it (`incident::decide`).

use std::collections::BTreeMap;

use crate::base::event::{Recorded, RunId};
use crate::domain::incident::Gate;
use crate::domain::run::event::{CriterionResult, Event};
use crate::domain::timeline::Fact;

/// One run as far as the gate cares.
#[derive(Default)]
struct Run<'a> {
    title: &'a str,
    over: bool,
    /// It only looks whether things stay well: nobody waits for it.
    follow_up: bool,
    criteria: Vec<CriterionResult>,
    /// Attempts in doubt: the step's heading (or id) and why, by step.
    doubts: BTreeMap<&'a str, String>,
    headings: BTreeMap<&'a str, &'a str>,
}

/// What is open, over all runs among the facts. A run that follows another one of the same runbook replaces its criteria:
/// what counts is what was found last.
#[must_use]
pub fn gate(facts: &[Recorded<Fact>]) -> Gate {
    let mut runs: Vec<(&RunId, Run<'_>)> = Vec::new();
    let mut index: BTreeMap<&RunId, usize> = BTreeMap::new();
    for recorded in facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        let at = *index.entry(id).or_insert_with(|| {
            runs.push((id, Run::default()));
            runs.len() - 1
        });
        runs[at].1.read(event);
    }
    let mut gate = Gate::default();
    for (at, (id, run)) in runs.iter().enumerate() {
        if !run.over && !run.follow_up {
            gate.open_runs.push(format!("{id}, {}", if run.title.is_empty() { "not recorded" } else { run.title }));
        }
        gate.doubts.extend(
            run.doubts
                .iter()
                .map(|(step, why)| format!("{} ({id}): {why}", run.headings.get(step).copied().unwrap_or(step))),
        );
        let replaced = runs[at + 1..].iter().any(|(_, later)| later.title == run.title && !later.criteria.is_empty());
        if replaced {
            continue;
        }
        for criterion in &run.criteria {
            match criterion.met {
                Some(true) => {}
                Some(false) => gate.unmet.push(match &criterion.saw {
                    Some(saw) => format!("{} (saw {saw})", criterion.text),
                    None => criterion.text.clone(),
                }),
                None => gate.unticked.push(criterion.text.clone()),
            }
        }
    }
    gate
}

impl<'a> Run<'a> {
    fn read(&mut self, event: &'a Event) {
        match event {
            Event::Opened(opened) => (self.title, self.follow_up) = (&opened.title, opened.follow_up),
            Event::Finished(_) => self.over = true,
            Event::StepStarted(started) => {
                self.headings.insert(&started.step, &started.title);
            }
            Event::AttemptDoubted(doubted) => {
                self.doubts.insert(&doubted.step, doubted.why.clone());
            }
            Event::DoubtSettled(settled) => {
                self.doubts.remove(settled.step.as_str());
            }
            Event::CriteriaJudged(judged) => self.criteria.clone_from(&judged.criteria),
            Event::CriterionTicked(ticked) => {
                if let Some(criterion) = self.criteria.get_mut(ticked.index as usize) {
                    criterion.met = Some(true);
                }
            }
            _ => {}
        }
    }
}
