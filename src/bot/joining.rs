//! What helps somebody who joins: the brief, the handoff, incidents like this one.
//!
//! Lives here: collecting what a brief is made of. Never lives here: its wording (`view`), what makes incidents alike
//! (`domain/likeness`).

use super::grammar::{BriefArgs, Handoff, Similar};
use super::incidents::Outcome;
use super::records::Told;
use super::waiting::waiting;
use super::{Bot, Fault};
use crate::base::event::{Actor, IncidentId};
use crate::base::text::one_line;
use crate::domain::gate::gate;
use crate::domain::incident::Command;
use crate::domain::likeness::{Likeness, Traits, similar};
use crate::domain::run::state::Stage;
use crate::view::notify::brief::{Brief, brief};
use crate::view::time;

/// How many similar incidents are shown.
const MOST_SIMILAR: usize = 5;
/// How many of the last incidents are compared.
const COMPARED: usize = 200;

/// An incident that looks like another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// Which.
    pub incident: IncidentId,
    /// What it is called.
    pub title: String,
    /// How it stands.
    pub status: String,
    /// What both have in common.
    pub likeness: Likeness,
}

impl Bot {
    /// What somebody who joins must know.
    ///
    /// # Errors
    /// There is no such incident, it is not clear which is meant, the journal.
    pub async fn brief(&self, asked: &BriefArgs) -> Result<String, Fault> {
        let told = self.told(asked.incident.as_ref()).await?;
        self.brief_of(&told).await
    }

    async fn brief_of(&self, told: &Told) -> Result<String, Fault> {
        let Told { incident, state, zone, facts } = told;
        let now = self.clock.now();
        let mut doing = Vec::new();
        for run in &state.runs {
            // A run whose plan was erased cannot be read; the brief is still worth having.
            let Ok(run) = self.engine()?.run_state(run).await else { continue };
            if run.is_over() {
                continue;
            }
            if let Some(by) = &run.paused {
                doing.push(format!("{} is paused by {}; `rundown run --resume {0}` goes on", run.id, by.name()));
            }
            for wait in waiting(&run) {
                let until = wait.until.map_or(String::new(), |until| format!(", {}", time::due(until, now, *zone)));
                doing.push(format!("{} {} waits: {}{until}", run.id, one_line(&wait.title, 80), wait.words()));
            }
            for position in run.active() {
                let (step, title) = (&run.steps[position], &run.step(position).title);
                if let Stage::Watching { until } | Stage::Waiting { until } = &step.stage {
                    let until = time::due(*until, now, *zone);
                    doing.push(format!("{} {}: ends {until}", run.id, one_line(title, 80)));
                }
            }
        }
        let gate = gate(facts);
        let about = Brief { id: incident, state, facts, gate: &gate, doing: &doing, zone: *zone, now };
        Ok(brief(&about))
    }

    /// Gives the command to another person; what that person is told goes into the record.
    ///
    /// # Errors
    /// There is no such incident, that person has the command already, the journal.
    pub async fn handoff(&self, actor: &Actor, asked: Handoff) -> Result<(Outcome, String), Fault> {
        let told = self.told(Some(&asked.incident)).await?;
        let said = self.brief_of(&told).await?;
        let command = Command::HandOver { to: self.meant(&asked.to), brief: said.clone() };
        let outcome = self.submit(actor, told.incident, None, command).await?;
        Ok((outcome, said))
    }

    /// Earlier incidents that look like this one, best first.
    ///
    /// # Errors
    /// There is no such incident, it is not clear which is meant, the journal.
    pub async fn similar(&self, asked: &Similar) -> Result<(IncidentId, Vec<Alike>), Fault> {
        let incident = self.latest_incident(asked.incident.as_ref()).await?;
        let engine = self.engine()?;
        let all = self.all_incidents().await?;
        let before = all.iter().position(|(id, _)| *id == incident).unwrap_or(all.len());
        let others = all[..before].iter();
        let mut compared = Vec::new();
        for (id, _) in others.rev().take(COMPARED) {
            compared.push((id.clone(), Traits::of(&engine.timeline(id).await?)));
        }
        compared.reverse();
        let one = Traits::of(&engine.timeline(&incident).await?);
        let found = similar(&one, compared, MOST_SIMILAR).into_iter().filter_map(|(id, likeness)| {
            let (_, state) = all.iter().find(|(other, _)| *other == id)?;
            let (title, status) = (state.title.clone(), state.status_words());
            Some(Alike { incident: id, title, status, likeness })
        });
        Ok((incident, found.collect()))
    }
}
