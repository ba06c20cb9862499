//! Carries out a watch: takes samples when they are due, reads the logs, reports.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::channel::mpsc;
use serde_json::Value;

use super::{Live, Observer};
use crate::base::clock::Clock;
use crate::base::event::Instant;
use crate::base::expr::Scope;
use crate::domain::action::Action;
use crate::domain::action::reply::Reply;
use crate::domain::run::event::{WatchLogFound, WatchStarted, WatchedLog};
use crate::domain::run::input::{Input, WatchReport};
use crate::domain::run::watch::{Tracker, next_due};
use crate::domain::runbook::model::{Plan, Watch};
use crate::step::{Executors, Silent};

/// Lines of a log that were seen and not forgotten yet.
const REMEMBERED_LINES: usize = 5_000;
/// No sample may take longer, so that a silent server costs coverage and not the schedule.
const LONGEST_SAMPLE: Duration = Duration::from_secs(10);

pub(super) struct Observation<'a> {
    pub(super) executors: &'a Executors,
    pub(super) observer: &'a dyn Observer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) plan: Arc<Plan>,
    pub(super) step: String,
    pub(super) watch: Arc<WatchStarted>,
    pub(super) began: Instant,
    pub(super) from: Instant,
    pub(super) until: Instant,
}

impl Observation<'_> {
    /// Observes until the end; what there is to report goes into `reports`. It stops early when nobody listens any more.
    pub(super) async fn run(self, model: Watch, reports: mpsc::UnboundedSender<Input>) {
        let mut tracker = Tracker::new(&self.step, &model, self.from.max(self.began));
        let mut logs: Vec<LogReader> = self.watch.logs.iter().map(|log| LogReader::new(log, self.began)).collect();
        let mut next_sample = next_due(self.began, self.watch.every_ms, self.clock.now().max(self.from), true);
        let mut next_logs: Vec<Instant> = logs.iter().map(|_| self.clock.now()).collect();
        loop {
            let due = next_logs.iter().copied().chain([next_sample]).min().unwrap_or(self.until);
            if due >= self.until {
                break;
            }
            self.clock.sleep_until(due).await;
            if next_sample <= due {
                let sample = self.sample(&model).await;
                for report in tracker.sample(self.clock.now().min(self.until), sample) {
                    if reports.unbounded_send(Input::Watch(report)).is_err() {
                        return;
                    }
                }
                next_sample = next_due(self.began, self.watch.every_ms, self.clock.now(), false);
            }
            for (reader, next) in logs.iter_mut().zip(&mut next_logs) {
                if *next <= due {
                    self.read_log(reader, &reports).await;
                    *next = self.clock.now().max(due) + TimeDelta::milliseconds(millis(reader.log.every_ms));
                }
            }
        }
        self.clock.sleep_until(self.until).await;
        for reader in &mut logs {
            self.read_log(reader, &reports).await;
        }
        let last = tracker.flush(self.until).into_iter().chain([WatchReport::Ended { step: self.step.clone() }]);
        for report in last {
            // Nobody listening means the watch is over already.
            let _ = reports.unbounded_send(Input::Watch(report));
        }
    }

    async fn sample(&self, model: &Watch) -> Result<std::collections::BTreeMap<String, f64>, String> {
        let key = format!("watch/{}", self.step);
        let timeout = Duration::from_millis(self.watch.every_ms).min(LONGEST_SAMPLE);
        let reply = self.executors.act(&self.watch.sample, &self.plan.inventory, &key, None, timeout, &Silent).await;
        let answer = match reply {
            Reply::Answered(answer) => answer,
            Reply::NotDone(failure) | Reply::Unknown(failure) => return Err(failure.message),
        };
        let scope: Scope = answer.facts.into_iter().collect();
        let mut values = std::collections::BTreeMap::new();
        for (name, condition) in &model.series {
            match condition.evaluate(&scope) {
                Ok(Value::Number(number)) => drop(number.as_f64().map(|value| values.insert(name.clone(), value))),
                Ok(_) => return Err(format!("{}: {name} is no number", answer.summary)),
                Err(error) => return Err(format!("{}: {name}: {error}", answer.summary)),
            }
        }
        self.observer.live(Live::Sample { step: &self.step, at: self.clock.now(), values: &values });
        Ok(values)
    }

    async fn read_log(&self, reader: &mut LogReader, reports: &mpsc::UnboundedSender<Input>) {
        let key = format!("watch/{}/logs", self.step);
        let action = reader.action(self.clock.now());
        let reply =
            self.executors.act(&action, &self.plan.inventory, &key, None, action.default_timeout(), &Silent).await;
        // A log that could not be read now is read with the next one: what was written meanwhile is still in it.
        let Reply::Answered(answer) = reply else { return };
        reader.read_to = self.clock.now();
        let lines = answer.facts.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(found) = reader.find(&self.step, &lines) {
            let _ = reports.unbounded_send(Input::Watch(WatchReport::LogFound(found)));
        }
    }
}

struct LogReader {
    log: WatchedLog,
    began: Instant,
    read_to: Instant,
    seen: BTreeSet<(String, String)>,
    found: bool,
}

impl LogReader {
    fn new(log: &WatchedLog, began: Instant) -> Self {
        Self { log: log.clone(), began, read_to: began, seen: BTreeSet::new(), found: false }
    }

    /// Reads back to where the last reading ended, and a little further: logs arrive late.
    fn action(&self, now: Instant) -> Action {
        let overlap = TimeDelta::milliseconds(millis(self.log.every_ms)) + TimeDelta::seconds(30);
        let back = (now - self.read_to + overlap).num_seconds().max(1).unsigned_abs();
        match self.log.action.clone() {
            Action::RailwayLogs(mut logs) => {
                logs.since = crate::base::schedule::Span::seconds(back);
                Action::RailwayLogs(logs)
            }
            other => other,
        }
    }

    /// The first forbidden line since the watch began; one is enough for a verdict, a flood would say no more.
    fn find(&mut self, step: &str, lines: &[Value]) -> Option<WatchLogFound> {
        let needle = self.log.text.to_lowercase();
        for line in lines {
            let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (at, message) = (text("at"), text("message"));
            let written = at.parse::<Instant>().ok();
            let fresh = written.is_none_or(|written| written >= self.began) && self.seen.insert((at, message.clone()));
            if fresh && !self.found && message.to_lowercase().contains(&needle) {
                self.found = true;
                let line = crate::base::text::one_line(&message, 500);
                return Some(WatchLogFound { step: step.to_owned(), text: self.log.text.clone(), line, at: written });
            }
        }
        while self.seen.len() > REMEMBERED_LINES {
            self.seen.pop_first();
        }
        None
    }
}

fn millis(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
