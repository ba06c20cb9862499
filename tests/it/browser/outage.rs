//! The outage of the real world in a browser: a real Redis, a real backend, the real server, which dies in the middle.

use std::collections::BTreeSet;

use super::rehearsal::{approves, is_fit_for_everybody, lines};
use super::{Browser, Page};
use crate::discord::served::Served;
use crate::real_incident;
use crate::rundown::Desk;
use crate::web::signed::token;
use crate::world::railway::Service;
use crate::world::{Config, World, ports};

const RUN: [&str; 7] = ["run", "redis-connections", "--json", "--input", "watch_for=20s", "--env", "production"];

/// It looks, and declares nothing of its own: the story has one incident.
const MONITORS: &str = "monitors:\n  redis:\n    title: Redis behind the backend\n    target: backend\n    check: { http: { get: \
                        \"{{target.backend.url}}/api/redis-health\" } }\n    expect: [status == 200, body.operational == true]\n    \
                        every: 1s\n    fail_for: 2s\n    ok_for: 2s\n";
const ONCALL: &str = "zone: UTC\nschedules:\n  primary:\n    layers: [{ name: Always, people: [Ana], rotate: weekly, handoff: mon \
                      09:00, from: 2026-01-05 }]\npolicies:\n  default:\n    steps: [{ notify: [schedule: primary], escalate_after: \
                      5m }]\n    finally: [person: Ana]\n";

/// Events in the timeline as `rundown timeline` knows them.
fn recorded(desk: &Desk) -> BTreeSet<i64> {
    let events = desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    events.iter().filter_map(|event| event["pos"].as_i64()).collect()
}

/// Signs somebody in with a link of the terminal.
fn sign_in(page: &Page, desk: &Desk, url: &str, login: &str) {
    page.foresees("401 (Unauthorized)");
    page.open(&format!("{url}/incidents/inc-1"));
    page.sees("A link signs you in");
    page.is_accessible();
    page.open(&format!("{url}/login/{}", token(desk, login)));
    page.is_accessible();
    page.click("button", &format!("Sign in as {login}"));
    page.until("they are signed in", "location.pathname === '/' && document.readyState === 'complete'");
}

#[tokio::test]
async fn the_server_dies_in_the_middle_and_the_page_goes_on_by_itself_without_holes_or_doubles() {
    let world = World::start(Config::default());
    world.unhealthy_by_server_limit();
    let desk = real_incident::desk(&world);
    let port = ports::take();
    let url = format!("http://127.0.0.1:{}", port.number);
    let settings = format!("[web]\nlisten = \"127.0.0.1:{}\"\n", port.number);
    std::fs::write(desk.path().join("rundown.toml"), settings).expect("settings");
    // Monitors look on, and somebody is on call.
    desk.add_page("monitors.yaml", MONITORS);
    desk.add_page("oncall.yaml", ONCALL);
    // It looks around, and then waits for an approval: from there on the server drives.
    desk.rundown(&RUN).exits(3);
    let server = Served::alone(&desk);
    server.says("pages are at ").await;

    let page = Browser::get().visitor();
    sign_in(&page, &desk, &url, "bruno");
    page.open(&format!("{url}/incidents/inc-1"));
    page.until("the page is live", "document.documentElement.dataset.live === 'yes'");
    approves(&page);
    page.sees("approved by bruno");
    page.until(
        "Redis is being restarted",
        "document.querySelector('#log').innerText.includes('Restart Redis on Railway: sent')",
    );

    // SIGKILL; while nobody serves, somebody writes something down.
    page.foresees("net::ERR_");
    server.kill();
    page.until("the page says so", "document.documentElement.dataset.live === 'no'");
    page.sees("The connection is lost");
    desk.rundown(&["note", "the lead asks how long it takes"]).exits(0);
    assert!(!page.text("#log").contains("the lead asks"), "nobody told it");
    let server = Served::alone(&desk);
    server.says("pages are at ").await;
    page.until("it is live again", "document.documentElement.dataset.live === 'yes'");
    page.sees("the lead asks how long it takes");
    page.sees("What now?");
    page.until("a decision is due", "document.querySelector('#asks').innerText.includes('What now?')");
    assert!(world.is_healthy());
    assert_eq!(
        (world.restarts(Service::Redis), world.restarts(Service::Backend)),
        (1, 0),
        "restarted once, by nobody twice"
    );

    let shown = lines(&page);
    let anew = page.another();
    anew.open(&page.url());
    assert_eq!(shown, lines(&anew), "what came in pieces is what stands there");
    let once: BTreeSet<i64> = shown.iter().copied().collect();
    assert_eq!(once.len(), shown.len(), "a line stands there twice: {shown:?}");
    let recorded = recorded(&desk);
    assert!(once.is_subset(&recorded), "{once:?} is not all in {recorded:?}");
    // What is too fine for a timeline has no line: the lines are those that the terminal has.
    let told = desk.rundown(&["timeline", "inc-1"]).exits(0).out;
    let of_terminal: BTreeSet<i64> = told.lines().filter_map(number).collect();
    assert_eq!(once, of_terminal, "{told}");

    is_fit_for_everybody(&page, &url, &["/", "/incidents/inc-1", "/monitors", "/monitors/redis", "/oncall"]);
}

/// The number of the event that a line of the timeline tells.
fn number(line: &str) -> Option<i64> {
    line.split_whitespace().find_map(|word| word.strip_prefix('#')?.parse().ok())
}
