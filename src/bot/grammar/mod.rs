//! The command grammar: one clap tree for every door.
//!
//! Lives here: [`Command`], one file a noun, and the small parsers of its values. A door puts its own flags around it (a
//! terminal `--yes`, a chat none). Never lives here: what a command does, and anything that only a terminal or only a chat
//! has: every value is plain text, a number or one of a few words.

mod answers;
mod incident;
mod records;
mod runbook;
mod values;

pub use answers::{Answer, Approve, Decide, Done, Override, Reject, Settle, Tick, Verdict};
pub use incident::{Incident, Section};
pub use records::{Postmortem, Purge, Rehearse, Timeline, Verify};
pub use runbook::{Check, Diff, Do, Health, PlanArgs, Run, Runbook, Where};
pub use values::Pair;

use clap::{Args, Subcommand};

use crate::base::event::IncidentId;

/// What a person can say to Rundown, through whatever door.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Incidents: declare one, follow it, resolve it.
    #[command(subcommand)]
    Incident(Incident),
    /// Runbooks and their runs.
    #[command(subcommand)]
    Runbook(Runbook),
    /// Check runbooks; every fault is printed with its place. Short for `runbook check`.
    Check(Check),
    /// Show every step of a runbook as it would run. Short for `runbook plan`.
    Plan(PlanArgs),
    /// Run a runbook, or go on with a run. Short for `runbook run`.
    Run(Run),
    /// Agree to the exact action that a step waits with.
    Approve(Approve),
    /// Refuse the action that a step waits with.
    Reject(Reject),
    /// Take a branch that a step asks for.
    Decide(Decide),
    /// Give the value that a step asks for.
    Answer(Answer),
    /// Say how a step done by hand went.
    Done(Done),
    /// Say what an attempt with an unknown outcome is taken for.
    Settle(Settle),
    /// Let a step act although another run holds its target or its budget is spent.
    Override(Override),
    /// Tick a success criterion that a person judges.
    Tick(Tick),
    /// Write something down in the incident's timeline.
    Note(Note),
    /// Do one action without a runbook, under the same rules: `do railway.restart target=redis`.
    Do(Do),
    /// The postmortem of an incident.
    #[command(subcommand)]
    Postmortem(Postmortem),
    /// Everything recorded about an incident, in order.
    Timeline(Timeline),
    /// Check that nothing recorded was changed, removed or reordered.
    Verify(Verify),
    /// Erase what one event says; that it was there, who erased it and why stay.
    Purge(Purge),
    /// Play runbooks against a scripted world in virtual time.
    Rehearse(Rehearse),
    /// The JSON Schema of a step's block, for editors.
    Schema,
}

/// See [`Command::Note`].
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Note {
    /// What there is to say.
    #[arg(required = true, num_args = 1.., value_name = "TEXT")]
    pub text: Vec<String>,
    /// Which incident; the only open one where left out.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
    /// When it happened, if not now: `14:05`, `10m ago` or `2026-01-30T14:05:00Z`.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

#[cfg(test)]
mod tests;
