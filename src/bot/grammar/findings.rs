//! `hypothesis …`, `evidence`, `cause`, `impact`, `lesson`, `recommend`, `action …`, `review`, `withdraw`.
//!
//! Lives here: what people state about an incident while they look for its cause and afterwards. Never lives here: what
//! follows from a statement (`domain/incident`).

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::values::{impact, lesson, severity};
use crate::base::event::{IncidentId, Severity};
use crate::domain::incident::item::ItemId;
use crate::domain::incident::review::{Impact, Lesson};

/// What may be wrong.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Hypothesis {
    /// Say what may be wrong.
    Add {
        /// What.
        #[arg(required = true, num_args = 1.., value_name = "TEXT")]
        claim: Vec<String>,
        /// What would be seen if it were so.
        #[arg(long, value_name = "TEXT")]
        expecting: Option<String>,
        /// How it is tested.
        #[arg(long, value_name = "TEXT")]
        test: Option<String>,
        /// It is another fault, found on the way: it does not explain this incident.
        #[arg(long)]
        different_problem: bool,
        /// State an earlier one anew: `H1`.
        #[arg(long, value_name = "ID")]
        corrects: Option<ItemId>,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// It is so.
    Confirm(SettleHypothesis),
    /// It is not so.
    Eliminate(SettleHypothesis),
    /// It is open again.
    Reopen(SettleHypothesis),
    /// List them with their evidence.
    List {
        /// Which incident.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
    },
}

/// What a hypothesis came to.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct SettleHypothesis {
    /// Which: `H1`.
    #[arg(value_name = "ID")]
    pub id: ItemId,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `evidence CHECKED --found TEXT`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was looked at.
    #[arg(required = true, num_args = 1.., value_name = "CHECKED")]
    pub checked: Vec<String>,
    /// What was there.
    #[arg(long, value_name = "TEXT")]
    pub found: String,
    /// What follows from it.
    #[arg(long, value_name = "TEXT")]
    pub implies: Option<String>,
    /// For or against which hypothesis: `H1`.
    #[arg(long, value_name = "ID")]
    pub hypothesis: Option<ItemId>,
    /// Where it can be seen.
    #[arg(long, value_name = "URL")]
    pub link: Option<String>,
    /// State an earlier one anew: `E1`.
    #[arg(long, value_name = "ID")]
    pub corrects: Option<ItemId>,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
    /// When it was looked at, if not now.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `cause [TEXT]`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Cause {
    /// What; the hypothesis itself where left out.
    #[arg(num_args = 0.., required_unless_present = "hypothesis", value_name = "TEXT")]
    pub text: Vec<String>,
    /// It contributed, and is not the root cause.
    #[arg(long)]
    pub contributing: bool,
    /// The hypothesis that it was: `H1`; it is then confirmed.
    #[arg(long, value_name = "ID")]
    pub hypothesis: Option<ItemId>,
    /// State an earlier one anew: `C1`.
    #[arg(long, value_name = "ID")]
    pub corrects: Option<ItemId>,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `impact SIDE TEXT`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct ImpactArgs {
    /// Which side of it.
    #[arg(value_parser = impact(), ignore_case = true)]
    pub side: Impact,
    /// What.
    #[arg(required = true, num_args = 1.., value_name = "TEXT")]
    pub text: Vec<String>,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `lesson KIND TEXT`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct LessonArgs {
    /// What kind.
    #[arg(value_parser = lesson(), ignore_case = true)]
    pub kind: Lesson,
    /// What.
    #[arg(required = true, num_args = 1.., value_name = "TEXT")]
    pub text: Vec<String>,
    /// State an earlier one anew: `L1`.
    #[arg(long, value_name = "ID")]
    pub corrects: Option<ItemId>,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `recommend TEXT`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Recommend {
    /// What should change.
    #[arg(required = true, num_args = 1.., value_name = "TEXT")]
    pub text: Vec<String>,
    /// How much it matters; P0 is a must.
    #[arg(long, value_parser = severity(), ignore_case = true, default_value = "P1", value_name = "PRIORITY")]
    pub priority: Severity,
    /// Tool, scope, target: what makes it concrete.
    #[arg(long, value_name = "TEXT")]
    pub detail: Option<String>,
    /// State an earlier one anew: `R1`.
    #[arg(long, value_name = "ID")]
    pub corrects: Option<ItemId>,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// Work that follows.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Action {
    /// Write down what is to be done.
    Add {
        /// What.
        #[arg(required = true, num_args = 1.., value_name = "TEXT")]
        text: Vec<String>,
        /// Who, how urgent, until when, where.
        #[command(flatten)]
        about: ActionAbout,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// Change what one says; what is left out stays.
    Set {
        /// Which: `A1`.
        #[arg(value_name = "ID")]
        id: ItemId,
        /// What is to be done.
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Who, how urgent, until when, where.
        #[command(flatten)]
        about: ActionAbout,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// It is done.
    Done(SettleAction),
    /// It is not done after all.
    Reopen(SettleAction),
    /// List them: open ones of every incident, overdue ones first.
    List {
        /// Of one incident only.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
        /// Done ones as well.
        #[arg(long)]
        all: bool,
    },
}

/// Who, how urgent, until when, where.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct ActionAbout {
    /// Who sees to it.
    #[arg(long, value_name = "PERSON")]
    pub owner: Option<String>,
    /// How much it matters; P0 is a must.
    #[arg(long, value_parser = severity(), ignore_case = true, value_name = "PRIORITY")]
    pub priority: Option<Severity>,
    /// The last day: `2026-02-09`.
    #[arg(long, value_name = "DATE")]
    pub due: Option<NaiveDate>,
    /// Its ticket, change or page.
    #[arg(long, value_name = "URL")]
    pub link: Option<String>,
}

/// Whether an action item is done.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct SettleAction {
    /// Which: `A1`.
    #[arg(value_name = "ID")]
    pub id: ItemId,
    /// How it was done, or why it is open again.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `review TIME`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct ReviewArgs {
    /// When it is held: `2026-02-03 10:00` or `2026-02-03T13:00:00Z`.
    #[arg(value_name = "TIME")]
    pub at: String,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `withdraw ID`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Withdraw {
    /// Which: `H1`, `E2`, `C1`, `L3`, `R1`, `A4`.
    #[arg(value_name = "ID")]
    pub id: ItemId,
    /// Why; it stays in the journal.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Which incident.
    #[arg(long, value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `brief`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct BriefArgs {
    /// Which incident; the only open one, or else the last.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
}

/// `handoff INC TO`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Handoff {
    /// Which incident.
    #[arg(value_name = "INC")]
    pub incident: IncidentId,
    /// Who takes the command.
    #[arg(value_name = "TO")]
    pub to: String,
    /// Why; goes into the timeline.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// `similar`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Similar {
    /// Which incident; the only open one, or else the last.
    #[arg(value_name = "INC")]
    pub incident: Option<IncidentId>,
}
