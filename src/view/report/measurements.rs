//! What was measured before the first repair and after the last one.
//!
//! A value is the same value when the same reading gave it under the same name, whichever step took it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use super::repairs::Repair;
use crate::base::event::RunId;
use crate::domain::action::Action;
use crate::domain::run::event::Event;
use crate::domain::timeline::Fact;
use crate::view::{sentence, time};

/// Rows that are shown.
const ROWS: usize = 60;

/// See the module.
#[derive(Serialize)]
pub(super) struct Measurements {
    /// Which changes lie between before and after; absent where there was none.
    between: Option<String>,
    rows: Vec<Row>,
    more: usize,
}

#[derive(Serialize)]
struct Row {
    source: String,
    name: String,
    before: String,
    after: String,
    cites: String,
}

/// One value that was read.
#[derive(Clone)]
struct Reading {
    value: String,
    pos: u64,
    at: String,
}

#[derive(Default)]
struct Pair {
    before: Option<Reading>,
    after: Option<Reading>,
}

pub(super) fn measurements(context: &Context<'_>, repairs: &[Repair]) -> Measurements {
    let (first, last) = (repairs.first().map(|repair| repair.pos), repairs.last().map(|repair| repair.pos));
    let mut order: Vec<(String, String)> = Vec::new();
    let mut pairs: BTreeMap<(String, String), Pair> = BTreeMap::new();
    let mut actions: BTreeMap<(RunId, String), Action> = BTreeMap::new();
    let mut watched: BTreeSet<(RunId, String)> = BTreeSet::new();
    for recorded in context.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        let at = time::clock(recorded.head.occurred_at, context.zone);
        for (source, name, value) in values(id, event, &mut actions, &mut watched) {
            let key = (source, name);
            let pair = pairs.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                Pair::default()
            });
            let reading = Reading { value, pos: recorded.pos, at: at.clone() };
            // Before a repair the first value counts (the harm), after it the last (what came of it).
            if first.is_none_or(|first| recorded.pos < first) {
                pair.before.get_or_insert(reading);
            } else if last.is_some_and(|last| recorded.pos > last) {
                pair.after = Some(reading);
            }
        }
    }
    let rows: Vec<Row> = order
        .iter()
        .filter_map(|key| {
            let pair = &pairs[key];
            let mut cites = Cites::default();
            [&pair.before, &pair.after].into_iter().flatten().for_each(|reading| cites.add(reading.pos));
            let shown = |reading: &Option<Reading>| match reading {
                Some(reading) => format!("{} ({})", reading.value, reading.at),
                None => NOT_RECORDED.to_owned(),
            };
            (pair.before.is_some() || pair.after.is_some()).then(|| Row {
                source: md(&key.0, 120),
                name: md(&key.1, 60),
                before: shown(&pair.before),
                after: shown(&pair.after),
                cites: cites.text(),
            })
        })
        .collect();
    let between = (!repairs.is_empty()).then(|| {
        let named: Vec<String> = repairs
            .iter()
            .take(10)
            .map(|repair| format!("{} {}", md(&repair.heading, 100), Cites::one(repair.pos).text()))
            .collect();
        named.join(", ")
    });
    let more = rows.len().saturating_sub(ROWS);
    Measurements { between, rows: rows.into_iter().take(ROWS).collect(), more }
}

/// What an event measured: source, name, value.
fn values(
    id: &RunId,
    event: &Event,
    actions: &mut BTreeMap<(RunId, String), Action>,
    watched: &mut BTreeSet<(RunId, String)>,
) -> Vec<(String, String, String)> {
    let key = |step: &str| (id.clone(), step.to_owned());
    match event {
        Event::StepStarted(started) => {
            watched.remove(&key(&started.step));
            if let Some(action) = &started.action {
                actions.insert(key(&started.step), action.clone());
            }
            Vec::new()
        }
        Event::WatchStarted(started) => {
            watched.insert(key(&started.step));
            actions.insert(key(&started.step), started.sample.clone());
            Vec::new()
        }
        Event::WatchTallied(tallied) => {
            let Some(action) = actions.get(&key(&tallied.step)) else { return Vec::new() };
            let last = tallied.points.iter().filter_map(|(name, points)| Some((name, points.last()?)));
            last.map(|(name, point)| (action.describe(), name.clone(), sentence::number(point.value))).collect()
        }
        Event::StepFinished(finished) => {
            if watched.contains(&key(&finished.step)) {
                return Vec::new();
            }
            let Some(action) = actions.get(&key(&finished.step)) else { return Vec::new() };
            let wanted = |name: &str| match action {
                Action::Exec(_) => matches!(name, "passed" | "failed"),
                // What a change answers is about the change.
                action => !action.changes() && name != "took_ms",
            };
            let facts = finished.facts.iter().filter(|(name, _)| wanted(name));
            facts.filter_map(|(name, value)| Some((action.describe(), name.clone(), scalar(value)?))).collect()
        }
        _ => Vec::new(),
    }
}

/// Numbers, yes and no, and short words; nothing else can be compared in a table.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(sentence::number(number.as_f64()?)),
        Value::Bool(flag) => Some(if *flag { "yes" } else { "no" }.to_owned()),
        Value::String(text) if !text.is_empty() && text.chars().count() <= 80 => Some(md(text, 80)),
        _ => None,
    }
}
