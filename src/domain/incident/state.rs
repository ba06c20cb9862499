//! What an incident looks like after the events so far.
//!
//! Lives here: [`State`], its fold, the milestones and the times between them. Never lives here: what a command leads to.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::event::{Declared, Event, Linked, Milestone, Resolved, Role, Section, Status};
use super::investigation::Investigation;
use super::review::Review;
use crate::base::event::{Instant, Person, Recorded, RunId, Severity};

/// An incident, folded from its events.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What people call it.
    pub title: String,
    /// How bad it is, where somebody said.
    pub severity: Option<Severity>,
    /// Where.
    pub environment: Option<String>,
    /// The IANA name of its time zone.
    pub zone: Option<String>,
    /// How far the response is.
    pub status: Status,
    /// Who declared it.
    pub declared_by: Person,
    /// When it was declared (which may be after it was detected).
    pub declared_at: Instant,
    /// Who has which role.
    pub roles: BTreeMap<Role, Person>,
    /// What is known of when it changed its phase.
    pub milestones: BTreeMap<Milestone, Instant>,
    /// Who took it on first.
    pub acknowledged_by: Option<Person>,
    /// The runs that belong to it, in order of their start.
    pub runs: Vec<RunId>,
    /// What elsewhere belongs to it.
    pub links: Vec<Linked>,
    /// What persons wrote for the postmortem.
    pub sections: BTreeMap<Section, String>,
    /// What people suspect, found and settled on.
    pub investigation: Investigation,
    /// Impact, lessons and what is to follow.
    pub review: Review,
    /// How it was resolved last, unless it was reopened since.
    pub resolution: Option<Resolved>,
    /// When its last event was recorded.
    pub last_at: Instant,
}

/// An event that cannot follow the ones before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("impossible history of an incident: {kind} {detail}")]
pub struct Impossible {
    /// Which event.
    pub kind: &'static str,
    /// What does not fit.
    pub detail: &'static str,
}

/// One of the four times that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Time to detect.
    Ttd,
    /// Time to acknowledge.
    Tta,
    /// Time to mitigate.
    Ttm,
    /// Time to resolve.
    Ttr,
}

impl Measure {
    /// All of them, in the usual order.
    pub const ALL: [Self; 4] = [Self::Ttd, Self::Tta, Self::Ttm, Self::Ttr];

    /// Its abbreviation.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ttd => "TTD",
            Self::Tta => "TTA",
            Self::Ttm => "TTM",
            Self::Ttr => "TTR",
        }
    }

    /// Between which milestones it runs.
    #[must_use]
    pub fn between(self) -> (Milestone, Milestone) {
        match self {
            Self::Ttd => (Milestone::Started, Milestone::Detected),
            Self::Tta => (Milestone::Detected, Milestone::Acknowledged),
            Self::Ttm => (Milestone::Started, Milestone::Mitigated),
            Self::Ttr => (Milestone::Started, Milestone::Resolved),
        }
    }
}

/// A measure as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Where it begins. *Detected* stands in for *started* where nobody recorded the start of the impact.
    pub from: Milestone,
    /// Where it ends.
    pub to: Milestone,
    /// Whether *detected* stands in for *started*.
    pub stand_in: bool,
    /// How long; absent where a milestone is not recorded. Negative where the milestones contradict each other.
    pub length: Option<TimeDelta>,
}

impl State {
    /// An incident as its first event makes it.
    #[must_use]
    pub fn declare(declared: &Declared, at: Instant) -> Self {
        let mut milestones = BTreeMap::from([(Milestone::Detected, declared.detected)]);
        milestones.extend(declared.started.map(|started| (Milestone::Started, started)));
        Self {
            title: declared.title.clone(),
            severity: declared.severity,
            environment: declared.environment.clone(),
            zone: declared.zone.clone(),
            status: Status::Detected,
            declared_by: declared.by.clone(),
            declared_at: at,
            roles: BTreeMap::new(),
            milestones,
            acknowledged_by: None,
            runs: Vec::new(),
            links: Vec::new(),
            sections: BTreeMap::new(),
            investigation: Investigation::default(),
            review: Review::default(),
            resolution: None,
            last_at: at,
        }
    }

    /// An incident whose declaration was erased: what its later events say still counts, and nothing is made up for it.
    #[must_use]
    pub fn undeclared(at: Instant) -> Self {
        let stand_in = Declared {
            title: String::new(),
            severity: None,
            environment: None,
            zone: None,
            started: None,
            detected: at,
            by: Person::new(""),
        };
        let mut unknown = Self::declare(&stand_in, at);
        unknown.milestones.clear();
        unknown
    }

    /// Folds a whole stream; `None` where it is empty.
    ///
    /// # Errors
    /// An event that cannot follow the ones before it.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded<Event>>) -> Result<Option<Self>, Impossible> {
        let mut state = None;
        for recorded in events {
            Self::step(&mut state, &recorded.event, recorded.head.occurred_at)?;
        }
        Ok(state)
    }

    /// Whether anybody has begun to work on it. What people work on, people end; what nobody took on may end by itself.
    #[must_use]
    pub fn is_worked_on(&self) -> bool {
        self.acknowledged_by.is_some()
            || !self.runs.is_empty()
            || !self.roles.is_empty()
            || self.status != Status::Detected
    }

    /// Folds one event that happened at `at` into what there is so far.
    ///
    /// # Errors
    /// Anything before the declaration, a second declaration.
    pub fn step(state: &mut Option<Self>, event: &Event, at: Instant) -> Result<(), Impossible> {
        let kind = event.kind();
        match (state.as_mut(), event) {
            (None, Event::Declared(declared)) => *state = Some(Self::declare(declared, at)),
            (None, _) => return Err(Impossible { kind, detail: "before it was declared" }),
            (Some(_), Event::Declared(_)) => return Err(Impossible { kind, detail: "a second time" }),
            (Some(state), event) => state.apply(event, at),
        }
        Ok(())
    }

    fn apply(&mut self, event: &Event, at: Instant) {
        self.last_at = self.last_at.max(at);
        match event {
            Event::Declared(_) | Event::Noted(_) | Event::Reminded(_) => {}
            Event::Acknowledged(acknowledged) => {
                self.milestones.entry(Milestone::Acknowledged).or_insert(at);
                self.acknowledged_by.get_or_insert_with(|| acknowledged.by.clone());
            }
            Event::SeveritySet(set) => self.severity = Some(set.to),
            Event::StatusSet(set) => {
                self.status = set.to;
                if set.to == Status::Monitoring {
                    self.milestones.entry(Milestone::Mitigated).or_insert(at);
                }
            }
            Event::RoleAssigned(assigned) => match &assigned.person {
                Some(person) => {
                    self.roles.insert(assigned.role, person.clone());
                }
                None => {
                    self.roles.remove(&assigned.role);
                }
            },
            Event::MilestoneSet(set) => {
                self.milestones.insert(set.milestone, set.at);
            }
            Event::Linked(linked) => self.links.push(linked.clone()),
            Event::Titled(titled) => self.title.clone_from(&titled.title),
            Event::Summarised(summarised) => {
                self.sections.insert(summarised.section, summarised.text.clone());
            }
            Event::RunAttached(attached) => {
                if !self.runs.contains(&attached.run) {
                    self.runs.push(attached.run.clone());
                }
            }
            Event::Resolved(resolved) => {
                self.status = Status::Resolved;
                self.milestones.entry(Milestone::Resolved).or_insert(at);
                self.resolution = Some(resolved.clone());
            }
            Event::Reopened(reopened) => {
                self.status = reopened.to;
                // What was taken for the end was none: only the next one counts.
                self.milestones.remove(&Milestone::Resolved);
                self.milestones.remove(&Milestone::Mitigated);
                self.resolution = None;
            }
            Event::Closed(_) => self.status = Status::Closed,
            Event::HandedOver(handed) => {
                self.roles.insert(Role::Commander, handed.to.clone());
            }
            event => {
                self.investigation.apply(event, at);
                self.review.apply(event, at);
            }
        }
    }

    /// As people read it: `resolved, unverified` where something was open when it was resolved.
    #[must_use]
    pub fn status_words(&self) -> String {
        match &self.resolution {
            Some(resolution) if !resolution.verified => format!("{}, unverified", self.status.word()),
            _ => self.status.word().to_owned(),
        }
    }

    /// One of the four times, with the milestones it runs between.
    #[must_use]
    pub fn measure(&self, measure: Measure) -> Interval {
        let (from, to) = measure.between();
        let known = |milestone| self.milestones.get(&milestone).copied();
        let stand_in = from == Milestone::Started && to != Milestone::Detected && known(from).is_none();
        let from = if stand_in { Milestone::Detected } else { from };
        let length = known(from).zip(known(to)).map(|(from, to)| to - from);
        Interval { from, to, stand_in, length }
    }
}
