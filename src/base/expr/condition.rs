//! Conditions: CEL, read by the `cel` crate's parser and evaluated by our own metered evaluator.
//!
//! Lives here: [`Condition`], which names it uses, faults of its source.
//! Never lives here: evaluation (`eval`), limits before parsing (`scan`).

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::eval::Evaluator;
use super::known::Known;
use super::lower::Lower;
use super::node::{Kind, Node};
use super::room::guarded;
use super::scan::{self, Scan};
use super::value::Val;
use super::{EvalError, ExprFault, Scope};

thread_local! {
    static KNOWN: RefCell<Known<Condition>> = RefCell::default();
}

/// A checked condition; a copy shares its tree. Equal when their sources are. Written and read as its source.
#[derive(Clone)]
pub struct Condition(Arc<Checked>);

struct Checked {
    source: String,
    root: Node,
}

/// What a condition uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A variable and the fields taken from it: `["steps", "health", "ok"]`. An index by a constant text counts as
    /// a field; other indexes end the path. What a comprehension binds is not listed.
    Variable {
        /// The path, as far as it is constant.
        path: Vec<String>,
        /// Where it begins, in bytes of the source.
        offset: usize,
        /// How many bytes it takes.
        len: usize,
    },
    /// `runs('restart')`.
    Runs {
        /// The step's id.
        step: String,
        /// Where the call begins, in bytes of the source.
        offset: usize,
        /// How many bytes it takes.
        len: usize,
    },
}

impl Condition {
    /// Reads and checks a condition.
    ///
    /// # Errors
    /// The first fault of the source.
    pub fn parse(source: &str) -> Result<Self, ExprFault> {
        if let Some(known) = KNOWN.with_borrow(|known| known.get(source)) {
            return Ok(known);
        }
        let scan = scan::scan(source)?;
        let root = guarded("condition", || parse(source, &scan)).map_err(|why| ExprFault::new(why, 0, 0))??;
        let condition = Self(Arc::new(Checked { source: source.to_owned(), root }));
        KNOWN.with_borrow_mut(|known| known.keep(source, &condition));
        Ok(condition)
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Everything it uses, in the order of the source.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        collect(&self.0.root, None, &mut references);
        references
    }

    /// Its value.
    ///
    /// # Errors
    /// A name that is missing, an operation the values do not allow, a limit.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvalError> {
        let mut evaluator = Evaluator::new(&self.0.source, scope);
        let value = evaluator.value(&self.0.root)?;
        evaluator.json(&value, 0)
    }

    /// Steps and bytes that the meter counted, and the value.
    #[cfg(test)]
    pub(super) fn measured(&self, scope: &Scope) -> (usize, usize, Result<Value, EvalError>) {
        let mut evaluator = Evaluator::new(&self.0.source, scope);
        let value = evaluator.value(&self.0.root).and_then(|value| evaluator.json(&value, 0));
        (evaluator.steps, evaluator.bytes, value)
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and a value that is neither true nor false.
    pub fn test(&self, scope: &Scope) -> Result<bool, EvalError> {
        match Evaluator::new(&self.0.source, scope).value(&self.0.root)? {
            Val::Bool(value) => Ok(value),
            other => Err(EvalError::NotBool { got: other.describe() }),
        }
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}
impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.0.source).finish()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.source)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::parse(&source).map_err(serde::de::Error::custom)
    }
}

fn parse(source: &str, scan: &Scan) -> Result<Node, ExprFault> {
    let (expr, info) = cel::parser::Parser::new()
        .parse_with_source_info(source)
        .map_err(|errors| syntax_fault(source, errors.errors.first()))?;
    Lower::new(source, &info, scan).node(&expr)
}

/// The parser's first error in our words.
fn syntax_fault(source: &str, error: Option<&cel::ParseError>) -> ExprFault {
    let Some(error) = error else { return ExprFault::new("the condition cannot be read", 0, 0) };
    let offset = offset_of(source, error.pos);
    let len = source[offset..].chars().next().map_or(0, char::len_utf8);
    let text = error.msg.trim_start_matches("Syntax error: ");
    let quoted = text.find('\'').zip(text.find(" expecting")).map(|(from, to)| &text[from..to.max(from)]);
    let quoted = quoted.unwrap_or(text).trim_matches('\'').trim_start_matches("missing ");
    if text.contains("<EOF>") && offset >= source.trim_end().len() {
        return ExprFault::new("the condition ends too early", source.trim_end().len(), 0);
    }
    let rest = &source[offset..];
    let word: String = rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
    let fault = if word.is_empty() {
        let unexpected: String = rest.chars().take(1).collect();
        match unexpected.as_str() {
            "" => ExprFault::new(format!("syntax: {}", crate::base::text::one_line(quoted, 80)), offset, len),
            sign => ExprFault::new(format!("`{sign}` is not expected here"), offset, len),
        }
    } else {
        ExprFault::new(format!("`{word}` is not expected here"), offset, word.len())
    };
    match (word.as_str(), rest.as_bytes().first()) {
        (number, Some(b'0'..=b'9')) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            fault.hint("whole numbers go up to 9223372036854775807")
        }
        _ if source[..offset].trim_end().ends_with("not") => fault.hint("write ! for not"),
        ("and", _) => fault.hint("write && for and"),
        ("or", _) => fault.hint("write || for or"),
        (_, Some(b'=')) => fault.hint("write == to compare"),
        (_, Some(b'&')) => fault.hint("write && for and"),
        (_, Some(b'|')) => fault.hint("write || for or"),
        _ => fault,
    }
}

/// The parser counts lines from 1 and characters in them from 1.
fn offset_of(source: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(1).saturating_sub(1);
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    source[start..].char_indices().nth(column).map_or(source.len(), |(offset, _)| start + offset)
}

fn collect(node: &Node, bound: Option<&str>, into: &mut Vec<Reference>) {
    if let Some(path) = constant_path(node) {
        if bound != Some(path[0].as_str()) {
            into.push(Reference::Variable { path, offset: node.span.start, len: node.span.len() });
        }
        return;
    }
    match &node.kind {
        Kind::Literal(_) | Kind::Name(_) => {}
        Kind::Select { operand, field, test } => match constant_path(operand) {
            // `has(a.b)` uses `a`; that `a.b` may be missing is what it asks.
            Some(path) if *test && path[0].as_str() != bound.unwrap_or_default() && !field.is_empty() => {
                let (offset, len) = (operand.span.start, operand.span.len());
                into.push(Reference::Variable { path, offset, len });
            }
            _ => collect(operand, bound, into),
        },
        Kind::Not(operand) | Kind::Negate(operand) | Kind::Matches(operand, _) => collect(operand, bound, into),
        Kind::Index(left, right) | Kind::And(left, right) | Kind::Or(left, right) | Kind::Binary(_, left, right) => {
            collect(left, bound, into);
            collect(right, bound, into);
        }
        Kind::List(nodes) | Kind::Call(_, nodes) => nodes.iter().for_each(|node| collect(node, bound, into)),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
            collect(key, bound, into);
            collect(value, bound, into);
        }),
        Kind::Choice(parts) => parts.iter().for_each(|part| collect(part, bound, into)),
        Kind::Runs(step) => {
            let (offset, len) = (node.span.start, node.span.len());
            into.push(Reference::Runs { step: step.clone(), offset, len });
        }
        Kind::Each(each) => {
            collect(&each.range, bound, into);
            each.only.iter().for_each(|only| collect(only, Some(&each.name), into));
            collect(&each.body, Some(&each.name), into);
        }
    }
}

/// `a.b['c']` as `["a", "b", "c"]`; `None` for anything else.
fn constant_path(node: &Node) -> Option<Vec<String>> {
    match &node.kind {
        Kind::Name(name) => Some(vec![name.clone()]),
        Kind::Select { operand, field, test: false } => {
            let mut path = constant_path(operand)?;
            path.push(field.clone());
            Some(path)
        }
        Kind::Index(operand, index) => match &index.kind {
            Kind::Literal(super::node::Literal::Text(key)) => {
                let mut path = constant_path(operand)?;
                path.push(key.clone());
                Some(path)
            }
            _ => None,
        },
        _ => None,
    }
}
