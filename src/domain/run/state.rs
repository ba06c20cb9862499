//! What a run looks like after the events so far.
//!
//! Lives here: [`State`], the stage each step is in, and what can be read off it. It is changed by `apply` alone.
//! Never lives here: what may follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::event::{Adopted, CriterionResult, Obstacle, Opened, Outcome, Question};
use crate::base::event::{Instant, Person, RunId};
use crate::domain::action::Action;
use crate::domain::runbook::model::{Plan, Step};

/// A run, folded from its events.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Which run.
    pub id: RunId,
    /// What it is pinned to.
    pub plan: Arc<Plan>,
    /// How it began.
    pub opened: Arc<Opened>,
    /// When it began.
    pub opened_at: Instant,
    /// When its last event was recorded; time never goes back behind it.
    pub last_at: Instant,
    /// Whether it goes on.
    pub progress: Progress,
    /// Every step of the plan, in order.
    pub steps: Steps,
    /// The step that runs now.
    pub main: Option<usize>,
    /// The step that runs beside a watch (`during`).
    pub side: Option<usize>,
    /// Where the run goes when no step is active: the next position to look at.
    pub next: usize,
    /// How often the run went back, by the step it went back to.
    pub redone: BTreeMap<usize, u32>,
    /// Who held it up.
    pub paused: Option<Person>,
    /// Criteria that persons ticked.
    pub ticks: BTreeMap<u32, Person>,
    /// The criteria as judged at the end.
    pub judged: Option<Vec<CriterionResult>>,
    /// Whether people were told that it is late.
    pub overdue: bool,
    /// Who drives it.
    pub driver: Option<Adopted>,
    /// What the scopes of its expressions have in common.
    pub groundwork: Arc<super::scope::Groundwork>,
}

/// The steps of a run, cheap to clone: a decision works on a copy of the state, and a plan may hold thousands of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    chunks: Vec<Arc<Vec<Arc<StepState>>>>,
    len: usize,
}

/// Steps that are copied together when one of them changes.
const CHUNK: usize = 64;

impl Steps {
    fn pending(len: usize) -> Self {
        // All steps begin as the same one; each gets a state of its own when something happens to it.
        let chunk = Arc::new(std::iter::repeat_n(Arc::default(), CHUNK).collect());
        Self { chunks: std::iter::repeat_n(chunk, len.div_ceil(CHUNK)).collect(), len }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in the order of the plan.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<StepState>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).take(self.len)
    }

    /// The step at a position, where there is one.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&Arc<StepState>> {
        (position < self.len).then(|| &self[position])
    }

    /// A step of a state that a test makes up.
    #[cfg(test)]
    pub(crate) fn for_test(&mut self, position: usize) -> &mut StepState {
        self.at_mut(position)
    }

    /// The step at a position, to change it. Only folding does that.
    pub(super) fn at_mut(&mut self, position: usize) -> &mut StepState {
        let chunk = Arc::make_mut(&mut self.chunks[position / CHUNK]);
        Arc::make_mut(&mut chunk[position % CHUNK])
    }
}

impl std::ops::Index<usize> for Steps {
    type Output = Arc<StepState>;

    fn index(&self, position: usize) -> &Arc<StepState> {
        &self.chunks[position / CHUNK][position % CHUNK]
    }
}

/// Whether a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Steps are run in order.
    Running,
    /// It is ending: what was under way comes to its end, then cleanup runs.
    Ending {
        /// How it will have ended.
        outcome: Outcome,
        /// Why.
        why: String,
    },
    /// It is over.
    Over {
        /// How.
        outcome: Outcome,
        /// Why.
        why: String,
    },
}

/// One step of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// How often it was started in this run.
    pub visits: u32,
    /// Where it stands.
    pub stage: Stage,
    /// When it became ready, this visit.
    pub started_at: Option<Instant>,
    /// What exactly it does, this visit.
    pub action: Option<Arc<Action>>,
    /// Tries of this visit so far.
    pub attempt: u32,
    /// Of those, the tries since a person last said "run again" (retries are counted from there).
    pub tries: u32,
    /// How often a person said "run again", this visit: part of the idempotency key.
    pub again: u32,
    /// What the world looked like before the change.
    pub baseline: Option<Arc<Value>>,
    /// The same in one line, and when it was read.
    pub prepared: Option<(Instant, Arc<str>)>,
    /// The hash of the action that may be done once; used up by an outcome.
    pub permit: Option<String>,
    /// Who gave that permit: they are asked after once more before anything is sent.
    pub permitted_by: Vec<Person>,
    /// Who agreed to what was done, this visit: stays readable when the permit is used up.
    pub agreed: Vec<Person>,
    /// Whether the step holds its target.
    pub holds: bool,
    /// How it ended last.
    pub result: Option<Arc<StepResult>>,
    /// What a watch reads.
    pub watch: Option<Arc<super::event::WatchStarted>>,
    /// The end of the last minute that a watch wrote down.
    pub observed_to: Option<Instant>,
    /// What a watch has seen.
    pub seen: Seen,
}

/// What a watch has seen, this visit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Samples that should have come in.
    pub due: u64,
    /// Samples that came in.
    pub taken: u64,
    /// Breaches at level `fail`.
    pub failed: u32,
    /// Breaches at level `warn`.
    pub warned: u32,
    /// Forbidden texts found.
    pub logs: u32,
    /// The first thing that makes the verdict *breached*.
    pub breach: Option<String>,
    /// By series: last, smallest, largest and the number of values.
    pub series: BTreeMap<String, Extent>,
}

/// The extent of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// The last value.
    pub last: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many.
    pub count: u64,
}

/// Where a step stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stage {
    /// Not reached, or reset by a `redo`.
    #[default]
    Pending,
    /// Rendered; permission and target come next.
    Ready,
    /// Someone must agree.
    Approval {
        /// Who has so far.
        given: Vec<Person>,
        /// Distinct persons needed.
        quorum: u32,
        /// Who may; empty: anyone.
        approvers: Vec<Person>,
        /// Whether the requester may not.
        not_requester: bool,
        /// The hash they agree to.
        digest: String,
        /// Until when.
        until: Instant,
    },
    /// The target is held, its budget spent, or it is frozen.
    Blocked(Obstacle),
    /// The baseline is read.
    Preparing,
    /// Sent; no answer yet.
    Sent {
        /// The idempotency key.
        key: String,
        /// After when a missing answer counts as missing.
        until: Instant,
    },
    /// Accepted; the effect must show.
    Confirming {
        /// Until when.
        until: Instant,
    },
    /// Failed in a way that may be tried again.
    Resting {
        /// When.
        until: Instant,
    },
    /// Nobody knows whether it happened; the world is looked at.
    Probing {
        /// Why nobody knows.
        why: String,
    },
    /// A person is asked.
    Asking {
        /// What.
        question: Question,
        /// When it is late.
        until: Option<Instant>,
        /// Whether people were told that it is.
        late: bool,
    },
    /// Time passes.
    Waiting {
        /// Until when.
        until: Instant,
    },
    /// The world is observed.
    Watching {
        /// Until when.
        until: Instant,
    },
    /// Ended, with what `StepState::result` says; what follows a failure is not settled yet.
    Failed,
    /// Ended.
    Done,
    /// Did not run.
    Skipped,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// Whether it did what it should.
    pub ok: bool,
    /// One line.
    pub summary: String,
    /// What stays readable as `steps.ID.…`.
    pub facts: Map<String, Value>,
    /// Attempts of that visit.
    pub attempts: u32,
    /// From ready to finished.
    pub took_ms: u64,
}

impl State {
    /// A run as its first event makes it.
    #[must_use]
    pub fn open(id: RunId, plan: Arc<Plan>, opened: Opened, at: Instant) -> Self {
        let steps = Steps::pending(plan.steps.len());
        let groundwork = Arc::new(super::scope::Groundwork::of(&id, &plan, &opened, at));
        let next = opened.from.as_deref().and_then(|from| plan.position(from)).unwrap_or(0);
        Self {
            id,
            plan,
            opened: Arc::new(opened),
            opened_at: at,
            last_at: at,
            progress: Progress::Running,
            steps,
            main: None,
            side: None,
            next,
            redone: BTreeMap::new(),
            paused: None,
            ticks: BTreeMap::new(),
            judged: None,
            overdue: false,
            driver: None,
            groundwork,
        }
    }

    /// The plan's step at a position.
    #[must_use]
    pub fn step(&self, position: usize) -> &Step {
        &self.plan.steps[position]
    }

    /// Steps that have begun and not ended, the main one first.
    pub fn active(&self) -> impl Iterator<Item = usize> + '_ {
        [self.main, self.side].into_iter().flatten()
    }

    /// Whether nothing can happen any more but ticks.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Over { .. })
    }

    /// How it ended, where it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.progress {
            Progress::Over { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Whether the run moves only if a person says something: each active step waits for a human.
    #[must_use]
    pub fn waits_for_human(&self) -> bool {
        !self.is_over() && self.paused.is_none() && {
            let mut active = self.active().peekable();
            active.peek().is_some() && active.all(|position| self.steps[position].stage.waits_for_human())
        }
    }

    /// Whether the step's phase is part of this run.
    #[must_use]
    pub fn covers(&self, position: usize) -> bool {
        self.plan.phases.get(self.step(position).phase).is_none_or(|phase| phase.covered)
    }

    /// Whether a step is a cleanup that is still owed: the step it follows was started, and it has not run since.
    #[must_use]
    pub fn owes_cleanup(&self, position: usize) -> bool {
        let Some(after) = &self.step(position).always_after else { return false };
        let started = self.plan.position(after).is_some_and(|after| self.steps[after].visits > 0);
        started && matches!(self.steps[position].stage, Stage::Pending)
    }

    /// A step as conditions see it.
    #[must_use]
    pub fn view(&self, position: usize) -> Value {
        let step = &self.steps[position];
        let outcome = match (&step.stage, &step.result) {
            (Stage::Skipped, _) => "skipped",
            (_, Some(result)) if result.ok => "succeeded",
            (_, Some(_)) => "failed",
            (Stage::Pending, None) => "pending",
            _ => "running",
        };
        let mut view = step.result.as_ref().map(|result| result.facts.clone()).unwrap_or_default();
        let (ok, attempts, took) =
            step.result.as_ref().map_or((false, 0, 0), |result| (result.ok, result.attempts, result.took_ms));
        view.insert("ok".into(), json!(ok));
        view.insert("outcome".into(), json!(outcome));
        view.insert("skipped".into(), json!(outcome == "skipped"));
        view.insert("attempts".into(), json!(attempts));
        view.insert("took_ms".into(), json!(took));
        view.insert("visits".into(), json!(step.visits));
        Value::Object(view)
    }
}

impl StepState {
    /// Whether it acts with an executor that changes the world.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.action.as_ref().is_some_and(|action| action.changes())
    }
}

impl Stage {
    /// Whether only a person can move it.
    #[must_use]
    pub fn waits_for_human(&self) -> bool {
        matches!(self, Self::Approval { .. } | Self::Asking { .. } | Self::Blocked(Obstacle::HeldBy(_)))
    }

    /// When something happens by itself: an expiry, a next try, the end of a wait. A watch ends by its own report.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Approval { until, .. }
            | Self::Sent { until, .. }
            | Self::Confirming { until }
            | Self::Resting { until }
            | Self::Waiting { until }
            | Self::Blocked(Obstacle::OverBudget { until } | Obstacle::Frozen { until, .. }) => Some(*until),
            Self::Asking { until, late: false, .. } => *until,
            _ => None,
        }
    }

    /// Whether something was sent that goes on whatever the run does.
    #[must_use]
    pub fn under_way(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Confirming { .. })
    }

    /// Whether the step is at rest: not begun, or ended.
    #[must_use]
    pub fn at_rest(&self) -> bool {
        matches!(self, Self::Pending | Self::Done | Self::Skipped)
    }
}
