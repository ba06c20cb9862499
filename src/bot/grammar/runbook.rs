//! `runbook …`, and `do`.
//!
//! Lives here: reading runbooks, starting runs, steering them. Never lives here: answers to what a run asks (`answers`).

use clap::{Args, Subcommand};

use super::Pair;
use crate::base::event::{IncidentId, RunId};

/// What can be done with runbooks and runs. A run left out is the only open one.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Runbook {
    /// List the runbooks.
    List,
    /// Print a runbook's page.
    Show {
        /// Its id, or a file.
        #[arg(value_name = "RUNBOOK")]
        runbook: String,
    },
    /// Check runbooks; every fault is printed with its place.
    Check(Check),
    /// Show every step as it would run.
    Plan(PlanArgs),
    /// Say what a review of a change must see.
    Diff(Diff),
    /// Say whether runbooks still fit: rehearsed lately, targets there, every branch tried, how runs went.
    Health(Health),
    /// Run a runbook, or go on with a run.
    Run(Run),
    /// Show a run: every step, and what waits for whom.
    Status {
        /// Which; the only open one, or else the last.
        #[arg(value_name = "RUN")]
        run: Option<RunId>,
    },
    /// Hold a run up: nothing new starts.
    Pause {
        /// Which.
        #[arg(value_name = "RUN")]
        run: Option<RunId>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Let a held-up run go on.
    Resume {
        /// Which.
        #[arg(value_name = "RUN")]
        run: Option<RunId>,
    },
    /// Go on without a step.
    Skip {
        /// Which; the one under way where left out.
        #[arg(value_name = "STEP")]
        step: Option<String>,
        /// Of which run.
        #[arg(long, value_name = "RUN")]
        run: Option<RunId>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Do a failed step again.
    Retry {
        /// Which; the failed one where left out.
        #[arg(value_name = "STEP")]
        step: Option<String>,
        /// Of which run.
        #[arg(long, value_name = "RUN")]
        run: Option<RunId>,
    },
    /// Go back to a step and do again what lies between, or take a step back with its undo step.
    Redo {
        /// To which step.
        #[arg(value_name = "STEP")]
        step: String,
        /// Of which run.
        #[arg(long, value_name = "RUN")]
        run: Option<RunId>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// End a run as failed over the step that failed; cleanup steps run.
    Stop {
        /// Which.
        #[arg(value_name = "RUN")]
        run: Option<RunId>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// End a run; what is under way comes to its end, cleanup steps run.
    Cancel {
        /// Which.
        #[arg(value_name = "RUN")]
        run: Option<RunId>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
}

/// See [`Runbook::Check`].
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// Runbooks by id, files or folders; all runbooks where left out.
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// The environment whose targets are checked against; the default one where left out.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

/// See [`Runbook::Health`].
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The runbook's id, or a file; all runbooks where left out.
    #[arg(value_name = "RUNBOOK")]
    pub runbook: Option<String>,
    /// The environment whose targets are looked for; the default one where left out.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

/// Where and with what a runbook runs.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Where {
    /// The environment of `targets.yaml`; the default one where left out.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// A value for one of the runbook's inputs; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE")]
    pub input: Vec<Pair>,
    /// Only this phase, by its heading; may be given more than once.
    #[arg(long, value_name = "TITLE")]
    pub phase: Vec<String>,
}

/// See [`Runbook::Plan`].
#[derive(Args, Clone, Debug, PartialEq)]
pub struct PlanArgs {
    /// The runbook's id, or a file.
    #[arg(value_name = "RUNBOOK")]
    pub runbook: String,
    #[allow(missing_docs, reason = "a doc comment here would become help text")]
    #[command(flatten)]
    pub at: Where,
}

/// See [`Runbook::Diff`].
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Diff {
    /// The runbook as it was: an id or a file.
    #[arg(value_name = "OLD")]
    pub old: String,
    /// The runbook as it is to be.
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// See [`Runbook::Run`].
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Run {
    /// The runbook's id, or a file.
    #[arg(value_name = "RUNBOOK", required_unless_present = "resume")]
    pub runbook: Option<String>,
    #[allow(missing_docs, reason = "a doc comment here would become help text")]
    #[command(flatten)]
    pub at: Where,
    /// The incident it belongs to; a new one is declared where left out.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
    /// Begin at this step; says what differs from the runbook's last run.
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,
    /// Go on with a run after a pause or a crash; the only open one where none is named.
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with_all = ["runbook", "from", "incident", "input", "phase", "env"])]
    pub resume: Option<Option<RunId>>,
}

/// See [`super::Command::Do`].
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Do {
    /// The kind of step: `http`, `railway.restart`, `redis.clients`, …
    #[arg(value_name = "ACTION")]
    pub action: String,
    /// Its parameters: `target=redis`, `get=https://…`, `json.name=value` for a part of one.
    #[arg(value_name = "NAME=VALUE")]
    pub params: Vec<Pair>,
    /// What the answer must satisfy: `status == 200`; may be given more than once.
    #[arg(long, value_name = "CONDITION")]
    pub expect: Vec<String>,
    /// How long it may take: `30s`.
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// The environment of `targets.yaml`; the default one where left out.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// The incident it belongs to; a new one is declared where left out.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}
