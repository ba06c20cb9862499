//! Who is on call beside the rotation: overrides and requests for cover, read and written.

use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, Instant, Person, Recorded, Stream};
use crate::domain::oncall::rota::event::Event;
use crate::domain::oncall::rota::{Refusal, Rota};
use crate::domain::timeline::Fact;
use crate::journal::{AppendError, Batch, Item, Select};

/// What was recorded about who is on call.
#[derive(Clone, Debug)]
pub struct RotaTold {
    /// With its envelope.
    pub fact: Recorded<Fact>,
    /// What it says.
    pub event: Event,
    /// What it led to.
    pub rota: Rota,
}

impl Engine {
    /// Overrides and requests for cover as they stand.
    ///
    /// # Errors
    /// The journal.
    pub async fn rota(&self) -> Result<Rota, EngineError> {
        Ok(self.rota_read().await?.0)
    }

    async fn rota_read(&self) -> Result<(Rota, u64), EngineError> {
        let (mut rota, mut seq) = (Rota::default(), 0);
        for row in self.rows(Select::Stream(Stream::rota()), 0).await? {
            match codec::recorded(&row)?.event {
                Fact::Rota(event) => rota.apply(&event, row.at),
                Fact::Erased { kind, .. } => rota.skip(&kind),
                _ => {}
            }
            seq = row.seq;
        }
        Ok((rota, seq))
    }

    /// Decides on the present state and records what follows; where somebody else wrote in between, it is decided anew.
    ///
    /// # Errors
    /// It is refused, the journal.
    pub async fn tell_rota(
        &self,
        actor: &Actor,
        decide: impl Fn(&Rota, Person, Instant) -> Result<Event, Refusal>,
    ) -> Result<RotaTold, EngineError> {
        let by = actor.person().cloned().unwrap_or_else(|| Person::new(actor.label()));
        let stream = Stream::rota();
        for _ in 0..CONFLICTS {
            let (mut rota, seq) = self.rota_read().await?;
            let now = self.clock.now();
            let event = decide(&rota, by.clone(), now)?;
            let item = Item {
                stream: stream.clone(),
                expected: seq,
                incident: None,
                events: vec![codec::rota_event(&event, actor, now)?],
                open: None,
            };
            match self.journal.append(Batch { items: vec![item], ..Batch::default() }, now).await {
                Ok(appended) => {
                    let lost = || AppendError::Uncertain(format!("{stream}: the stored event was not handed back"));
                    let row = appended.rows.first().ok_or_else(|| EngineError::NotWritten(lost()))?;
                    rota.apply(&event, row.at);
                    return Ok(RotaTold { fact: codec::recorded(row)?, event, rota });
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(EngineError::NotWritten(error)),
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused(
            "who is on call is being changed by others; try again".into(),
        )))
    }
}
