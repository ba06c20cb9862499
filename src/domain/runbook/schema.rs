//! The JSON Schema of a block, for editors.
//!
//! Lives here: [`block`]. The kinds' own parts come from their types; what only the reader of a block knows is written here.
//! Never lives here: checking (an editor's schema is a help, `rundown check` is the judge).

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::block::{FLOW_KINDS, OPTIONS};
use crate::domain::action::{Kind, exec, http, railway, redis};

/// The schema of a `yaml rundown` block, draft 2020-12.
#[must_use]
pub fn block() -> Value {
    let mut generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut properties = Map::new();
    for kind in Kind::ALL {
        properties.insert(kind.key().to_owned(), action(kind, &mut generator));
    }
    let actions: Map<String, Value> = properties.clone();
    for key in OPTIONS {
        properties.insert(key.to_owned(), option(key));
    }
    for key in FLOW_KINDS {
        properties.insert(key.to_owned(), flow(key, &actions));
    }
    let kinds: Vec<&str> = Kind::ALL.map(Kind::key).into_iter().chain(FLOW_KINDS).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A step of a Rundown runbook",
        "description": "The YAML of a block whose info string is `yaml rundown`. At most one kind; none is a manual step.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "not": { "anyOf": pairs(&kinds) },
    })
}

/// Two kinds in one block.
fn pairs(kinds: &[&str]) -> Vec<Value> {
    let mut pairs = Vec::new();
    for (index, one) in kinds.iter().enumerate() {
        pairs.extend(kinds[index + 1..].iter().map(|two| json!({ "required": [one, two] })));
    }
    pairs
}

fn action(kind: Kind, generator: &mut SchemaGenerator) -> Value {
    fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
        T::json_schema(generator).to_value()
    }
    match kind {
        Kind::Http => of::<http::Spec>(generator),
        Kind::RailwayRestart | Kind::RailwayRedeploy => {
            let mut schema = of::<railway::ChangeSpec>(generator);
            // Only a rollback goes `to` somewhere.
            if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
                properties.remove("to");
            }
            schema
        }
        Kind::RailwayRollback => of::<railway::ChangeSpec>(generator),
        Kind::RailwayLogs => of::<railway::LogsSpec>(generator),
        Kind::RailwayDeployments => of::<railway::DeploymentsSpec>(generator),
        Kind::RedisClients => of::<redis::Spec>(generator),
        Kind::Exec => of::<exec::Spec>(generator),
    }
}

fn duration(about: &str) -> Value {
    json!({ "type": "string", "description": about, "examples": ["500ms", "15s", "1h30m", "{{inputs.NAME}}"] })
}

fn condition(about: &str) -> Value {
    json!({ "type": ["string", "boolean", "number"], "description": about })
}

fn object(about: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object", "description": about, "additionalProperties": false,
        "required": required, "properties": properties,
    })
}

fn conditions(about: &str) -> Value {
    json!({ "type": "object", "description": about, "additionalProperties": condition("A CEL expression.") })
}

fn step(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn option(key: &str) -> Value {
    match key {
        "id" => json!({
            "type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$",
            "description": "Its name where anything refers to it.",
        }),
        "when" => condition("Runs only if this CEL expression holds."),
        "expect" => json!({
            "description": "What the answer must satisfy; every one is judged.",
            "anyOf": [condition("One."), { "type": "array", "items": condition("One of several.") }],
        }),
        "save" => conditions("Values kept as steps.ID.NAME."),
        "retry" => json!({ "description": "How failures are repeated.", "anyOf": [
            object("A number of tries.", &["attempts"], json!({
                "attempts": { "type": "integer", "minimum": 2, "maximum": 100 },
                "delay": duration("Before the second try. Default 5s."),
                "factor": { "type": "number", "minimum": 1, "maximum": 10 },
                "max_delay": duration("No delay is longer."),
            })),
            object("For a while.", &["for", "every"], json!({ "for": duration("How long."), "every": duration("How often.") })),
        ]}),
        "timeout" => duration("How long one stage of an attempt may take."),
        "approval" => json!({ "description": "Who must agree first.", "anyOf": [{ "type": "boolean" },
            object("Details.", &[], json!({
                "quorum": { "type": "integer", "minimum": 1, "maximum": 5 },
                "within": duration("How long the question stays good. Default 15m."),
                "on_timeout": { "enum": ["page", "fail"] },
            })),
        ]}),
        "always" => object(
            "Runs whatever happens, once that step was started.",
            &["after"],
            json!({ "after": step("The step.") }),
        ),
        "undo" => step("The step that this one takes back. Offered, never automatic."),
        "during" => step("The watch during which this step runs."),
        "each" => {
            json!({ "type": "array", "minItems": 1, "maxItems": 100, "description": "One step for each item, visible as each." })
        }
        "idempotent" => json!({ "type": "boolean", "description": "Doing it twice is the same as once." }),
        "on_failure" => step("ask (default), continue, stop, or a later step."),
        _ => json!({ "enum": ["probe", "ask"], "description": "What happens when its outcome is unknown." }),
    }
}

fn flow(key: &str, actions: &Map<String, Value>) -> Value {
    match key {
        "watch" => watch(actions),
        "wait" => json!({ "description": "Lets time pass.", "anyOf": [
            object("A length of time.", &["for"], json!({ "for": duration("How long.") })),
            object("A moment.", &["until"], json!({
                "until": { "type": "string", "description": "A cron expression of five fields." },
                "zone": { "type": "string", "description": "An IANA time zone." },
            })),
        ]}),
        "ask" => object(
            "Asks a person for a value, kept as steps.ID.answer.",
            &["question"],
            json!({
                "question": { "type": "string" },
                "type": { "enum": ["text", "number", "bool", "duration", "choice"] },
                "choices": { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 25 },
                "deadline": duration("After how long people are told again."),
            }),
        ),
        "decide" => decide(),
        "set" => conditions("Values kept as steps.ID.NAME."),
        "notify" => json!({ "description": "Tells people something.", "anyOf": [{ "type": "string" },
            object("The same.", &["text"], json!({ "text": { "type": "string" } }))] }),
        _ => object(
            "Another runbook.",
            &["id"],
            json!({
                "id": { "type": "string" },
                "inputs": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
            }),
        ),
    }
}

fn decide() -> Value {
    let case = object(
        "A branch.",
        &["id"],
        json!({
            "id": { "type": "string" }, "label": { "type": "string" },
            "when": condition("Recommended only if this holds."),
            "go": step("next, stop or a later step."), "redo": step("An earlier step."),
            "max": { "type": "integer", "minimum": 1, "maximum": 20 },
        }),
    );
    let deadline = json!({ "anyOf": [duration("After the question."),
        object("From another moment.", &["after"], json!({
            "from": { "enum": ["asked", "run.started", "incident.started"] }, "after": duration("How long after."),
        })),
    ]});
    let take = object("A case that changes nothing.", &["take"], json!({ "take": { "type": "string" } }));
    object(
        "Asks a person for a branch.",
        &["cases"],
        json!({
            "deadline": deadline,
            "on_timeout": { "anyOf": [{ "const": "page" }, take] },
            "cases": { "type": "array", "items": case, "minItems": 1, "maxItems": 20 },
        }),
    )
}

fn watch(actions: &Map<String, Value>) -> Value {
    let limit = object(
        "A limit.",
        &["that"],
        json!({
            "that": condition("Over the names of series."),
            "breach_after": { "type": "integer", "minimum": 1, "maximum": 1000 },
            "level": { "enum": ["warn", "fail"] },
        }),
    );
    let limits = json!({ "anyOf": [condition("A limit."), limit] });
    let logs = object(
        "A text that must not be in a log.",
        &["railway", "text"],
        json!({
            "railway": actions.get(Kind::RailwayLogs.key()), "text": { "type": "string" }, "every": duration("How often. Default 1m."),
        }),
    );
    let sample = json!({ "type": "object", "additionalProperties": false, "properties": actions, "minProperties": 1, "maxProperties": 1 });
    object(
        "Observes for a while.",
        &["for", "every", "sample", "series"],
        json!({
            "for": duration("How long."), "every": duration("How often a sample is taken."),
            "sample": sample, "series": conditions("Numbers taken from a sample's answer."),
            "expect": { "anyOf": [limits.clone(), { "type": "array", "items": limits }] },
            "forbid_logs": { "anyOf": [logs.clone(), { "type": "array", "items": logs }] },
            "min_coverage": { "type": ["string", "number"], "description": "Share of the samples that must come in: 95%." },
            "stop_on_breach": { "type": "boolean" },
        }),
    )
}
