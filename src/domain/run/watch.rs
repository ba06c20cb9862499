//! The bookkeeping of a watch: what its samples come to.
//!
//! Lives here: [`Tracker`], pure: samples in, reports out; and when samples are due. Never lives here: taking samples
//! (the engine does), and the verdict (the run decides it from what was reported).

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::event::{Point, WatchBreached, WatchRecovered, WatchTallied};
use super::input::WatchReport;
use crate::base::event::Instant;
use crate::base::expr::Scope;
use crate::domain::runbook::model::{Threshold, Watch};

/// How much is held in memory before it is written down.
const TALLY: TimeDelta = TimeDelta::minutes(1);

/// Turns samples into tallies, breaches and recoveries.
pub struct Tracker {
    step: String,
    thresholds: Vec<Limit>,
    from: Instant,
    minute: WatchTallied,
}

struct Limit {
    threshold: Threshold,
    broken: u32,
    since: Option<Instant>,
    breached: bool,
}

impl Tracker {
    /// Starts, or goes on, observing at `from`.
    #[must_use]
    pub fn new(step: &str, watch: &Watch, from: Instant) -> Self {
        let thresholds = watch
            .expect
            .iter()
            .map(|threshold| Limit { threshold: threshold.clone(), broken: 0, since: None, breached: false })
            .collect();
        Self { step: step.to_owned(), thresholds, from, minute: empty(step, from) }
    }

    /// One sample that was due at `due` and came in at `at`, or why it did not. A report of a breach comes behind the tally
    /// that holds its samples.
    pub fn sample(&mut self, at: Instant, sample: Result<BTreeMap<String, f64>, String>) -> Vec<WatchReport> {
        self.minute.due += 1;
        let mut reports = Vec::new();
        match sample {
            Ok(values) => {
                self.minute.taken += 1;
                for (name, value) in &values {
                    self.minute.points.entry(name.clone()).or_default().push(Point { at, value: *value });
                }
                reports = self.judge(at, &values);
            }
            Err(why) => {
                if !self.minute.failures.contains(&why) && self.minute.failures.len() < 5 {
                    self.minute.failures.push(why);
                }
            }
        }
        if !reports.is_empty() || at - self.from >= TALLY {
            reports.splice(0..0, self.flush(at));
        }
        reports
    }

    /// Everything since the last tally.
    pub fn flush(&mut self, at: Instant) -> Option<WatchReport> {
        let mut full = std::mem::replace(&mut self.minute, empty(&self.step, at));
        self.from = at;
        full.to = at;
        (full.due > 0).then_some(WatchReport::Tallied(full))
    }

    fn judge(&mut self, at: Instant, values: &BTreeMap<String, f64>) -> Vec<WatchReport> {
        let scope: Scope = values.iter().map(|(name, value)| (name.clone(), serde_json::json!(value))).collect();
        let mut reports = Vec::new();
        for limit in &mut self.thresholds {
            // A limit over a value that this sample does not have is neither kept nor broken.
            let Ok(kept) = limit.threshold.that.test(&scope) else { continue };
            let that = limit.threshold.that.source().to_owned();
            if kept {
                limit.broken = 0;
                limit.since = None;
                if std::mem::take(&mut limit.breached) {
                    let (step, values) = (self.step.clone(), values.clone());
                    reports.push(WatchReport::Recovered(WatchRecovered { step, that, values }));
                }
            } else {
                limit.broken += 1;
                let since = *limit.since.get_or_insert(at);
                if limit.broken >= limit.threshold.breach_after && !limit.breached {
                    limit.breached = true;
                    let (step, values, level) = (self.step.clone(), values.clone(), limit.threshold.level);
                    reports.push(WatchReport::Breached(WatchBreached { step, that, level, since, values }));
                }
            }
        }
        reports
    }
}

fn empty(step: &str, from: Instant) -> WatchTallied {
    WatchTallied {
        step: step.to_owned(),
        from,
        to: from,
        due: 0,
        taken: 0,
        points: BTreeMap::new(),
        failures: Vec::new(),
    }
}

/// The first moment after `after` (or at it, when `inclusive`) at which something due every `every_ms` since `began` is due.
#[must_use]
pub fn next_due(began: Instant, every_ms: u64, after: Instant, inclusive: bool) -> Instant {
    let every = i64::try_from(every_ms.max(1)).unwrap_or(i64::MAX);
    let passed = (after - began).num_milliseconds().max(0);
    let whole = passed / every;
    let on_time = passed % every == 0 && inclusive;
    began + TimeDelta::milliseconds(every.saturating_mul(if on_time { whole } else { whole + 1 }))
}
