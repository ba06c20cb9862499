//! `redis.clients` against a real server that runs out of connections.

use std::collections::BTreeMap;
use std::time::Duration;

use rundown::domain::action::Action;
use rundown::domain::action::inventory::{Inventory, Target};
use rundown::domain::action::redis::Clients;
use serde_json::json;

use super::{Bench, answered, not_done, secret};
use crate::world::railway::Service;
use crate::world::{Config, World};

const PATIENCE: Duration = Duration::from_secs(10);

fn bench(url: &str) -> (Bench, Action) {
    let target = Target { redis: Some("redis_url".to_owned()), ..Target::default() };
    let targets = BTreeMap::from([("redis".to_owned(), target)]);
    let bench = Bench::new(
        Inventory { targets, ..Inventory::default() },
        vec![secret("redis_url", url, &[])],
        "http://127.0.0.1:9",
    );
    (bench, Action::RedisClients(Clients { target: "redis".to_owned(), url: "redis_url".to_owned() }))
}

#[test]
fn a_connection_opened_while_all_was_well_answers_when_the_server_refuses() {
    let world = World::start(Config::default());
    let (bench, clients) = bench(&world.redis_url());
    let well = answered(bench.act(&clients, PATIENCE));
    assert_eq!((&well.facts["reachable"], &well.facts["answered_by"]), (&json!(true), &json!("new")));
    assert_eq!(well.facts["max"], 40);
    assert!(!well.facts.contains_key("error"));

    bench.runtime.block_on(bench.executors.hold(&bench.inventory));
    world.unhealthy_by_server_limit();
    let (stranger, _) = self::bench(&world.redis_url());
    let refused = answered(stranger.act(&clients, PATIENCE));
    assert_eq!(
        serde_json::to_value(&refused.facts).unwrap(),
        json!({ "reachable": false, "error": "max number of clients reached" })
    );

    let full = answered(bench.act(&clients, PATIENCE));
    assert_eq!((&full.facts["reachable"], &full.facts["answered_by"]), (&json!(false), &json!("kept")));
    assert_eq!(full.facts["error"], "max number of clients reached");
    assert_eq!((&full.facts["connected"], &full.facts["share_percent"]), (&json!(40), &json!(100)));
    assert!(full.facts["refused_since_start"].as_u64().is_some_and(|refused| refused > 0));
    let group = &full.facts["groups"][0];
    assert_eq!((&group["name"], &group["address"]), (&json!("backend"), &json!("127.0.0.1")));
    assert_eq!(group["count"], 39, "every client but the one that asks");
    let top = full.facts["top"].as_str().expect("a line");
    assert!(top.starts_with("39 ") && top.contains("from 127.0.0.1 named \"backend\""), "{top}");
    assert!(
        full.summary.starts_with("refuses new connections: \"max number of clients reached\"; 40 of 40"),
        "{}",
        full.summary
    );

    // A held connection that died with its server is opened again, and nothing is answered from the dead one.
    let (railway_bench, restart) = super::railway::bench(&world, "redis");
    super::railway::carry_out(&railway_bench, &restart);
    assert_eq!(world.restarts(Service::Redis), 1);
    assert_eq!(answered(bench.act(&clients, PATIENCE)).facts["answered_by"], "new");
    bench.runtime.block_on(bench.executors.hold(&bench.inventory));
    world.unhealthy_by_server_limit();
    assert_eq!(answered(bench.act(&clients, PATIENCE)).facts["answered_by"], "kept");
}

#[test]
fn a_server_that_is_not_there_is_named_without_its_password() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let (bench, clients) = bench(&format!("redis://:hunter2-long@{port}/0"));
    let failure = not_done(bench.act(&clients, PATIENCE));
    assert_eq!((failure.retryable, failure.message), (true, format!("connection refused by {port}")));
}
