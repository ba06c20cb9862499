//! The variables of a scenario, found by reading the inventory twice.
//!
//! Lives here: [`values`]. Never lives here: a real secret: what the plan does not hold gets a value that is none.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::action::inventory::Inventory;
use crate::domain::action::inventory::load::{SecretFrom, load};

/// The values of the variables that the inventory's text names, as far as the run's inventory shows them; what it does not
/// show (secrets) gets a value that fits and opens nothing.
pub(super) fn values(text: &str, was: &Inventory) -> BTreeMap<String, String> {
    let asked = RefCell::new(Vec::<String>::new());
    // Every variable gets a value that can be found again, and that is a URL where one is needed.
    let stand_in = |name: &str| {
        let mut asked = asked.borrow_mut();
        let index = asked.iter().position(|known| known == name).unwrap_or_else(|| {
            asked.push(name.to_owned());
            asked.len() - 1
        });
        Some(format!("https://variable-{index}.invalid"))
    };
    let found = load(text, "targets.yaml", &stand_in).ok();
    for secret in found.iter().flat_map(|all| &all.secrets) {
        if let SecretFrom::Env(name) = &secret.from {
            stand_in(name);
        }
    }
    let shaped = found.and_then(|all| all.pick(Some(&was.environment)).ok().cloned());
    let mut values = BTreeMap::new();
    if let (Some(shaped), Ok(was)) = (shaped.and_then(|one| serde_json::to_value(one).ok()), serde_json::to_value(was))
    {
        compare(&shaped, &was, &asked.borrow(), &mut values);
    }
    for name in asked.into_inner() {
        values.entry(name).or_insert_with(|| "redis://default:not-a-secret@redis.example:6379/0".to_owned());
    }
    values
}

fn compare(shaped: &Value, was: &Value, asked: &[String], values: &mut BTreeMap<String, String>) {
    match (shaped, was) {
        (Value::Object(shaped), Value::Object(was)) => {
            for (key, shaped) in shaped {
                if let Some(was) = was.get(key) {
                    compare(shaped, was, asked, values);
                }
            }
        }
        (Value::Array(shaped), Value::Array(was)) => {
            shaped.iter().zip(was).for_each(|(shaped, was)| compare(shaped, was, asked, values));
        }
        (Value::String(shaped), Value::String(was)) => {
            let index = shaped.strip_prefix("https://variable-").and_then(|rest| rest.strip_suffix(".invalid"));
            let name = index.and_then(|index| index.parse::<usize>().ok()).and_then(|index| asked.get(index));
            if let Some(name) = name {
                values.insert(name.clone(), was.clone());
            }
        }
        _ => {}
    }
}
