//! Discord's own OpenAPI document, which lives outside this repository: `DISCORD_OPENAPI` names it. Every request of the
//! bot is held against it: route, query and body, with no keys that the document does not know.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

use super::limits::Finding;
use super::rest::{Asked, Route};

const BASE: &str = "json-schema:///discord";
const MAX_FINDINGS: usize = 5;

struct Document {
    content: Value,
    registry: Registry<'static>,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

static DOCUMENT: LazyLock<Option<Document>> = LazyLock::new(|| {
    let path = std::env::var_os("DISCORD_OPENAPI")?;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut content: Value = serde_json::from_str(&text).expect("an OpenAPI document is JSON");
    close(&mut content["components"]["schemas"]);
    close(&mut content["paths"]);
    let registry = Registry::new()
        .draft(Draft::Draft202012)
        .add(BASE, content.clone())
        .and_then(jsonschema::RegistryBuilder::prepare)
        .expect("a document that can be referred to");
    Some(Document { content, registry, validators: Mutex::default() })
});

/// Whether there is a document to hold requests against.
pub fn is_at_hand() -> bool {
    DOCUMENT.is_some()
}

/// Routes that the document does not have.
pub fn unknown(routes: &[Route]) -> Vec<&str> {
    let Some(document) = DOCUMENT.as_ref() else { return Vec::new() };
    routes.iter().filter(|route| document.operation(route).is_none()).map(|route| route.path).collect()
}

/// Holds a request against the document; nothing is found where there is none.
pub fn check(route: &Route, asked: &Asked) -> Vec<Finding> {
    let Some(document) = DOCUMENT.as_ref() else { return Vec::new() };
    let Some(operation) = document.operation(route) else {
        return vec![("/".to_owned(), "Discord's document has no such route".to_owned())];
    };
    let mut findings = Vec::new();
    let shared = &document.content["paths"][route.path]["parameters"];
    let declared =
        [shared, &operation["parameters"]].into_iter().flat_map(|list| list.as_array().into_iter().flatten());
    let names: Vec<_> = declared.filter(|one| one["in"] == "query").map(|one| &one["name"]).collect();
    for name in asked.query.keys().filter(|name| !names.contains(&&json!(name))) {
        findings.push((format!("?{name}"), "is no parameter of this route".to_owned()));
    }
    let Some(validator) = document.validator(route, operation) else { return findings };
    let body = as_the_document_has_it(&asked.body);
    let errors = validator.iter_errors(&body).take(MAX_FINDINGS);
    findings.extend(errors.map(|error| (error.instance_path().as_str().to_owned(), short(&error.to_string()))));
    findings
}

impl Document {
    fn operation(&self, route: &Route) -> Option<&Value> {
        self.content["paths"].get(route.path)?.get(route.method.to_lowercase())
    }

    fn validator(&self, route: &Route, operation: &Value) -> Option<Arc<Validator>> {
        operation.pointer("/requestBody/content/application~1json/schema")?;
        let method = route.method.to_lowercase();
        let place = route.path.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D");
        let reference = format!("{BASE}#/paths/{place}/{method}/requestBody/content/application~1json/schema");
        let mut validators = self.validators.lock().expect("validators");
        let build = || {
            let validator = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .with_registry(&self.registry)
                .build(&json!({ "$ref": reference }))
                .unwrap_or_else(|error| panic!("{} {}: {error}", route.method, route.path));
            Arc::new(validator)
        };
        Some(Arc::clone(validators.entry(reference.clone()).or_insert_with(build)))
    }
}

/// Forbids keys that a schema does not name: the document rarely does so itself, and a misspelt key does nothing.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object) && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// Serenity 0.12 writes two things otherwise than the document says, and Discord takes both:
/// `default_member_permissions` is a text instead of a number, the `id` of an attachment a number instead of a text.
fn as_the_document_has_it(body: &Value) -> Value {
    let mut body = body.clone();
    rewrite(&mut body);
    body
}

fn rewrite(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(permissions) = object.get_mut("default_member_permissions")
                && let Some(number) = permissions.as_str().and_then(|text| text.parse::<u64>().ok())
            {
                *permissions = json!(number);
            }
            for attachment in object.get_mut("attachments").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(id) = attachment["id"].as_u64() {
                    attachment["id"] = json!(id.to_string());
                }
            }
            object.values_mut().for_each(rewrite);
        }
        Value::Array(list) => list.iter_mut().for_each(rewrite),
        _ => {}
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 300;
    let text = text.replace('\n', " ");
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).collect::<String>() + " …" }
}
