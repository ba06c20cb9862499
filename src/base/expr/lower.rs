//! From what the CEL parser gives to the tree that the evaluator walks.
//!
//! Lives here: undoing the parser's macro expansion, checking names of functions, patterns and depth.
//! Never lives here: scopes and values.

use std::ops::Range;

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo};
use regex::RegexBuilder;

use super::ExprFault;
use super::functions::{Signature, Style, find, nearest_name};
use super::node::{Comprehension, Gather, Kind, Literal, Node, Operator};
use super::scan::Scan;

/// How deep the tree may be: `1 + 1 + …` is as deep as it has signs. The evaluator recurses this far, on any thread.
const MAX_DEPTH: usize = 48;
/// Longest pattern of `matches`, in bytes.
const MAX_PATTERN: usize = 256;
/// Memory a compiled pattern may take, in bytes.
const MAX_COMPILED_PATTERN: usize = 16 * 1024;

type Lowered = Result<Node, ExprFault>;

pub(super) struct Lower<'a> {
    source: &'a str,
    info: &'a SourceInfo,
    scan: &'a Scan,
    depth: usize,
    in_comprehension: bool,
}

impl<'a> Lower<'a> {
    pub(super) fn new(source: &'a str, info: &'a SourceInfo, scan: &'a Scan) -> Self {
        Self { source, info, scan, depth: 0, in_comprehension: false }
    }

    pub(super) fn node(&mut self, expr: &IdedExpr) -> Lowered {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let span = self.token(expr.id);
            let message = format!("the condition is more than {MAX_DEPTH} operations deep");
            return Err(ExprFault::new(message, span.start, span.len()).hint("split it into `set` steps"));
        }
        let node = self.shallow(expr);
        self.depth -= 1;
        node
    }

    fn shallow(&mut self, expr: &IdedExpr) -> Lowered {
        let token = self.token(expr.id);
        match &expr.expr {
            Expr::Literal(literal) => self.literal(literal, token),
            Expr::Ident(name) => Ok(Node { span: token, kind: Kind::Name(name.trim_start_matches('.').to_owned()) }),
            Expr::Select(select) => {
                let operand = self.node(&select.operand)?;
                let end = self.end_of_word(operand.span.end, &select.field);
                let mut span = operand.span.start..end;
                if select.test {
                    span = self.through_bracket(token.start.min(span.start)..span.end);
                }
                let kind = Kind::Select { operand: Box::new(operand), field: select.field.clone(), test: select.test };
                Ok(Node { span, kind })
            }
            Expr::List(list) => {
                let elements = list.elements.iter().map(|element| self.node(element)).collect::<Result<Vec<_>, _>>()?;
                Ok(Node { span: self.through_bracket(token), kind: Kind::List(elements) })
            }
            Expr::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err(unknown(token));
                    };
                    entries.push((self.node(&entry.key)?, self.node(&entry.value)?));
                }
                Ok(Node { span: self.through_bracket(token), kind: Kind::Map(entries) })
            }
            Expr::Call(call) => self.call(call, token),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, token),
            Expr::Struct(made) => {
                let message = format!("there is no type `{}`", made.type_name);
                Err(ExprFault::new(message, token.start, token.len()).hint("write a map: {'key': value}"))
            }
            Expr::Unspecified => Err(unknown(token)),
        }
    }

    fn literal(&self, literal: &LiteralValue, span: Range<usize>) -> Lowered {
        let literal = match literal {
            LiteralValue::Boolean(value) => Literal::Bool(*value.inner()),
            LiteralValue::Double(value) => Literal::Double(*value.inner()),
            LiteralValue::Int(value) => Literal::Int(*value.inner()),
            LiteralValue::Null => Literal::Null,
            LiteralValue::String(value) => Literal::Text(value.inner().to_owned()),
            LiteralValue::UInt(value) => match i64::try_from(*value.inner()) {
                Ok(value) => Literal::Int(value),
                Err(_) => return Err(ExprFault::new("the number is too large", span.start, span.len())),
            },
            LiteralValue::Bytes(_) => {
                let fault = ExprFault::new("conditions have no byte strings", span.start, span.len());
                return Err(fault.hint("write a text, without the b"));
            }
        };
        Ok(Node { span, kind: Kind::Literal(literal) })
    }

    fn call(&mut self, call: &CallExpr, token: Range<usize>) -> Lowered {
        let name = call.func_name.as_str();
        let binary = match name {
            op::ADD => Some(Operator::Add),
            op::SUBSTRACT => Some(Operator::Subtract),
            op::MULTIPLY => Some(Operator::Multiply),
            op::DIVIDE => Some(Operator::Divide),
            op::MODULO => Some(Operator::Remainder),
            op::EQUALS => Some(Operator::Equal),
            op::NOT_EQUALS => Some(Operator::NotEqual),
            op::LESS => Some(Operator::Less),
            op::LESS_EQUALS => Some(Operator::LessOrEqual),
            op::GREATER => Some(Operator::Greater),
            op::GREATER_EQUALS => Some(Operator::GreaterOrEqual),
            op::IN => Some(Operator::In),
            _ => None,
        };
        match (name, binary, call.args.as_slice()) {
            (_, Some(operator), [left, right]) => {
                self.pair(left, right, |left, right| Kind::Binary(operator, left, right))
            }
            (op::LOGICAL_AND, _, [left, right]) => self.pair(left, right, Kind::And),
            (op::LOGICAL_OR, _, [left, right]) => self.pair(left, right, Kind::Or),
            (op::INDEX, _, [left, right]) => {
                let mut node = self.pair(left, right, Kind::Index)?;
                let closed = self.scan.closed_at.get(&token.start).copied();
                node.span.end = closed.unwrap_or(node.span.end).max(node.span.end);
                Ok(node)
            }
            (op::LOGICAL_NOT, _, [operand]) => self.prefix(token, operand, Kind::Not),
            (op::NEGATE, _, [operand]) => self.prefix(token, operand, Kind::Negate),
            (op::CONDITIONAL, _, [condition, yes, no]) => {
                let parts = [self.node(condition)?, self.node(yes)?, self.node(no)?];
                let span = parts[0].span.start..parts[2].span.end;
                Ok(Node { span, kind: Kind::Choice(Box::new(parts)) })
            }
            _ => self.function(call, token),
        }
    }

    fn pair(&mut self, left: &IdedExpr, right: &IdedExpr, kind: impl FnOnce(Box<Node>, Box<Node>) -> Kind) -> Lowered {
        let (left, right) = (self.node(left)?, self.node(right)?);
        Ok(Node { span: left.span.start..right.span.end, kind: kind(Box::new(left), Box::new(right)) })
    }

    fn prefix(&mut self, token: Range<usize>, operand: &IdedExpr, kind: impl FnOnce(Box<Node>) -> Kind) -> Lowered {
        let operand = self.node(operand)?;
        Ok(Node { span: token.start.min(operand.span.start)..operand.span.end, kind: kind(Box::new(operand)) })
    }

    fn function(&mut self, call: &CallExpr, token: Range<usize>) -> Lowered {
        let name = call.func_name.as_str();
        let at = self.name_of_call(name, token.clone());
        let member = call.target.is_some();
        let mut arguments = Vec::with_capacity(call.args.len() + 1);
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            arguments.push(self.node(argument)?);
        }
        let start = if member { arguments[0].span.start } else { at.start };
        let span = self.through_bracket(start..at.end.max(token.end));
        let kind = match name {
            "runs" if !member => runs(&arguments, &at)?,
            "matches" => matches(arguments, &at)?,
            _ => {
                let signature = find(name).ok_or_else(|| unknown_function(name, &at))?;
                check_signature(signature, member, arguments.len(), &at)?;
                Kind::Call(signature.function, arguments)
            }
        };
        Ok(Node { span, kind })
    }

    /// The parser has already expanded `all`, `exists`, `exists_one`, `map` and `filter`; each leaves a shape of its own.
    fn comprehension(&mut self, each: &ComprehensionExpr, token: Range<usize>) -> Lowered {
        let range = self.node(&each.iter_range)?;
        if self.in_comprehension {
            let message = "a comprehension inside a comprehension";
            let fault = ExprFault::new(message, range.span.start, token.end.saturating_sub(range.span.start));
            return Err(fault.hint("save the inner list with a `set` step, then look at it"));
        }
        let Some((gather, only, body)) = expanded(each) else { return Err(unknown(token)) };
        self.in_comprehension = true;
        let only = only.map(|only| self.node(only)).transpose();
        let body = self.node(body);
        self.in_comprehension = false;
        let span = self.through_bracket(range.span.start..token.end.max(range.span.end));
        let (only, body) = (only?, body?);
        let each = Comprehension { gather, range, name: each.iter_var.clone(), only, body };
        Ok(Node { span, kind: Kind::Each(Box::new(each)) })
    }

    /// Where the parser saw the token of a node, as bytes of the source.
    fn token(&self, id: u64) -> Range<usize> {
        let Some((start, stop)) = self.info.offset_for(id) else { return 0..self.source.len() };
        let start = floor(self.source, start as usize);
        let end = floor(self.source, (stop as usize).saturating_add(1)).max(start);
        let end = if self.source.is_char_boundary(end) { end } else { self.source.len() };
        start..end
    }

    /// Where `word` ends, looking from `from` on.
    fn end_of_word(&self, from: usize, word: &str) -> usize {
        let from = floor(self.source, from);
        self.source[from..].find(word).map_or(from, |offset| from + offset + word.len())
    }

    /// Where the name of a called function stands: the parser knows its bracket, or its dot.
    fn name_of_call(&self, name: &str, token: Range<usize>) -> Range<usize> {
        let before = &self.source[..floor(self.source, token.end)];
        let found = before.rfind(name).or_else(|| self.source.find(name));
        found.map_or(token, |start| start..start + name.len())
    }

    /// The span, up to the end of the bracket that opens in it or next after it.
    fn through_bracket(&self, span: Range<usize>) -> Range<usize> {
        let from = span.end.saturating_sub(1).max(span.start);
        let closed = self.scan.closed_at.range(from..).next().map(|(_, end)| *end);
        span.start..closed.unwrap_or(span.end).max(span.end)
    }
}

fn floor(source: &str, mut offset: usize) -> usize {
    offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn unknown(span: Range<usize>) -> ExprFault {
    ExprFault::new("this is no part of a condition", span.start, span.len())
}

fn unknown_function(name: &str, at: &Range<usize>) -> ExprFault {
    let fault = ExprFault::new(format!("there is no function `{name}`"), at.start, at.len());
    match nearest_name(name) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

fn check_signature(signature: &Signature, member: bool, given: usize, at: &Range<usize>) -> Result<(), ExprFault> {
    let name = signature.name;
    let styled = match signature.style {
        Style::Both => true,
        Style::Global => !member,
        Style::Member => member,
    };
    let usage = if signature.style == Style::Member { format!("x.{name}(…)") } else { format!("{name}(…)") };
    let (fewest, most) = signature.arguments;
    if !styled {
        return Err(ExprFault::new(format!("`{name}` is written {usage}"), at.start, at.len()));
    }
    if given < fewest || given > most {
        let message = format!("`{usage}` does not take that many arguments");
        return Err(ExprFault::new(message, at.start, at.len()));
    }
    Ok(())
}

fn runs(arguments: &[Node], at: &Range<usize>) -> Result<Kind, ExprFault> {
    match arguments {
        [Node { kind: Kind::Literal(Literal::Text(step)), .. }] => Ok(Kind::Runs(step.clone())),
        _ => {
            let fault = ExprFault::new("`runs` takes the id of one step as a text", at.start, at.len());
            Err(fault.hint("runs('restart')"))
        }
    }
}

fn matches(mut arguments: Vec<Node>, at: &Range<usize>) -> Result<Kind, ExprFault> {
    let (Some(pattern), Some(text), None) = (arguments.pop(), arguments.pop(), arguments.pop()) else {
        let fault = ExprFault::new("`matches` takes a text and a pattern", at.start, at.len());
        return Err(fault.hint("text.matches('^5[0-9][0-9]$')"));
    };
    let span = pattern.span;
    let Kind::Literal(Literal::Text(pattern)) = pattern.kind else {
        let message = "the pattern of `matches` must stand here as a text";
        return Err(ExprFault::new(message, span.start, span.len()).hint("use contains() for text that is computed"));
    };
    if pattern.len() > MAX_PATTERN {
        let message = format!("a pattern may be {MAX_PATTERN} bytes long; this one has {}", pattern.len());
        return Err(ExprFault::new(message, span.start, span.len()));
    }
    let compiled = RegexBuilder::new(&ascii_classes(&pattern))
        .size_limit(MAX_COMPILED_PATTERN)
        .dfa_size_limit(64 * 1024)
        .nest_limit(32)
        .build()
        .map_err(|error| bad_pattern(&error, &span))?;
    Ok(Kind::Matches(Box::new(text), compiled))
}

/// CEL's patterns are RE2's, where `\w`, `\d`, `\s` and `\b` know ASCII only; so written they are also much smaller when
/// compiled.
fn ascii_classes(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len() + 32);
    let mut rest = pattern.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            written.push(char);
            continue;
        }
        match rest.next() {
            Some('w') => written.push_str("[0-9A-Za-z_]"),
            Some('W') => written.push_str("[^0-9A-Za-z_]"),
            Some('d') => written.push_str("[0-9]"),
            Some('D') => written.push_str("[^0-9]"),
            Some('s') => written.push_str("[\\t\\n\\x0c\\r ]"),
            Some('S') => written.push_str("[^\\t\\n\\x0c\\r ]"),
            Some(boundary @ ('b' | 'B')) => {
                written.push_str("(?-u:\\");
                written.push(boundary);
                written.push(')');
            }
            escaped => {
                written.push('\\');
                written.extend(escaped);
            }
        }
    }
    written
}

fn bad_pattern(error: &regex::Error, span: &Range<usize>) -> ExprFault {
    match error {
        regex::Error::CompiledTooBig(_) => {
            let fault = ExprFault::new("the pattern is too large", span.start, span.len());
            fault.hint("repeat less: x{50} takes as much as x written fifty times")
        }
        // The library's text draws the pattern over several lines; its last line says what is wrong.
        other => {
            let text = other.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            ExprFault::new(format!("bad pattern: {why}"), span.start, span.len())
        }
    }
}

type Expanded<'e> = (Gather, Option<&'e IdedExpr>, &'e IdedExpr);

/// Recognises what a macro was expanded to: how results are gathered, the filter, and the body.
fn expanded(each: &ComprehensionExpr) -> Option<Expanded<'_>> {
    let step = as_call(&each.loop_step)?;
    match (&each.accu_init.expr, step.func_name.as_str(), step.args.as_slice()) {
        (Expr::Literal(LiteralValue::Boolean(_)), op::LOGICAL_OR, [_, body]) => Some((Gather::Exists, None, body)),
        (Expr::Literal(LiteralValue::Boolean(_)), op::LOGICAL_AND, [_, body]) => Some((Gather::All, None, body)),
        (Expr::Literal(LiteralValue::Int(_)), op::CONDITIONAL, [body, _, _]) => Some((Gather::ExistsOne, None, body)),
        (Expr::List(_), op::ADD, [_, added]) => Some((Gather::List, None, only_element(added)?)),
        (Expr::List(_), op::CONDITIONAL, [only, added, _]) => {
            let [_, added] = as_call(added)?.args.as_slice() else { return None };
            Some((Gather::List, Some(only), only_element(added)?))
        }
        _ => None,
    }
}

fn as_call(expr: &IdedExpr) -> Option<&CallExpr> {
    match &expr.expr {
        Expr::Call(call) => Some(call),
        _ => None,
    }
}

fn only_element(expr: &IdedExpr) -> Option<&IdedExpr> {
    match &expr.expr {
        Expr::List(list) => list.elements.first(),
        _ => None,
    }
}
