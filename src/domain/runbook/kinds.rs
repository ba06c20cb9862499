//! Kinds of step without an executor: `wait`, `ask`, `set`, `notify`, `runbook`.
//!
//! Lives here: reading their keys. Never lives here: `decide` and `watch`, which have files of their own.

use std::collections::BTreeMap;
use std::ops::Range;

use super::block::Reader;
use super::draft::Sees;
use super::model::{Ask, InputKind, Notify, SubRunbook, Wait};
use crate::base::expr::Condition;
use crate::base::schedule::{Cron, zone};
use crate::base::text::one_line;
use crate::domain::source::read::{self, Fields};
use crate::domain::source::{Faults, Node, Value};

/// `wait: { for: 5m }` or `wait: { until: "0 9 * * *", zone: Europe/Berlin }`.
pub fn wait(reader: &mut Reader<'_, '_, '_, '_>, node: &Node, key: &Range<usize>) -> Option<Wait> {
    let fields = Fields::of(node, "'wait'", reader.faults)?.placed(key.clone());
    fields.only(&["for", "until", "zone"], reader.faults);
    match (fields.entry("for"), fields.entry("until")) {
        (Some((_, lasts)), None) => {
            if let Some((place, _)) = fields.entry("zone") {
                reader.faults.add("useless", place.at.clone(), "'zone' has no meaning without 'until'");
            }
            reader.duration(lasts, "for").map(Wait::For)
        }
        (None, Some((_, until))) => {
            let cron = read::string(until, "until", reader.faults)?;
            if let Err(fault) = Cron::parse(&cron) {
                reader.faults.push("bad-cron", until.at.clone(), fault.message, fault.hint);
            }
            let name = fields.get("zone").and_then(|node| {
                let name = read::string(node, "zone", reader.faults)?;
                if let Err(fault) = zone(&name) {
                    reader.faults.push("bad-zone", node.at.clone(), fault.message, fault.hint);
                }
                Some(name)
            });
            Some(Wait::Until { cron, zone: name })
        }
        (Some(_), Some((until, _))) => {
            reader.faults.add("conflict", until.at.clone(), "'until' and 'for' exclude each other");
            None
        }
        (None, None) => {
            let hint = "write `wait: { for: 5m }` or `wait: { until: \"0 9 * * *\" }`";
            reader.faults.add_hint("missing-key", fields.at.clone(), "'wait' has neither 'for' nor 'until'", hint);
            None
        }
    }
}

/// `ask: { question: …, type: …, choices: […], deadline: … }`.
pub fn ask(reader: &mut Reader<'_, '_, '_, '_>, node: &Node, key: &Range<usize>) -> Option<Ask> {
    let fields = Fields::of(node, "'ask'", reader.faults)?.placed(key.clone());
    fields.only(&["question", "type", "choices", "deadline"], reader.faults);
    let question = fields.require("question", reader.faults);
    let question = question.and_then(|node| reader.template(node, "question", "a question"));
    let kind = input_kind(&fields, reader.faults);
    let deadline = fields.get("deadline").and_then(|node| read::span(node, "deadline", reader.faults));
    Some(Ask { question: question?, kind: kind?, deadline })
}

/// `type` and `choices` of a question or an input.
pub fn input_kind(fields: &Fields<'_>, faults: &mut Faults<'_>) -> Option<InputKind> {
    const WORDS: [(&str, u8); 5] = [("text", 0), ("number", 1), ("bool", 2), ("duration", 3), ("choice", 4)];
    let word = match fields.get("type") {
        Some(node) => Some(read::word(node, "type", &WORDS, faults)?),
        None => None,
    };
    let choices = match fields.entry("choices") {
        Some((key, node)) => {
            let choices = read::texts(node, "choices", faults)?;
            if choices.is_empty() || choices.len() > 25 {
                faults.add("out-of-range", node.at.clone(), "choices takes 1 to 25 items");
                return None;
            }
            if word.is_some_and(|word| word != 4) {
                faults.add_hint(
                    "conflict",
                    key.at.clone(),
                    "choices belong to the type 'choice'",
                    "write `type: choice`",
                );
            }
            Some(choices)
        }
        None => None,
    };
    Some(match (word, choices) {
        (_, Some(choices)) => InputKind::Choice(choices),
        (Some(1), None) => InputKind::Number,
        (Some(2), None) => InputKind::Bool,
        (Some(3), None) => InputKind::Duration,
        (Some(4), None) => {
            faults.add_hint("missing-key", fields.at.clone(), "the type 'choice' has no choices", "add `choices: […]`");
            return None;
        }
        _ => InputKind::Text,
    })
}

/// `set: { name: condition }`.
pub fn set(reader: &mut Reader<'_, '_, '_, '_>, node: &Node) -> Option<BTreeMap<String, Condition>> {
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        reader.faults.add("wrong-type", node.at.clone(), "'set' sets nothing");
        return None;
    }
    Some(reader.conditions(node, "set", &Sees::Flow))
}

/// `notify: text` or `notify: { text: … }`.
pub fn notify(reader: &mut Reader<'_, '_, '_, '_>, node: &Node) -> Option<Notify> {
    let text = match &node.value {
        Value::Map(_) if !node.is_unquoted_template(reader.faults.source()) => {
            let fields = Fields::of(node, "'notify'", reader.faults)?;
            fields.only(&["text"], reader.faults);
            fields.require("text", reader.faults)?
        }
        _ => node,
    };
    let found = reader.template(text, "notify", "a message")?;
    if found.trim().is_empty() {
        reader.faults.add("wrong-type", text.at.clone(), "the message is empty");
    }
    Some(Notify { text: found })
}

/// `runbook: { id: …, inputs: { … } }`.
pub fn runbook(reader: &mut Reader<'_, '_, '_, '_>, node: &Node, key: &Range<usize>) -> Option<SubRunbook> {
    let fields = Fields::of(node, "'runbook'", reader.faults)?.placed(key.clone());
    fields.only(&["id", "inputs"], reader.faults);
    let place = fields.require("id", reader.faults)?;
    let id = read::string(place, "id", reader.faults)?;
    if id.contains("{{") || id.trim().is_empty() {
        let message = format!("'{}' is not the id of a runbook", one_line(&id, 40));
        reader.faults.add("bad-id", place.at.clone(), message);
        return None;
    }
    let mut inputs = BTreeMap::new();
    if let Some(given) = fields.get("inputs").and_then(|node| Fields::of(node, "'inputs'", reader.faults)) {
        for (key, value) in given.entries() {
            let Some(name) = key.key() else { continue };
            if value.text().is_some() {
                reader.template(value, "an input", "an input of a sub-runbook");
            } else if value.is_unquoted_template(reader.faults.source())
                || matches!(value.value, Value::List(_) | Value::Map(_))
            {
                read::wrong_type(value, "an input takes text, a number, or true or false", reader.faults);
            }
            inputs.insert(name, value.to_json());
        }
    }
    Some(SubRunbook { id, inputs })
}
