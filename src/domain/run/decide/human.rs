//! What persons may do to a run. Never blocks a fix somebody knows is right: guards give way to a name and a reason.

use serde_json::{Map, Value, json};

use super::{Decider, Decision, Ending};
use crate::base::event::Person;
use crate::base::schedule::Span;
use crate::domain::run::event::{
    Answered, ApprovalRejected, Cancelled, CriterionTicked, DoubtVerdict, FailureChoice, FailureSettled, GlassBroken,
    Jumped, Override, Paused, Question, Resumed,
};
use crate::domain::run::input::{Command, Refusal};
use crate::domain::run::state::{Progress, Stage};
use crate::domain::runbook::model::InputKind;
use crate::domain::target::event::{BudgetOverridden, FreezeOverridden, TakenOver};
use crate::domain::target::{EVERYTHING, Obstacle};

/// Of anything a person types into a run.
const LONGEST_TEXT: usize = 4_000;

impl Decider {
    pub(super) fn command(&mut self, by: &Person, command: Command) -> Decision {
        if let Progress::Over { outcome, .. } = self.state.progress
            && !matches!(command, Command::Tick { .. })
        {
            return Err(Refusal::Over { run: self.state.id.clone(), outcome: outcome.word() });
        }
        match command {
            Command::Approve { step } => self.person_approves(by, step.as_deref()),
            Command::Reject { step, why } => self.person_rejects(by, step.as_deref(), why),
            Command::BreakGlass { step, why } => self.person_breaks_glass(by, step.as_deref(), &why),
            Command::Choose { step, case, why } => self.person_chooses(by, step.as_deref(), &case, why),
            Command::Answer { step, value } => self.person_answers(by, step.as_deref(), &value),
            Command::Done { step, ok, note } => self.person_did(by, step.as_deref(), ok, note),
            Command::Settle { step, verdict, why } => self.person_settles(by, step.as_deref(), verdict, why),
            Command::Retry { step } => self.person_retries(by, step.as_deref()),
            Command::Skip { step, why } => self.person_skips(by, step.as_deref(), why),
            Command::Redo { step, why } => self.person_goes_back(by, &step, why),
            Command::Override { step, why } => self.person_overrides(by, step.as_deref(), &why),
            Command::Stop { why } => self.person_stops(by, why),
            Command::Pause { why } => self.person_pauses(by, why),
            Command::Resume => self.person_resumes(by),
            Command::Cancel { why } => self.person_cancels(by, why),
            Command::Tick { criterion } => self.person_ticks(by, criterion),
        }
    }

    /// The step that was named, or the only one that waits for this.
    fn find(&self, step: Option<&str>, what: &'static str, fits: impl Fn(&Stage) -> bool) -> Result<usize, Refusal> {
        match step {
            None => self.state.active().find(|position| fits(self.stage(*position))).ok_or_else(|| {
                let now = self.state.active().next().map_or(String::new(), |position| {
                    format!("; '{}' is {}", self.id(position), self.stage(position).name())
                });
                Refusal::NothingWaits { run: self.state.id.clone(), what, now }
            }),
            Some(id) => {
                let position = self.named(id)?;
                if fits(self.stage(position)) {
                    return Ok(position);
                }
                Err(Refusal::NotThere { step: id.to_owned(), what, stage: self.stage(position).name() })
            }
        }
    }

    fn named(&self, id: &str) -> Result<usize, Refusal> {
        self.state.plan.position(id).ok_or_else(|| {
            let near = crate::base::text::nearest(id, self.state.plan.steps.iter().map(|step| step.id.as_str()));
            let hint = near.map_or(String::new(), |near| format!("; did you mean '{near}'?"));
            Refusal::NoStep { step: id.to_owned(), run: self.state.id.clone(), hint }
        })
    }

    /// Whether this person's agreement counts towards what the step waits with.
    pub(super) fn may_approve(&self, position: usize, by: &Person) -> Decision {
        let Stage::Approval { given, approvers, not_requester, .. } = self.stage(position) else { return Ok(()) };
        if given.contains(by) {
            return Err(Refusal::NotAllowed(format!("{by} has approved it already; it takes another person")));
        }
        if !approvers.is_empty() && !approvers.contains(by) {
            let names: Vec<_> = approvers.iter().map(Person::name).collect();
            let names = names.join(", ");
            return Err(Refusal::NotAllowed(format!(
                "{by} may not approve this; {names} may, or break the glass with a reason"
            )));
        }
        if *not_requester && *by == self.state.opened.by {
            return Err(Refusal::NotAllowed(format!(
                "{by} started the run and may not approve this step; it takes another person, or break the glass with a reason"
            )));
        }
        Ok(())
    }

    fn person_approves(&mut self, by: &Person, step: Option<&str>) -> Decision {
        let position = self.find(step, "for an approval", |stage| matches!(stage, Stage::Approval { .. }))?;
        self.may_approve(position, by)?;
        self.approve(position, by)
    }

    fn person_rejects(&mut self, by: &Person, step: Option<&str>, why: Option<String>) -> Decision {
        let position = self.find(step, "for an approval", |stage| matches!(stage, Stage::Approval { .. }))?;
        let why = why.map(limited);
        self.emit(ApprovalRejected { step: self.id(position), by: by.clone(), why: why.clone() })?;
        let because = why.map_or(String::new(), |why| format!(": {why}"));
        self.finish(position, Ending::failed(format!("approval refused by {by}{because}")))
    }

    fn person_breaks_glass(&mut self, by: &Person, step: Option<&str>, why: &str) -> Decision {
        let position = self.find(step, "for an approval", |stage| matches!(stage, Stage::Approval { .. }))?;
        let why = reason(why, "breaking the glass")?;
        let Stage::Approval { digest, .. } = self.stage(position).clone() else { return Ok(()) };
        self.emit(GlassBroken { step: self.id(position), digest, by: by.clone(), why })
    }

    fn person_chooses(&mut self, by: &Person, step: Option<&str>, case: &str, why: Option<String>) -> Decision {
        let branch = |stage: &Stage| matches!(stage, Stage::Asking { question: Question::Branch { .. }, .. });
        let position = self.find(step, "for a decision", branch)?;
        let Stage::Asking { question: Question::Branch { cases }, .. } = self.stage(position).clone() else {
            return Ok(());
        };
        let Some(offered) = cases.iter().find(|offered| offered.id == case) else {
            let ids: Vec<_> = cases.iter().map(|offered| offered.id.as_str()).collect();
            return Err(Refusal::BadValue(format!("'{case}' is none of the cases: {}", ids.join(", "))));
        };
        let why = why.map(limited).filter(|why| !why.is_empty());
        if !offered.fits && why.is_none() {
            return Err(Refusal::NeedsReason(format!("the condition of '{case}' does not hold")));
        }
        let said = why.clone().unwrap_or_default();
        self.emit(Answered { step: self.id(position), answer: json!(case), by: Some(by.clone()), why })?;
        self.take_case(position, case, Some(by), &said)
    }

    fn person_answers(&mut self, by: &Person, step: Option<&str>, value: &str) -> Decision {
        let asked = |stage: &Stage| matches!(stage, Stage::Asking { question: Question::Value { .. }, .. });
        let position = self.find(step, "for an answer", asked)?;
        let Stage::Asking { question: Question::Value { kind, .. }, .. } = self.stage(position).clone() else {
            return Ok(());
        };
        let answer = typed(&kind, value)?;
        self.emit(Answered { step: self.id(position), answer: answer.clone(), by: Some(by.clone()), why: None })?;
        let shown = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        let summary = format!("{by}: {}", crate::base::text::one_line(&shown, 200));
        let facts = Map::from_iter([("answer".to_owned(), answer), ("by".to_owned(), json!(by))]);
        self.finish(position, Ending { ok: true, summary, facts, ..Ending::default() })
    }

    fn person_did(&mut self, by: &Person, step: Option<&str>, ok: bool, note: Option<String>) -> Decision {
        let work = |stage: &Stage| matches!(stage, Stage::Asking { question: Question::Work, .. });
        let position = self.find(step, "to be done by hand", work)?;
        let why = note.map(limited);
        self.emit(Answered { step: self.id(position), answer: json!(ok), by: Some(by.clone()), why: why.clone() })?;
        let said = why.map_or(String::new(), |note| format!(": {note}"));
        let summary = if ok { format!("done by {by}{said}") } else { format!("{by} could not do it{said}") };
        self.finish(position, Ending { ok, summary, ..Ending::default() })
    }

    fn person_settles(
        &mut self,
        by: &Person,
        step: Option<&str>,
        verdict: DoubtVerdict,
        why: Option<String>,
    ) -> Decision {
        let doubt = |stage: &Stage| {
            matches!(stage, Stage::Probing { .. } | Stage::Asking { question: Question::Doubt { .. }, .. })
        };
        let position = self.find(step, "in doubt", doubt)?;
        let grounds = why.map(limited).filter(|why| !why.is_empty()).unwrap_or_else(|| "no reason given".to_owned());
        self.settled(position, verdict, Some(by.clone()), grounds.clone())?;
        match verdict {
            DoubtVerdict::RunAgain => Ok(()),
            DoubtVerdict::Done => self.finish(position, Ending::ok(format!("taken as done by {by}: {grounds}"))),
            DoubtVerdict::Abort => {
                self.finish(position, Ending::failed(format!("outcome unknown, given up by {by}: {grounds}")))
            }
        }
    }

    fn person_retries(&mut self, by: &Person, step: Option<&str>) -> Decision {
        let again = |stage: &Stage| {
            matches!(stage, Stage::Resting { .. } | Stage::Blocked(_))
                || matches!(stage, Stage::Asking { question: Question::Failure { .. }, .. })
        };
        let position = self.find(step, "to be tried again", again)?;
        match self.stage(position) {
            Stage::Resting { .. } | Stage::Blocked(_) => self.unblock(position, None),
            _ => self.settle_failure(position, FailureChoice::Retry, by, None),
        }
    }

    fn settle_failure(&mut self, position: usize, choice: FailureChoice, by: &Person, why: Option<String>) -> Decision {
        self.emit(FailureSettled { step: self.id(position), choice, by: Some(by.clone()), why })
    }

    fn person_skips(&mut self, by: &Person, step: Option<&str>, why: Option<String>) -> Decision {
        let position = match step {
            Some(id) => self.named(id)?,
            None => self.state.active().next().ok_or_else(|| Refusal::NothingWaits {
                run: self.state.id.clone(),
                what: "to be skipped",
                now: String::new(),
            })?,
        };
        let why = why.map(limited);
        match self.stage(position) {
            Stage::Asking { question: Question::Failure { .. }, .. } => {
                self.settle_failure(position, FailureChoice::Continue, by, why)
            }
            Stage::Asking { question: Question::Doubt { .. }, .. } | Stage::Probing { .. } => {
                Err(Refusal::NotNow(format!(
                    "nobody knows whether '{}' happened; say what it is taken for: done, run again or abort",
                    self.id(position)
                )))
            }
            Stage::Sent { .. } | Stage::Confirming { .. } if self.at(position).changes() => Err(Refusal::NotNow(
                format!("'{}' is under way and cannot be taken back; it ends by itself", self.id(position)),
            )),
            Stage::Done | Stage::Skipped | Stage::Failed => {
                Err(Refusal::NotNow(format!("'{}' has ended already", self.id(position))))
            }
            stage => {
                let watching = matches!(stage, Stage::Watching { .. });
                self.skip(position, why.unwrap_or_else(|| format!("skipped by {by}")), Some(by.clone()), false)?;
                if watching { self.drop_unstarted_beside(position) } else { Ok(()) }
            }
        }
    }

    fn person_goes_back(&mut self, by: &Person, step: &str, why: Option<String>) -> Decision {
        let to = self.named(step)?;
        if self.step(to).undo.is_some() {
            return self.person_takes_back(to);
        }
        if !matches!(self.state.progress, Progress::Running) {
            return Err(Refusal::NotNow("the run is ending; start it again with --from".into()));
        }
        let why = why.map_or_else(|| format!("{by} went back"), limited);
        // Without an active step the run is between steps, held up by a pause: then nothing needs to end first.
        let from = match self.state.main {
            Some(main) if to > main => {
                return Err(Refusal::NotNow(format!("'{step}' comes later; skip what lies before it")));
            }
            Some(main) => {
                self.end_for_jump(main, by, step)?;
                main
            }
            None if to >= self.state.next => {
                return Err(Refusal::NotNow(format!("'{step}' has not run yet; it comes next or later")));
            }
            None => self.state.next - 1,
        };
        let from = self.id(from);
        self.emit(Jumped { from, to: Some(step.to_owned()), redo: true, by: Some(by.clone()), why })
    }

    fn end_for_jump(&mut self, main: usize, by: &Person, to: &str) -> Decision {
        match self.stage(main) {
            Stage::Sent { .. } | Stage::Confirming { .. } | Stage::Probing { .. } if self.at(main).changes() => {
                Err(Refusal::NotNow(format!("'{}' is under way; wait until it is answered", self.id(main))))
            }
            Stage::Asking { question: Question::Doubt { .. }, .. } => Err(Refusal::NotNow(format!(
                "nobody knows whether '{}' happened; settle that first: done, run again or abort",
                self.id(main)
            ))),
            _ => self.skip(main, format!("{by} went back to '{to}'"), Some(by.clone()), false),
        }
    }

    /// Starts a step that takes another one back; it runs beside whatever waits.
    fn person_takes_back(&mut self, position: usize) -> Decision {
        if self.state.side.is_some() {
            return Err(Refusal::NotNow("another step runs beside this one; wait for it".into()));
        }
        let undone = self.step(position).undo.clone().unwrap_or_default();
        if self.state.plan.position(&undone).is_none_or(|undone| self.at(undone).visits == 0) {
            return Err(Refusal::NotNow(format!("'{undone}' was never started, there is nothing to take back")));
        }
        self.start(position)
    }

    fn person_overrides(&mut self, by: &Person, step: Option<&str>, why: &str) -> Decision {
        let position = self.find(step, "for its target", |stage| matches!(stage, Stage::Blocked(_)))?;
        let why = reason(why, "overriding this")?;
        let target =
            self.at(position).action.as_ref().and_then(|action| action.target()).unwrap_or_default().to_owned();
        let run = self.state.id.clone();
        match self.stage(position).clone() {
            Stage::Blocked(Obstacle::HeldBy(from)) => {
                self.emit_target(&target, TakenOver { from, run, by: by.clone(), why: why.clone() });
            }
            Stage::Blocked(Obstacle::Frozen { .. }) => {
                let target = if target.is_empty() { EVERYTHING.to_owned() } else { target };
                let (by, why, step) = (by.clone(), why.clone(), self.id(position));
                self.emit_target(&target, FreezeOverridden { run, step, by, why });
            }
            _ => self.emit_target(&target, BudgetOverridden { run, by: by.clone(), why: why.clone() }),
        }
        self.unblock(position, Some(Override { by: by.clone(), why }))
    }

    fn person_stops(&mut self, by: &Person, why: Option<String>) -> Decision {
        let failed = |stage: &Stage| matches!(stage, Stage::Asking { question: Question::Failure { .. }, .. });
        let position = self.find(None, "because of a failed step", failed)?;
        self.settle_failure(position, FailureChoice::Stop, by, why.map(limited))
    }

    fn person_pauses(&mut self, by: &Person, why: Option<String>) -> Decision {
        if self.state.paused.is_some() {
            return Err(Refusal::NotNow(format!("{} is paused already", self.state.id)));
        }
        self.emit(Paused { by: by.clone(), why: why.map(limited) })
    }

    fn person_resumes(&mut self, by: &Person) -> Decision {
        if self.state.paused.is_none() {
            return Err(Refusal::NotNow(format!("{} is not paused", self.state.id)));
        }
        self.emit(Resumed { by: by.clone() })?;
        for position in self.state.active().collect::<Vec<_>>() {
            if let Stage::Watching { until } = *self.stage(position) {
                self.gap(position, until)?;
            }
        }
        Ok(())
    }

    fn person_cancels(&mut self, by: &Person, why: Option<String>) -> Decision {
        if !matches!(self.state.progress, Progress::Running) {
            return Err(Refusal::NotNow(format!("{} is ending already", self.state.id)));
        }
        self.emit(Cancelled { by: by.clone(), why: why.map(limited) })?;
        for position in self.state.active().collect::<Vec<_>>() {
            let changes = self.at(position).changes();
            match self.stage(position) {
                // What was sent comes to its end first.
                Stage::Sent { .. } | Stage::Confirming { .. } if changes => {}
                Stage::Probing { .. } | Stage::Asking { question: Question::Doubt { .. }, .. } => {
                    self.finish(position, Ending::failed("outcome unknown when the run was cancelled"))?;
                }
                Stage::Asking { question: Question::Failure { .. }, .. } | Stage::Failed => {
                    self.settle_failure(position, FailureChoice::Stop, by, None)?;
                }
                _ => self.skip(position, "the run was cancelled", Some(by.clone()), false)?,
            }
        }
        Ok(())
    }

    fn person_ticks(&mut self, by: &Person, criterion: u32) -> Decision {
        let count = self.state.plan.criteria.len();
        let index = criterion.checked_sub(1).filter(|index| (*index as usize) < count).ok_or_else(|| {
            Refusal::BadValue(match count {
                0 => "this runbook has no success criteria".to_owned(),
                _ => format!("there is no criterion {criterion}; they go from 1 to {count}"),
            })
        })?;
        let text = self.state.plan.criteria[index as usize].text.clone();
        if self.state.ticks.contains_key(&index) {
            return Err(Refusal::NotNow(format!("'{text}' is ticked already")));
        }
        self.emit(CriterionTicked { index, text, by: by.clone() })
    }
}

fn limited(text: String) -> String {
    text.trim().chars().take(LONGEST_TEXT).collect()
}

fn reason(why: &str, what: &str) -> Result<String, Refusal> {
    let why = limited(why.to_owned());
    if why.is_empty() { Err(Refusal::NeedsReason(format!("{what} needs a reason"))) } else { Ok(why) }
}

fn typed(kind: &InputKind, value: &str) -> Result<Value, Refusal> {
    let value = value.trim();
    let bad = |what: &str| Refusal::BadValue(format!("'{}' is not {what}", crate::base::text::one_line(value, 60)));
    match kind {
        InputKind::Text => Ok(json!(limited(value.to_owned()))),
        InputKind::Number => value
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(|number| value.parse::<i64>().map_or_else(|_| json!(number), |whole| json!(whole)))
            .ok_or_else(|| bad("a number")),
        InputKind::Bool => match value.to_ascii_lowercase().as_str() {
            "yes" | "y" | "true" => Ok(json!(true)),
            "no" | "n" | "false" => Ok(json!(false)),
            _ => Err(bad("yes or no")),
        },
        InputKind::Duration => {
            Span::parse(value).map(|span| json!(span.to_string())).map_err(|_| bad("a span such as 90s or 2h"))
        }
        InputKind::Choice(choices) => choices
            .iter()
            .find(|choice| *choice == value)
            .map(|choice| json!(choice))
            .ok_or_else(|| bad(&format!("one of {}", choices.join(", ")))),
    }
}
