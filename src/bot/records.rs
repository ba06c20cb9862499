//! What was written down: timelines, postmortems, verification, erasure.
//!
//! Lives here: reading the journal for people. Never lives here: wording (`view`), the checks themselves (`journal`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::grammar::{Postmortem, Purge, Timeline, Verify};
use super::incidents::zone_of;
use super::{Bot, Fault};
use crate::base::event::{Actor, Head, IncidentId, Recorded, RunId, Stream};
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;
pub use crate::journal::chain::Anchor;
pub use crate::journal::verify::Verified;
use crate::journal::verify::{VerifyError, verify};
use crate::journal::{AppendError, Select, erase};
use crate::view::report::{Options, postmortem};

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

/// A postmortem, or where it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drafted {
    /// The page.
    Text(String),
    /// The files that were written.
    Files(Vec<String>),
}

impl Bot {
    /// Fills in the postmortem of an incident from what was recorded.
    ///
    /// # Errors
    /// There is no such incident, the journal, a file that cannot be written.
    pub async fn postmortem(&self, asked: Postmortem) -> Result<Drafted, Fault> {
        let Postmortem::Draft { incident, to } = asked;
        let told = self.told(incident.as_ref()).await?;
        let plans = self.plans(&told).await?;
        let anchor = self.anchor().await?.to_string();
        let options =
            Options { zone: None, anchor: Some(anchor), generated_at: self.clock.now(), template: None, plans: &plans };
        let report = postmortem(&told.facts, &options).map_err(|error| Fault::Failed(error.to_string()))?;
        let Some(to) = to else { return Ok(Drafted::Text(report.markdown)) };
        let page = PathBuf::from(&to);
        let mut files = Vec::new();
        let beside = report.charts.iter().map(|(name, chart)| (page.with_file_name(name), chart));
        for (path, text) in beside.chain([(page.clone(), &report.markdown)]) {
            std::fs::write(&path, text)
                .map_err(|error| Fault::Failed(format!("{} cannot be written: {error}", path.display())))?;
            files.push(path.display().to_string());
        }
        files.reverse();
        Ok(Drafted::Files(files))
    }

    /// What the runs of an incident were pinned to, as far as it can be read: a plan that was erased leaves its run without
    /// phases and limits, not the incident without a postmortem.
    pub(super) async fn plans(&self, told: &Told) -> Result<BTreeMap<RunId, Arc<Plan>>, Fault> {
        let engine = self.engine()?;
        let mut plans = BTreeMap::new();
        for run in &told.state.runs {
            if let Ok(state) = engine.run_state(run).await {
                plans.insert(run.clone(), state.plan);
            }
        }
        Ok(plans)
    }

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

    /// Checks the whole journal.
    ///
    /// # Errors
    /// An anchor nobody can read; the first thing that is wrong.
    pub async fn verify(&self, asked: &Verify) -> Result<Verified, Fault> {
        let anchor: Option<Anchor> = match &asked.anchor {
            Some(text) => Some(text.parse().map_err(|error| Fault::Usage(format!("--anchor {text}: {error}")))?),
            None => None,
        };
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
        for _ in 0..CONFLICTS {
            let row = journal.read(Select::All, number - 1, 1).await?.pop().filter(|row| row.pos == number);
            let row = row.ok_or_else(|| Fault::Usage(format!("there is no event #{number} in this journal")))?;
            let mut erasures = 0;
            for info in journal.streams(Stream::journal().as_str(), false).await? {
                erasures = info.seq;
            }
            let now = self.clock.now();
            let head = Head { actor: actor.clone(), occurred_at: now };
            let batch = erase::erase_batch(&row, erasures, &head, &asked.why)
                .map_err(|error| Fault::Usage(error.to_string()))?;
            match journal.append(batch, now).await {
                Ok(_) => return Ok((number, row.kind)),
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(Fault::Failed(error.to_string())),
            }
        }
        Err(Fault::Failed("the journal is being changed by others; try again".to_owned()))
    }
}
