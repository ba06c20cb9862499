//! How long a plan may take at the longest.
//!
//! Lives here: adding up timeouts, tries, waits, watches and repetitions. Never lives here: printing plans.

use std::collections::HashMap;

use super::model::{Destination, Does, Plan, Retry, Step, Wait};
use crate::base::expr::{Scope, Template};
use crate::base::schedule::Span;
use crate::domain::action::resolve::resolve;
use crate::domain::action::{Action, ActionSpec, Kind};

/// An upper bound, and what it leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Longest {
    /// Milliseconds of machine time.
    pub millis: u64,
    /// Whether people are waited for, for as long as they take.
    pub people: bool,
    /// Whether some of it depends on values that only the run knows, or on a calendar.
    pub unknown: bool,
}

impl Longest {
    fn millis(millis: u64) -> Self {
        Self { millis, ..Self::default() }
    }

    const PEOPLE: Self = Self { millis: 0, people: true, unknown: false };
    const UNKNOWN: Self = Self { millis: 0, people: false, unknown: true };

    fn and(self, other: Self) -> Self {
        Self {
            millis: self.millis.saturating_add(other.millis),
            people: self.people || other.people,
            unknown: self.unknown || other.unknown,
        }
    }

    fn times(self, count: u64) -> Self {
        Self { millis: self.millis.saturating_mul(count), ..self }
    }

    /// In words: `12m30s, and waits for people`.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if self.millis > Span::MAX.millis() {
            parts.push("more than a year".to_owned());
        } else if self.millis > 0 {
            let text = format!("{}ms", self.millis);
            // Whole seconds are enough here, and a span has no other way to be made of milliseconds.
            let seconds = Span::seconds(self.millis.div_ceil(1000));
            parts.push(if self.millis < 1000 { text } else { seconds.to_string() });
        }
        if self.unknown {
            parts.push("a time that is not known yet".to_owned());
        }
        if self.people {
            parts.push("waits for people, without bound".to_owned());
        }
        if parts.is_empty() { "no time".to_owned() } else { parts.join(", and ") }
    }
}

/// The longest one visit of a step may take.
#[must_use]
pub fn of_step(step: &Step, scope: &Scope, plan: &Plan) -> Longest {
    let approval = if step.approval.is_some() { Longest::PEOPLE } else { Longest::default() };
    approval.and(match &step.does {
        Does::Act(spec) => act(step, spec, scope, plan),
        Does::Watch(watch) => span(&watch.lasts, scope),
        Does::Wait(Wait::For(text)) => span(text, scope),
        Does::Wait(Wait::Until { .. }) => Longest::UNKNOWN,
        Does::Ask(_) | Does::Decide(_) | Does::Manual => Longest::PEOPLE,
        Does::Set(_) | Does::Notify(_) | Does::Runbook(_) | Does::Each(_) => Longest::default(),
    })
}

fn act(step: &Step, spec: &ActionSpec, scope: &Scope, plan: &Plan) -> Longest {
    let action = resolve(spec, scope, &plan.inventory).ok();
    let default = action.as_ref().map_or_else(|| default_timeout(spec.kind), Action::default_timeout);
    let stage =
        step.timeout.map_or_else(|| u64::try_from(default.as_millis()).unwrap_or(u64::MAX), |span| span.millis());
    let attempt = match (&action, spec.kind) {
        (
            Some(Action::RailwayRestart(change) | Action::RailwayRedeploy(change) | Action::RailwayRollback(change)),
            _,
        ) => {
            // Reading the baseline, the change itself, and watching until it is ready.
            Longest::millis(stage.saturating_mul(2).saturating_add(change.ready_within.millis()))
        }
        (None, Kind::RailwayRestart | Kind::RailwayRedeploy | Kind::RailwayRollback) => {
            Longest::millis(stage.saturating_mul(2)).and(Longest::UNKNOWN)
        }
        _ => Longest::millis(stage),
    };
    match &step.retry {
        Some(retry) => attempt.times(u64::from(retry.attempts)).and(Longest::millis(delays(retry))),
        None => attempt,
    }
}

/// As [`Action::default_timeout`], where the action is not known yet.
fn default_timeout(kind: Kind) -> std::time::Duration {
    std::time::Duration::from_secs(match kind {
        Kind::Http | Kind::RedisClients => 10,
        Kind::RailwayLogs | Kind::RailwayDeployments => 20,
        Kind::RailwayRestart | Kind::RailwayRedeploy | Kind::RailwayRollback => 30,
        Kind::Exec => 600,
    })
}

/// All delays between tries; growing ones carry up to a tenth of jitter.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most a year in milliseconds"
)]
fn delays(retry: &Retry) -> u64 {
    let most = retry.max_delay.map_or(86_400_000, Span::millis) as f64;
    let jitter = if retry.factor > 1.0 { 1.1 } else { 1.0 };
    let mut delay = retry.delay.millis() as f64;
    let mut sum = 0.0;
    for _ in 1..retry.attempts {
        sum += delay.min(most) * jitter;
        delay *= retry.factor;
    }
    sum as u64
}

fn span(text: &str, scope: &Scope) -> Longest {
    let rendered = if text.contains("{{") {
        Template::parse(text).ok().and_then(|template| template.render(scope).ok())
    } else {
        Some(text.to_owned())
    };
    rendered.and_then(|text| Span::parse(&text).ok()).map_or(Longest::UNKNOWN, |span| Longest::millis(span.millis()))
}

/// The longest a whole run may take: every covered step, and what lies between a `redo` and where it leads as often as
/// it may be done again. Steps that run during a watch take no time of their own.
#[must_use]
pub fn of_run(plan: &Plan) -> Longest {
    let positions: HashMap<&str, usize> =
        plan.steps.iter().enumerate().map(|(position, step)| (step.id.as_str(), position)).collect();
    // How often each step may be visited again: a difference array, so that many long loops stay cheap.
    let mut change = vec![0_i64; plan.steps.len() + 1];
    for (position, step) in plan.steps.iter().enumerate() {
        let Does::Decide(decide) = &step.does else { continue };
        for case in &decide.cases {
            if let Destination::Redo { step, max } = &case.to
                && let Some(back) = positions.get(step.as_str())
                && *back <= position
            {
                change[*back] += i64::from(*max);
                change[position + 1] -= i64::from(*max);
            }
        }
    }
    let mut again = 0_i64;
    let mut longest = Longest::default();
    for (position, step) in plan.steps.iter().enumerate() {
        again += change[position];
        let covered = plan.phases.get(step.phase).is_none_or(|phase| phase.covered);
        if !covered || step.runs_aside() {
            continue;
        }
        let empty = serde_json::Map::new();
        let inputs = plan.frames.get(step.frame).map_or(&empty, |frame| &frame.inputs);
        let mut scope = crate::domain::action::resolve::base_scope(inputs, &plan.inventory);
        if let Some(item) = &step.each {
            scope.set("each", item.clone());
        }
        longest = longest.and(of_step(step, &scope, plan).times(1 + u64::try_from(again).unwrap_or(0)));
    }
    longest
}
