//! Pages under load: not part of the test run, `script/bench --pages` prints the figures. The program may be another build than the test's
//! own: `RUNDOWN_BINARY`.

#![allow(clippy::disallowed_methods, reason = "a measurement lives in real time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::join_all;
use rundown::base::clock::{Clock as _, RealClock};
use rundown::base::event::{Actor, IncidentId, Person, Stream};
use rundown::domain::incident::decide::Command;
use rundown::engine::Engine;
use rundown::journal::sqlite::SqliteJournal;
use rundown::journal::{Batch, Item, NewEvent, Select};

use super::signed::{Browser, Pages};
use crate::rundown::Desk;

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn sorted(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    format!("p50 {:.1} ms, p95 {:.1} ms, max {:.1} ms", at(50), at(95), at(100))
}

/// What is resident of a process, in kB.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    resident.unwrap_or(0)
}

/// A runbook with this many steps that compute something: two events each.
fn page(steps: usize) -> String {
    let step =
        |number| format!("### Step {number}\n\n```yaml rundown\nid: s{number}\nset: {{ n: \"{number}\" }}\n```\n\n");
    format!("# Steps\n\n## All\n\n{}", (0..steps).map(step).collect::<String>())
}

async fn time(browser: &Browser, path: &str) -> (Duration, usize) {
    let begun = Instant::now();
    let shown = browser.get(path).await.is(200);
    (begun.elapsed(), shown.text.len())
}

/// Another process that writes into the same journal.
struct Writer(Engine);

impl Writer {
    fn of(desk: &Desk) -> Self {
        let journal = Arc::new(SqliteJournal::open(desk.journal()).expect("the journal"));
        Self(Engine::new(journal, Arc::new(RealClock::default())))
    }

    async fn note(&self, text: &str) -> u64 {
        let actor = Actor::Person { name: Person::new("ana"), door: "terminal".to_owned(), login: None };
        let note = Command::Note { text: text.to_owned() };
        let facts = self.0.incident_command(&IncidentId::number(1), &actor, None, note).await.expect("written");
        facts.last().expect("a fact").pos
    }

    /// Writes so many notes like the one that it writes first, a thousand at once.
    async fn notes(&self, mut left: usize) {
        let text = "what somebody saw while one of the steps went on, in a sentence of the usual length";
        let pos = self.note(text).await;
        let (journal, incident) = (self.0.journal(), IncidentId::number(1));
        let row = journal.read(Select::All, pos - 1, 1).await.expect("read").remove(0);
        let body = row.body.expect("a body").bytes;
        let event = NewEvent { kind: row.kind, version: row.version, head: row.head, body };
        let mut expected = row.seq;
        while left > 0 {
            let events = vec![event.clone(); left.min(1_000)];
            let written = events.len();
            let stream = Stream::incident(&incident);
            let item = Item { stream, expected, incident: Some(incident.clone()), events, open: None };
            let batch = Batch { items: vec![item], ..Batch::default() };
            journal.append(batch, RealClock::default().now()).await.expect("written");
            (left, expected) = (left - written, expected + written as u64);
        }
    }
}

/// Opens an event stream and tells when each event after `after` has arrived.
async fn listen(browser: &Browser, after: u64) -> tokio::sync::mpsc::UnboundedReceiver<(u64, Instant)> {
    let request = browser.asked("/incidents/inc-1/live").header("last-event-id", after);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    let (told, heard) = tokio::sync::mpsc::unbounded_channel();
    let mut bytes = response.bytes_stream();
    tokio::spawn(async move {
        let mut kept = String::new();
        while let Some(Ok(more)) = bytes.next().await {
            kept.push_str(&String::from_utf8_lossy(&more));
            while let Some(end) = kept.find("\n\n") {
                let message: String = kept.drain(..end + 2).collect();
                let id = message.lines().find_map(|line| line.strip_prefix("id: ")?.parse().ok());
                if let Some(id) = id
                    && told.send((id, Instant::now())).is_err()
                {
                    return;
                }
            }
        }
    });
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "takes a minute; script/bench --pages runs it"]
async fn a_page_of_ten_thousand_events_and_a_thousand_streams() {
    let (events, streams) = (number("LOAD_EVENTS", 10_000), number("LOAD_STREAMS", 1_000));
    // A long run, and much that people wrote down.
    let steps = events / 20;
    let desk = Desk::with_pages(&[("steps.md", &page(steps))]);
    desk.rundown(&["run", "steps", "--yes"]).exits(0);
    Writer::of(&desk).notes(events - steps * 2).await;
    // Of an incident that is over nothing is read before somebody asks.
    desk.rundown(&["incident", "resolve", "inc-1", "--why", "a measurement"]).exits(0);
    let pages = Pages::of(desk).await;
    let ana = pages.signed_in("ana").await;
    time(&ana, "/").await;
    let (first, size) = time(&ana, "/incidents/inc-1").await;
    let page = ana.get("/incidents/inc-1").await.text;
    let assets: Vec<&str> = page
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut all = size;
    for asset in assets {
        all += time(&ana, asset).await.1;
    }
    println!(
        "a page of {events} events: first {:.1} ms, {} KB; with style, script and icon {} KB",
        first.as_secs_f64() * 1e3,
        size / 1000,
        all / 1000
    );
    let mut again = Vec::new();
    for _ in 0..100 {
        again.push(time(&ana, "/incidents/inc-1").await.0);
    }
    println!("the same again: {}", sorted(again));
    let mut filtered = Vec::new();
    for _ in 0..50 {
        filtered.push(time(&ana, "/incidents/inc-1?q=step%204&kind=step").await.0);
    }
    println!("the same, filtered: {}", sorted(filtered));

    let writer = Writer::of(&pages.desk);
    let mut last = writer.note("before").await;
    let mut one = listen(&ana, last).await;
    let mut took = Vec::new();
    for number in 0..100 {
        let pos = writer.note(&format!("note {number}")).await;
        let written = Instant::now();
        let (id, at) = one.recv().await.expect("a message");
        assert!(id >= pos);
        took.push(at.saturating_duration_since(written));
        last = pos;
    }
    println!("another process's event on an open page: {}", sorted(took));
    let mut took = Vec::new();
    for number in 0..50 {
        let begun = Instant::now();
        ana.post("/incidents/inc-1/note", &[("text", &format!("from the page {number}"))]).await;
        let (id, at) = one.recv().await.expect("a message");
        last = id;
        took.push(at.saturating_duration_since(begun));
    }
    println!("a note posted on one page until it stands on another, all of it: {}", sorted(took));

    let before = memory(pages.bot.id());
    let mut open = Vec::new();
    for _ in 0..streams.div_ceil(50) {
        open.extend(join_all((0..50).map(|_| listen(&ana, last))).await);
    }
    let during = memory(pages.bot.id());
    let mut took = Vec::new();
    for number in 0..20 {
        let pos = writer.note(&format!("to all {number}")).await;
        let written = Instant::now();
        for stream in &mut open {
            loop {
                let (id, at) = stream.recv().await.expect("a message");
                if id >= pos {
                    took.push(at.saturating_duration_since(written));
                    break;
                }
            }
        }
    }
    println!(
        "{} event streams: {} MB before, {} MB with them, {} MB after 20 events; each event at each: {}",
        open.len(),
        before / 1024,
        during / 1024,
        memory(pages.bot.id()) / 1024,
        sorted(took)
    );
    let (page, _) = time(&ana, "/incidents/inc-1").await;
    println!("the page beside them: {:.1} ms", page.as_secs_f64() * 1e3);
}
