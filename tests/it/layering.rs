//! The floors of the house, held against the source: who may import whom (`docs/architecture.md` draws the same table).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Floor → floors it may import. `domain::x` is finer than `domain` and rules where both are named.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("journal", &["base"]),
    ("client", &["base", "domain::action"]),
    ("domain::source", &["base"]),
    ("domain::action", &["base", "domain::source"]),
    ("domain::monitor", &["base", "domain::action", "domain::source"]),
    ("domain::people", &["base", "domain::source"]),
    ("domain::oncall", &["base", "domain::source"]),
    ("domain::target", &["base", "domain::action"]),
    ("domain::runbook", &["base", "domain::action", "domain::source"]),
    ("domain::run", &["base", "domain::action", "domain::runbook", "domain::target"]),
    ("domain::incident", &["base"]),
    ("domain::alert", &["base", "domain::incident"]),
    ("domain::page", &["base", "domain::incident", "domain::run"]),
    (
        "domain::timeline",
        &[
            "base",
            "domain::alert",
            "domain::digest",
            "domain::erasure",
            "domain::incident",
            "domain::monitor",
            "domain::oncall",
            "domain::page",
            "domain::run",
            "domain::session",
            "domain::target",
        ],
    ),
    ("domain::digest", &["base"]),
    ("domain::erasure", &["base"]),
    ("domain::session", &["base"]),
    ("domain::gate", &["base", "domain::incident", "domain::run", "domain::timeline"]),
    ("step", &["base", "client", "domain::action"]),
    ("view", &["base", "domain"]),
    ("samples", &["base", "domain::monitor"]),
    ("engine", &["base", "client", "domain", "journal", "samples", "step", "view"]),
    ("config", &["base", "client", "domain", "engine", "journal", "step", "view"]),
    ("bot", &["base", "client", "config", "domain", "engine", "journal", "rehearsal", "samples", "step", "view"]),
    ("chat", &["base", "bot", "domain", "view"]),
    ("web", &["base", "bot", "domain", "view"]),
    ("doctor", &["base", "bot", "chat", "client", "config", "domain", "journal", "view"]),
    ("rehearsal", &["base", "client", "domain", "engine", "journal", "step", "view"]),
];

/// Names that only some floors may speak of at all: an absence is the shortest way to keep a promise.
const ABSENCES: &[(&str, &[&str])] = &[
    ("tokio::", &["client", "chat", "web", "main", "rehearse", "base/clock", "rehearsal/live"]),
    ("hyper::", &["chat/discord/endpoint", "client/http", "rehearsal/live", "web/listen"]),
    ("reqwest::", &["client"]),
    ("rusqlite::", &["journal", "samples"]),
    ("metrics_exporter_prometheus::", &["bot/metrics"]),
    ("resvg::", &["view/chart/png"]),
    ("std::fs", &["journal", "config", "bot", "chat", "main", "client/process", "rehearsal", "samples"]),
    ("std::env", &["config", "main", "chat", "client/process"]),
    ("std::process::Command", &[]),
    // What is not escaped: Markdown that is made safe there, and parts of a page that are put together.
    ("PreEscaped", &["web/pages/incident/mod", "web/pages/paper", "web/pages/prose"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Production source by its path under `src/`, comments and test modules left out.
fn production() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut files = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        if name.split('/').any(|part| part == "tests" || part == "tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code: String =
            code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        files.insert(name, code);
    }
    files
}

/// `domain/run/state.rs` → `domain::run`; `engine/drive.rs` → `engine`.
fn floor(file: &str) -> String {
    let parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    match parts.as_slice() {
        ["domain", second, ..] => format!("domain::{second}"),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

/// The floors that a text names by `crate::…`, braces included.
fn imports(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let path = &code[at + "crate::".len()..];
        let first: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let rest = path[first.len()..].strip_prefix("::").unwrap_or_default();
        if first != "domain" {
            named.insert(first);
        } else if let Some(list) = rest.strip_prefix('{') {
            let list = list.split(';').next().unwrap_or_default();
            for part in list.split([',', '{', '}']).map(str::trim) {
                let second: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                named.insert(format!("domain::{second}"));
            }
        } else {
            let second: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            named.insert(format!("domain::{second}"));
        }
    }
    named
}

#[test]
fn every_floor_imports_only_what_stands_below_it() {
    let rules: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let floors: BTreeSet<&str> = rules.keys().copied().collect();
    let mut offences = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, code) in production() {
        let own = floor(&file);
        let Some((own, allowed)) = rules.get_key_value(own.as_str()) else { continue };
        seen.insert(*own);
        for import in imports(&code) {
            let known = floors.contains(import.as_str()) || import == "domain";
            let fine = import == *own
                || allowed.contains(&import.as_str())
                || (import.starts_with("domain::") && allowed.contains(&"domain"))
                || (import.starts_with("domain::") && own == &"domain");
            if known && !fine {
                offences.push(format!("src/{file} ({own}) imports {import}"));
            }
        }
    }
    assert!(offences.is_empty(), "these imports go up the house:\n{}", offences.join("\n"));
    let unseen: Vec<_> = floors.difference(&seen).collect();
    assert!(unseen.is_empty(), "the table names floors that no file stands on: {unseen:?}");
}

#[test]
fn what_must_be_absent_is_absent() {
    let mut offences = Vec::new();
    for (file, code) in production() {
        for (name, floors) in ABSENCES {
            let fine = floors.iter().any(|floor| file.starts_with(floor));
            if code.contains(name) && !fine {
                offences.push(format!("src/{file} speaks of {name}"));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn the_checker_itself_sees_an_upward_import() {
    let named = imports("use crate::engine::Engine;\nuse crate::domain::{run, target::State};\ncrate::view::x()");
    let expected: BTreeSet<String> =
        ["engine", "domain::", "domain::run", "domain::target", "view"].map(String::from).into();
    assert_eq!(named, expected.into_iter().collect());
    assert_eq!(floor("domain/run/decide/act.rs"), "domain::run");
}
