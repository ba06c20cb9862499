//! A program's output as named tests, read line by line as it comes, so that a cut in what is kept loses none.
//!
//! Lives here: the choice of the format, the line pattern, limits. Never lives here: which failures are expected.

use regex::{Regex, RegexBuilder};

use super::tap::Tap;
use crate::base::text::one_line;
use crate::domain::action::exec::Results;

/// Tests that are read; a flood of lines that look like tests ends here.
pub(super) const MAX_TESTS: usize = 10_000;
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
}

impl Named {
    pub(super) fn new(name: &str, passed: bool, detail: &str) -> Self {
        Self { name: one_line(name, TEXT), passed, detail: one_line(detail, TEXT) }
    }
}

/// Reads one format.
pub(super) enum Parser {
    Tap(Tap),
    Lines { pattern: Regex, tests: Vec<Named> },
}

impl Parser {
    pub(super) fn new(results: &Results) -> Result<Self, String> {
        let Results::Lines(pattern) = results else { return Ok(Self::Tap(Tap::default())) };
        let pattern = RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE)
            .build()
            .map_err(|error| format!("the pattern under `results.lines` cannot be used: {error}"))?;
        match ["name", "result"].into_iter().find(|group| !pattern.capture_names().flatten().any(|name| name == *group))
        {
            Some(missing) => Err(format!("the pattern under `results.lines` lacks the group (?<{missing}>…)")),
            None => Ok(Self::Lines { pattern, tests: Vec::new() }),
        }
    }

    /// Takes the next line, without its end.
    pub(super) fn line(&mut self, line: &str) {
        match self {
            Self::Tap(tap) => tap.line(line),
            Self::Lines { pattern, tests } => {
                let Some(found) = pattern.captures(line).filter(|_| tests.len() < MAX_TESTS) else { return };
                let group = |name: &str| found.name(name).map_or("", |group| group.as_str());
                let result = group("result").trim().to_ascii_lowercase();
                let passed = matches!(result.as_str(), "pass" | "passed" | "ok");
                tests.push(Named::new(group("name"), passed, group("detail")));
            }
        }
    }

    /// All tests, in order.
    pub(super) fn finish(self) -> Vec<Named> {
        match self {
            Self::Tap(tap) => tap.finish(),
            Self::Lines { tests, .. } => tests,
        }
    }
}
