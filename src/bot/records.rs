//! What was written down: timelines, verification, erasure.
//!
//! Lives here: reading the journal for people. Never lives here: wording (`view`), the checks themselves (`journal`).

use super::grammar::{Purge, Timeline, Verify};
use super::incidents::zone_of;
use super::{Bot, Fault};
use crate::base::event::{Actor, Head, IncidentId, Instant, Recorded, Stream};
use crate::domain::timeline::Fact;
pub use crate::journal::chain::Anchor;
pub use crate::journal::verify::Verified;
use crate::journal::verify::{VerifyError, verify};
use crate::journal::{AppendError, Journal, Select, erase};

/// How often an erasure is decided anew because somebody else erased first.
const CONFLICTS: u32 = 20;

/// An incident's facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Which incident.
    pub incident: IncidentId,
    /// As it stands.
    pub state: crate::domain::incident::state::State,
    /// In which zone people talk about it.
    pub zone: chrono_tz::Tz,
    /// Everything recorded, in order of recording.
    pub facts: Vec<Recorded<Fact>>,
}

impl Bot {
    /// Everything recorded about an incident.
    ///
    /// # Errors
    /// There is none, it is not clear which is meant, the journal.
    pub async fn timeline(&self, asked: &Timeline) -> Result<Told, Fault> {
        self.told(asked.incident.as_ref()).await
    }

    pub(super) async fn told(&self, incident: Option<&IncidentId>) -> Result<Told, Fault> {
        let incident = self.latest_incident(incident).await?;
        let engine = self.engine()?;
        let state = engine.incident(&incident).await?;
        let facts = engine.timeline(&incident).await?;
        Ok(Told { zone: zone_of(&state), incident, state, facts })
    }

    /// Where the journal stands: kept elsewhere, it shows later whether anything was cut off or rewritten.
    ///
    /// # Errors
    /// The journal.
    pub async fn anchor(&self) -> Result<Anchor, Fault> {
        Ok(self.engine()?.journal().head().await?.into())
    }

    /// Where the journal stood after event `number`: an anchor like any other. The head where there is no such event.
    ///
    /// # Errors
    /// The journal.
    pub async fn anchor_at(&self, number: u64) -> Result<Anchor, Fault> {
        let journal = self.engine()?.journal();
        let row = journal.read(Select::All, number.saturating_sub(1), 1).await?.pop();
        match row.filter(|row| row.pos == number) {
            Some(row) => Ok(crate::journal::ChainHead { pos: row.pos, hash: row.hash }.into()),
            None => self.anchor().await,
        }
    }

    /// Everything recorded about an incident, in order of recording.
    ///
    /// # Errors
    /// The journal.
    pub async fn facts(&self, incident: &IncidentId) -> Result<Vec<Recorded<Fact>>, Fault> {
        Ok(self.engine()?.timeline(incident).await?)
    }

    /// Checks the whole journal.
    ///
    /// # Errors
    /// An anchor nobody can read; the first thing that is wrong.
    pub async fn verify(&self, asked: &Verify) -> Result<Verified, Fault> {
        let anchor = anchor(asked.anchor.as_deref())?;
        let journal = self.engine()?.journal().clone();
        verify(journal.as_ref(), anchor.as_ref()).await.map_err(|error| match error {
            VerifyError::Fault(fault) => Fault::Failed(fault.to_string()),
            VerifyError::Unread(text) => Fault::Failed(text),
        })
    }

    /// Erases what one event says. Returns its number and kind.
    ///
    /// # Errors
    /// No such event, one that cannot be erased, the journal.
    pub async fn purge(&self, actor: &Actor, asked: &Purge) -> Result<(u64, String), Fault> {
        let number = asked.event.trim().trim_start_matches('#').parse::<u64>().ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| {
            Fault::Usage(format!("'{}' is no event; the timeline prints their numbers: #12", asked.event))
        })?;
        let journal = self.engine()?.journal().clone();
        let kind = erase(journal.as_ref(), actor, number, &asked.why, self.clock.now()).await?;
        Ok((number, kind))
    }
}

/// What somebody gave as an anchor.
///
/// # Errors
/// It reads like none.
pub(super) fn anchor(given: Option<&str>) -> Result<Option<Anchor>, Fault> {
    given.map(|text| text.parse().map_err(|error| Fault::Usage(format!("--anchor {text}: {error}")))).transpose()
}

/// Erases what event `number` says; returns its kind.
///
/// # Errors
/// No such event, one that cannot be erased, the journal.
pub(super) async fn erase(
    journal: &dyn Journal,
    actor: &Actor,
    number: u64,
    why: &str,
    now: Instant,
) -> Result<String, Fault> {
    for _ in 0..CONFLICTS {
        let row = journal.read(Select::All, number - 1, 1).await?.pop().filter(|row| row.pos == number);
        let row = row.ok_or_else(|| Fault::Usage(format!("there is no event #{number} in this journal")))?;
        let mut erasures = 0;
        for info in journal.streams(Stream::journal().as_str(), false).await? {
            erasures = info.seq;
        }
        let head = Head { actor: actor.clone(), occurred_at: now };
        let batch = erase::erase_batch(&row, erasures, &head, why).map_err(|error| Fault::Usage(error.to_string()))?;
        match journal.append(batch, now).await {
            Ok(_) => return Ok(row.kind),
            Err(AppendError::Conflict { .. }) => {}
            Err(error) => return Err(Fault::Failed(error.to_string())),
        }
    }
    Err(Fault::Failed("the journal is being changed by others; try again".to_owned()))
}
