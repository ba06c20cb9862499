//! Requests held against what the backend says of itself, at the real backend: the 422 that puzzled everybody in the outage is
//! a sentence before anything is sent.

use serde_json::Value;

use crate::rundown::Desk;
use crate::world::railway::Service;
use crate::world::{Config, World};

const OPENAPI: &str = include_str!("../../runbooks/openapi.json");

const TARGETS: &str = "environments:
  test:
    targets:
      backend:
        url: { env: BACKEND_URL }
        contract: openapi.json
";

const PAGE: &str = r#"---
id: spool
inputs:
  date: { type: text, default: "" }
---
# One spool through its day

## Do it

### Take it
```yaml rundown
id: tomar
http:
  post: "{{target.backend.url}}/api/occupation/tomar"
  json: { tag_spool: TEST-02, worker_id: 93, worker_nombre: MR(93), operacion: ARM }
on_failure: stop
```

### Finish it
```yaml rundown
id: completar
http:
  post: "{{target.backend.url}}/api/occupation/completar"
  json: { tag_spool: TEST-02, worker_id: 93, operacion: ARM, fecha_operacion: "{{inputs.date}}" }
on_failure: stop
```

### Look back
```yaml rundown
id: history
http: { get: "{{target.backend.url}}/api/history/TEST-02?limit=10" }
on_failure: stop
```
"#;

fn desk(url: &str, openapi: &str, page: &str) -> Desk {
    let mut desk = Desk::with_pages(&[("targets.yaml", TARGETS), ("openapi.json", openapi), ("spool.md", page)]);
    desk.set("BACKEND_URL", url);
    desk
}

fn finished(desk: &Desk, step: &str) -> Value {
    let events = desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    let of_step = |event: &&Value| event["kind"] == "step.finished" && event["body"]["step"] == step;
    events.iter().rev().find(of_step).map_or(Value::Null, |event| event["body"].clone())
}

#[test]
fn what_the_backend_would_refuse_is_not_sent() {
    let world = World::start(Config::default());
    let desk = desk(&world.url(), OPENAPI, PAGE);
    desk.rundown(&["run", "spool", "--json", "--yes"]).exits(1);
    assert_eq!(finished(&desk, "tomar")["facts"]["contract"]["ok"], true);
    let failed = finished(&desk, "completar");
    assert_eq!(
        failed["summary"],
        "not sent: body.fecha_operacion is \"\"; POST /api/occupation/completar takes a date, YYYY-MM-DD"
    );
    let asked = || world.log(Service::Backend).iter().filter(|line| line.contains("/api/occupation/completar")).count();
    assert_eq!(asked(), 0, "the backend never heard of it");

    // A step may take itself out: then only the backend says what it thinks.
    let again = PAGE.replace("operacion: ARM }\non_failure", "operacion: ARM }\n  contract: none\non_failure");
    std::fs::write(desk.path().join("runbooks/again.md"), again.replace("id: spool", "id: again")).expect("a page");
    let run = ["run", "again", "--json", "--yes", "--incident", "inc-1"];
    desk.rundown(&run).exits(1);
    assert!(finished(&desk, "tomar")["summary"].as_str().is_some_and(|text| text.starts_with("409")));
    desk.rundown(&[
        "do",
        "http",
        "post={{target.backend.url}}/api/occupation/completar",
        "json.tag_spool=TEST-02",
        "json.worker_id=93",
        "json.fecha_operacion=2026-01-30",
        "--json",
        "--yes",
        "--incident",
        "inc-1",
    ])
    .exits(0);
    assert_eq!(asked(), 1);
    let history = [
        "do",
        "http",
        "get={{target.backend.url}}/api/history/TEST-02?limit=10",
        "--json",
        "--yes",
        "--incident",
        "inc-1",
    ];
    desk.rundown(&history).exits(0);
}

#[test]
fn a_run_is_held_to_the_contract_it_was_planned_with() {
    let world = World::start(Config::default());
    let page = PAGE.replace("## Do it\n", "## Do it\n\n### Look at the board\nIs the spool free?\n");
    let desk = desk(&world.url(), OPENAPI, &page);
    desk.rundown(&["run", "spool", "--json", "--yes"]).exits(3);
    std::fs::remove_file(desk.path().join("runbooks/openapi.json")).expect("gone");
    desk.rundown(&["done"]).exits(0);
    desk.rundown(&["run", "--resume", "--json", "--yes"]).exits(1);
    assert_eq!(finished(&desk, "tomar")["facts"]["contract"]["operation"], "POST /api/occupation/tomar");
    let summary = finished(&desk, "completar")["summary"].as_str().unwrap_or_default().to_owned();
    assert!(summary.starts_with("not sent: body.fecha_operacion"), "{summary}");
}

#[test]
fn an_answer_that_is_not_what_was_promised_fails_the_step_unless_the_step_speaks_of_it() {
    let world = World::start(Config::default());
    let mut promised: Value = serde_json::from_str(OPENAPI).expect("JSON");
    promised["components"]["schemas"]["Health"]["required"] = serde_json::json!(["status", "operational", "version"]);
    let page = |more: &str| {
        format!(
            "# Look\n\n## Look\n\n### Look\n```yaml rundown\nid: look\nhttp: {{ get: \"{{{{target.backend.url}}}}/api/health\" }}\n{more}on_failure: stop\n```\n"
        )
    };
    let desk = desk(&world.url(), &promised.to_string(), &page(""));
    desk.rundown(&["run", "spool", "--json", "--yes"]).exits(1);
    let summary = finished(&desk, "look")["summary"].as_str().unwrap_or_default().to_owned();
    assert!(summary.ends_with("; the answer lacks 'version', which GET /api/health promises"), "{summary}");

    let own = page("expect: [status == 200, \"size(contract.findings) == 1\"]\n");
    std::fs::write(desk.path().join("runbooks/own.md"), own).expect("a page");
    desk.rundown(&["run", "own", "--json", "--yes", "--incident", "inc-1"]).exits(0);
    assert_eq!(finished(&desk, "look")["facts"]["contract"]["ok"], false);
}

#[test]
fn a_check_says_what_will_not_fit_where_it_stands() {
    let page = PAGE
        .replace(", fecha_operacion: \"{{inputs.date}}\"", "")
        .replace("worker_id: 93, worker_nombre", "worker_id: nobody, worker_nombre")
        .replace("/api/history/TEST-02", "/api/histories/{{steps.tomar.status}}");
    let desk = desk("http://127.0.0.1:9", OPENAPI, &page);
    let said = desk.rundown(&["check", "spool"]).exits(1);
    insta::assert_snapshot!(said.out.replace(&desk.path().display().to_string(), ""));

    // A contract that a step names itself, and that is not there; one of a target is a fault of targets.yaml.
    let own = PAGE.replace("operacion: ARM }\non_failure", "operacion: ARM }\n  contract: other.json\non_failure");
    std::fs::write(desk.path().join("runbooks/spool.md"), own).expect("a page");
    let said = desk.rundown(&["check", "spool"]).exits(1).out;
    assert!(said.contains("the contract 'other.json' cannot be used: there is no file"), "{said}");
    assert!(said.contains("spool.md:16:13"), "{said}");
    std::fs::write(desk.path().join("runbooks/openapi.json"), "{\"swagger\": \"2.0\"}").expect("a document");
    let said = desk.rundown(&["check", "spool"]).exits(2).err;
    assert!(said.contains("targets.yaml:6:19") && said.contains("no OpenAPI 3.0 or 3.1"), "{said}");
}
