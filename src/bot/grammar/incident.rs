//! `incident …`.
//!
//! Lives here: the verbs of incidents. Never lives here: what they lead to (`domain/incident`).

use clap::{Subcommand, ValueEnum};

use super::values::{milestone, role, severity, status};
use crate::base::event::{IncidentId, Severity};
use crate::domain::incident::event::{self, Milestone, Role, Status};

/// What can be done about incidents. An incident left out is the only open one.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Incident {
    /// Declare an incident; a title is enough.
    Declare {
        /// What people call it.
        #[arg(required = true, num_args = 1.., value_name = "TITLE")]
        title: Vec<String>,
        /// How bad it is; P0 is the worst.
        #[arg(long, value_parser = severity(), ignore_case = true, value_name = "SEVERITY")]
        severity: Option<Severity>,
        /// Where.
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
        /// The time zone people talk about it in: `Europe/Berlin`.
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
        /// When the impact began: `14:05`, `10m ago` or `2026-01-30T14:05:00Z`.
        #[arg(long, value_name = "TIME")]
        started: Option<String>,
        /// When it was noticed, if not now.
        #[arg(long, value_name = "TIME")]
        detected: Option<String>,
    },
    /// List incidents.
    List {
        /// Closed and resolved ones as well.
        #[arg(long)]
        all: bool,
    },
    /// Show an incident: status, people, times, runs.
    Show {
        /// Which.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// Take an incident on.
    Ack {
        /// Which.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// Say how bad it is.
    Severity {
        /// P0 is the worst.
        #[arg(value_parser = severity(), ignore_case = true)]
        severity: Severity,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Say how far the response is.
    Status {
        /// How far.
        #[arg(value_parser = status(), ignore_case = true)]
        status: Status,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Give a role to a person.
    Assign {
        /// Which role.
        #[arg(value_parser = role(), ignore_case = true)]
        role: Role,
        /// Who; nobody where left out.
        person: Option<String>,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
        /// Why; goes into the timeline.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Write something down in the timeline.
    Note(super::Note),
    /// Tie something elsewhere to it.
    Link {
        /// An http or https address.
        url: String,
        /// What it is.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// Write a part of the postmortem that only a person can write.
    Summary {
        /// The text.
        #[arg(required = true, num_args = 1.., value_name = "TEXT")]
        text: Vec<String>,
        /// Which part.
        #[arg(long, value_enum, default_value = "summary", ignore_case = true)]
        section: Section,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// Call it something else.
    Title {
        /// What.
        #[arg(required = true, num_args = 1.., value_name = "TITLE")]
        title: Vec<String>,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
    },
    /// Say when something happened.
    Milestone {
        /// What.
        #[arg(value_parser = milestone(), ignore_case = true)]
        milestone: Milestone,
        /// When: `14:05`, `10m ago` or `2026-01-30T14:05:00Z`.
        #[arg(value_name = "TIME")]
        at: String,
        /// Which incident.
        #[arg(long, value_name = "INC")]
        incident: Option<IncidentId>,
        /// How that is known.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Declare it over. What is still open is listed, and needs a reason to be passed over.
    Resolve {
        /// Which.
        #[arg(value_name = "INC")]
        incident: Option<IncidentId>,
        /// Why all the same, where something is open.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// It is not over after all.
    Reopen {
        /// Which.
        #[arg(value_name = "INC")]
        incident: IncidentId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// The review is done.
    Close {
        /// Which.
        #[arg(value_name = "INC")]
        incident: IncidentId,
        /// Why all the same, where something is open.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
}

/// A part of the postmortem, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// What happened.
    Summary,
    /// Who noticed what, for how long.
    Impact,
    /// Why it happened.
    RootCause,
    /// What was learned.
    Lessons,
}

impl From<Section> for event::Section {
    fn from(section: Section) -> Self {
        match section {
            Section::Summary => Self::Summary,
            Section::Impact => Self::Impact,
            Section::RootCause => Self::RootCause,
            Section::Lessons => Self::Lessons,
        }
    }
}
