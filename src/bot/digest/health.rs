//! How everything is: targets and monitors, error budgets, the series that matter most.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};

use super::super::grammar::HealthNow;
use super::super::monitors::Seen;
use super::super::{Bot, Fault};
use crate::base::series::Series;
use crate::base::text::one_line;
use crate::domain::digest::model::{Budget, Condition, Digest, Figure, Health, InForce, KeySeries, Measure};
use crate::domain::monitor::slo::standing;
use crate::domain::monitor::spec::Spec;
use crate::domain::monitor::state::Level;
use crate::domain::monitor::tally::{HOUR, MINUTE, Tally, begin};
use crate::samples::Reader;

/// Monitors that are drawn.
const DRAWN: usize = 4;
/// Values that a series has at most, about.
const VALUES: i64 = 300;
/// From such a length on hours are drawn, not minutes.
const LONG: TimeDelta = TimeDelta::hours(48);

/// A monitor with its figures.
struct One<'a> {
    seen: &'a Seen,
    spec: &'a Spec,
    condition: Condition,
    /// All of the digest's time.
    tally: Tally,
    /// The last 24 hours.
    day: Vec<(i64, Tally)>,
}

impl Bot {
    /// Health, budgets, mutes and series.
    pub(super) async fn monitored_part(
        &self,
        digest: &mut Digest,
        was: Option<&BTreeMap<String, Figure>>,
    ) -> Result<(), Fault> {
        let watched = self.library.monitors()?;
        let samples = self.sample_reader();
        let (seen, _) = self.monitors(None).await?;
        let mut all = Vec::new();
        for one in &seen {
            let Some(spec) = watched.monitors.all.get(&one.id) else { continue };
            all.push(figured(one, spec, samples.as_ref(), digest)?);
        }
        digest.health = grouped(&all);
        self.unmonitored(digest).await?;
        for health in &mut digest.health {
            health.was = was.and_then(|was| was.get(&health.name)).copied();
        }
        digest.health.sort_by_key(|one| (!one.needs_a_look(), one.now.condition));
        digest.budgets = budgets(&all, samples.as_ref(), digest)?;
        digest.in_force.extend(seen.iter().filter_map(muted));
        digest.series = key_series(&all, samples.as_ref(), digest)?;
        Ok(())
    }

    /// Targets that no monitor is about: as the last run found them.
    async fn unmonitored(&self, digest: &mut Digest) -> Result<(), Fault> {
        if !self.journal_file.exists() {
            return Ok(());
        }
        for one in self.conditions(&HealthNow { env: None }).await? {
            if digest.health.iter().any(|health| health.name == one.target) {
                continue;
            }
            // What a run saw before this time says little of how it is now.
            let lately = one.looked.is_some_and(|at| at >= digest.since);
            let (condition, seen) = match one.ok {
                None => (Condition::Unknown, String::new()),
                Some(_) if !lately => (Condition::Unknown, one.told),
                Some(true) => (Condition::Healthy, one.told),
                Some(false) => (Condition::Failing, one.told),
            };
            digest.health.push(Health {
                name: one.target,
                now: Figure { condition, availability: None, p95_ms: None },
                was: None,
                seen,
                day: (Measure::P95, Series::new()),
            });
        }
        Ok(())
    }
}

fn figured<'a>(seen: &'a Seen, spec: &'a Spec, samples: Option<&Reader>, digest: &Digest) -> Result<One<'a>, Fault> {
    let (mut tally, mut day) = (Tally::default(), Vec::new());
    if let Some(samples) = samples {
        tally = samples.since(&seen.id, digest.since).map_err(Fault::Failed)?;
        day = samples.hours(&seen.id, digest.until - TimeDelta::hours(23)).map_err(Fault::Failed)?;
    }
    let part = seen.part();
    let condition = match (part.level, part.flapping) {
        (None, _) => Condition::Unknown,
        (_, true) => Condition::Flapping,
        (Some(Level::Failing), _) => Condition::Failing,
        (Some(Level::Degraded), _) => Condition::Degraded,
        (Some(Level::Healthy), _) => Condition::Healthy,
    };
    Ok(One { seen, spec, condition, tally, day })
}

/// By target; what is about none stands by itself.
fn grouped(all: &[One<'_>]) -> Vec<Health> {
    let mut groups: BTreeMap<&str, Vec<&One<'_>>> = BTreeMap::new();
    for one in all {
        groups.entry(one.seen.target.as_deref().unwrap_or(&one.seen.id)).or_default().push(one);
    }
    groups.into_iter().map(|(name, of)| together(name, &of)).collect()
}

fn together(name: &str, of: &[&One<'_>]) -> Health {
    let mut tally = Tally::default();
    let mut hours: BTreeMap<i64, Tally> = BTreeMap::new();
    for one in of {
        tally.merge(&one.tally);
        for (at, hour) in &one.day {
            hours.entry(*at).or_default().merge(hour);
        }
    }
    let condition = of.iter().map(|one| one.condition).min().unwrap_or(Condition::Unknown);
    let measure = if hours.values().any(|hour| hour.measured > 0) { Measure::P95 } else { Measure::Availability };
    let mut seen = Vec::new();
    for one in of.iter().filter(|one| !matches!(one.condition, Condition::Healthy)) {
        let lead = if of.len() > 1 { format!("{}: ", one.seen.id) } else { String::new() };
        let why = one.seen.unclear.as_ref().map(|why| format!("it cannot be asked: {why}"));
        let told = why.or_else(|| Some(one.seen.folded.seen.clone()).filter(|seen| !seen.is_empty()));
        seen.extend(told.map(|told| format!("{lead}{}", one_line(&told, 80))));
    }
    if of.iter().any(|one| one.seen.mute.is_some()) {
        seen.push("muted".to_owned());
    }
    Health {
        name: name.to_owned(),
        now: Figure { condition, availability: availability(&tally), p95_ms: tally.p95() },
        was: None,
        seen: seen.join("; "),
        day: (measure, drawn(hours.iter(), measure)),
    }
}

/// Percent of the samples that did not fail; none without samples. To three digits behind the point: it is stored.
#[allow(clippy::cast_precision_loss, reason = "counts of samples")]
fn availability(tally: &Tally) -> Option<f64> {
    let percent = || tally.ok as f64 / tally.count as f64 * 100.0;
    (tally.count > 0).then(|| (percent() * 1000.0).round() / 1000.0)
}

fn drawn<'t>(tallies: impl Iterator<Item = (&'t i64, &'t Tally)>, measure: Measure) -> Series {
    let mut series = Series::new();
    for (at, tally) in tallies {
        let value = match measure {
            Measure::Availability => availability(tally),
            Measure::P95 => tally.p95().map(f64::from),
        };
        if let Some((at, value)) = DateTime::from_timestamp_millis(*at).zip(value) {
            series.push(at, value);
        }
    }
    series
}

fn budgets(all: &[One<'_>], samples: Option<&Reader>, digest: &Digest) -> Result<Vec<Budget>, Fault> {
    let mut budgets = Vec::new();
    let Some(samples) = samples else { return Ok(budgets) };
    for one in all {
        let Some((slo, promised)) = one.spec.slo.and_then(|slo| Some((slo, slo.uptime?))) else { continue };
        let tally = samples.since(&one.seen.id, digest.until - slo.over.delta()).map_err(Fault::Failed)?;
        let standing = standing(&slo, &tally);
        if let Some((uptime, left)) = standing.uptime.zip(standing.budget_left) {
            let (monitor, over) = (one.seen.id.clone(), slo.over.to_string());
            budgets.push(Budget { monitor, promised, uptime, left, over });
        }
    }
    budgets.sort_by(|a, b| a.left.total_cmp(&b.left));
    Ok(budgets)
}

fn muted(seen: &Seen) -> Option<InForce> {
    let mute = seen.mute.as_ref()?;
    let (by, why) = (mute.by.clone(), mute.why.clone());
    Some(InForce::Mute { monitor: seen.id.clone(), by, why, until: mute.until })
}

/// What was measured of the few that are worst: how available they were where they failed, else how quick.
fn key_series(all: &[One<'_>], samples: Option<&Reader>, digest: &Digest) -> Result<Vec<KeySeries>, Fault> {
    let Some(samples) = samples else { return Ok(Vec::new()) };
    let up = |one: &One<'_>| availability(&one.tally).unwrap_or(100.0);
    let mut worst: Vec<&One<'_>> = all.iter().filter(|one| one.tally.count > 0).collect();
    worst.retain(|one| one.tally.measured > 0 || up(one) < 100.0);
    let slowest = |one: &One<'_>| std::cmp::Reverse(one.tally.p95());
    worst.sort_by(|a, b| up(a).total_cmp(&up(b)).then_with(|| slowest(a).cmp(&slowest(b))));
    worst.truncate(DRAWN);
    let length = digest.until - digest.since;
    let asked = worst.iter().map(|one| one.spec.every.delta().num_milliseconds()).max().unwrap_or(MINUTE);
    let unit = if length > LONG { HOUR } else { MINUTE };
    let step = (length.num_milliseconds() / VALUES).max(asked);
    let every = (step + unit - 1) / unit * unit;
    let mut series = Vec::new();
    for one in worst {
        let tallies = match unit {
            HOUR => samples.hours(&one.seen.id, digest.since),
            _ => samples.minutes(&one.seen.id, digest.since),
        };
        let mut parts: BTreeMap<i64, Tally> = BTreeMap::new();
        for (at, tally) in tallies.map_err(Fault::Failed)? {
            parts.entry(begin(at, every)).or_default().merge(&tally);
        }
        // Where a part began before the digest's time, it is drawn at its beginning.
        let first = digest.since.timestamp_millis();
        let parts: BTreeMap<i64, Tally> = parts.into_iter().map(|(at, tally)| (at.max(first), tally)).collect();
        let measure = if up(one) < 100.0 { Measure::Availability } else { Measure::P95 };
        let every_ms = every.unsigned_abs();
        series.push(KeySeries {
            monitor: one.seen.id.clone(),
            measure,
            every_ms,
            series: drawn(parts.iter(), measure),
        });
    }
    Ok(series)
}
