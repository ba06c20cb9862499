//! Offers that are taken: found again, and carried out, the same for every door.
//!
//! Lives here: which offer an id names now, what became of one that is settled, carrying one out. Never lives here: what there is to
//! offer (`offers`), how a door asks for a text or a second tap, how it tells what came of it.

use chrono_tz::Tz;

use super::answers::Written;
use super::grammar::{Command, Incident, Oncall, Runbook};
use super::incidents::Outcome;
use super::offers::{self, About, Offer, OfferId, Says};
use super::oncall::Changed;
use super::paging::Paged;
use super::running::Start;
use super::{Bot, Fault};
use crate::base::event::{IncidentId, Recorded, RunId};
use crate::domain::people::Identity;
use crate::domain::timeline::Fact;

/// What came of it.
#[derive(Clone, Debug)]
pub enum Came {
    /// Something was written down.
    Written {
        /// What, in order.
        facts: Vec<Recorded<Fact>>,
        /// In which zone people there read times.
        zone: Tz,
        /// What goes on record besides: whoever looks on is told.
        told: Option<String>,
    },
    /// A run was started.
    Started(RunId),
    /// A page was answered.
    Paged(Box<Paged>),
}

impl From<Written> for Came {
    fn from(written: Written) -> Self {
        Self::Written { facts: written.facts, zone: written.zone, told: None }
    }
}

impl From<Changed> for Came {
    fn from(changed: Changed) -> Self {
        Self::Written { facts: vec![changed.fact], zone: changed.zone, told: None }
    }
}

/// What was said last about something that an offer no longer stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Last {
    /// Everything recorded up to it, so that it can be worded.
    pub facts: Vec<Recorded<Fact>>,
    /// In which zone people there read times.
    pub zone: Tz,
}

impl Bot {
    /// The offer behind an id; `None` where what it was about is settled.
    ///
    /// # Errors
    /// There is no such thing, a page that somebody has already, the journal.
    pub async fn offered(&self, id: &OfferId) -> Result<Option<Offer>, Fault> {
        let offers = match &id.about {
            About::Run(run) => offers::of_run(&self.state(run).await?),
            About::Incident(incident) => {
                let state = self.incident_state(incident).await?;
                let mut offers = offers::of_incident(incident, &state);
                if state.status.is_open() {
                    offers.extend(offers::of_runbooks(incident, &self.proposed(incident, &state).await?));
                }
                offers
            }
            About::Page(page) => {
                let page = self.page_state(page).await?;
                if let Some(by) = page.answered_by() {
                    return Err(Fault::Usage(format!("{by} has it already")));
                }
                offers::of_page(&page)
            }
            About::Cover(cover) => offers::of_cover(cover),
        };
        Ok(id.find(offers))
    }

    /// What a person said last about a run or an incident: it may be what settled an offer. `None` where nobody did.
    ///
    /// # Errors
    /// The journal.
    pub async fn said_last(&self, about: &About) -> Result<Option<Last>, Fault> {
        let incident = match about {
            About::Run(run) => self.state(run).await?.opened.incident.clone(),
            About::Incident(incident) => incident.clone(),
            About::Page(_) | About::Cover(_) => return Ok(None),
        };
        let mut facts = self.facts(&incident).await?;
        let concerns = |fact: &Fact| match (fact, about) {
            (Fact::Run(of, _), About::Run(run)) => of == run,
            (Fact::Incident(..), About::Incident(_)) => true,
            _ => false,
        };
        let by_person = |one: &Recorded<Fact>| one.head.actor.person().is_some() && concerns(&one.event);
        let Some(last) = facts.iter().rposition(by_person) else { return Ok(None) };
        facts.truncate(last + 1);
        let zone = super::incidents::zone_of(&self.incident_state(&incident).await?);
        Ok(Some(Last { facts, zone }))
    }

    /// Says what an offer says, with the text that was asked for. Whoever takes it saw where it happens.
    ///
    /// # Errors
    /// They may not, the run or the incident refuses, the journal.
    pub async fn take(&self, who: &Identity, offer: Offer, text: Option<String>) -> Result<Came, Fault> {
        let about = offer.about.clone();
        match (about, offer.says(text)) {
            (About::Run(run), Says::Run(command)) => Ok(self.tell_run(who, &run, command).await?.into()),
            (_, Says::Typed(typed)) => self.take_typed(who, *typed).await,
            _ => Err(Fault::Usage("that cannot be said there".to_owned())),
        }
    }

    /// Carries out what is offered besides what is said to a run.
    ///
    /// # Errors
    /// As [`Self::take`]; another command.
    pub async fn take_typed(&self, who: &Identity, typed: Command) -> Result<Came, Fault> {
        let admitted = self.admit(who, &typed).await?;
        let me = &who.actor;
        let came = match typed {
            Command::Incident(Incident::Note(note)) | Command::Note(note) => outcome(self.note(me, note).await?)?,
            Command::Incident(verb) => outcome(self.incident(me, verb).await?)?,
            Command::Runbook(Runbook::Run(run)) => {
                let planned = self.plan(run.runbook.as_deref().unwrap_or_default(), &run.at.into())?;
                let start = Start { incident: run.incident, from: run.from, approves: Vec::new() };
                Came::Started(self.start(me, &planned, start).await?)
            }
            Command::Page(verb) => Came::Paged(Box::new(self.paging(me, verb).await?)),
            Command::Oncall(Oncall::Take { id }) => self.on_call_take(me, &id).await?.into(),
            Command::Tick(said) => self.tick(who, said).await?.into(),
            _ => return Err(Fault::Usage("that cannot be said there".to_owned())),
        };
        Ok(match came {
            Came::Written { facts, zone, told } => Came::Written { facts, zone, told: admitted.or(told) },
            came => came,
        })
    }

    /// The incident a run belongs to.
    ///
    /// # Errors
    /// There is no such run, the journal.
    pub async fn incident_of(&self, run: &RunId) -> Result<IncidentId, Fault> {
        Ok(self.state(run).await?.opened.incident.clone())
    }
}

fn outcome(outcome: Outcome) -> Result<Came, Fault> {
    match outcome {
        Outcome::Written { facts, zone, .. } => Ok(Came::Written { facts, zone, told: None }),
        _ => Err(Fault::Usage("that is only looked at".to_owned())),
    }
}
