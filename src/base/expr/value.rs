//! Values while a condition is evaluated.
//!
//! Lives here: [`Val`], what JSON becomes without copying it, how values are described in errors.
//! Never lives here: operations on them (`eval`).

use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::node::Literal;

/// A value; lists, maps and texts of the scope are borrowed, never copied.
#[derive(Clone, Debug)]
pub(super) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
    Time(DateTime<Utc>),
    Span(TimeDelta),
}

#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

#[derive(Clone, Debug)]
pub(super) enum List<'a> {
    Json(&'a [Value]),
    Made(Rc<Vec<Val<'a>>>),
}

#[derive(Clone, Debug)]
pub(super) enum Map<'a> {
    Json(&'a serde_json::Map<String, Value>),
    Made(Rc<BTreeMap<Key, Val<'a>>>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Bool(bool),
    Int(i64),
    Text(Rc<str>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Val::from_json),
            Self::Made(items) => items.get(index).cloned(),
        }
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(map) => map.len(),
            Self::Made(map) => map.len(),
        }
    }

    pub(super) fn get(&self, key: &Val<'_>) -> Option<Val<'a>> {
        match (self, key) {
            (Self::Json(map), Val::Text(key)) => map.get(key.as_str()).map(Val::from_json),
            (Self::Made(map), key) => Key::of(key).and_then(|key| map.get(&key).cloned()),
            _ => None,
        }
    }

    /// The keys, in order: a comprehension over a map runs over them.
    pub(super) fn keys(&self) -> Vec<Val<'a>> {
        match self {
            Self::Json(map) => map.keys().map(|key| Val::Text(Text::Borrowed(key))).collect(),
            Self::Made(map) => map.keys().map(Key::to_val).collect(),
        }
    }
}

impl Key {
    /// `None` for what cannot be a key.
    pub(super) fn of(value: &Val<'_>) -> Option<Self> {
        match value {
            Val::Bool(value) => Some(Self::Bool(*value)),
            Val::Int(value) => Some(Self::Int(*value)),
            Val::Text(Text::Borrowed(text)) => Some(Self::Text(Rc::from(*text))),
            Val::Text(Text::Made(text)) => Some(Self::Text(Rc::clone(text))),
            _ => None,
        }
    }

    pub(super) fn to_val<'a>(&self) -> Val<'a> {
        match self {
            Self::Bool(value) => Val::Bool(*value),
            Self::Int(value) => Val::Int(*value),
            Self::Text(text) => Val::Text(Text::Made(Rc::clone(text))),
        }
    }
}

impl<'a> Val<'a> {
    /// JSON integers are ints, other numbers (and integers beyond 64 bits signed) doubles.
    pub(super) fn from_json(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Self::Int(value),
                (None, Some(value)) => Self::Double(value),
                (None, None) => Self::Null,
            },
            Value::String(text) => Self::Text(Text::Borrowed(text)),
            Value::Array(items) => Self::List(List::Json(items)),
            Value::Object(map) => Self::Map(Map::Json(map)),
        }
    }

    pub(super) fn literal(literal: &'a Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Int(value) => Self::Int(*value),
            Literal::Double(value) => Self::Double(*value),
            Literal::Text(text) => Self::Text(Text::Borrowed(text)),
        }
    }

    pub(super) fn made_text(text: &str) -> Self {
        Self::Text(Text::Made(Rc::from(text)))
    }

    pub(super) fn made_list(items: Vec<Self>) -> Self {
        Self::List(List::Made(Rc::new(items)))
    }

    /// Type and value, short enough for an error.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => format!("the number {value}"),
            Self::Double(value) => format!("the number {value}"),
            Self::Text(text) => format!("the text \"{}\"", excerpt(text.as_str())),
            Self::List(list) => format!("a list of {}", list.len()),
            Self::Map(map) => format!("a map of {}", map.len()),
            Self::Time(time) => format!("the timestamp {}", time.to_rfc3339()),
            Self::Span(span) => format!("the duration {}", span_text(*span)),
        }
    }
}

/// The beginning of a text. It is cut before it is made harmless: an error about a long text must stay cheap.
fn excerpt(text: &str) -> String {
    let cut = text.char_indices().nth(48).map_or(text.len(), |(offset, _)| offset);
    let shown = crate::base::text::one_line(&text[..cut], 48);
    if cut < text.len() { shown + "…" } else { shown }
}

/// A duration as CEL prints it: seconds.
pub(super) fn span_text(span: TimeDelta) -> String {
    let (whole, part) = (span.num_seconds(), span.subsec_nanos());
    if part == 0 {
        return format!("{whole}s");
    }
    let sign = if whole < 0 || part < 0 { "-" } else { "" };
    let digits = format!("{:09}", part.unsigned_abs());
    format!("{sign}{}.{}s", whole.unsigned_abs(), digits.trim_end_matches('0'))
}
