//! Stories of targets and of what becomes of an action's parameters.

use serde_json::{Map, json};

use super::inventory::Inventory;
use super::inventory_file::{Inventories, SecretFrom, parse};
use super::resolve::{ResolveError, base_scope, resolve};
use super::{Action, ActionSpec, Kind};
use crate::base::expr::Scope;
use crate::base::secret::reference;
use crate::domain::source::fault::render;

const TARGETS: &str = include_str!("../../runbook/tests/targets.yaml");

fn inventories() -> Inventories {
    let variables = |name: &str| match name {
        "API_URL" => Some("https://api.example/v1/".to_owned()),
        "BACKEND_SERVICE" => Some("s-backend".to_owned()),
        _ => None,
    };
    parse(TARGETS, &variables).unwrap()
}

fn production() -> Inventory {
    inventories().environment(Some("production")).unwrap().clone()
}

fn scope() -> Scope {
    let inputs = Map::from_iter([("count".to_owned(), json!(3))]);
    base_scope(&inputs, &production()).with("steps", json!({"tomar": {"spool": "S-1", "odd": reference("api_key")}}))
}

fn resolved(kind: Kind, params: serde_json::Value) -> Result<Action, ResolveError> {
    resolve(&ActionSpec { kind, params }, &scope(), &production())
}

#[test]
fn environments_share_what_the_operator_grants_and_keep_their_own_targets() {
    let found = inventories();
    assert_eq!(
        found.environments.iter().map(|one| one.environment.as_str()).collect::<Vec<_>>(),
        ["production", "staging"]
    );
    let (production, staging) = (production(), found.environment(Some("staging")).unwrap());
    assert_eq!(production.targets["backend"].url.as_deref(), Some("https://api.example/v1"));
    assert_eq!(production.targets["redis"].unset["railway.service"], "REDIS_SERVICE");
    assert_eq!(staging.targets["backend"].url.as_deref(), Some("http://127.0.0.1:8000"));
    assert_eq!((staging.zone.as_str(), staging.confirm, production.confirm), ("UTC", false, true));
    assert_eq!(production.secrets, staging.secrets);
    assert_eq!(found.secrets[0].from, SecretFrom::Variable("RAILWAY_TOKEN".into()));
    assert_eq!(found.environment(None).unwrap_err(), "choose an environment with --env: production, staging");
    assert!(found.environment(Some("prodution")).unwrap_err().ends_with("did you mean 'production'?"));
}

#[test]
fn faults_of_targets_are_told_and_never_quote_what_may_be_a_secret() {
    let source = "environments:\n  Prod:\n    zone: Europe/Madird\n    targets:\n      redis:\n        redis: redis://:hunter2@10.0.0.1\n        budget: { changes: 0, per: hour }\n        approval: { quorum: 2, approvers: [ana] }\n        railway: { project: p, servce: s, token: railway }\n  test:\n    targets:\n      redis:\n        redis: redis://:hunter2@10.0.0.1\n        budget: { changes: 0, per: hour }\n        approval: { quorum: 2, approvers: [ana] }\n        railway: { project: p, servce: s, token: railway }\nsecrets:\n  railway: { value: abc, hosts: [\"https://a.example\"] }\nprogram: {}\n";
    let faults = parse(source, &|_| None).unwrap_err();
    let shown = render(&faults, "targets.yaml", source, false);
    assert!(!shown.contains("hunter2"));
    insta::assert_snapshot!(shown);
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
