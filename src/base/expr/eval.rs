//! Evaluates a condition, counting.
//!
//! Lives here: the rules of CEL for names, operators, absorption and comprehensions, and the meter that ends an
//! evaluation before it takes too long or too much memory. The CEL library's own evaluator cannot be bounded or
//! interrupted, so only its parser is used; a property test holds this one against it.
//! Never lives here: functions' bodies (`call`), operators (`operators`), reading of sources.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Number, Value};

use super::node::{Comprehension, Gather, Kind, Node};
use super::value::{Key, List, Map, Text, Val};
use super::{EvalError, Scope};

/// Steps an evaluation may take. One is about an operation, an entry looked at, or [`BYTES_PER_STEP`] bytes of text.
pub(super) const MAX_STEPS: usize = 250_000;
/// Bytes an evaluation may allocate, all in all; what it drops on the way is not given back.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most entries of a list or map that a comprehension, `in`, `==`, `join` or `+` looks at.
pub(super) const MAX_ENTRIES: usize = 10_000;
/// Longest text that is searched, compared or copied, in bytes.
pub(super) const MAX_TEXT: usize = 1024 * 1024;

const BYTES_PER_STEP: usize = 64;
/// An error that `&&`, `||`, `all` or `exists` may still absorb: its text is written first.
const STEPS_PER_ERROR: usize = 40;
/// What a list entry takes; generous, so that the sum of the meter is more than what is really allocated.
pub(super) const ENTRY: usize = 48;
/// What a map entry takes besides its key's and its value's own contents.
const MAP_ENTRY: usize = 160;
/// How deep values may nest where they are compared or returned.
pub(super) const MAX_VALUE_DEPTH: usize = 128;

pub(super) type Evaluated<'a> = Result<Val<'a>, EvalError>;

pub(super) struct Evaluator<'a> {
    pub(super) source: &'a str,
    scope: &'a Scope,
    /// The variable of the comprehension that is running: they do not nest.
    local: Option<(&'a str, Val<'a>)>,
    pub(super) steps: usize,
    pub(super) bytes: usize,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(source: &'a str, scope: &'a Scope) -> Self {
        Self { source, scope, local: None, steps: 0, bytes: 0 }
    }

    /// Counts effort; an error once there was too much.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), EvalError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS {
            let message = format!("the expression takes too long: more than {MAX_STEPS} operations on these values");
            return Err(EvalError::TooMuch(message));
        }
        Ok(())
    }

    /// Counts memory before it is allocated.
    pub(super) fn allocate(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            let message = format!("the expression takes too much memory: more than {} MiB", MAX_BYTES >> 20);
            return Err(EvalError::TooMuch(message));
        }
        self.spend(bytes / BYTES_PER_STEP)
    }

    /// Counts looking at a text.
    pub(super) fn read_text(&mut self, node: &Node, text: &str) -> Result<(), EvalError> {
        if text.len() > MAX_TEXT {
            let name = self.snippet(node);
            let message = format!("`{name}` is {} bytes long; at most {MAX_TEXT} can be looked at", text.len());
            return Err(EvalError::TooMuch(message));
        }
        self.spend(text.len() / BYTES_PER_STEP)
    }

    pub(super) fn check_entries(&self, node: &Node, entries: usize) -> Result<(), EvalError> {
        if entries > MAX_ENTRIES {
            let name = self.snippet(node);
            let message = format!("`{name}` holds {entries} entries; at most {MAX_ENTRIES} can be looked at");
            return Err(EvalError::TooMuch(message));
        }
        Ok(())
    }

    pub(super) fn made_text(&mut self, text: &str) -> Evaluated<'a> {
        self.allocate(text.len() + ENTRY)?;
        Ok(Val::made_text(text))
    }

    pub(super) fn made_list(&mut self, items: Vec<Val<'a>>) -> Evaluated<'a> {
        self.allocate((items.len() + 1) * ENTRY)?;
        Ok(Val::made_list(items))
    }

    /// The part of the source a node stands for, short enough for an error.
    pub(super) fn snippet(&self, node: &Node) -> String {
        crate::base::text::one_line(self.source.get(node.span.clone()).unwrap_or(self.source), 80)
    }

    pub(super) fn wrong<T>(&self, node: &Node, what: &str) -> Result<T, EvalError> {
        Err(EvalError::Wrong(format!("`{}`: {what}", self.snippet(node))))
    }

    pub(super) fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.spend(1)?;
        match &node.kind {
            Kind::Literal(literal) => Ok(Val::literal(literal)),
            Kind::Name(name) => self.name(name),
            Kind::Select { operand, field, test } => self.select(node, operand, field, *test),
            Kind::Index(operand, index) => self.index(node, operand, index),
            Kind::List(elements) => {
                let items = elements.iter().map(|element| self.value(element)).collect::<Result<Vec<_>, _>>()?;
                self.made_list(items)
            }
            Kind::Map(entries) => self.map(entries),
            Kind::And(left, right) => self.absorbing(left, right, false),
            Kind::Or(left, right) => self.absorbing(left, right, true),
            Kind::Not(operand) => {
                let value = self.bool(operand)?;
                Ok(Val::Bool(!value))
            }
            Kind::Negate(operand) => match self.value(operand)? {
                Val::Int(value) => match value.checked_neg() {
                    Some(value) => Ok(Val::Int(value)),
                    None => self.wrong(node, "the result is too large"),
                },
                Val::Double(value) => Ok(Val::Double(-value)),
                other => self.wrong(node, &format!("cannot negate {}", other.describe())),
            },
            Kind::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if self.bool(condition)? { self.value(yes) } else { self.value(no) }
            }
            Kind::Binary(operator, left, right) => self.binary(node, *operator, left, right),
            Kind::Call(function, arguments) => self.call(node, *function, arguments),
            Kind::Matches(operand, pattern) => self.matches(operand, pattern),
            Kind::Runs(step) => Ok(Val::Int(i64::try_from(self.scope.runs(step)).unwrap_or(i64::MAX))),
            Kind::Each(each) => self.each(each),
        }
    }

    fn name(&self, name: &'a str) -> Evaluated<'a> {
        match &self.local {
            Some((local, value)) if *local == name => Ok(value.clone()),
            _ => match self.scope.get(name) {
                Some(value) => Ok(Val::from_json(value)),
                None => Err(EvalError::Missing { path: name.to_owned() }),
            },
        }
    }

    fn select(&mut self, node: &'a Node, operand: &'a Node, field: &'a str, test: bool) -> Evaluated<'a> {
        let of = self.value(operand)?;
        let Val::Map(map) = &of else {
            let what = format!("{} has no `{field}`", of.describe());
            return self.wrong(operand, &what);
        };
        let found = map.get(&Val::Text(Text::Borrowed(field)));
        match (found, test) {
            (found, true) => Ok(Val::Bool(found.is_some())),
            (Some(value), false) => Ok(value),
            (None, false) => Err(EvalError::Missing { path: self.snippet(node) }),
        }
    }

    fn index(&mut self, node: &'a Node, operand: &'a Node, index: &'a Node) -> Evaluated<'a> {
        let (of, at) = (self.value(operand)?, self.value(index)?);
        let found = match (&of, &at) {
            (Val::Map(map), key) => {
                if let Val::Text(text) = key {
                    self.read_text(index, text.as_str())?;
                }
                map.get(key)
            }
            (Val::List(list), Val::Int(at)) => usize::try_from(*at).ok().and_then(|at| list.get(at)),
            (Val::List(list), Val::Double(at)) if at.fract() == 0.0 && *at >= 0.0 => list.get(*at as usize),
            _ => {
                let what = format!("{} cannot be asked for {}", of.describe(), at.describe());
                return self.wrong(node, &what);
            }
        };
        found.ok_or_else(|| EvalError::Missing { path: self.snippet(node) })
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Evaluated<'a> {
        let mut map = BTreeMap::new();
        for (key_node, value) in entries {
            let key = self.value(key_node)?;
            if let Val::Text(text) = &key {
                self.read_text(key_node, text.as_str())?;
                self.allocate(text.as_str().len())?;
            }
            self.allocate(MAP_ENTRY)?;
            let Some(key) = Key::of(&key) else {
                return self.wrong(key_node, &format!("{} cannot be a key", key.describe()));
            };
            let value = self.value(value)?;
            if map.insert(key, value).is_some() {
                return self.wrong(key_node, "this key stands there twice");
            }
        }
        Ok(Val::Map(Map::Made(Rc::new(map))))
    }

    /// `&&` and `||`: the side that decides (`decides`) wins even where the other one is an error, as CEL says; only
    /// running out of budget is never absorbed.
    fn absorbing(&mut self, left: &'a Node, right: &'a Node, decides: bool) -> Evaluated<'a> {
        let first = match self.bool(left) {
            Err(error @ EvalError::TooMuch(_)) => return Err(error),
            Ok(value) if value == decides => return Ok(Val::Bool(decides)),
            first => first,
        };
        let second = self.bool(right);
        self.spend(STEPS_PER_ERROR * (usize::from(first.is_err()) + usize::from(second.is_err())))?;
        match (first, second) {
            (_, Err(error @ EvalError::TooMuch(_))) => Err(error),
            (_, Ok(value)) if value == decides => Ok(Val::Bool(decides)),
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(_), Ok(_)) => Ok(Val::Bool(!decides)),
        }
    }

    fn bool(&mut self, node: &'a Node) -> Result<bool, EvalError> {
        match self.value(node)? {
            Val::Bool(value) => Ok(value),
            other => self.wrong(node, &format!("must be true or false, is {}", other.describe())),
        }
    }

    fn each(&mut self, each: &'a Comprehension) -> Evaluated<'a> {
        let range = match self.value(&each.range)? {
            Val::List(list) => list,
            Val::Map(map) => {
                self.check_entries(&each.range, map.len())?;
                self.allocate((map.len() + 1) * ENTRY)?;
                List::Made(Rc::new(map.keys()))
            }
            other => {
                let what = format!("{} has no entries to go through", other.describe());
                return self.wrong(&each.range, &what);
            }
        };
        self.check_entries(&each.range, range.len())?;
        let result = self.gather(each, &range);
        self.local = None;
        result
    }

    fn gather(&mut self, each: &'a Comprehension, range: &List<'a>) -> Evaluated<'a> {
        let mut error = None;
        let mut count = 0;
        let mut items = Vec::new();
        for item in (0..range.len()).map_while(|index| range.get(index)) {
            self.local = Some((&each.name, item));
            match each.gather {
                Gather::All | Gather::Exists => match self.bool(&each.body) {
                    Err(error @ EvalError::TooMuch(_)) => return Err(error),
                    Err(first) => {
                        self.spend(STEPS_PER_ERROR)?;
                        error = error.or(Some(first));
                    }
                    Ok(value) if value == (each.gather == Gather::Exists) => return Ok(Val::Bool(value)),
                    Ok(_) => {}
                },
                Gather::ExistsOne => count += usize::from(self.bool(&each.body)?),
                Gather::List => {
                    let wanted = each.only.as_ref().map_or(Ok(true), |only| self.bool(only))?;
                    if wanted {
                        // Twice the entry: a growing vector holds the old half while it copies.
                        self.allocate(2 * ENTRY)?;
                        items.push(self.value(&each.body)?);
                    }
                }
            }
        }
        match (each.gather, error) {
            (Gather::All | Gather::Exists, Some(error)) => Err(error),
            (Gather::All, None) => Ok(Val::Bool(true)),
            (Gather::Exists, None) => Ok(Val::Bool(false)),
            (Gather::ExistsOne, _) => Ok(Val::Bool(count == 1)),
            (Gather::List, _) => Ok(Val::made_list(items)),
        }
    }

    /// The result as JSON; counted like everything else.
    pub(super) fn json(&mut self, value: &Val<'_>, depth: usize) -> Result<Value, EvalError> {
        if depth > MAX_VALUE_DEPTH {
            return Err(EvalError::TooMuch("the result is nested too deep".to_owned()));
        }
        self.spend(1)?;
        self.allocate(ENTRY)?;
        Ok(match value {
            Val::Null => Value::Null,
            Val::Bool(value) => Value::Bool(*value),
            Val::Int(value) => Value::from(*value),
            Val::Double(value) => match Number::from_f64(*value) {
                Some(number) => Value::Number(number),
                None => return Err(EvalError::Wrong("the result is not a finite number".to_owned())),
            },
            Val::Text(text) => {
                self.allocate(text.as_str().len())?;
                Value::String(text.as_str().to_owned())
            }
            Val::Time(time) => Value::String(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            Val::Span(span) => Value::String(super::value::span_text(*span)),
            Val::List(list) => {
                let items = (0..list.len()).filter_map(|index| list.get(index));
                Value::Array(items.map(|item| self.json(&item, depth + 1)).collect::<Result<_, _>>()?)
            }
            Val::Map(Map::Json(map)) => {
                let mut object = serde_json::Map::new();
                for (key, value) in *map {
                    self.allocate(MAP_ENTRY + key.len())?;
                    object.insert(key.clone(), self.json(&Val::from_json(value), depth + 1)?);
                }
                Value::Object(object)
            }
            Val::Map(Map::Made(map)) => {
                let mut object = serde_json::Map::new();
                for (key, value) in map.as_ref() {
                    let key = match key {
                        Key::Text(key) => key.to_string(),
                        Key::Int(key) => key.to_string(),
                        Key::Bool(key) => key.to_string(),
                    };
                    self.allocate(MAP_ENTRY + key.len())?;
                    object.insert(key, self.json(value, depth + 1)?);
                }
                Value::Object(object)
            }
        })
    }
}
