//! Which step is next, what follows a failed one, how a run ends.

use serde_json::Value;

use super::{AT_ONCE, Decider, Decision, Ending};
use crate::base::event::Person;
use crate::base::expr::Condition;
use crate::domain::action::resolve;
use crate::domain::run::event::{
    CriteriaJudged, CriterionResult, FailureChoice, FailureSettled, Finished, Jumped, Outcome, Question, StepStarted,
};
use crate::domain::run::scope;
use crate::domain::run::state::{Progress, Stage};
use crate::domain::runbook::model::{Destination, Does, OnFailure};

/// No step is started more often in one run, whoever asks: every run ends.
const MAX_VISITS: u32 = 200;

impl Decider {
    /// Goes on until something outside is needed, or until it is enough for one commit.
    pub(super) fn advance(&mut self) -> Decision {
        while !self.state.is_over() && self.state.paused.is_none() && self.decided.len() < AT_ONCE {
            let moved = self.advance_lane(self.state.main)?
                || self.advance_lane(self.state.side)?
                || self.start_aside()?
                || self.start_next()?;
            if !moved {
                break;
            }
        }
        Ok(())
    }

    fn advance_lane(&mut self, lane: Option<usize>) -> Result<bool, super::Refusal> {
        let Some(position) = lane else { return Ok(false) };
        let before = self.decided.len();
        match self.stage(position) {
            Stage::Ready => self.launch(position)?,
            Stage::Failed => self.after_failure(position)?,
            Stage::Blocked(_) => self.look_again(position)?,
            _ => {}
        }
        Ok(self.decided.len() > before)
    }

    /// Starts the next step that belongs beside the watch that goes on.
    fn start_aside(&mut self) -> Result<bool, super::Refusal> {
        let Some(main) = self.state.main.filter(|_| self.state.side.is_none()) else { return Ok(false) };
        if !matches!(self.stage(main), Stage::Watching { .. }) {
            return Ok(false);
        }
        let watch = self.id(main);
        let beside = (0..self.state.steps.len()).find(|position| {
            self.step(*position).during.as_deref() == Some(&watch)
                && matches!(self.stage(*position), Stage::Pending)
                && self.state.covers(*position)
        });
        match beside {
            Some(position) => self.start(position).map(|()| true),
            None => Ok(false),
        }
    }

    fn start_next(&mut self) -> Result<bool, super::Refusal> {
        if self.state.main.is_some() || self.state.side.is_some() {
            return Ok(false);
        }
        let next = match self.state.progress {
            Progress::Running => self.next_in_order(),
            Progress::Ending { .. } => None,
            Progress::Over { .. } => return Ok(false),
        };
        // Cleanup that a jump passed over, or that an early end left owing, comes last.
        match next.or_else(|| (0..self.state.steps.len()).find(|position| self.state.owes_cleanup(*position))) {
            Some(position) => self.start(position)?,
            None => self.end()?,
        }
        Ok(true)
    }

    fn next_in_order(&self) -> Option<usize> {
        (self.state.next..self.state.steps.len()).find(|position| {
            let step = self.step(*position);
            matches!(self.stage(*position), Stage::Pending)
                && self.state.covers(*position)
                && step.during.is_none()
                && step.undo.is_none()
                && (step.always_after.is_none() || self.state.owes_cleanup(*position))
        })
    }

    /// Makes a step ready: judges its `when` and renders what it will do.
    pub(super) fn start(&mut self, position: usize) -> Decision {
        let scope = scope::of_step(&self.state, position);
        if let Some(when) = &self.step(position).when {
            let why = match when.test(&scope) {
                Ok(true) => None,
                Ok(false) => Some(format!("not {}", when.source())),
                Err(error) => Some(format!("`{}` could not be judged: {error}", when.source())),
            };
            if let Some(why) = why {
                return self.skip(position, why, None, false);
            }
        }
        let rendered = match &self.step(position).does {
            Does::Act(spec) => Some(resolve::resolve(spec, &scope, &self.state.plan.inventory)),
            _ => None,
        };
        let (action, fault) = match rendered {
            Some(Ok(action)) => (Some(action), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        let visit = self.at(position).visits + 1;
        let sent =
            action.as_ref().filter(|_| visit <= MAX_VISITS).and_then(|action| self.at_once(position, action, visit));
        let (step, title) = (self.id(position), self.step(position).title.clone());
        self.emit(StepStarted { step, title, visit, action, sent })?;
        if visit > MAX_VISITS {
            return self.finish(position, Ending::failed(format!("started more than {MAX_VISITS} times in one run")));
        }
        match fault {
            Some(fault) => self.finish(position, Ending::failed(fault)),
            None => Ok(()),
        }
    }

    fn after_failure(&mut self, position: usize) -> Decision {
        let ending = !matches!(self.state.progress, Progress::Running);
        let step = self.id(position);
        let settle = |choice| FailureSettled { step: step.clone(), choice, by: None, why: None };
        match self.step(position).on_failure.clone() {
            // A run that is ending stops for nothing; the failure stays in the record.
            _ if ending => self.emit(settle(FailureChoice::Continue)),
            OnFailure::Continue => self.emit(settle(FailureChoice::Continue)),
            OnFailure::Stop => self.emit(settle(FailureChoice::Stop)),
            OnFailure::Go(to) => {
                self.emit(settle(FailureChoice::Continue))?;
                let why = format!("'{}' failed", self.step(position).title);
                self.emit(Jumped { from: step, to: Some(to), redo: false, by: None, why })
            }
            OnFailure::Ask => {
                let summary =
                    self.at(position).result.as_ref().map(|result| result.summary.clone()).unwrap_or_default();
                self.ask(position, Question::Failure { summary }, None)
            }
        }
    }

    /// Goes where a branch leads. The deciding step has ended already.
    pub(super) fn follow(&mut self, from: usize, to: &Destination, by: Option<&Person>, why: String) -> Decision {
        let from = self.id(from);
        let by = by.cloned();
        match to {
            Destination::Next => Ok(()),
            Destination::Go(step) => self.emit(Jumped { from, to: Some(step.clone()), redo: false, by, why }),
            Destination::Redo { step, .. } => self.emit(Jumped { from, to: Some(step.clone()), redo: true, by, why }),
            Destination::Stop => self.emit(Jumped { from, to: None, redo: false, by, why }),
        }
    }

    fn end(&mut self) -> Decision {
        let (mut outcome, mut why) = match &self.state.progress {
            Progress::Ending { outcome, why } => (*outcome, why.clone()),
            _ => (Outcome::Succeeded, "every step ran".to_owned()),
        };
        for position in 0..self.state.steps.len() {
            if !self.state.covers(position) && matches!(self.stage(position), Stage::Pending) {
                self.skip(position, "its phase is not part of this run", None, true)?;
            }
        }
        if !self.state.plan.criteria.is_empty() {
            let criteria = self.judge_criteria();
            let unmet = criteria.iter().filter(|criterion| criterion.met == Some(false)).count();
            if outcome == Outcome::Succeeded && unmet > 0 {
                outcome = Outcome::Failed;
                why = format!("{unmet} of {} success criteria not met", criteria.len());
            }
            self.emit(CriteriaJudged { criteria })?;
        }
        self.emit(Finished { outcome, why })
    }

    fn judge_criteria(&self) -> Vec<CriterionResult> {
        let scope = scope::of_frame(&self.state, 0);
        let judge = |condition: &Condition| match condition.test(&scope) {
            Ok(true) => (true, None),
            Ok(false) => (false, saw(condition, &scope)),
            Err(error) => (false, Some(error.to_string())),
        };
        (0u32..)
            .zip(&self.state.plan.criteria)
            .map(|(index, criterion)| {
                let ticked = self.state.ticks.contains_key(&index);
                let (met, saw) = match &criterion.condition {
                    _ if ticked => (Some(true), None),
                    None => (None, None),
                    Some(condition) => {
                        let (met, saw) = judge(condition);
                        (Some(met), saw)
                    }
                };
                CriterionResult { text: criterion.text.clone(), met, saw }
            })
            .collect()
    }
}

/// The values of the names a condition uses, for people: `status was 503`; nothing where it uses none.
pub(super) fn saw(condition: &Condition, scope: &crate::base::expr::Scope) -> Option<String> {
    use crate::base::expr::Reference;
    let mut seen = Vec::new();
    for reference in condition.references() {
        let (name, value) = match reference {
            Reference::Variable { path, .. } => (path.join("."), scope.at(&path).cloned().unwrap_or(Value::Null)),
            Reference::Runs { step, .. } => (format!("runs('{step}')"), Value::from(scope.runs(&step))),
        };
        let shown = crate::base::text::one_line(&value.to_string(), 120);
        let line = format!("{name} was {shown}");
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    (!seen.is_empty()).then(|| seen.join(", "))
}
