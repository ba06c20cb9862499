//! YAML whose every value knows where it stands.
//!
//! Lives here: [`Node`] and reading it, within limits of size, depth and repetition. Never lives here: what keys mean.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Location, Spanned};

use super::Faults;

/// How deep lists and mappings may nest.
pub const MAX_DEPTH: usize = 32;
/// How much an alias may repeat, in values; more would let a page of a few lines unfold without end.
const MAX_REPEATED: usize = 2_000;
/// How many values one text may hold.
const MAX_VALUES: usize = 50_000;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Bytes of the page. For lists and mappings only their beginning.
    pub at: Range<usize>,
}

/// What a YAML value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`, and nothing else: `yes` and `on` are text.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// What it is, in words for a sentence.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The text of a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of any scalar as it was written: `05` stays `05`, `1.0` stays `1.0`.
    #[must_use]
    pub fn scalar<'a>(&'a self, source: &'a str) -> Option<&'a str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => source.get(self.at.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether somebody wrote `key: {{path}}`, which YAML takes for a mapping.
    #[must_use]
    pub fn is_unquoted_template(&self, source: &str) -> bool {
        matches!(self.value, Value::Map(_)) && source.get(self.at.start..).is_some_and(|rest| rest.starts_with("{{"))
    }

    /// As JSON, with keys as text.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().filter_map(|(key, value)| Some((key.key()?, value.to_json()))).collect())
            }
        }
    }

    /// As the key of a mapping.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Where `len` bytes from `offset` of a text stand on the page: past its opening quote, its escapes and the indentation
    /// of its lines.
    #[must_use]
    pub fn inside(&self, source: &str, offset: usize, len: usize) -> Range<usize> {
        let (Some(text), Some(raw)) = (self.text(), source.get(self.at.clone())) else { return self.at.clone() };
        let start = align(raw, text, offset);
        let end = align(raw, text, offset + len);
        match (start, end) {
            (Some(start), Some(end)) => self.at.start + start..self.at.start + end.max(start),
            _ => self.at.clone(),
        }
    }
}

/// The offset in `raw`, the text as it is written in YAML, of an offset in `text`, its value.
fn align(raw: &str, text: &str, offset: usize) -> Option<usize> {
    let quote = raw.chars().next().filter(|first| matches!(first, '"' | '\''));
    let mut written = raw.char_indices().peekable();
    if quote.is_some() {
        written.next();
    }
    for (at, wanted) in text.char_indices() {
        let &(place, found) = written.peek()?;
        if at >= offset {
            return Some(place);
        }
        match (quote, found) {
            (Some('"'), '\\') => {
                written.next();
                let (_, escaped) = written.next()?;
                let digits = match escaped {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                (0..digits).for_each(|_| {
                    written.next();
                });
            }
            (Some('\''), '\'') => {
                written.next();
                written.next();
            }
            _ if found == wanted && !wanted.is_whitespace() => {
                written.next();
            }
            // Lines are folded and indented: a space or an end of line stands for what is there.
            _ if wanted.is_whitespace() && found.is_whitespace() => {
                written.next();
                if found == '\n' || found == '\r' {
                    while written.next_if(|(_, char)| char.is_whitespace()).is_some() {}
                }
            }
            _ => return None,
        }
    }
    Some(written.peek().map_or(raw.len(), |(place, _)| *place).min(raw.len()))
}

/// A text inside a page: what its offsets are there.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// The text.
    pub text: String,
    /// `(offset in the text, offset on the page)`, in order; each holds until the next.
    pub pieces: Vec<(usize, usize)>,
}

impl Placed {
    /// A text that stands on the page in one piece.
    #[must_use]
    pub fn whole(text: &str, at: usize) -> Self {
        Self { text: text.to_owned(), pieces: vec![(0, at)] }
    }

    /// Adds a piece that stands at `at`.
    pub fn append(&mut self, text: &str, at: usize) {
        self.pieces.push((self.text.len(), at));
        self.text.push_str(text);
    }

    /// The offset on the page.
    #[must_use]
    pub fn place(&self, offset: usize) -> usize {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        self.pieces.get(index).map_or(offset, |(start, at)| at + offset.saturating_sub(*start))
    }

    fn range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.place(range.start);
        // The last byte belongs to its piece; the one behind it may not.
        let end = if range.end > range.start { self.place(range.end - 1) + 1 } else { start };
        start..end.max(start)
    }
}

/// Reads one YAML document. `None` where it cannot be read, with the fault added.
pub fn parse(placed: &Placed, faults: &mut Faults<'_>) -> Option<Node> {
    parse_large(placed, MAX_VALUES, faults)
}

/// The same of a text that may hold more values than a page.
pub fn parse_large(placed: &Placed, values: usize, faults: &mut Faults<'_>) -> Option<Node> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: values,
            max_events: values * 2,
            max_aliases: 200,
            max_anchors: 100,
            max_recorded_anchor_events: MAX_REPEATED,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPEATED,
            max_replay_stack_depth: 8,
        },
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&placed.text, options) {
        Ok(raw) => Some(placed_node(raw, placed)),
        Err(error) => {
            add_error(&error, placed, faults);
            None
        }
    }
}

fn placed_node(raw: Spanned<Raw>, placed: &Placed) -> Node {
    let at = placed.range(bytes(&raw.defined));
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Number(number) => Value::Number(number),
        Raw::Text(text) => Value::Text(text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| placed_node(item, placed)).collect()),
        Raw::Map(entries) => Value::Map(
            entries.into_iter().map(|(key, value)| (placed_node(key, placed), placed_node(value, placed))).collect(),
        ),
    };
    Node { value, at }
}

fn bytes(location: &Location) -> Range<usize> {
    let span = location.span();
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
    let start = number(span.byte_offset());
    start..start + number(span.byte_len())
}

/// The reader's error in our words.
fn add_error(error: &serde_saphyr::Error, placed: &Placed, faults: &mut Faults<'_>) {
    let offset = error.location().map_or(0, |location| {
        let line = usize::try_from(location.line()).unwrap_or(1).saturating_sub(1);
        let column = usize::try_from(location.column()).unwrap_or(1).saturating_sub(1);
        let start: usize = placed.text.split_inclusive('\n').take(line).map(str::len).sum();
        placed.text[start..].char_indices().nth(column).map_or(placed.text.len(), |(at, _)| start + at)
    });
    let whole = error.without_snippet().to_string();
    let message = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(message, _)| message);
    let message = message.split(", set DuplicateKeyPolicy").next().unwrap_or(message);
    let lower = message.to_lowercase();
    let (code, message, hint) = if lower.contains("duplicate mapping key") {
        let key = message.rsplit(": ").next().unwrap_or_default();
        ("duplicate-key", format!("the key '{key}' is given twice"), None)
    } else if lower.contains("tab") {
        ("tab", "YAML does not allow tabs here".to_owned(), Some("indent with spaces"))
    } else if lower.contains("mapping values are not allowed") {
        ("yaml", "a second `: ` on the line".to_owned(), Some("put the value in quotes"))
    } else if lower.contains("multiple yaml documents") {
        ("yaml", "there is a second YAML document here".to_owned(), Some("take the line `---` out"))
    } else if lower.contains("merge key") {
        ("yaml", "`<<` is not supported".to_owned(), Some("write the keys out"))
    } else if lower.contains("budget")
        || lower.contains("limit")
        || lower.contains("depth")
        || lower.contains("nesting")
    {
        let hint = "lists and mappings nest at most 32 deep, aliases repeat at most 2000 values";
        (
            "too-large",
            format!("the YAML is too large or too deep: {}", crate::base::text::one_line(message, 120)),
            Some(hint),
        )
    } else if lower.contains("unknown anchor") {
        let hint = "put text that begins with * or & in quotes";
        ("yaml", crate::base::text::one_line(message, 160), Some(hint))
    } else {
        ("yaml", format!("YAML: {}", crate::base::text::one_line(message, 160)), None)
    };
    let at = placed.place(offset);
    faults.push(code, at..at + 1, message, hint.map(ToOwned::to_owned));
}

enum Raw {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        serde_json::Number::from_f64(value).map(Raw::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
