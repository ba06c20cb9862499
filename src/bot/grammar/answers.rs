//! What persons answer to a run that waits for them.
//!
//! Lives here: approvals, decisions, values, manual work, doubts, overrides, ticks. A step left out is the one that waits
//! for exactly this; a run left out is the only open one. Never lives here: who may (the run decides that).

use clap::{Args, ValueEnum};

use crate::base::event::RunId;
use crate::domain::run::event::DoubtVerdict;

/// `approve [STEP]`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Approve {
    /// Which step.
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// Of which run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// Go ahead alone, without the others it takes; says so in the open.
    #[arg(long, requires = "why")]
    pub break_glass: bool,
    /// Why; only with --break-glass.
    #[arg(long, value_name = "TEXT", requires = "break_glass")]
    pub why: Option<String>,
}

/// `reject [STEP]`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Reject {
    /// Which step.
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// Of which run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// `decide CASE`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Decide {
    /// The case's id.
    #[arg(value_name = "CASE")]
    pub case: String,
    /// Of which step.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Of which run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// Why; needed for a case whose condition does not hold.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// `answer VALUE`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Answer {
    /// The value.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub value: String,
    /// Of which step.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Of which run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
}

/// `done [STEP]`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Done {
    /// Which step.
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// It could not be done.
    #[arg(long)]
    pub failed: bool,
    /// What there is to say about it.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Of which run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
}

/// `settle done|again|abort`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Settle {
    /// What the attempt is taken for.
    #[arg(value_enum, ignore_case = true)]
    pub verdict: Verdict,
    /// On what grounds.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Of which step.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Of which run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
}

/// What an attempt in doubt is taken for, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verdict {
    /// It happened; the run goes on.
    Done,
    /// Do it again: it may then have happened twice.
    Again,
    /// The step failed.
    Abort,
}

impl From<Verdict> for DoubtVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::Again => Self::RunAgain,
            Verdict::Abort => Self::Abort,
        }
    }
}

/// `override --why TEXT`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Override {
    /// Which step.
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// Why; everybody sees it.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Of which run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
}

/// `tick N`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Tick {
    /// The criterion's number, from 1, as `runbook status` lists them.
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub criterion: u32,
    /// Of which run; where left out, the only open one, or else the last.
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
}
