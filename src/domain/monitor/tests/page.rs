//! Reading `monitors.yaml`.

use super::super::load::{Known, environment, load};
use super::super::spec::Check;
use crate::base::schedule::Span;
use crate::domain::action::inventory::{Inventory, Target};
use crate::domain::source::fault::render;

const WHOLE: &str = r#"
environment: production
defaults:
  every: 30s
  on_failure: { severity: P2 }
monitors:
  redis:
    check: { redis.clients: { target: redis } }
    expect: [reachable, connected < 35]
  api-health:
    title: API health
    check: { http: { get: "{{target.backend.url}}/health" } }
    expect: [status == 200, body.operational == true]
    degraded_unless: ["latency_ms < 2000"]
    every: 15s
    timeout: 5s
    fail_for: 1m
    ok_for: 1m
    depends_on: [redis]
    maintenance: [{ cron: "0 3 * * sun", for: 1h, zone: America/Santiago, why: backups }]
    flapping: { changes: 4, within: 30m }
    on_failure: { severity: P1, post: true, page: true, declare: true, propose: redis-connections }
    slo: { uptime: 99.5%, p95: 2s, over: 30d }
  errors:
    check: { railway.logs: { target: backend, text: "Too many connections" } }
  nightly-backup:
    heartbeat: { every: 24h, grace: 1h }
"#;

fn inventory() -> Inventory {
    let mut inventory = Inventory { environment: "production".into(), zone: "UTC".into(), ..Inventory::default() };
    let unset = |field: &str| [(field.to_owned(), "SOME_VARIABLE".to_owned())].into();
    let backend = Target { url: Some("http://api.example".into()), unset: unset("railway"), ..Target::default() };
    let redis = Target { redis: Some("redis_url".into()), ..Target::default() };
    inventory.targets.extend([("backend".to_owned(), backend), ("redis".to_owned(), redis)]);
    inventory
}

fn faults(source: &str) -> String {
    let inventory = inventory();
    let runbooks = ["redis-connections".to_owned()];
    let known = Known { inventory: Some(&inventory), runbooks: Some(&runbooks) };
    render(&load(source, known).unwrap_err(), "monitors.yaml", source, false)
}

#[test]
fn the_whole_shape_is_read() {
    let inventory = inventory();
    let monitors = load(WHOLE, Known { inventory: Some(&inventory), runbooks: None }).unwrap();
    assert_eq!(
        (monitors.environment.as_deref(), environment(WHOLE).as_deref()),
        (Some("production"), Some("production"))
    );
    let api = &monitors.all["api-health"];
    assert_eq!(
        (api.title.as_str(), api.every, api.depends_on.as_slice()),
        ("API health", Span::seconds(15), &["redis".to_owned()][..])
    );
    assert_eq!(api.target.as_deref(), Some("backend"), "whose URL it asks");
    let redis = &monitors.all["redis"];
    assert_eq!(
        (redis.every, redis.target.as_deref()),
        (Span::seconds(30), Some("redis")),
        "defaults; the target it names"
    );
    let Check::Probe(errors) = &monitors.all["errors"].check else { panic!() };
    assert_eq!(errors.expect[0].source(), "matched == 0", "a forbidden text that is found is a failure");
    assert_eq!(monitors.all["nightly-backup"].check, Check::Heartbeat { grace: Span::seconds(3600) });
}

#[test]
fn the_example_of_the_page_is_one() {
    let page = include_str!("../../../../docs/monitors.md");
    let (_, behind) = page.split_once("```yaml monitors\n").unwrap();
    let (example, _) = behind.split_once("```").unwrap();
    let inventory = inventory();
    let runbooks = ["redis-connections".to_owned()];
    let monitors = load(example, Known { inventory: Some(&inventory), runbooks: Some(&runbooks) });
    let monitors = monitors.unwrap_or_else(|faults| panic!("{}", render(&faults, "docs/monitors.md", example, false)));
    assert_eq!(monitors.all.len(), 5);
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    insta::assert_snapshot!(faults(
        r#"monitors:
  api:
    target: bakend
    check: { http: { post: "{{target.bakend.url}}/x", json: {} } }
    expect: [statsu == 200, "body.ok =="]
    degraded: ["latency_ms < 2000"]
    every: 5s
    timeout: 5s
    depends_on: [redsi]
    on_failure: { propose: redis-conections }
  redis: { check: { redis.clients: { target: redis } }, depends_on: [queue] }
  queue: { check: { http: { get: "{{inputs.url}}" } }, depends_on: [redis], slo: { uptime: 100% } }
  Bad Name: { heartbeat: { every: 1h } }
  both: { heartbeat: { every: 1h }, check: { http: { get: "https://x.example" } } }
  none: {}
  beat: { heartbeat: { every: 1h }, fail_for: 1m }
  secret: { check: { http: { get: "https://x.example/{{secret.token}}" } } }
"#
    ));
}
