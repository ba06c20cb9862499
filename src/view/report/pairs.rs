//! Before and after a repair: where the same series was watched on both sides of it.
//!
//! A series is the same where the same reading gave it under the same name. Its samples from the repair before up to this
//! one stand against those from this one up to the next; repairs with no sample between them are one change.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Serialize;

use super::Context;
use super::cite::md;
use super::drawn::{Drawn, Picture, panel, place};
use super::repairs::Repair;
use super::watches::Reading;
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::view::chart::{Pair, Panel, Shade};
use crate::view::time;

/// Changes that are drawn.
const PAIRS: usize = 12;
/// No side shows more than this; samples that lie further from the change are not compared with it.
const LONGEST: TimeDelta = TimeDelta::hours(6);
/// Both sides are as long as the longer one, but at most four times the shorter one, or this.
const SHORTEST: TimeDelta = TimeDelta::minutes(10);

/// A pair as the page shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    title: String,
    file: String,
}

/// The pairs among what is drawn.
pub(super) fn shown(drawn: &[Drawn]) -> Vec<Shown> {
    let shown = drawn.iter().filter_map(|drawn| match &drawn.picture {
        picture @ Picture::Change(_) => {
            Some(Shown { title: md(&picture.title(), 200), file: format!("{}.svg", drawn.name) })
        }
        Picture::Watch(_) => None,
    });
    shown.collect()
}

/// All pairs, each with the place of the watch behind the change.
pub(super) fn pairs(context: &Context<'_>, readings: &[Reading<'_>], repairs: &[Repair]) -> Vec<(String, Pair)> {
    let mut repairs = repairs.to_vec();
    repairs.sort_by_key(|repair| repair.at);
    let mut sources: BTreeMap<String, Vec<&Reading<'_>>> = BTreeMap::new();
    for reading in readings {
        sources.entry(reading.started.sample.describe()).or_default().push(reading);
    }
    let mut found: Vec<(Instant, String, Pair)> = Vec::new();
    for watches in sources.values() {
        let panels = merged(context, watches);
        for change in changes(&panels, &repairs) {
            let Some(pair) = pair(context, watches, &panels, &repairs, &change) else { continue };
            let behind = watches.iter().rev().find(|reading| reading.at <= pair.after.1).unwrap_or(&watches[0]);
            found.push((pair.after.0, place(behind.run, &behind.started.step), pair));
        }
    }
    found.sort_by_key(|(at, ..)| *at);
    found.into_iter().take(PAIRS).map(|(_, place, pair)| (place, pair)).collect()
}

/// The series of all watches of one source, each with everything that was measured of it.
fn merged(context: &Context<'_>, watches: &[&Reading<'_>]) -> Vec<Panel> {
    let mut panels: BTreeMap<&str, Panel> = BTreeMap::new();
    for reading in watches {
        for name in reading.points.keys() {
            let Some(more) = panel(context, reading, name) else { continue };
            let Some(known) = panels.get_mut(name) else {
                panels.insert(name, more);
                continue;
            };
            for (at, value) in more.series.samples() {
                known.series.push(*at, *value);
            }
            known.breaches.extend(more.breaches);
            let new = more.limits.into_iter().filter(|limit| !known.limits.contains(limit)).collect::<Vec<_>>();
            known.limits.extend(new);
        }
    }
    panels.into_values().collect()
}

/// Repairs with samples on both sides and none between them.
struct Change {
    /// Which ones, as they are numbered by time.
    first: usize,
    last: usize,
    /// The samples beside them end where the neighbouring changes are.
    since: Option<Instant>,
    until: Option<Instant>,
}

fn changes(panels: &[Panel], repairs: &[Repair]) -> Vec<Change> {
    let mut times: Vec<Instant> =
        panels.iter().flat_map(|panel| panel.series.samples().iter().map(|(at, _)| *at)).collect();
    times.sort_unstable();
    let done = |at: Instant| repairs.partition_point(|repair| repair.at < at);
    let mut found: Vec<Change> = Vec::new();
    for pair in times.windows(2) {
        let (before, after) = (done(pair[0]), done(pair[1]));
        if before < after {
            let since = found.last().map(|change| repairs[change.last].at);
            if let Some(neighbour) = found.last_mut() {
                neighbour.until = Some(repairs[before].at);
            }
            found.push(Change { first: before, last: after - 1, since, until: None });
        }
    }
    found
}

/// How far the samples on both sides reach away from a change.
#[derive(Default)]
struct Reach {
    before: TimeDelta,
    after: TimeDelta,
    /// Where, at the latest, every side has begun to have samples.
    nearest: TimeDelta,
}

impl Reach {
    /// How long both sides are shown: the same, so that slopes can be compared, and not so long that the shorter one is lost.
    fn length(&self) -> TimeDelta {
        let (longer, shorter) = (self.before.max(self.after), self.before.min(self.after));
        let length = longer.min((shorter * 4).max(SHORTEST));
        if length < self.nearest { longer } else { length }
    }
}

fn pair(
    context: &Context<'_>,
    watches: &[&Reading<'_>],
    panels: &[Panel],
    repairs: &[Repair],
    change: &Change,
) -> Option<Pair> {
    let (first, last) = (repairs[change.first].at, repairs[change.last].at);
    let since = change.since.unwrap_or(first - LONGEST).max(first - LONGEST);
    let until = change.until.unwrap_or(last + LONGEST).min(last + LONGEST);
    let mut kept: Vec<&Panel> = Vec::new();
    let mut reach = Reach::default();
    for panel in panels {
        let samples = panel.series.samples();
        let before: Vec<Instant> = samples.iter().map(|(at, _)| *at).filter(|at| is_in(*at, since, first)).collect();
        let after: Vec<Instant> = samples.iter().map(|(at, _)| *at).filter(|at| is_in(*at, last, until)).collect();
        if let ([earliest, .., nearest] | [earliest @ nearest], [soonest, .., latest] | [soonest @ latest]) =
            (&before[..], &after[..])
        {
            reach.before = reach.before.max(first - *earliest);
            reach.after = reach.after.max(*latest - last);
            reach.nearest = reach.nearest.max(first - *nearest).max(*soonest - last);
            kept.push(panel);
        }
    }
    let length = reach.length();
    let from = (since + TimeDelta::milliseconds(1)).max(first - length);
    let to = until.min(last + length);
    (!kept.is_empty()).then(|| Pair {
        title: one_line(&format!("{}: before and after", watches[0].started.title), 120),
        change: named(context, &repairs[change.first..=change.last]),
        before: (first - length, first),
        after: (last + TimeDelta::milliseconds(1), last + length),
        zone: context.zone,
        every_ms: watches.iter().map(|reading| reading.started.every_ms).max().unwrap_or(0),
        gaps: watches.iter().flat_map(|reading| reading.gaps.iter().copied()).collect(),
        panels: kept.into_iter().map(|panel| bounded(panel, from, to)).collect(),
    })
}

/// Whether a sample belongs between two changes. One of the very moment at which a change was sent was taken before it: a watch
/// that ends with its last sample is followed by the next step at once.
fn is_in(at: Instant, since: Instant, until: Instant) -> bool {
    since < at && at <= until
}

/// Without the samples and breaches that belong to another change.
fn bounded(panel: &Panel, from: Instant, to: Instant) -> Panel {
    let near = panel.breaches.iter().filter(|shade| shade.from <= to && shade.to >= from);
    let breaches = near.map(|shade| Shade { from: shade.from.max(from), to: shade.to.min(to), ..*shade }).collect();
    Panel { series: panel.within((from, to)), breaches, ..panel.clone() }
}

/// `Restart Redis on Railway, 08:05:30`; of several the first two.
fn named(context: &Context<'_>, repairs: &[Repair]) -> String {
    let shown: Vec<String> = repairs
        .iter()
        .take(2)
        .map(|repair| format!("{}, {}", one_line(&repair.heading, 60), time::clock(repair.at, context.zone)))
        .collect();
    let more = if repairs.len() > 2 { format!("; and {} more", repairs.len() - 2) } else { String::new() };
    format!("{}{more}", shown.join("; "))
}
