//! What is going on, how everything is, and holding everything up at once.
//!
//! Lives here: collecting that. Never lives here: one run's or one incident's own account (`steer`, `incidents`).

use std::collections::BTreeMap;

use super::answers::Written;
use super::grammar::{HealthNow, Now, StopAll};
use super::monitors::{Seen, in_health, of_target};
use super::waiting::waiting;
use super::{Bot, Fault};
use crate::base::event::{IncidentId, Instant, RunId};
use crate::base::text::one_line;
use crate::domain::people::Identity;
use crate::domain::run::input::Command;
use crate::domain::run::state::{Stage, State};
use crate::view::time;

/// How many of the newest runs are asked what they last saw of a target.
const RUNS_ASKED: usize = 20;

/// An open incident with what its runs are doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Going {
    /// Which.
    pub incident: IncidentId,
    /// Severity, status, title and since when, in one line.
    pub headline: String,
    /// What its runs do, and what waits for whom, a line each.
    pub doing: Vec<String>,
}

/// How a target is, as far as anybody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which target.
    pub target: String,
    /// Whether the last look found it well; `None` where nobody has looked.
    pub ok: Option<bool>,
    /// When a run last looked; `None` where none has, or monitors look.
    pub looked: Option<Instant>,
    /// What was found, by which run, how long ago; who holds it; who froze it. One line.
    pub told: String,
}

impl Bot {
    /// Every open incident, or one, with what its runs do and what waits for whom.
    ///
    /// # Errors
    /// There is no such incident, the journal.
    pub async fn now(&self, asked: &Now) -> Result<Vec<Going>, Fault> {
        let now = self.clock.now();
        let mut going = Vec::new();
        let mut known = false;
        for (incident, state) in self.all_incidents().await? {
            let named = asked.incident.as_ref().is_some_and(|asked| *asked == incident);
            known |= named;
            if !(named || asked.incident.is_none() && state.status.is_open()) {
                continue;
            }
            let severity = state.severity.map_or(String::new(), |severity| format!("{severity} · "));
            let since = time::length(now - state.declared_at);
            let headline = format!("{severity}{} for {since}: {}", state.status_words(), one_line(&state.title, 120));
            let mut doing = Vec::new();
            for run in &state.runs {
                // A run whose plan was erased cannot be read; what the others do is still worth knowing.
                let Ok(run) = self.engine()?.run_state(run).await else { continue };
                doing.extend(self.account(&run));
            }
            going.push(Going { incident, headline, doing });
        }
        match &asked.incident {
            Some(incident) if !known => Err(Fault::Usage(format!("there is no {incident} in this journal"))),
            _ => Ok(going),
        }
    }

    /// What one run does, in a few lines; nothing where it is over.
    fn account(&self, run: &State) -> Vec<String> {
        if run.is_over() {
            return Vec::new();
        }
        if let Some(by) = &run.paused {
            return vec![format!("{} is paused by {by}", run.id)];
        }
        let zone = crate::base::schedule::zone(&run.plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC);
        let now = self.clock.now();
        let mut lines: Vec<String> = waiting(run)
            .iter()
            .map(|waiting| format!("{} {} {}", run.id, one_line(&waiting.title, 80), waiting.words()))
            .collect();
        for position in run.active() {
            let title = one_line(&run.step(position).title, 80);
            match &run.steps[position].stage {
                Stage::Watching { until } | Stage::Waiting { until } => {
                    lines.push(format!("{} {title}: ends {}", run.id, time::due(*until, now, zone)));
                }
                stage if stage.waits_for_human() => {}
                stage => lines.push(format!("{} {title}: {}", run.id, stage.name())),
            }
        }
        lines
    }

    /// How every target of an environment is: what was found when a run last looked, who holds it, what is frozen.
    ///
    /// # Errors
    /// An environment that nobody knows, the journal.
    pub async fn conditions(&self, asked: &HealthNow) -> Result<Vec<Condition>, Fault> {
        let inventory = self.library.environment(asked.env.as_deref())?;
        let zone = crate::base::schedule::zone(&inventory.zone).unwrap_or(chrono_tz::Tz::UTC);
        let now = self.clock.now();
        let mut seen: BTreeMap<String, (Instant, RunId, bool, String)> = BTreeMap::new();
        for info in self.engine()?.runs(false).await?.iter().rev().take(RUNS_ASKED) {
            let Ok(run) = self.engine()?.run_state(&info.id).await else { continue };
            if run.opened.environment == inventory.environment {
                looks(&run, &mut seen);
            }
        }
        let frozen = self.freezes(asked.env.as_deref()).await?;
        let monitored = self.monitored(&inventory.environment).await;
        let mut conditions: Vec<Condition> = inventory
            .targets
            .keys()
            .map(|target| {
                let look = seen.get(target);
                let mut told = match look {
                    Some((at, run, _, summary)) => {
                        format!("{}, {} ago by {run}", one_line(summary, 120), time::length(now - *at))
                    }
                    None => "no run has looked at it".to_owned(),
                };
                for freeze in
                    frozen.iter().filter(|freeze| freeze.what == *target || freeze.what.starts_with("everything"))
                {
                    let until = time::due(freeze.until, now, zone);
                    told.push_str(&format!("; frozen until {until} by {}: {}", freeze.by, one_line(&freeze.why, 120)));
                }
                let mut ok = look.map(|(_, _, ok, _)| *ok);
                let mut looked = look.map(|(at, ..)| *at);
                // What looks all the time knows better than what looked once.
                if let Some((well, words)) = in_health(&of_target(&monitored, target), now) {
                    ok = well.or(ok);
                    looked = None;
                    told = if look.is_some() { format!("{words}; {told}") } else { words };
                }
                Condition { target: target.clone(), ok, looked, told }
            })
            .collect();
        let elsewhere = |one: &&Seen| one.target.as_ref().is_none_or(|name| !inventory.targets.contains_key(name));
        for one in monitored.iter().filter(elsewhere) {
            let Some((ok, _)) = in_health(&[one], now) else { continue };
            conditions.push(Condition { target: one.id.clone(), ok, looked: None, told: one.words(now) });
        }
        Ok(conditions)
    }

    /// The monitors of an environment; none where they cannot be read, which `monitor list` tells.
    async fn monitored(&self, environment: &str) -> Vec<Seen> {
        match self.library.monitors() {
            Ok(watched) if watched.inventory.environment == environment => {
                self.monitors(None).await.map(|(all, _)| all).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Holds every open run of an incident up, or every open run there is: nothing new starts. What was sent comes to its end.
    /// What could not be held up is among the faults, by run.
    ///
    /// # Errors
    /// The journal.
    pub async fn stop_all(
        &self,
        who: &Identity,
        asked: &StopAll,
    ) -> Result<Vec<(RunId, Result<Written, Fault>)>, Fault> {
        let mut told = Vec::new();
        for info in self.engine()?.runs(true).await? {
            let run = match self.engine()?.run_state(&info.id).await {
                Ok(run) => run,
                Err(error) => {
                    told.push((info.id, Err(error.into())));
                    continue;
                }
            };
            let meant = asked.incident.as_ref().is_none_or(|incident| *incident == run.opened.incident);
            if meant && run.paused.is_none() && !run.is_over() {
                let paused = self.write(who, info.id.clone(), Command::Pause { why: asked.why.clone() }).await;
                told.push((info.id, paused));
            }
        }
        Ok(told)
    }
}

/// The newest look of a run at each target.
fn looks(run: &State, seen: &mut BTreeMap<String, (Instant, RunId, bool, String)>) {
    for step in run.steps.iter() {
        let (Some(action), Some(result), Some(began)) = (&step.action, &step.result, step.started_at) else { continue };
        let Some(target) = action.target() else { continue };
        let at = began + chrono::TimeDelta::milliseconds(i64::try_from(result.took_ms).unwrap_or(0));
        let newer = seen.get(target).is_none_or(|(known, ..)| *known < at);
        if newer {
            seen.insert(target.to_owned(), (at, run.id.clone(), result.ok, result.summary.clone()));
        }
    }
}
