//! What reaches a run from outside: replies of executors, reports of watches, persons, time.
//!
//! Lives here: [`Input`] and why one can be refused. Never lives here: what follows from it.

use serde_json::Value;

use super::apply::Impossible;
use super::event::{DoubtVerdict, WatchBreached, WatchGap, WatchLogFound, WatchRecovered, WatchTallied};
use crate::base::event::{Person, RunId};
use crate::domain::action::reply::{Answer, Failure, Probe, Reply};

/// Something happened outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Nothing but time passed: what is due comes due.
    Tick,
    /// A process drives the run from now on; whatever an earlier one had under way is lost.
    Adopt {
        /// Which process: `host:pid`.
        process: String,
    },
    /// An executor has something to say about an attempt.
    Reply {
        /// Which step, by its full id.
        step: String,
        /// Which visit of the step it was asked for.
        visit: u32,
        /// Which attempt.
        attempt: u32,
        /// What it says.
        reply: StageReply,
    },
    /// Persons who agreed to an action may not any more; nothing was sent yet.
    Lapse {
        /// Of which step.
        step: String,
        /// Who.
        persons: Vec<Person>,
        /// Why not.
        why: String,
    },
    /// A watch has something to say.
    Watch(WatchReport),
    /// A person wants something.
    Command {
        /// Who.
        by: Person,
        /// What.
        command: Command,
    },
}

/// What an executor says.
#[derive(Clone, Debug, PartialEq)]
pub enum StageReply {
    /// The baseline was read.
    Prepared {
        /// Kind-specific.
        baseline: Value,
        /// In one line.
        summary: String,
    },
    /// It could not be read.
    PrepareFailed(Failure),
    /// What the act came to.
    Acted(Reply),
    /// Whether the effect shows.
    Confirmed(Reply),
    /// The act was accepted, and a moment later the effect showed, or showed to be missing: one decision, one commit.
    ActedAndConfirmed {
        /// What the other side said.
        accepted: Answer,
        /// Whether the effect shows.
        confirmed: Reply,
    },
    /// What the world says about an attempt in doubt.
    Probed(Probe),
}

/// What a watch says.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchReport {
    /// A minute is full.
    Tallied(WatchTallied),
    /// A limit is broken.
    Breached(WatchBreached),
    /// A limit is kept again.
    Recovered(WatchRecovered),
    /// Nobody looked for a while.
    Gap(WatchGap),
    /// A forbidden text stood in a log.
    LogFound(WatchLogFound),
    /// Its time is over (the last tally came before).
    Ended {
        /// Which step.
        step: String,
    },
}

/// What a person can want of a run. A step left out means "the one that waits for exactly this".
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Agree to the exact action a step waits with.
    Approve {
        /// Which.
        step: Option<String>,
    },
    /// Refuse it.
    Reject {
        /// Which.
        step: Option<String>,
        /// Why.
        why: Option<String>,
    },
    /// Let it act without the quorum, with a reason, in the open.
    BreakGlass {
        /// Which.
        step: Option<String>,
        /// Why.
        why: String,
    },
    /// Take a branch.
    Choose {
        /// Of which step.
        step: Option<String>,
        /// The case's id.
        case: String,
        /// Why; needed where the case's condition does not hold.
        why: Option<String>,
    },
    /// Give the value that was asked for.
    Answer {
        /// Of which step.
        step: Option<String>,
        /// As typed.
        value: String,
    },
    /// Say how a step done by hand went.
    Done {
        /// Which.
        step: Option<String>,
        /// Whether it worked.
        ok: bool,
        /// What there is to say.
        note: Option<String>,
    },
    /// Say what an attempt in doubt is taken for.
    Settle {
        /// Which.
        step: Option<String>,
        /// For what.
        verdict: DoubtVerdict,
        /// On what grounds.
        why: Option<String>,
    },
    /// Do a failed step again, or one that rests before its next try at once.
    Retry {
        /// Which.
        step: Option<String>,
    },
    /// Go on without a step.
    Skip {
        /// Which.
        step: Option<String>,
        /// Why.
        why: Option<String>,
    },
    /// Go back to a step and do again what lies between; or start a step that takes another back (`undo`).
    Redo {
        /// To which.
        step: String,
        /// Why.
        why: Option<String>,
    },
    /// Let a step act although another run holds its target or the budget is spent.
    Override {
        /// Which.
        step: Option<String>,
        /// Why.
        why: String,
    },
    /// End the run as failed over the failed step.
    Stop {
        /// Why.
        why: Option<String>,
    },
    /// Hold it up: nothing new starts.
    Pause {
        /// Why.
        why: Option<String>,
    },
    /// Let it go on.
    Resume,
    /// End it; what was under way comes to its end, cleanup runs.
    Cancel {
        /// Why.
        why: Option<String>,
    },
    /// Tick a criterion, by its number from 1.
    Tick {
        /// Which.
        criterion: u32,
    },
}

/// Why an input changes nothing. The texts are read by people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run is over.
    #[error("{run} is over: it {outcome}")]
    Over {
        /// Which.
        run: RunId,
        /// How it ended.
        outcome: &'static str,
    },
    /// No step waits for this.
    #[error("nothing in {run} waits {what}{now}")]
    NothingWaits {
        /// Which.
        run: RunId,
        /// For what: `for an approval`.
        what: &'static str,
        /// What it does instead, starting with `; `; may be empty.
        now: String,
    },
    /// The plan has no such step.
    #[error("there is no step '{step}' in {run}{hint}")]
    NoStep {
        /// What was named.
        step: String,
        /// In which run.
        run: RunId,
        /// The nearest id, starting with `; `; may be empty.
        hint: String,
    },
    /// The step is somewhere else.
    #[error("'{step}' does not wait {what}: it is {stage}")]
    NotThere {
        /// Which.
        step: String,
        /// For what.
        what: &'static str,
        /// Where it stands.
        stage: &'static str,
    },
    /// The person may not.
    #[error("{0}")]
    NotAllowed(String),
    /// A reason is needed.
    #[error("{0}: say why with --why")]
    NeedsReason(String),
    /// What was given does not fit the question.
    #[error("{0}")]
    BadValue(String),
    /// The state does not allow it; the text says what does.
    #[error("{0}")]
    NotNow(String),
    /// The program would have recorded an impossible history: a defect of ours.
    #[error("this should not happen, please report it: {0}")]
    Defect(#[from] Impossible),
}
