//! What is known of an incident that decides whether somebody is called or asked: when a person last said something, which questions of
//! its runs nobody answered in time.
//!
//! Lives here: [`Attention`], folded from the incident's facts one by one. Never lives here: calling.

use std::collections::BTreeSet;

use crate::base::event::{Actor, Instant, RunId};
use crate::base::schedule::Span;
use crate::domain::incident::event::{Event as OfIncident, Missing, Reminded, Role, Section};
use crate::domain::incident::state::State as Incident;
use crate::domain::run::event::Event as OfRun;

/// How often whoever works on an incident is asked for an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// After how long without one.
    pub every: Span,
    /// After so many in a row that nobody answered there are no more.
    pub at_most: u32,
}

/// What is known. Begins with the declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// When a person last said something about it, or about one of its runs.
    said: Option<Instant>,
    /// When the last reminder was, and the how manieth in a row it was.
    reminded: Option<(Instant, u32)>,
    /// Questions that nobody answered in time.
    unanswered: BTreeSet<(RunId, String)>,
}

impl Attention {
    /// Takes in a fact about the incident itself.
    pub fn hear_incident(&mut self, event: &OfIncident, actor: &Actor, at: Instant) {
        match event {
            OfIncident::Reminded(reminded) => self.reminded = Some((at, reminded.number)),
            _ => self.heard_of(actor, at),
        }
    }

    /// Takes in a fact about one of its runs.
    pub fn hear_run(&mut self, run: &RunId, event: &OfRun, actor: &Actor, at: Instant) {
        self.heard_of(actor, at);
        let step = match event {
            OfRun::ApprovalExpired(expired) if expired.asked_again => {
                self.unanswered.insert((run.clone(), expired.step.clone()));
                return;
            }
            OfRun::QuestionOverdue(overdue) => {
                self.unanswered.insert((run.clone(), overdue.step.clone()));
                return;
            }
            OfRun::Finished(_) => return self.unanswered.retain(|(known, _)| known != run),
            OfRun::ApprovalGiven(given) => &given.step,
            OfRun::ApprovalRejected(rejected) => &rejected.step,
            OfRun::GlassBroken(broken) => &broken.step,
            OfRun::Answered(answered) => &answered.step,
            // Where it goes on without an answer nobody is needed either.
            OfRun::StepFinished(finished) => &finished.step,
            OfRun::StepSkipped(skipped) => &skipped.step,
            _ => return,
        };
        self.unanswered.retain(|(known, asked)| known != run || asked != step);
    }

    /// Questions that nobody answered in time, and nobody has since.
    #[must_use]
    pub fn unanswered(&self) -> &BTreeSet<(RunId, String)> {
        &self.unanswered
    }

    /// When the next reminder is due; never, where enough were in vain.
    #[must_use]
    pub fn reminder_at(&self, rule: Rule) -> Option<Instant> {
        let (last, number) = self.reminded.map_or((None, 0), |(at, number)| (Some(at), number));
        let last = self.said.max(last)?;
        (number < rule.at_most).then_some(last + rule.every.delta())
    }

    /// The reminder that is due now, with everything that is missing.
    #[must_use]
    pub fn reminder(&self, incident: &Incident, rule: Rule, now: Instant) -> Option<Reminded> {
        if self.reminder_at(rule)? > now || !incident.status.is_open() {
            return None;
        }
        let mut missing = Vec::new();
        if !incident.roles.contains_key(&Role::Commander) {
            missing.push(Missing::Commander);
        }
        missing.push(Missing::Update);
        if !incident.sections.contains_key(&Section::Summary) {
            missing.push(Missing::Summary);
        }
        let number = self.reminded.map_or(0, |(_, number)| number) + 1;
        Some(Reminded { missing, number, at_most: rule.at_most })
    }

    fn heard_of(&mut self, actor: &Actor, at: Instant) {
        if actor.person().is_some() || self.said.is_none() {
            self.said = self.said.max(Some(at));
            self.reminded = None;
        }
    }
}
