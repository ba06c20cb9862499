//! Stories of what becomes of an action's parameters.

use serde_json::{Map, json};

use super::inventory::Inventory;
use super::inventory::load::load;
use super::resolve::{ResolveError, base_scope, resolve};
use super::{Action, ActionSpec, Kind};
use crate::base::expr::Scope;
use crate::base::secret::reference;

const TARGETS: &str = include_str!("../../runbook/tests/targets.yaml");

fn production() -> Inventory {
    let variables = |name: &str| match name {
        "API_URL" => Some("https://api.example/v1/".to_owned()),
        "BACKEND_SERVICE" => Some("s-backend".to_owned()),
        _ => None,
    };
    load(TARGETS, "targets.yaml", &variables).unwrap().pick(Some("production")).unwrap().clone()
}

fn scope() -> Scope {
    let inputs = Map::from_iter([("count".to_owned(), json!(3))]);
    base_scope(&inputs, &production()).with("steps", json!({"tomar": {"spool": "S-1", "odd": reference("api_key")}}))
}

fn resolved(kind: Kind, params: serde_json::Value) -> Result<Action, ResolveError> {
    resolve(&ActionSpec { kind, params }, &scope(), &production())
}

#[test]
fn a_request_is_rendered_typed_and_belongs_to_the_target_of_its_url() {
    let params = json!({
        "post": "{{target.backend.url}}/tomar",
        "headers": {"X-Key": "{{secret.api_key}}"},
        "json": {"spool": "{{steps.tomar.spool}}", "count": "{{inputs.count}}", "text": "n={{inputs.count}}"},
    });
    let Action::Http(request) = resolved(Kind::Http, params).unwrap() else { panic!() };
    assert_eq!((request.url.as_str(), request.target.as_deref()), ("https://api.example/v1/tomar", Some("backend")));
    assert_eq!(request.json, Some(json!({"spool": "S-1", "count": 3, "text": "n=3"})));
    assert_eq!(request.headers["X-Key"], reference("api_key"));
    let Action::Http(other) = resolved(Kind::Http, json!({"get": "https://api.example/v10"})).unwrap() else {
        panic!()
    };
    assert_eq!(other.target, None);
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let said = |kind, params| resolved(kind, params).unwrap_err().to_string();
    let all = [
        said(Kind::RailwayRestart, json!({"target": "redis"})),
        said(Kind::RedisClients, json!({"target": "backend"})),
        said(Kind::RedisClients, json!({"target": "cache"})),
        said(Kind::Http, json!({"get": "{{target.redis.url}}/x"})),
        said(Kind::Http, json!({"get": "{{target.backend.url}}/{{steps.later.id}}"})),
        said(Kind::RailwayRestart, json!({"target": "backend", "ready_within": "{{inputs.count}}"})),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_reply_that_spells_a_secret_s_reference_does_not_get_the_secret() {
    for params in [
        json!({"post": "https://api.example/", "json": {"a": "{{steps.tomar.odd}}"}}),
        json!({"post": "https://api.example/", "body": "x {{steps.tomar.odd}}"}),
        json!({"get": "https://api.example/", "headers": {"A": "{{steps.tomar.odd}}"}}),
    ] {
        assert!(resolved(Kind::Http, params).unwrap_err().to_string().contains("reads like the reference of a secret"));
    }
    let error = resolved(Kind::Exec, json!({"argv": ["python3", "{{secret.api_key}}"]})).unwrap_err();
    assert_eq!(error.to_string(), "argv[1]: a secret may not stand here");
}
