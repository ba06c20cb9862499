//! What the functions of a condition do.
//!
//! Lives here: one arm a function. Never lives here: their names and arities (`functions`), the meter's rules (`eval`).

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use regex::Regex;

use super::EvalError;
use super::eval::{Evaluated, Evaluator, MAX_ENTRIES};
use super::functions::Function;
use super::node::Node;
use super::value::{List, Text, Val};
use crate::base::schedule::Span;

/// A byte of text costs a pattern this many times what it costs a plain search: measured with patterns near the limit of
/// size whose automaton does not fit its cache. About 60 KB of text can be matched in one evaluation.
const PATTERN_FACTOR: usize = 256;

impl<'a> Evaluator<'a> {
    pub(super) fn call(&mut self, node: &'a Node, function: Function, arguments: &'a [Node]) -> Evaluated<'a> {
        if let Function::Min | Function::Max = function {
            return self.extreme(node, function, arguments);
        }
        let Some((first, rest)) = arguments.split_first() else { return self.wrong(node, "an argument is missing") };
        let value = self.value(first)?;
        match (function, value) {
            (Function::Size, Val::Text(text)) => {
                self.read_text(first, text.as_str())?;
                Ok(Val::Int(length(text.as_str().chars().count())))
            }
            (Function::Size, Val::List(list)) => Ok(Val::Int(length(list.len()))),
            (Function::Size, Val::Map(map)) => Ok(Val::Int(length(map.len()))),
            (Function::Join, Val::List(list)) => self.join(node, first, &list, rest.first()),
            (Function::Int | Function::Double | Function::Text | Function::Bool, value) => {
                self.convert(node, first, function, value)
            }
            (Function::Timestamp, value @ Val::Time(_)) | (Function::Duration, value @ Val::Span(_)) => Ok(value),
            (Function::Timestamp, Val::Text(text)) => match DateTime::parse_from_rfc3339(text.as_str()) {
                Ok(time) => Ok(Val::Time(time.with_timezone(&Utc))),
                Err(_) => self.wrong(node, "a timestamp looks like '2025-01-31T09:30:00Z'"),
            },
            (Function::Duration, Val::Text(text)) => match Span::parse(text.as_str()) {
                Ok(span) => Ok(Val::Span(span.delta())),
                Err(fault) => self.wrong(node, &fault.to_string()),
            },
            (_, Val::Text(text)) => self.text_function(node, first, function, &text, rest.first()),
            (_, other) => self.wrong(node, &format!("does not work on {}", other.describe())),
        }
    }

    fn text_function(
        &mut self,
        node: &'a Node,
        receiver: &'a Node,
        function: Function,
        text: &Text<'a>,
        argument: Option<&'a Node>,
    ) -> Evaluated<'a> {
        let text = text.as_str();
        self.read_text(receiver, text)?;
        let argument = argument.map(|argument| self.text_argument(argument)).transpose()?;
        let other = argument.as_ref().map(Text::as_str).unwrap_or_default();
        match function {
            Function::Contains => Ok(Val::Bool(text.contains(other))),
            Function::StartsWith => Ok(Val::Bool(text.starts_with(other))),
            Function::EndsWith => Ok(Val::Bool(text.ends_with(other))),
            Function::LowerAscii | Function::UpperAscii => {
                self.allocate(text.len())?;
                let changed = match function {
                    Function::LowerAscii => text.to_ascii_lowercase(),
                    _ => text.to_ascii_uppercase(),
                };
                self.made_text(&changed)
            }
            Function::Trim => self.made_text(text.trim()),
            Function::Split => {
                let mut items = Vec::new();
                for part in text.split(other) {
                    if items.len() == MAX_ENTRIES {
                        let message = format!("`{}`: more than {MAX_ENTRIES} parts", self.snippet(node));
                        return Err(EvalError::TooMuch(message));
                    }
                    let part = self.made_text(part)?;
                    items.push(part);
                }
                self.made_list(items)
            }
            _ => self.wrong(node, "does not work on a text"),
        }
    }

    fn text_argument(&mut self, node: &'a Node) -> Result<Text<'a>, EvalError> {
        match self.value(node)? {
            Val::Text(text) => {
                self.read_text(node, text.as_str())?;
                Ok(text)
            }
            other => self.wrong(node, &format!("must be a text, is {}", other.describe())),
        }
    }

    pub(super) fn matches(&mut self, operand: &'a Node, pattern: &Regex) -> Evaluated<'a> {
        let text = self.text_argument(operand)?;
        self.spend((text.as_str().len() / 64 + 1).saturating_mul(PATTERN_FACTOR))?;
        Ok(Val::Bool(pattern.is_match(text.as_str())))
    }

    fn join(
        &mut self,
        node: &'a Node,
        receiver: &'a Node,
        list: &List<'a>,
        separator: Option<&'a Node>,
    ) -> Evaluated<'a> {
        self.check_entries(receiver, list.len())?;
        let separator = separator.map(|separator| self.text_argument(separator)).transpose()?;
        let separator = separator.as_ref().map(Text::as_str).unwrap_or_default();
        let mut joined = String::new();
        for (index, item) in (0..list.len()).filter_map(|index| list.get(index)).enumerate() {
            let Val::Text(item) = item else {
                return self.wrong(node, &format!("joins texts, not {}", item.describe()));
            };
            self.read_text(receiver, item.as_str())?;
            // Twice, because a growing text holds its old half while it copies.
            self.allocate(2 * (separator.len() + item.as_str().len()))?;
            if index > 0 {
                joined.push_str(separator);
            }
            joined.push_str(item.as_str());
        }
        self.made_text(&joined)
    }

    fn convert(&mut self, node: &'a Node, argument: &'a Node, function: Function, value: Val<'a>) -> Evaluated<'a> {
        let converted = match (function, &value) {
            (Function::Text, Val::Text(_))
            | (Function::Int, Val::Int(_))
            | (Function::Double, Val::Double(_))
            | (Function::Bool, Val::Bool(_)) => return Ok(value),
            (_, Val::Text(text)) => {
                self.read_text(argument, text.as_str())?;
                from_text(function, text.as_str())
            }
            (Function::Text, Val::Int(value)) => return self.made_text(&value.to_string()),
            (Function::Text, Val::Double(value)) => return self.made_text(&value.to_string()),
            (Function::Text, Val::Bool(value)) => return self.made_text(&value.to_string()),
            (Function::Text, Val::Span(value)) => return self.made_text(&super::value::span_text(*value)),
            (Function::Text, Val::Time(value)) => {
                return self.made_text(&value.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
            }
            (Function::Double, Val::Int(value)) => Some(Val::Double(*value as f64)),
            // The bounds are the doubles nearest to the ends of the range; the upper one is just outside it.
            (Function::Int, Val::Double(value)) if (-(2f64.powi(63))..2f64.powi(63)).contains(value) => {
                Some(Val::Int(*value as i64))
            }
            (Function::Int, Val::Time(value)) => Some(Val::Int(value.timestamp())),
            _ => None,
        };
        match converted {
            Some(value) => Ok(value),
            None => self.wrong(node, &format!("cannot be made of {}", value.describe())),
        }
    }

    /// The least or greatest of the arguments, or of the one list that is given.
    fn extreme(&mut self, node: &'a Node, function: Function, arguments: &'a [Node]) -> Evaluated<'a> {
        let mut values = arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>, _>>()?;
        if let ([Val::List(list)], [argument]) = (values.as_slice(), arguments) {
            self.check_entries(argument, list.len())?;
            self.allocate(list.len() * 48)?;
            values = (0..list.len()).filter_map(|index| list.get(index)).collect();
        }
        let wanted = if function == Function::Min { Ordering::Less } else { Ordering::Greater };
        let mut best: Option<Val<'a>> = None;
        for value in values {
            self.spend(1)?;
            let Some(so_far) = &best else {
                best = Some(value);
                continue;
            };
            match self.compare(node, &value, so_far)? {
                Some(ordering) if ordering == wanted => best = Some(value),
                Some(_) => {}
                None => {
                    let what = format!("cannot compare {} with {}", value.describe(), so_far.describe());
                    return self.wrong(node, &what);
                }
            }
        }
        match best {
            Some(value) => Ok(value),
            None => self.wrong(node, "the list is empty"),
        }
    }
}

fn length(entries: usize) -> i64 {
    i64::try_from(entries).unwrap_or(i64::MAX)
}

fn from_text<'a>(function: Function, text: &str) -> Option<Val<'a>> {
    match function {
        Function::Int => text.parse().ok().map(Val::Int),
        Function::Double => text.parse().ok().map(Val::Double),
        Function::Bool => match text {
            "true" | "True" | "TRUE" | "t" | "1" => Some(Val::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Some(Val::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}
