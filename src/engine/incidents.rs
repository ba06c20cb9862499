//! Incidents: declaring them, and what persons want of them.

use tracing::Instrument as _;

use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, IncidentId, Instant, Person, Recorded, Stream};
use crate::domain::gate;
use crate::domain::incident::decide::{Command, Gate, decide};
use crate::domain::incident::state::State;
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Select};

impl Engine {
    /// Declares an incident and gives it the next id.
    ///
    /// # Errors
    /// A refusal, the journal.
    pub async fn declare(
        &self,
        actor: &Actor,
        command: Command,
    ) -> Result<(IncidentId, Vec<Recorded<Fact>>), EngineError> {
        let mut number = self.journal.streams("incident:", false).await?.len() as u64;
        for _ in 0..CONFLICTS {
            number += 1;
            let id = IncidentId::number(number);
            let now = self.clock.now();
            let events = decide(None, command.clone(), &person(actor), now, &Gate::default())?;
            match self.append_incident(&id, 0, &events, actor, now, now).await {
                Ok(facts) => return Ok((id, facts)),
                Err(EngineError::NotWritten(AppendError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused(
            "too many incidents are being declared at once; try again".into(),
        )))
    }

    /// An incident as its events make it.
    ///
    /// # Errors
    /// No such incident, the journal.
    pub async fn incident(&self, id: &IncidentId) -> Result<State, EngineError> {
        Ok(self.load_incident(id).await?.0)
    }

    /// Writes down what a person wants of an incident. `occurred_at` is for what happened earlier than it is told.
    ///
    /// # Errors
    /// A refusal, the journal.
    pub async fn incident_command(
        &self,
        id: &IncidentId,
        actor: &Actor,
        occurred_at: Option<Instant>,
        command: Command,
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        let span = tracing::error_span!("incident", incident = %id);
        self.carry_out(id, actor, occurred_at, command).instrument(span).await
    }

    async fn carry_out(
        &self,
        id: &IncidentId,
        actor: &Actor,
        occurred_at: Option<Instant>,
        command: Command,
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        for _ in 0..CONFLICTS {
            let (state, seq) = self.load_incident(id).await?;
            let gate = if command.asks_the_gate() { gate::gate(&self.timeline(id).await?) } else { Gate::default() };
            let now = self.clock.now();
            let events = decide(Some(&state), command.clone(), &person(actor), now, &gate)?;
            match self.append_incident(id, seq, &events, actor, occurred_at.unwrap_or(now), now).await {
                Err(EngineError::NotWritten(AppendError::Conflict { .. })) => {}
                done => return done,
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused(format!("{id} is being changed by others; try again"))))
    }

    /// All incidents, oldest first.
    ///
    /// # Errors
    /// The journal.
    pub async fn incidents(&self) -> Result<Vec<(IncidentId, State)>, EngineError> {
        let mut found = Vec::new();
        for info in self.journal.streams("incident:", false).await? {
            if let Ok(id) = IncidentId::parse(info.stream.key()) {
                let state = self.incident(&id).await?;
                found.push((id, state));
            }
        }
        found.sort_by_key(|(id, _)| codec::number_of(id.as_str()));
        Ok(found)
    }

    pub(super) async fn load_incident(&self, id: &IncidentId) -> Result<(State, u64), EngineError> {
        let mut state = None;
        let mut seq = 0;
        for row in self.rows(Select::Stream(Stream::incident(id)), 0).await? {
            let recorded = codec::recorded(&row)?;
            match &recorded.event {
                Fact::Incident(_, event) => State::step(&mut state, event, recorded.head.occurred_at)?,
                Fact::Erased { .. } if state.is_none() => state = Some(State::undeclared(recorded.head.occurred_at)),
                _ => {}
            }
            seq = row.seq;
        }
        Ok((state.ok_or_else(|| EngineError::NoIncident(id.clone()))?, seq))
    }

    async fn append_incident(
        &self,
        id: &IncidentId,
        expected: u64,
        events: &[crate::domain::incident::event::Event],
        actor: &Actor,
        occurred_at: Instant,
        now: Instant,
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        let kinds: Vec<&str> = events.iter().map(crate::domain::incident::event::Event::kind).collect();
        let events =
            events.iter().map(|event| codec::incident_event(event, actor, occurred_at)).collect::<Result<_, _>>()?;
        let item = Item { stream: Stream::incident(id), expected, incident: Some(id.clone()), events, open: None };
        let batch = Batch { items: vec![item], ..Batch::default() };
        let appended = self.journal.append(batch, now).await.map_err(EngineError::NotWritten)?;
        kinds.iter().for_each(|event| tracing::info!(incident = %id, event, "incident changed"));
        appended.rows.iter().map(|row| codec::recorded(row).map_err(EngineError::from)).collect()
    }
}

fn person(actor: &Actor) -> Person {
    actor.person().cloned().unwrap_or_else(|| Person::new(actor.label()))
}
