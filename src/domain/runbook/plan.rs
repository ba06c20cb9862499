//! From a checked runbook to the plan that a run is pinned to.
//!
//! Lives here: inputs and their types, expanding sub-runbooks and `each`, the phases a run covers, full ids of steps.
//! Never lives here: rendering steps (a run does, when a step becomes ready) and showing a plan (`outline`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::{Library, MAX_SUB_DEPTH, parse};
use super::front::fit;
use super::model::{Destination, Does, Each, Frame, Input, OnFailure, Plan, Runbook, Step, SubRunbook};
use super::page::MAX_STEPS;
use crate::base::expr::Scope;
use crate::base::text::{nearest, one_line};
use crate::domain::action::inventory::Inventory;
use crate::domain::action::resolve::{base_scope, render};
use crate::domain::source::read::did_you_mean;

/// Why a run cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanFault {
    /// The input, phase or step it is about.
    pub about: String,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl PlanFault {
    fn new(about: &str, message: impl Into<String>) -> Self {
        Self { about: about.to_owned(), message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What a run is asked to be.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Inputs as they were given; text is read as the input's type.
    pub inputs: Map<String, Value>,
    /// Phases to cover by title; empty: as the page says.
    pub phases: Vec<String>,
}

/// Plans a run: `source` is the page that `runbook` was read from.
///
/// # Errors
/// Every input that is missing, unknown or of the wrong type, phases that are not there, sub-runbooks that are missing,
/// faulty, circular or too deep, more than 5,000 steps.
pub fn pin(
    runbook: &Runbook,
    source: &str,
    request: &Request,
    inventory: &Inventory,
    library: Library<'_>,
) -> Result<Plan, Vec<PlanFault>> {
    let mut planner = Planner { inventory, library, frames: Vec::new(), steps: Vec::new(), faults: Vec::new() };
    let inputs = planner.inputs(&runbook.inputs, &request.inputs, &runbook.id);
    let phases = planner.phases(runbook, &request.phases);
    planner.frames.push(Frame { prefix: String::new(), inputs });
    planner.expand(runbook, 0, None, &mut vec![runbook.id.clone()]);
    if planner.faults.is_empty() && planner.steps.is_empty() {
        planner.faults.push(PlanFault::new(&runbook.id, "the plan has no steps"));
    }
    if !planner.faults.is_empty() {
        return Err(planner.faults);
    }
    Ok(Plan {
        runbook: runbook.id.clone(),
        title: runbook.title.clone(),
        source: source.to_owned(),
        digest: runbook.digest.clone(),
        severity: runbook.severity,
        inventory: inventory.clone(),
        deadline: runbook.deadline,
        phases,
        frames: planner.frames,
        steps: planner.steps,
        criteria: runbook.criteria.clone(),
    })
}

struct Planner<'a> {
    inventory: &'a Inventory,
    library: Library<'a>,
    frames: Vec<Frame>,
    steps: Vec<Step>,
    faults: Vec<PlanFault>,
}

impl Planner<'_> {
    /// Types what was given and fills in what was not.
    fn inputs(
        &mut self,
        known: &BTreeMap<String, Input>,
        given: &Map<String, Value>,
        whose: &str,
    ) -> Map<String, Value> {
        for name in given.keys().filter(|name| !known.contains_key(*name)) {
            let message = format!("the runbook '{whose}' has no input '{}'", one_line(name, 40));
            let hint = did_you_mean(name, known.keys().map(String::as_str));
            self.faults.push(PlanFault::new(name, message).hint(hint));
        }
        let mut inputs = Map::new();
        for (name, input) in known {
            let variable = input.default_from.as_ref().and_then(|variable| self.inventory.variables.get(variable));
            let from_variable = || variable.filter(|value| !value.is_empty()).map(|value| Value::String(value.clone()));
            let Some(value) = given.get(name).cloned().or_else(from_variable).or_else(|| input.default.clone()) else {
                let fault = PlanFault::new(name, format!("the input '{name}' of '{whose}' has no value"));
                let or_set =
                    input.default_from.as_ref().map_or(String::new(), |variable| format!(", or set {variable}"));
                self.faults.push(fault.hint(format!("give it with --input {name}=…{or_set}")));
                continue;
            };
            match fit(&input.kind, &value) {
                Ok(value) => drop(inputs.insert(name.clone(), value)),
                Err(why) => self.faults.push(PlanFault::new(name, format!("the input '{name}' of '{whose}' {why}"))),
            }
        }
        inputs
    }

    fn phases(&mut self, runbook: &Runbook, wanted: &[String]) -> Vec<super::model::Phase> {
        let mut phases = runbook.phases.clone();
        if wanted.is_empty() {
            return phases;
        }
        phases.iter_mut().for_each(|phase| phase.covered = false);
        for name in wanted {
            match phases.iter_mut().find(|phase| phase.title.eq_ignore_ascii_case(name)) {
                Some(phase) => phase.covered = true,
                None => {
                    let message = format!("there is no phase '{}'", one_line(name, 60));
                    let near = nearest(name, runbook.phases.iter().map(|phase| phase.title.as_str()));
                    let all = || runbook.phases.iter().map(|phase| phase.title.as_str()).collect::<Vec<_>>().join(", ");
                    let hint =
                        near.map_or_else(|| format!("there are: {}", all()), |near| format!("did you mean '{near}'?"));
                    self.faults.push(PlanFault::new(name, message).hint(hint));
                }
            }
        }
        phases
    }

    /// Adds the steps of a page under the frame; all of them belong to `phase` where one is given.
    fn expand(&mut self, runbook: &Runbook, frame: usize, phase: Option<usize>, open: &mut Vec<String>) {
        let prefix = self.frames[frame].prefix.clone();
        let begin = self.steps.len();
        // Where each step of the page begins in the plan: what a jump to it means.
        let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
        for step in &runbook.steps {
            entries.insert(&step.id, self.steps.len());
            let phase = phase.unwrap_or(step.phase);
            match &step.does {
                Does::Each(each) => self.repeat(step, each, frame, phase, open),
                Does::Runbook(sub) => self.nest(step, sub, None, frame, phase, open),
                _ => self.add(Step { id: format!("{prefix}{}", step.id), frame, phase, ..step.clone() }),
            }
            if self.steps.len() > MAX_STEPS {
                let message = format!("with its sub-runbooks and `each` the plan has more than {MAX_STEPS} steps");
                if !self.faults.iter().any(|fault| fault.message == message) {
                    self.faults.push(PlanFault::new(&step.id, message));
                }
                return;
            }
        }
        self.redirect(begin, frame, &entries);
    }

    fn add(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn repeat(&mut self, step: &Step, each: &Each, frame: usize, phase: usize, open: &mut Vec<String>) {
        let prefix = self.frames[frame].prefix.clone();
        for (index, item) in each.items.iter().enumerate() {
            let own = format!("{}_{}", step.id, index + 1);
            let title = format!("{} ({})", step.title, one_line(&shown(item), 60));
            let one = Step { id: own.clone(), title, each: Some(item.clone()), ..step.clone() };
            match &*each.does {
                Does::Runbook(sub) => self.nest(&one, sub, Some(item), frame, phase, open),
                does => self.add(Step { id: format!("{prefix}{own}"), frame, phase, does: does.clone(), ..one }),
            }
        }
    }

    /// The steps of a sub-runbook in the place of `step`.
    fn nest(
        &mut self,
        step: &Step,
        sub: &SubRunbook,
        item: Option<&Value>,
        frame: usize,
        phase: usize,
        open: &mut Vec<String>,
    ) {
        let name = one_line(&sub.id, 60);
        if open.contains(&sub.id) {
            let message = format!("sub-runbooks go in a circle: {} → {name}", open.join(" → "));
            self.faults.push(PlanFault::new(&step.id, message));
            return;
        }
        if open.len() > MAX_SUB_DEPTH {
            self.faults.push(PlanFault::new(&step.id, format!("sub-runbooks nest deeper than {MAX_SUB_DEPTH}")));
            return;
        }
        let mut scope = base_scope(&self.frames[frame].inputs, self.inventory);
        if let Some(item) = item {
            scope.set("each", item.clone());
        }
        if let Some(when) = &step.when {
            match when.test(&scope) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    let message = format!("'{}' cannot be planned: {}: {error}", step.title, when.source());
                    self.faults.push(PlanFault::new(&step.id, message));
                    return;
                }
            }
        }
        let Some(source) = (self.library)(&sub.id) else {
            let fault = PlanFault::new(&step.id, format!("there is no runbook '{name}'"));
            self.faults.push(fault.hint("its id is in its front matter, or the name of its file"));
            return;
        };
        let runbook = match parse(&source, &sub.id) {
            Ok(runbook) => runbook,
            Err(faults) => {
                let first = faults
                    .first()
                    .map_or(String::new(), |first| format!(", on line {}: {}", first.line, first.message));
                let fault = PlanFault::new(&step.id, format!("the runbook '{name}' has faults{first}"));
                self.faults.push(fault.hint(format!("check '{name}' by itself")));
                return;
            }
        };
        let Some(given) = self.sub_inputs(step, sub, &scope) else { return };
        let inputs = self.inputs(&runbook.inputs, &given, &sub.id);
        let prefix = format!("{}{}/", self.frames[frame].prefix, step.id);
        self.frames.push(Frame { prefix, inputs });
        open.push(sub.id.clone());
        self.expand(&runbook, self.frames.len() - 1, Some(phase), open);
        open.pop();
    }

    fn sub_inputs(&mut self, step: &Step, sub: &SubRunbook, scope: &Scope) -> Option<Map<String, Value>> {
        let mut given = Map::new();
        let before = self.faults.len();
        for (name, value) in &sub.inputs {
            let rendered = match value {
                Value::String(text) => match render(text, name, scope, self.inventory) {
                    Ok(text) => Value::String(text),
                    Err(error) => {
                        let message = format!("'{}': the input {error}", step.title);
                        self.faults.push(PlanFault::new(&step.id, message));
                        continue;
                    }
                },
                other => other.clone(),
            };
            given.insert(name.clone(), rendered);
        }
        (self.faults.len() == before).then_some(given)
    }

    /// Full ids in everything by which the steps from `begin` on, as far as they belong to `frame`, name others. What
    /// became several steps is entered at its first; what became none, at the step behind it.
    fn redirect(&mut self, begin: usize, frame: usize, entries: &BTreeMap<&str, usize>) {
        let ids: Vec<String> = self.steps.iter().map(|step| step.id.clone()).collect();
        let prefix = self.frames[frame].prefix.clone();
        // `tests_2` names one item of an `each` by its own id.
        let own = |name: &str| format!("{prefix}{name}");
        let known: std::collections::HashSet<&str> = ids[begin..].iter().map(String::as_str).collect();
        let full = |name: &str| {
            let own = own(name);
            if known.contains(own.as_str()) {
                Some(own)
            } else {
                entries.get(name).and_then(|at| ids.get(*at)).cloned()
            }
        };
        for step in self.steps[begin..].iter_mut().filter(|step| step.frame == frame) {
            for name in [&mut step.always_after, &mut step.undo, &mut step.during].into_iter().flatten() {
                *name = full(name).unwrap_or_else(|| own(name));
            }
            if let OnFailure::Go(name) = &step.on_failure {
                // Behind the last step there is only the end.
                step.on_failure = full(name).map_or(OnFailure::Continue, OnFailure::Go);
            }
            if let Does::Decide(decide) = &mut step.does {
                for case in &mut decide.cases {
                    match &mut case.to {
                        Destination::Go(name) => {
                            case.to = full(name).map_or(Destination::Next, Destination::Go);
                        }
                        Destination::Redo { step, .. } => *step = full(step).unwrap_or_else(|| own(step)),
                        Destination::Next | Destination::Stop => {}
                    }
                }
            }
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
