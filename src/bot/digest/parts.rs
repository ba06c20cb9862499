//! Incidents and what follows from them, calls, who is on call, what is in force, runbooks that grow old.

use chrono::TimeDelta;

use super::super::findings::Listed;
use super::super::grammar::{Action, Who};
use super::super::incidents::Outcome;
use super::super::{Bot, Fault};
use crate::base::event::Actor;
use crate::domain::digest::model::{Digest, Duty, InForce, Incident, Overdue, Review, Stale};
use crate::domain::incident::event::{Milestone, Role, Status};
use crate::domain::page::state::Phase;

/// Reviews that are due this soon are told.
const AHEAD: TimeDelta = TimeDelta::hours(48);

impl Bot {
    /// Incidents, reviews and action items.
    pub(super) async fn incidents_part(&self, digest: &mut Digest) -> Result<(), Fault> {
        if !self.journal_file.exists() {
            return Ok(());
        }
        for (id, state) in self.incident_list().await? {
            let open = state.status.is_open();
            let lead = state.roles.get(&Role::Commander).or(state.acknowledged_by.as_ref()).cloned();
            let opened = state.declared_at >= digest.since;
            let ended = state.milestones.get(&Milestone::Resolved).copied().filter(|_| !open);
            let resolved_at = ended.filter(|at| *at >= digest.since);
            let due = state.review_due().filter(|due| *due - digest.until <= AHEAD);
            if let Some(due) = due.filter(|_| state.status == Status::Resolved) {
                let (incident, title, lead) = (id.clone(), state.title.clone(), lead.clone());
                digest.reviews.push(Review { incident, title, due, lead });
            }
            if open || opened || resolved_at.is_some() {
                digest.incidents.push(Incident {
                    id,
                    severity: state.severity,
                    status: state.status_words(),
                    open,
                    declared_at: state.declared_at,
                    opened,
                    resolved_at,
                    lead,
                    title: state.title,
                });
            }
        }
        digest.incidents.sort_by_key(|one| (!one.open, one.severity.is_none(), one.severity, one.declared_at));
        digest.reviews.sort_by_key(|review| review.due);
        let list = Action::List { incident: None, all: false };
        let Outcome::Actions { listed, .. } = self.action(&Actor::Bot, list).await? else { return Ok(()) };
        digest.overdue.extend(listed.into_iter().filter(|one| one.overdue).filter_map(overdue));
        digest.overdue.sort_by_key(|one| one.due);
        Ok(())
    }

    /// Calls that began in that time; the newest are read until one is older.
    pub(super) async fn pages_part(&self, digest: &mut Digest) -> Result<(), Fault> {
        if !self.journal_file.exists() {
            return Ok(());
        }
        for page in self.engine()?.pages_since(digest.since).await? {
            if page.is_drill() {
                continue;
            }
            let pages = &mut digest.pages;
            pages.count += 1;
            // What quiet hours held back began when somebody was called.
            let began = page.first_called_at.unwrap_or(page.opened_at);
            let took = page.answered_at.map(|at| (at - began).num_milliseconds().max(0).unsigned_abs());
            pages.answered_ms.extend(took);
            pages.unanswered += usize::from(page.phase == Phase::GivenUp);
            pages.calling += usize::from(page.waits());
        }
        digest.pages.answered_ms.sort_unstable();
        Ok(())
    }

    /// Who is on call, and who steps in.
    pub(super) async fn oncall_part(&self, digest: &mut Digest) -> Result<(), Fault> {
        if self.library.oncall()?.is_none() {
            return Ok(());
        }
        for one in self.on_call(&Who { schedule: None, at: None }).await? {
            let next = one.next.map(|next| (next.at, next.to));
            digest.oncall.push(Duty { schedule: one.schedule, person: one.person, next });
        }
        let rota = self.rota().await?;
        let now = digest.until;
        for one in rota.overrides().iter().filter(|one| one.from <= now && now < one.until) {
            digest.in_force.push(InForce::Override {
                schedule: one.schedule.clone(),
                person: one.person.clone(),
                instead_of: one.instead_of.clone(),
                until: one.until,
            });
        }
        Ok(())
    }

    /// What is frozen.
    pub(super) async fn freezes_part(&self, digest: &mut Digest) -> Result<(), Fault> {
        for one in self.freezes(None).await? {
            digest.in_force.push(InForce::Freeze { what: one.what, by: one.by, why: one.why, until: one.until });
        }
        Ok(())
    }

    /// Runbooks that may not fit the world any more.
    pub(super) fn stale_part(&self, digest: &mut Digest) -> Result<(), Fault> {
        let stale = self.going_stale()?.into_iter();
        digest.stale.extend(stale.map(|(runbook, why)| Stale { runbook, why }));
        Ok(())
    }
}

fn overdue(one: Listed) -> Option<Overdue> {
    let stated = one.action.stated;
    let id = format!("{} {}", one.incident, one.id);
    Some(Overdue { id, text: stated.text, owner: stated.owner, due: stated.due? })
}
