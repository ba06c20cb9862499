//! Monitors as people ask for them: how everything is, one in detail, muting, asking once.
//!
//! Lives here: these use cases, and watching (`watching`). Never lives here: what follows from a sample (`domain::monitor`).

mod told;
pub mod watching;

use chrono::TimeDelta;
use chrono_tz::Tz;
use futures::StreamExt as _;

use super::library::Watched;
use super::{Bot, Fault};
use crate::base::event::{Actor, IncidentId, Instant, Recorded};
use crate::base::schedule::{Span, zone};
use crate::base::text::{nearest, one_line};
use crate::domain::action::resolve::{base_scope, resolve};
use crate::domain::monitor::slo::standing;
use crate::domain::monitor::spec::{Check, Spec};
use crate::domain::monitor::state::{Folded, Level, Mute};
use crate::domain::monitor::tally::{Kept, Tally};
use crate::domain::monitor::whole::{Part, Whole};
use crate::domain::monitor::{self, Sample, State};
use crate::domain::timeline::Fact;
pub use crate::engine::monitoring::Beats;
use crate::engine::monitoring::asked_once;
use crate::samples::{Reader, Samples as _, Store};

pub use told::{Shown, Tested};

/// Facts of a monitor that are shown.
const LATELY: usize = 10;
/// Monitors that are asked at a time by `monitor test`.
const ASKED_AT_ONCE: usize = 20;

/// A monitor as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its name.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// The target it is about.
    pub target: Option<String>,
    /// What its events say.
    pub folded: Folded,
    /// Its last sample, where it was taken lately.
    pub last: Option<Kept>,
    /// Minutes of the last hour.
    pub hour: Vec<(i64, Tally)>,
    /// Why it cannot be asked.
    pub unclear: Option<String>,
    /// Who muted it.
    pub mute: Option<Mute>,
    /// What is being worked on.
    pub maintenance: Option<String>,
    /// In which zone people there read times.
    pub zone: Tz,
}

impl Seen {
    /// As part of the whole.
    #[must_use]
    pub fn part(&self) -> Part {
        let known = self.last.is_some() || self.folded.level != Level::Healthy;
        let flapping = self.folded.flapping.is_some();
        let level = match (flapping, self.last) {
            // What it is just now, not what it was when it began.
            (true, Some(last)) => last.level,
            _ => self.folded.level,
        };
        Part { level: known.then_some(level), flapping }
    }
}

/// A runbook for an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether the operator named it for exactly this; else only the words fit.
    pub by_operator: bool,
}

impl Bot {
    /// Whether changes of a monitor are said where people talk: those of one that declares an incident are told in its thread.
    #[must_use]
    pub fn is_posted(&self, monitor: &str) -> bool {
        let spec = self.library.monitors().ok().and_then(|watched| watched.monitors.all.get(monitor).cloned());
        spec.is_some_and(|spec| spec.on_failure.post && !spec.on_failure.declare)
    }

    /// Every monitor, or those of a target, and how they are together.
    ///
    /// # Errors
    /// `monitors.yaml` has faults, no monitor is about the target, the journal.
    pub async fn monitors(&self, target: Option<&str>) -> Result<(Vec<Seen>, Whole), Fault> {
        let watched = self.library.monitors()?;
        let samples = self.sample_reader();
        let known = self.recorded_monitors().await?;
        let mut all = Vec::new();
        for spec in watched.monitors.all.values() {
            if target.is_none_or(|target| spec.target.as_deref() == Some(target)) {
                let state = self.monitor_state(&known, &spec.id).await?;
                all.push(self.seen(&watched, spec, &state, samples.as_ref()));
            }
        }
        match target {
            Some(target) if all.is_empty() => {
                Err(Fault::Usage(format!("no monitor is about the target '{}'", one_line(target, 60))))
            }
            _ => {
                let whole = Whole::of(all.iter().map(Seen::part));
                Ok((all, whole))
            }
        }
    }

    /// One monitor, with what was promised of it and what changed lately.
    ///
    /// # Errors
    /// There is none of that name, `monitors.yaml` has faults, the journal.
    pub async fn monitor(&self, id: &str) -> Result<Shown, Fault> {
        let watched = self.library.monitors()?;
        let spec = known(&watched, id)?;
        let recorded = self.recorded_monitors().await?;
        let state = self.monitor_state(&recorded, id).await?;
        let (seen, promised, day) = {
            let (samples, now) = (self.sample_reader(), self.clock.now());
            let since = |span: TimeDelta| samples.as_ref().and_then(|reader| reader.since(id, now - span).ok());
            let promised = spec.slo.zip(spec.slo.and_then(|slo| since(slo.over.delta())));
            let day = since(TimeDelta::days(1)).filter(|day| day.count > 0);
            (self.seen(&watched, spec, &state, samples.as_ref()), promised, day)
        };
        let facts =
            if recorded.iter().any(|known| known == id) { self.engine()?.monitor_facts(id).await? } else { Vec::new() };
        let lately = facts.len().saturating_sub(LATELY);
        Ok(Shown {
            every: spec.every,
            asks: asks(spec, &watched),
            depends_on: spec.depends_on.clone(),
            promise: promised.map(|(slo, tally)| (slo, standing(&slo, &tally))),
            day,
            lately: facts[lately..].to_vec(),
            seen,
        })
    }

    /// Asks what monitors ask, once. Nothing is recorded.
    ///
    /// # Errors
    /// There is none of that name, `monitors.yaml` has faults, a secret cannot be read.
    pub async fn test_monitors(&self, id: Option<&str>) -> Result<Vec<Tested>, Fault> {
        let watched = self.library.monitors()?;
        let specs: Vec<&Spec> = match id {
            Some(id) => vec![known(&watched, id)?],
            None => watched.monitors.all.values().filter(|spec| matches!(spec.check, Check::Probe(_))).collect(),
        };
        let executors = self.executors()?;
        let asking = specs.into_iter().map(|spec| {
            let (executors, inventory, clock) = (&executors, &watched.inventory, &self.clock);
            async move {
                let came: Result<Sample, String> = asked_once(spec, executors, inventory, clock).await;
                Tested { id: spec.id.clone(), came }
            }
        });
        Ok(futures::stream::iter(asking).buffered(ASKED_AT_ONCE).collect().await)
    }

    /// Nobody is called for a monitor for a while.
    ///
    /// # Errors
    /// There is none of that name, no reason, a span nobody can read, the journal.
    pub async fn mute_monitor(&self, actor: &Actor, id: &str, span: &str, why: &str) -> Result<Recorded<Fact>, Fault> {
        known(&self.library.monitors()?, id)?;
        let span = Span::parse_positive(span)
            .map_err(|fault| Fault::Usage(format!("--for {}: {}", one_line(span, 40), fault.message)))?;
        Ok(self.engine()?.mute_monitor(id, actor, span, why).await?)
    }

    /// Somebody wants to hear of a monitor again. One that is no longer in the file can be muted still.
    ///
    /// # Errors
    /// It is not muted, the journal.
    pub async fn unmute_monitor(&self, actor: &Actor, id: &str, why: Option<&str>) -> Result<Recorded<Fact>, Fault> {
        Ok(self.engine()?.unmute_monitor(id, actor, why).await?)
    }

    /// A heartbeat was heard just now. A server that waits for it finds it when it is due.
    ///
    /// # Errors
    /// There is no heartbeat of that name, samples cannot be kept.
    pub fn beat(&self, id: &str) -> Result<(), Fault> {
        let watched = self.library.monitors()?;
        if !matches!(known(&watched, id)?.check, Check::Heartbeat { .. }) {
            return Err(Fault::Usage(format!("{id} is asked by Rundown itself; only a heartbeat calls in")));
        }
        let store = Store::open(&self.samples_file()).map_err(Fault::Failed)?;
        store.hear(id, self.clock.now());
        Ok(())
    }

    /// In which zone people read times about monitors.
    #[must_use]
    pub fn monitors_zone(&self) -> Tz {
        self.library.monitors().map_or(Tz::UTC, |watched| zone_of(&watched))
    }

    /// Runbooks for an incident: what the monitor that declared it proposes, what its alerts name, and what its title and its alerts
    /// find.
    ///
    /// # Errors
    /// The runbooks or the journal cannot be read.
    pub async fn proposed(
        &self,
        incident: &IncidentId,
        state: &crate::domain::incident::state::State,
    ) -> Result<Vec<Proposed>, Fault> {
        let found = |(id, title)| Proposed { id, title, by_operator: false };
        let mut fitting: Vec<Proposed> = self.fitting_alerts(incident, state).await?.into_iter().map(found).collect();
        let monitors = self.library.monitors().unwrap_or_default().monitors;
        let monitor = state.declared_by.as_monitor().and_then(|id| monitors.all.get(id));
        if let Some(proposed) = monitor.and_then(|spec| spec.on_failure.propose.as_ref()) {
            fitting.retain(|other| other.id != *proposed);
            let listed = self.library.list()?.into_iter().find(|runbook| runbook.id == *proposed);
            let first = listed.filter(|runbook| runbook.faults == 0);
            fitting
                .splice(..0, first.map(|runbook| Proposed { id: runbook.id, title: runbook.title, by_operator: true }));
        }
        Ok(fitting)
    }

    pub(super) fn sample_reader(&self) -> Option<Reader> {
        Reader::open(&self.samples_file()).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        })
    }

    /// Monitors that something was recorded of. Nothing is made where there is no journal yet.
    async fn recorded_monitors(&self) -> Result<Vec<String>, Fault> {
        if !self.has_record() {
            return Ok(Vec::new());
        }
        Ok(self.engine()?.monitors().await?)
    }

    async fn monitor_state(&self, recorded: &[String], id: &str) -> Result<State, Fault> {
        if !recorded.iter().any(|known| known == id) {
            return Ok(State::default());
        }
        Ok(self.engine()?.monitor(id).await?.state)
    }

    fn seen(&self, watched: &Watched, spec: &Spec, state: &State, samples: Option<&Reader>) -> Seen {
        let now = self.clock.now();
        let last = samples.and_then(|reader| reader.last(&spec.id, now - lately(spec)).ok().flatten());
        let hour = samples.and_then(|reader| reader.minutes(&spec.id, now - TimeDelta::hours(1)).ok());
        Seen {
            id: spec.id.clone(),
            title: spec.title.clone(),
            target: spec.target.clone(),
            folded: state.folded.clone(),
            last,
            hour: hour.unwrap_or_default(),
            unclear: watched.unclear(&spec.id),
            mute: state.muted(now).cloned(),
            maintenance: spec.maintained(now).map(|window| window.why.clone()),
            zone: zone_of(watched),
        }
    }
}

/// How old a sample may be that still says how it is.
fn lately(spec: &Spec) -> TimeDelta {
    let turns = match spec.check {
        // A heartbeat is looked at when it is due, and every minute once it is overdue.
        Check::Heartbeat { grace } => spec.every.delta() + grace.delta(),
        Check::Probe(_) => spec.every.delta() * 3,
    };
    turns.max(TimeDelta::minutes(2))
}

fn asks(spec: &Spec, watched: &Watched) -> String {
    match &spec.check {
        Check::Heartbeat { grace } => format!("waits to be called, at most {grace} late"),
        Check::Probe(probe) => {
            let holds: Vec<String> = probe.expect.iter().map(|condition| one_line(condition.source(), 100)).collect();
            let scope = base_scope(&serde_json::Map::new(), &watched.inventory);
            let action = resolve(&probe.action, &scope, &watched.inventory);
            let asked = action.map_or_else(|_| probe.action.kind.key().to_owned(), |action| action.describe());
            format!("{}; expects {}", one_line(&asked, 200), holds.join(" and "))
        }
    }
}

fn zone_of(watched: &Watched) -> Tz {
    zone(&watched.inventory.zone).unwrap_or(Tz::UTC)
}

fn known<'a>(watched: &'a Watched, id: &str) -> Result<&'a Spec, Fault> {
    watched.monitors.all.get(id).ok_or_else(|| {
        let names = watched.monitors.all.keys().map(String::as_str);
        let hint = match nearest(id, names) {
            Some(near) => format!("; did you mean '{near}'?"),
            None if watched.monitors.all.is_empty() => "; monitors.yaml names none".to_owned(),
            None => "; `rundown monitor list` lists them".to_owned(),
        };
        Fault::Usage(format!("there is no monitor '{}'{hint}", one_line(id, 60)))
    })
}

/// The monitors that are about a target.
#[must_use]
pub fn of_target<'a>(all: &'a [Seen], target: &str) -> Vec<&'a Seen> {
    all.iter().filter(|one| one.target.as_deref() == Some(target)).collect()
}

/// How a condition of `health` reads with what its monitors say in front; whether it is well by them.
#[must_use]
pub fn in_health(monitors: &[&Seen], now: Instant) -> Option<(Option<bool>, String)> {
    let whole = Whole::of(monitors.iter().map(|one| one.part()));
    let (first, _) = monitors.split_first()?;
    let ok = (whole.word() != "unknown").then_some(whole.operational);
    // Those that are well say nothing that the count does not.
    let notable = |one: &&&Seen| one.part().level != Some(monitor::Level::Healthy) || one.part().flapping;
    let told: Vec<String> =
        monitors.iter().filter(notable).map(|one| format!("{} {}", one.id, one.words(now))).collect();
    let words = match told.is_empty() {
        true => {
            format!("{} by {}", whole.words(), if monitors.len() == 1 { first.id.as_str() } else { "its monitors" })
        }
        false => format!("{} ({})", whole.words(), told.join("; ")),
    };
    Some((ok, words))
}
