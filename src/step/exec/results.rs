//! A program's output as named tests, read line by line as it comes, so that a cut in what is kept loses none.
//!
//! Lives here: the choice of the format, the line pattern, limits. Never lives here: which failures are expected.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};

use super::junit;
use super::tap::Tap;
use crate::base::text::one_line;
use crate::client::process::Exit;
use crate::domain::action::exec::Results;

/// Tests that are read; a flood of lines that look like tests ends here.
pub(super) const MAX_TESTS: usize = 10_000;
/// The test that stands for a report that could not be read.
pub(super) const UNREAD: &str = "test report";
/// Characters of a test's name or detail.
const TEXT: usize = 300;
/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1024 * 1024;

/// One test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) passed: bool,
    pub(super) detail: String,
    /// It did not run and counts as passed; the detail says why.
    pub(super) skipped: bool,
}

impl Named {
    pub(super) fn new(name: &str, passed: bool, detail: &str) -> Self {
        Self { name: one_line(name, TEXT), passed, detail: one_line(detail, TEXT), skipped: false }
    }

    /// Suites repeat their failures at the end, and try a test again: it is one test, and it failed if it ever did.
    fn said_again(&mut self, again: Self) {
        if (self.passed && !again.passed) || (self.passed == again.passed && self.detail.is_empty()) {
            *self = again;
        }
    }
}

/// Reads one format.
pub(super) enum Parser {
    Tap(Tap),
    /// `index` finds a test by its name.
    Lines {
        pattern: Regex,
        tests: Vec<Named>,
        index: BTreeMap<String, usize>,
    },
    /// Read when the program has ended.
    Junit,
}

impl Parser {
    pub(super) fn new(results: &Results) -> Result<Self, String> {
        let pattern = match results {
            Results::Tap => return Ok(Self::Tap(Tap::default())),
            Results::Junit | Results::JunitFile(_) => return Ok(Self::Junit),
            Results::Lines(pattern) => pattern,
        };
        let pattern = RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE)
            .build()
            .map_err(|error| format!("the pattern under `results.lines` cannot be used: {error}"))?;
        match ["name", "result"].into_iter().find(|group| !pattern.capture_names().flatten().any(|name| name == *group))
        {
            Some(missing) => Err(format!("the pattern under `results.lines` lacks the group (?<{missing}>…)")),
            None => Ok(Self::Lines { pattern, tests: Vec::new(), index: BTreeMap::new() }),
        }
    }

    /// Takes the next line, without its end.
    pub(super) fn line(&mut self, line: &str) {
        match self {
            Self::Junit => {}
            Self::Tap(tap) => tap.line(line),
            Self::Lines { pattern, tests, index } => {
                let Some(found) = pattern.captures(line).filter(|_| tests.len() < MAX_TESTS) else { return };
                let group = |name: &str| found.name(name).map_or("", |group| group.as_str());
                let result = group("result").trim().to_ascii_lowercase();
                let passed = matches!(result.as_str(), "pass" | "passed" | "ok");
                let test = Named::new(group("name"), passed, group("detail"));
                match index.get(&test.name) {
                    Some(at) => tests[*at].said_again(test),
                    None => {
                        index.insert(test.name.clone(), tests.len());
                        tests.push(test);
                    }
                }
            }
        }
    }

    /// All tests, in order. A report that cannot be read is a test that failed, so that nothing looks green for lack of it.
    pub(super) fn finish(self, exit: &Exit) -> Vec<Named> {
        match self {
            Self::Tap(tap) => tap.finish(),
            Self::Lines { tests, .. } => tests,
            Self::Junit => {
                let read = match &exit.report {
                    Some(report) => report.clone().and_then(|text| junit::read(&text)),
                    None => junit::find(&exit.output).and_then(junit::read),
                };
                read.unwrap_or_else(|why| vec![Named::new(UNREAD, false, &why)])
            }
        }
    }
}

/// Gives tests of one name distinct ones, so that runs can be compared by name: `upload`, `upload (2)`.
pub(super) fn distinct(tests: &mut [Named]) {
    let mut taken: BTreeSet<String> = tests.iter().map(|test| test.name.clone()).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for test in tests {
        let count = seen.entry(test.name.clone()).or_insert(0);
        *count += 1;
        while *count > 1 {
            let name = format!("{} ({count})", test.name);
            if taken.insert(name.clone()) {
                test.name = name;
                break;
            }
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_speaks_twice_is_one_test_and_failed_if_it_ever_did() {
        let pattern = r"^Test \d+ (?<result>\w+): (?<name>[^-]+?)(?: - (?<detail>.*))?$".to_owned();
        let mut parser = Parser::new(&Results::Lines(pattern)).unwrap();
        for line in [
            "Test 1 PASSED: health",
            "Test 2 FAILED: take a spool",
            "Test 3 PASSED: history",
            "== again, in short ==",
            "Test 1 PASSED: health",
            "Test 2 FAILED: take a spool - status 500",
            "Test 3 FAILED: history",
        ] {
            parser.line(line);
        }
        let expected = [("health", true, ""), ("take a spool", false, "status 500"), ("history", false, "")];
        assert_eq!(
            parser.finish(&Exit::default()),
            expected.map(|(name, passed, detail)| Named::new(name, passed, detail))
        );
    }

    #[test]
    fn tests_of_one_name_are_told_apart() {
        let mut tests = ["a", "a (2)", "a", "b", "a"].map(|name| Named::new(name, true, ""));
        distinct(&mut tests);
        assert_eq!(tests.map(|test| test.name), ["a", "a (2)", "a (3)", "b", "a (4)"]);
    }
}
