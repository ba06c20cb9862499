//! What reading costs: the postmortem of an incident with 100,000 events, and the check of 1,000 runbooks, each beside the
//! least that any program would have to do: reading the same bytes and parsing them as JSON, or as Markdown.
//!
//! `script/bench` runs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rundown::base::clock::{Clock, RealClock};
use rundown::base::event::{Actor, Head, Instant, Person, RunId, Stream};
use rundown::bot::Bot;
use rundown::bot::grammar::{Check, ReportArgs};
use rundown::bot::library::Library;
use rundown::bot::reports::Drafted;
use rundown::config::Folder;
use rundown::domain::action::{Action, http};
use rundown::domain::incident::decide::Command;
use rundown::domain::run::event::{self, Event};
use rundown::engine::{Engine, Open};
use rundown::journal::sqlite::SqliteJournal;
use rundown::journal::{Batch, Item, Journal, NewEvent, Select};
use rundown::view::report::Kind;

const EVENTS: usize = 100_000;
const RUNBOOKS: usize = 1_000;

fn read(path: &str) -> Action {
    Action::Http(http::Request {
        method: http::Method::Get,
        url: format!("https://backend.test{path}"),
        target: Some("backend".into()),
        headers: BTreeMap::new(),
        json: None,
        body: None,
        follow_redirects: false,
        contract: None,
    })
}

/// What a long incident consists of: mostly a watch that writes a line a minute, and steps in between.
fn happened(number: usize, run: &RunId, at: Instant) -> Event {
    let step = format!("step_{}", number / 20);
    match number % 20 {
        0 => event::StepStarted {
            step,
            title: format!("Look at the statistics, time {number}"),
            visit: 1,
            action: Some(read("/api/redis-connection-stats")),
            sent: Some(event::SentAtOnce { key: format!("{run}/{number}"), until: at }),
        }
        .into(),
        1 => event::StepFinished {
            step,
            title: format!("Look at the statistics, time {number}"),
            ok: true,
            summary: "200 in 30 ms".into(),
            facts: serde_json::json!({"status": 200, "body": {"active_connections": 8, "max_connections": 20}})
                .as_object()
                .cloned()
                .unwrap_or_default(),
            expects: Vec::new(),
            attempts: 1,
            took_ms: 30,
            output: None,
        }
        .into(),
        _ => {
            let points = (0..4).map(|quarter| event::Point {
                at: at + chrono::TimeDelta::seconds(quarter * 15),
                value: 8.0 + f64::from(u8::try_from(number % 7).unwrap_or(0)),
            });
            let to = at + chrono::TimeDelta::minutes(1);
            let points = BTreeMap::from([("utilization".to_owned(), points.collect())]);
            event::WatchTallied { step: "watch".into(), from: at, to, due: 4, taken: 4, points, failures: Vec::new() }
                .into()
        }
    }
}

async fn journal_with(engine: &Engine, journal: &dyn Journal, events: usize) {
    let declare = Command::Declare {
        title: "A long night".into(),
        severity: None,
        environment: None,
        zone: None,
        started: None,
        detected: None,
    };
    let (incident, _) = engine.declare(&Actor::Bot, declare).await.expect("declared");
    let plan = rundown::domain::runbook::model::Plan {
        runbook: "bench".into(),
        title: "Bench".into(),
        source: String::new(),
        digest: "0".into(),
        severity: None,
        inventory: rundown::domain::action::inventory::Inventory::default(),
        deadline: None,
        phases: Vec::new(),
        frames: Vec::new(),
        steps: Vec::new(),
        criteria: Vec::new(),
    };
    let start = engine.clock().now();
    let by = Actor::Person { name: Person::new("ana"), door: "bench".into(), login: None };
    let open = Open {
        incident: incident.clone(),
        incident_started: start,
        by,
        from: None,
        approves: Vec::new(),
        follow_up: false,
    };
    let run = engine.open_run(&plan, open).await.expect("opened");
    let mut number = 0;
    let mut seq = 1;
    while number < events {
        let many = (events - number).min(1_000);
        let stored = (number..number + many).map(|number| {
            let at = start + chrono::TimeDelta::minutes(i64::try_from(number).unwrap_or(0));
            let event = happened(number, &run, at);
            let head = serde_json::to_vec(&Head { actor: Actor::Bot, occurred_at: at }).expect("a head");
            let body = event.encode().expect("a body");
            NewEvent { kind: event.kind().into(), version: event.version(), head, body }
        });
        let item = Item {
            stream: Stream::run(&run),
            expected: seq,
            incident: Some(incident.clone()),
            events: stored.collect(),
            open: None,
        };
        journal.append(Batch { items: vec![item], ..Batch::default() }, start).await.expect("appended");
        number += many;
        seq += many as u64;
    }
}

/// The best of three, in milliseconds.
fn best<T>(clock: &RealClock, mut work: impl FnMut() -> T) -> f64 {
    let mut times = Vec::new();
    for _ in 0..3 {
        let before = clock.monotonic();
        std::hint::black_box(work());
        times.push((clock.monotonic() - before).as_secs_f64() * 1_000.0);
    }
    times.into_iter().fold(f64::INFINITY, f64::min)
}

fn postmortem(folder: &Path) {
    let clock = RealClock::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder.join("journal.db")).expect("a fresh folder"));
    let engine = Engine::new(journal.clone(), Arc::new(RealClock::default()));
    runtime.block_on(journal_with(&engine, journal.as_ref(), EVENTS));
    let library = Library::new(Folder::Default, Box::new(|_| None), folder.to_owned());
    let shared = journal.clone();
    let open = move || Ok(shared.clone());
    let executors = |_| Err("nothing is run".to_owned());
    let bot = Bot::new(
        Arc::new(RealClock::default()),
        library,
        "bench:1".into(),
        folder.join("journal.db"),
        Box::new(open),
        Box::new(executors),
    );
    let page = best(&clock, || {
        let asked = ReportArgs { kind: Kind::Postmortem, incident: None, to: None, template: false };
        match runtime.block_on(bot.report(asked)).expect("a page") {
            Drafted::Text(text) => text.len(),
            other => panic!("a page, not {other:?}"),
        }
    });
    let least = best(&clock, || {
        let mut after = 0;
        let mut parsed = 0;
        loop {
            let rows = runtime.block_on(journal.read(Select::All, after, 1_000)).expect("rows");
            let Some(last) = rows.last() else { return parsed };
            after = last.pos;
            for body in rows.iter().filter_map(|row| row.body.as_ref()) {
                parsed += usize::from(serde_json::from_slice::<serde_json::Value>(&body.bytes).is_ok());
            }
        }
    });
    println!(
        "postmortem of {EVENTS} events      {page:>7.0} ms   {:>4.1} times reading and parsing them",
        page / least
    );
}

fn check(folder: &Path) {
    let clock = RealClock::default();
    let stock = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let page = std::fs::read_to_string(stock.join("redis-connections.md")).expect("the stock page");
    let runbooks = folder.join("runbooks");
    std::fs::create_dir(&runbooks).expect("a folder");
    std::fs::copy(stock.join("targets.yaml"), runbooks.join("targets.yaml")).expect("a copy");
    for number in 0..RUNBOOKS {
        let page = page.replacen("id: redis-connections", &format!("id: redis-connections-{number}"), 1);
        std::fs::write(runbooks.join(format!("page-{number}.md")), page).expect("a page");
    }
    let library = Library::new(Folder::Named(runbooks.clone()), Box::new(|_| None), folder.to_owned());
    let checked = best(&clock, || library.check(&Check { paths: Vec::new(), env: None }).expect("checked").pages.len());
    let least = best(&clock, || {
        let pages = std::fs::read_dir(&runbooks).expect("a folder").flatten();
        let texts = pages.filter_map(|page| std::fs::read_to_string(page.path()).ok());
        texts.map(|text| pulldown_cmark::Parser::new(&text).count()).sum::<usize>()
    });
    println!(
        "check of {RUNBOOKS} runbooks           {checked:>7.0} ms   {:>4.1} times parsing their Markdown",
        checked / least
    );
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    postmortem(folder.path());
    check(folder.path());
}
