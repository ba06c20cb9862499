//! Monitors for a page: as they are, what was measured lately, what is left of what was promised.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};

use super::super::library::Watched;
use super::super::monitors::{Seen, Shown};
use super::super::{Bot, Fault};
use crate::base::event::{Instant, Recorded};
use crate::base::series::Series;
use crate::domain::monitor::slo::{Standing, standing};
use crate::domain::monitor::spec::{Slo, Spec};
use crate::domain::monitor::tally::{HOUR, MINUTE, Tally, begin};
use crate::domain::monitor::whole::Whole;
use crate::domain::timeline::Fact;
use crate::samples::Reader;
use crate::view::chart::{Chart, Limit, Panel, Shade, Unit};

/// How much a sparkline shows.
pub const LATELY: TimeDelta = TimeDelta::hours(6);
/// How much one point of it stands for, in milliseconds.
const POINT: i64 = 5 * MINUTE;
/// Facts of a monitor that its page shows, the newest.
const HISTORY: usize = 100;

/// A stretch of samples as one point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it begins.
    pub at: Instant,
    /// How long answers took in the mean, in milliseconds, where that was measured.
    pub took_ms: Option<f64>,
    /// Whether any of its samples failed.
    pub failed: bool,
}

/// A monitor as a line of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Watching {
    /// As it is.
    pub seen: Seen,
    /// The last [`LATELY`], the oldest first; where nothing was sampled there is no point.
    pub lately: Vec<Point>,
    /// What was promised, and how that stands.
    pub promise: Option<(Slo, Standing)>,
}

/// All monitors.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Where they look.
    pub environment: String,
    /// By name.
    pub all: Vec<Watching>,
    /// How they are together.
    pub whole: Whole,
}

/// One monitor, with all that its page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct InDetail {
    /// As it is.
    pub shown: Shown,
    /// What `monitors.yaml` says of it.
    pub spec: Spec,
    /// What changed, the newest first.
    pub history: Vec<Recorded<Fact>>,
    /// How many older changes are not among it.
    pub older: usize,
}

/// Over how long a chart of a monitor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// 24 hours, in parts of five minutes.
    Day,
    /// Seven days, in hours.
    Week,
}

impl Bot {
    /// Every monitor as a line of a list.
    ///
    /// # Errors
    /// `monitors.yaml` has faults, the journal, the samples.
    pub async fn monitor_board(&self) -> Result<Board, Fault> {
        let watched = self.library.monitors()?;
        let (all, whole) = self.monitors(None).await?;
        let (samples, now) = (self.sample_reader(), self.clock.now());
        let line = |seen: Seen| Watching {
            lately: samples.as_ref().map(|reader| lately(reader, &seen.id, now)).unwrap_or_default(),
            promise: promise(&watched, samples.as_ref(), &seen.id, now),
            seen,
        };
        let all = all.into_iter().map(line).collect();
        Ok(Board { environment: watched.inventory.environment, all, whole })
    }

    /// One monitor.
    ///
    /// # Errors
    /// There is none of that name, `monitors.yaml` has faults, the journal.
    pub async fn monitor_in_detail(&self, id: &str) -> Result<InDetail, Fault> {
        let shown = self.monitor(id).await?;
        let spec = self.library.monitors()?.monitors.all.remove(id);
        let spec = spec.ok_or_else(|| Fault::Usage(format!("monitors.yaml no longer names {id}")))?;
        let mut history = Vec::new();
        if self.has_record() {
            history = self.engine()?.monitor_facts(id).await?;
        }
        let older = history.len().saturating_sub(HISTORY);
        history.drain(..older);
        history.reverse();
        Ok(InDetail { shown, spec, history, older })
    }

    /// A monitor's samples as a chart; none where nothing was sampled in that time.
    ///
    /// # Errors
    /// There is none of that name, `monitors.yaml` has faults, the samples.
    pub fn monitor_chart(&self, id: &str, stretch: Stretch) -> Result<Option<Chart>, Fault> {
        let watched = self.library.monitors()?;
        let spec = watched.monitors.all.get(id);
        let spec = spec.ok_or_else(|| Fault::Usage("there is no monitor of that name".to_owned()))?;
        let Some(reader) = self.sample_reader() else { return Ok(None) };
        let now = self.clock.now();
        let (length, least, about) = match stretch {
            Stretch::Day => (TimeDelta::hours(24), POINT, "24 hours"),
            Stretch::Week => (TimeDelta::days(7), HOUR, "7 days"),
        };
        let from = now - length;
        let read = match stretch {
            Stretch::Day => reader.minutes(id, from),
            Stretch::Week => reader.hours(id, from),
        };
        let every = least.max(spec.every.delta().num_milliseconds());
        let mut parts: BTreeMap<i64, Tally> = BTreeMap::new();
        for (at, tally) in read.map_err(Fault::Failed)? {
            parts.entry(begin(at, every).max(from.timestamp_millis())).or_default().merge(&tally);
        }
        parts.retain(|_, tally| tally.count > 0);
        if parts.is_empty() {
            return Ok(None);
        }
        let panels = [took(&parts, spec, every), up(&parts, every)].into_iter().flatten().collect();
        Ok(Some(Chart {
            title: format!("{}, last {about}", crate::base::text::one_line(&spec.title, 80)),
            from,
            to: now,
            zone: crate::base::schedule::zone(&watched.inventory.zone).unwrap_or(chrono_tz::Tz::UTC),
            every_ms: every.unsigned_abs(),
            gaps: Vec::new(),
            panels,
        }))
    }
}

fn promise(watched: &Watched, samples: Option<&Reader>, id: &str, now: Instant) -> Option<(Slo, Standing)> {
    let slo = watched.monitors.all.get(id)?.slo?;
    let tally = samples?.since(id, now - slo.over.delta()).ok()?;
    Some((slo, standing(&slo, &tally)))
}

fn lately(reader: &Reader, id: &str, now: Instant) -> Vec<Point> {
    let mut parts: BTreeMap<i64, Tally> = BTreeMap::new();
    for (at, minute) in reader.minutes(id, now - LATELY).unwrap_or_default() {
        parts.entry(begin(at, POINT)).or_default().merge(&minute);
    }
    let point = |(at, tally): (i64, Tally)| {
        let at = DateTime::from_timestamp_millis(at)?;
        Some(Point { at, took_ms: tally.mean(), failed: tally.ok < tally.count })
    };
    parts.into_iter().filter(|(_, tally)| tally.count > 0).filter_map(point).collect()
}

/// How long answers took, with what was promised of that as a line.
fn took(parts: &BTreeMap<i64, Tally>, spec: &Spec, every: i64) -> Option<Panel> {
    let series = series(parts, |tally| tally.mean().map(f64::round));
    series.last()?;
    let promised = spec.slo.and_then(|slo| slo.p95);
    #[allow(clippy::cast_precision_loss, reason = "milliseconds")]
    let limit = promised.map(|promised| Limit {
        that: format!("p95 within {promised}"),
        value: promised.millis() as f64,
        level: crate::domain::runbook::model::Level::Warn,
    });
    let limits = limit.into_iter().collect();
    Some(Panel {
        name: "answers take".to_owned(),
        unit: Unit::Millis,
        series,
        limits,
        breaches: failures(parts, every),
    })
}

/// How many samples did not fail.
#[allow(clippy::cast_precision_loss, reason = "counts of samples")]
fn up(parts: &BTreeMap<i64, Tally>, every: i64) -> Option<Panel> {
    let series = series(parts, |tally| Some((tally.ok as f64 / tally.count.max(1) as f64 * 1000.0).round() / 10.0));
    series.last()?;
    let breaches = failures(parts, every);
    Some(Panel { name: "did not fail".to_owned(), unit: Unit::Percent, series, limits: Vec::new(), breaches })
}

fn series(parts: &BTreeMap<i64, Tally>, value: impl Fn(&Tally) -> Option<f64>) -> Series {
    let mut series = Series::new();
    for (at, tally) in parts {
        if let Some((at, value)) = DateTime::from_timestamp_millis(*at).zip(value(tally)) {
            series.push(at, value);
        }
    }
    series
}

/// Stretches in which something failed; what touches is one.
fn failures(parts: &BTreeMap<i64, Tally>, every: i64) -> Vec<Shade> {
    let mut shades: Vec<Shade> = Vec::new();
    for (at, _) in parts.iter().filter(|(_, tally)| tally.ok < tally.count) {
        let Some(from) = DateTime::from_timestamp_millis(*at) else { continue };
        let to = from + TimeDelta::milliseconds(every);
        match shades.last_mut().filter(|last| last.to >= from) {
            Some(last) => last.to = to,
            None => shades.push(Shade { from, to, level: crate::domain::runbook::model::Level::Fail }),
        }
    }
    shades
}
