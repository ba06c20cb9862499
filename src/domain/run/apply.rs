//! Folds one event into a run, or says that it cannot have happened.
//!
//! Lives here: [`State::apply`], the one place where a run's state changes, live and in recovery alike. It evaluates no
//! expression, renders no template and asks no clock. Never lives here: what *should* happen (`decide`).

use std::sync::Arc;

use super::event::{ApprovalAsked, Asked, Event, FailureChoice, StepFinished, StepStarted, WatchTallied};
use super::state::{Extent, Progress, Stage, State, StepResult, StepState};
use crate::base::event::Instant;
use crate::domain::runbook::model::Level;

/// An event that cannot follow the ones before it: the journal was written by another program, or is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("impossible history of {run}: {kind} {detail}")]
pub struct Impossible {
    /// Which run.
    pub run: String,
    /// Which event.
    pub kind: &'static str,
    /// What does not fit.
    pub detail: String,
}

impl State {
    /// Folds an event that was recorded at `at`.
    ///
    /// # Errors
    /// An event that cannot follow; the state is then unchanged in every respect that matters: it must be thrown away.
    pub fn apply(&mut self, event: &Event, at: Instant) -> Result<(), Impossible> {
        let kind = event.kind();
        let run = self.id.to_string();
        self.fold(event, at).map_err(|detail| Impossible { run, kind, detail })?;
        self.last_at = self.last_at.max(at);
        Ok(())
    }

    fn fold(&mut self, event: &Event, at: Instant) -> Result<(), String> {
        if self.is_over() && !matches!(event, Event::CriterionTicked(_) | Event::LateReply(_)) {
            return Err("after the run was over".into());
        }
        match event {
            Event::Opened(_) => Err("a second time".into()),
            Event::Adopted(_)
            | Event::Paused(_)
            | Event::Resumed(_)
            | Event::Cancelled(_)
            | Event::Overdue(_)
            | Event::Finished(_)
            | Event::Jumped(_)
            | Event::CriterionTicked(_)
            | Event::CriteriaJudged(_) => self.fold_run(event),
            Event::StepStarted(started) => self.fold_started(started, at),
            Event::StepSkipped(skipped) => self.fold_skipped(&skipped.step),
            Event::StepBlocked(blocked) => {
                self.stage(&blocked.step, &["ready", "blocked", "preparing", "resting"], |step| {
                    step.stage = Stage::Blocked(blocked.by.clone());
                    // Until it may act the world goes on: what was read before it is read again.
                    step.baseline = None;
                })
            }
            Event::StepUnblocked(unblocked) => {
                self.stage(&unblocked.step, &["blocked", "resting"], |step| step.stage = Stage::Ready)
            }
            Event::StepFinished(finished) => self.fold_finished(finished),
            Event::FailureSettled(settled) => self.fold_settled(&settled.step, settled.choice),
            Event::ApprovalAsked(asked) => self.fold_approval_asked(asked),
            Event::ApprovalGiven(given) => self.stage(&given.step, &["approval"], |step| {
                let Stage::Approval { given: persons, quorum, digest, .. } = &mut step.stage else { return };
                if !persons.contains(&given.by) {
                    persons.push(given.by.clone());
                }
                if persons.len() >= *quorum as usize {
                    step.permit = Some(digest.clone());
                    step.permitted_by = std::mem::take(persons);
                    step.agreed.clone_from(&step.permitted_by);
                    step.stage = Stage::Ready;
                }
            }),
            Event::ApprovalRejected(rejected) => self.stage(&rejected.step, &["approval"], |_| {}),
            Event::ApprovalExpired(expired) => {
                self.stage(&expired.step, &["approval"], |step| step.stage = Stage::Ready)
            }
            Event::ApprovalLapsed(lapsed) => {
                self.stage(&lapsed.step, &["approval", "ready", "blocked", "preparing", "resting"], |step| {
                    if let Stage::Approval { given, .. } = &mut step.stage {
                        given.retain(|person| !lapsed.persons.contains(person));
                        return;
                    }
                    // The permit was one for all of them: it is asked for anew.
                    step.permit = None;
                    step.permitted_by.clear();
                    step.agreed.clear();
                    (step.baseline, step.prepared) = (None, None);
                    step.stage = Stage::Ready;
                })
            }
            Event::GlassBroken(broken) => self.stage(&broken.step, &["approval"], |step| {
                step.permit = Some(broken.digest.clone());
                step.permitted_by = vec![broken.by.clone()];
                step.agreed.clone_from(&step.permitted_by);
                step.stage = Stage::Ready;
            }),
            _ => self.fold_attempt(event, at),
        }
    }

    fn fold_run(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Adopted(adopted) => self.driver = Some(adopted.clone()),
            Event::Paused(paused) => self.paused = Some(paused.by.clone()),
            Event::Resumed(_) => self.paused = None,
            Event::Cancelled(cancelled) => {
                self.paused = None;
                self.progress = Progress::Ending {
                    outcome: super::event::Outcome::Cancelled,
                    why: cancelled.why.clone().map_or_else(
                        || format!("cancelled by {}", cancelled.by),
                        |why| format!("cancelled by {}: {why}", cancelled.by),
                    ),
                };
            }
            Event::Overdue(_) => self.overdue = true,
            Event::Finished(finished) => {
                if self.active().next().is_some() {
                    return Err("while a step is under way".into());
                }
                self.progress = Progress::Over { outcome: finished.outcome, why: finished.why.clone() };
            }
            Event::Jumped(jumped) => return self.fold_jump(jumped),
            Event::CriterionTicked(ticked) => {
                if ticked.index as usize >= self.plan.criteria.len() {
                    return Err(format!("names criterion {}, there are {}", ticked.index, self.plan.criteria.len()));
                }
                self.ticks.insert(ticked.index, ticked.by.clone());
                if let Some(result) = self.judged.as_mut().and_then(|judged| judged.get_mut(ticked.index as usize)) {
                    result.met = Some(true);
                }
            }
            Event::CriteriaJudged(judged) => self.judged = Some(judged.criteria.clone()),
            _ => {}
        }
        Ok(())
    }

    fn fold_jump(&mut self, jumped: &super::event::Jumped) -> Result<(), String> {
        let from = self.position(&jumped.from)?;
        match &jumped.to {
            None => {
                self.progress = Progress::Ending { outcome: super::event::Outcome::Stopped, why: jumped.why.clone() };
            }
            Some(to) => {
                let to = self.position(to)?;
                if jumped.redo {
                    if to > from {
                        return Err("goes back to a later step".into());
                    }
                    *self.redone.entry(to).or_default() += 1;
                    for position in to..=from {
                        if self.active().all(|active| active != position) {
                            let step = self.steps.at_mut(position);
                            *step = StepState { visits: step.visits, ..StepState::default() };
                        }
                    }
                } else if to <= from {
                    return Err("goes forward to an earlier step".into());
                }
                self.next = to;
            }
        }
        Ok(())
    }

    fn fold_started(&mut self, started: &StepStarted, at: Instant) -> Result<(), String> {
        let position = self.position(&started.step)?;
        let reads = started.action.as_ref().is_some_and(|action| !action.changes());
        if started.sent.is_some() && !reads {
            return Err("sends a change without an intent of its own".into());
        }
        let aside = self.step(position).runs_aside();
        let lane = if aside { &mut self.side } else { &mut self.main };
        if lane.is_some_and(|active| active != position) {
            return Err("while another step is under way".into());
        }
        *lane = Some(position);
        if !aside {
            self.next = self.next.max(position + 1);
            if matches!(self.progress, Progress::Running) {
                self.next = position + 1;
            }
        }
        let stage =
            started.sent.as_ref().map_or(Stage::Ready, |sent| Stage::Sent { key: sent.key.clone(), until: sent.until });
        let tries = u32::from(started.sent.is_some());
        let step = self.steps.at_mut(position);
        *step = StepState {
            visits: started.visit,
            stage,
            started_at: Some(at),
            attempt: tries,
            tries,
            action: started.action.clone().map(Arc::new),
            ..StepState::default()
        };
        Ok(())
    }

    fn fold_skipped(&mut self, id: &str) -> Result<(), String> {
        let position = self.position(id)?;
        let step = self.steps.at_mut(position);
        if matches!(step.stage, Stage::Sent { .. }) && step.changes() {
            return Err("while its change is under way".into());
        }
        step.stage = Stage::Skipped;
        step.permit = None;
        step.permitted_by.clear();
        step.holds = false;
        self.leave(position);
        Ok(())
    }

    fn fold_finished(&mut self, finished: &StepFinished) -> Result<(), String> {
        let position = self.position(&finished.step)?;
        if self.active().all(|active| active != position) {
            return Err(format!("though '{}' is not under way", finished.step));
        }
        let step = self.steps.at_mut(position);
        step.result = Some(Arc::new(StepResult {
            ok: finished.ok,
            summary: finished.summary.clone(),
            facts: finished.facts.clone(),
            attempts: finished.attempts,
            took_ms: finished.took_ms,
        }));
        step.permit = None;
        step.permitted_by.clear();
        step.holds = false;
        if finished.ok {
            step.stage = Stage::Done;
            self.leave(position);
        } else {
            step.stage = Stage::Failed;
        }
        Ok(())
    }

    fn fold_settled(&mut self, id: &str, choice: FailureChoice) -> Result<(), String> {
        let position = self.position(id)?;
        let step = self.steps.at_mut(position);
        let asked = matches!(step.stage, Stage::Asking { question: super::event::Question::Failure { .. }, .. });
        if !asked && !matches!(step.stage, Stage::Failed) {
            return Err(format!("though '{id}' has not failed"));
        }
        step.stage = Stage::Done;
        self.leave(position);
        match choice {
            FailureChoice::Continue => {}
            FailureChoice::Retry => {
                self.steps.at_mut(position).stage = Stage::Pending;
                if !self.step(position).runs_aside() && matches!(self.progress, Progress::Running) {
                    self.next = position;
                }
            }
            FailureChoice::Stop => {
                if matches!(self.progress, Progress::Running) {
                    let why = format!("'{}' failed", self.step(position).title);
                    self.progress = Progress::Ending { outcome: super::event::Outcome::Failed, why };
                }
            }
        }
        Ok(())
    }

    fn fold_approval_asked(&mut self, asked: &ApprovalAsked) -> Result<(), String> {
        self.stage(&asked.step, &["ready"], |step| {
            step.stage = Stage::Approval {
                given: Vec::new(),
                quorum: asked.quorum,
                approvers: asked.approvers.clone(),
                not_requester: asked.not_requester,
                digest: asked.digest.clone(),
                until: asked.until,
            };
        })
    }

    fn fold_attempt(&mut self, event: &Event, at: Instant) -> Result<(), String> {
        match event {
            Event::AttemptPrepared(prepared) => {
                self.stage(&prepared.step, &["preparing", "ready", "resting"], |step| {
                    step.baseline = Some(Arc::new(prepared.baseline.clone()));
                    step.prepared = Some((at, prepared.summary.as_str().into()));
                    step.stage = Stage::Preparing;
                })
            }
            Event::AttemptSent(sent) => self.stage(&sent.step, &["ready", "preparing", "resting"], |step| {
                step.attempt = sent.attempt;
                step.tries += 1;
                step.holds = step.changes();
                step.stage = Stage::Sent { key: sent.key.clone(), until: sent.until };
            }),
            Event::AttemptAccepted(accepted) => {
                self.stage(&accepted.step, &["sent", "probing", "asking", "confirming"], |step| {
                    step.stage = Stage::Confirming { until: accepted.until };
                })
            }
            Event::AttemptFailed(failed) => {
                self.stage(&failed.step, &["sent", "preparing", "probing", "asking", "ready"], |step| {
                    if let Some(until) = failed.again_at {
                        step.stage = Stage::Resting { until };
                        step.holds = false;
                    }
                })
            }
            Event::AttemptDoubted(doubted) => self.stage(&doubted.step, &["sent"], |step| {
                step.permit = None;
                step.permitted_by.clear();
                step.stage = Stage::Probing { why: doubted.why.clone() };
            }),
            Event::DoubtProbed(probed) => self.stage(&probed.step, &["probing"], |_| {}),
            Event::DoubtSettled(settled) => self.stage(&settled.step, &["probing", "asking"], |step| {
                if settled.verdict == super::event::DoubtVerdict::RunAgain {
                    step.again += 1;
                    step.tries = 0;
                    step.holds = false;
                    step.stage = Stage::Ready;
                }
            }),
            Event::LateReply(late) => self.position(&late.step).map(|_| ()),
            Event::Asked(asked) => self.fold_asked(asked),
            Event::Answered(answered) => self.stage(&answered.step, &["asking"], |_| {}),
            Event::QuestionOverdue(overdue) => self.stage(&overdue.step, &["asking"], |step| {
                if let Stage::Asking { late, .. } = &mut step.stage {
                    *late = true;
                }
            }),
            Event::WaitStarted(wait) => {
                self.stage(&wait.step, &["ready"], |step| step.stage = Stage::Waiting { until: wait.until })
            }
            Event::Notified(notified) => self.position(&notified.step).map(|_| ()),
            _ => self.fold_watch(event, at),
        }
    }

    fn fold_asked(&mut self, asked: &Asked) -> Result<(), String> {
        self.stage(&asked.step, &["ready", "failed", "probing"], |step| {
            step.stage = Stage::Asking { question: asked.question.clone(), until: asked.until, late: false };
        })
    }

    fn fold_watch(&mut self, event: &Event, at: Instant) -> Result<(), String> {
        match event {
            Event::WatchStarted(watch) => self.stage(&watch.step, &["ready"], |step| {
                step.watch = Some(Arc::new(watch.clone()));
                step.observed_to = Some(at);
                step.stage = Stage::Watching { until: watch.until };
            }),
            Event::WatchTallied(tally) => self.stage(&tally.step, &["watching"], |step| tallied(step, tally)),
            Event::WatchBreached(breach) => self.stage(&breach.step, &["watching"], |step| match breach.level {
                Level::Fail => {
                    step.seen.failed += 1;
                    step.seen.breach.get_or_insert_with(|| format!("not {}", breach.that));
                }
                Level::Warn => step.seen.warned += 1,
            }),
            Event::WatchRecovered(recovered) => self.stage(&recovered.step, &["watching"], |_| {}),
            Event::WatchGap(gap) => self.stage(&gap.step, &["watching"], |step| {
                let every = step.watch.as_ref().map_or(1, |watch| watch.every_ms.max(1));
                step.seen.due += (gap.to - gap.from).num_milliseconds().max(0).unsigned_abs() / every;
                step.observed_to = Some(gap.to);
            }),
            Event::WatchLogFound(found) => self.stage(&found.step, &["watching"], |step| {
                step.seen.logs += 1;
                step.seen.breach.get_or_insert_with(|| format!("\"{}\" in the logs", found.text));
            }),
            _ => Err("is not folded".into()),
        }
    }

    /// Changes an active step that is in one of `stages`.
    fn stage(&mut self, id: &str, stages: &[&str], change: impl FnOnce(&mut StepState)) -> Result<(), String> {
        let position = self.position(id)?;
        if self.active().all(|active| active != position) {
            return Err(format!("though '{id}' is not under way"));
        }
        let name = self.steps[position].stage.name();
        if !stages.contains(&name) {
            return Err(format!("though '{id}' is {name}"));
        }
        change(self.steps.at_mut(position));
        Ok(())
    }

    fn position(&self, id: &str) -> Result<usize, String> {
        // The active steps and the next are asked about most; a plan may hold thousands.
        self.active()
            .chain((self.next < self.plan.steps.len()).then_some(self.next))
            .find(|position| self.plan.steps[*position].id == id)
            .or_else(|| self.plan.position(id))
            .ok_or_else(|| format!("names '{id}', a step the plan does not have"))
    }

    fn leave(&mut self, position: usize) {
        if self.main == Some(position) {
            self.main = None;
        }
        if self.side == Some(position) {
            self.side = None;
        }
    }
}

fn tallied(step: &mut StepState, tally: &WatchTallied) {
    step.observed_to = Some(tally.to);
    step.seen.due += u64::from(tally.due);
    step.seen.taken += u64::from(tally.taken);
    for (name, points) in &tally.points {
        for point in points {
            let extent = step.seen.series.entry(name.clone()).or_insert(Extent {
                last: point.value,
                min: point.value,
                max: point.value,
                count: 0,
            });
            extent.last = point.value;
            extent.min = extent.min.min(point.value);
            extent.max = extent.max.max(point.value);
            extent.count += 1;
        }
    }
}

impl Stage {
    /// A stable name of the stage, for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Approval { .. } => "approval",
            Self::Blocked(_) => "blocked",
            Self::Preparing => "preparing",
            Self::Sent { .. } => "sent",
            Self::Confirming { .. } => "confirming",
            Self::Resting { .. } => "resting",
            Self::Probing { .. } => "probing",
            Self::Asking { .. } => "asking",
            Self::Waiting { .. } => "waiting",
            Self::Watching { .. } => "watching",
            Self::Failed => "failed",
            Self::Done => "done",
            Self::Skipped => "skipped",
        }
    }
}
