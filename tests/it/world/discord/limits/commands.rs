//! The limits of application commands.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::{Findings, characters, each};

const SUBCOMMAND: u64 = 1;
const GROUP: u64 = 2;

/// `\p{sc=Deva}` and `\p{sc=Thai}` are there for marks that are no letters.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$").expect("a pattern"));

/// Holds a whole list of commands against the limits.
pub fn check(body: &Value, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    let commands = body.as_array().map(Vec::as_slice).unwrap_or_default();
    for kind in [1, 2, 3] {
        let count = commands.iter().filter(|one| one["type"].as_u64().unwrap_or(1) == kind).count();
        // As many users' and messages' commands as there are entries in a person's menu.
        let most = if kind == 1 { 100 } else { 15 };
        if count > most {
            findings.add("/", format!("{count} commands of type {kind}; {most} are allowed"));
        }
    }
    for (at, command) in commands.iter().enumerate() {
        let place = format!("/{at}");
        let kind = command["type"].as_u64().unwrap_or(1);
        if !names.insert((kind, command["name"].as_str().unwrap_or_default())) {
            findings.add(format!("{place}/name"), "is there twice");
        }
        if kind == 1 {
            name(command, &place, findings);
            described(command, &place, findings);
            options(command, &place, 0, findings);
        } else {
            findings.length(command, &place, "name", 1, 32);
            if !command["description"].as_str().unwrap_or_default().is_empty() || command["options"][0].is_object() {
                findings.add(&place, "a command of a menu has neither description nor options");
            }
        }
        let total = total(command);
        if total > 8000 {
            findings.add(&place, format!("names, descriptions and values hold {total} characters; 8000 are allowed"));
        }
    }
}

fn name(holder: &Value, place: &str, findings: &mut Findings) {
    let name = holder["name"].as_str().unwrap_or_default();
    if !NAME.is_match(name) || name.to_lowercase() != name {
        findings.add(format!("{place}/name"), format!("{name:?} is no name: 1 to 32 small letters, digits, - and _"));
    }
}

fn described(holder: &Value, place: &str, findings: &mut Findings) {
    if !holder["description"].is_string() {
        findings.add(format!("{place}/description"), "is missing");
    }
    findings.length(holder, place, "description", 1, 100);
}

fn options(holder: &Value, place: &str, depth: usize, findings: &mut Findings) {
    findings.count(holder, place, "options", 0, 25);
    let mut names = BTreeSet::new();
    let (mut had_optional, mut kinds) = (false, BTreeSet::new());
    for (place, option) in each(holder, place, "options") {
        name(option, &place, findings);
        described(option, &place, findings);
        if !names.insert(option["name"].as_str()) {
            findings.add(format!("{place}/name"), "is there twice");
        }
        let kind = option["type"].as_u64().unwrap_or_default();
        let is_sub = kind == SUBCOMMAND || kind == GROUP;
        kinds.insert(is_sub);
        if is_sub {
            if depth > 1 || (kind == GROUP && depth > 0) {
                findings.add(&place, "a group holds subcommands, a subcommand holds options");
            }
            options(option, &place, if kind == GROUP { 1 } else { 2 }, findings);
            continue;
        }
        let is_required = option["required"] == true;
        if is_required && had_optional {
            findings.add(&place, "is required, but comes after one that is not");
        }
        had_optional |= !is_required;
        choices(option, &place, findings);
    }
    if kinds.len() > 1 {
        findings.add(place, "mixes subcommands with options");
    }
}

fn choices(option: &Value, place: &str, findings: &mut Findings) {
    findings.count(option, place, "choices", 0, 25);
    if option["autocomplete"] == true && option["choices"][0].is_object() {
        findings.add(place, "has choices and completes by itself; only one is allowed");
    }
    for (place, choice) in each(option, place, "choices") {
        findings.length(choice, &place, "name", 1, 100);
        findings.length(choice, &place, "value", 0, 100);
    }
}

fn total(holder: &Value) -> usize {
    let own = ["name", "description", "value"].iter().map(|key| characters(&holder[key])).sum::<usize>();
    let inner = ["options", "choices"].iter().flat_map(|key| holder[key].as_array().into_iter().flatten());
    own + inner.map(total).sum::<usize>()
}
