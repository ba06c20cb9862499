//! What a digest tells, as values: the same for every door.
//!
//! Lives here: [`Digest`] and its parts, what of it is worth a word. Never lives here: where it comes from (`bot/digest`), its
//! wording (`view/digest`).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::event::Skipped;
use crate::base::event::{IncidentId, Instant, Person, Severity};
use crate::base::series::Series;

/// Error budgets with less left than this, in percent, are worth a word on a quiet day.
pub const LOW_BUDGET: f64 = 25.0;
/// Availability in percent that moved by less has not changed.
const MOVED: f64 = 0.05;
/// A p95 that is this many times what it was has changed.
const SLOWER: f64 = 1.5;

/// What happened in a stretch of time, and how everything is at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    /// Which one; none where nobody wrote one down.
    pub name: Option<String>,
    /// In which zone its readers read times.
    pub zone: Tz,
    /// What it looks back on: from here,
    pub since: Instant,
    /// to here.
    pub until: Instant,
    /// When it was due; none where somebody asked for it.
    pub due: Option<Instant>,
    /// Whether nobody kept it when it was due.
    pub late: bool,
    /// Those that were not sent since the last one.
    pub missed: Vec<Skipped>,
    /// How everything is that somebody looks at, the worst first.
    pub health: Vec<Health>,
    /// What is left of what may fail, the least first.
    pub budgets: Vec<Budget>,
    /// Incidents that are open, or were opened or resolved in that time; the open ones first.
    pub incidents: Vec<Incident>,
    /// What was called in that time.
    pub pages: Pages,
    /// Action items whose last day is over, the longest overdue first.
    pub overdue: Vec<Overdue>,
    /// Incidents whose review is due and that nobody has closed, the most urgent first.
    pub reviews: Vec<Review>,
    /// Who is on call, and who is next.
    pub oncall: Vec<Duty>,
    /// Runbooks that may not fit the world any more.
    pub stale: Vec<Stale>,
    /// What is frozen, overridden or muted.
    pub in_force: Vec<InForce>,
    /// What p95s or availabilities were, of the few that matter most.
    pub series: Vec<KeySeries>,
    /// What could not be found out, and why; a sentence each.
    pub unknown: Vec<String>,
}

/// How something is. The worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It does not do what it is for.
    Failing,
    /// It changes to and fro.
    Flapping,
    /// It answers, worse than it should.
    Degraded,
    /// As it should be.
    Healthy,
    /// Nobody has looked lately.
    Unknown,
}

impl Condition {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Flapping => "flapping",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
            Self::Unknown => "not looked at",
        }
    }
}

/// What is compared from one digest to the next. It is stored with the intent to send one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// How it was.
    pub condition: Condition,
    /// Percent of the samples of the digest's time that did not fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<f64>,
    /// What 95 of 100 answers of that time did not exceed, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u32>,
}

/// How a target, or a monitor that is about none, is.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Its name.
    pub name: String,
    /// As it is now, and was in that time.
    pub now: Figure,
    /// As the last digest had it; none where it did not.
    pub was: Option<Figure>,
    /// What was seen, where it is not well; who muted it.
    pub seen: String,
    /// The last 24 hours, a value an hour: p95 in milliseconds where answers were measured, else availability in percent.
    pub day: (Measure, Series),
}

/// What a series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Percent of the samples that did not fail.
    Availability,
    /// What 95 of 100 answers did not exceed, in milliseconds.
    P95,
}

impl Health {
    /// Whether it is other than it was: another condition, or figures that moved far enough to matter.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.was.is_some_and(|was| was.condition != self.now.condition)
            || self.availability_was().is_some()
            || self.p95_was().is_some()
    }

    fn became_other(&self, was: &Figure) -> bool {
        // That no run looked again at what no monitor is about is no news.
        let unwatched = self.now.condition == Condition::Unknown && was.availability.is_none();
        was.condition != self.now.condition && !unwatched
    }

    /// The availability before, where it has moved.
    #[must_use]
    pub fn availability_was(&self) -> Option<f64> {
        let (was, now) = (self.was?.availability?, self.now.availability?);
        ((was - now).abs() >= MOVED).then_some(was)
    }

    /// The p95 before, where it has moved.
    #[must_use]
    pub fn p95_was(&self) -> Option<u32> {
        let (was, now) = (self.was?.p95_ms?, self.now.p95_ms?);
        let (less, more) = (f64::from(was.min(now).max(1)), f64::from(was.max(now)));
        // Below that nobody notices.
        (more >= 50.0 && more / less >= SLOWER).then_some(was)
    }

    /// Whether somebody should look at it.
    #[must_use]
    pub fn needs_a_look(&self) -> bool {
        matches!(self.now.condition, Condition::Failing | Condition::Flapping | Condition::Degraded)
            || self.was.is_some_and(|was| self.became_other(&was))
            || self.now.availability.zip(self.availability_was()).is_some_and(|(now, was)| now < was)
    }
}

/// What is left of what a promise lets fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Of which monitor.
    pub monitor: String,
    /// Percent that were promised.
    pub promised: f64,
    /// Percent there were.
    pub uptime: f64,
    /// Percent of the failures that the promise allows; below 0 it is broken.
    pub left: f64,
    /// Over how long, as people write it.
    pub over: String,
}

/// An incident in that time.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Which.
    pub id: IncidentId,
    /// What people call it.
    pub title: String,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// How far it is, in a word.
    pub status: String,
    /// Whether it goes on.
    pub open: bool,
    /// When it was declared.
    pub declared_at: Instant,
    /// Whether that was in this time.
    pub opened: bool,
    /// When it was resolved, where that was in this time.
    pub resolved_at: Option<Instant>,
    /// Who leads, or took it on.
    pub lead: Option<Person>,
}

/// The pages of that time; drills are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// How many began.
    pub count: usize,
    /// After how many milliseconds those of them that were answered were, the quickest first.
    pub answered_ms: Vec<u64>,
    /// Of how many nobody answered, and nobody is called any more.
    pub unanswered: usize,
    /// How many still call.
    pub calling: usize,
}

/// An action item that is overdue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its incident and id: `inc-3 A1`.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Who sees to it.
    pub owner: Option<Person>,
    /// Its last day.
    pub due: NaiveDate,
}

/// A review that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Of which incident.
    pub incident: IncidentId,
    /// What people call it.
    pub title: String,
    /// When.
    pub due: Instant,
    /// Who leads, or led, the incident.
    pub lead: Option<Person>,
}

/// Who is on call on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// Which.
    pub schedule: String,
    /// Who; nobody, where it is none.
    pub person: Option<Person>,
    /// Until when, and who is next; absent where it stays so.
    pub next: Option<(Instant, Option<Person>)>,
}

/// A runbook that may not fit the world any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Its id.
    pub runbook: String,
    /// Why.
    pub why: String,
}

/// Something that holds for a while and is not as usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InForce {
    /// A target, or everything, is frozen.
    Freeze {
        /// What.
        what: String,
        /// Who said so.
        by: Person,
        /// Why.
        why: String,
        /// Until when.
        until: Instant,
    },
    /// Somebody is on call instead of whoever the rotation says.
    Override {
        /// Where.
        schedule: String,
        /// Who.
        person: Person,
        /// Instead of whom.
        instead_of: Option<Person>,
        /// Until when.
        until: Instant,
    },
    /// Nobody hears of a monitor.
    Mute {
        /// Which.
        monitor: String,
        /// Who said so.
        by: Person,
        /// Why.
        why: String,
        /// Until when.
        until: Instant,
    },
}

/// What was measured over the digest's time.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySeries {
    /// Of which monitor.
    pub monitor: String,
    /// What it counts.
    pub measure: Measure,
    /// Milliseconds between its values.
    pub every_ms: u64,
    /// The values.
    pub series: Series,
}

impl Digest {
    /// One that tells nothing yet.
    #[must_use]
    pub fn blank(name: Option<String>, zone: Tz, since: Instant, until: Instant) -> Self {
        Self {
            name,
            zone,
            since,
            until,
            due: None,
            late: false,
            missed: Vec::new(),
            health: Vec::new(),
            budgets: Vec::new(),
            incidents: Vec::new(),
            pages: Pages::default(),
            overdue: Vec::new(),
            reviews: Vec::new(),
            oncall: Vec::new(),
            stale: Vec::new(),
            in_force: Vec::new(),
            series: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// What the next one compares with.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, Figure> {
        self.health.iter().map(|health| (health.name.clone(), health.now)).collect()
    }

    /// Whether nothing happened: all is well as far as anybody looks, nobody was called, nothing was declared or resolved.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let low = |budget: &Budget| budget.left < LOW_BUDGET;
        self.incidents.is_empty()
            && self.pages.count == 0
            && self.missed.is_empty()
            && self.unknown.is_empty()
            && !self.health.iter().any(Health::needs_a_look)
            && !self.budgets.iter().any(low)
    }

    /// How many are in which condition, the worst first.
    #[must_use]
    pub fn counts(&self) -> Vec<(Condition, usize)> {
        let mut counts: BTreeMap<Condition, usize> = BTreeMap::new();
        for health in &self.health {
            *counts.entry(health.now.condition).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}
