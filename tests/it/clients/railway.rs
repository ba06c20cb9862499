//! Railway's steps against the look-alike, whose restarts really restart processes.

use std::time::Duration;

use rundown::base::schedule::Span;
use rundown::domain::action::Action;
use rundown::domain::action::railway::{Change, Deployments, Logs, Service as On};
use rundown::domain::action::reply::{Answer, Probe};
use serde_json::Value;

use super::{Bench, answered, not_done, secret, unknown};
use crate::world::railway::{ENVIRONMENT, How, PROJECT, PROJECT_TOKEN, Service, When};
use crate::world::{Config, World};

const PATIENCE: Duration = Duration::from_secs(10);

fn on(world: &World, target: &str) -> On {
    let service = if target == "redis" { Service::Redis } else { Service::Backend };
    On {
        target: target.to_owned(),
        project: PROJECT.to_owned(),
        environment: ENVIRONMENT.to_owned(),
        service: service.id().to_owned(),
        token: "railway_token".to_owned(),
        project_token: token(world) == PROJECT_TOKEN,
    }
}

fn env(world: &World, name: &str) -> String {
    world.env().into_iter().find(|(key, _)| *key == name).expect("set").1
}

fn token(world: &World) -> String {
    env(world, "RAILWAY_TOKEN")
}

fn change(world: &World, target: &str) -> Change {
    let ready_within = span("30s");
    Change { service: on(world, target), ready_within, to: None }
}

fn span(text: &str) -> Span {
    Span::parse(text).expect("a duration")
}

/// Executors for this world, and the restart of one of its services.
pub(super) fn bench(world: &World, target: &str) -> (Bench, Action) {
    let secrets = vec![secret("railway_token", &token(world), &[])];
    let bench = Bench::new(Default::default(), secrets, &env(world, "RAILWAY_API_URL"));
    (bench, Action::RailwayRestart(change(world, target)))
}

fn prepare(bench: &Bench, action: &Action) -> Value {
    bench.runtime.block_on(bench.executors.prepare(action)).expect("a baseline").baseline
}

fn confirm(bench: &Bench, action: &Action, baseline: &Value) -> Answer {
    use rundown::base::clock::{Clock, RealClock};
    let until = RealClock::default().now() + Duration::from_secs(30);
    answered(bench.runtime.block_on(bench.executors.confirm(action, baseline, until)))
}

/// All three stages.
pub(super) fn carry_out(bench: &Bench, action: &Action) -> Answer {
    let baseline = prepare(bench, action);
    answered(bench.act_after(action, Some(&baseline), PATIENCE));
    confirm(bench, action, &baseline)
}

#[test]
fn a_change_is_done_when_the_new_process_runs_and_not_before() {
    let world = World::start(Config { stale_reads: 2, ..Config::default() });
    let (bench, restart) = bench(&world, "backend");
    let answer = carry_out(&bench, &restart);
    assert_eq!(
        world.restarts(Service::Backend),
        1,
        "confirmed when it is up again, however stale Railway's first answers"
    );
    assert_eq!(answer.facts["status"], "SUCCESS");
    assert!(answer.summary.starts_with("backend restarted, ready after "), "{}", answer.summary);
    let first = answer.facts["deployment"].clone();

    let redeployed = carry_out(&bench, &Action::RailwayRedeploy(change(&world, "backend")));
    assert_ne!(redeployed.facts["deployment"], first);
    let rolled_back = carry_out(&bench, &Action::RailwayRollback(change(&world, "backend")));
    assert_ne!(rolled_back.facts["deployment"], redeployed.facts["deployment"]);
    let mutations: Vec<_> = world.railway().changes().iter().map(|change| change.mutation).collect();
    assert_eq!(mutations, ["deploymentRestart", "deploymentRedeploy", "deploymentRollback"]);
    assert_eq!((world.restarts(Service::Backend), world.restarts(Service::Redis)), (3, 0));

    let rollback = world.railway().requests().into_iter().find(|request| request.fields == ["deploymentRollback"]);
    assert_eq!(rollback.expect("asked").variables["id"], first, "back to the deployment before the running one");

    let list = Action::RailwayDeployments(Deployments { service: on(&world, "backend"), limit: 3 });
    let listed = answered(bench.act(&list, PATIENCE));
    assert_eq!(listed.facts["latest_id"], rolled_back.facts["deployment"]);
    assert_eq!(listed.facts["deployments"].as_array().map(Vec::len), Some(3));
    assert_eq!(listed.facts["deployments"][0]["commit"], "5f2c1d9");
}

#[test]
fn an_order_without_an_answer_is_told_by_what_the_world_shows() {
    let world = World::start(Config::default());
    let (bench, restart) = bench(&world, "redis");
    let baseline = prepare(&bench, &restart);
    let probe = || bench.runtime.block_on(bench.executors.probe(&restart, Some(&baseline)));

    world.railway().fail("deploymentRestart", 1, When::Before, How::Silence);
    unknown(bench.act_after(&restart, Some(&baseline), Duration::from_secs(1)));
    let Probe::Unclear { evidence } = probe() else { panic!("nothing happened") };
    assert!(evidence.starts_with("before: deployment ") && evidence.contains("; now: deployment "), "{evidence}");
    assert_eq!(evidence.matches("SUCCESS since").count(), 2, "{evidence}");

    world.railway().fail("deploymentRestart", 1, When::Before, How::TooManyRequests { retry_after: 9 });
    let busy = not_done(bench.act_after(&restart, Some(&baseline), PATIENCE));
    assert_eq!((busy.retryable, busy.retry_after_ms), (true, Some(9000)));
    assert_eq!(world.restarts(Service::Redis), 0);

    world.railway().fail("deploymentRestart", 1, When::After, How::Reset);
    unknown(bench.act_after(&restart, Some(&baseline), PATIENCE));
    world.railway().fail("deployment", 2, When::Before, How::ErrorPage { status: 502 });
    // Two looks that fail say nothing; the third shows it.
    assert!(matches!(probe(), Probe::Happened(_)));
    let happened = confirm(&bench, &restart, &baseline);
    assert_eq!((happened.facts["status"].as_str(), world.restarts(Service::Redis)), (Some("SUCCESS"), 1));
    assert!(matches!(probe(), Probe::Happened(answer) if answer.facts["status"] == "SUCCESS"));
    assert_eq!(world.railway().faults_left(), 0);
}

#[test]
fn logs_are_facts_and_a_revoked_token_is_named_by_its_variable() {
    let world = World::start(Config { token: crate::world::railway::Access::Project, ..Config::default() });
    world.unhealthy_by_pool();
    let (bench, _) = bench(&world, "backend");
    let text = Some("Too many connections".to_owned());
    let since = span("15m");
    let logs = Action::RailwayLogs(Logs { service: on(&world, "backend"), text, since, limit: 500 });
    let read = answered(bench.act(&logs, PATIENCE));
    let lines = read.facts["lines"].as_array().expect("lines");
    assert_eq!(read.facts["count"], lines.len());
    assert!(read.facts["matched"].as_u64().is_some_and(|matched| matched > 0), "{}", read.summary);
    assert!(lines.iter().all(|line| chrono::DateTime::parse_from_rfc3339(line["at"].as_str().unwrap_or("")).is_ok()));

    let revoked =
        Bench::new(Default::default(), vec![secret("railway_token", "revoked", &[])], &env(&world, "RAILWAY_API_URL"));
    let failure = not_done(revoked.act(&logs, PATIENCE));
    assert!(!failure.retryable && failure.message.contains("the variable RAILWAY_TOKEN"), "{}", failure.message);
}
