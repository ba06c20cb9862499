//! Whether Discord knows the commands already: they are sent anew only where they changed.

use super::{menus, verbs};
use serde_json::{Map, Value};
use serenity::all::{Command, CreateCommand};

/// What of a definition is compared: the rest is Discord's own (ids, versions, defaults).
const COMPARED: &[&str] =
    &["type", "name", "description", "required", "choices", "value", "autocomplete", "options", "min_value"];

/// Whether what Discord knows differs from what it should.
#[must_use]
pub fn differ(wanted: &[CreateCommand], known: &[Command]) -> bool {
    let wanted: Vec<Value> = wanted.iter().filter_map(|command| serde_json::to_value(command).ok()).collect();
    let known: Vec<Value> = known.iter().filter_map(|command| serde_json::to_value(command).ok()).collect();
    by_name(&wanted) != by_name(&known)
}

/// How Discord's list of commands stands to those of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// They are the same.
    Yes,
    /// There is none.
    None,
    /// They are others: those of another version, or of another program.
    Others,
}

/// Holds Discord's own list, as it answers it, against the commands of this program; `None` for what is no such list.
#[must_use]
pub fn compare(list: &Value) -> Option<Registered> {
    let known: Vec<Command> = serde_json::from_value(list.clone()).ok()?;
    Some(match known.as_slice() {
        [] => Registered::None,
        _ if differ(&wanted(&verbs::verbs()), &known) => Registered::Others,
        _ => Registered::Yes,
    })
}

/// Every command and every entry of a menu that Discord is to know.
#[must_use]
pub fn wanted(verbs: &[verbs::Verb]) -> Vec<CreateCommand> {
    verbs::definitions(verbs).into_iter().chain(menus::definitions()).collect()
}

fn by_name(commands: &[Value]) -> std::collections::BTreeMap<String, Value> {
    let named = |command: &Value| {
        let mut told = core(command);
        // A slash command need not say that it is one.
        if let Value::Object(fields) = &mut told {
            fields.entry("type").or_insert(Value::from(1.0));
        }
        (command["name"].as_str().unwrap_or_default().to_owned(), told)
    };
    commands.iter().map(named).collect()
}

/// A definition without what does not count, and without what says nothing.
fn core(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept: Map<String, Value> = fields
                .iter()
                .filter(|(name, _)| COMPARED.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), core(value)))
                .filter(|(_, value)| !says_nothing(value))
                .collect();
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.iter().map(core).collect()),
        // `0` and `0.0` are the same bound.
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        other => other.clone(),
    }
}

/// `false` and an empty list are the defaults.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn commands_are_sent_again_only_where_they_changed() {
        let wanted = wanted(&verbs::verbs());
        // As Discord gives them back: with ids and versions of its own.
        let known: Vec<Command> = wanted
            .iter()
            .map(|command| {
                let mut value = serde_json::to_value(command).unwrap();
                let own =
                    serde_json::json!({"id": "1", "application_id": "2", "version": "3", "default_permission": true});
                let fields = value.as_object_mut().unwrap();
                own.as_object()
                    .unwrap()
                    .iter()
                    .for_each(|(name, value)| drop(fields.insert(name.clone(), value.clone())));
                fields.entry("type").or_insert(1.into());
                fields.entry("description").or_insert("".into());
                serde_json::from_value(value).unwrap()
            })
            .collect();
        assert!(!differ(&wanted, &known));
        assert!(differ(&wanted, &known[1..]), "one is missing");
        let mut changed = wanted.clone();
        changed[0] = changed[0].clone().description("something else");
        assert!(differ(&changed, &known));
    }
}
