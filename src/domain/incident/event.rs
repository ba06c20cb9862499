//! What can happen to an incident: the facts its journal stream is made of.
//!
//! Lives here: the events and the words they use (status, role, milestone, section). Never lives here: which event a
//! command leads to (`decide`), what follows from one (`state`). When something happened stands in the event's head.

use serde::{Deserialize, Serialize};

use super::investigation::{CauseNamed, EvidenceFound, HypothesisSettled, HypothesisStated};
use super::item::ItemId;
use super::review::{ActionSettled, ActionStated, ImpactStated, LessonLearned, Recommended, ReviewSet, Withdrawn};
use crate::base::event::{Instant, Person, RunId, Severity};

crate::stored_events! {
    /// A fact about one incident.
    Event {
        /// There is an incident.
        Declared = "incident.declared" v 1,
        /// Somebody takes it on.
        Acknowledged = "incident.acknowledged" v 1,
        /// How bad it is.
        SeveritySet = "incident.severity_set" v 1,
        /// How far the response is.
        StatusSet = "incident.status_set" v 1,
        /// Who does what in the response.
        RoleAssigned = "incident.role_assigned" v 1,
        /// When something happened that was not seen as it happened.
        MilestoneSet = "incident.milestone_set" v 1,
        /// A person wrote something down.
        Noted = "incident.noted" v 1,
        /// Something elsewhere that belongs to it.
        Linked = "incident.linked" v 1,
        /// What it is called.
        Titled = "incident.titled" v 1,
        /// A part of the postmortem that only a person can write.
        Summarised = "incident.summarised" v 1,
        /// A run belongs to it.
        RunAttached = "incident.run_attached" v 1,
        /// Whoever works on it was asked for what is missing.
        Reminded = "incident.reminded" v 1,
        /// It is over.
        Resolved = "incident.resolved" v 1,
        /// It is not over after all.
        Reopened = "incident.reopened" v 1,
        /// The review is done.
        Closed = "incident.closed" v 1,
        /// One person gives the command to another, with what there is to know.
        HandedOver = "incident.handed_over" v 1,
        /// Something may be wrong.
        HypothesisStated = "hypothesis.stated" v 1,
        /// A hypothesis came to something.
        HypothesisSettled = "hypothesis.settled" v 1,
        /// Something was looked at.
        EvidenceFound = "evidence.found" v 1,
        /// Why it happened.
        CauseNamed = "cause.named" v 1,
        /// A side of the impact.
        ImpactStated = "impact.stated" v 1,
        /// Something was learned.
        LessonLearned = "lesson.learned" v 1,
        /// Something should change.
        Recommended = "recommendation.stated" v 1,
        /// There is something to do.
        ActionStated = "action.stated" v 1,
        /// It is done, or open again.
        ActionSettled = "action.settled" v 1,
        /// When the review is held.
        ReviewSet = "review.set" v 1,
        /// Something stated does not count any more.
        Withdrawn = "item.withdrawn" v 1,
    }
}

impl Event {
    /// The numbered thing that it is about.
    #[must_use]
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::HypothesisStated(stated) => Some(stated.id),
            Self::HypothesisSettled(settled) => Some(settled.id),
            Self::EvidenceFound(found) => Some(found.id),
            Self::CauseNamed(cause) => Some(cause.id),
            Self::LessonLearned(lesson) => Some(lesson.id),
            Self::Recommended(recommended) => Some(recommended.id),
            Self::ActionStated(stated) => Some(stated.id),
            Self::ActionSettled(settled) => Some(settled.id),
            Self::Withdrawn(withdrawn) => Some(withdrawn.id),
            _ => None,
        }
    }
}

/// See [`Event::HandedOver`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// Who has the command from here on.
    pub to: Person,
    /// What that person was told.
    pub brief: String,
    /// Who handed over.
    pub by: Person,
}

/// How far the response is, in the usual order; any step forward or back is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is known that something is wrong.
    Detected,
    /// People look for what.
    Investigating,
    /// It is known what.
    Identified,
    /// The impact is over; people watch whether it stays so.
    Monitoring,
    /// It is over.
    Resolved,
    /// The review is done.
    Closed,
}

impl Status {
    /// All of them, in the usual order.
    pub const ALL: [Self; 6] =
        [Self::Detected, Self::Investigating, Self::Identified, Self::Monitoring, Self::Resolved, Self::Closed];

    /// As people read and type it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// Whether the response is still going on.
    #[must_use]
    pub fn is_open(self) -> bool {
        self < Self::Resolved
    }
}

/// What somebody does in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides.
    Commander,
    /// Records.
    Scribe,
    /// Fixes.
    Responder,
    /// Talks to those outside.
    Liaison,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Commander, Self::Scribe, Self::Responder, Self::Liaison];

    /// As people read and type it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Commander => "commander",
            Self::Scribe => "scribe",
            Self::Responder => "responder",
            Self::Liaison => "liaison",
        }
    }
}

/// A moment at which an incident changed its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// The impact began. Nobody sees that as it happens: it is set by hand.
    Started,
    /// The incident was declared, or noticed earlier than that.
    Detected,
    /// Somebody took it on.
    Acknowledged,
    /// The impact ended: the status first became *monitoring*.
    Mitigated,
    /// It was declared over.
    Resolved,
}

impl Milestone {
    /// All of them, in the usual order.
    pub const ALL: [Self; 5] = [Self::Started, Self::Detected, Self::Acknowledged, Self::Mitigated, Self::Resolved];

    /// As people read and type it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Detected => "detected",
            Self::Acknowledged => "acknowledged",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
        }
    }
}

/// A part of the postmortem that only a person can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// What happened, in a few sentences.
    Summary,
    /// Who noticed what, for how long.
    Impact,
    /// Why it happened.
    RootCause,
    /// What was learned.
    Lessons,
}

impl Section {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Summary, Self::Impact, Self::RootCause, Self::Lessons];

    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Impact => "impact",
            Self::RootCause => "root cause",
            Self::Lessons => "lessons",
        }
    }
}

/// See [`Event::Declared`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// What people call it: at most 200 characters.
    pub title: String,
    /// How bad it is, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Where: the environment's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The IANA name of the time zone in which people talk about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// When the impact began, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Instant>,
    /// When it was noticed.
    pub detected: Instant,
    /// Who.
    pub by: Person,
}

/// See [`Event::Acknowledged`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: Person,
    /// What they did that shows it, where they did not simply say so: `started run-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_doing: Option<String>,
}

/// See [`Event::SeveritySet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeveritySet {
    /// How bad it was held to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Severity>,
    /// How bad it is.
    pub to: Severity,
    /// Who.
    pub by: Person,
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::StatusSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusSet {
    /// What it was.
    pub from: Status,
    /// What it is: never *resolved* or *closed*, which are events of their own.
    pub to: Status,
    /// Who.
    pub by: Person,
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::RoleAssigned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssigned {
    /// Which role.
    pub role: Role,
    /// Who takes it; absent: nobody any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// Who said so.
    pub by: Person,
}

/// See [`Event::MilestoneSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneSet {
    /// Which one.
    pub milestone: Milestone,
    /// When it was; never after the event itself.
    pub at: Instant,
    /// Who said so.
    pub by: Person,
    /// How they know, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Something that an incident should have by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Somebody who leads.
    Commander,
    /// A word from anybody.
    Update,
    /// A summary.
    Summary,
}

/// See [`Event::Reminded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// What is missing; at least one.
    pub missing: Vec<Missing>,
    /// The how manieth reminder in a row that nobody answered, from 1.
    pub number: u32,
    /// After how many there are no more.
    pub at_most: u32,
}

/// See [`Event::Noted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What.
    pub text: String,
    /// Who.
    pub by: Person,
}

/// See [`Event::Linked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// An `http` or `https` address.
    pub url: String,
    /// What it is, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Who.
    pub by: Person,
}

/// See [`Event::Titled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Titled {
    /// What it is called from now on.
    pub title: String,
    /// Who.
    pub by: Person,
}

/// See [`Event::Summarised`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summarised {
    /// Which part; a later text replaces an earlier one.
    pub section: Section,
    /// The text.
    pub text: String,
    /// Who.
    pub by: Person,
}

/// See [`Event::RunAttached`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAttached {
    /// Which run.
    pub run: RunId,
    /// The id of its runbook.
    pub runbook: String,
    /// Who started it.
    pub by: Person,
}

/// See [`Event::Resolved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Who.
    pub by: Person,
    /// Whether nothing was open: otherwise it reads "resolved, unverified".
    pub verified: bool,
    /// Criteria that were not met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<String>,
    /// Attempts whose outcome nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// Criteria that nobody ticked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unticked: Vec<String>,
    /// Runs that were not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_runs: Vec<String>,
    /// Why all the same, or what there was to say; always there where something was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::Reopened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopened {
    /// What it was: resolved or closed.
    pub from: Status,
    /// What it is now.
    pub to: Status,
    /// Who.
    pub by: Person,
    /// Why, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// See [`Event::Closed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Who.
    pub by: Person,
    /// What there was to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
