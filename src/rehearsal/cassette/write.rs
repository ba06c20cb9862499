//! A scenario as text.
//!
//! Lives here: lines of YAML with comments between them. Values are written as JSON, which YAML contains: nothing that came
//! from outside can become anything but a value. Never lives here: what is written.

use chrono::TimeDelta;
use serde_json::Value;

use crate::base::text::one_line;

/// A line of a section.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// `- value`
    Item(Value),
    /// `name: value`
    Entry(String, Value),
    /// `name:` with lines below it.
    Block(String, Vec<Line>),
    /// `# text`
    Comment(String),
}

/// Writes lines, indented by so many levels.
pub(super) fn lines(into: &mut String, level: usize, all: &[Line]) {
    for line in all {
        into.push_str(&"  ".repeat(level));
        match line {
            Line::Item(value) => into.push_str(&format!("- {}\n", flow(value))),
            Line::Entry(name, value) => into.push_str(&format!("{}: {}\n", key(name), flow(value))),
            Line::Block(name, below) => {
                into.push_str(&format!("{}:\n", key(name)));
                lines(into, level + 1, below);
            }
            Line::Comment(text) => into.push_str(&format!("# {}\n", one_line(text, 400))),
        }
    }
}

/// What people look for first stands first.
const ORDER: &[&str] = &[
    "who", "event", "step", "nth", "does", "to", "argv", "on", "after", "when", "with", "set", "status", "exit",
    "takes",
];

fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()));
            let pairs: Vec<String> =
                pairs.into_iter().map(|(name, value)| format!("{}: {}", key(name), flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => word(text).unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

fn key(name: &str) -> String {
    word(name).unwrap_or_else(|| Value::from(name).to_string())
}

/// What reads the same with and without quotes.
fn word(text: &str) -> Option<String> {
    let first = text.bytes().next()?;
    let plain = first.is_ascii_alphabetic()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'.'));
    let taken =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    // `on` is a key of scenarios; their reader knows only true and false as truths.
    (plain && (!taken || text == "on")).then(|| text.to_owned())
}

/// `41s`, `1m30s`, `0s`.
pub(super) fn span(time: TimeDelta) -> String {
    let millis = time.num_milliseconds().max(0).unsigned_abs();
    crate::base::schedule::Span::parse(&format!("{millis}ms")).unwrap_or_default().to_string()
}
