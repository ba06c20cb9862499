//! Starting a run, or going on with one, and driving it.
//!
//! Lives here: from a plan and a person to a run of an incident. Never lives here: what follows from what (`engine`,
//! `domain`), prompts (the doors).

use futures::StreamExt as _;
use futures::channel::mpsc;

use super::library::{At, Planned};
use super::{Bot, Fault};
use crate::base::event::{Actor, IncidentId, Instant, RunId};
use crate::domain::incident;
use crate::domain::incident::event::Milestone;
use crate::domain::people::Identity;
use crate::domain::run::input::{Command, Refusal};
use crate::domain::run::state::State;
use crate::engine::{DriveOptions, Open};
pub use crate::engine::{Live, Message, Observer, Stopped};

/// How often other processes' appends are looked for.
const POLL: std::time::Duration = std::time::Duration::from_millis(200);

/// What a run starts with, besides its plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// The incident it belongs to; a new one where left out.
    pub incident: Option<IncidentId>,
    /// Steps before this one are not run.
    pub from: Option<String>,
    /// Steps (or `all`) that the person who starts it approves as soon as they are asked.
    pub approves: Vec<String>,
}

/// What persons at this door say to a run while it is driven.
pub type Commands = mpsc::UnboundedReceiver<(Identity, Command)>;

impl Bot {
    /// Opens a run of a plan, and declares an incident for it where none was named.
    ///
    /// # Errors
    /// No such incident or step, a refusal, the journal.
    pub async fn start(&self, actor: &Actor, planned: &Planned, mut start: Start) -> Result<RunId, Fault> {
        let plan = &planned.plan;
        check_steps(plan, &start)?;
        if !self.people().is_usable() {
            // Nobody can be counted now; whoever starts it is asked like everybody else.
            start.approves.clear();
        }
        let engine = self.engine()?;
        let (incident, started) = match start.incident {
            Some(incident) => {
                let state = engine.incident(&incident).await?;
                let began = began(&state);
                (incident, began)
            }
            None => self.declare_for(actor, planned).await?,
        };
        let open = Open {
            incident: incident.clone(),
            incident_started: started,
            by: actor.clone(),
            from: start.from,
            approves: start.approves,
            follow_up: false,
        };
        let run = engine.open_run(plan, open).await?;
        let attach = incident::decide::Command::AttachRun { run: run.clone(), runbook: plan.runbook.clone() };
        engine.incident_command(&incident, actor, None, attach).await?;
        Ok(run)
    }

    /// What begins by itself once `state`'s run succeeded: a run of the follow-up phases of the same plan, on the same incident.
    /// `None` where the page has none, the run did not succeed, or what follows it was opened before: whoever asks twice gets one.
    ///
    /// # Errors
    /// The journal.
    pub async fn follow_up(&self, state: &State) -> Result<Option<RunId>, Fault> {
        if state.outcome() != Some(crate::domain::run::event::Outcome::Succeeded) {
            return Ok(None);
        }
        let Some(plan) = state.plan.follow_up() else { return Ok(None) };
        let incident = state.opened.incident.clone();
        if self.is_followed(state).await? {
            return Ok(None);
        }
        let open = Open {
            incident: incident.clone(),
            incident_started: state.opened.incident_started,
            by: Actor::Bot,
            from: None,
            approves: Vec::new(),
            follow_up: true,
        };
        let engine = self.engine()?;
        let run = engine.open_run(&plan, open).await?;
        let attach = incident::decide::Command::AttachRun { run: run.clone(), runbook: plan.runbook };
        engine.incident_command(&incident, &Actor::Bot, None, attach).await?;
        Ok(Some(run))
    }

    /// Whether a run of the follow-up phases was opened after this one already.
    async fn is_followed(&self, state: &State) -> Result<bool, Fault> {
        let engine = self.engine()?;
        let runs = engine.incident(&state.opened.incident).await?.runs;
        for run in runs.iter().skip_while(|run| **run != state.id).skip(1) {
            let later = engine.run_state(run).await?;
            if later.opened.follow_up && later.opened.runbook == state.opened.runbook {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ties a run to its incident, where nobody did yet.
    ///
    /// # Errors
    /// The journal.
    pub(super) async fn attach(&self, state: &State) -> Result<(), Fault> {
        let (engine, incident) = (self.engine()?, &state.opened.incident);
        if !engine.incident(incident).await?.runs.contains(&state.id) {
            let runbook = state.opened.runbook.clone();
            let attach = incident::decide::Command::AttachRun { run: state.id.clone(), runbook };
            engine.incident_command(incident, &Actor::Bot, None, attach).await?;
        }
        Ok(())
    }

    async fn declare_for(&self, actor: &Actor, planned: &Planned) -> Result<(IncidentId, Instant), Fault> {
        let plan = &planned.plan;
        let command = incident::decide::Command::Declare {
            title: plan.title.clone(),
            severity: plan.severity,
            environment: Some(plan.inventory.environment.clone()),
            zone: Some(plan.inventory.zone.clone()).filter(|zone| !zone.is_empty()),
            started: None,
            detected: None,
        };
        let engine = self.engine()?;
        let (id, _) = engine.declare(actor, command).await?;
        let state = engine.incident(&id).await?;
        Ok((id, began(&state)))
    }

    /// The run to go on with: the one that was named, or the only open one.
    ///
    /// # Errors
    /// It is over, there is none, several are open.
    pub async fn resumable(&self, named: Option<&RunId>) -> Result<State, Fault> {
        let run = self.open_run(named).await?;
        let state = self.engine()?.run_state(&run).await?;
        match state.outcome() {
            Some(outcome) => Err(Fault::Usage(format!("{run} is over: it {}", outcome.word()))),
            None => Ok(state),
        }
    }

    /// A run as it stands.
    ///
    /// # Errors
    /// No such run, the journal.
    pub async fn state(&self, run: &RunId) -> Result<State, Fault> {
        Ok(self.engine()?.run_state(run).await?)
    }

    /// Drives a run until it is over or held up. What waits for a person goes on waiting: whoever has none to ask drops
    /// this future when `observer` sees that only a person can go on, and nothing is lost.
    ///
    /// # Errors
    /// Another process drives it, its secrets cannot be read, the journal.
    pub async fn drive(&self, run: &RunId, commands: Commands, observer: &dyn Observer) -> Result<Stopped, Fault> {
        let engine = self.engine()?;
        let executors = self.executors()?;
        let options =
            DriveOptions { process: self.process.clone(), poll: Some(POLL), until_human: false, standing: Some(self) };
        let permitted = commands.filter_map(|(who, command)| async move {
            match self.permit(&who, run, command).await {
                Ok((actor, command)) => Some(Message::Said(actor, command)),
                Err(why) => {
                    observer.refused(&Refusal::NotAllowed(why));
                    None
                }
            }
        });
        Ok(engine.drive(run, &executors, &options, Box::pin(permitted), observer).await?)
    }

    /// Plans a page as it would run now.
    ///
    /// # Errors
    /// Faults of the page, inputs that do not fit.
    pub fn plan(&self, name: &str, at: &At) -> Result<Planned, Fault> {
        self.library.plan(name, at)
    }

    /// The last run of a runbook, with its plan: what an edited page is compared to.
    ///
    /// # Errors
    /// The journal.
    pub async fn last_run_of(&self, runbook: &str) -> Result<Option<State>, Fault> {
        let engine = self.engine()?;
        for info in engine.runs(false).await?.iter().rev() {
            let state = engine.run_state(&info.id).await?;
            if state.opened.runbook == runbook && !state.opened.follow_up {
                return Ok(Some(state));
            }
        }
        Ok(None)
    }
}

/// When the incident began, as far as anybody knows.
fn began(state: &incident::state::State) -> Instant {
    let known = |milestone| state.milestones.get(&milestone).copied();
    known(Milestone::Started).or_else(|| known(Milestone::Detected)).unwrap_or(state.declared_at)
}

/// `--from` and `--approve` must name steps of the plan.
fn check_steps(plan: &crate::domain::runbook::model::Plan, start: &Start) -> Result<(), Fault> {
    let from = start.from.iter().map(|step| ("--from", step));
    let approves = start.approves.iter().filter(|step| *step != "all").map(|step| ("--approve", step));
    for (flag, step) in from.chain(approves) {
        if plan.position(step).is_none() {
            let near = crate::base::text::nearest(step, plan.steps.iter().map(|step| step.id.as_str()));
            let hint = near.map_or(String::new(), |near| format!("; did you mean '{near}'?"));
            return Err(Fault::Usage(format!("{flag} {step}: '{}' has no such step{hint}", plan.runbook)));
        }
    }
    Ok(())
}
