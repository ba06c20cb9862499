//! What persons do about incidents.
//!
//! Lives here: the translation of `incident …` into the domain's commands, times included. Never lives here: what follows
//! from one (`domain/incident`).

use chrono_tz::Tz;

use super::grammar::{Incident, Note};
use super::{Bot, Fault, moment};
use crate::base::event::{Actor, IncidentId, Instant, Recorded};
use crate::domain::incident::decide::{Command, Gate};
use crate::domain::incident::state::State;
use crate::domain::timeline::Fact;

/// What came of an incident's command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Something was written down.
    Written {
        /// About which incident.
        incident: IncidentId,
        /// What.
        facts: Vec<Recorded<Fact>>,
        /// In which zone people talk about it.
        zone: Tz,
    },
    /// A list, oldest first; whether resolved ones are among it.
    List {
        /// The incidents.
        incidents: Vec<(IncidentId, State)>,
        /// Whether all were asked for.
        all: bool,
    },
    /// What people suspect, found and settled on.
    Investigation {
        /// Of which incident.
        incident: IncidentId,
        /// As it stands.
        state: Box<State>,
    },
    /// Action items, overdue ones first; whether done ones are among them.
    Actions {
        /// The items.
        listed: Vec<super::findings::Listed>,
        /// Whether all were asked for.
        all: bool,
    },
    /// One to look at.
    Card {
        /// Which.
        incident: IncidentId,
        /// As it stands.
        state: Box<State>,
        /// What is still open on its runs.
        gate: Gate,
    },
}

impl Bot {
    /// Carries out `incident …`.
    ///
    /// # Errors
    /// It is not clear which incident is meant, a time nobody can read, a refusal, the journal.
    pub async fn incident(&self, actor: &Actor, verb: Incident) -> Result<Outcome, Fault> {
        match verb {
            Incident::Declare { title, severity, env, zone, started, detected } => {
                let tz = zone.as_deref().map_or(Ok(Tz::UTC), zone_named)?;
                let now = self.clock.now();
                let read = |text: Option<String>| text.map(|text| moment::read(&text, tz, now)).transpose();
                let command = Command::Declare {
                    title: title.join(" "),
                    severity,
                    environment: env,
                    zone,
                    started: read(started)?,
                    detected: read(detected)?,
                };
                let (incident, facts) = self.engine()?.declare(actor, command).await?;
                Ok(Outcome::Written { incident, facts, zone: tz })
            }
            Incident::List { all } => {
                let incidents = self.all_incidents().await?;
                let incidents = incidents.into_iter().filter(|(_, state)| all || state.status.is_open()).collect();
                Ok(Outcome::List { incidents, all })
            }
            Incident::Show { incident } => {
                let incident = self.latest_incident(incident.as_ref()).await?;
                let state = self.engine()?.incident(&incident).await?;
                let gate = crate::domain::gate::gate(&self.engine()?.timeline(&incident).await?);
                Ok(Outcome::Card { incident, state: Box::new(state), gate })
            }
            Incident::Note(note) => self.note(actor, note).await,
            other => self.change(actor, other).await,
        }
    }

    /// Writes something down in an incident's timeline.
    ///
    /// # Errors
    /// As [`Self::incident`].
    pub async fn note(&self, actor: &Actor, note: Note) -> Result<Outcome, Fault> {
        let incident = self.latest_incident(note.incident.as_ref()).await?;
        let occurred = match &note.at {
            Some(at) => Some(self.moment(&incident, at).await?),
            None => None,
        };
        self.submit(actor, incident, occurred, Command::Note { text: note.text.join(" ") }).await
    }

    /// An incident as it stands.
    ///
    /// # Errors
    /// There is no such incident, the journal.
    pub async fn incident_state(&self, incident: &IncidentId) -> Result<State, Fault> {
        Ok(self.engine()?.incident(incident).await?)
    }

    async fn change(&self, actor: &Actor, verb: Incident) -> Result<Outcome, Fault> {
        let (named, command) = match verb {
            Incident::Ack { incident } => (incident, Command::Acknowledge),
            Incident::Severity { severity, incident, why } => (incident, Command::SetSeverity { severity, why }),
            Incident::Status { status, incident, why } => (incident, Command::SetStatus { status, why }),
            Incident::Assign { role, person, incident, why: _ } => {
                (incident, Command::AssignRole { role, person: person.as_deref().map(|name| self.meant(name)) })
            }
            Incident::Link { url, label, incident } => (incident, Command::Link { url, label }),
            Incident::Summary { text, section, incident } => {
                let incident = self.latest_incident(incident.as_ref()).await?;
                (Some(incident), Command::Summarise { section: section.into(), text: text.join(" ") })
            }
            Incident::Title { title, incident } => (incident, Command::Title { title: title.join(" ") }),
            Incident::Milestone { milestone, at, incident, why } => {
                let incident = self.latest_incident(incident.as_ref()).await?;
                let at = self.moment(&incident, &at).await?;
                (Some(incident), Command::SetMilestone { milestone, at, why })
            }
            Incident::Resolve { incident, why } => (incident, Command::Resolve { why }),
            Incident::Reopen { incident, why } => (Some(incident), Command::Reopen { why }),
            Incident::Close { incident, why } => (Some(incident), Command::Close { why }),
            Incident::Declare { .. } | Incident::List { .. } | Incident::Show { .. } | Incident::Note(_) => {
                return Err(Fault::Usage("this is no change of an incident".to_owned()));
            }
        };
        let incident = self.open_incident(named.as_ref()).await?;
        self.submit(actor, incident, None, command).await
    }

    pub(super) async fn submit(
        &self,
        actor: &Actor,
        incident: IncidentId,
        occurred: Option<Instant>,
        command: Command,
    ) -> Result<Outcome, Fault> {
        let facts = self.engine()?.incident_command(&incident, actor, occurred, command).await?;
        let zone = zone_of(&self.engine()?.incident(&incident).await?);
        Ok(Outcome::Written { incident, facts, zone })
    }

    /// A moment as typed, in the incident's zone.
    pub(super) async fn moment(&self, incident: &IncidentId, text: &str) -> Result<Instant, Fault> {
        let zone = zone_of(&self.engine()?.incident(incident).await?);
        moment::read(text, zone, self.clock.now())
    }
}

/// The zone in which people talk about an incident; UTC where nobody said.
#[must_use]
pub fn zone_of(incident: &State) -> Tz {
    incident.zone.as_deref().and_then(|name| crate::base::schedule::zone(name).ok()).unwrap_or(Tz::UTC)
}

fn zone_named(name: &str) -> Result<Tz, Fault> {
    crate::base::schedule::zone(name).map_err(|fault| Fault::Usage(format!("--zone {name}: {fault}")))
}
