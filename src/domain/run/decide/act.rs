//! Steps with an executor: permission, attempts in three stages, doubts.

use std::sync::LazyLock;

use super::flow::saw;
use super::{Decider, Decision, Ending};
use crate::base::event::{Instant, Person};
use crate::base::expr::{Condition, Reference};
use crate::domain::action::Action;
use crate::domain::action::reply::{Answer, Failure, Probe, Reply};
use crate::domain::run::event::{
    Adopted, ApprovalAsked, ApprovalExpired, ApprovalGiven, ApprovalLapsed, AttemptAccepted, AttemptDoubted,
    AttemptFailed, AttemptPrepared, AttemptSent, DoubtProbed, DoubtSettled, DoubtVerdict, Judged, LateReply, Output,
    Question, SentAtOnce, Tried, WatchGap,
};
use crate::domain::run::input::StageReply;
use crate::domain::run::scope;
use crate::domain::run::state::Stage;
use crate::domain::runbook::model::{OnDoubt, OnTimeout};
use crate::domain::target::event::Held;

/// How often a rate-limited call is repeated where the step says nothing about retries.
const TRIES_WHEN_TOLD_TO_WAIT: u32 = 4;
/// A missing answer is missing for good this long after the executor's own timeout.
const GRACE: chrono::TimeDelta = chrono::TimeDelta::seconds(5);
/// Before the second try of a call that has no retry policy of its own.
const FIRST_DELAY_WITHOUT_POLICY: chrono::TimeDelta = chrono::TimeDelta::seconds(1);

impl Decider {
    /// A step with an executor is ready: permission, then the baseline where the action has one, then the act.
    pub(super) fn launch_act(&mut self, position: usize) -> Decision {
        let Some(action) = self.at(position).action.clone() else {
            return self.finish(position, Ending::failed("there is nothing to do"));
        };
        let (quorum, rule) = self.quorum(position, &action);
        if quorum > 0 {
            let digest = action.digest();
            if self.at(position).permit.as_ref() != Some(&digest) {
                return self.ask_approval(position, &action, digest, quorum, &rule);
            }
        }
        if action.confirms() && self.at(position).baseline.is_none() {
            // The baseline is a read: `work` asks for it, its answer comes back as `Prepared`.
            return Ok(());
        }
        self.send(position)
    }

    fn quorum(&self, position: usize, action: &Action) -> (u32, crate::domain::action::inventory::ApprovalRule) {
        let rule = action
            .target()
            .filter(|_| action.changes())
            .and_then(|target| self.state.plan.inventory.targets.get(target))
            .map(|target| target.approval.clone())
            .unwrap_or_default();
        let asked = self.step(position).approval.as_ref().map_or(0, |approval| approval.quorum);
        let least = u32::from(self.state.plan.inventory.irreversible(action));
        (asked.max(rule.quorum).max(least), rule)
    }

    fn ask_approval(
        &mut self,
        position: usize,
        action: &Action,
        digest: String,
        quorum: u32,
        rule: &crate::domain::action::inventory::ApprovalRule,
    ) -> Decision {
        let within = self
            .step(position)
            .approval
            .as_ref()
            .map_or(chrono::TimeDelta::minutes(15), |approval| approval.within.delta());
        let step = self.id(position);
        self.emit(ApprovalAsked {
            step: step.clone(),
            attempt: self.at(position).attempt + 1,
            digest,
            action: action.describe(),
            quorum,
            approvers: rule.approvers.clone(),
            not_requester: rule.not_requester,
            until: self.now + within,
        })?;
        let opened = self.state.opened.clone();
        // What cannot be taken back is agreed to when it is seen, never in advance.
        if !self.state.plan.inventory.irreversible(action)
            && opened.approves.iter().any(|named| named == "all" || *named == step)
            && self.may_approve(position, &opened.by).is_ok()
        {
            self.by_person = true;
            self.approve(position, &opened.by)?;
            self.by_person = false;
        }
        Ok(())
    }

    /// Records one person's agreement to what the step waits with.
    pub(super) fn approve(&mut self, position: usize, by: &Person) -> Decision {
        let Stage::Approval { given, quorum, digest, .. } = self.stage(position).clone() else { return Ok(()) };
        let count = u32::try_from(given.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.emit(ApprovalGiven { step: self.id(position), digest, by: by.clone(), count, quorum })
    }

    /// What persons agreed to does not count any more; `launch_act` asks again. Nothing follows where they agreed to nothing, or it
    /// was sent already.
    pub(super) fn lapse(&mut self, step: String, persons: Vec<Person>, why: String) -> Decision {
        let Some(position) = self.state.plan.position(&step) else { return Ok(()) };
        let counts = match self.stage(position) {
            Stage::Approval { given, .. } => given.iter().any(|person| persons.contains(person)),
            stage if stage.under_way() => false,
            _ => self.at(position).permitted_by.iter().any(|person| persons.contains(person)),
        };
        if counts { self.emit(ApprovalLapsed { step, persons, why }) } else { Ok(()) }
    }

    pub(super) fn approval_expired(&mut self, position: usize) -> Decision {
        let on_timeout = self.step(position).approval.as_ref().map(|approval| approval.on_timeout.clone());
        let asked_again = !matches!(on_timeout, Some(OnTimeout::Fail));
        let step = self.id(position);
        self.emit(ApprovalExpired { step, asked_again })?;
        if asked_again {
            return Ok(());
        }
        self.finish(position, Ending::failed("nobody approved it in time"))
    }

    /// Sends the act: the intent and the target's reservation are one batch.
    pub(super) fn send(&mut self, position: usize) -> Decision {
        let Some(action) = self.at(position).action.clone() else { return Ok(()) };
        if let Some(by) = self.obstacle(position) {
            return self.blocked(position, by);
        }
        if action.changes()
            && let Some(target) = action.target()
        {
            let counts = self.counts(position);
            let held = Held { run: self.state.id.clone(), step: self.id(position), action: action.describe(), counts };
            let target = target.to_owned();
            self.emit_target(&target, held);
        }
        let step = self.at(position);
        let SentAtOnce { key, until } = self.sending(position, &action, step.visits, step.again);
        let (attempt, step) = (step.attempt + 1, self.id(position));
        self.emit(AttemptSent { step, attempt, key, until })
    }

    /// A read that nobody has to agree to goes out as its step starts.
    pub(super) fn at_once(&self, position: usize, action: &Action, visit: u32) -> Option<SentAtOnce> {
        let asks = self.quorum(position, action).0 > 0;
        (!action.changes() && !action.confirms() && !asks).then(|| self.sending(position, action, visit, 0))
    }

    fn sending(&self, position: usize, action: &Action, visit: u32, again: u32) -> SentAtOnce {
        let key = format!("{}/{}/{visit}/{}", self.state.id, self.step(position).id, again + 1);
        SentAtOnce { key, until: self.now + self.timeout(position, action) + GRACE }
    }

    fn timeout(&self, position: usize, action: &Action) -> chrono::TimeDelta {
        let timeout = self.step(position).timeout.map_or_else(|| action.default_timeout(), |span| span.std());
        chrono::TimeDelta::from_std(timeout).unwrap_or(chrono::TimeDelta::hours(1))
    }

    /// Whether sending it twice is no worse than once.
    fn repeatable(&self, position: usize) -> bool {
        !self.at(position).changes() || self.step(position).idempotent
    }

    /// Another process drives from now on: what the earlier one had sent is in doubt, what it observed has a gap.
    pub(super) fn adopt(&mut self, process: String) -> Decision {
        self.emit(Adopted { process })?;
        for position in self.state.active().collect::<Vec<_>>() {
            match self.stage(position).clone() {
                Stage::Sent { .. } if !self.repeatable(position) => {
                    self.doubt(position, "the process that sent it ended before an answer was recorded".to_owned())?;
                }
                // What only reads is asked again, however long nobody was there.
                Stage::Sent { until, .. } if until <= self.now => {
                    let message = "the process that asked ended before an answer was recorded".to_owned();
                    let (step, attempt) = (self.id(position), self.at(position).attempt);
                    self.emit(AttemptFailed { step, attempt, message, again_at: Some(self.now), answer: None })?;
                }
                Stage::Confirming { until } if until <= self.now => self.confirm_again(position)?,
                Stage::Watching { until } => self.gap(position, until)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The time for the effect to show ran out while nobody looked: one more look, with time of its own.
    fn confirm_again(&mut self, position: usize) -> Decision {
        let within = self.at(position).action.as_ref().and_then(|action| action.ready_within());
        let (step, attempt) = (self.id(position), self.at(position).attempt);
        let summary = "nobody looked while the bot was away; it is looked at again".to_owned();
        self.emit(AttemptAccepted { step, attempt, summary, until: self.now + within.unwrap_or_default() + GRACE })
    }

    /// Nobody looked since the last tally: that is part of the record.
    pub(super) fn gap(&mut self, position: usize, until: Instant) -> Decision {
        let from = self.at(position).observed_to.unwrap_or(self.now);
        let to = self.now.min(until);
        if to <= from {
            return Ok(());
        }
        let why = "nobody was watching: the process was not running".to_owned();
        self.emit(WatchGap { step: self.id(position), from, to, why })
    }

    pub(super) fn answer_missing(&mut self, position: usize, _until: Instant) -> Decision {
        let failure = Failure::passing("no answer came");
        self.unanswered(position, &failure)
    }

    fn unanswered(&mut self, position: usize, failure: &Failure) -> Decision {
        if self.repeatable(position) {
            self.attempt_failed(position, failure, None)
        } else {
            self.doubt(position, failure.message.clone())
        }
    }

    fn doubt(&mut self, position: usize, why: String) -> Decision {
        let probe = matches!(self.step(position).on_doubt, OnDoubt::Probe);
        let (step, attempt) = (self.id(position), self.at(position).attempt);
        self.emit(AttemptDoubted { step, attempt, why: why.clone(), probe })?;
        if probe { Ok(()) } else { self.ask(position, Question::Doubt { evidence: why }, None) }
    }

    pub(super) fn stage_reply(&mut self, position: usize, attempt: u32, reply: StageReply) -> Decision {
        let current = self.at(position).attempt;
        match (self.stage(position).clone(), reply) {
            (Stage::Ready, StageReply::Prepared { baseline, summary }) => {
                let (step, attempt) = (self.id(position), current + 1);
                self.emit(AttemptPrepared { step, attempt, baseline, summary })?;
                self.send(position)
            }
            (Stage::Ready, StageReply::PrepareFailed(failure)) => {
                let failure =
                    Failure { message: format!("its state could not be read: {}", failure.message), ..failure };
                self.attempt_failed(position, &failure, None)
            }
            (Stage::Sent { .. }, StageReply::Acted(reply)) if attempt == current => match reply {
                Reply::Answered(answer) => self.answered(position, answer),
                Reply::NotDone(failure) => self.attempt_failed(position, &failure, None),
                Reply::Unknown(failure) => self.unanswered(position, &failure),
            },
            (
                Stage::Probing { .. } | Stage::Asking { question: Question::Doubt { .. }, .. },
                StageReply::Acted(reply),
            ) if attempt == current => self.late_settles(position, reply),
            (Stage::Confirming { .. }, StageReply::Confirmed(reply)) => match reply {
                Reply::Answered(answer) => self.judge(position, answer),
                Reply::NotDone(failure) | Reply::Unknown(failure) => {
                    self.finish(position, Ending::failed(failure.message))
                }
            },
            (Stage::Probing { .. }, StageReply::Probed(probe)) => self.probed(position, probe),
            (_, StageReply::ActedAndConfirmed { accepted, confirmed }) => {
                self.stage_reply(position, attempt, StageReply::Acted(Reply::Answered(accepted)))?;
                match self.stage(position) {
                    Stage::Confirming { .. } => self.stage_reply(position, attempt, StageReply::Confirmed(confirmed)),
                    _ => Ok(()),
                }
            }
            (_, reply) => {
                let id = self.id(position);
                self.late(&id, attempt, &reply)
            }
        }
    }

    fn answered(&mut self, position: usize, answer: Answer) -> Decision {
        let ready_within = self.at(position).action.as_ref().and_then(|action| action.ready_within());
        let Some(ready_within) = ready_within else { return self.judge(position, answer) };
        let (step, attempt) = (self.id(position), self.at(position).attempt);
        let until = self.now + ready_within + GRACE;
        self.emit(AttemptAccepted { step, attempt, summary: answer.summary, until })
    }

    /// An answer that comes while its attempt is in doubt settles the doubt.
    fn late_settles(&mut self, position: usize, reply: Reply) -> Decision {
        match reply {
            Reply::Answered(answer) => {
                let why = format!("its answer came late: {}", answer.summary);
                self.settled(position, DoubtVerdict::Done, None, why)?;
                self.answered(position, answer)
            }
            Reply::NotDone(failure) => self.attempt_failed(position, &failure, None),
            Reply::Unknown(_) => Ok(()),
        }
    }

    fn probed(&mut self, position: usize, probe: Probe) -> Decision {
        let (step, attempt) = (self.id(position), self.at(position).attempt);
        match probe {
            Probe::Happened(answer) => {
                self.settled(position, DoubtVerdict::Done, None, answer.summary.clone())?;
                self.answered(position, answer)
            }
            Probe::Unclear { evidence } => {
                self.emit(DoubtProbed { step, attempt, evidence: evidence.clone() })?;
                self.ask(position, Question::Doubt { evidence }, None)
            }
        }
    }

    pub(super) fn settled(
        &mut self,
        position: usize,
        verdict: DoubtVerdict,
        by: Option<Person>,
        why: String,
    ) -> Decision {
        if matches!(verdict, DoubtVerdict::RunAgain) {
            self.release(position);
        }
        let (step, attempt) = (self.id(position), self.at(position).attempt);
        self.emit(DoubtSettled { step, attempt, verdict, by, why })
    }

    pub(super) fn late(&mut self, id: &str, attempt: u32, reply: &StageReply) -> Decision {
        // Only an act's answer says something about the world that is worth keeping.
        let summary = match reply {
            StageReply::Acted(Reply::Answered(answer)) | StageReply::ActedAndConfirmed { accepted: answer, .. } => {
                answer.summary.clone()
            }
            StageReply::Acted(Reply::NotDone(failure) | Reply::Unknown(failure)) => failure.message.clone(),
            _ => return Ok(()),
        };
        if self.state.plan.position(id).is_none() {
            return Ok(());
        }
        self.emit(LateReply { step: id.to_owned(), attempt, summary })
    }

    /// An attempt that is known not to have happened, or a read without an answer: again later, or the step failed.
    fn attempt_failed(&mut self, position: usize, failure: &Failure, ending: Option<Ending>) -> Decision {
        let again_at = self.again_at(position, failure);
        if again_at.is_some() {
            self.release(position);
        }
        let (step, attempt) = (self.id(position), self.at(position).attempt);
        let answer = ending.as_ref().filter(|_| again_at.is_some());
        let answer = answer.map(|ending| Tried::of(&ending.facts, ending.output.as_ref()));
        self.emit(AttemptFailed { step, attempt, message: failure.message.clone(), again_at, answer })?;
        match again_at {
            Some(_) => Ok(()),
            None => self.finish(position, ending.unwrap_or_else(|| Ending::failed(failure.message.clone()))),
        }
    }

    fn again_at(&self, position: usize, failure: &Failure) -> Option<Instant> {
        let step = self.at(position);
        let told =
            failure.retry_after_ms.map(|ms| chrono::TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX)));
        let ending = !matches!(self.state.progress, crate::domain::run::state::Progress::Running)
            && self.step(position).always_after.is_none();
        if !failure.retryable || ending {
            return None;
        }
        let tries = step.tries.max(1);
        let (attempts, delay) = match &self.step(position).retry {
            Some(retry) => {
                (retry.attempts, retry_delay(retry, tries, &format!("{}/{}", self.state.id, self.id(position))))
            }
            None if told.is_some() => (TRIES_WHEN_TOLD_TO_WAIT, FIRST_DELAY_WITHOUT_POLICY),
            None => return None,
        };
        (tries < attempts).then(|| self.now + told.map_or(delay, |told| delay.max(told)))
    }

    /// What counts as success where a step's `expect` says nothing: no status from 400 on, exit code 0, no test that
    /// failed unexpectedly.
    fn usual(&self, position: usize) -> Option<&'static Condition> {
        static STATUS: LazyLock<Option<Condition>> = LazyLock::new(|| Condition::parse("status < 400").ok());
        static EXIT: LazyLock<Option<Condition>> = LazyLock::new(|| Condition::parse("exit == 0").ok());
        static TESTS: LazyLock<Option<Condition>> =
            LazyLock::new(|| Condition::parse("exit == 0 && size(unexpected) == 0").ok());
        match self.at(position).action.as_deref()? {
            Action::Http(_) => STATUS.as_ref(),
            Action::Exec(command) if command.results.is_some() => TESTS.as_ref(),
            Action::Exec(_) => EXIT.as_ref(),
            _ => None,
        }
    }

    /// What counts besides, where the request is held against a contract.
    fn promised(&self, position: usize) -> Option<&'static Condition> {
        static KEPT: LazyLock<Option<Condition>> = LazyLock::new(|| Condition::parse("contract.ok").ok());
        match self.at(position).action.as_deref()? {
            Action::Http(request) if request.contract.is_some() => KEPT.as_ref(),
            _ => None,
        }
    }

    /// Judges a definite answer by the step's `expect` and keeps what `save` says.
    fn judge(&mut self, position: usize, answer: Answer) -> Decision {
        let kept = self.at(position).action.as_ref().map(|action| action.kind().kept_facts()).unwrap_or_default();
        let mut scope = scope::of_step(&self.state, position);
        for (name, value) in &answer.facts {
            scope.set(name.as_str(), value.clone());
        }
        let step = self.step(position);
        let usual = if step.expect.is_empty() { self.usual(position) } else { None };
        let mut expects: Vec<Judged> =
            step.expect.iter().chain(usual).map(|condition| judged(condition, &scope)).collect();
        let mut facts = answer.facts;
        facts.retain(|name, _| kept.contains(&name.as_str()));
        let mut unsaved = None;
        for (name, condition) in &step.save {
            match condition.evaluate(&scope) {
                Ok(value) => drop(facts.insert(name.clone(), value)),
                Err(error) => unsaved = Some(format!("'{name}' could not be saved: {error}")),
            }
        }
        let broken = expects.iter().find(|judged| !judged.held).map(|judged| match &judged.saw {
            Some(saw) => format!("expected {}; {saw}", judged.that),
            None => format!("expected {}", judged.that),
        });
        // A step that speaks of the contract itself has its own say.
        let speaks = |condition: &Condition| {
            condition.references().iter().any(|reference| match reference {
                Reference::Variable { path, .. } => path.first().is_some_and(|first| first == "contract"),
                Reference::Runs { .. } => false,
            })
        };
        let promise = if step.expect.iter().any(speaks) { None } else { self.promised(position) };
        let promise = promise.map(|condition| judged(condition, &scope));
        let unkept = promise.as_ref().filter(|judged| !judged.held).map(|_| unkept(&facts));
        expects.extend(promise);
        let fault = broken.or(unkept).or(unsaved);
        let summary = match &fault {
            Some(fault) => format!("{}; {fault}", answer.summary),
            None => answer.summary,
        };
        let ending = Ending { ok: fault.is_none(), summary, facts, expects, output: answer.output.map(Output::Text) };
        match fault {
            Some(_) if self.repeatable(position) => {
                let failure = Failure::passing(ending.summary.clone());
                self.attempt_failed(position, &failure, Some(ending))
            }
            _ => self.finish(position, ending),
        }
    }
}

/// What does not fit the contract, in words.
fn unkept(facts: &serde_json::Map<String, serde_json::Value>) -> String {
    let findings = facts.get("contract").and_then(|contract| contract.get("findings")?.as_array());
    match findings.map(Vec::as_slice).unwrap_or_default() {
        [] => "nothing says whether it fits its contract".to_owned(),
        [only] => only.as_str().unwrap_or_default().to_owned(),
        [first, others @ ..] => format!("{}; and {} more", first.as_str().unwrap_or_default(), others.len()),
    }
}

fn judged(condition: &Condition, scope: &crate::base::expr::Scope) -> Judged {
    let (held, seen) = match condition.test(scope) {
        Ok(true) => (true, None),
        Ok(false) => (false, saw(condition, scope)),
        Err(error) => (false, Some(error.to_string())),
    };
    Judged { that: condition.source().to_owned(), held, saw: seen }
}

/// The delay before try `tries + 1`. Growing delays carry up to a tenth of jitter, the same for the same run and step.
fn retry_delay(retry: &crate::domain::runbook::model::Retry, tries: u32, seed: &str) -> chrono::TimeDelta {
    let exponent = i32::try_from(tries.saturating_sub(1).min(64)).unwrap_or(64);
    let millis = retry.delay.std().as_secs_f64() * 1_000.0 * retry.factor.powi(exponent);
    let cap = retry.max_delay.map_or(f64::from(86_400_000u32), |span| span.std().as_secs_f64() * 1_000.0);
    let jitter = if retry.factor > 1.0 { f64::from(spread(seed, tries)) / 2_550.0 } else { 0.0 };
    #[allow(clippy::cast_possible_truncation, reason = "capped at a day")]
    chrono::TimeDelta::milliseconds((millis.min(cap) * (1.0 + jitter)) as i64)
}

fn spread(seed: &str, tries: u32) -> u8 {
    use sha2::Digest;
    sha2::Sha256::digest(format!("{seed}/{tries}"))[0]
}
