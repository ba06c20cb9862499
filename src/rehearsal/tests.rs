//! Scenario files and the scripted world by themselves. Whole rehearsals are integration tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::scenario::{Scenario, list, load};
use super::world::ScriptedWorld;
use super::{compare, entry, play, stage, transcript};
use crate::base::clock::{Clock, VirtualClock};
use crate::base::event::Instant;
use crate::base::secret::Secrets;
use crate::client::SendError;
use crate::client::egress::Named;
use crate::client::http::{Http, HttpRequest, HttpResponse, Method};
use crate::client::railway::{LogQuery, Railway, RailwayError, Service};
use crate::client::redis::{AnsweredBy, ClientType, Redis};
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;

fn stock() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/rehearsals")
}

fn scenario(name: &str) -> Scenario {
    load(&stock().join(format!("{name}.yaml"))).unwrap().scenario
}

struct Played {
    world: ScriptedWorld,
    clock: VirtualClock,
}

impl Played {
    fn of(scenario: &Scenario) -> Self {
        let clock = VirtualClock::starting_at(scenario.start);
        Self { world: ScriptedWorld::new(scenario, std::sync::Arc::new(clock.clone())), clock }
    }

    /// Runs something to its end, moving the clock whenever nothing else moves.
    fn run<T: 'static>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        loop {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            assert!(self.clock.advance(), "it waits for nothing");
        }
    }

    fn pass(&self, seconds: i64) {
        let until = self.clock.now() + chrono::TimeDelta::seconds(seconds);
        self.run(self.clock.sleep_until(until));
    }

    fn soon(&self) -> Instant {
        self.clock.now() + chrono::TimeDelta::seconds(30)
    }

    fn ask(&self, method: Method, path: &str, json: Option<Value>) -> Result<HttpResponse, SendError> {
        let request = HttpRequest {
            method,
            url: format!("https://spools.example{path}"),
            headers: Vec::new(),
            body: json.map(|json| SecretString::from(json.to_string())),
            follow_redirects: false,
            named: Named::default(),
            until: self.soon(),
        };
        self.run(self.world.send(request))
    }

    fn health(&self) -> Value {
        serde_json::from_str(&self.ask(Method::GET, "/api/redis-health", None).unwrap().body).unwrap()
    }

    fn restart(&self, name: &str) -> Result<(), RailwayError> {
        let id = self.run(self.world.deployments(&service(name), 1, self.soon()))?.remove(0).id;
        self.run(self.world.restart(&service(name), &id, self.soon()))
    }

    fn instance(&self, name: &str) -> (String, String) {
        let newest = self.run(self.world.deployments(&service(name), 1, self.soon())).unwrap().remove(0);
        (newest.instances[0].id.clone(), newest.instances[0].status.clone())
    }
}

fn service(name: &str) -> Service {
    Service {
        target: name.to_owned(),
        project: "project-spools".to_owned(),
        environment: "environment-production".to_owned(),
        service: format!("service-{name}"),
        token: SecretString::from("not-a-token"),
        token_from: "the variable RAILWAY_TOKEN".to_owned(),
        project_token: false,
    }
}

#[test]
fn every_stock_scenario_can_be_read() {
    let all = list(&stock()).unwrap();
    assert!(all.len() >= 6, "{all:?}");
    for path in all {
        load(&path).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.yaml");
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load(&path).unwrap_err().to_string().replace(&directory.path().display().to_string(), "")
    };
    let head = "title: t\nrunbook: r.md\ntargets: t.yaml\nby: ana\nstart: 2026-03-09T11:02:00Z\n";
    let misspelt = refused(&format!("{head}expect:\n  outcome: succeeded\n  restart: {{ redis: 1 }}\n"));
    assert!(misspelt.starts_with("/s.yaml:8:3: ") && misspelt.contains("restart"), "{misspelt}");
    let rest = "expect: { outcome: succeeded, state: { falt: none } }\n";
    let unknown = refused(&format!("{head}world: {{ state: {{ fault: none }} }}\n{rest}"));
    assert!(unknown.contains("there is no state 'falt'; did you mean 'fault'?"), "{unknown}");
    let idle = refused(&format!("{head}people: [{{ who: ana, does: approve }}]\nexpect: {{ outcome: succeeded }}\n"));
    assert!(idle.contains("what ana does needs a `step`"), "{idle}");
    let two = "faults: [{ call: { redis: r, exec: python3, gets: reset } }]\nexpect: { outcome: succeeded }\n";
    assert!(refused(&format!("{head}{two}")).contains("exactly one of http, railway, redis and exec"));
}

#[test]
fn a_restart_takes_its_time_and_heals_only_what_it_can() {
    let played = Played::of(&scenario("server-limit"));
    assert_eq!(played.health()["message"], "Redis not responding: max number of clients reached");
    let before = played.instance("redis");
    played.restart("backend").unwrap();
    let down = played.ask(Method::GET, "/api/redis-health", None).unwrap_err();
    assert_eq!(down, SendError::NotSent("spools.example refused the connection".to_owned()));
    played.pass(30);
    assert_eq!(played.health()["operational"], false, "the server is as full as before");

    played.restart("redis").unwrap();
    assert_eq!(played.instance("redis"), (before.0.clone(), "RESTARTING".to_owned()));
    assert_eq!(played.health()["message"], "Redis not responding: connection refused");
    played.pass(41);
    let after = played.instance("redis");
    assert!(after.1 == "RUNNING" && after.0 != before.0, "{after:?}");
    assert_eq!(played.health(), json!({ "status": "healthy", "operational": true }));
    let acts = played.world.acts();
    assert_eq!((acts.restarts["redis"], acts.restarts["backend"]), (1, 1));
}

#[test]
fn a_full_server_answers_only_the_connection_from_before() {
    let played = Played::of(&scenario("server-limit"));
    let url = SecretString::from("redis://redis.example");
    let full = played.run(played.world.inspect("redis", &url, played.soon())).unwrap();
    assert_eq!(full.refusal.as_deref(), Some("max number of clients reached"));
    let census = full.census.unwrap();
    assert_eq!((census.answered_by, census.connected, census.max), (AnsweredBy::Kept, 50, Some(50)));
    assert_eq!(census.clients.iter().filter(|client| client.kind == ClientType::PubSub).count(), 9);

    let mut cold = scenario("server-limit");
    cold.world.redis.get_mut("redis").unwrap().kept = false;
    let played = Played::of(&cold);
    assert_eq!(played.run(played.world.inspect("redis", &url, played.soon())).unwrap().census, None);
    assert!(played.run(played.world.hold("redis", &url, played.soon())).is_err());
}

#[test]
fn requests_move_the_world_and_logs_remember_what_it_was() {
    let played = Played::of(&scenario("pool-exhausted"));
    let take = json!({ "tag_spool": "TEST-02", "worker_id": 93, "worker_nombre": "MR(93)", "operacion": "ARM" });
    assert_eq!(played.ask(Method::POST, "/api/occupation/tomar", Some(take.clone())).unwrap().status, 500);
    played.pass(60);
    played.restart("backend").unwrap();
    played.pass(30);
    let healed = played.clock.now();
    assert_eq!(played.ask(Method::POST, "/api/occupation/tomar", Some(take.clone())).unwrap().status, 200);
    assert_eq!(played.ask(Method::POST, "/api/occupation/tomar", Some(take)).unwrap().status, 409);
    assert_eq!(played.world.states()["spool"], "taken");
    played.pass(60);
    let logs = |since| {
        let filter = Some("Too many connections".to_owned());
        let query = LogQuery { since, limit: 100, filter };
        played.run(played.world.logs(&service("backend"), "any", query, played.soon())).unwrap().len()
    };
    assert_eq!(logs(healed), 0, "silent since the restart");
    assert!(logs(healed - chrono::TimeDelta::minutes(5)) >= 4);

    let answer = played.ask(Method::GET, "/api/nowhere", None).unwrap();
    assert_eq!(answer.status, 404);
    assert_eq!(played.world.complaints(), ["nothing in the scenario answers GET /api/nowhere"]);
}

#[test]
fn faults_strike_the_call_they_name_and_say_so_when_they_never_do() {
    let played = Played::of(&scenario("railway-busy-then-502"));
    assert_eq!(played.world.complaints().len(), 2, "neither has struck yet");
    let busy = played.restart("backend").unwrap_err();
    let expected = Some(Duration::from_secs(20));
    assert!(matches!(&busy, RailwayError::Refused { retry_after, passing: true, .. } if *retry_after == expected));
    assert!(played.world.acts().restarts.is_empty());
    let gateway = played.restart("backend").unwrap_err();
    assert!(matches!(gateway, RailwayError::Send(SendError::Unanswered(_))), "{gateway}");
    assert_eq!(played.world.acts().restarts["backend"], 1, "done in spite of the 502");
    assert!(played.world.complaints().is_empty());
}

#[test]
fn what_was_on_its_way_when_the_bot_died_arrives_only_if_the_scenario_says_so() {
    for (arrives, restarts) in [(true, 1), (false, 0)] {
        let played = Played::of(&scenario("crash-settled"));
        let id = played.run(played.world.deployments(&service("redis"), 1, played.soon())).unwrap().remove(0).id;
        let (world, until) = (played.world.clone(), played.soon());
        let mut pool = LocalPool::new();
        let restart = async move { drop(world.restart(&service("redis"), &id, until).await) };
        pool.spawner().spawn_local(restart).unwrap();
        pool.run_until_stalled();
        drop(pool);
        played.world.bot_died(arrives);
        played.pass(60);
        assert_eq!(played.world.acts().restarts.get("redis").copied().unwrap_or(0), restarts);
        assert_eq!(played.health()["operational"], restarts == 1);
    }
}

/// A plan of steps that need no executor.
fn plan(steps: &Value) -> Plan {
    let inventory = json!({ "environment": "staging", "zone": "Europe/Berlin", "confirm": false, "targets": {},
        "secrets": {}, "programs": {}, "variables": {} });
    serde_json::from_value(json!({
        "runbook": "page", "title": "A page", "source": "", "digest": "", "inventory": inventory,
        "phases": [{ "title": "Do it", "covered": true }], "frames": [{ "prefix": "", "inputs": {} }],
        "steps": steps, "criteria": [{ "text": "The shift lead is content" }],
    }))
    .unwrap()
}

fn step(id: &str, does: &Value) -> Value {
    json!({ "id": id, "title": id, "phase": 0, "line": 1, "does": does })
}

fn without_files(yaml: &str) -> Scenario {
    let head = "title: t\nrunbook: r.md\ntargets: t.yaml\nby: ana\nstart: 2026-03-09T11:02:00Z\n";
    serde_saphyr::from_str(&format!("{head}{yaml}")).unwrap()
}

#[test]
fn an_acceptance_is_written_down_with_its_effect_where_that_shows_at_once_and_after_a_second_by_itself() {
    let loaded = load(&stock().join("server-limit.yaml")).unwrap();
    let (mut plan, secrets) = super::prepare::prepare(&loaded).unwrap();
    plan.steps.retain(|step| step.id == "restart_redis");
    (plan.steps[0].when, plan.steps[0].approval) = (None, None);
    plan.criteria.clear();
    let seconds_between = |restart_takes: &str| {
        let mut scenario = loaded.scenario.clone();
        scenario.people.clear();
        scenario.world.services.get_mut("redis").unwrap().restart_takes = restart_takes.parse().unwrap();
        let played = play::play(&scenario, &plan, secrets.clone()).unwrap();
        let at = |kind: &str| {
            let found =
                played.facts.iter().find(|one| matches!(&one.event, Fact::Run(_, event) if event.kind() == kind));
            found.unwrap_or_else(|| panic!("{kind} is recorded")).at
        };
        ((at("attempt.accepted") - at("attempt.sent")).num_milliseconds(), at("step.finished") - at("attempt.accepted"))
    };
    // Asking Railway takes time in this world: two commits would lie that time apart.
    assert_eq!(seconds_between("0s").1, chrono::TimeDelta::zero(), "one commit holds both");
    let (alone, until_it_shows) = seconds_between("40s");
    assert!((1_000..2_000).contains(&alone), "{alone} ms");
    assert!(until_it_shows > chrono::TimeDelta::seconds(30), "{until_it_shows}");
}

#[test]
fn people_reach_a_run_that_is_paused_crashed_or_over() {
    let plan = plan(&json!([
        step("look", &json!("manual")),
        step("rest", &json!({ "wait": { "for": "10m" } })),
        step("pick", &json!({ "decide": { "cases": [{ "id": "on", "to": "next" }, { "id": "off", "to": "stop" }] } })),
    ]));
    let scenario = without_files(
        "people:
  - { who: ana, does: done, step: look, after: 5s }
  - { who: bruno, does: pause, on: { event: wait.started }, after: 1m }
  - { who: bruno, does: resume, on: { event: run.paused }, after: 30m }
  - { who: carla, does: { choose: 'on' }, step: pick, after: 2m }
  - { who: ana, does: { tick: The shift lead }, after: 1m }
  - { who: ana, does: resolve, after: 5m }
faults: [{ crash: { after: question.asked, step: pick, down_for: 10m } }]
expect: { outcome: succeeded }",
    );
    let played = play::play(&scenario, &plan, Secrets::default()).unwrap();
    assert_eq!(played.troubles, Vec::<String>::new());
    assert_eq!((played.ended, compare::outcome(&played)), (stage::Ended::Over, "succeeded"));
    assert_eq!(played.run.judged.as_ref().unwrap()[0].met, Some(true));
    let mut wording = crate::view::sentence::Wording::new(chrono_tz::Europe::Berlin);
    let entries: Vec<_> = played.facts.iter().map(|fact| entry::Entry::of(fact, &mut wording)).collect();
    let told = transcript::lines(&played, &entries, chrono_tz::Europe::Berlin).join("\n");
    insta::assert_snapshot!(told);
}

#[test]
fn where_nobody_comes_the_rehearsal_ends_after_the_deadline() {
    let cases = json!([{ "id": "on", "to": "next" }, { "id": "off", "to": "stop" }]);
    let deadline = json!({ "from": "asked", "after": "30m" });
    let plan = plan(&json!([step("pick", &json!({ "decide": { "cases": cases, "deadline": deadline } }))]));
    let played = play::play(&without_files("expect: { outcome: needs_human }"), &plan, Secrets::default()).unwrap();
    assert_eq!((played.ended, compare::outcome(&played)), (stage::Ended::NeedsHuman, "needs_human"));
    assert_eq!(played.end - played.start, chrono::TimeDelta::minutes(30));

    let late = "people: [{ who: ana, does: { choose: maybe }, step: pick, after: 1m }]\nexpect: { outcome: stopped }";
    let played = play::play(&without_files(late), &plan, Secrets::default()).unwrap();
    let [refused] = played.troubles.as_slice() else { panic!("{:?}", played.troubles) };
    assert!(refused.starts_with("the bot refused: ") && refused.contains("maybe"), "{refused}");
}
