//! What was written down: timelines, postmortems, verification, erasure; and rehearsals, which write it down virtually.
//!
//! Lives here: their arguments. Never lives here: how a journal is read.

use clap::{Args, Subcommand};

use super::values::report_kind;
use crate::base::event::{IncidentId, RunId};
use crate::view::report::Kind;

/// `postmortem …`.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Postmortem {
    /// Fill in the postmortem from what was recorded. What is missing reads "not recorded".
    Draft {
        /// Which incident.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
        /// Write it to this file, its charts beside it.
        #[arg(long, value_name = "FILE")]
        to: Option<String>,
    },
    /// Everything about an incident: pages, charts, events, runbooks, and hashes that `verify` checks.
    Export {
        /// Which incident.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
        /// The folder to make; it must not be there yet.
        #[arg(long, value_name = "DIR")]
        to: Option<String>,
    },
    /// List what is missing or unsupported; fails where anything is.
    Check {
        /// Which incident.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
    },
}

/// `report KIND`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct ReportArgs {
    /// Which page.
    #[arg(value_parser = report_kind(), ignore_case = true)]
    pub kind: Kind,
    /// Which incident; the only open one, or else the last.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
    /// Write it to this file.
    #[arg(long, value_name = "FILE")]
    pub to: Option<String>,
    /// Print the template that is built in instead, to start your own from.
    #[arg(long, conflicts_with_all = ["incident", "to"])]
    pub template: bool,
}

/// `export INC --to DIR`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Export {
    /// Which incident; the only open one, or else the last.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
    /// The folder to make; it must not be there yet.
    #[arg(long, value_name = "DIR")]
    pub to: String,
}

/// `timeline`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Which incident; the only open one, or else the last.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `verify`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Verify {
    /// A folder that `export` made; the journal itself where left out.
    #[arg(value_name = "DIR")]
    pub export: Option<String>,
    /// A head that was kept elsewhere, `POS:HASH`: shows whether the journal was cut short or rewritten since.
    #[arg(long, value_name = "POS:HASH")]
    pub anchor: Option<String>,
}

/// `backup TO`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Backup {
    /// The file to write; in a folder that is there.
    #[arg(value_name = "TO")]
    pub to: String,
    /// Overwrite it if it is there.
    #[arg(long)]
    pub force: bool,
}

/// `restore FROM`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Restore {
    /// The backup.
    #[arg(value_name = "FROM")]
    pub from: String,
    /// The anchor that was printed with it, `POS:HASH`: shows whether it was cut short or rewritten since.
    #[arg(long, value_name = "POS:HASH")]
    pub anchor: Option<String>,
    /// Put it in the place of the journal that is there, which is kept aside under a name that says when.
    #[arg(long)]
    pub replace: bool,
}

/// `purge EVENT`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Purge {
    /// The event's number, as the timeline prints it: `#12` or `12`.
    #[arg(value_name = "EVENT")]
    pub event: String,
    /// Why; it stays in the journal.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
}

/// `rehearse`.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Rehearse {
    /// Which scenarios; the stock runbook's first one where left out.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// All of them.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Only list them.
    #[arg(long, conflicts_with_all = ["names", "all"])]
    pub list: bool,
    /// Play over real sockets on this machine, with the real clients, in scaled time, and open the pages over it. With --as PERSON
    /// you play that person of the scenario yourself.
    #[arg(long, conflicts_with_all = ["list", "record"])]
    pub live: bool,
    /// How many times as fast as the wall time passes with --live: 60 where it is not said, 10 where you play somebody.
    #[arg(long, value_name = "N", requires = "live", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub speed: Option<u32>,
    /// Keep the pages open when it is over, also where nobody sits at this terminal.
    #[arg(long, requires = "live", conflicts_with = "all")]
    pub stay: bool,
    /// Turn a past run into a scenario: the world's answers as they were, to play a changed runbook against.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["names", "all", "list"])]
    pub record: Option<RunId>,
    /// Where the scenario is written; `rehearsals/RUN.yaml` beside the runbooks where left out.
    #[arg(long, value_name = "FILE", requires = "record")]
    pub to: Option<String>,
}
