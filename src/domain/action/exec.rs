//! `exec`: a program with an argument vector, never a shell line; its output read as named tests where asked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `exit`: the exit code (absent when a signal ended it). `passed`, `failed`, `total`: numbers of tests. `failures`:
/// names of all failed tests. `unexpected`: names of failed tests that `known_failures` does not name. `fixed`: known
/// failures that passed. `not_run`: how many of those that count as passed were skipped. `tests`: a list of
/// `{name, passed, detail}`.
pub const KEPT_FACTS: &[&str] =
    &["exit", "passed", "failed", "total", "failures", "unexpected", "fixed", "not_run", "tests"];
/// `output`: what it printed (both streams in order of arrival), scrubbed and capped. `json`: the same, read, where all
/// of it is one JSON object or list.
pub const PASSING_FACTS: &[&str] = &["output", "json"];

/// What a runbook writes under `exec:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The program, by a name that `targets.yaml` grants, then its arguments. Each is passed as it is.
    pub argv: Vec<String>,
    /// Environment variables; only names that the grant lists. Nothing is inherited but PATH, HOME, LANG and TZ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How its output becomes named tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// Names of tests that are known to fail; any other failure is *unexpected*.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_failures: Vec<String>,
}

/// How output becomes named tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Results {
    /// The Test Anything Protocol, version 13 or 14.
    Tap,
    /// A regular expression per line with the groups `name` and `result` (passed when `result` is, in any case, one of
    /// `pass`, `passed`, `ok`), and optionally `detail`.
    Lines(String),
    /// JUnit XML that it prints; text before and after it is passed over.
    Junit,
    /// JUnit XML that it writes to this file. Text, because it may be a template; a relative path begins where the bot
    /// was started, as the program's own does. A file that was there before and was not written again does not count.
    JunitFile(String),
}

impl Results {
    /// The file that the tests are read from, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::JunitFile(path) => Some(path),
            Self::Tap | Self::Lines(_) | Self::Junit => None,
        }
    }
}

/// A resolved command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments; never holds a secret.
    pub argv: Vec<String>,
    /// Environment variables; values may hold secret references.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How output becomes named tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// Tests known to fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_failures: Vec<String>,
}

impl Command {
    /// `run python3 suite.py`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("run {}", self.argv.join(" "))
    }
}
