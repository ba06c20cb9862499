//! Taking typed values out of YAML, all faults at once.
//!
//! Lives here: [`Fields`] (the keys of a mapping: known, unknown, missing), readers of single values. A reader that finds
//! the wrong thing adds a fault and gives `None`, so that the next one can go on.
//! Never lives here: which keys there are.

use std::ops::Range;

use super::{Faults, Node, Value};
use crate::base::schedule::Span;
use crate::base::text::{nearest, one_line};

/// The keys of a mapping.
pub struct Fields<'a> {
    entries: &'a [(Node, Node)],
    /// What the mapping is, for messages: `http`.
    what: String,
    /// Where the mapping begins.
    pub at: Range<usize>,
}

impl<'a> Fields<'a> {
    /// The mapping in `node`; another value is a fault.
    pub fn of(node: &'a Node, what: impl Into<String>, faults: &mut Faults<'_>) -> Option<Self> {
        let what = what.into();
        match &node.value {
            Value::Map(entries) if !node.is_unquoted_template(faults.source()) => {
                Some(Self { entries, what, at: node.at.clone() })
            }
            _ => {
                wrong_type(node, &format!("{what} takes a mapping"), faults);
                None
            }
        }
    }

    /// The same with another place to point at where a key is missing.
    #[must_use]
    pub fn placed(mut self, at: Range<usize>) -> Self {
        self.at = at;
        self
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// A key and its value.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&'a (Node, Node)> {
        self.entries.iter().find(|(found, _)| found.text() == Some(key))
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &'a [(Node, Node)] {
        self.entries
    }

    /// The value of a key that must be there.
    pub fn require(&self, key: &str, faults: &mut Faults<'_>) -> Option<&'a Node> {
        let found = self.get(key);
        if found.is_none() {
            faults.add_hint(
                "missing-key",
                self.at.clone(),
                format!("{} has no '{key}'", self.what),
                format!("add `{key}:`"),
            );
        }
        found
    }

    /// Every key that is not among these is a fault.
    pub fn only(&self, known: &[&str], faults: &mut Faults<'_>) {
        for (key, _) in self.entries {
            let Some(name) = key.key() else {
                faults.add("unknown-key", key.at.clone(), format!("a key of {} must be text", self.what));
                continue;
            };
            if !known.contains(&name.as_str()) {
                let message = format!("{} does not know the key '{}'", self.what, one_line(&name, 40));
                faults.add_hint("unknown-key", key.at.clone(), message, did_you_mean(&name, known.iter().copied()));
            }
        }
    }
}

/// `did you mean 'x'?`, or the list of what there is.
#[must_use]
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!("did you mean '{near}'?");
    }
    if known.is_empty() {
        return "there are none here".to_owned();
    }
    let shown = known.iter().take(14).copied().collect::<Vec<_>>().join(", ");
    let rest = known.len().saturating_sub(14);
    if rest > 0 { format!("there are: {shown} and {rest} more") } else { format!("there are: {shown}") }
}

/// Adds that a value is of the wrong type. `expected` is the first half of the sentence: `timeout takes a duration`.
pub fn wrong_type(node: &Node, expected: &str, faults: &mut Faults<'_>) {
    let mut at = node.at.clone();
    at.end = at.end.max(at.start + 1);
    if node.is_unquoted_template(faults.source()) {
        faults.add_hint("wrong-type", at, "text that begins with `{{` needs quotes", "write \"{{…}}\"");
    } else {
        faults.add("wrong-type", at, format!("{expected}, not {}", node.describe()));
    }
}

/// Text; numbers and truth values count as written.
pub fn text<'a>(node: &'a Node, what: &str, faults: &mut Faults<'a>) -> Option<&'a str> {
    let source = faults.source();
    let found = node.scalar(source);
    if found.is_none() {
        wrong_type(node, &format!("{what} takes text"), faults);
    }
    found
}

/// Text as an owned value, for faults that borrow another text.
pub fn string(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<String> {
    let found = node.scalar(faults.source()).map(ToOwned::to_owned);
    if found.is_none() {
        wrong_type(node, &format!("{what} takes text"), faults);
    }
    found
}

/// `true` or `false`.
pub fn boolean(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<bool> {
    if let Value::Bool(value) = node.value {
        return Some(value);
    }
    wrong_type(node, &format!("{what} takes true or false"), faults);
    None
}

/// A whole number within limits.
pub fn whole(node: &Node, what: &str, least: u32, most: u32, faults: &mut Faults<'_>) -> Option<u32> {
    let Value::Number(number) = &node.value else {
        wrong_type(node, &format!("{what} takes a whole number"), faults);
        return None;
    };
    let value =
        number.as_u64().and_then(|value| u32::try_from(value).ok()).filter(|value| (least..=most).contains(value));
    if value.is_none() {
        faults.add("out-of-range", node.at.clone(), format!("{what} goes from {least} to {most}"));
    }
    value
}

/// A number within limits.
pub fn number(node: &Node, what: &str, least: f64, most: f64, faults: &mut Faults<'_>) -> Option<f64> {
    let Value::Number(number) = &node.value else {
        wrong_type(node, &format!("{what} takes a number"), faults);
        return None;
    };
    let value = number.as_f64().filter(|value| (least..=most).contains(value));
    if value.is_none() {
        faults.add("out-of-range", node.at.clone(), format!("{what} goes from {least} to {most}"));
    }
    value
}

/// A percentage: `95%` or `95`.
pub fn percent(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<f64> {
    let written = string(node, what, faults)?;
    let value = written
        .trim()
        .trim_end_matches('%')
        .trim_end()
        .parse::<f64>()
        .ok()
        .filter(|value| (0.0..=100.0).contains(value));
    if value.is_none() {
        let message = format!("'{}' is not a percentage", one_line(&written, 40));
        faults.add_hint("bad-percent", node.at.clone(), message, "write it like 95%");
    }
    value
}

/// A duration longer than 0.
pub fn span(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<Span> {
    let written = string(node, what, faults)?;
    match Span::parse_positive(&written) {
        Ok(span) => Some(span),
        Err(fault) => {
            faults.push("bad-duration", node.at.clone(), format!("{what}: {}", fault.message), fault.hint);
            None
        }
    }
}

/// One of several words.
pub fn word<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], faults: &mut Faults<'_>) -> Option<T> {
    let written = string(node, what, faults)?;
    let found = words.iter().find(|(word, _)| *word == written).map(|(_, value)| *value);
    if found.is_none() {
        let message = format!("{what} cannot be '{}'", one_line(&written, 40));
        faults.add_hint(
            "unknown-word",
            node.at.clone(),
            message,
            did_you_mean(&written, words.iter().map(|(word, _)| *word)),
        );
    }
    found
}

/// A list of text; a single text counts as a list of one.
pub fn texts(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<Vec<String>> {
    list(node).iter().map(|item| string(item, what, faults)).collect()
}

/// The items of a list; anything else counts as a list of one.
#[must_use]
pub fn list(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}
