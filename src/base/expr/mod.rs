//! Expressions of a runbook, bounded: conditions (CEL) and text with holes in it (Handlebars).
//!
//! Lives here: reading both, saying which names they use, evaluating them over a [`Scope`] within fixed limits of time
//! and memory, and the faults and errors of it.
//! Never lives here: what the names mean, secrets (they never enter a scope), a clock: the same source over the same scope
//! gives the same result for ever.

pub mod condition;
pub mod template;

mod call;
mod eval;
mod functions;
mod helpers;
mod known;
mod lower;
mod node;
mod operators;
mod outline;
mod room;
mod scan;
mod scope;
mod value;

pub use condition::{Condition, Reference};
pub use room::{spawn, spawn_scoped, with_room};
pub use scope::Scope;
pub use template::{Template, TemplateReference};

/// What is wrong with the source of a condition or a template; `offset` and `len` are bytes of that source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprFault {
    /// One sentence without a full stop.
    pub message: String,
    /// Where it begins.
    pub offset: usize,
    /// How much of the source it concerns; may be 0 at the end of the source.
    pub len: usize,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ExprFault {
    fn new(message: impl Into<String>, offset: usize, len: usize) -> Self {
        Self { message: message.into(), offset, len, hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why an expression has no value. The text names the part of the expression it happened to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A name that the scope does not have.
    #[error("`{path}` is not there")]
    Missing {
        /// The path as it was written, down to the part that is missing.
        path: String,
    },
    /// An operation that the values do not allow.
    #[error("{0}")]
    Wrong(String),
    /// A condition that gave something else than true or false.
    #[error("a condition must be true or false; this one is {got}")]
    NotBool {
        /// What it gave, with its type.
        got: String,
    },
    /// A limit of size or effort.
    #[error("{0}")]
    TooMuch(String),
}

#[cfg(test)]
mod tests;
