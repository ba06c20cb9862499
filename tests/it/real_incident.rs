//! The stock runbook against the real thing: a real Redis with few connections, a backend with a real client pool, a
//! Railway that really restarts processes, a real end-to-end suite. Both faults, and what can go wrong on the way.

use serde_json::Value;

use crate::rundown::{Desk, Said};
use crate::world::railway::{How, Service, When};
use crate::world::{Config, World};

const RUN: [&str; 9] =
    ["run", "redis-connections", "--json", "--approve", "all", "--input", "watch_for=20s", "--env", "production"];

/// The stock runbooks; without the question at the start, so that a script decides case by case instead of with `--yes`.
pub fn desk(world: &World) -> Desk {
    let targets = include_str!("../../runbooks/targets.yaml").replace("confirm: true", "confirm: false");
    // Two minutes of retries show nothing that twenty seconds do not.
    let page =
        include_str!("../../runbooks/redis-connections.md").replace("for: 2m, every: 10s", "for: 20s, every: 4s");
    let openapi = include_str!("../../runbooks/openapi.json");
    let mut desk =
        Desk::with_pages(&[("targets.yaml", &targets), ("redis-connections.md", &page), ("openapi.json", openapi)]);
    for (name, value) in world.env() {
        desk.set(name, value);
    }
    desk
}

fn timeline(desk: &Desk) -> Vec<Value> {
    desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events()
}

/// What the last event of a kind says, by step.
fn finished<'a>(timeline: &'a [Value], step: &str) -> &'a Value {
    timeline
        .iter()
        .rev()
        .find(|event| event["kind"] == "step.finished" && event["body"]["step"] == step)
        .map_or(&Value::Null, |event| &event["body"])
}

fn asked(desk: &Desk) -> Value {
    let timeline = timeline(desk);
    let last = timeline.iter().rev().find(|event| event["kind"] == "question.asked").expect("something was asked");
    last["body"].clone()
}

/// Runs until only a person can go on, and answers as the person who is there: does what is to be done by hand, and takes
/// `case` where a branch is asked for.
fn see_through(desk: &Desk, mut said: Said, case: &str) -> Said {
    for _ in 0..12 {
        if said.code != 3 {
            return said;
        }
        let question = asked(desk);
        let step = question["step"].as_str().expect("a step").to_owned();
        let kind = question["question"].clone();
        if kind == "work" {
            desk.rundown(&["done", &step, "--note", "the lead says work goes on"]).exits(0);
        } else if kind.get("branch").is_some() {
            desk.rundown(&["decide", case, "--step", &step, "--why", "it is what the numbers say"]).exits(0);
        } else if kind.get("value").is_some() {
            desk.rundown(&["answer", "neither", "--step", &step]).exits(0);
        } else {
            panic!("nobody knows what to say to {question}");
        }
        said = desk.rundown(&["run", "--resume", "--json"]);
    }
    panic!("it asks and asks: {said:?}");
}

/// What a mended service looks like from the runbook, the world and the postmortem.
fn mended(desk: &Desk, world: &World, restarted: Service, other: Service) {
    let timeline = timeline(desk);
    assert_eq!(finished(&timeline, "e2e_before")["facts"]["passed"], 4);
    assert_eq!(finished(&timeline, "e2e")["facts"]["passed"], 8);
    assert_eq!(finished(&timeline, "watch")["facts"]["verdict"], "stable");
    assert_eq!((world.restarts(restarted), world.restarts(other)), (1, 0), "the right thing, once");
    assert!(world.is_healthy());
    let draft = desk.rundown(&["postmortem", "draft", "inc-1", "--to", "postmortem.md"]).exits(0);
    let text = std::fs::read_to_string(desk.path().join("postmortem.md")).expect("written");
    assert!(text.contains("4 of 8") && text.contains("8 of 8"), "{}\n{text}", draft.out);
    for event in timeline.iter().filter(|event| {
        event["kind"] == "attempt.sent"
            && event["body"]["step"].as_str().is_some_and(|step| step.starts_with("restart"))
    }) {
        assert!(text.contains(&format!("#{}", event["pos"])), "the postmortem cites what restarted it\n{text}");
    }
    desk.rundown(&["verify"]).exits(0);
    // What really happened, recorded, comes to the same without the real thing.
    desk.rundown(&["rehearse", "--record", "run-1"]).exits(0);
    desk.rundown(&["rehearse", "run-1"]).exits(0);
}

#[test]
fn leaked_connections_fill_the_server_and_a_restart_of_redis_mends_it() {
    let world = World::start(Config::default());
    world.unhealthy_by_server_limit();
    let desk = desk(&world);
    let said = desk.rundown(&RUN);
    see_through(&desk, said, "keep").exits(0);
    assert_eq!(finished(&timeline(&desk), "fault")["facts"]["cause"], "server");
    mended(&desk, &world, Service::Redis, Service::Backend);
}

#[test]
fn event_streams_empty_the_pool_and_a_restart_of_the_backend_mends_it() {
    let world = World::start(Config { unhealthy_status: 503, ..Config::default() });
    world.unhealthy_by_pool();
    let desk = desk(&world);
    let said = desk.rundown(&RUN);
    see_through(&desk, said, "keep").exits(0);
    assert_eq!(finished(&timeline(&desk), "fault")["facts"]["cause"], "pool");
    mended(&desk, &world, Service::Backend, Service::Redis);
}

#[test]
fn where_the_restart_does_not_help_the_run_stops_and_says_so() {
    let world = World::start(Config { restart_helps: false, ..Config::default() });
    world.unhealthy_by_pool();
    let desk = desk(&world);
    let said = desk.rundown(&RUN);
    see_through(&desk, said, "investigate").exits(1);
    let timeline = timeline(&desk);
    assert_eq!(finished(&timeline, "health_again")["ok"], false);
    assert_eq!(world.restarts(Service::Backend), 1);
    let judged = timeline.iter().rev().find(|event| event["kind"] == "criteria.judged").expect("judged");
    assert_eq!(judged["body"]["criteria"][0]["met"], false);
}

#[test]
fn exhausted_again_during_the_watch_the_watch_says_breached() {
    let again = std::time::Duration::from_secs(25);
    let world = World::start(Config { comes_back_after: Some(again), ..Config::default() });
    world.unhealthy_by_pool();
    let desk = desk(&world);
    let mut run = RUN;
    run[6] = "watch_for=90s";
    let said = desk.rundown(&run);
    // Kept once; when the watch breaks, the person stops to investigate.
    let mut said = said;
    for _ in 0..6 {
        if said.code != 3 {
            break;
        }
        let question = asked(&desk);
        let step = question["step"].as_str().expect("a step").to_owned();
        match step.as_str() {
            "verdict" => desk.rundown(&["decide", "keep", "--step", &step]).exits(0),
            "after_watch" => desk.rundown(&["decide", "investigate", "--step", &step]).exits(0),
            _ => desk.rundown(&["done", &step]).exits(0),
        };
        said = desk.rundown(&["run", "--resume", "--json"]);
    }
    said.exits(1);
    let timeline = timeline(&desk);
    assert_eq!(finished(&timeline, "watch")["facts"]["verdict"], "breached");
}

#[test]
fn railway_is_busy_then_fails_after_it_restarted_and_nothing_is_restarted_twice() {
    let world = World::start(Config::default());
    world.unhealthy_by_server_limit();
    world.railway().fail("deploymentRestart", 1, When::Before, How::TooManyRequests { retry_after: 1 });
    world.railway().fail("deploymentRestart", 1, When::After, How::ErrorPage { status: 502 });
    let desk = desk(&world);
    let said = desk.rundown(&RUN);
    see_through(&desk, said, "keep").exits(0);
    let timeline = timeline(&desk);
    let kinds: Vec<_> = timeline.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert!(
        kinds.contains(&"attempt.failed") && kinds.contains(&"attempt.doubted") && kinds.contains(&"doubt.settled"),
        "{kinds:?}"
    );
    mended(&desk, &world, Service::Redis, Service::Backend);
}
