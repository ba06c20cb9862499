//! Pages: opening them, and what is said to them.
//!
//! Lives here: load, decide, append. Never lives here: who carries a call (`paging`), who is on call (a port).

use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, IncidentId, Instant, PageId, Person, Recorded, Stream};
use crate::domain::incident;
use crate::domain::incident::decide::{Command, Gate};
use crate::domain::page::OnCall;
use crate::domain::page::decide::{Input, decide, open};
use crate::domain::page::event::{Event, Opened, Route};
use crate::domain::page::state::State;
use crate::domain::page::work::is_settled;
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Select};

impl Engine {
    /// Opens a page and gives it the next id. Its first call is written down with it.
    ///
    /// # Errors
    /// The journal.
    pub async fn open_page(
        &self,
        actor: &Actor,
        opened: Opened,
        on_call: &dyn OnCall,
    ) -> Result<(PageId, Vec<Recorded<Fact>>), EngineError> {
        let mut number = self.journal.streams("page:", false).await?.len() as u64;
        for _ in 0..CONFLICTS {
            number += 1;
            let id = PageId::number(number);
            let now = self.clock.now();
            let events = open(&id, opened.clone(), on_call, now);
            match self.append_page(&id, (None, 0), &events, (actor, now), &[]).await {
                Ok(facts) => return Ok((id, facts)),
                Err(EngineError::NotWritten(AppendError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused("too many pages are being opened at once; try again".into())))
    }

    /// A page as its events make it.
    ///
    /// # Errors
    /// No such page, the journal.
    pub async fn page(&self, id: &PageId) -> Result<State, EngineError> {
        Ok(self.load_page(id).await?.0)
    }

    /// Pages, oldest first; only those for whom there is something left to do if `open_only`. One that cannot be understood is left out,
    /// and logged: it must not keep the others from being called.
    ///
    /// # Errors
    /// The journal.
    pub async fn pages(&self, open_only: bool) -> Result<Vec<State>, EngineError> {
        let mut found = Vec::new();
        for info in self.journal.streams("page:", open_only).await? {
            if let Ok(id) = PageId::parse(info.stream.key()) {
                match self.page(&id).await {
                    Ok(page) => found.push(page),
                    Err(error @ EngineError::NotRead(_)) => return Err(error),
                    Err(error) => tracing::error!(page = %id, %error, "a page is left out"),
                }
            }
        }
        found.sort_by_key(|page| codec::number_of(page.id.as_str()));
        Ok(found)
    }

    /// Pages that were opened since a moment, newest first. Older ones are not read.
    ///
    /// # Errors
    /// The journal.
    pub async fn pages_since(&self, since: Instant) -> Result<Vec<State>, EngineError> {
        let streams = self.journal.streams("page:", false).await?;
        let mut ids: Vec<PageId> = streams.iter().filter_map(|info| PageId::parse(info.stream.key()).ok()).collect();
        ids.sort_by_key(|id| std::cmp::Reverse(codec::number_of(id.as_str())));
        let mut found = Vec::new();
        for id in ids {
            let page = self.page(&id).await?;
            if page.opened_at < since {
                break;
            }
            found.push(page);
        }
        Ok(found)
    }

    /// Writes down what follows from something that concerns a page. Nothing may follow.
    ///
    /// # Errors
    /// A refusal, the journal.
    pub async fn tell_page(
        &self,
        id: &PageId,
        actor: &Actor,
        input: Input,
        on_call: &dyn OnCall,
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        self.tell_page_by(id, actor, input, on_call, &[]).await
    }

    /// The same, by whoever keeps pages and has these ways: a page for which nothing is left to do there needs no looking at.
    pub(super) async fn tell_page_by(
        &self,
        id: &PageId,
        actor: &Actor,
        input: Input,
        on_call: &dyn OnCall,
        routes: &[Route],
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        for _ in 0..CONFLICTS {
            let (state, seq) = self.load_page(id).await?;
            let now = self.clock.now();
            let events = decide(&state, input.clone(), on_call, now)?;
            if events.is_empty() {
                return Ok(Vec::new());
            }
            match self.append_page(id, (Some(state), seq), &events, (actor, now), routes).await {
                Err(EngineError::NotWritten(AppendError::Conflict { .. })) => {}
                done => return done,
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused(format!("{id} is being changed by others; try again"))))
    }

    async fn load_page(&self, id: &PageId) -> Result<(State, u64), EngineError> {
        let (mut state, mut seq) = (None, 0);
        for row in self.rows(Select::Stream(Stream::page(id)), 0).await? {
            if let Fact::Page(_, event) = codec::recorded(&row)?.event {
                State::step(&mut state, id, &event, row.at)?;
            }
            seq = row.seq;
        }
        Ok((state.ok_or_else(|| EngineError::NoPage(id.clone()))?, seq))
    }

    async fn append_page(
        &self,
        id: &PageId,
        (mut state, expected): (Option<State>, u64),
        events: &[Event],
        (actor, now): (&Actor, Instant),
        routes: &[Route],
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        for event in events {
            State::step(&mut state, id, event, now)?;
        }
        let state = state.ok_or_else(|| EngineError::NoPage(id.clone()))?;
        let mut items = vec![Item {
            stream: Stream::page(id),
            expected,
            incident: state.opened.incident.clone(),
            events: events.iter().map(|event| codec::page_event(event, actor, now)).collect::<Result<_, _>>()?,
            open: match expected {
                0 => Some(true),
                // Only who has ways to send knows that nothing is left to be sent.
                _ => (!routes.is_empty() && is_settled(&state, routes)).then_some(false),
            },
        }];
        if let (Some(by), Some(incident)) = (answered(events), &state.opened.incident) {
            items.extend(self.taken_on(incident, by, actor, now).await?);
        }
        let appended = self.journal.append(Batch { items, ..Batch::default() }, now).await;
        let appended = appended.map_err(EngineError::NotWritten)?;
        appended.rows.iter().map(|row| codec::recorded(row).map_err(EngineError::from)).collect()
    }

    /// Who answers a page takes its incident on: both, or neither, is written down.
    async fn taken_on(
        &self,
        id: &IncidentId,
        by: &Person,
        actor: &Actor,
        now: Instant,
    ) -> Result<Option<Item>, EngineError> {
        let (incident, expected) = self.load_incident(id).await?;
        if incident.acknowledged_by.is_some() {
            return Ok(None);
        }
        let Ok(events) = incident::decide::decide(Some(&incident), Command::Acknowledge, by, now, &Gate::default())
        else {
            return Ok(None);
        };
        let events = events.iter().map(|event| codec::incident_event(event, actor, now)).collect::<Result<_, _>>()?;
        Ok(Some(Item { stream: Stream::incident(id), expected, incident: Some(id.clone()), events, open: None }))
    }
}

fn answered(events: &[Event]) -> Option<&Person> {
    events.iter().find_map(|event| match event {
        Event::Acknowledged(answered) => Some(&answered.by),
        _ => None,
    })
}
