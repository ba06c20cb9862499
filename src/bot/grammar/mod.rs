//! The command grammar: one clap tree for every door.
//!
//! Lives here: [`Command`], one file a noun, and the small parsers of its values. A door puts its own flags around it (a
//! terminal `--yes`, a chat none). Never lives here: what a command does, and anything that only a terminal or only a chat
//! has: every value is plain text, a number or one of a few words.

mod answers;
mod can_i;
mod chart;
mod digest;
mod findings;
mod freeze;
mod incident;
mod login;
mod monitor;
mod oncall;
mod overview;
mod page;
mod records;
mod runbook;
mod values;

pub use answers::{Answer, Approve, Decide, Done, Override, Reject, Settle, Tick, Verdict};
pub use can_i::{CanI, leaves, named};
pub use chart::{Chart, Format};
pub use digest::{Digest, DigestNow};
pub use findings::{
    Action, ActionAbout, BriefArgs, Cause, Evidence, Handoff, Hypothesis, ImpactArgs, LessonArgs, Recommend,
    ReviewArgs, SettleAction, SettleHypothesis, Similar, Withdraw,
};
pub use freeze::{Freeze, Unfreeze};
pub use incident::{Incident, Section};
pub use login::Login;
pub use monitor::Monitor;
pub use oncall::{Cover, Oncall, OverrideArgs, Simulate, Who};
pub use overview::{HealthNow, Now, StopAll};
pub use page::Page;
pub use records::{Backup, Export, Postmortem, Purge, Rehearse, ReportArgs, Restore, Timeline, Verify};
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
    /// Monitors: standing checks, how they are, who is to hear of them.
    #[command(subcommand)]
    Monitor(Monitor),
    /// Runbooks and their runs.
    #[command(subcommand)]
    Runbook(Runbook),
    /// Check runbooks; every fault is printed with its place. Short for `runbook check`.
    Check(Check),
    /// Show every step of a runbook as it would run. Short for `runbook plan`.
    Plan(PlanArgs),
    /// Run a runbook, or go on with a run. Short for `runbook run`.
    Run(Run),
    /// What is going on: open incidents, what their runs do, what waits for whom.
    Now(Now),
    /// How every target was when it was last looked at, and who froze it.
    Health(HealthNow),
    /// Who is on call: now, next, and who steps in.
    #[command(subcommand)]
    Oncall(Oncall),
    /// What happened since the last digest, and how everything is.
    Digest(Digest),
    /// Hold every open run up at once: nothing new starts. `runbook resume` lets one go on.
    Stop(StopAll),
    /// Calls for somebody on call: take one, pass it on, make one.
    #[command(subcommand)]
    Page(Page),
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
    /// Let a step act although another run holds its target, its budget is spent, or it is frozen.
    Override(Override),
    /// Keep every run's hands off a target, or a whole environment, for a while.
    Freeze(Freeze),
    /// Lift a freeze before its time.
    Unfreeze(Unfreeze),
    /// Tick a success criterion that a person judges.
    Tick(Tick),
    /// Write something down in the incident's timeline.
    Note(Note),
    /// What may be wrong, and what it came to.
    #[command(subcommand)]
    Hypothesis(Hypothesis),
    /// Write down what was looked at and what was found.
    Evidence(Evidence),
    /// Name the root cause, or what contributed.
    Cause(Cause),
    /// Say what the incident did to people.
    Impact(ImpactArgs),
    /// Write down what was learned.
    Lesson(LessonArgs),
    /// Recommend a change.
    Recommend(Recommend),
    /// Action items: work that follows.
    #[command(subcommand)]
    Action(Action),
    /// Say when the review is held.
    Review(ReviewArgs),
    /// Take back something stated; it stays in the journal.
    Withdraw(Withdraw),
    /// What somebody who joins must know: what, since when, who, tried, next.
    Brief(BriefArgs),
    /// Give the command of an incident to another person, with the brief.
    Handoff(Handoff),
    /// Incidents like this one: the same error, target or runbook.
    Similar(Similar),
    /// Do one action without a runbook, under the same rules: `do railway.restart target=redis`.
    Do(Do),
    /// The postmortem of an incident.
    #[command(subcommand)]
    Postmortem(Postmortem),
    /// Draw what the watches of an incident measured, and how it was before and after each repair.
    Chart(Chart),
    /// A page about an incident: the whole postmortem, a summary, the debugging record, phases, an update.
    Report(ReportArgs),
    /// Everything about an incident in a folder: pages, charts, events, runbooks, and hashes that `verify DIR` checks.
    Export(Export),
    /// A link that signs you in to the pages, once.
    #[command(visible_alias = "login-link")]
    Login(Login),
    /// Say whether you may do something, why not, and who could: `can-i incident resolve`.
    CanI(CanI),
    /// Everything recorded about an incident, in order.
    Timeline(Timeline),
    /// Check that nothing recorded was changed, removed or reordered.
    Verify(Verify),
    /// Copy the journal to a file while others write to it, and check the copy.
    Backup(Backup),
    /// Check a backup and put it in the journal's place.
    Restore(Restore),
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
