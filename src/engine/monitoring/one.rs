//! One monitor while it is watched: what it asks, when it is due, what is around it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};

use crate::base::clock::Clock;
use crate::base::event::Instant;
use crate::domain::action::inventory::Inventory;
use crate::domain::action::resolve::{base_scope, resolve};
use crate::domain::monitor::judge::judge;
use crate::domain::monitor::observe::{Around, overdue_at, silence};
use crate::domain::monitor::spec::Probe;
use crate::domain::monitor::{Check, Level, Monitors, Sample, Spec};
use crate::engine::monitors::Read;
use crate::step::{Executors, Look};

/// Probes begin on this grid, in milliseconds, so that many share one timer.
const GRID: i64 = 20;
/// How often a heartbeat that is overdue is looked for.
const OVERDUE_AGAIN: TimeDelta = TimeDelta::seconds(60);

/// What a monitor asks, made ready once.
pub(super) enum Question {
    /// Something is asked.
    Ask(Arc<Asking>),
    /// Somebody has to call in.
    Wait,
    /// What is to be asked is not known: a variable is not set, a target is gone.
    Unclear(String),
}

/// A question with everything in it rendered.
pub(super) struct Asking {
    probe: Probe,
    look: Look,
    timeout: Duration,
}

/// One monitor.
pub(super) struct One {
    pub spec: Spec,
    pub name: Arc<str>,
    pub question: Question,
    pub read: Read,
    /// Everything it depends on, at whatever remove.
    pub parents: Vec<usize>,
    /// When it was due last.
    pub due: Instant,
    /// Whether something is under way for it.
    pub busy: bool,
    /// Whether its events were read again since the last sample.
    pub again: bool,
    pub last: Option<Sample>,
    /// What is being worked on, as of `window_until`.
    window: Option<String>,
    window_until: Option<Instant>,
    heard: Option<Instant>,
    began: Instant,
}

/// All monitors, ready to be looked at from `now` on.
pub(super) fn all(monitors: &Monitors, executors: &Executors, inventory: &Inventory, now: Instant) -> Vec<One> {
    let scope = base_scope(&serde_json::Map::new(), inventory);
    let shared = Arc::new(inventory.clone());
    let position: HashMap<&str, usize> =
        monitors.all.keys().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    let question = |spec: &Spec| match &spec.check {
        Check::Heartbeat { .. } => Question::Wait,
        Check::Probe(probe) => match resolve(&probe.action, &scope, inventory) {
            Ok(action) => Question::Ask(Arc::new(Asking::new(probe, executors.ready(action, &shared)))),
            Err(error) => Question::Unclear(error.to_string()),
        },
    };
    monitors
        .all
        .values()
        .map(|spec| One {
            name: Arc::from(spec.id.as_str()),
            question: question(spec),
            read: Read::default(),
            parents: ancestors(monitors, &position, &spec.id),
            due: now,
            busy: false,
            again: false,
            last: None,
            window: None,
            window_until: (!spec.maintenance.is_empty()).then_some(now),
            heard: None,
            began: now,
            spec: spec.clone(),
        })
        .collect()
}

fn ancestors(monitors: &Monitors, position: &HashMap<&str, usize>, of: &str) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    let mut open = vec![of];
    while let Some(name) = open.pop() {
        for parent in monitors.all.get(name).iter().flat_map(|spec| &spec.depends_on) {
            if let Some(index) = position.get(parent.as_str()).filter(|index| !found.contains(index)) {
                found.push(*index);
                open.push(parent);
            }
        }
    }
    found
}

/// Asks what a monitor asks, once, outside any schedule.
///
/// # Errors
/// What has to be set before it can be asked; it is a heartbeat.
pub async fn asked_once(
    spec: &Spec,
    executors: &Executors,
    inventory: &Inventory,
    clock: &Arc<dyn Clock>,
) -> Result<Sample, String> {
    let Check::Probe(probe) = &spec.check else {
        return Err("it waits to be called, so there is nothing to ask".to_owned());
    };
    let scope = base_scope(&serde_json::Map::new(), inventory);
    let action = resolve(&probe.action, &scope, inventory).map_err(|error| error.to_string())?;
    Ok(Asking::new(probe, executors.ready(action, &Arc::new(inventory.clone()))).ask(executors, clock).await)
}

impl Asking {
    fn new(probe: &Probe, look: Look) -> Self {
        Self { probe: probe.clone(), look, timeout: probe.timeout.std() }
    }

    pub(super) async fn ask(&self, executors: &Executors, clock: &Arc<dyn Clock>) -> Sample {
        let began = clock.monotonic();
        let reply = executors.look(&self.look, self.timeout).await;
        let took = clock.monotonic().saturating_sub(began);
        judge(&self.probe, reply, clock.now(), u32::try_from(took.as_millis()).unwrap_or(u32::MAX))
    }
}

impl One {
    /// What is around everything that is done for it, for logs.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::error_span!("monitor", monitor = &*self.name)
    }

    /// When it is due for the first time; never, where nobody knows what to ask.
    ///
    /// Each has a place of its own within its interval, by its name: they are spread, and a restart does not move them.
    pub(super) fn first_due(&self, now: Instant) -> Option<Instant> {
        match self.question {
            Question::Ask(_) => {
                let every = i64::try_from(self.spec.every.millis()).unwrap_or(i64::MAX).max(1);
                let mut hasher = DefaultHasher::new();
                self.name.hash(&mut hasher);
                let place = i64::try_from(hasher.finish() >> 1).unwrap_or(0) % every / GRID * GRID;
                let now = now.timestamp_millis();
                let ahead = (place - now).rem_euclid(every);
                DateTime::from_timestamp_millis(now + ahead)
            }
            Question::Wait => Some(now),
            Question::Unclear(_) => None,
        }
    }

    /// When it is due after `at`; turns that passed meanwhile are left out. A heartbeat's next turn depends on what is heard at this one.
    pub(super) fn next_due(&self, at: Instant, now: Instant) -> Option<Instant> {
        match self.question {
            Question::Ask(_) => {
                let every = self.spec.every.delta();
                let missed = (now - at).num_milliseconds() / every.num_milliseconds().max(1);
                Some(at + every * i32::try_from(missed + 1).unwrap_or(i32::MAX))
            }
            Question::Wait if self.busy => Some(now + TimeDelta::seconds(1)),
            Question::Wait | Question::Unclear(_) => None,
        }
    }

    /// A heartbeat was heard at that time.
    pub(super) fn hears(&mut self, at: Option<Instant>) {
        self.heard = self.heard.max(at);
    }

    /// Whether a heartbeat is as it should be. One that was never heard has as long as any from when we began to listen.
    pub(super) fn beats(&self, now: Instant) -> Sample {
        let overdue = overdue_at(&self.spec, self.heard.unwrap_or(self.began)).is_some_and(|overdue| now >= overdue);
        let (level, seen) = match (overdue, self.heard) {
            (false, _) => (Level::Healthy, "heard in time".to_owned()),
            (true, Some(heard)) => (Level::Failing, format!("not heard since {}", heard.format("%F %T UTC"))),
            (true, None) => (Level::Failing, "never heard".to_owned()),
        };
        Sample { at: now, level, seen, took_ms: None }
    }

    /// When a heartbeat must be looked for next.
    pub(super) fn next_beat(&self, now: Instant) -> Option<Instant> {
        let overdue = overdue_at(&self.spec, self.heard.unwrap_or(self.began))?;
        Some(if overdue > now { overdue } else { now + OVERDUE_AGAIN })
    }

    /// What is being worked on.
    pub(super) fn maintained(&mut self, now: Instant) -> Option<&str> {
        if self.window_until.is_some_and(|until| now >= until) {
            self.window = self.spec.maintained(now).map(|window| window.why.clone());
            self.window_until = self.spec.maintenance_turns(now);
        }
        self.window.as_deref()
    }

    /// Puts the last sample to what was seen before.
    pub(super) fn take(&mut self, parent: Option<&str>) {
        let Some(sample) = self.last.take() else { return };
        let maintenance = self.maintained(sample.at).map(ToOwned::to_owned);
        let around = Around { parent, maintenance: maintenance.as_deref() };
        let silent = silence(&self.read.state, around, sample.at);
        self.read.state.take(&sample, silent);
        self.last = Some(sample);
    }
}
