//! Durable steps a second over the real journal on disk: one run, and 64 at once, beside the raw commit rate of SQLite
//! (`synchronous=FULL`, one row a commit) in the same minute. Ratios are what counts: the disk is the same for all.
//!
//! `script/bench` runs it. A step is one HTTP read whose answer is there at once: everything but the world is real.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::future::{BoxFuture, FutureExt, join_all, ready};
use rundown::base::clock::{Clock, RealClock};
use rundown::base::event::{Actor, Recorded};
use rundown::base::secret::Secrets;
use rundown::client::SendError;
use rundown::client::http::{Http, HttpRequest, HttpResponse};
use rundown::client::process::ProcessGroups;
use rundown::client::railway::RailwayApi;
use rundown::client::redis::RedisServers;
use rundown::domain::action::inventory::{Inventory, Target};
use rundown::domain::action::{ActionSpec, Kind};
use rundown::domain::run::state::State;
use rundown::domain::runbook::model::{Does, Frame, Phase, Plan, Step};
use rundown::domain::timeline::Fact;
use rundown::engine::{DriveOptions, Engine, Observer, Open, Stopped};
use rundown::journal::sqlite::SqliteJournal;
use rundown::step::{Executors, Ports};

struct Instantly;

impl Http for Instantly {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        ready(Ok(HttpResponse { status: 200, body: "{}".into(), ..HttpResponse::default() })).boxed()
    }
}

struct Nobody;

impl Observer for Nobody {
    fn events(&self, _: &State, _: &[Recorded<Fact>]) {}
}

fn plan(steps: usize) -> Plan {
    let step = |number: usize| Step {
        does: Does::Act(ActionSpec { kind: Kind::Http, params: serde_json::json!({"get": "http://backend.test/"}) }),
        ..Step::by_hand(format!("step_{number}"), format!("Step {number}"))
    };
    let backend = Target { url: Some("http://backend.test".into()), ..Target::default() };
    Plan {
        runbook: "bench".into(),
        title: "Bench".into(),
        source: String::new(),
        digest: "0".into(),
        severity: None,
        inventory: Inventory {
            environment: "bench".into(),
            zone: "UTC".into(),
            targets: BTreeMap::from([("backend".to_owned(), backend)]),
            ..Inventory::default()
        },
        deadline: None,
        phases: vec![Phase { title: "All".into(), covered: true, follow_up: false }],
        frames: vec![Frame::default()],
        steps: (0..steps).map(step).collect(),
        criteria: Vec::new(),
    }
}

/// Steps a second of `runs` runs of `steps` steps each, driven side by side.
async fn steps_per_second(folder: &Path, executors: &Executors, runs: usize, steps: usize) -> f64 {
    let journal = SqliteJournal::open(folder.join(format!("journal-{runs}.db"))).expect("a fresh folder");
    let engine = Engine::new(Arc::new(journal), Arc::new(RealClock::default()));
    let actor = Actor::Bot;
    let declare = rundown::domain::incident::decide::Command::Declare {
        title: "Bench".into(),
        severity: None,
        environment: None,
        zone: None,
        started: None,
        detected: None,
    };
    let (incident, _) = engine.declare(&actor, declare).await.expect("declared");
    let plan = plan(steps);
    let mut ids = Vec::new();
    for _ in 0..runs {
        let open = Open {
            incident: incident.clone(),
            incident_started: engine.clock().now(),
            by: actor.clone(),
            from: None,
            approves: Vec::new(),
            follow_up: false,
        };
        ids.push(engine.open_run(&plan, open).await.expect("opened"));
    }
    let options = DriveOptions { process: "bench".into(), poll: None, until_human: true, standing: None };
    let clock = RealClock::default();
    let drives = ids.iter().map(|id| {
        let (_keep, commands) = mpsc::unbounded();
        let (engine, options) = (&engine, &options);
        async move {
            let _keep = _keep;
            engine.drive(id, executors, options, commands, &Nobody).await
        }
    });
    for stopped in join_all(drives).await {
        assert!(matches!(stopped.expect("driven"), Stopped::Over(_)));
    }
    (runs * steps) as f64 / clock.monotonic().as_secs_f64()
}

/// Commits a second of one row each: what this disk and this SQLite give at best.
fn raw_commits_per_second(folder: &Path, commits: u32) -> f64 {
    let connection = rusqlite::Connection::open(folder.join("raw.db")).expect("a fresh folder");
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)",
        )
        .expect("a table");
    let clock = RealClock::default();
    for number in 0..commits {
        connection.execute("INSERT INTO t VALUES (?1, ?2)", rusqlite::params![number, [0u8; 300]]).expect("a row");
    }
    f64::from(commits) / clock.monotonic().as_secs_f64()
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock: Arc<dyn Clock> = Arc::new(RealClock::default());
    let http: Arc<dyn Http> = Arc::new(Instantly);
    let ports = Ports {
        railway: Arc::new(RailwayApi::new(http.clone(), clock.clone(), "http://railway.test")),
        redis: Arc::new(RedisServers::new(clock.clone())),
        processes: Arc::new(ProcessGroups::new(clock.clone())),
        http,
    };
    let executors = Executors::new(ports, Secrets::default(), clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut raw, mut one, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..3 {
        let folder = folder.path().join(round.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        raw.push(raw_commits_per_second(&folder, 2_000));
        one.push(runtime.block_on(steps_per_second(&folder, &executors, 1, 2_000)));
        many.push(runtime.block_on(steps_per_second(&folder, &executors, 64, 200)));
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (raw, one, many) = (median(&mut raw), median(&mut one), median(&mut many));
    println!("raw SQLite commits (synchronous=FULL)   {raw:>9.0} /s");
    println!(
        "durable steps, one run                  {one:>9.0} /s   {:>5.0} % of the raw commit rate",
        one / raw * 100.0
    );
    println!("durable steps, 64 runs at once          {many:>9.0} /s   {:>5.1} times one run", many / one);
    // Linux tells what is resident; elsewhere the line is left out.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    if let Some(kilobytes) = resident {
        println!("memory of this process afterwards       {:>9.0} MB", kilobytes / 1024.0);
    }
}
