//! The people of a scenario.
//!
//! Lives here: the shape. Never lives here: when they get to act.

use serde::Deserialize;

use crate::base::schedule::Span;

/// One thing that one person does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Who.
    pub who: String,
    /// What.
    pub does: Does,
    /// At which step. Needed by everything that answers a question.
    #[serde(default)]
    pub step: Option<String>,
    /// The how-manieth time that this step asks this, from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How long after it was asked, or after what `on` says.
    #[serde(default)]
    pub after: Span,
    /// With which reason.
    #[serde(default)]
    pub why: Option<String>,
    /// What it follows, where it answers no question: an event that the bot wrote down.
    #[serde(default)]
    pub on: Option<Occasion>,
}

fn one() -> u32 {
    1
}

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Approves.
    Approve,
    /// Refuses approval.
    Reject,
    /// Lets it act without the quorum; `why` is needed.
    BreakGlass,
    /// Takes this case of a decision.
    Choose(String),
    /// Gives this value.
    Answer(String),
    /// Did a manual step.
    Done,
    /// Could not do a manual step.
    NotDone,
    /// Settles a doubt.
    Settle(Verdict),
    /// Has a failed step done again.
    Retry,
    /// Goes on without a failed step.
    Skip,
    /// Ends the run over a failed step.
    Stop,
    /// Ticks the criterion that begins like this. Without `on`: when the criteria have been judged.
    Tick(String),
    /// Goes back to this step (or starts one that takes another back). Needs `on`.
    Redo(String),
    /// Holds the run up. Needs `on`.
    Pause,
    /// Lets it go on. Needs `on`.
    Resume,
    /// Ends the run. Needs `on`.
    Cancel,
    /// Lets a step act although its target is held or its budget spent; `why` is needed.
    Override,
    /// Says how far the response is: `identified`, `monitoring`. Needs `on`.
    Status(String),
    /// Writes a note into the incident. Needs `on`.
    Note(String),
    /// Resolves the incident. Without `on`: when the run is over.
    Resolve,
    /// Is asked for an approval and does not answer.
    Nothing,
}

/// What a doubtful attempt is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It happened.
    Done,
    /// Do it again.
    RunAgain,
    /// The step failed.
    Abort,
}

/// An event that the bot wrote down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Occasion {
    /// Its kind: `watch.started`.
    pub event: String,
    /// Of which step; any where absent.
    #[serde(default)]
    pub step: Option<String>,
    /// The how-manieth of these, from 1.
    #[serde(default = "one")]
    pub nth: u32,
}
