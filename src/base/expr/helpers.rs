//! The helpers a template may call.
//!
//! Lives here: their names, what they do, what they may cost. Never lives here: blocks (Handlebars' own), limits of output.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use handlebars::{Context, Handlebars, Helper, HelperDef, RenderContext, RenderError, RenderErrorReason, ScopedJson};
use serde_json::Value;

/// How errors about limits begin.
pub(super) const TOO_MUCH: &str = "too much: ";

/// Bytes that all helpers of one rendering may read and copy together.
const MAX_WORK: usize = 2 * 1024 * 1024;

/// Counts the work of one rendering's helpers.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicUsize>);

impl Meter {
    fn spend(&self, bytes: usize) -> Result<(), RenderError> {
        let before = self.0.fetch_add(bytes, Memory::Relaxed);
        if before.saturating_add(bytes) > MAX_WORK {
            let message = format!("{TOO_MUCH}the helpers of the template look at more than {} MiB", MAX_WORK >> 20);
            return Err(RenderErrorReason::Other(message).into());
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Lookup,
    Equal,
    NotEqual,
    Greater,
    Less,
    And,
    Or,
    Not,
    Json,
    Default,
}

const HELPERS: [(&str, Kind, RangeInclusive<usize>); 10] = [
    ("lookup", Kind::Lookup, 2..=2),
    ("eq", Kind::Equal, 2..=2),
    ("ne", Kind::NotEqual, 2..=2),
    ("gt", Kind::Greater, 2..=2),
    ("lt", Kind::Less, 2..=2),
    ("and", Kind::And, 1..=8),
    ("or", Kind::Or, 1..=8),
    ("not", Kind::Not, 1..=1),
    ("json", Kind::Json, 1..=1),
    ("default", Kind::Default, 2..=2),
];

/// How many arguments a helper takes; `None` when there is no such helper.
pub(super) fn arguments(name: &str) -> Option<RangeInclusive<usize>> {
    HELPERS.iter().find(|(known, ..)| *known == name).map(|(_, _, arguments)| arguments.clone())
}

/// Every helper's name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    HELPERS.iter().map(|(name, ..)| *name)
}

/// A strict registry that escapes nothing, with these helpers on a meter.
pub(super) fn registry(meter: &Meter) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.set_prevent_indent(true);
    registry.register_escape_fn(handlebars::no_escape);
    for (name, kind, _) in &HELPERS {
        registry.register_helper(name, Box::new(Metered { kind: *kind, meter: meter.clone() }));
    }
    registry
}

struct Metered {
    kind: Kind,
    meter: Meter,
}

impl HelperDef for Metered {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let values: Vec<&Value> = helper.params().iter().map(|parameter| parameter.value()).collect();
        self.meter.spend(values.len() * 32)?;
        let first = values.first().copied().unwrap_or(&Value::Null);
        let second = values.get(1).copied().unwrap_or(&Value::Null);
        let result = match self.kind {
            Kind::Equal | Kind::NotEqual => {
                self.meter.spend(size(first).min(size(second)))?;
                Value::Bool(equal(first, second) == matches!(self.kind, Kind::Equal))
            }
            Kind::Greater | Kind::Less => {
                self.meter.spend(size(first).min(size(second)))?;
                let wanted = if matches!(self.kind, Kind::Greater) { Ordering::Greater } else { Ordering::Less };
                Value::Bool(compare(helper.name(), first, second)? == wanted)
            }
            Kind::And => Value::Bool(values.iter().all(|value| truthy(value))),
            Kind::Or => Value::Bool(values.iter().any(|value| truthy(value))),
            Kind::Not => Value::Bool(!truthy(first)),
            Kind::Lookup => self.copy(look_up(first, second))?,
            Kind::Default => self.copy(if first.is_null() { second } else { first })?,
            Kind::Json => {
                // Every character may become six: \u0000.
                self.meter.spend(size(first).saturating_mul(2))?;
                Value::String(first.to_string())
            }
        };
        Ok(ScopedJson::Derived(result))
    }
}

impl Metered {
    fn copy(&self, value: &Value) -> Result<Value, RenderError> {
        self.meter.spend(size(value))?;
        Ok(value.clone())
    }
}

fn look_up<'v>(of: &'v Value, key: &Value) -> &'v Value {
    let found = match (of, key) {
        (Value::Object(map), Value::String(key)) => map.get(key),
        (Value::Array(items), key) => key.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?)),
        _ => None,
    };
    found.unwrap_or(&Value::Null)
}

/// Bytes, about. The walk itself is bounded by the limit on all values that a template uses.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        Value::String(text) => 32 + text.len(),
        Value::Array(items) => 32 + items.iter().map(size).sum::<usize>(),
        Value::Object(map) => 32 + map.iter().map(|(key, value)| 96 + key.len() + size(value)).sum::<usize>(),
    }
}

/// `40` and `40.0` are the same number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => a == b || x == y,
        _ => a == b,
    }
}

fn compare(name: &str, a: &Value, b: &Value) -> Result<Ordering, RenderError> {
    let ordering = match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)),
    };
    ordering.ok_or_else(|| RenderErrorReason::Other(format!("`{name}` compares two numbers or two texts")).into())
}

/// As the blocks `if` and `unless` see it.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0 && !number.is_nan()),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}
