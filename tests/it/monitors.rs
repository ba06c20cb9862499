//! Monitors of the real program: a real server that goes bad and comes back.
#![allow(clippy::disallowed_methods, reason = "the server is outside the program and lives in real time")]

pub mod backend;
mod load;

use std::time::{Duration, Instant};

use serde_json::Value;

use self::backend::Backend;
use crate::discord::served::Served;
use crate::rundown::Desk;

const PAGE: &str = "---\nid: restart-api\ntitle: Restart the API\n---\n# Restart the API\n\n## Restart\n\n### Look at it\n\
                    ```yaml rundown\nid: look\nhttp: { get: \"{{target.api.url}}/health\" }\non_failure: continue\n```\n";

fn desk(backend: &Backend, monitors: &str) -> Desk {
    let targets =
        format!("environments:\n  production: {{ zone: UTC, targets: {{ api: {{ url: \"{}\" }} }} }}\n", backend.url());
    Desk::with_pages(&[("targets.yaml", &targets), ("monitors.yaml", monitors), ("restart-api.md", PAGE)])
}

/// The timeline of an incident, once it fits.
fn timeline(desk: &Desk, incident: &str, what: &str, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let said = desk.rundown(&["timeline", incident, "--json"]);
        let events = if said.code == 0 { said.events() } else { Vec::new() };
        if fits(&events) {
            return events;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "in vain: {what}\n{}\n{events:#?}", said.err);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["kind"].as_str()).collect()
}

fn has(events: &[Value], kind: &str) -> bool {
    kinds(events).contains(&kind)
}

const WATCHED: &str = "monitors:\n  api:\n    title: The API\n    check: { http: { get: \"{{target.api.url}}/health\" } }\n    \
                       expect: [status == 200, body.operational == true]\n    every: 1s\n    fail_for: 1s\n    ok_for: 1s\n    \
                       on_failure: { severity: P1, declare: true, propose: restart-api }\n";

#[test]
fn a_server_that_goes_bad_is_an_incident_with_what_was_seen_and_its_recovery_stands_in_the_timeline() {
    let backend = Backend::start();
    let desk = desk(&backend, WATCHED);
    let bot = Served::alone(&desk);
    backend.until_asked(3);
    desk.rundown(&["incident", "show", "inc-1"]).exits(2);

    backend.breaks();
    let declared = timeline(&desk, "inc-1", "it is declared", |events| has(events, "monitor.alerted"));
    assert_eq!(kinds(&declared), ["incident.declared", "evidence.found", "monitor.alerted"]);
    let body = &declared[0]["body"];
    assert_eq!((&body["title"], &body["severity"]), (&Value::from("The API is failing"), &Value::from("P1")));
    let found = &declared[1]["body"];
    let seen = found["found"].as_str().expect("what was seen");
    assert!(seen.contains("503 in ") && seen.contains("not so: status == 200"), "{seen}");
    assert_eq!(found["implication"], "the runbook restart-api is for this");

    // Another process takes over in the middle of it: nobody is told again.
    bot.kill();
    let asked = backend.asked();
    let _bot = Served::alone(&desk);
    backend.until_asked(asked + 5);
    desk.rundown(&["incident", "ack", "inc-1"]).exits(0);
    backend.heals();
    let over = timeline(&desk, "inc-1", "it recovers", |events| {
        kinds(events).ends_with(&["monitor.recovered", "monitor.alerted"])
    });
    assert_eq!(over.len(), 6, "{over:#?}");
    let shown = desk.rundown(&["incident", "list"]).exits(0);
    assert!(
        shown.out.contains("inc-1") && !shown.out.contains("inc-2"),
        "somebody works on it, so it stays open until they say so: {}",
        shown.out
    );

    // The same trouble again while it is open is the same incident.
    backend.breaks();
    let again = timeline(&desk, "inc-1", "the second alarm", |events| {
        kinds(events).iter().filter(|kind| **kind == "evidence.found").count() == 2
    });
    assert!(!has(&again[4..], "incident.declared"));
}

#[test]
fn a_runbook_begins_by_itself_only_where_the_operator_wrote_so() {
    let backend = Backend::start();
    let start = "declare: true, start: { runbook: restart-api }";
    let desk = desk(&backend, &WATCHED.replace("declare: true, propose: restart-api", start));
    let _bot = Served::alone(&desk);
    backend.until_asked(1);
    backend.breaks();
    let events = timeline(&desk, "inc-1", "the run ended", |events| has(events, "run.finished"));
    assert!(!has(&events, "incident.acknowledged"), "what begins by itself is nobody who takes it on");
}

fn until(what: &str, fits: impl Fn() -> bool) {
    let began = Instant::now();
    while !fits() {
        assert!(began.elapsed() < Duration::from_secs(30), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn without_a_server_a_monitor_is_asked_once_and_its_faults_are_told() {
    let backend = Backend::start();
    let desk = desk(&backend, WATCHED);
    let tested = desk.rundown(&["monitor", "test"]).exits(0);
    assert!(tested.out.starts_with("✓ api: healthy: 200 in "), "{}", tested.out);
    backend.breaks();
    let tested = desk.rundown(&["monitor", "test", "api"]).exits(1);
    assert!(
        tested.out.contains("✗ api: failing: 503 in ") && tested.out.contains("not so: status == 200"),
        "{}",
        tested.out
    );
    let unknown = desk.rundown(&["monitor", "show", "apo"]).exits(2);
    assert!(unknown.err.contains("did you mean 'api'?"), "{}", unknown.err);
    assert!(!desk.journal().exists(), "looking makes no journal");

    let checked = desk.rundown(&["check"]).exits(0);
    assert!(checked.out.contains("1 runbook and monitors.yaml checked, no faults"), "{}", checked.out);
    desk.add_page("monitors.yaml", "monitors:\n  api: { check: { http: { get: \"{{target.app.url}}/\" } } }\n");
    let checked = desk.rundown(&["check"]).exits(1);
    assert!(checked.out.contains("monitors.yaml:2:") && checked.out.contains("did you mean 'api'?"), "{}", checked.out);
    desk.add_page(
        "targets.yaml",
        "environments:\n  production: { zone: UTC, targets: { api: { url: { env: API_URL } } } }\n",
    );
    desk.add_page("monitors.yaml", WATCHED);
    let checked = desk.rundown(&["check"]).exits(0);
    assert!(checked.out.contains("api cannot be asked") && checked.out.contains("set API_URL"), "{}", checked.out);
}

#[test]
fn a_mute_from_another_terminal_holds_and_everybody_sees_how_it_is() {
    let backend = Backend::start();
    let desk = desk(&backend, &format!("{WATCHED}    slo: {{ uptime: 99%, p95: 2s, over: 1h }}\n"));
    let _bot = Served::alone(&desk);
    backend.until_asked(2);
    until("it is seen healthy", || desk.rundown(&["monitor", "list"]).out.contains("healthy, operational: 1 healthy"));
    desk.rundown(&["monitor", "mute", "api", "--for", "1h"]).exits(2);
    let muted = desk.rundown(&["monitor", "mute", "api", "--for", "1h", "--why", "we are on it"]).exits(0);
    assert!(muted.out.contains("muted the monitor api until") && muted.out.contains("we are on it"), "{}", muted.out);
    backend.breaks();
    let shown = || desk.rundown(&["monitor", "show", "api"]).exits(0).out;
    until("it fails in silence", || shown().contains("api has failed since"));
    assert!(shown().contains("nobody is called"), "{}", shown());
    desk.rundown(&["incident", "show", "inc-1"]).exits(2);
    let health = desk.rundown(&["health"]).exits(0).out;
    assert!(health.starts_with("✗ api  unhealthy, not operational: 1 failing (api failing for"), "{health}");

    desk.rundown(&["monitor", "unmute", "api"]).exits(0);
    timeline(&desk, "inc-1", "it is an alarm now", |events| has(events, "incident.declared"));
    let shown = shown().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("last 24 h") && shown.contains("% up of 99 % promised"), "{shown}");
    assert!(shown.contains("nothing keeps it silent any more") && shown.contains("; inc-1"), "{shown}");
}

#[test]
fn a_heartbeat_that_stays_away_is_an_alarm_and_one_heard_in_another_process_ends_it() {
    let backend = Backend::start();
    let beats = "monitors:\n  nightly:\n    heartbeat: { every: 2s, grace: 1s }\n    on_failure: { declare: true }\n";
    let desk = desk(&backend, beats);
    let _bot = Served::alone(&desk);
    let declared = timeline(&desk, "inc-1", "nobody called", |events| has(events, "monitor.alerted"));
    assert!(
        declared[1]["body"]["found"].as_str().is_some_and(|found| found.starts_with("never heard")),
        "{declared:#?}"
    );
    desk.rundown(&["monitor", "heard", "nightly"]).exits(0);
    let refused = desk.rundown(&["monitor", "heard", "nightli"]).exits(2);
    assert!(refused.err.contains("did you mean 'nightly'?"), "{}", refused.err);
}
