//! A checked condition: what the evaluator walks.
//!
//! Lives here: the tree, where each part stands in the source. Never lives here: how it is read or evaluated.

use std::ops::Range;

use regex::Regex;

use super::functions::Function;

/// One part of a condition.
#[derive(Debug)]
pub(super) struct Node {
    /// Bytes of the source.
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Literal(Literal),
    /// A variable of the scope, or one that a comprehension around it binds.
    Name(String),
    /// `operand.field`; with `test`, `has(operand.field)`.
    Select {
        operand: Box<Node>,
        field: String,
        test: bool,
    },
    Index(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Choice(Box<[Node; 3]>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
    /// `text.matches('constant')`: the pattern is compiled once.
    Matches(Box<Node>, Regex),
    /// `runs('step')`.
    Runs(String),
    Each(Box<Comprehension>),
}

#[derive(Clone, Debug)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

/// `range.all(name, body)` and its kin. `only` is the condition of `filter`, and of `map` with three arguments.
#[derive(Debug)]
pub(super) struct Comprehension {
    pub gather: Gather,
    pub range: Node,
    pub name: String,
    pub only: Option<Node>,
    pub body: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gather {
    All,
    Exists,
    ExistsOne,
    List,
}
