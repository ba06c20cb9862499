//! Contracts against requests and answers, told as stories; and held to never falling over anything.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::operation::Body;
use super::*;

/// What a FastAPI backend says of itself; the real one of the tests answers to it.
const DOCUMENT: &str = include_str!("../../../../runbooks/openapi.json");

fn contract() -> Contract {
    Contract::read(DOCUMENT).unwrap()
}

fn texts(findings: Vec<Finding>) -> Vec<String> {
    findings.into_iter().map(|finding| finding.text).collect()
}

fn post(path: &str, body: &Value) -> Vec<String> {
    let contract = contract();
    let asked = Asked::of(&format!("https://spools.test{path}"));
    let operation = contract.operation(Method::Post, &asked).unwrap().unwrap();
    texts(operation.request(&asked, Body::Json(body)).unwrap())
}

#[test]
fn the_422_of_the_outage_is_told_before_it_is_sent() {
    let body = json!({"tag_spool": "TEST-02", "worker_id": 93, "worker_nombre": "MR(93)", "operacion": "ARM"});
    let lacks = "body lacks 'fecha_operacion', which POST /api/occupation/completar needs";
    assert_eq!(post("/api/occupation/completar", &body), [lacks]);
    let mut body = body;
    body["fecha_operacion"] = json!("yesterday");
    body["worker_id"] = json!("93");
    body["operacion"] = json!("ARN");
    let mut said = post("/api/occupation/completar", &body);
    said.sort();
    assert_eq!(
        said,
        [
            "body.fecha_operacion is \"yesterday\"; POST /api/occupation/completar takes a date, YYYY-MM-DD",
            "body.operacion is \"ARN\", which fits none of the shapes that POST /api/occupation/completar takes",
            "body.worker_id is \"93\"; POST /api/occupation/completar takes a whole number",
        ]
    );
    body = json!({"tag_spool": "TEST-02", "worker_id": 93, "operacion": "ARN"});
    assert_eq!(
        post("/api/occupation/tomar", &body),
        ["body.operacion is \"ARN\"; POST /api/occupation/tomar takes one of ARM, SOLD, METROLOGIA"]
    );
}

#[test]
fn a_request_that_is_no_operation_is_told_what_there_is() {
    let contract = contract();
    let why = |method, url: &str| contract.operation(method, &Asked::of(url)).unwrap_err();
    assert_eq!(
        why(Method::Post, "https://spools.test/api/occupation/completer"),
        "the contract has no path /api/occupation/completer; did you mean /api/occupation/completar?"
    );
    assert_eq!(
        why(Method::Post, "https://spools.test/api/health?x=1"),
        "the contract knows /api/health for GET, not for POST"
    );
    let found = |method, url: &str| contract.operation(method, &Asked::of(url)).unwrap().unwrap().name().to_owned();
    assert_eq!(found(Method::Get, "https://spools.test/api/history/TEST%2F02"), "GET /api/history/{tag_spool}");
    assert_eq!(found(Method::Head, "http://spools.test:8000/api/health"), "HEAD /api/health");
}

#[test]
fn parameters_are_values_that_a_url_spells() {
    let contract = contract();
    let said = |url: &str| {
        let asked = Asked::of(url);
        texts(contract.operation(Method::Get, &asked).unwrap().unwrap().request(&asked, Body::None).unwrap())
    };
    assert!(said("http://a.test/api/history/12?limit=5").is_empty(), "12 is text as well");
    assert_eq!(
        said("http://a.test/api/history/T?limit=many"),
        ["the query parameter 'limit' is \"many\"; GET /api/history/{tag_spool} takes a whole number"]
    );
    let told = said("http://a.test/api/history/T?limit=0");
    assert!(told[0].contains("'limit' is 0"), "{told:?}");
}

#[test]
fn an_answer_is_held_to_what_was_promised() {
    let contract = contract();
    let operation = contract.operation(Method::Get, &Asked::of("http://a.test/api/redis-health")).unwrap().unwrap();
    let said = |status, body: Value| texts(operation.response(status, Some(&body)).unwrap());
    assert!(said(200, json!({"status": "healthy", "operational": true})).is_empty());
    assert_eq!(
        said(200, json!({"status": "healthy"})),
        ["the answer lacks 'operational', which GET /api/redis-health promises"]
    );
    assert_eq!(
        said(418, json!({})),
        ["the answer has status 418, which GET /api/redis-health does not promise (it lists 200, 503)"]
    );
    assert_eq!(said(200, json!("<html>")), ["the answer is \"<html>\"; GET /api/redis-health promises an object"]);
}

#[test]
fn what_is_not_known_before_a_run_is_not_judged() {
    let contract = contract();
    let found = |text: &str, base| contract.operation(Method::Get, &Asked::of_template(text, base));
    let known = found("{{target.backend.url}}/api/history/{{inputs.tag}}", None).unwrap().unwrap();
    assert_eq!(known.name(), "GET /api/history/{tag_spool}");
    assert!(found("{{target.backend.url}}/api/{{inputs.what}}", None).unwrap().is_none(), "several could be meant");
    assert!(found("{{target.backend.url}}/histories/{{inputs.tag}}", None).is_err());
}

fn small(document: Value) -> Result<Vec<String>, String> {
    let contract = Contract::read(&document.to_string())?;
    let asked = Asked::of("http://a.test/v2/node");
    let operation = contract.operation(Method::Post, &asked)?.ok_or("several")?;
    operation.request(&asked, Body::Json(&json!({"value": 1}))).map(texts)
}

fn with_schema(version: &str, schema: Value, schemas: Value) -> Value {
    let content = json!({"application/json": {"schema": schema}});
    json!({
        "openapi": version,
        "servers": [{"url": "https://api.test/v2/"}],
        "paths": {"/node": {"post": {"requestBody": {"content": content}}}},
        "components": {"schemas": schemas},
    })
}

#[test]
fn references_stay_inside_and_never_go_in_circles() {
    let node = json!({"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}});
    let circle = with_schema("3.1.0", json!({"$ref": "#/components/schemas/Node"}), json!({"Node": node}));
    assert!(small(circle).unwrap_err().contains("leads back to itself"));
    let outside = with_schema("3.1.0", json!({"$ref": "https://evil.test/x.json#/Node"}), json!({}));
    assert!(small(outside).unwrap_err().contains("nothing is fetched"));
    let nowhere = with_schema("3.1.0", json!({"$ref": "#/components/schemas/Gone"}), json!({}));
    assert!(small(nowhere).unwrap_err().contains("leads nowhere"));
    // Twenty schemas, each with the next one twice, come to a million.
    let doubling: serde_json::Map<String, Value> = (0..20)
        .map(|n| {
            let next = json!({"$ref": format!("#/components/schemas/S{}", n + 1)});
            (format!("S{n}"), json!({"allOf": [next, next]}))
        })
        .chain([("S20".to_owned(), json!({"type": "object"}))])
        .collect();
    let doubled = with_schema("3.1.0", json!({"$ref": "#/components/schemas/S0"}), Value::Object(doubling));
    assert!(small(doubled).unwrap_err().contains("too much"));
}

#[test]
fn openapi_3_0_means_what_it_says() {
    let schema = json!({"type": "object", "properties": {
        "value": {"type": "integer", "minimum": 1, "exclusiveMinimum": true},
        "note": {"type": "string", "nullable": true},
    }});
    let said = small(with_schema("3.0.3", schema, json!({}))).unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("body.value is 1: "), "{said:?}");
    assert!(small(json!({"swagger": "2.0", "paths": {}})).unwrap_err().contains("OpenAPI 3.0 or 3.1"));
    let yaml = "openapi: 3.1.0\npaths:\n  /v2/node:\n    post:\n      responses:\n        200: { description: done }\n";
    let contract = Contract::read(yaml).unwrap();
    let operation = contract.operation(Method::Post, &Asked::of("http://a.test/v2/node")).unwrap().unwrap();
    assert!(operation.response(200, None).unwrap().is_empty());
    assert!(Contract::read("openapi: [").unwrap_err().starts_with("line 1"));
}

/// JSON in which keywords and references are likelier than chance has it.
fn anything() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "type",
        "$ref",
        "properties",
        "items",
        "allOf",
        "required",
        "enum",
        "pattern",
        "minimum",
        "format",
        "object",
        "string",
        "#/paths",
        "#/components/schemas/A",
        "#",
        "schema",
        "in",
        "query",
        "name",
        "default",
        "nullable",
        "(",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..4)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_and_no_body_make_it_panic(
        schema in anything(), shared in anything(), operation in anything(), body in anything(), status: u16, tail in "\\PC{0,12}",
    ) {
        let mut document = with_schema("3.1.0", schema.clone(), json!({"A": shared.clone()}));
        document["paths"]["/node"]["post"]["responses"] = json!({"default": {"content": {"application/json": {"schema": schema}}}});
        document["paths"]["/node"]["post"]["parameters"] = json!([{"name": "x", "in": "query", "schema": shared}, operation]);
        document["paths"]["/node/{x}"] = json!({"get": operation, "post": operation});
        let contract = Contract::read(&document.to_string()).unwrap();
        for url in ["http://a.test/v2/node?x=1".to_owned(), format!("http://a.test/v2/node/{tail}"), tail.clone()] {
            for asked in [Asked::of(&url), Asked::of_template(&url, None)] {
                if let Ok(Some(operation)) = contract.operation(Method::Post, &asked) {
                    drop(operation.request(&asked, Body::Json(&body)));
                    drop(operation.response(status, Some(&body)));
                }
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_documents_panic(text in "\\PC{0,200}", json in anything()) {
        drop(Contract::read(&text));
        drop(Contract::read(&json.to_string()));
        drop(Contract::read(&format!("openapi: 3.1.0\npaths: {text}")));
    }
}
