//! Targets outside any run: frozen, unfrozen, looked at.

use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, IncidentId, Instant, Person, Recorded, Stream};
use crate::base::schedule::Span;
use crate::domain::action::railway::Deployment;
use crate::domain::target::event::Event;
use crate::domain::target::{Freeze, Refusal, State};
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Select};

impl Engine {
    /// Freezes a target of an environment, or with [`EVERYTHING`](crate::domain::target::EVERYTHING) all of it.
    ///
    /// # Errors
    /// No reason, a span that is too long, the journal.
    pub async fn freeze(
        &self,
        (environment, target): (&str, &str),
        actor: &Actor,
        why: &str,
        span: Span,
    ) -> Result<Recorded<Fact>, EngineError> {
        self.tell_target(environment, target, actor, |_, by, now| State::freeze(by, why, span, now)).await
    }

    /// Ends a freeze before its time.
    ///
    /// # Errors
    /// There is none, the journal.
    pub async fn unfreeze(
        &self,
        (environment, target): (&str, &str),
        actor: &Actor,
        why: Option<&str>,
    ) -> Result<Recorded<Fact>, EngineError> {
        self.tell_target(environment, target, actor, |state, by, now| state.unfreeze(by, why, now)).await
    }

    /// What is frozen in an environment now, by the target's name.
    ///
    /// # Errors
    /// The journal.
    pub async fn freezes(&self, environment: &str) -> Result<Vec<(String, Freeze)>, EngineError> {
        let prefix = Stream::target(environment, "");
        let now = self.clock.now();
        let mut found = Vec::new();
        for info in self.journal.streams(prefix.as_str(), false).await? {
            let (state, _) = self.target(&info.stream).await?;
            if let (Some(freeze), Some((_, name))) = (state.frozen(now), info.stream.key().split_once('/')) {
                found.push((name.to_owned(), freeze.clone()));
            }
        }
        Ok(found)
    }

    /// Writes down which deployments of a target were seen, each at the moment it was made: in an incident's timeline, or in none.
    /// Whoever looked, and however often: each is written down once. What is new comes back.
    ///
    /// # Errors
    /// The journal.
    pub async fn deployments_seen(
        &self,
        (environment, target): (&str, &str),
        incident: Option<&IncidentId>,
        listed: &[Deployment],
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        let stream = Stream::target(environment, target);
        for _ in 0..CONFLICTS {
            let (state, seq) = self.target(&stream).await?;
            let now = self.clock.now();
            let events = state.deployments_to_record(listed, incident, now);
            if events.is_empty() {
                return Ok(Vec::new());
            }
            let made = |event: &Event| match event {
                Event::DeploymentSeen(seen) => seen.deployment.at,
                _ => now,
            };
            let events = events.iter().map(|event| codec::target_event(event, &Actor::Bot, made(event)));
            let events = events.collect::<Result<_, _>>()?;
            let item = Item { stream: stream.clone(), expected: seq, incident: incident.cloned(), events, open: None };
            match self.journal.append(Batch { items: vec![item], ..Batch::default() }, now).await {
                Ok(appended) => return appended.rows.iter().map(|row| Ok(codec::recorded(row)?)).collect(),
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(EngineError::NotWritten(error)),
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused(format!("{stream} is being changed by others; try again"))))
    }

    async fn target(&self, stream: &Stream) -> Result<(State, u64), EngineError> {
        let (mut state, mut seq) = (State::default(), 0);
        for row in self.rows(Select::Stream(stream.clone()), 0).await? {
            if let Fact::Target(_, event) = codec::recorded(&row)?.event {
                state.apply(&event, row.at);
            }
            seq = row.seq;
        }
        Ok((state, seq))
    }

    async fn tell_target(
        &self,
        environment: &str,
        target: &str,
        actor: &Actor,
        decide: impl Fn(&State, Person, Instant) -> Result<Event, Refusal>,
    ) -> Result<Recorded<Fact>, EngineError> {
        let stream = Stream::target(environment, target);
        let by = actor.person().cloned().unwrap_or_else(|| Person::new(actor.label()));
        for _ in 0..CONFLICTS {
            let (state, seq) = self.target(&stream).await?;
            let now = self.clock.now();
            let event = decide(&state, by.clone(), now)?;
            // It belongs to no incident: it outlives them, and holds up the runs of all.
            let item = Item {
                stream: stream.clone(),
                expected: seq,
                incident: None,
                events: vec![codec::target_event(&event, actor, now)?],
                open: None,
            };
            match self.journal.append(Batch { items: vec![item], ..Batch::default() }, now).await {
                Ok(appended) => {
                    let row = appended.rows.first().ok_or_else(|| lost(&stream))?;
                    return Ok(codec::recorded(row)?);
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(EngineError::NotWritten(error)),
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused(format!("{stream} is being changed by others; try again"))))
    }
}

fn lost(stream: &Stream) -> EngineError {
    EngineError::NotWritten(AppendError::Uncertain(format!("{stream}: the stored event was not handed back")))
}
