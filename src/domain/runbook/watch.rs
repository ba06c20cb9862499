//! `watch`: an observation for a while.
//!
//! Lives here: reading its keys. Never lives here: judging samples.

use std::ops::Range;

use super::block::Reader;
use super::draft::{Sees, Use};
use super::model::{ForbidLogs, Level, Threshold, Watch};
use crate::base::schedule::Span;
use crate::domain::action::{ActionSpec, Kind, check};
use crate::domain::source::read::{self, Fields};
use crate::domain::source::{Node, Value};

/// How often logs are read where nothing else is said.
const LOGS_EVERY: Span = Span::seconds(60);
/// Which share of the samples must have come in where nothing else is said.
const MIN_COVERAGE: f64 = 80.0;
const KEYS: [&str; 8] = ["for", "every", "sample", "series", "expect", "forbid_logs", "min_coverage", "stop_on_breach"];

/// Reads `watch: { … }`.
pub fn read(reader: &mut Reader<'_, '_, '_, '_>, node: &Node, key: &Range<usize>) -> Option<Watch> {
    let fields = Fields::of(node, "'watch'", reader.faults)?.placed(key.clone());
    fields.only(&KEYS, reader.faults);
    let lasts = fields.require("for", reader.faults).and_then(|node| reader.duration(node, "for"));
    let every = fields.require("every", reader.faults).and_then(|node| read::span(node, "every", reader.faults));
    let sample = fields.require("sample", reader.faults).and_then(|node| sample(reader, node));
    let kind = sample.as_ref().map(|(kind, _)| *kind);
    let series = match (fields.require("series", reader.faults), kind) {
        (Some(node), Some(kind)) => reader.conditions(node, "series", &Sees::Sample(kind)),
        _ => Default::default(),
    };
    let names: Vec<String> = series.keys().cloned().collect();
    let expect = fields.get("expect").map_or_else(Vec::new, |node| {
        read::list(node).iter().filter_map(|item| threshold(reader, item, &names)).collect()
    });
    let forbid_logs = fields
        .get("forbid_logs")
        .map_or_else(Vec::new, |node| read::list(node).iter().filter_map(|item| forbidden(reader, item)).collect());
    if let (Some(every), Some(node)) = (every, fields.get("every")) {
        let lasts = lasts.as_deref().and_then(|lasts| Span::parse(lasts).ok());
        if lasts.is_some_and(|lasts| lasts < every) {
            reader.faults.add(
                "out-of-range",
                node.at.clone(),
                "'every' is longer than the watch: nothing would be sampled twice",
            );
        }
        if every < Span::seconds(1) {
            reader.faults.add("out-of-range", node.at.clone(), "a sample is taken at most every second");
        }
    }
    let min_coverage = fields
        .get("min_coverage")
        .map_or(Some(MIN_COVERAGE), |node| read::percent(node, "min_coverage", reader.faults));
    let stop_on_breach =
        fields.get("stop_on_breach").map_or(Some(true), |node| read::boolean(node, "stop_on_breach", reader.faults));
    Some(Watch {
        lasts: lasts?,
        every: every?,
        sample: sample.and_then(|(_, spec)| spec)?,
        series,
        expect,
        forbid_logs,
        min_coverage: min_coverage?,
        stop_on_breach: stop_on_breach?,
    })
}

/// The one action of a sample; it must only read.
fn sample(reader: &mut Reader<'_, '_, '_, '_>, node: &Node) -> Option<(Kind, Option<ActionSpec>)> {
    let fields = Fields::of(node, "'sample'", reader.faults)?;
    fields.only(&Kind::ALL.map(Kind::key), reader.faults);
    let kinds: Vec<_> = fields
        .entries()
        .iter()
        .filter_map(|(key, value)| {
            Some((Kind::ALL.into_iter().find(|kind| Some(kind.key()) == key.text())?, key, value))
        })
        .collect();
    let [(kind, key, value), more @ ..] = kinds.as_slice() else {
        if fields.entries().is_empty() {
            let hint = "write for example `sample: { http: { get: … } }`";
            reader.faults.add_hint("missing-key", node.at.clone(), "'sample' has no action", hint);
        }
        return None;
    };
    if let Some((_, second, _)) = more.first() {
        reader.faults.add_hint("two-kinds", second.at.clone(), "a sample is one action", "make it two watches");
    }
    let found = check::check(*kind, value, &key.at, reader.inventory, reader.faults);
    if found.changes {
        let message = format!("a sample must only read; this '{}' may change something", kind.key());
        reader.faults.add_hint(
            "changing-sample",
            key.at.clone(),
            message,
            "sample with `http: { get: … }`, `railway.logs` or `redis.clients`",
        );
    }
    take(reader, found.texts, found.targets);
    Some((*kind, found.spec))
}

fn take(reader: &mut Reader<'_, '_, '_, '_>, texts: Vec<check::Text>, targets: Vec<(String, Range<usize>)>) {
    reader.draft.uses.extend(texts.into_iter().map(Use::Text));
    reader.draft.targets.extend(targets);
}

/// `{ that: active < 15, breach_after: 3, level: warn }`, or the condition alone.
fn threshold(reader: &mut Reader<'_, '_, '_, '_>, node: &Node, names: &[String]) -> Option<Threshold> {
    let sees = Sees::Series(names.to_vec());
    if !matches!(node.value, Value::Map(_)) {
        let that = reader.condition(node, "expect", sees)?;
        return Some(Threshold { that, breach_after: 1, level: Level::Fail });
    }
    let fields = Fields::of(node, "a limit", reader.faults)?;
    fields.only(&["that", "breach_after", "level"], reader.faults);
    let that = fields.require("that", reader.faults).and_then(|node| reader.condition(node, "that", sees));
    let breach_after =
        fields.get("breach_after").map_or(Some(1), |node| read::whole(node, "breach_after", 1, 1000, reader.faults));
    let words = [("warn", Level::Warn), ("fail", Level::Fail)];
    let level = fields.get("level").map_or(Some(Level::Fail), |node| read::word(node, "level", &words, reader.faults));
    Some(Threshold { that: that?, breach_after: breach_after?, level: level? })
}

/// `{ railway: { target: backend }, text: "…", every: 1m }`.
fn forbidden(reader: &mut Reader<'_, '_, '_, '_>, node: &Node) -> Option<ForbidLogs> {
    let fields = Fields::of(node, "'forbid_logs'", reader.faults)?;
    fields.only(&["railway", "text", "every"], reader.faults);
    let every = fields.get("every").map_or(Some(LOGS_EVERY), |node| read::span(node, "every", reader.faults));
    let text_node = fields.require("text", reader.faults);
    let text = text_node.and_then(|node| reader.template(node, "text", "a text to look for"));
    if let (Some(text), Some(node)) = (&text, text_node) {
        if text.trim().is_empty() {
            reader.faults.add("wrong-type", node.at.clone(), "every line holds the empty text");
        }
    }
    let logs = fields.require("railway", reader.faults)?;
    let found = check::check(Kind::RailwayLogs, logs, &logs.at, reader.inventory, reader.faults);
    take(reader, found.texts, found.targets);
    Some(ForbidLogs { logs: found.spec?, text: text?, every: every? })
}
