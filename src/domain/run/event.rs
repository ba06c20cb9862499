//! What can happen to a run: the facts its journal stream is made of.
//!
//! Lives here: the events and what they carry. Results of conditions are *in* the events, so that folding them needs no
//! expression, no template and no clock. Never lives here: which event follows which (`decide`) and what follows from
//! one (`apply`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::event::{IncidentId, Instant, Person};
use crate::domain::action::Action;
use crate::domain::runbook::model::Level;
pub use crate::domain::target::Obstacle;

crate::stored_events! {
    /// A fact about one run.
    Event {
        /// The run exists.
        Opened = "run.opened" v 1,
        /// A process drives it from now on; what an earlier one had under way is lost.
        Adopted = "run.adopted" v 1,
        /// A person held it up.
        Paused = "run.paused" v 1,
        /// A person let it go on.
        Resumed = "run.resumed" v 1,
        /// A person ended it; cleanup follows.
        Cancelled = "run.cancelled" v 1,
        /// It has been going longer than its runbook's deadline.
        Overdue = "run.overdue" v 1,
        /// It is over.
        Finished = "run.finished" v 1,
        /// A step became ready.
        StepStarted = "step.started" v 1,
        /// A step does not run.
        StepSkipped = "step.skipped" v 1,
        /// A step may not act yet: held, over budget, frozen.
        StepBlocked = "step.blocked" v 1,
        /// What blocked it is out of the way.
        StepUnblocked = "step.unblocked" v 1,
        /// A step came to an end.
        StepFinished = "step.finished" v 1,
        /// What happens after a failed step.
        FailureSettled = "step.failure_settled" v 1,
        /// The run goes somewhere else than to the next step.
        Jumped = "run.jumped" v 1,
        /// Someone must agree to exactly this action.
        ApprovalAsked = "approval.asked" v 1,
        /// One person agrees.
        ApprovalGiven = "approval.given" v 1,
        /// One person does not.
        ApprovalRejected = "approval.rejected" v 1,
        /// Nobody answered in time.
        ApprovalExpired = "approval.expired" v 1,
        /// Whoever agreed may not any more, and nothing was sent yet.
        ApprovalLapsed = "approval.lapsed" v 1,
        /// One person goes ahead alone, with a reason.
        GlassBroken = "approval.broken_glass" v 1,
        /// The baseline was read.
        AttemptPrepared = "attempt.prepared" v 1,
        /// The intent: from here on the action may have happened.
        AttemptSent = "attempt.sent" v 1,
        /// The world accepted the change; whether it took effect is watched.
        AttemptAccepted = "attempt.accepted" v 1,
        /// It is known not to have happened, or a read got no answer.
        AttemptFailed = "attempt.failed" v 1,
        /// Nobody knows whether it happened.
        AttemptDoubted = "attempt.doubted" v 1,
        /// The world was looked at and does not tell.
        DoubtProbed = "doubt.probed" v 1,
        /// The doubt is settled.
        DoubtSettled = "doubt.settled" v 1,
        /// An answer that came after the matter was settled; it changes nothing.
        LateReply = "attempt.late_reply" v 1,
        /// A person is asked for a value, a branch or a piece of work.
        Asked = "question.asked" v 1,
        /// A person answered.
        Answered = "question.answered" v 1,
        /// Nobody answered in time.
        QuestionOverdue = "question.overdue" v 1,
        /// Time is let pass.
        WaitStarted = "wait.started" v 1,
        /// An observation began.
        WatchStarted = "watch.started" v 1,
        /// One minute of samples, or what there was of it.
        WatchTallied = "watch.tallied" v 1,
        /// A limit was broken often enough in a row.
        WatchBreached = "watch.breached" v 1,
        /// A broken limit is kept again.
        WatchRecovered = "watch.recovered" v 1,
        /// Nobody looked for a while.
        WatchGap = "watch.gap" v 1,
        /// A forbidden text stood in a log.
        WatchLogFound = "watch.log_found" v 1,
        /// People were told something.
        Notified = "run.notified" v 1,
        /// A person ticked a criterion.
        CriterionTicked = "criterion.ticked" v 1,
        /// The criteria were judged.
        CriteriaJudged = "criteria.judged" v 1,
    }
}

/// See [`Event::Opened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The runbook's id.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// The blob that holds the [`crate::domain::runbook::model::Plan`] as JSON.
    pub plan: String,
    /// Hex of the SHA-256 of the page.
    pub digest: String,
    /// The environment.
    pub environment: String,
    /// The incident it belongs to.
    pub incident: IncidentId,
    /// When the incident started: deadlines may count from there.
    pub incident_started: Instant,
    /// Who started it.
    pub by: Person,
    /// Inputs as resolved.
    pub inputs: Map<String, Value>,
    /// Steps before this one are not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Steps that `--approve` named, or `all`: the person who runs it approves them as soon as they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approves: Vec<String>,
    /// It began by itself after a run that succeeded: it looks whether things stay well, and nobody waits for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow_up: bool,
}

/// See [`Event::Adopted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Which process: `host:pid`.
    pub process: String,
}

/// See [`Event::Paused`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Who.
    pub by: Person,
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::Resumed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Who.
    pub by: Person,
}

/// See [`Event::Cancelled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Who.
    pub by: Person,
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::Overdue`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdue {
    /// The runbook's deadline, in words: `4h`.
    pub after: String,
}

/// See [`Event::Finished`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// How.
    pub outcome: Outcome,
    /// Why, for people: the failed step, the decision, who cancelled.
    pub why: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step that ran succeeded, was allowed to fail or was skipped.
    Succeeded,
    /// A step failed and the run ended over it.
    Failed,
    /// A person or a branch ended it early.
    Stopped,
    /// A person cancelled it.
    Cancelled,
}

impl Outcome {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// See [`Event::StepStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// Which step.
    pub step: String,
    /// Its heading, so that a reader of the event needs no plan.
    pub title: String,
    /// Which time in this run, from 1 (`redo` makes it 2).
    pub visit: u32,
    /// What exactly it will do, where it has an executor. Secrets are references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// A read that nobody has to agree to is sent as it starts. It changes nothing, so its intent needs no event of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<SentAtOnce>,
}

/// The first try of a read, as [`StepStarted`] records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentAtOnce {
    /// The idempotency key, as in [`AttemptSent`].
    pub key: String,
    /// After when a missing answer counts as missing.
    pub until: Instant,
}

/// See [`Event::StepSkipped`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSkipped {
    /// Which step.
    pub step: String,
    /// Its heading.
    pub title: String,
    /// Why: its `when` did not hold, a person, a jump over it, its phase is not covered.
    pub why: String,
    /// Who, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Its phase is not part of this run: it is offered as an action item.
    #[serde(default)]
    pub follow_up: bool,
}

/// See [`Event::StepBlocked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBlocked {
    /// Which step.
    pub step: String,
    /// The target.
    pub target: String,
    /// What is in the way, and what a person can do about it.
    pub why: String,
    /// What kind of obstacle.
    pub by: Obstacle,
}

/// See [`Event::StepUnblocked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUnblocked {
    /// Which step.
    pub step: String,
    /// Who overrode it, where a person did, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_: Option<Override>,
}

/// A guard that a person overrode, by name and in the open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Who.
    pub by: Person,
    /// Why.
    pub why: String,
}

/// See [`Event::StepFinished`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepFinished {
    /// Which step.
    pub step: String,
    /// Its heading.
    pub title: String,
    /// Whether it did what it should.
    pub ok: bool,
    /// One line: `200 in 31 ms`, `6 of 8 passed`, `approval refused by ana`.
    pub summary: String,
    /// Facts of the answer that stay readable, and what `save` kept.
    pub facts: Map<String, Value>,
    /// Every condition of `expect`, and whether it held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expects: Vec<Judged>,
    /// How many attempts it took.
    pub attempts: u32,
    /// From ready to finished.
    pub took_ms: u64,
    /// The full answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

/// A judged condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// As it is written.
    pub that: String,
    /// Whether it held.
    pub held: bool,
    /// What was seen, or why it could not be judged; absent where it held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw: Option<String>,
}

/// A text that came from outside: scrubbed, quoted, never code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Up to 64 KiB.
    Text(String),
    /// Longer, up to 8 MiB: the blob's id and its size in bytes.
    Blob {
        /// The blob.
        id: String,
        /// Bytes.
        size: u64,
    },
}

/// See [`Event::FailureSettled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSettled {
    /// Which step.
    pub step: String,
    /// What happens now.
    pub choice: FailureChoice,
    /// Who said so; absent where the runbook did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What can follow a failed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureChoice {
    /// Do it again.
    Retry,
    /// Go on; the step counts as failed.
    Continue,
    /// End the run as failed.
    Stop,
}

/// See [`Event::Jumped`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jumped {
    /// From which step.
    pub from: String,
    /// To which; absent: the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whether it goes back and does again what lies between.
    pub redo: bool,
    /// Who, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Why, for people.
    pub why: String,
}

/// See [`Event::ApprovalAsked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAsked {
    /// Which step.
    pub step: String,
    /// Which attempt the permission is for, from 1: it is used once.
    pub attempt: u32,
    /// Hex of the hash of the exact action.
    pub digest: String,
    /// The action in one line.
    pub action: String,
    /// Distinct persons needed.
    pub quorum: u32,
    /// Who may; empty: anyone who may run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<Person>,
    /// Whether the person who started the run may not.
    #[serde(default)]
    pub not_requester: bool,
    /// Until when the question stays good.
    pub until: Instant,
}

/// See [`Event::ApprovalGiven`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalGiven {
    /// Which step.
    pub step: String,
    /// The hash that was approved.
    pub digest: String,
    /// Who.
    pub by: Person,
    /// How many of the quorum have agreed with this one.
    pub count: u32,
    /// Distinct persons needed.
    pub quorum: u32,
}

/// See [`Event::ApprovalRejected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRejected {
    /// Which step.
    pub step: String,
    /// Who.
    pub by: Person,
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::ApprovalExpired`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalExpired {
    /// Which step.
    pub step: String,
    /// Whether it is asked again (`on_timeout: page`) or the step fails.
    pub asked_again: bool,
}

/// See [`Event::ApprovalLapsed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalLapsed {
    /// Which step.
    pub step: String,
    /// Whose agreement does not count any more.
    pub persons: Vec<Person>,
    /// Why not.
    pub why: String,
}

/// See [`Event::GlassBroken`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlassBroken {
    /// Which step.
    pub step: String,
    /// The hash that was let through.
    pub digest: String,
    /// Who.
    pub by: Person,
    /// Why.
    pub why: String,
}

/// See [`Event::AttemptPrepared`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptPrepared {
    /// Which step.
    pub step: String,
    /// Which attempt, from 1, counted over the step's visit.
    pub attempt: u32,
    /// What the world looked like: kind-specific.
    pub baseline: Value,
    /// The same in one line.
    pub summary: String,
}

/// See [`Event::AttemptSent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptSent {
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: u32,
    /// The idempotency key of the act: repeats reuse it, only a person's "run again" makes another.
    pub key: String,
    /// After when a missing answer counts as missing.
    pub until: Instant,
}

/// See [`Event::AttemptAccepted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptAccepted {
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: u32,
    /// What the other side said.
    pub summary: String,
    /// Until when the effect must show.
    pub until: Instant,
}

/// See [`Event::AttemptFailed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptFailed {
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: u32,
    /// What happened.
    pub message: String,
    /// When it is tried again; absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Instant>,
    /// What the world answered to a try that is followed by another; the last one's answer is in [`StepFinished`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Tried>,
}

/// The answer to a try that did not do, kept small: a step may try often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// As in [`StepFinished`]; empty where they would take more than [`Tried::MOST`] bytes.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// The full answer, where it takes no more than [`Tried::MOST`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Whether one of them was there and is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
}

impl Tried {
    /// Bytes of each part; what is longer is left out whole, because half an answer is another answer.
    pub const MOST: usize = 4 * 1024;

    /// Keeps what is small enough.
    #[must_use]
    pub fn of(facts: &Map<String, Value>, output: Option<&Output>) -> Self {
        let size: usize = facts.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
        let facts = if size <= Self::MOST { facts.clone() } else { Map::new() };
        let kept = output.and_then(|output| match output {
            Output::Text(text) if text.len() <= Self::MOST => Some(text.clone()),
            Output::Text(_) | Output::Blob { .. } => None,
        });
        let left_out = size > Self::MOST || (output.is_some() && kept.is_none());
        Self { facts, output: kept, left_out }
    }
}

/// See [`Event::AttemptDoubted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptDoubted {
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: u32,
    /// Why nobody knows: timeout, reset, 502, the process died.
    pub why: String,
    /// Whether the world is looked at before a person is asked.
    pub probe: bool,
}

/// See [`Event::DoubtProbed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubtProbed {
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: u32,
    /// What was read before and now.
    pub evidence: String,
}

/// See [`Event::DoubtSettled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubtSettled {
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: u32,
    /// What it is taken for.
    pub verdict: DoubtVerdict,
    /// Who said so; absent: the world did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// On what grounds.
    pub why: String,
}

/// What a doubtful attempt is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtVerdict {
    /// It happened.
    Done,
    /// Do it again, with another idempotency key. Only a person says so.
    RunAgain,
    /// The step failed.
    Abort,
}

/// See [`Event::LateReply`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateReply {
    /// Which step.
    pub step: String,
    /// Which attempt.
    pub attempt: u32,
    /// What it said.
    pub summary: String,
}

/// See [`Event::Asked`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Which step.
    pub step: String,
    /// Its heading.
    pub title: String,
    /// What is asked.
    pub question: Question,
    /// When people are told that it is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// For a value.
    Value {
        /// The rendered question.
        text: String,
        /// What the answer must be.
        kind: crate::domain::runbook::model::InputKind,
    },
    /// For a branch.
    Branch {
        /// All cases, in order.
        cases: Vec<Offered>,
    },
    /// To do the step by hand and say how it went.
    Work,
    /// What to do about a failed step.
    Failure {
        /// Why it failed.
        summary: String,
    },
    /// What to make of an attempt in doubt.
    Doubt {
        /// What is known.
        evidence: String,
    },
}

/// One case of a decision as it stood when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// By which it is chosen.
    pub id: String,
    /// What people read.
    pub label: String,
    /// Whether its condition held; taking another needs a reason.
    pub fits: bool,
    /// Whether it is the recommended one.
    pub recommended: bool,
}

/// See [`Event::Answered`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Which step.
    pub step: String,
    /// The value, the case's id, or whether the work was done.
    pub answer: Value,
    /// Who; absent where a deadline took the harmless case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// What they said with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::QuestionOverdue`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionOverdue {
    /// Which step.
    pub step: String,
}

/// See [`Event::WaitStarted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitStarted {
    /// Which step.
    pub step: String,
    /// Until when.
    pub until: Instant,
}

/// See [`Event::WatchStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchStarted {
    /// Which step.
    pub step: String,
    /// Its heading.
    pub title: String,
    /// Until when; a restart of the process changes nothing about that.
    pub until: Instant,
    /// Milliseconds between samples.
    pub every_ms: u64,
    /// What is read each time.
    pub sample: Action,
    /// What is read from logs, with the forbidden text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<WatchedLog>,
}

/// A log that a watch reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchedLog {
    /// How it is read.
    pub action: Action,
    /// What must not stand in it.
    pub text: String,
    /// Milliseconds between readings.
    pub every_ms: u64,
}

/// See [`Event::WatchTallied`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchTallied {
    /// Which step.
    pub step: String,
    /// From when.
    pub from: Instant,
    /// To when.
    pub to: Instant,
    /// Samples that should have come in.
    pub due: u32,
    /// Samples that came in.
    pub taken: u32,
    /// Every value in order of time, by series: at 15 s a minute holds four.
    pub points: BTreeMap<String, Vec<Point>>,
    /// Why samples failed, once each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// One value of one series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it was read.
    pub at: Instant,
    /// What it was.
    pub value: f64,
}

/// See [`Event::WatchBreached`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchBreached {
    /// Which step.
    pub step: String,
    /// The limit, as it is written.
    pub that: String,
    /// What it means.
    pub level: Level,
    /// Since when the limit was broken.
    pub since: Instant,
    /// The values at the last of the samples.
    pub values: BTreeMap<String, f64>,
}

/// See [`Event::WatchRecovered`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchRecovered {
    /// Which step.
    pub step: String,
    /// The limit.
    pub that: String,
    /// The values now.
    pub values: BTreeMap<String, f64>,
}

/// See [`Event::WatchGap`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchGap {
    /// Which step.
    pub step: String,
    /// From when.
    pub from: Instant,
    /// To when.
    pub to: Instant,
    /// Why nobody looked.
    pub why: String,
}

/// See [`Event::WatchLogFound`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchLogFound {
    /// Which step.
    pub step: String,
    /// The forbidden text.
    pub text: String,
    /// The line it stood in, scrubbed, at most 500 characters.
    pub line: String,
    /// When the line was written, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
}

/// See [`Event::Notified`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// Which step.
    pub step: String,
    /// The text.
    pub text: String,
}

/// See [`Event::CriterionTicked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriterionTicked {
    /// Which one, from 0.
    pub index: u32,
    /// Its text.
    pub text: String,
    /// Who.
    pub by: Person,
}

/// See [`Event::CriteriaJudged`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriteriaJudged {
    /// All of them, in order.
    pub criteria: Vec<CriterionResult>,
}

/// One criterion at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriterionResult {
    /// Its text.
    pub text: String,
    /// Met, not met, or waiting for a person's tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    /// What was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw: Option<String>,
}
