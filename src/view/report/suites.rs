//! End-to-end results: run by run, and test by test, with unexpected failures told apart from known ones.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use crate::domain::run::event::Event;
use crate::domain::timeline::Fact;
use crate::view::time;

/// Tests that are shown of one suite; what is beyond is counted.
const TESTS: usize = 500;

/// One suite, known by its command, and every time it was run.
#[derive(Serialize)]
pub(super) struct Suite {
    title: String,
    runs: Vec<Run>,
    /// The matrix: one row a test, one cell a run.
    tests: Vec<Test>,
    more: usize,
    failures: Vec<Failure>,
    #[serde(skip)]
    index: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Run {
    number: usize,
    run: String,
    step: String,
    time: String,
    passed: String,
    failed: String,
    total: String,
    unexpected: String,
    cites: String,
}

#[derive(Serialize)]
struct Test {
    name: String,
    cells: Vec<&'static str>,
}

/// A failed test with what it said.
#[derive(Serialize)]
struct Failure {
    number: usize,
    name: String,
    known: &'static str,
    detail: String,
    cites: String,
}

pub(super) fn suites(context: &Context<'_>) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    let mut commands: BTreeMap<(String, String), String> = BTreeMap::new();
    for recorded in context.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        match event {
            Event::StepStarted(started) => {
                if let Some(action) = &started.action {
                    commands.insert((id.to_string(), started.step.clone()), action.describe());
                }
            }
            Event::StepFinished(finished) => {
                let Some(Value::Array(tests)) = finished.facts.get("tests") else { continue };
                let command = commands.get(&(id.to_string(), finished.step.clone())).cloned();
                let key = command.unwrap_or_else(|| finished.title.clone());
                let at = *index.entry(key.clone()).or_insert_with(|| {
                    suites.push(Suite::new(md(&key, 200)));
                    suites.len() - 1
                });
                let (number, cites) = (suites[at].runs.len() + 1, Cites::one(recorded.pos).text());
                let count = |name| count(&finished.facts, name);
                suites[at].runs.push(Run {
                    number,
                    run: id.to_string(),
                    step: md(&finished.title, 200),
                    time: time::moment(recorded.head.occurred_at, context.zone),
                    passed: count("passed"),
                    failed: count("failed"),
                    total: count("total"),
                    unexpected: names(&finished.facts, "unexpected")
                        .map_or(NOT_RECORDED.into(), |names| names.len().to_string()),
                    cites: cites.clone(),
                });
                suites[at].read(tests, &finished.facts, number, &cites);
            }
            _ => {}
        }
    }
    for suite in &mut suites {
        let runs = suite.runs.len();
        suite.tests.iter_mut().for_each(|test| test.cells.resize(runs, "–"));
    }
    suites
}

impl Suite {
    fn new(title: String) -> Self {
        Self { title, runs: Vec::new(), tests: Vec::new(), more: 0, failures: Vec::new(), index: BTreeMap::new() }
    }

    fn read(&mut self, tests: &[Value], facts: &Map<String, Value>, number: usize, cites: &str) {
        let unexpected = names(facts, "unexpected");
        for test in tests {
            let Some(name) = test.get("name").and_then(Value::as_str) else { continue };
            let passed = test.get("passed").and_then(Value::as_bool) == Some(true);
            let known = unexpected.as_ref().is_some_and(|unexpected| !unexpected.contains(&name));
            let row = match self.index.get(name) {
                Some(row) => *row,
                None if self.tests.len() >= TESTS => {
                    self.more += 1;
                    continue;
                }
                None => {
                    self.index.insert(name.to_owned(), self.tests.len());
                    self.tests.push(Test { name: md(name, 200), cells: Vec::new() });
                    self.tests.len() - 1
                }
            };
            let cell = match (passed, known) {
                (true, _) => "passed",
                (false, true) => "failed (known)",
                (false, false) => "**FAILED**",
            };
            let cells = &mut self.tests[row].cells;
            cells.resize(number, "–");
            // A name that occurs twice in one run counts as failed where one of the two did.
            if passed && cells[number - 1] != "–" {
                continue;
            }
            cells[number - 1] = cell;
            if !passed && self.failures.len() < TESTS {
                let detail = test.get("detail").and_then(Value::as_str).filter(|detail| !detail.is_empty());
                self.failures.push(Failure {
                    number,
                    name: md(name, 200),
                    known: if known { "known" } else { "unexpected" },
                    detail: detail.map_or(NOT_RECORDED.into(), |detail| md(detail, 300)),
                    cites: cites.to_owned(),
                });
            }
        }
    }
}

fn count(facts: &Map<String, Value>, name: &str) -> String {
    facts.get(name).and_then(Value::as_i64).map_or(NOT_RECORDED.to_owned(), |count| count.to_string())
}

fn names<'a>(facts: &'a Map<String, Value>, name: &str) -> Option<Vec<&'a str>> {
    facts.get(name)?.as_array().map(|names| names.iter().filter_map(Value::as_str).collect())
}
