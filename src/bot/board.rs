//! An incident as somebody looks at it while it goes on: everything recorded, folded, and taken further with what is appended.
//!
//! Lives here: [`Board`], loading it and taking it further; hearing that there is something new. Never lives here: how it looks (`web`),
//! who else looks at it.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::incidents::zone_of;
use super::{Bot, Fault};
use crate::base::event::{IncidentId, Recorded, RunId};
use crate::base::text::plain;
use crate::domain::incident;
use crate::domain::run::event::Event as OfRun;
use crate::domain::run::state::State as Run;
use crate::domain::timeline::Fact;
pub use crate::engine::tail::{Appended, Tail};
use crate::journal::Select;

/// How often other processes' appends are looked for while somebody looks on: a terminal's answer shows within a tenth of a second.
const LOOK: chrono::TimeDelta = chrono::TimeDelta::milliseconds(50);

/// Characters of a stored event that are shown.
const SHOWN: usize = 20_000;

/// One event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What it is: `attempt.sent`.
    pub kind: String,
    /// In which stream.
    pub stream: String,
    /// Its body, as JSON for people.
    pub body: String,
    /// Its link in the chain, in hex.
    pub hash: String,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Board {
    /// Which incident.
    pub incident: IncidentId,
    /// As it stands.
    pub state: incident::State,
    /// In which zone people talk about it.
    pub zone: Tz,
    /// Its runs as they stand, in the order in which they were opened. One whose plan was erased is not among them.
    pub runs: Vec<Run>,
    /// Everything recorded, in order of recording.
    pub facts: Vec<Recorded<Fact>>,
    /// The number of the last event among them.
    pub through: u64,
    /// Runs that can be read no more.
    lost: BTreeMap<RunId, String>,
    /// How many erasures there were before it was read: what was erased since may stand in it.
    erasures: u64,
}

/// What taking a board further came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// Nothing was recorded since.
    Nothing,
    /// There is more.
    More,
    /// Something was erased: it was read anew, and what was made of it before is to be forgotten.
    Anew,
}

impl Board {
    /// One of its runs.
    #[must_use]
    pub fn run(&self, run: &RunId) -> Option<&Run> {
        self.runs.iter().find(|known| known.id == *run)
    }

    /// Runs that cannot be shown, with why.
    pub fn lost(&self) -> impl Iterator<Item = (&RunId, &str)> {
        self.lost.iter().map(|(run, why)| (run, why.as_str()))
    }
}

impl Bot {
    /// An incident with everything that belongs to it.
    ///
    /// # Errors
    /// There is no such incident, the journal.
    pub async fn board(&self, incident: &IncidentId) -> Result<Board, Fault> {
        let erasures = self.engine()?.erasures().await?;
        // What is asked for first decides whether there is one; the facts may already be newer.
        let state = self.engine()?.incident(incident).await?;
        let mut board = Board {
            incident: incident.clone(),
            zone: zone_of(&state),
            state,
            runs: Vec::new(),
            facts: Vec::new(),
            through: 0,
            lost: BTreeMap::new(),
            erasures,
        };
        let mut seen = None;
        self.read_on(&mut board, &mut seen).await?;
        Ok(board)
    }

    /// Takes a board further by what was recorded since, or reads it anew where something was erased.
    ///
    /// # Errors
    /// The journal.
    pub async fn advance(&self, board: &mut Board) -> Result<Advanced, Fault> {
        if self.engine()?.erasures().await? != board.erasures {
            *board = self.board(&board.incident.clone()).await?;
            return Ok(Advanced::Anew);
        }
        let before = board.through;
        let mut seen = Some(board.state.clone());
        self.read_on(board, &mut seen).await?;
        Ok(if board.through > before { Advanced::More } else { Advanced::Nothing })
    }

    async fn read_on(&self, board: &mut Board, seen: &mut Option<incident::State>) -> Result<(), Fault> {
        let news = self.engine()?.timeline_after(&board.incident, board.through).await?;
        for recorded in &news {
            let at = recorded.head.occurred_at;
            match &recorded.event {
                Fact::Incident(_, event) => {
                    if let Err(error) = incident::State::step(seen, event, at) {
                        tracing::warn!(pos = recorded.pos, %error, "an event of an incident is left out of its page");
                    }
                }
                Fact::Erased { .. } if seen.is_none() => *seen = Some(incident::State::undeclared(at)),
                Fact::Run(run, event) => self.fold(board, run, event, recorded).await?,
                _ => {}
            }
        }
        if let Some(state) = seen.take() {
            board.zone = zone_of(&state);
            board.state = state;
        }
        board.through = news.last().map_or(board.through, |last| last.pos);
        board.facts.extend(news);
        Ok(())
    }

    async fn fold(&self, board: &mut Board, run: &RunId, event: &OfRun, of: &Recorded<Fact>) -> Result<(), Fault> {
        if let OfRun::Opened(opened) = event {
            match self.engine()?.run_plan(run).await {
                Ok(plan) => board.runs.push(Run::open(run.clone(), plan, opened.clone(), of.at)),
                Err(error) => drop(board.lost.insert(run.clone(), error.to_string())),
            }
            return Ok(());
        }
        let Some(at) = board.runs.iter().position(|known| known.id == *run) else { return Ok(()) };
        if let Err(error) = board.runs[at].apply(event, of.at) {
            // An event in between was erased: what the run is now can no longer be known from the rest.
            board.lost.insert(run.clone(), error.to_string());
            board.runs.remove(at);
        }
        Ok(())
    }

    /// Hears of everything that is appended from now on, by whatever process.
    ///
    /// # Errors
    /// The journal.
    pub async fn news(&self) -> Result<Tail, Fault> {
        let engine = self.engine()?;
        let head = engine.journal().head().await?.pos;
        Ok(engine.tail(head, self.heard()?).await?.looking_every(LOOK))
    }

    /// What was appended since last time; waits until there is something.
    ///
    /// # Errors
    /// The journal.
    pub async fn next_news(&self, tail: &mut Tail) -> Result<Vec<Appended>, Fault> {
        Ok(tail.next(self.engine()?).await?)
    }

    /// What one event put out in full, where it did and it is still there: the text, however long.
    ///
    /// # Errors
    /// The journal.
    pub async fn output(&self, fact: &Fact) -> Result<Option<String>, Fault> {
        use crate::domain::run::event::Output;
        let Fact::Run(_, OfRun::StepFinished(finished)) = fact else { return Ok(None) };
        match &finished.output {
            None => Ok(None),
            Some(Output::Text(text)) => Ok(Some(text.clone())),
            Some(Output::Blob { id, .. }) => {
                let bytes = self.engine()?.journal().blob(id).await?;
                Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
            }
        }
    }

    /// One event as it is stored; `None` where there is none, or where it was erased.
    ///
    /// # Errors
    /// The journal.
    pub async fn stored(&self, number: u64) -> Result<Option<Stored>, Fault> {
        let journal = self.engine()?.journal();
        let row = journal.read(Select::All, number.saturating_sub(1), 1).await?.pop();
        let Some(row) = row.filter(|row| row.pos == number) else { return Ok(None) };
        let Some(body) = row.body else { return Ok(None) };
        let read: Option<serde_json::Value> = serde_json::from_slice(&body.bytes).ok();
        let body = read.and_then(|value| serde_json::to_string_pretty(&value).ok());
        let body = body.unwrap_or_else(|| "it is no JSON".to_owned());
        Ok(Some(Stored {
            kind: row.kind,
            stream: row.stream.as_str().to_owned(),
            body: plain(&body, SHOWN),
            hash: hex::encode(row.hash),
        }))
    }
}
