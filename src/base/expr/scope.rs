//! The names an expression may use.
//!
//! Lives here: [`Scope`]. Never lives here: what is put into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

/// What an expression sees: variables by name, and how often each step has run.
///
/// Cloning copies names, not values: extend a clone where one step needs more than its neighbours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    variables: BTreeMap<String, Arc<Value>>,
    runs: BTreeMap<String, u64>,
}

impl Scope {
    /// A scope without names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same scope with one more variable; an earlier one of that name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Arc<Value>>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds a variable, or replaces the one of that name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Arc<Value>>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Says how often a step has run; `runs('id')` of a step that nothing was said about is 0.
    pub fn set_runs(&mut self, step: impl Into<String>, count: u64) {
        self.runs.insert(step.into(), count);
    }

    /// The variable of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.variables.get(name).map(Arc::as_ref)
    }

    /// The value at a path, as far as objects go.
    #[must_use]
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.get(first.as_ref())?, |value, key| value.get(key.as_ref()))
    }

    /// How often a step has run.
    #[must_use]
    pub fn runs(&self, step: &str) -> u64 {
        self.runs.get(step).copied().unwrap_or(0)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Scope {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(pairs: I) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), Arc::new(value))).collect();
        Self { variables, runs: BTreeMap::new() }
    }
}
