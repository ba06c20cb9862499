//! Executors over scripted transports in virtual time: what each outcome means, told as stories.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::executor::LocalPool;
use futures::future::{BoxFuture, pending};
use futures::task::LocalSpawnExt;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Executors, Ports, Silent};
use crate::base::clock::{Clock, VirtualClock};
use crate::base::event::Instant;
use crate::base::schedule::Span;
use crate::base::secret::{SecretEntry, Secrets};
use crate::client::SendError;
use crate::client::http::{Http, HttpRequest, HttpResponse};
use crate::client::process::{Exit, ProcessError, Processes, Spawn};
use crate::client::railway::{
    Deployment, DeploymentStatus, Instance, LogLine, LogQuery, Railway, RailwayError, Service,
};
use crate::client::redis::{Inspection, Redis};
use crate::domain::action::Action;
use crate::domain::action::http::{Method, Request};
use crate::domain::action::inventory::{Inventory, Target};
use crate::domain::action::railway::{Change, Logs, Service as On};
use crate::domain::action::reply::{Probe, Reply};

fn start() -> Instant {
    "2026-03-01T10:00:00Z".parse::<DateTime<Utc>>().unwrap()
}

/// What the world says next; `None`: nothing, ever. The last answer stays.
type Script<T> = Mutex<VecDeque<Option<T>>>;

#[derive(Default)]
struct World {
    http: Script<Result<HttpResponse, SendError>>,
    /// What Railway shows at each look.
    shown: Script<Result<Vec<Deployment>, RailwayError>>,
    order: Script<Result<(), RailwayError>>,
    logs: Vec<LogLine>,
    asked: Mutex<Vec<String>>,
}

fn next<'a, T: Clone + Send + 'a>(script: &Script<T>) -> BoxFuture<'a, T> {
    let mut script = script.lock().unwrap();
    let answer = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
    match answer.flatten() {
        Some(answer) => Box::pin(std::future::ready(answer)),
        None => Box::pin(pending()),
    }
}

impl World {
    fn order<'a, T: Send + 'a>(
        &self,
        what: &str,
        id: &str,
        then: impl FnOnce(()) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, RailwayError>> {
        self.asked.lock().unwrap().push(format!("{what} {id}"));
        let ordered = next(&self.order);
        Box::pin(async move { ordered.await.map(then) })
    }
}

impl Http for World {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        next(&self.http)
    }
}

impl Railway for World {
    fn deployments<'a>(
        &'a self,
        _: &'a Service,
        _: u32,
        _: Instant,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, RailwayError>> {
        next(&self.shown)
    }

    fn deployment<'a>(
        &'a self,
        _: &'a Service,
        id: &'a str,
        _: Instant,
    ) -> BoxFuture<'a, Result<Deployment, RailwayError>> {
        let shown = next(&self.shown);
        Box::pin(async move { Ok(shown.await?.into_iter().find(|one| one.id == id).expect("it is shown")) })
    }

    fn restart<'a>(&'a self, _: &'a Service, id: &'a str, _: Instant) -> BoxFuture<'a, Result<(), RailwayError>> {
        self.order("restart", id, |()| ())
    }

    fn redeploy<'a>(&'a self, _: &'a Service, id: &'a str, _: Instant) -> BoxFuture<'a, Result<String, RailwayError>> {
        self.order("redeploy", id, |()| "new".to_owned())
    }

    fn rollback<'a>(&'a self, _: &'a Service, id: &'a str, _: Instant) -> BoxFuture<'a, Result<(), RailwayError>> {
        self.order("rollback", id, |()| ())
    }

    fn logs<'a>(
        &'a self,
        _: &'a Service,
        _: &'a str,
        _: LogQuery,
        _: Instant,
    ) -> BoxFuture<'a, Result<Vec<LogLine>, RailwayError>> {
        Box::pin(std::future::ready(Ok(self.logs.clone())))
    }
}

impl Redis for World {
    fn inspect<'a>(
        &'a self,
        _: &'a str,
        _: &'a SecretString,
        _: Instant,
    ) -> BoxFuture<'a, Result<Inspection, SendError>> {
        Box::pin(pending())
    }

    fn hold<'a>(&'a self, target: &'a str, _: &'a SecretString, _: Instant) -> BoxFuture<'a, Result<(), SendError>> {
        self.asked.lock().unwrap().push(format!("hold {target}"));
        Box::pin(pending())
    }
}

impl Processes for World {
    fn run<'a>(&'a self, _: Spawn, _: &'a mut (dyn FnMut(&str) + Send)) -> BoxFuture<'a, Result<Exit, ProcessError>> {
        Box::pin(pending())
    }
}

struct Stage {
    executors: Executors,
    clock: VirtualClock,
    world: Arc<World>,
}

impl Stage {
    fn new(world: World) -> Self {
        let (world, clock) = (Arc::new(world), VirtualClock::starting_at(start()));
        let ports =
            Ports { http: world.clone(), railway: world.clone(), redis: world.clone(), processes: world.clone() };
        let secret = |name: &str, value: &str| SecretEntry {
            name: name.to_owned(),
            value: Some(value.to_owned().into()),
            from: "a test".to_owned(),
            hosts: Vec::new(),
            programs: Vec::new(),
        };
        let secrets = Secrets::new([secret("token", "hunter2-long"), secret("redis_url", "redis://:pass-word@r:1/0")]);
        Self { executors: Executors::new(ports, secrets, Arc::new(clock.clone())), clock, world }
    }

    /// Runs until it is done, moving the clock whenever everything waits; gives the seconds that passed, too.
    fn play<T: 'static>(&self, work: impl AsyncFnOnce(Executors) -> T + 'static) -> (T, i64) {
        let mut pool = LocalPool::new();
        let before = self.clock.now();
        let executors = self.executors.clone();
        let done = std::rc::Rc::new(std::cell::RefCell::new(None));
        let slot = done.clone();
        pool.spawner().spawn_local(async move { *slot.borrow_mut() = Some(work(executors).await) }).unwrap();
        loop {
            pool.run_until_stalled();
            if let Some(result) = done.borrow_mut().take() {
                return (result, (self.clock.now() - before).num_seconds());
            }
            assert!(self.clock.advance(), "everything waits, and nobody for the clock");
        }
    }

    fn act(&self, action: Action, baseline: Option<Value>, timeout: u64) -> (Reply, i64) {
        let timeout = Duration::from_secs(timeout);
        self.play(async move |executors| {
            executors.act(&action, &Inventory::default(), "key", baseline.as_ref(), timeout, &Silent).await
        })
    }

    fn prepare(&self, action: Action) -> Value {
        self.play(async move |executors| executors.prepare(&action).await).0.expect("a baseline").baseline
    }

    fn confirm(&self, action: Action, baseline: Value, seconds: i64) -> (Reply, i64) {
        let until = self.clock.now() + TimeDelta::seconds(seconds);
        self.play(async move |executors| executors.confirm(&action, &baseline, until).await)
    }
}

fn on() -> On {
    let text = |text: &str| text.to_owned();
    On {
        target: text("redis"),
        project: text("p"),
        environment: text("e"),
        service: text("s"),
        token: text("token"),
        project_token: false,
    }
}

fn change() -> Change {
    Change { service: on(), ready_within: Span::parse("3m").unwrap(), to: None }
}

fn deployment(id: &str, status: &str, changed: i64, instances: &[(&str, &str)]) -> Deployment {
    let instances = instances.iter();
    Deployment {
        id: id.to_owned(),
        status: DeploymentStatus::from_name(status),
        status_updated_at: Some(start() + TimeDelta::seconds(changed)),
        created_at: start() - TimeDelta::days(1),
        instances: instances.map(|(id, status)| Instance { id: (*id).into(), status: (*status).into() }).collect(),
        can_rollback: true,
        commit: None,
        by: None,
        message: None,
    }
}

type Look = Option<Result<Vec<Deployment>, RailwayError>>;

fn shows(deployments: &[Deployment]) -> Look {
    Some(Ok(deployments.to_vec()))
}

fn script(looks: Vec<Look>) -> World {
    World { shown: Mutex::new(looks.into()), order: Mutex::new([Some(Ok(()))].into()), ..World::default() }
}

fn gateway() -> Look {
    Some(Err(SendError::Unanswered("Railway answered 502".to_owned()).into()))
}

#[test]
fn a_restart_is_done_when_the_state_changed_and_every_instance_runs() {
    let old = deployment("d1", "SUCCESS", -60, &[("a", "RUNNING")]);
    let stage = Stage::new(script(vec![
        shows(std::slice::from_ref(&old)),
        // Railway still shows what was before.
        shows(&[old]),
        gateway(),
        None,
        shows(&[deployment("d1", "DEPLOYING", 5, &[("a", "RESTARTING")])]),
        shows(&[deployment("d1", "SUCCESS", 9, &[("b", "RUNNING"), ("c", "CREATED")])]),
        shows(&[deployment("d1", "SUCCESS", 9, &[("a", "REMOVED"), ("b", "RUNNING"), ("c", "RUNNING")])]),
    ]));
    let restart = Action::RailwayRestart(change());
    let baseline = stage.prepare(restart.clone());
    let (sent, _) = stage.act(restart.clone(), Some(baseline.clone()), 30);
    assert!(matches!(sent, Reply::Answered(_)));
    assert_eq!(*stage.world.asked.lock().unwrap(), ["restart d1"]);
    let (Reply::Answered(answer), took) = stage.confirm(restart, baseline, 180) else { panic!("it is done") };
    assert_eq!(took, 20, "five pauses of two seconds, and a look that was given up after ten");
    assert_eq!(Value::Object(answer.facts), json!({ "deployment": "d1", "status": "SUCCESS", "took_ms": 20_000 }));
    assert_eq!(answer.summary, "redis restarted, ready after 20 s");
}

#[test]
fn a_restart_that_crashes_is_told_at_once_and_one_that_hangs_at_its_deadline() {
    let crashed = deployment("d1", "CRASHED", -60, &[("a", "CRASHED")]);
    let again = deployment("d1", "CRASHED", 5, &[("b", "CRASHED")]);
    let restart = Action::RailwayRestart(change());
    let stage = Stage::new(script(vec![shows(std::slice::from_ref(&crashed)), shows(&[crashed]), shows(&[again])]));
    let baseline = stage.prepare(restart.clone());
    let (Reply::NotDone(failure), took) = stage.confirm(restart.clone(), baseline, 180) else { panic!("it failed") };
    assert_eq!(took, 2, "the crash before the restart is no crash of it");
    assert_eq!(
        failure.message,
        "redis was restarted and failed: deployment d1 CRASHED since 2026-03-01T10:00:05Z, 1 instance: CRASHED"
    );

    let old = deployment("d1", "SUCCESS", -60, &[("a", "RUNNING")]);
    let stage = Stage::new(script(vec![shows(&[old])]));
    let baseline = stage.prepare(restart.clone());
    let (Reply::NotDone(failure), took) = stage.confirm(restart, baseline, 180) else { panic!("nothing happened") };
    assert_eq!(took, 180);
    assert!(failure.message.starts_with("redis was not ready within 3 min; last: deployment d1 SUCCESS"));
}

#[test]
fn redeploying_and_rolling_back_show_in_a_new_deployment() {
    let (d1, d2) = (deployment("d1", "REMOVED", -900, &[]), deployment("d2", "SUCCESS", -60, &[("a", "RUNNING")]));
    let building = deployment("d3", "BUILDING", 1, &[]);
    let done = deployment("d3", "SUCCESS", 40, &[("b", "RUNNING")]);
    for (action, order) in
        [(Action::RailwayRedeploy(change()), "redeploy d2"), (Action::RailwayRollback(change()), "rollback d1")]
    {
        let before = [d2.clone(), d1.clone()];
        let stage = Stage::new(script(vec![
            shows(&before),
            shows(&before),
            shows(&[building.clone(), d2.clone(), d1.clone()]),
            shows(&[done.clone(), d1.clone()]),
        ]));
        let baseline = stage.prepare(action.clone());
        stage.act(action.clone(), Some(baseline.clone()), 30);
        assert_eq!(*stage.world.asked.lock().unwrap(), [order]);
        let (Reply::Answered(answer), _) = stage.confirm(action, baseline, 180) else { panic!("{order}") };
        assert_eq!(answer.facts["deployment"], "d3");
    }
    let nothing_older = Stage::new(script(vec![shows(&[d2])]));
    let refused = nothing_older.play(async |executors| executors.prepare(&Action::RailwayRollback(change())).await).0;
    assert!(!refused.expect_err("nothing to go back to").retryable);
}

#[test]
fn a_silent_railway_leaves_a_doubt_that_shows_before_and_after() {
    let old = deployment("d1", "SUCCESS", -60, &[("a", "RUNNING")]);
    let world = World { order: Mutex::default(), ..script(vec![shows(&[old])]) };
    let stage = Stage::new(world);
    let restart = Action::RailwayRestart(change());
    let baseline = stage.prepare(restart.clone());
    let (reply, took) = stage.act(restart.clone(), Some(baseline.clone()), 30);
    assert!(matches!(reply, Reply::Unknown(_)), "{reply:?}");
    assert_eq!(took, 30);
    let (probe, _) = stage.play(async move |executors| executors.probe(&restart, Some(&baseline)).await);
    let state = "deployment d1 SUCCESS since 2026-03-01T09:59:00Z, 1 instance: RUNNING";
    assert_eq!(probe, Probe::Unclear { evidence: format!("before: {state}; now: {state}") });
}

#[test]
fn a_service_that_broke_meanwhile_does_not_prove_that_the_restart_arrived() {
    let restart = Action::RailwayRestart(change());
    for (now, happened) in [
        (deployment("d1", "DEPLOYING", 5, &[("a", "RESTARTING")]), true),
        (deployment("d1", "SUCCESS", 5, &[("b", "RUNNING")]), true),
        (deployment("d1", "CRASHED", 5, &[("a", "CRASHED")]), false),
        (deployment("d1", "REMOVED", 5, &[]), false),
    ] {
        let old = deployment("d1", "SUCCESS", -60, &[("a", "RUNNING")]);
        let stage = Stage::new(script(vec![shows(&[old]), shows(std::slice::from_ref(&now))]));
        let (baseline, restart) = (stage.prepare(restart.clone()), restart.clone());
        let (probe, _) = stage.play(async move |executors| executors.probe(&restart, Some(&baseline)).await);
        assert_eq!(matches!(probe, Probe::Happened(_)), happened, "{now:?}: {probe:?}");
    }
}

#[test]
fn a_deployment_that_another_one_replaced_is_not_waited_for() {
    let restart = Action::RailwayRestart(change());
    let old = deployment("d1", "SUCCESS", -60, &[("a", "RUNNING")]);
    let stage = Stage::new(script(vec![shows(&[old]), shows(&[deployment("d1", "REMOVED", 5, &[])])]));
    let baseline = stage.prepare(restart.clone());
    let (reply, took) = stage.confirm(restart, baseline, 180);
    assert!(matches!(reply, Reply::NotDone(_)), "{reply:?}");
    assert_eq!(took, 0);

    // That the old deployment finishes leaving is not the rollback's doing, nor its failure.
    let leaving = [deployment("d2", "SUCCESS", -60, &[("a", "RUNNING")]), deployment("d1", "REMOVING", -70, &[])];
    let left = [leaving[0].clone(), deployment("d1", "REMOVED", 5, &[])];
    let rollback = Action::RailwayRollback(change());
    let stage = Stage::new(script(vec![shows(&leaving), shows(&left)]));
    let baseline = stage.prepare(rollback.clone());
    let (probe, _) = stage.play(async move |executors| executors.probe(&rollback, Some(&baseline)).await);
    assert!(matches!(probe, Probe::Unclear { .. }), "{probe:?}");
}

#[test]
fn what_never_left_is_not_done_whatever_is_silent_ends_in_time() {
    let post = Action::Http(Request {
        method: Method::Post,
        url: "https://api.example/x?key=1".to_owned(),
        target: None,
        headers: Default::default(),
        json: None,
        body: None,
        follow_redirects: false,
        contract: None,
    });
    let answers = [
        Some(Err(SendError::Denied("not allowed".to_owned()))),
        Some(Err(SendError::NotSent("no such host".to_owned()))),
        Some(Err(SendError::Unanswered("reset, hunter2-long\u{1b}[31m\nnext".to_owned()))),
        None,
    ];
    let stage = Stage::new(World { http: Mutex::new(answers.into()), ..World::default() });
    let told: Vec<_> = (0..4)
        .map(|_| match stage.act(post.clone(), None, 10) {
            (Reply::NotDone(failure), took) => {
                format!("not done, {}, {took} s: {}", failure.retryable, failure.message)
            }
            (Reply::Unknown(failure), took) => format!("unknown, {took} s: {}", failure.message),
            (other, _) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "not done, false, 0 s: not allowed",
            "not done, true, 0 s: no such host",
            "unknown, 0 s: reset, ⟦token⟧ next",
            "unknown, 10 s: no answer in time to POST https://api.example/x",
        ]
    );

    let held = |name: &str| (name.to_owned(), Target { redis: Some("redis_url".to_owned()), ..Target::default() });
    let inventory = Inventory { targets: [held("a"), held("b")].into(), ..Inventory::default() };
    let ((), took) = stage.play(async move |executors| executors.hold(&inventory).await);
    assert_eq!(took, 5, "side by side");
    assert_eq!(*stage.world.asked.lock().unwrap(), ["hold a", "hold b"]);
}

#[test]
fn log_lines_are_counted_as_they_can_be_read() {
    let line = |message: &str| LogLine {
        at: "2026-03-01T09:59:58.123456789Z".to_owned(),
        severity: Some("error".to_owned()),
        message: message.to_owned(),
    };
    let logs = vec![line("older"), line("Too many connections for hunter2-long"), line("fine")];
    let running = deployment("d1", "SUCCESS", -60, &[("a", "RUNNING")]);
    let stage = Stage::new(World { logs, ..script(vec![shows(&[deployment("d2", "FAILED", -9, &[]), running])]) });
    let text = Some("Too many".to_owned());
    let action = Action::RailwayLogs(Logs { service: on(), text, since: Span::parse("15m").unwrap(), limit: 2 });
    let (Reply::Answered(answer), _) = stage.act(action, None, 10) else { panic!("there are lines") };
    assert_eq!((&answer.facts["count"], &answer.facts["matched"]), (&json!(2), &json!(1)));
    assert_eq!(answer.facts["text"], "Too many connections for ⟦token⟧\nfine");
    assert_eq!(answer.facts["lines"][0]["at"], "2026-03-01T09:59:58.123456789Z");
    assert_eq!(answer.summary, "2 lines of deployment d1, 1 with \"Too many\"");
    assert!(answer.cut.is_some());
}
