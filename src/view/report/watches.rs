//! Watches: what was observed, how much of it, where limits were broken.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use crate::base::event::{Instant, RunId};
use crate::base::series::Series;
use crate::domain::run::event::{Event, WatchBreached, WatchStarted};
use crate::domain::runbook::model::{Does, Level, Watch as Spec};
use crate::domain::timeline::Fact;
use crate::view::chart::{Unit, sparkline};
use crate::view::{sentence, time};

/// Different reasons for failed samples that are shown of one watch.
const FAILURES: usize = 20;
/// Characters of a series' line of blocks.
const TREND: usize = 16;

/// One watch.
#[derive(Serialize)]
pub(super) struct Watch {
    title: String,
    run: String,
    from: String,
    to: String,
    every: String,
    source: String,
    coverage: String,
    verdict: String,
    cites: String,
    series: Vec<Row>,
    notes: Vec<Note>,
    chart: Option<String>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// A line of blocks with the last value behind it.
    trend: String,
    min: String,
    max: String,
    p95: String,
    count: usize,
    cites: String,
}

/// A breach, a gap, a line in a log.
#[derive(Serialize)]
struct Note {
    text: String,
    cites: String,
}

/// One watch while it is read.
pub(super) struct Reading<'a> {
    pub(super) run: &'a RunId,
    pub(super) started: &'a WatchStarted,
    pub(super) at: Instant,
    cites: Cites,
    tallies: Cites,
    pub(super) points: BTreeMap<&'a str, Vec<(Instant, f64)>>,
    due: u64,
    taken: u64,
    pub(super) observed_to: Instant,
    pub(super) breaches: Vec<(&'a WatchBreached, Option<Instant>)>,
    pub(super) gaps: Vec<(Instant, Instant)>,
    notes: Vec<Note>,
    /// Why samples failed, and which minutes that happened in.
    failures: BTreeMap<&'a str, Cites>,
    verdict: Option<String>,
}

/// All watches, in the order in which they began.
pub(super) fn readings<'a>(context: &Context<'a>) -> Vec<Reading<'a>> {
    let mut readings: Vec<Reading<'_>> = Vec::new();
    let mut current: BTreeMap<(&RunId, &str), usize> = BTreeMap::new();
    for recorded in context.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        if let Event::WatchStarted(started) = event {
            current.insert((id, &started.step), readings.len());
            readings.push(Reading::new(id, started, recorded.head.occurred_at, recorded.pos));
            continue;
        }
        let Some(step) = watched_step(event) else { continue };
        if let Some(at) = current.get(&(id, step)) {
            readings[*at].read(context, event, recorded.pos, recorded.head.occurred_at);
        }
        if matches!(event, Event::StepFinished(_)) {
            current.remove(&(id, step));
        }
    }
    readings
}

fn watched_step(event: &Event) -> Option<&str> {
    match event {
        Event::WatchTallied(tallied) => Some(&tallied.step),
        Event::WatchBreached(breached) => Some(&breached.step),
        Event::WatchRecovered(recovered) => Some(&recovered.step),
        Event::WatchGap(gap) => Some(&gap.step),
        Event::WatchLogFound(found) => Some(&found.step),
        Event::StepFinished(finished) => Some(&finished.step),
        _ => None,
    }
}

impl<'a> Reading<'a> {
    fn new(run: &'a RunId, started: &'a WatchStarted, at: Instant, pos: u64) -> Self {
        Self {
            run,
            started,
            at,
            cites: Cites::one(pos),
            tallies: Cites::default(),
            points: BTreeMap::new(),
            due: 0,
            taken: 0,
            observed_to: at,
            breaches: Vec::new(),
            gaps: Vec::new(),
            notes: Vec::new(),
            failures: BTreeMap::new(),
            verdict: None,
        }
    }

    fn read(&mut self, context: &Context<'_>, event: &'a Event, pos: u64, at: Instant) {
        let clock = |at| time::clock(at, context.zone);
        let note = match event {
            Event::WatchTallied(tallied) => {
                self.tallies.add(pos);
                self.due += u64::from(tallied.due);
                self.taken += u64::from(tallied.taken);
                self.observed_to = self.observed_to.max(tallied.to);
                for (name, points) in &tallied.points {
                    let series = self.points.entry(name).or_default();
                    series.extend(
                        points.iter().filter(|point| point.value.is_finite()).map(|point| (point.at, point.value)),
                    );
                }
                for why in &tallied.failures {
                    if self.failures.len() < FAILURES || self.failures.contains_key(why.as_str()) {
                        self.failures.entry(why).or_default().add(pos);
                    }
                }
                return;
            }
            Event::WatchBreached(breached) => {
                self.breaches.push((breached, None));
                let level = if breached.level == Level::Fail { "limit" } else { "warning limit" };
                let values: Vec<String> = breached
                    .values
                    .iter()
                    .map(|(name, value)| format!("{name} {}", sentence::number(*value)))
                    .collect();
                format!("{level} {} broken since {} ({})", breached.that, clock(breached.since), values.join(", "))
            }
            Event::WatchRecovered(recovered) => {
                let open =
                    self.breaches.iter_mut().rev().find(|(breach, end)| breach.that == recovered.that && end.is_none());
                if let Some((_, end)) = open {
                    *end = Some(at);
                }
                format!("{} holds again since {}", recovered.that, clock(at))
            }
            Event::WatchGap(gap) => {
                self.gaps.push((gap.from, gap.to));
                // The run's verdict counts samples that nobody took as missing ones; so does the page.
                let every = self.started.every_ms.max(1);
                self.due += (gap.to - gap.from).num_milliseconds().max(0).unsigned_abs() / every;
                self.tallies.add(pos);
                self.observed_to = self.observed_to.max(gap.to);
                let lasted = time::length(gap.to - gap.from);
                format!("nobody looked from {} to {} ({lasted}): {}", clock(gap.from), clock(gap.to), gap.why)
            }
            Event::WatchLogFound(found) => {
                format!("\"{}\" stood in the log at {}: {}", found.text, clock(found.at.unwrap_or(at)), found.line)
            }
            Event::StepFinished(finished) => {
                let summary = md(&finished.summary, 300);
                self.verdict = Some(if finished.ok { summary } else { format!("**failed**: {summary}") });
                self.observed_to = self.observed_to.max(at);
                self.cites.add(pos);
                return;
            }
            _ => return,
        };
        self.notes.push(Note { text: md(&note, 800), cites: Cites::one(pos).text() });
    }

    /// Points come nearly sorted, minute after minute; one sort is cheaper than putting each in its place.
    pub(super) fn series(&self, name: &str) -> Series {
        let mut points = self.points.get(name).cloned().unwrap_or_default();
        points.sort_by_key(|(at, _)| *at);
        let mut series = Series::new();
        for (at, value) in points {
            series.push(at, value);
        }
        series
    }

    /// The limits of the watch: those of the plan where there is one, and those that were broken.
    pub(super) fn limits(&self, context: &Context<'_>) -> Vec<(String, Level)> {
        let planned = self.spec(context).map_or(&[][..], |watch| &watch.expect);
        let mut limits: Vec<(String, Level)> =
            planned.iter().map(|limit| (limit.that.source().to_owned(), limit.level)).collect();
        for (breach, _) in &self.breaches {
            if limits.iter().all(|(that, _)| *that != breach.that) {
                limits.push((breach.that.clone(), breach.level));
            }
        }
        limits
    }

    /// The watch as its run's plan has it.
    fn spec<'c>(&self, context: &'c Context<'_>) -> Option<&'c Spec> {
        let plan = context.plans.get(self.run)?;
        match &plan.steps.get(plan.position(&self.started.step)?)?.does {
            Does::Watch(watch) => Some(watch),
            _ => None,
        }
    }

    /// What the values of a series count.
    pub(super) fn unit(&self, context: &Context<'_>, name: &str) -> Unit {
        let path = self.spec(context).and_then(|watch| watch.series.get(name)).map(|value| value.source());
        Unit::of(name, path)
    }

    /// The section of the page; `chart` is the file of its chart.
    pub(super) fn finish(self, context: &Context<'_>, chart: Option<String>) -> Watch {
        let rows = self.points.keys().map(|name| {
            let series = self.series(name);
            let unit = self.unit(context, name);
            let shown = |value: Option<f64>| value.map_or(NOT_RECORDED.to_owned(), |value| unit.shown(value));
            let trend = sparkline(&series, unit, TREND);
            Row {
                name: md(name, 60),
                trend: if trend.is_empty() { NOT_RECORDED.to_owned() } else { trend },
                min: shown(series.min()),
                max: shown(series.max()),
                p95: shown(series.p95()),
                count: series.len(),
                cites: self.tallies.text(),
            }
        });
        let failures = self
            .failures
            .iter()
            .map(|(why, cites)| Note { text: format!("samples failed: {}", md(why, 300)), cites: cites.text() });
        let failures: Vec<Note> = failures.collect();
        let coverage = match self.due {
            0 => NOT_RECORDED.to_owned(),
            due => {
                let percent = sentence::number((self.taken as f64 / due as f64 * 1000.0).floor() / 10.0);
                format!("{} of {due} samples ({percent} %) {}", self.taken, self.tallies.text())
            }
        };
        Watch {
            title: md(&self.started.title, 200),
            run: self.run.to_string(),
            from: time::moment(self.at, context.zone),
            to: time::moment(self.observed_to, context.zone),
            every: time::length_ms(self.started.every_ms),
            source: md(&self.started.sample.describe(), 200),
            coverage,
            verdict: self.verdict.clone().unwrap_or_else(|| "not over yet".to_owned()),
            cites: self.cites.text(),
            series: rows.collect(),
            notes: self.notes.into_iter().chain(failures).collect(),
            chart,
        }
    }
}
