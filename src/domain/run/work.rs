//! What is outstanding: a function of the state alone, so that recovery is nothing special.
//!
//! Lives here: [`Work`], [`work`], [`next_deadline`]. Never lives here: doing it.

use std::sync::Arc;

use serde_json::Value;

use super::state::{Stage, State};
use crate::base::event::Instant;
use crate::domain::action::Action;
use crate::domain::runbook::model::Does;

/// Something an executor or an observer is to do. Two works are the same exactly when their [`Work::key`]s are.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// Which step, by its full id.
    pub step: String,
    /// Which visit of it.
    pub visit: u32,
    /// Which attempt (of the one to come, for `Prepare`).
    pub attempt: u32,
    /// What.
    pub what: What,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Read the baseline.
    Prepare {
        /// Of which action.
        action: Arc<Action>,
    },
    /// Do it. The intent is on disk.
    Act {
        /// What.
        action: Arc<Action>,
        /// The idempotency key.
        key: String,
        /// What was read before.
        baseline: Option<Arc<Value>>,
        /// How long it may take.
        timeout: std::time::Duration,
    },
    /// Wait until the world shows the effect.
    Confirm {
        /// Of which action.
        action: Arc<Action>,
        /// What was read before.
        baseline: Option<Arc<Value>>,
        /// Until when.
        until: Instant,
    },
    /// Look at the world for an attempt in doubt.
    Probe {
        /// Of which action.
        action: Arc<Action>,
        /// What was read before.
        baseline: Option<Arc<Value>>,
    },
    /// Observe until a moment.
    Watch {
        /// What.
        watch: Arc<super::event::WatchStarted>,
        /// When it began: samples are due at whole intervals from there.
        began: Instant,
        /// From where on samples are due.
        from: Instant,
        /// Until when.
        until: Instant,
    },
}

impl Work {
    /// What tells this work from any other of the same run.
    #[must_use]
    pub fn key(&self) -> (String, u32, u32, &'static str) {
        let stage = match &self.what {
            What::Prepare { .. } => "prepare",
            What::Act { .. } => "act",
            What::Confirm { .. } => "confirm",
            What::Probe { .. } => "probe",
            What::Watch { .. } => "watch",
        };
        (self.step.clone(), self.visit, self.attempt, stage)
    }

    /// Whether dropping it half-way leaves the world as it was.
    #[must_use]
    pub fn may_be_dropped(&self) -> bool {
        match &self.what {
            What::Act { action, .. } => !action.changes(),
            _ => true,
        }
    }
}

/// Everything outstanding. While a person holds the run up, only what was sent already.
#[must_use]
pub fn work(state: &State) -> Vec<Work> {
    if state.is_over() {
        return Vec::new();
    }
    let paused = state.paused.is_some();
    state
        .active()
        .filter_map(|position| step_work(state, position))
        .filter(|work| !paused || work.under_way())
        .collect()
}

impl Work {
    fn under_way(&self) -> bool {
        matches!(self.what, What::Act { .. } | What::Confirm { .. })
    }
}

fn step_work(state: &State, position: usize) -> Option<Work> {
    let step = &state.steps[position];
    let plan = state.step(position);
    let action = step.action.clone();
    let baseline = step.baseline.clone();
    let (attempt, what) = match &step.stage {
        Stage::Ready => {
            let action = action.filter(|action| action.confirms() && baseline.is_none())?;
            (step.attempt + 1, What::Prepare { action })
        }
        Stage::Sent { key, .. } => {
            let action = action?;
            let timeout = plan.timeout.map_or_else(|| action.default_timeout(), |span| span.std());
            (step.attempt, What::Act { action, key: key.clone(), baseline, timeout })
        }
        Stage::Confirming { until } => (step.attempt, What::Confirm { action: action?, baseline, until: *until }),
        Stage::Probing { .. } => (step.attempt, What::Probe { action: action?, baseline }),
        Stage::Watching { until } if matches!(plan.does, Does::Watch(_)) => {
            let (watch, began) = (step.watch.clone()?, step.started_at?);
            (step.attempt, What::Watch { watch, began, from: step.observed_to.unwrap_or(began), until: *until })
        }
        _ => return None,
    };
    Some(Work { step: plan.id.clone(), visit: step.visits, attempt, what })
}

/// When the run wants to be asked again by a [`super::input::Input::Tick`]; `None`: only something outside moves it.
#[must_use]
pub fn next_deadline(state: &State) -> Option<Instant> {
    if state.is_over() {
        return None;
    }
    let paused = state.paused.is_some();
    let steps = state.active().filter_map(|position| {
        let stage = &state.steps[position].stage;
        stage.deadline().filter(|_| !paused || stage.under_way())
    });
    let overdue = state.plan.deadline.filter(|_| !state.overdue && !paused).map(|span| state.opened_at + span.delta());
    steps.chain(overdue).min()
}
