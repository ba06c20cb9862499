//! Follows the journal: everything that is appended, by whatever process, in order.
//!
//! Lives here: [`Tail`]. Never lives here: what is done about it.

use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _, select_biased};

use super::{Engine, EngineError, PAGE, codec};
use crate::base::event::{IncidentId, Recorded};
use crate::domain::timeline::Fact;
use crate::journal::Select;
use crate::journal::heard::Heard;

/// How often other processes' appends are looked for, by the wall, where nothing else is said.
const POLL: chrono::TimeDelta = chrono::TimeDelta::milliseconds(200);

/// Something that was appended.
#[derive(Clone, Debug, PartialEq)]
pub struct Appended {
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// What.
    pub fact: Recorded<Fact>,
}

/// A place in the journal that moves on.
pub struct Tail {
    after: u64,
    version: u64,
    own: mpsc::Receiver<()>,
    poll: chrono::TimeDelta,
}

impl Engine {
    /// Follows the journal from behind event number `after`; `own` tells of this process's appends ([`Heard::listen`]).
    ///
    /// # Errors
    /// The journal.
    pub async fn tail(&self, after: u64, heard: &Heard) -> Result<Tail, EngineError> {
        let own = heard.listen();
        Ok(Tail { after, version: self.journal.version().await?, own, poll: POLL })
    }
}

impl Tail {
    /// The same, looking so often for other processes' appends: a person who looks on notices a fifth of a second.
    #[must_use]
    pub fn looking_every(self, poll: chrono::TimeDelta) -> Self {
        Self { poll, ..self }
    }

    /// Where it stands: the number of the last event it gave.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.after
    }

    /// What was appended since last time, at most some hundreds of events; waits until there is something. An event that this
    /// program cannot read is left out, and logged. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn next(&mut self, engine: &Engine) -> Result<Vec<Appended>, EngineError> {
        loop {
            let rows = engine.journal.read(Select::All, self.after, PAGE).await?;
            if let Some(last) = rows.last() {
                self.after = last.pos;
                let known = rows.iter().filter_map(|row| match codec::recorded(row) {
                    Ok(fact) => Some(Appended { incident: row.incident.clone(), fact }),
                    Err(error) => {
                        tracing::warn!(pos = row.pos, %error, "an event is left out");
                        None
                    }
                });
                return Ok(known.collect());
            }
            self.something(engine).await?;
        }
    }

    /// Waits until this process appended, or another one did.
    async fn something(&mut self, engine: &Engine) -> Result<(), EngineError> {
        loop {
            let poll = self.poll * engine.clock.speed().cast_signed();
            let mut poll = engine.clock.sleep_until(engine.clock.now() + poll).fuse();
            select_biased! {
                token = self.own.next() => match token {
                    Some(()) => return Ok(()),
                    // The journal is gone, and we with it.
                    None => futures::future::pending::<()>().await,
                },
                () = poll => {
                    let version = engine.journal.version().await?;
                    if version != self.version {
                        self.version = version;
                        return Ok(());
                    }
                }
            }
        }
    }
}
