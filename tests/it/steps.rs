//! Durable steps of the real program, driven by `rundown serve`: not part of the test run, `script/bench --peers` prints the figures beside
//! another program's. The program may be another build than the test's own: `RUNDOWN_BINARY`.

#![allow(clippy::disallowed_methods, reason = "a measurement lives in real time")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rundown::base::clock::RealClock;
use rundown::base::event::Actor;
use rundown::bot::library::{At, Library};
use rundown::config::Folder;
use rundown::domain::incident::decide::Command;
use rundown::engine::{Engine, Open};
use rundown::journal::sqlite::SqliteJournal;
use rundown::journal::{Journal as _, Select};

use crate::discord::served::Served;
use crate::rundown::Desk;

/// What is resident of a process, in MB.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    resident.unwrap_or(0_u64) / 1024
}

/// A server of the loopback address whose answer is there at once. Threads, not tasks: a build for tests would be what waits.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let answer = |stream: TcpStream| {
        let mut asked = BufReader::new(&stream);
        let mut line = String::new();
        while asked.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line == "\r\n" {
                let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
                return;
            }
            line.clear();
        }
    };
    for _ in 0..4 {
        let listener = listener.try_clone().expect("the same port");
        std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    }
    format!("http://{address}")
}

/// A page with this many steps after one another.
fn page(steps: usize, block: &str) -> String {
    let step = |number| format!("### Step {number}\n\n```yaml rundown\nid: s{number}\n{block}\n```\n\n");
    format!("# Steps\n\n## All\n\n{}", (0..steps).map(step).collect::<String>())
}

/// Opens runs of a page as `rundown run` would, each on a target of its own, and leaves them to whoever drives them.
async fn open(desk: &Desk, url: &str, runs: usize) {
    let library =
        Library::new(Folder::Named(desk.path().join("runbooks")), Box::new(|_| None), desk.path().join("scratch"));
    let journal = Arc::new(SqliteJournal::open(desk.journal()).expect("a fresh journal"));
    let engine = Engine::new(journal, Arc::new(RealClock::default()));
    let declare = Command::Declare {
        title: "Steps".into(),
        severity: None,
        environment: None,
        zone: None,
        started: None,
        detected: None,
    };
    let (incident, _) = engine.declare(&Actor::Bot, declare).await.expect("declared");
    for run in 0..runs {
        let target = format!("{{ backend: {{ url: \"{url}/host-{run}\" }} }}");
        desk.add_page("targets.yaml", &format!("environments:\n  local: {{ zone: UTC, targets: {target} }}\n"));
        let plan = library.plan("steps", &At::default()).expect("a plan").plan;
        let open = Open {
            incident: incident.clone(),
            incident_started: engine.clock().now(),
            by: Actor::Bot,
            from: None,
            approves: Vec::new(),
            follow_up: false,
        };
        engine.open_run(&plan, open).await.expect("opened");
    }
}

/// Steps a second of runs that a fresh server finds unfinished, from its start until the last run's end is on disk, and what the
/// server holds then.
async fn measured(block: &str, runs: usize, steps: usize) -> (f64, u64) {
    let url = server();
    let desk = Desk::with_pages(&[("steps.md", &page(steps, block)), ("targets.yaml", "environments: {}\n")]);
    open(&desk, &url, runs).await;
    let journal = SqliteJournal::open(desk.journal()).expect("the journal");
    let began = Instant::now();
    let bot = Served::alone(&desk);
    while !journal.streams("run:", true).await.expect("the streams").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed();
    let held = memory(bot.id());
    bot.kill();
    let (mut after, mut finished) = (0, 0);
    loop {
        let rows = journal.read(Select::All, after, 10_000).await.expect("rows");
        let Some(last) = rows.last() else { break };
        after = last.pos;
        finished += rows.iter().filter(|row| row.kind == "step.finished").count();
    }
    assert_eq!(finished, runs * steps, "every step of every run");
    ((runs * steps) as f64 / took.as_secs_f64(), held)
}

async fn median(block: &str, runs: usize, steps: usize) -> (f64, u64) {
    let mut rates = Vec::new();
    for _ in 0..3 {
        rates.push(measured(block, runs, steps).await);
    }
    rates.sort_by(|one, other| one.0.total_cmp(&other.0));
    rates[1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; script/bench --peers runs it"]
async fn steps_of_a_server_and_what_it_holds_afterwards() {
    let ask = "http: { get: \"{{target.backend.url}}/\" }\nexpect: [status == 200]";
    let set = "set: { step: \"1\" }";
    for (what, block, runs, steps) in [
        ("http, one run", ask, 1, 1_000),
        ("http, 50 runs at once", ask, 50, 200),
        ("set, one run", set, 1, 1_000),
        ("set, 50 runs at once", set, 50, 200),
    ] {
        let (rate, held) = median(block, runs, steps).await;
        println!("rundown serve, {what:<24} {rate:>9.0} /s   {held:>4} MB afterwards");
    }
}
