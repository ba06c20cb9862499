//! Digests at a terminal: what would be sent, from a real record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rundown::base::clock::{Clock as _, RealClock, VirtualClock};
use rundown::base::schedule::{Cron, Span};
use rundown::base::series::Series;
use rundown::domain::digest::Schedule;
use rundown::domain::digest::event::Due;
use rundown::domain::digest::model::{Condition, Digest, Figure, Health, Measure};
use rundown::domain::digest::state::State;
use rundown::domain::monitor::state::Level;
use rundown::domain::monitor::tally::Kept;
use rundown::engine::Engine;
use rundown::engine::digests::{Brief, Editor, Posted, Poster};
use rundown::journal::sqlite::SqliteJournal;
use rundown::samples::{Samples as _, Store};

use crate::rundown::Desk;

pub const MONITORS: &str = "monitors:\n  api:\n    title: The API\n    target: api\n    check: { http: { get: \
                            \"{{target.api.url}}/health\" } }\n    expect: [status == 200]\n    every: 1h\n    fail_for: 10h\n    slo: \
                            { uptime: 99.5%, over: 30d }\n  nightly:\n    heartbeat: { every: 1d, grace: 1h }\n";
pub const TARGETS: &str = "environments:\n  production: { zone: UTC, targets: { api: { url: \"http://127.0.0.1:9\" }, web: { url: \"http://127.0.0.1:9\" } } }\n";

fn now() -> DateTime<Utc> {
    RealClock::default().now()
}

/// The digest of every day whose last time was so long ago; its cron as it is written.
pub fn daily(ago: TimeDelta) -> (Schedule, String) {
    let cron = (now() - ago).format("%-M %-H * * *").to_string();
    let late = Span::parse("4h").unwrap();
    (Schedule { name: "morning".into(), cron: Cron::parse(&cron).unwrap(), zone: chrono_tz::UTC, late }, cron)
}

/// Writes the digest of the day before, and takes it.
struct Yesterday(AtomicBool);

impl Editor for Yesterday {
    fn edit<'a>(&'a self, brief: &'a Brief<'a>) -> BoxFuture<'a, Digest> {
        let now = Figure { condition: Condition::Healthy, availability: Some(100.0), p95_ms: Some(40) };
        let day = (Measure::P95, Series::new());
        let api = Health { name: "api".into(), now, was: None, seen: String::new(), day };
        let blank = Digest::blank(None, brief.schedule.zone, brief.since, brief.until);
        async move { Digest { due: Some(brief.due), health: vec![api], ..blank } }.boxed()
    }
}

impl Poster for Yesterday {
    fn post<'p>(&'p self, _: &'p Schedule, _: &'p Due, _: &'p Digest) -> BoxFuture<'p, Posted> {
        self.0.store(true, Ordering::Release);
        async { Posted::Sent { receipt: None } }.boxed()
    }
}

/// The engine over a desk's journal, on that clock.
fn engine(desk: &Desk, clock: VirtualClock) -> Engine {
    Engine::new(Arc::new(SqliteJournal::open(desk.journal()).unwrap()), Arc::new(clock))
}

/// What became of the digest so far, as another process reads it.
pub async fn state(desk: &Desk) -> State {
    engine(desk, VirtualClock::starting_at(now())).digest("morning").await.unwrap()
}

/// Has the digest of the day before sent, when it was due; then nobody is there any more.
pub async fn sent_yesterday(desk: &Desk, schedule: &Schedule) {
    let begin = now() - TimeDelta::hours(31);
    let clock = VirtualClock::starting_at(begin);
    let (engine, taken) = (engine(desk, clock.clone()), Yesterday(AtomicBool::new(false)));
    let schedules = [schedule.clone()];
    let keeping = engine.keep_digests(&schedules, &taken, &taken);
    let story = async {
        while !taken.0.load(Ordering::Acquire) {
            clock.advance();
            tokio::task::yield_now().await;
        }
        while engine.digest("morning").await.unwrap().last.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        kept = keeping => panic!("nobody keeps it any more: {kept:?}"),
        () = story => {}
    }
    assert!(clock.now() < now() - TimeDelta::hours(20), "only yesterday's");
}

/// A day of samples, one a minute, with an hour in which every other one failed and the rest took long.
pub async fn measured(desk: &Desk) {
    let store = Store::open(&desk.path().join("samples.db")).unwrap();
    let present = now().trunc_subsecs(0);
    let sample = |minutes: i64| {
        let bad = (120..180).contains(&minutes);
        let level = if bad && minutes % 2 == 0 { Level::Failing } else { Level::Healthy };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within a second")]
        let took_ms = Some((40 + minutes % 17 + if bad { 700 } else { 0 }) as u32);
        let at: DateTime<Utc> = present - TimeDelta::minutes(minutes);
        (Arc::from("api"), Kept { at: at.timestamp_millis(), level, took_ms, excused: false })
    };
    for minutes in (1..1440).rev() {
        store.keep(vec![sample(minutes)], present - TimeDelta::minutes(minutes));
    }
    store.settle().await;
}

fn settings(desk: &Desk, cron: &str) {
    let text = format!("[[digest]]\nname = \"morning\"\ncron = \"{cron}\"\n");
    std::fs::write(desk.path().join("rundown.toml"), text).unwrap();
}

#[tokio::test]
async fn what_would_be_sent_is_compared_with_the_last_one_and_shown_without_sending() {
    let desk = Desk::with_pages(&[("targets.yaml", TARGETS), ("monitors.yaml", MONITORS)]);
    let (schedule, cron) = daily(TimeDelta::hours(1));
    settings(&desk, &cron);
    sent_yesterday(&desk, &schedule).await;
    measured(&desk).await;
    desk.rundown(&["incident", "declare", "Uploads are slow", "--severity", "P2"]).exits(0);
    desk.rundown(&["action", "add", "Raise the limit", "--owner", "Ben", "--due", "2026-01-02"]).exits(0);
    desk.rundown(&["freeze", "api", "--for", "2h", "--why", "a migration runs"]).exits(0);
    let before = state(&desk).await;

    let said = desk.rundown(&["digest", "--dry-run"]).exits(0).out;
    println!("{said}");
    assert!(said.starts_with("Digest morning, "), "{said}");
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let has = |texts: &[&str]| assert!(lines.iter().any(|line| texts.iter().all(|text| line.contains(text))), "{said}");
    has(&["- P2 inc-1: Uploads are slow · new, detected for ", "nobody has it"]);
    has(&["- api: ", "% up (was 100)", "p95 "]);
    has(&["(was 40)", "▁"]);
    has(&["- web: not looked at"]);
    has(&["- inc-1 A1: Ben: overdue for "]);
    has(&["- api: frozen until ", "by ana: a migration runs"]);
    has(&["- api: spent ", "% up of 99.5 % promised over 30d"]);
    assert_eq!(state(&desk).await, before, "nothing is recorded");
    assert_eq!(desk.rundown(&["digest", "morning", "--dry-run"]).exits(0).out.lines().next(), said.lines().next());
    let unknown = desk.rundown(&["digest", "mornin"]).exits(2);
    assert!(unknown.err.contains("there is no digest 'mornin'; did you mean 'morning'?"), "{}", unknown.err);
}

#[test]
fn without_anything_written_down_it_tells_of_the_last_day_and_makes_no_journal() {
    let desk = Desk::with_pages(&[("targets.yaml", TARGETS)]);
    for words in [&["digest", "--dry-run"][..], &["digest", "now"], &["digest"]] {
        let said = desk.rundown(words).exits(0).out;
        assert!(said.contains("Quiet: nothing is monitored, no incident, nobody was called."), "{said}");
        assert!(said.contains("1 d ago (UTC)"), "{said}");
    }
    assert!(!desk.journal().exists(), "looking makes no journal");
    settings(&desk, "0 25 * * *");
    let faulty = desk.rundown(&["digest"]).exits(2);
    assert!(faulty.err.contains("digest morning, cron: '25' is no hour"), "{}", faulty.err);
    let doctor = desk.rundown(&["doctor"]).exits(1);
    assert!(doctor.out.contains("'25' is no hour"), "{}", doctor.out);
    settings(&desk, "0 8 * * mon-fri");
    let doctor = desk.rundown(&["doctor"]);
    assert!(doctor.out.contains("morning is due next ") && doctor.out.contains("08:00 (UTC)"), "{}", doctor.out);
}
