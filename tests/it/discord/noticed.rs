//! The outage as it should have gone: a monitor sees it, whoever is on call is called, and the runbook for it is one tap away.

use super::response::{people, thread};
use super::served::Served;
use crate::real_incident;
use crate::world::discord::{Config, Discord};
use crate::world::pagerduty::{PagerDuty, ROUTING_KEY};
use crate::world::railway::Service;
use crate::world::{self, World};

const MONITORS: &str = "monitors:\n  redis:\n    title: Redis behind the backend\n    target: backend\n    check: { http: { get: \
                        \"{{target.backend.url}}/api/redis-health\" } }\n    expect: [status == 200, body.operational == true]\n    \
                        every: 1s\n    fail_for: 2s\n    ok_for: 2s\n    on_failure: { severity: P1, declare: true, propose: \
                        redis-connections }\n";
const ONCALL: &str = "zone: UTC\nschedules:\n  primary:\n    layers: [{ name: Always, people: [Ana], rotate: weekly, handoff: mon \
                      09:00, from: 2026-01-05 }]\npolicies:\n  default:\n    steps: [{ notify: [schedule: primary], escalate_after: \
                      5m }]\n    finally: [person: Cleo]\npage: { P1: default }\n";

#[tokio::test]
async fn the_outage_is_seen_by_a_monitor_and_mended_from_the_page_that_woke_somebody() {
    let world = World::start(world::Config::default());
    let desk = real_incident::desk(&world);
    desk.add_page("monitors.yaml", MONITORS);
    desk.add_page("oncall.yaml", ONCALL);
    let discord = Discord::start(Config { patience: std::time::Duration::from_secs(40), ..Config::default() });
    let ops = discord.channel("ops");
    let (ana, cleo) = (discord.member("ana"), discord.member("cleo"));
    people(&desk, &[("Ana", &ana, "responder"), ("Cleo", &cleo, "commander")]);
    desk.rundown(&["check"]).exits(0);
    let pager = PagerDuty::start().await;
    std::fs::write(desk.path().join("key"), ROUTING_KEY).unwrap();
    let more = format!("[pagerduty]\nurl = \"{}\"\nrouting-key = {{ file = \"key\" }}\n", pager.url);
    let _bot = Served::spawn(&desk, &discord, ops, &more);
    discord.registered("incident").await;

    // Nobody has said a word when it begins.
    world.unhealthy_by_server_limit();
    let called = ana.sees(ana.direct(), "**P1** **Redis behind the backend is failing**").await;
    pager.until("it rings", |alert| alert.status == "triggered").await;
    let thread = thread(&discord, "inc-1");
    ana.sees(thread, "page-1 · call 1").await;
    ana.press(called, "I have it").acknowledged().await;
    pager.until("it rings no more", |alert| alert.status == "acknowledged").await;

    // One tap begins the runbook, which asks before it changes anything.
    let offered = ana.sees(thread, "There is a runbook for this. One tap begins it on **production**").await;
    ana.press(offered, "Run: Redis connections exhausted").acknowledged().await;
    let asked = ana.sees(thread, "waits for the approval of one person: restart redis on Railway").await;
    let sure = ana.press(asked, "Approve").message().await;
    ana.press(sure, "Approve").acknowledged().await;
    ana.sees(thread, "monitor redis has been well again").await;
    assert_eq!((world.restarts(Service::Redis), world.restarts(Service::Backend)), (1, 0));

    let said = desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    let kinds: Vec<&str> = said.iter().filter_map(|one| one["kind"].as_str()).collect();
    let first =
        |kind: &str| kinds.iter().position(|one| *one == kind).unwrap_or_else(|| panic!("no {kind}: {kinds:?}"));
    let story =
        ["incident.declared", "page.called", "page.acknowledged", "run.opened", "attempt.sent", "monitor.recovered"];
    assert!(story.windows(2).all(|pair| first(pair[0]) < first(pair[1])), "{kinds:?}");
    ana.reads(thread);
    ana.reads(ana.direct());
    discord.finished();
}
