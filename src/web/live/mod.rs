//! What is looked at while it goes on: incidents that somebody has open, and who is told when there is more.
//!
//! Lives here: [`Live`] (the rooms, and hearing the journal for them), [`Room`] (one incident, read once for all who look at it), what was
//! made for several of them ([`Shared`]). Never lives here: how it looks (`pages`).

mod shared;
mod told;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard as Guard, PoisonError};

use chrono::TimeDelta;
use futures::future::{Either, select};
use tokio::sync::{MappedMutexGuard, Mutex as Held, MutexGuard, watch};

use crate::base::event::IncidentId;
use crate::base::metrics;
use crate::bot::board::{Advanced, Board};
use crate::bot::{Bot, Fault};
pub use shared::{Region, Rendered, Shared};
pub use told::{Excerpt, Line, Sort, Told};

/// Incidents that are kept in memory though nobody looks at them just now.
const KEPT: usize = 16;
/// Open incidents that are read before anybody asks.
const AT_FIRST: usize = 4;
/// How long is waited where the journal cannot be heard, before it is tried again.
const AGAIN: TimeDelta = TimeDelta::seconds(2);

/// See the module.
pub struct Live {
    bot: Arc<Bot>,
    rooms: Mutex<BTreeMap<IncidentId, Arc<Room>>>,
    streams: watch::Sender<usize>,
}

/// One open event stream: it is counted until this is let go.
pub struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|streams| *streams -= 1);
        metrics::EVENT_STREAMS.change(&[], -1.0);
    }
}

/// One incident that is looked at.
pub struct Room {
    /// Its number goes up when there may be more to read.
    more: watch::Sender<u64>,
    seen: Held<Option<View>>,
}

/// An incident, and what is told of it.
pub struct View {
    /// The incident.
    pub board: Board,
    /// Its timeline in sentences, and what its steps put out.
    pub told: Told,
    /// What was made for several who look at it.
    pub shared: Shared,
    /// The room's number when it was read last.
    number: u64,
}

impl Live {
    /// Nobody looks yet.
    #[must_use]
    pub fn new(bot: Arc<Bot>) -> Self {
        Self { bot, rooms: Mutex::default(), streams: watch::Sender::new(0) }
    }

    /// The bot.
    #[must_use]
    pub fn bot(&self) -> &Arc<Bot> {
        &self.bot
    }

    /// Counts an event stream.
    #[must_use]
    pub fn count(&self) -> Counted {
        self.streams.send_modify(|streams| *streams += 1);
        metrics::EVENT_STREAMS.change(&[], 1.0);
        Counted(self.streams.clone())
    }

    /// Event streams that are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        *self.streams.borrow()
    }

    /// The room of an incident. That there is such an incident shows when it is entered.
    #[must_use]
    pub fn room(&self, incident: &IncidentId) -> Arc<Room> {
        let mut rooms = self.rooms();
        if let Some(room) = rooms.get(incident) {
            return room.clone();
        }
        if rooms.len() >= KEPT {
            // Rooms that somebody is in are held by them, too.
            rooms.retain(|_, room| Arc::strong_count(room) > 1);
        }
        let room = Arc::new(Room { more: watch::Sender::new(0), seen: Held::default() });
        rooms.insert(incident.clone(), room.clone());
        room
    }

    /// Hears the journal while somebody listens, until the future is dropped: whoever is in a room is told that there may be more. Where
    /// nobody does, nothing is looked for.
    pub async fn follow(&self) {
        self.begin().await;
        let clock = self.bot.clock().clone();
        let mut streams = self.streams.subscribe();
        loop {
            // We hold the other end: it cannot have gone.
            drop(streams.wait_for(|streams| *streams > 0).await);
            let (deserted, hearing) = (pin!(streams.wait_for(|streams| *streams == 0)), pin!(self.hear()));
            let heard = match select(deserted, hearing).await {
                Either::Left(_) => Ok(()),
                Either::Right((heard, _)) => heard,
            };
            if let Err(fault) = heard {
                tracing::warn!(%fault, "pages do not hear of what is new; trying again");
                clock.sleep_until(clock.now() + AGAIN).await;
            }
        }
    }

    /// Reads what somebody is likely to open first, so that nobody waits for it: a long incident is read once, and that takes longest.
    async fn begin(&self) {
        let Ok(incidents) = self.bot.known_incidents().await else { return };
        for (incident, _) in incidents.all.iter().rev().filter(|(_, state)| state.status.is_open()).take(AT_FIRST) {
            if let Err(fault) = self.room(incident).enter(&self.bot, incident).await {
                tracing::warn!(%fault, %incident, "an incident cannot be shown");
            }
        }
    }

    async fn hear(&self) -> Result<(), Fault> {
        let mut news = self.bot.news().await?;
        // What was missed before is read by everybody.
        self.rooms().values().for_each(|room| room.more.send_modify(|number| *number += 1));
        loop {
            let appended = self.bot.next_news(&mut news).await?;
            let rooms = self.rooms();
            let mut told: Option<&IncidentId> = None;
            for one in &appended {
                let Some(incident) = &one.incident else { continue };
                if told != Some(incident)
                    && let Some(room) = rooms.get(incident)
                {
                    room.more.send_modify(|number| *number += 1);
                }
                told = Some(incident);
            }
        }
    }

    fn rooms(&self) -> Guard<'_, BTreeMap<IncidentId, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody is in a room: what is there, up to date.
pub type Entered<'a> = MappedMutexGuard<'a, View>;

impl Room {
    /// Tells from now on when there may be more.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.more.subscribe()
    }

    /// What is known now: read the first time, later only what came since.
    ///
    /// # Errors
    /// There is no such incident, the journal.
    pub async fn enter(&self, bot: &Bot, incident: &IncidentId) -> Result<Entered<'_>, Fault> {
        self.enter_told(bot, incident, u64::MAX).await
    }

    /// The same for one of many who were told at once that there is more: the first one reads, the others find it read. `told` is the
    /// number they heard.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub async fn enter_told(&self, bot: &Bot, incident: &IncidentId, told: u64) -> Result<Entered<'_>, Fault> {
        let mut seen = self.seen.lock().await;
        // Noted before it is read: what is told meanwhile is read again.
        let number = *self.more.borrow();
        match seen.as_mut() {
            Some(view) if view.number >= told => {}
            Some(view) => {
                let advanced = bot.advance(&mut view.board).await?;
                view.number = number;
                if advanced == Advanced::Anew {
                    view.told = Told::default();
                }
                if advanced != Advanced::Nothing {
                    view.told.take(&view.board.facts);
                    view.shared.clear();
                }
            }
            None => {
                let board = bot.board(incident).await?;
                let mut told = Told::default();
                told.take(&board.facts);
                *seen = Some(View { board, told, shared: Shared::default(), number });
            }
        }
        let gone = |_| Fault::Failed(format!("{incident} could not be read"));
        MutexGuard::try_map(seen, Option::as_mut).map_err(gone)
    }
}
