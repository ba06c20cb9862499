//! Which run or incident a person means who did not say.
//!
//! Lives here: the defaults. Never lives here: what is then done with it.

use super::{Bot, Fault};
use crate::base::event::{IncidentId, RunId};
use crate::domain::incident;

impl Bot {
    /// The run that was named, or the only open one.
    ///
    /// # Errors
    /// None is open, or several are: they are listed.
    pub async fn open_run(&self, named: Option<&RunId>) -> Result<RunId, Fault> {
        if let Some(run) = named {
            return Ok(run.clone());
        }
        let open = self.engine()?.runs(true).await?.into_iter().map(|info| info.id).collect();
        let open = self.waited_for(open).await?;
        match open.as_slice() {
            [] => Err(Fault::Usage("no run is open; `rundown run RUNBOOK` starts one".to_owned())),
            [only] => Ok(only.clone()),
            several => Err(Fault::Usage(format!(
                "{} runs are open; say which:\n{}",
                several.len(),
                self.runs_in_words(several).await?
            ))),
        }
    }

    /// The run that was named, the only open one, or else the last one.
    ///
    /// # Errors
    /// There is none, or several are open.
    pub async fn latest_run(&self, named: Option<&RunId>) -> Result<RunId, Fault> {
        if named.is_none() {
            let runs = self.engine()?.runs(false).await?;
            let last = runs.last().ok_or_else(|| Fault::Usage("there has been no run yet".to_owned()))?;
            if runs.iter().all(|run| !run.open) {
                return Ok(last.id.clone());
            }
        }
        self.open_run(named).await
    }

    /// Those that somebody waits for: a follow-up goes on by itself for days, and is meant only where there is nothing else.
    async fn waited_for(&self, open: Vec<RunId>) -> Result<Vec<RunId>, Fault> {
        let mut others = Vec::new();
        for run in &open {
            if open.len() > 1 && !self.engine()?.run_state(run).await?.opened.follow_up {
                others.push(run.clone());
            }
        }
        Ok(if others.is_empty() { open } else { others })
    }

    /// The run whose criteria a person ticks: the one that was named, or the last one that has any.
    ///
    /// # Errors
    /// There is none; the journal.
    pub async fn run_with_criteria(&self, named: Option<&RunId>) -> Result<RunId, Fault> {
        if let Some(run) = named {
            return Ok(run.clone());
        }
        for info in self.engine()?.runs(false).await?.iter().rev() {
            if !self.engine()?.run_state(&info.id).await?.plan.criteria.is_empty() {
                return Ok(info.id.clone());
            }
        }
        Err(Fault::Usage("no run has success criteria to tick".to_owned()))
    }

    /// The incident that was named, or the only open one.
    ///
    /// # Errors
    /// None is open, or several are: they are listed.
    pub async fn open_incident(&self, named: Option<&IncidentId>) -> Result<IncidentId, Fault> {
        if let Some(incident) = named {
            return Ok(incident.clone());
        }
        let open: Vec<_> =
            self.all_incidents().await?.into_iter().filter(|(_, state)| state.status.is_open()).collect();
        match open.as_slice() {
            [] => Err(Fault::Usage("no incident is open; `rundown incident declare TITLE` declares one".to_owned())),
            [(only, _)] => Ok(only.clone()),
            several => {
                let lines: Vec<_> = several.iter().map(|(id, state)| format!("  {id}  {}", state.title)).collect();
                Err(Fault::Usage(format!("{} incidents are open; say which:\n{}", several.len(), lines.join("\n"))))
            }
        }
    }

    /// The incident that was named, the only open one, or else the last one.
    ///
    /// # Errors
    /// There is none, or several are open.
    pub async fn latest_incident(&self, named: Option<&IncidentId>) -> Result<IncidentId, Fault> {
        if named.is_none() {
            let incidents = self.all_incidents().await?;
            let last = incidents.last().ok_or_else(|| Fault::Usage("there has been no incident yet".to_owned()))?;
            if incidents.iter().all(|(_, state)| !state.status.is_open()) {
                return Ok(last.0.clone());
            }
        }
        self.open_incident(named).await
    }

    /// All incidents, oldest first.
    ///
    /// # Errors
    /// The journal.
    pub async fn incident_list(&self) -> Result<Vec<(IncidentId, incident::state::State)>, Fault> {
        self.all_incidents().await
    }

    /// All runs, oldest first.
    ///
    /// # Errors
    /// The journal.
    pub async fn runs(&self) -> Result<Vec<crate::engine::RunInfo>, Fault> {
        Ok(self.engine()?.runs(false).await?)
    }

    /// Runbooks whose `use_when` stands in a text, by id and title: a pasted error finds what was written for it.
    ///
    /// # Errors
    /// The runbooks cannot be read.
    pub fn fitting(&self, text: &str) -> Result<Vec<(String, String)>, Fault> {
        let text = text.to_lowercase();
        let fits = |words: &String| !words.trim().is_empty() && text.contains(&words.to_lowercase());
        let listed = self.library.list()?.into_iter();
        let fitting = listed.filter(|runbook| runbook.faults == 0 && runbook.use_when.iter().any(fits));
        Ok(fitting.map(|runbook| (runbook.id, runbook.title)).take(5).collect())
    }

    /// Persons that the record speaks of, by name: those of the newest incidents.
    ///
    /// # Errors
    /// The journal.
    pub async fn person_names(&self) -> Result<Vec<String>, Fault> {
        let mut names = std::collections::BTreeSet::new();
        for (_, state) in self.all_incidents().await?.into_iter().rev().take(50) {
            let known = state.roles.values().chain([&state.declared_by]).chain(&state.acknowledged_by);
            names.extend(known.map(|person| person.name().to_owned()));
        }
        Ok(names.into_iter().collect())
    }

    /// Every incident, oldest first.
    ///
    /// # Errors
    /// The journal.
    pub async fn all_incidents(&self) -> Result<Vec<(IncidentId, incident::state::State)>, Fault> {
        Ok(self.engine()?.incidents().await?)
    }

    async fn runs_in_words(&self, runs: &[RunId]) -> Result<String, Fault> {
        let mut lines = Vec::new();
        for run in runs {
            let state = self.engine()?.run_state(run).await?;
            lines.push(format!("  {run}  {} ({})", state.plan.title, state.opened.incident));
        }
        Ok(lines.join("\n"))
    }
}
