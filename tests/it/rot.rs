//! Runbooks that no longer fit, told before the night they are needed.

use std::path::Path;

use serde_json::Value;

use crate::rundown::Desk;

const TARGETS: &str = include_str!("../../runbooks/targets.yaml");
const PAGE: &str = include_str!("../../runbooks/redis-connections.md");

/// The stock runbook with two of its scenarios, in a folder that can be changed.
fn desk() -> Desk {
    let contract = include_str!("../../runbooks/openapi.json");
    let desk =
        Desk::with_pages(&[("targets.yaml", TARGETS), ("redis-connections.md", PAGE), ("openapi.json", contract)]);
    let stock = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/rehearsals");
    let own = desk.path().join("runbooks/rehearsals");
    std::fs::create_dir_all(own.join("worlds")).expect("a folder");
    for file in ["server-limit.yaml", "third-fault.yaml", "worlds/spools.yaml"] {
        std::fs::copy(stock.join(file), own.join(file)).expect("a scenario");
    }
    desk
}

fn health(desk: &Desk, code: i32) -> Value {
    desk.rundown(&["runbook", "health", "redis-connections", "--json"]).exits(code).events().remove(0)
}

#[test]
fn a_runbook_that_changed_wants_to_be_rehearsed_again() {
    let desk = desk();
    let first = health(&desk, 1);
    assert_eq!(first["attention"][0], "never rehearsed here; `rundown rehearse --all` does");
    let untaken: Vec<_> = first["untaken"].as_array().expect("branches").iter().map(|one| &one["way"]).collect();
    assert!(untaken.contains(&&Value::from("decided: roll_back")), "no scenario here rolls back: {untaken:?}");
    assert!(!untaken.contains(&&Value::from("decided: keep")), "server-limit keeps the version: {untaken:?}");

    desk.rundown(&["rehearse", "--all"]).exits(0);
    assert_eq!(health(&desk, 0)["attention"], Value::Array(Vec::new()));
    let table = desk.rundown(&["runbook", "health"]).exits(0).out;
    assert!(table.contains("rehearsed     just now; 2 of 2 scenarios passed when last rehearsed"), "{table}");
    assert!(table.contains("last run      none in this journal"), "{table}");

    let page = desk.path().join("runbooks/redis-connections.md");
    std::fs::write(&page, PAGE.replace("## Find out", "Somebody wrote more.\n\n## Find out")).expect("written");
    let changed = health(&desk, 1);
    let expected = "the page changed since it last passed; rehearse it again: server-limit, third-fault";
    assert_eq!(changed["attention"][0], expected);

    std::fs::write(&page, PAGE.replace("[backend, redis]", "[backend, redis, cache]")).expect("written");
    let missing = health(&desk, 1);
    assert_eq!(missing["unresolved"][0], "there is no target 'cache' in production");
}

#[test]
fn a_run_becomes_a_scenario_that_says_what_it_does_not_know() {
    let targets = "environments:\n  local:\n    targets: {}\nprograms: { python3: {} }\n";
    let page = "# Small\n\n## Look\n\n### Suite\n```yaml rundown\nid: suite\nexec: { argv: [python3, suite.py] }\n```\n\n### Call somebody\n";
    let desk = Desk::with_pages(&[("targets.yaml", targets), ("small.md", page)]);
    std::fs::write(desk.path().join("suite.py"), "print('a word with ana@example.org')").expect("written");
    desk.rundown(&["run", "small", "--yes"]).exits(3);
    desk.rundown(&["done", "call_somebody", "--note", "they know"]).exits(0);
    desk.rundown(&["run", "--resume"]).exits(0);
    desk.rundown(&["rehearse", "--record", "run-7"]).exits(2);

    let said = desk.rundown(&["rehearse", "--record", "run-1"]).exits(0).out;
    assert!(said.contains("masked: 1 e-mail address"), "{said}");
    let scenario = std::fs::read_to_string(desk.path().join("runbooks/rehearsals/run-1.yaml")).expect("written");
    assert!(scenario.contains("a word with masked-1@mail.invalid") && !scenario.contains("example.org"), "{scenario}");
    assert!(scenario.contains("# Not known: when the bot stopped before"), "{scenario}");
    desk.rundown(&["rehearse", "--record", "run-1"]).exits(2);

    std::fs::remove_file(desk.path().join("suite.py")).expect("the suite is gone");
    desk.rundown(&["rehearse", "run-1"]).exits(0);
    let asks = page.replace("suite.py", "other.py");
    std::fs::write(desk.path().join("runbooks/small.md"), asks).expect("written");
    let differs = desk.rundown(&["rehearse", "run-1"]).exits(1).out;
    assert!(differs.contains("no command of the scenario is python3 other.py"), "{differs}");
}
