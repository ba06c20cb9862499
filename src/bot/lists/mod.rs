//! What lists of many show: incidents, runs, runbooks and monitors, each in the few things that a line of a list says.
//!
//! Lives here: collecting them, with bounds, and remembering what was read while its stream stands where it stood: a list is asked for
//! again and again, and a run that is over never changes. Never lives here: how a list looks (`web`), one thing in detail (`incidents`,
//! `steer`).

pub mod incidents;
pub mod monitors;
pub mod runbooks;
pub mod runs;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono_tz::Tz;

use super::{Bot, Fault};
use crate::base::event::{IncidentId, Instant, RunId};
use crate::domain::incident::state::State as Incident;
use crate::engine::{EngineError, Stand};
use runbooks::Fitness;
use runs::Line;

/// Incidents that are read for a list: the newest ones.
pub const INCIDENTS: usize = 2_000;
/// Runs that are remembered. Those that were read first go first.
const REMEMBERED: usize = 5_000;

/// An incident with its id; its state is shared with whoever else looks.
pub type Known = (IncidentId, Arc<Incident>);

/// What was read, by how many events it was read of. `None` is what cannot be read: it would be no different the next time.
#[derive(Default)]
struct Kept {
    /// How many erasures there were: nothing that was read before the last one may be shown.
    erasures: u64,
    incidents: HashMap<IncidentId, (u64, Option<Arc<Incident>>)>,
    runs: HashMap<RunId, (u64, Option<Arc<Line>>)>,
    /// Whether runbooks still fit, and when that was found out.
    fitness: Option<(Instant, Arc<Fitness>)>,
}

/// What lists have read so far.
#[derive(Default)]
pub struct Remembered(Mutex<Kept>);

impl Remembered {
    fn get(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered, unless something was erased since: what was read before that may say it, and is not to be remembered.
    fn still(&self, erasures: u64) -> Option<MutexGuard<'_, Kept>> {
        Some(self.get()).filter(|kept| kept.erasures == erasures)
    }

    /// Forgets everything where something was erased since.
    fn as_of(&self, erasures: u64) {
        let mut kept = self.get();
        if kept.erasures != erasures {
            let fitness = kept.fitness.take();
            *kept = Kept { erasures, fitness, ..Kept::default() };
        }
    }
}

/// The incidents there are, as far as they were read.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    /// Oldest first.
    pub all: Vec<Known>,
    /// How many older ones were not read.
    pub older: usize,
    /// How many cannot be read.
    pub unreadable: usize,
}

impl Bot {
    /// The newest [`INCIDENTS`]; nothing is made where there is no journal yet.
    ///
    /// # Errors
    /// The journal.
    pub async fn known_incidents(&self) -> Result<Incidents, Fault> {
        if !self.has_record() {
            return Ok(Incidents::default());
        }
        let engine = self.engine()?;
        let erasures = engine.erasures().await?;
        self.remembered.as_of(erasures);
        let mut stands = engine.incident_stands().await?;
        let older = stands.len().saturating_sub(INCIDENTS);
        stands.drain(..older);
        let mut found = Incidents { older, ..Incidents::default() };
        for Stand { id, events, .. } in stands {
            let known = self.remembered.get().incidents.get(&id).filter(|(seen, _)| *seen == events).cloned();
            let state = match known {
                Some((_, state)) => state,
                None => {
                    let state = readable(engine.incident(&id).await)?.map(Arc::new);
                    if let Some(mut kept) = self.remembered.still(erasures) {
                        kept.incidents.insert(id.clone(), (events, state.clone()));
                    }
                    state
                }
            };
            match state {
                Some(state) => found.all.push((id, state)),
                None => found.unreadable += 1,
            }
        }
        Ok(found)
    }

    /// In which zone people read times who do not say another: that of the environment that is looked at by default; UTC where none is.
    #[must_use]
    pub fn house_zone(&self) -> Tz {
        let zone = self.library.default_zone();
        zone.and_then(|zone| crate::base::schedule::zone(&zone).ok()).unwrap_or(Tz::UTC)
    }
}

/// What one thing says; nothing where it alone is damaged, so that all others are still seen.
fn readable<T>(read: Result<T, EngineError>) -> Result<Option<T>, Fault> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(
            EngineError::PlanLost { .. }
            | EngineError::Unreadable(_)
            | EngineError::Impossible(_)
            | EngineError::ImpossibleIncident(_),
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
