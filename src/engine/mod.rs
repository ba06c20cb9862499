//! The engine: loads a stream, decides, appends, and carries out what is outstanding.
//!
//! Lives here: the [`Engine`] (any process may let it decide), the driver of a run (one process at a time), the observer of
//! watches, errors. Never lives here: what follows from what (`domain`), how a thing is done (`step`), where events are
//! kept (`journal`). Nothing here knows tokio: everything is a future, and waits through the clock.

mod alerts;
mod codec;
pub mod digests;
mod drive;
mod glance;
mod incidents;
mod life;
pub mod monitoring;
mod monitors;
mod observe;
mod pages;
pub mod paging;
mod rota;
mod session;
mod sessions;
pub mod tail;
mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::clock::Clock;
use crate::base::event::{Actor, IncidentId, Instant, PageId, Person, Recorded, RunId, Stream, Unreadable};
use crate::domain::run::event::Opened;
use crate::domain::run::state::State;
use crate::domain::run::{apply, input};
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;
use crate::domain::{incident, page};
use crate::journal::{AppendError, Batch, Item, Journal, ReadError, Select};

pub use alerts::Took;
pub use drive::{DriveOptions, Message, Standing, Stopped};
pub use glance::{Glance, Stand};
pub use rota::RotaTold;

/// Rows read at a time.
const PAGE: usize = 1_000;
/// How often a decision is taken anew because somebody else wrote first, before giving up.
const CONFLICTS: u32 = 50;

/// Decides and records; carries out what is outstanding when asked to drive.
#[derive(Clone)]
pub struct Engine {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
}

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The run does not allow it.
    #[error(transparent)]
    Refused(#[from] input::Refusal),
    /// The incident does not allow it.
    #[error(transparent)]
    IncidentRefused(#[from] incident::decide::Refusal),
    /// There is no such run.
    #[error("there is no {0} in this journal")]
    NoRun(RunId),
    /// There is no such incident.
    #[error("there is no {0} in this journal")]
    NoIncident(IncidentId),
    /// A living process drives it.
    #[error(
        "another process drives {run} right now{whom}; `rundown approve`, `decide`, `runbook pause` and so on reach it from here"
    )]
    DrivenElsewhere {
        /// Which run.
        run: RunId,
        /// `: host:pid`, where known.
        whom: String,
    },
    /// There is no such page.
    #[error("there is no {0} in this journal")]
    NoPage(PageId),
    /// The page does not allow it.
    #[error(transparent)]
    PageRefused(#[from] page::decide::Refusal),
    /// Stored events of a page contradict each other.
    #[error(transparent)]
    ImpossiblePage(#[from] page::state::Impossible),
    /// The journal could not be written.
    #[error("{0}")]
    NotWritten(AppendError),
    /// The journal could not be read.
    #[error(transparent)]
    NotRead(#[from] ReadError),
    /// A stored event cannot be understood.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// What was asked of a monitor cannot be.
    #[error("{0}")]
    MonitorRefused(String),
    /// The target does not allow it.
    #[error(transparent)]
    TargetRefused(#[from] crate::domain::target::Refusal),
    /// Who is on call cannot be changed like that.
    #[error(transparent)]
    RotaRefused(#[from] crate::domain::oncall::rota::Refusal),
    /// Stored events contradict each other.
    #[error(transparent)]
    Impossible(#[from] apply::Impossible),
    /// Stored events of an incident contradict each other.
    #[error(transparent)]
    ImpossibleIncident(#[from] incident::state::Impossible),
    /// What a run is pinned to is gone or damaged.
    #[error("the plan of {run} cannot be read: {why}")]
    PlanLost {
        /// Which run.
        run: RunId,
        /// In words.
        why: String,
    },
}

/// How a run begins.
#[derive(Clone, Debug)]
pub struct Open {
    /// The incident it belongs to.
    pub incident: IncidentId,
    /// When the incident started.
    pub incident_started: Instant,
    /// Who starts it.
    pub by: Actor,
    /// Steps before this one are not run.
    pub from: Option<String>,
    /// Steps (or `all`) that the person who starts it approves as soon as they are asked.
    pub approves: Vec<String>,
    /// Whether it begins by itself after a run that succeeded.
    pub follow_up: bool,
}

/// Looks on while a run is driven. Nothing it is told has to be kept: the journal has it, or it is only for the eye.
pub trait Observer: Send + Sync {
    /// The run as it was found.
    fn found(&self, _state: &State) {}
    /// Events were committed; `state` is what they led to.
    fn events(&self, state: &State, events: &[Recorded<Fact>]);
    /// Something to look at that is not recorded.
    fn live(&self, _live: Live<'_>) {}
    /// What a person at this process's own door wanted was refused; nothing changed.
    fn refused(&self, _refusal: &input::Refusal) {}
    /// Something is wrong with the journal; the driver tries again.
    fn trouble(&self, _text: &str) {}
}

/// Something to look at that is not recorded.
#[derive(Clone, Copy, Debug)]
pub enum Live<'a> {
    /// A line of a running program.
    Line {
        /// Which step.
        step: &'a str,
        /// Scrubbed, without control characters.
        text: &'a str,
    },
    /// One sample of a watch.
    Sample {
        /// Which step.
        step: &'a str,
        /// When.
        at: Instant,
        /// The series' values.
        values: &'a BTreeMap<String, f64>,
    },
}

/// A run in the list of runs.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// Which.
    pub id: RunId,
    /// Whether it is unfinished.
    pub open: bool,
}

impl Engine {
    /// Puts the parts together.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { journal, clock }
    }

    /// The clock everything here asks.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The journal everything here is written to.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// Pins a new run to a plan. Nothing is set in motion until somebody drives it.
    ///
    /// # Errors
    /// The journal.
    pub async fn open_run(&self, plan: &Plan, open: Open) -> Result<RunId, EngineError> {
        let bytes = serde_json::to_vec(plan)
            .map_err(|error| EngineError::PlanLost { run: RunId::number(1), why: error.to_string() })?;
        let blob = self.journal.new_blob(bytes);
        let mut number = self.journal.streams("run:", false).await?.len() as u64;
        for _ in 0..CONFLICTS {
            number += 1;
            let id = RunId::number(number);
            let opened = Opened {
                runbook: plan.runbook.clone(),
                title: plan.title.clone(),
                plan: blob.id.clone(),
                digest: plan.digest.clone(),
                environment: plan.inventory.environment.clone(),
                incident: open.incident.clone(),
                incident_started: open.incident_started,
                by: open.by.person().cloned().unwrap_or_else(|| Person::new(open.by.label())),
                inputs: plan.frames.first().map(|frame| frame.inputs.clone()).unwrap_or_default(),
                from: open.from.clone(),
                approves: open.approves.clone(),
                follow_up: open.follow_up,
            };
            let now = self.clock.now();
            let batch = Batch {
                items: vec![Item {
                    stream: Stream::run(&id),
                    expected: 0,
                    incident: Some(open.incident.clone()),
                    events: vec![codec::run_event(&opened.into(), &open.by, now)?],
                    open: Some(true),
                }],
                blobs: vec![blob.clone()],
                ..Batch::default()
            };
            match self.journal.append(batch, now).await {
                Ok(_) => {
                    tracing::info!(incident = %open.incident, run = %id, runbook = plan.runbook, "run opened");
                    return Ok(id);
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(EngineError::NotWritten(error)),
            }
        }
        Err(EngineError::NotWritten(AppendError::Refused("too many runs are being opened at once; try again".into())))
    }

    /// A run as its events make it.
    ///
    /// # Errors
    /// No such run, the journal.
    pub async fn run_state(&self, run: &RunId) -> Result<State, EngineError> {
        Ok(self.run_glance(run).await?.state)
    }

    /// What a run is pinned to, without reading what became of it.
    ///
    /// # Errors
    /// No such run, a plan that is gone, the journal.
    pub async fn run_plan(&self, run: &RunId) -> Result<Arc<Plan>, EngineError> {
        let rows = self.journal.read(Select::Stream(Stream::run(run)), 0, 1).await?;
        let first = rows.first().ok_or_else(|| EngineError::NoRun(run.clone()))?;
        Ok(session::opened(self, run, first).await?.1)
    }

    /// Writes down what a person wants of a run, from whatever process. Whoever drives the run carries it out.
    ///
    /// # Errors
    /// A refusal, the journal.
    pub async fn command(
        &self,
        run: &RunId,
        actor: &Actor,
        command: input::Command,
    ) -> Result<Vec<Recorded<Fact>>, EngineError> {
        let by = actor.person().cloned().unwrap_or_else(|| Person::new(actor.label()));
        let mut session = session::Session::load(self, run).await?;
        let input = input::Input::Command { by, command };
        session.submit(self, actor, input, crate::domain::run::decide::Seat::Bystander).await
    }

    /// All runs, oldest first.
    ///
    /// # Errors
    /// The journal.
    pub async fn runs(&self, open_only: bool) -> Result<Vec<RunInfo>, EngineError> {
        let mut runs: Vec<RunInfo> = self
            .journal
            .streams("run:", open_only)
            .await?
            .into_iter()
            .filter_map(|info| RunId::parse(info.stream.key()).ok().map(|id| RunInfo { id, open: info.open }))
            .collect();
        runs.sort_by_key(|info| codec::number_of(info.id.as_str()));
        Ok(runs)
    }

    /// Everything recorded about an incident, in order.
    ///
    /// # Errors
    /// The journal.
    pub async fn timeline(&self, incident: &IncidentId) -> Result<Vec<Recorded<Fact>>, EngineError> {
        self.timeline_after(incident, 0).await
    }

    /// What was recorded about an incident behind event number `after`, in order.
    ///
    /// # Errors
    /// The journal.
    pub async fn timeline_after(&self, incident: &IncidentId, after: u64) -> Result<Vec<Recorded<Fact>>, EngineError> {
        let read = |after| self.journal.read(Select::Incident(incident.clone()), after, PAGE);
        let mut facts = Vec::new();
        let mut asked = read(after);
        loop {
            let page = asked.await?;
            // The journal reads the next page while this one is decoded.
            let next = page.last().filter(|_| page.len() == PAGE).map(|last| read(last.pos));
            for row in &page {
                facts.push(codec::recorded(row)?);
            }
            match next {
                Some(next) => asked = next,
                None => return Ok(facts),
            }
        }
    }

    async fn rows(&self, select: Select, mut after: u64) -> Result<Vec<crate::journal::Row>, ReadError> {
        let mut rows = Vec::new();
        loop {
            let page = self.journal.read(select.clone(), after, PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map_or(after, |row| row.pos);
            rows.extend(page);
            if !full {
                return Ok(rows);
            }
        }
    }
}
