//! What persons state about an incident: suspicions, evidence, causes, lessons, work that follows.
//!
//! Lives here: the translation of the commands into the domain's. Never lives here: what follows from one
//! (`domain/incident`), how it is worded (`view`).

use super::grammar::{
    Action, ActionAbout, Cause, Evidence, Hypothesis, ImpactArgs, LessonArgs, Recommend, ReviewArgs, SettleAction,
    Withdraw,
};
use super::incidents::{Outcome, zone_of};
use super::{Bot, Fault, moment};
use crate::base::event::{Actor, IncidentId, Instant, Person};
use crate::domain::incident::Command;
use crate::domain::incident::investigation::{self, Verdict};
use crate::domain::incident::item::{ItemId, ItemKind};
use crate::domain::incident::review::{self, ActionFields};
use crate::domain::incident::state::State;

/// An open or done action item, for a list over incidents.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Of which incident.
    pub incident: IncidentId,
    /// Which.
    pub id: ItemId,
    /// What it says.
    pub action: review::Action,
    /// Whether its last day has passed in the incident's zone and it is open.
    pub overdue: bool,
}

impl Listed {
    /// The item in one line, for doors without columns.
    #[must_use]
    pub fn words(&self) -> String {
        let stated = &self.action.stated;
        let mark = if self.action.done { "done, " } else { "" };
        let priority = stated.priority.map_or(String::new(), |priority| format!("{priority} · "));
        let owner = stated.owner.as_ref().map_or("nobody", |owner| owner.name());
        let due = stated.due.map_or("no date".to_owned(), |due| format!("until {due}"));
        let late = if self.overdue { ", overdue" } else { "" };
        let text = crate::base::text::one_line(&stated.text, 200);
        format!("{} {} · {priority}{mark}{owner}, {due}{late}: {text}", self.incident, self.id)
    }
}

/// Action items of incidents at `now`, overdue ones first, then by day, those without one last; `all`: done ones as well, at the end.
#[must_use]
pub fn listed<'a>(
    incidents: impl IntoIterator<Item = (&'a IncidentId, &'a State)>,
    now: Instant,
    all: bool,
) -> Vec<Listed> {
    let mut listed = Vec::new();
    for (incident, state) in incidents {
        let today = now.with_timezone(&zone_of(state)).date_naive();
        let meant = state.review.actions.iter().filter(|(_, action)| all || !action.done);
        listed.extend(meant.map(|(number, action)| Listed {
            incident: incident.clone(),
            id: ItemId { kind: ItemKind::Action, number },
            overdue: !action.done && action.stated.due.is_some_and(|due| due < today),
            action: action.clone(),
        }));
    }
    listed.sort_by_key(|item| {
        let due = item.action.stated.due;
        (item.action.done, !item.overdue, due.is_none(), due)
    });
    listed
}

impl Bot {
    /// `hypothesis …`.
    ///
    /// # Errors
    /// It is not clear which incident is meant, a refusal, the journal.
    pub async fn hypothesis(&self, actor: &Actor, verb: Hypothesis) -> Result<Outcome, Fault> {
        let (incident, command) = match verb {
            Hypothesis::Add { claim, expecting, test, different_problem, corrects, incident } => {
                let claim = claim.join(" ");
                let command = investigation::Command::Suspect { claim, expecting, test, different_problem, corrects };
                (incident, command)
            }
            Hypothesis::Confirm(settle) => (settle.incident, settled(settle.id, Verdict::Confirmed, settle.why)),
            Hypothesis::Eliminate(settle) => (settle.incident, settled(settle.id, Verdict::Eliminated, settle.why)),
            Hypothesis::Reopen(settle) => (settle.incident, settled(settle.id, Verdict::Open, settle.why)),
            Hypothesis::List { incident } => {
                let incident = self.latest_incident(incident.as_ref()).await?;
                let state = Box::new(self.engine()?.incident(&incident).await?);
                return Ok(Outcome::Investigation { incident, state });
            }
        };
        self.stated(actor, incident, Command::Investigate(command)).await
    }

    /// `evidence …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`]; a time nobody can read.
    pub async fn evidence(&self, actor: &Actor, said: Evidence) -> Result<Outcome, Fault> {
        let Evidence { checked, found, implies, hypothesis, link, corrects, incident, at } = said;
        let incident = self.latest_incident(incident.as_ref()).await?;
        let occurred = match &at {
            Some(at) => Some(self.moment(&incident, at).await?),
            None => None,
        };
        let checked = checked.join(" ");
        let command =
            investigation::Command::Find { hypothesis, checked, found, implication: implies, url: link, corrects };
        self.submit(actor, incident, occurred, Command::Investigate(command)).await
    }

    /// `cause …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`].
    pub async fn cause(&self, actor: &Actor, said: Cause) -> Result<Outcome, Fault> {
        let Cause { text, contributing, hypothesis, corrects, incident } = said;
        let text = (!text.is_empty()).then(|| text.join(" "));
        let command = investigation::Command::NameCause { root: !contributing, text, hypothesis, corrects };
        self.stated(actor, incident, Command::Investigate(command)).await
    }

    /// `impact …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`].
    pub async fn impact(&self, actor: &Actor, said: ImpactArgs) -> Result<Outcome, Fault> {
        let command = review::Command::StateImpact { side: said.side, text: said.text.join(" ") };
        self.stated(actor, said.incident, Command::Review(command)).await
    }

    /// `lesson …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`].
    pub async fn lesson(&self, actor: &Actor, said: LessonArgs) -> Result<Outcome, Fault> {
        let LessonArgs { kind, text, corrects, incident } = said;
        let command = review::Command::Learn { kind, text: text.join(" "), corrects };
        self.stated(actor, incident, Command::Review(command)).await
    }

    /// `recommend …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`].
    pub async fn recommend(&self, actor: &Actor, said: Recommend) -> Result<Outcome, Fault> {
        let Recommend { text, priority, detail, corrects, incident } = said;
        let command = review::Command::Recommend { priority, text: text.join(" "), detail, corrects };
        self.stated(actor, incident, Command::Review(command)).await
    }

    /// `action …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`].
    pub async fn action(&self, actor: &Actor, verb: Action) -> Result<Outcome, Fault> {
        let (incident, command) = match verb {
            Action::Add { text, about, incident } => {
                (incident, review::Command::AddAction(fields(Some(text.join(" ")), about, |name| self.meant(name))))
            }
            Action::Set { id, text, about, incident } => {
                (incident, review::Command::ChangeAction { id, to: fields(text, about, |name| self.meant(name)) })
            }
            Action::Done(SettleAction { id, note, incident }) => {
                (incident, review::Command::SettleAction { id, done: true, note })
            }
            Action::Reopen(SettleAction { id, note, incident }) => {
                (incident, review::Command::SettleAction { id, done: false, note })
            }
            Action::List { incident, all } => return self.actions(incident, all).await,
        };
        self.stated(actor, incident, Command::Review(command)).await
    }

    async fn actions(&self, incident: Option<IncidentId>, all: bool) -> Result<Outcome, Fault> {
        let incidents = match incident {
            Some(incident) => vec![(incident.clone(), self.engine()?.incident(&incident).await?)],
            None => self.all_incidents().await?,
        };
        let listed = listed(incidents.iter().map(|(id, state)| (id, state)), self.clock.now(), all);
        Ok(Outcome::Actions { listed, all })
    }

    /// `review …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`]; a time nobody can read.
    pub async fn review(&self, actor: &Actor, said: ReviewArgs) -> Result<Outcome, Fault> {
        let incident = self.latest_incident(said.incident.as_ref()).await?;
        let zone = zone_of(&self.engine()?.incident(&incident).await?);
        let at = moment::read_ahead(&said.at, zone, self.clock.now())?;
        self.submit(actor, incident, None, Command::Review(review::Command::SetReview { at })).await
    }

    /// `withdraw …`.
    ///
    /// # Errors
    /// As [`Self::hypothesis`].
    pub async fn withdraw(&self, actor: &Actor, said: Withdraw) -> Result<Outcome, Fault> {
        let command = review::Command::Withdraw { id: said.id, why: said.why };
        self.stated(actor, said.incident, Command::Review(command)).await
    }

    /// What is stated after the end is stated about the last incident: most of a review is written then.
    async fn stated(&self, actor: &Actor, named: Option<IncidentId>, command: Command) -> Result<Outcome, Fault> {
        let incident = self.latest_incident(named.as_ref()).await?;
        self.submit(actor, incident, None, command).await
    }
}

fn settled(id: ItemId, verdict: Verdict, why: Option<String>) -> investigation::Command {
    investigation::Command::Settle { id, verdict, why }
}

fn fields(text: Option<String>, about: ActionAbout, meant: impl Fn(&str) -> Person) -> ActionFields {
    let ActionAbout { owner, priority, due, link } = about;
    ActionFields { text, owner: owner.as_deref().map(meant), priority, due, url: link }
}
