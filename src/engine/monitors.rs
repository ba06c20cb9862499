//! Monitors as the journal knows them: folded, muted, unmuted.

use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, IncidentId, Instant, Person, Recorded, Stream};
use crate::base::schedule::Span;
use crate::base::text::one_line;
use crate::domain::monitor::State;
use crate::domain::monitor::event::{Event, Muted, Unmuted};
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Row, Select};

/// The longest that somebody may mute a monitor for.
const LONGEST_MUTE: Span = Span::seconds(30 * 86_400);
/// The longest reason, in characters.
const WHY: usize = 500;

/// A monitor's stream as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// What it says.
    pub state: State,
    /// How many events it holds.
    pub seq: u64,
    /// The position of the last.
    pub pos: u64,
}

impl Read {
    /// Takes in a row of the stream.
    pub(super) fn take(&mut self, row: &Row) -> Result<Recorded<Fact>, EngineError> {
        let recorded = codec::recorded(row)?;
        // An event whose body was erased says nothing; what it changed is asked anew.
        if let Fact::Monitor(_, event) = &recorded.event {
            self.state.apply(event, row.at);
        }
        (self.seq, self.pos) = (row.seq, row.pos);
        Ok(recorded)
    }
}

impl Engine {
    /// A monitor as its events make it; one that nothing was recorded of is as at the beginning.
    ///
    /// # Errors
    /// The journal.
    pub async fn monitor(&self, id: &str) -> Result<Read, EngineError> {
        let mut read = Read::default();
        for row in self.rows(Select::Stream(Stream::monitor(id)), 0).await? {
            read.take(&row)?;
        }
        Ok(read)
    }

    /// Everything recorded about a monitor, the oldest first.
    ///
    /// # Errors
    /// The journal.
    pub async fn monitor_facts(&self, id: &str) -> Result<Vec<Recorded<Fact>>, EngineError> {
        let rows = self.rows(Select::Stream(Stream::monitor(id)), 0).await?;
        rows.iter().map(|row| codec::recorded(row).map_err(EngineError::from)).collect()
    }

    /// The names of all monitors that something was recorded of.
    ///
    /// # Errors
    /// The journal.
    pub async fn monitors(&self) -> Result<Vec<String>, EngineError> {
        let streams = self.journal.streams("monitor:", false).await?;
        Ok(streams.into_iter().map(|info| info.stream.key().to_owned()).collect())
    }

    /// Nobody is called for a monitor for a while.
    ///
    /// # Errors
    /// No reason, too long, the journal.
    pub async fn mute_monitor(
        &self,
        id: &str,
        actor: &Actor,
        span: Span,
        why: &str,
    ) -> Result<Recorded<Fact>, EngineError> {
        let why = one_line(why, WHY);
        if why.is_empty() {
            return Err(EngineError::MonitorRefused("say why it is muted, for those who wonder".to_owned()));
        }
        if span > LONGEST_MUTE {
            return Err(EngineError::MonitorRefused(format!("a monitor is muted for at most {LONGEST_MUTE}")));
        }
        self.tell_monitor(id, actor, |_, by, now| {
            Ok(Event::Muted(Muted { until: now + span.delta(), why: why.clone(), by }))
        })
        .await
    }

    /// Somebody wants to hear of a monitor again.
    ///
    /// # Errors
    /// It is not muted, the journal.
    pub async fn unmute_monitor(
        &self,
        id: &str,
        actor: &Actor,
        why: Option<&str>,
    ) -> Result<Recorded<Fact>, EngineError> {
        let why = why.map(|why| one_line(why, WHY)).filter(|why| !why.is_empty());
        self.tell_monitor(id, actor, |state, by, now| match state.muted(now) {
            Some(_) => Ok(Event::Unmuted(Unmuted { why: why.clone(), by })),
            None => Err(EngineError::MonitorRefused(format!("{id} is not muted"))),
        })
        .await
    }

    async fn tell_monitor(
        &self,
        id: &str,
        actor: &Actor,
        decide: impl Fn(&State, Person, Instant) -> Result<Event, EngineError>,
    ) -> Result<Recorded<Fact>, EngineError> {
        let by = actor.person().cloned().unwrap_or_else(|| Person::new(actor.label()));
        for _ in 0..CONFLICTS {
            let read = self.monitor(id).await?;
            let now = self.clock.now();
            let event = decide(&read.state, by.clone(), now)?;
            match self.append_monitor(id, &read, &[event], actor, now).await {
                Ok(rows) => {
                    let lost = || AppendError::Uncertain(format!("monitor:{id}: the stored event was not handed back"));
                    let row = rows.first().ok_or_else(|| EngineError::NotWritten(lost()))?;
                    return Ok(codec::recorded(row)?);
                }
                Err(EngineError::NotWritten(AppendError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let busy = format!("monitor:{id} is being changed by others; try again");
        Err(EngineError::NotWritten(AppendError::Refused(busy)))
    }

    /// Writes events of a monitor down, behind what was read of it.
    pub(super) async fn append_monitor(
        &self,
        id: &str,
        read: &Read,
        events: &[Event],
        actor: &Actor,
        now: Instant,
    ) -> Result<Vec<Row>, EngineError> {
        let incident = incident_of(&read.state, events);
        let events = events.iter().map(|event| codec::monitor_event(event, actor, now)).collect::<Result<_, _>>()?;
        let item = Item { stream: Stream::monitor(id), expected: read.seq, incident, events, open: None };
        let batch = Batch { items: vec![item], ..Batch::default() };
        Ok(self.journal.append(batch, now).await.map_err(EngineError::NotWritten)?.rows)
    }
}

/// The incident whose timeline tells of these events: that of the alarm that goes on, or of the one that begins with them.
fn incident_of(state: &State, events: &[Event]) -> Option<IncidentId> {
    let begins = events.iter().find_map(|event| match event {
        Event::Alerted(alerted) => alerted.incident.clone(),
        _ => None,
    });
    begins.or_else(|| state.folded.incident.clone().filter(|_| state.folded.told))
}
