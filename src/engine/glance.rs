//! A run as it stands, for whoever only looks: without what its targets' streams say, which only a decision needs.

use super::{Engine, EngineError, codec, session};
use crate::base::event::{IncidentId, Instant, RunId, Stream};
use crate::domain::run::event::Event;
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;
use crate::journal::Select;

/// A run as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Glance {
    /// As its events make it.
    pub state: State,
    /// When it ended, where it has. What people tick afterwards is recorded later.
    pub ended_at: Option<Instant>,
}

/// How far a run or an incident got: what was read of it stays true while this stays the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand<Id> {
    /// Which.
    pub id: Id,
    /// Its number.
    pub number: u64,
    /// How many events it holds.
    pub events: u64,
    /// Whether it has unfinished work.
    pub open: bool,
}

impl Engine {
    /// A run as it stands.
    ///
    /// # Errors
    /// No such run, the journal.
    pub async fn run_glance(&self, run: &RunId) -> Result<Glance, EngineError> {
        let rows = self.rows(Select::Stream(Stream::run(run)), 0).await?;
        let Some((first, rest)) = rows.split_first() else { return Err(EngineError::NoRun(run.clone())) };
        let (opened, plan) = session::opened(self, run, first).await?;
        let mut glance = Glance { state: State::open(run.clone(), plan, opened, first.at), ended_at: None };
        for row in rest {
            if let Fact::Run(_, event) = codec::recorded(row)?.event {
                glance.state.apply(&event, row.at)?;
                if let Event::Finished(_) = event {
                    glance.ended_at = Some(row.at);
                }
            }
        }
        Ok(glance)
    }

    /// How far every run got, oldest first, without reading any.
    ///
    /// # Errors
    /// The journal.
    pub async fn run_stands(&self) -> Result<Vec<Stand<RunId>>, EngineError> {
        self.stands("run:", |key| RunId::parse(key).ok(), RunId::as_str).await
    }

    /// How far every incident got, oldest first, without reading any.
    ///
    /// # Errors
    /// The journal.
    pub async fn incident_stands(&self) -> Result<Vec<Stand<IncidentId>>, EngineError> {
        self.stands("incident:", |key| IncidentId::parse(key).ok(), IncidentId::as_str).await
    }

    /// How many erasures there were: what was read before the last one may say what is gone.
    ///
    /// # Errors
    /// The journal.
    pub async fn erasures(&self) -> Result<u64, EngineError> {
        let streams = self.journal.streams(Stream::journal().as_str(), false).await?;
        Ok(streams.iter().map(|info| info.seq).sum())
    }

    async fn stands<Id>(
        &self,
        prefix: &str,
        id: impl Fn(&str) -> Option<Id>,
        text: impl Fn(&Id) -> &str,
    ) -> Result<Vec<Stand<Id>>, EngineError> {
        let streams = self.journal.streams(prefix, false).await?.into_iter();
        let stand = |info: crate::journal::StreamInfo| {
            let id = id(info.stream.key())?;
            Some(Stand { number: codec::number_of(text(&id)), id, events: info.seq, open: info.open })
        };
        let mut stands: Vec<Stand<Id>> = streams.filter_map(stand).collect();
        stands.sort_by_key(|stand| stand.number);
        Ok(stands)
    }
}
