//! Operators of a condition: comparing, looking for, calculating.
//!
//! Lives here: what each operator does with each pair of types. Never lives here: order of evaluation, the meter (`eval`).
//!
//! Beyond CEL: ints and doubles mix in arithmetic, because JSON does not say which of them `40` is.

use std::cmp::Ordering;

use super::EvalError;
use super::eval::{ENTRY, Evaluated, Evaluator, MAX_VALUE_DEPTH};
use super::node::{Node, Operator};
use super::value::Val;

impl<'a> Evaluator<'a> {
    pub(super) fn binary(
        &mut self,
        node: &'a Node,
        operator: Operator,
        left: &'a Node,
        right: &'a Node,
    ) -> Evaluated<'a> {
        let (a, b) = (self.value(left)?, self.value(right)?);
        match operator {
            Operator::Equal => Ok(Val::Bool(self.equal(left, &a, &b, 0)?)),
            Operator::NotEqual => Ok(Val::Bool(!self.equal(left, &a, &b, 0)?)),
            Operator::In => self.contained(node, right, &a, &b),
            Operator::Less => self.ordered(node, left, &a, &b, Ordering::is_lt),
            Operator::LessOrEqual => self.ordered(node, left, &a, &b, Ordering::is_le),
            Operator::Greater => self.ordered(node, left, &a, &b, Ordering::is_gt),
            Operator::GreaterOrEqual => self.ordered(node, left, &a, &b, Ordering::is_ge),
            Operator::Add => self.add(node, left, right, &a, &b),
            Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                self.arithmetic(node, operator, &a, &b)
            }
        }
    }

    /// Equality over all types; numbers are compared by value.
    pub(super) fn equal(&mut self, node: &Node, a: &Val<'_>, b: &Val<'_>, depth: usize) -> Result<bool, EvalError> {
        self.spend(1)?;
        if depth > MAX_VALUE_DEPTH {
            return Err(EvalError::TooMuch(format!("`{}` is nested too deep to be compared", self.snippet(node))));
        }
        Ok(match (a, b) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Text(a), Val::Text(b)) => {
                let (a, b) = (a.as_str(), b.as_str());
                a.len() == b.len() && {
                    self.read_text(node, a)?;
                    a == b
                }
            }
            (Val::Time(a), Val::Time(b)) => a == b,
            (Val::Span(a), Val::Span(b)) => a == b,
            (Val::List(a), Val::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                self.check_entries(node, a.len())?;
                for (a, b) in (0..a.len()).filter_map(|index| a.get(index).zip(b.get(index))) {
                    if !self.equal(node, &a, &b, depth + 1)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Val::Map(a), Val::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                self.check_entries(node, a.len())?;
                self.allocate((a.len() + 1) * ENTRY)?;
                for key in a.keys() {
                    let (Some(a), Some(b)) = (a.get(&key), b.get(&key)) else { return Ok(false) };
                    if !self.equal(node, &a, &b, depth + 1)? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => compare_numbers(a, b) == Some(Ordering::Equal),
        })
    }

    fn contained(&mut self, node: &Node, container: &Node, item: &Val<'_>, of: &Val<'_>) -> Evaluated<'a> {
        match of {
            Val::List(list) => {
                self.check_entries(container, list.len())?;
                for entry in (0..list.len()).filter_map(|index| list.get(index)) {
                    if self.equal(container, item, &entry, 0)? {
                        return Ok(Val::Bool(true));
                    }
                }
                Ok(Val::Bool(false))
            }
            Val::Map(map) => {
                if let Val::Text(text) = item {
                    self.read_text(node, text.as_str())?;
                    self.allocate(text.as_str().len())?;
                }
                match item {
                    Val::Bool(_) | Val::Int(_) | Val::Double(_) | Val::Text(_) => {
                        Ok(Val::Bool(map.get(item).is_some()))
                    }
                    other => self.wrong(node, &format!("{} cannot be a key", other.describe())),
                }
            }
            other => self.wrong(node, &format!("nothing can be in {}", other.describe())),
        }
    }

    fn ordered(
        &mut self,
        node: &Node,
        left: &Node,
        a: &Val<'_>,
        b: &Val<'_>,
        holds: fn(Ordering) -> bool,
    ) -> Evaluated<'a> {
        let ordering = self.compare(left, a, b)?;
        match ordering {
            Some(ordering) => Ok(Val::Bool(holds(ordering))),
            // Only with a number that is none (0.0 / 0.0): nothing holds of it.
            None if is_number(a) && is_number(b) => Ok(Val::Bool(false)),
            None => self.wrong(node, &format!("cannot compare {} with {}", a.describe(), b.describe())),
        }
    }

    pub(super) fn compare(&mut self, node: &Node, a: &Val<'_>, b: &Val<'_>) -> Result<Option<Ordering>, EvalError> {
        Ok(match (a, b) {
            (Val::Text(a), Val::Text(b)) => {
                self.read_text(node, if a.as_str().len() < b.as_str().len() { a.as_str() } else { b.as_str() })?;
                Some(a.as_str().cmp(b.as_str()))
            }
            (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
            (Val::Time(a), Val::Time(b)) => Some(a.cmp(b)),
            (Val::Span(a), Val::Span(b)) => Some(a.cmp(b)),
            _ => compare_numbers(a, b),
        })
    }

    fn add(&mut self, node: &Node, left: &Node, right: &Node, a: &Val<'a>, b: &Val<'a>) -> Evaluated<'a> {
        match (a, b) {
            (Val::Text(a), Val::Text(b)) => {
                self.read_text(left, a.as_str())?;
                self.read_text(right, b.as_str())?;
                // Twice: once while it is put together, once as the value.
                self.allocate(2 * (a.as_str().len() + b.as_str().len()))?;
                self.made_text(&[a.as_str(), b.as_str()].concat())
            }
            (Val::List(a), Val::List(b)) => {
                let length = a.len() + b.len();
                self.check_entries(node, length)?;
                self.spend(length)?;
                let items = (0..a.len()).filter_map(|index| a.get(index));
                let items = items.chain((0..b.len()).filter_map(|index| b.get(index)));
                self.allocate(length * ENTRY)?;
                let items = items.collect();
                self.made_list(items)
            }
            _ => self.arithmetic(node, Operator::Add, a, b),
        }
    }

    fn arithmetic(&self, node: &Node, operator: Operator, a: &Val<'a>, b: &Val<'a>) -> Evaluated<'a> {
        let result = match (a, b) {
            (Val::Int(_), Val::Int(0)) if matches!(operator, Operator::Divide | Operator::Remainder) => {
                return self.wrong(node, "division by zero");
            }
            (Val::Int(a), Val::Int(b)) => integers(operator, *a, *b).map(Val::Int),
            (Val::Int(_) | Val::Double(_), Val::Int(_) | Val::Double(_)) => {
                doubles(operator, as_double(a), as_double(b)).map(Val::Double)
            }
            (Val::Time(a), Val::Span(b)) => match operator {
                Operator::Add => a.checked_add_signed(*b).map(Val::Time),
                Operator::Subtract => a.checked_sub_signed(*b).map(Val::Time),
                _ => return self.no_arithmetic(node, &Val::Time(*a), &Val::Span(*b)),
            },
            (Val::Span(a), Val::Time(b)) if operator == Operator::Add => b.checked_add_signed(*a).map(Val::Time),
            (Val::Time(a), Val::Time(b)) if operator == Operator::Subtract => Some(Val::Span(*a - *b)),
            (Val::Span(a), Val::Span(b)) if operator == Operator::Add => a.checked_add(b).map(Val::Span),
            (Val::Span(a), Val::Span(b)) if operator == Operator::Subtract => a.checked_sub(b).map(Val::Span),
            _ => return self.no_arithmetic(node, a, b),
        };
        match result {
            Some(value) => Ok(value),
            None => self.wrong(node, "the result is too large, or there is none"),
        }
    }

    fn no_arithmetic<T>(&self, node: &Node, a: &Val<'_>, b: &Val<'_>) -> Result<T, EvalError> {
        self.wrong(node, &format!("cannot calculate with {} and {}", a.describe(), b.describe()))
    }
}

fn is_number(value: &Val<'_>) -> bool {
    matches!(value, Val::Int(_) | Val::Double(_))
}

fn as_double(value: &Val<'_>) -> f64 {
    match value {
        Val::Int(value) => *value as f64,
        Val::Double(value) => *value,
        _ => f64::NAN,
    }
}

/// `None` when one of them is no number. An int beyond 2^53 beside a double is compared as the nearest double.
fn compare_numbers(a: &Val<'_>, b: &Val<'_>) -> Option<Ordering> {
    match (a, b) {
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Int(_) | Val::Double(_), Val::Int(_) | Val::Double(_)) => as_double(a).partial_cmp(&as_double(b)),
        _ => None,
    }
}

fn integers(operator: Operator, a: i64, b: i64) -> Option<i64> {
    match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
        Operator::Remainder => a.checked_rem(b),
        _ => None,
    }
}

fn doubles(operator: Operator, a: f64, b: f64) -> Option<f64> {
    match operator {
        Operator::Add => Some(a + b),
        Operator::Subtract => Some(a - b),
        Operator::Multiply => Some(a * b),
        Operator::Divide => Some(a / b),
        _ => None,
    }
}
