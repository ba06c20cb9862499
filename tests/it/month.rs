//! A month on call in virtual time: rotations over a change of the clock, pages that escalate, a monitor that flaps, a heartbeat that stops,
//! three alerts for one incident, a restart in the middle of an escalation, six hours without Discord, a digest every morning. The use cases, the keeper of pages and the monitors are the real
//! ones; the world, the ways to reach people and the people are scripted. The whole log is a snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use futures::channel::mpsc;
use futures::executor::{LocalPool, block_on};
use futures::future::BoxFuture;
use futures::task::LocalSpawnExt as _;
use rundown::base::clock::{Clock, VirtualClock};
use rundown::base::event::{Actor, Head, Instant, Person, Recorded, Severity};
use rundown::base::schedule::{Cron, Span};
use rundown::bot::Bot;
use rundown::bot::digest::{Due, Posted, Poster, Schedule};
use rundown::bot::fleet::{Appended, Fleet};
use rundown::bot::grammar::{Incident, Note, OverrideArgs, Page};
use rundown::bot::library::Library;
use rundown::bot::paging::Carrier;
use rundown::client::SendError;
use rundown::client::http::{Http, HttpRequest, HttpResponse};
use rundown::config::Folder;
use rundown::domain::alert::{Alert, Standing};
use rundown::domain::digest::model::Digest;
use rundown::domain::page::decide::Outcome;
use rundown::domain::page::event::{Route, Task};
use rundown::domain::page::state::State;
use rundown::domain::page::work::Errand;
use rundown::domain::timeline::Fact;
use rundown::engine::monitoring::Beats;
use rundown::journal::memory::MemoryJournal;
use rundown::journal::{Journal, Select};
use rundown::samples::Nowhere;
use rundown::step::{Executors, Ports};
use rundown::view::digest::{quiet, sections};
use rundown::view::sentence::Wording;

const ZONE: Tz = Tz::Europe__Berlin;

const ONCALL: &str = "zone: Europe/Berlin\nschedules:\n  primary:\n    layers:\n      - { name: Weekly, people: [Ana, Ben, Eva], \
                      rotate: weekly, handoff: mon 09:00, from: 2026-03-16 }\n  secondary:\n    layers:\n      - { name: Daily, \
                      people: [Eva, Ana, Ben], rotate: daily, handoff: \"09:00\", from: 2026-03-16 }\npolicies:\n  default:\n    \
                      steps:\n      - { notify: [schedule: primary], escalate_after: 5m }\n      - { notify: [schedule: secondary], \
                      escalate_after: 10m }\n    repeat: 1\n    finally: [person: Chief]\npage: { P0: default, P1: default, P2: default \
                      }\nquiet_hours: { from: \"22:00\", to: \"07:00\", hold: [P2] }\nreminders: { update_every: { P1: 1h }, at_most: \
                      2 }\n";
const TARGETS: &str = "environments:\n  production:\n    zone: Europe/Berlin\n    targets:\n      api: { url: \
                       \"http://api.example\" }\n      shop: { url: \"http://shop.example\" }\n      cache: { url: \
                       \"http://cache.example\" }\n";
const MONITORS: &str = "defaults: { every: 1m, fail_for: 3m, ok_for: 5m }\nmonitors:\n  api:\n    title: The API\n    check: { http: \
                        { get: \"{{target.api.url}}/health\" } }\n    expect: [status == 200]\n    on_failure: { severity: P1, declare: \
                        true }\n  shop:\n    title: The shop\n    check: { http: { get: \"{{target.shop.url}}/health\" } }\n    expect: \
                        [status == 200]\n    depends_on: [api]\n    flapping: { changes: 4, within: 2h }\n    on_failure: { severity: \
                        P1, declare: true }\n  cache:\n    title: The cache\n    check: { http: \
                        { get: \"{{target.cache.url}}/ping\" } }\n    on_failure: { severity: P1, page: true }\n  backup:\n    title: The nightly backup\n    heartbeat: { every: 24h, grace: 1h }\n    \
                        on_failure: { severity: P2, declare: true }\n";

/// A moment by the clock on the wall in Berlin.
fn at(text: &str) -> Instant {
    let naive = chrono::NaiveDateTime::parse_from_str(&format!("2026-{text}"), "%Y-%m-%d %H:%M").unwrap();
    ZONE.from_local_datetime(&naive).unwrap().to_utc()
}

/// What is out of order, from when until when.
struct World {
    clock: VirtualClock,
    down: Vec<(&'static str, Instant, Instant)>,
    without_discord: (Instant, Instant),
    log: Arc<Mutex<String>>,
}

impl World {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn write(&self, text: &str) {
        let line = format!("{}  {text}\n", self.now().with_timezone(&ZONE).format("%a %d %b %H:%M"));
        self.log.lock().unwrap().push_str(&line);
    }
}

impl Http for World {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, SendError>> {
        let now = self.now();
        let down =
            self.down.iter().any(|(host, from, until)| request.url.contains(host) && (*from..*until).contains(&now));
        let status = if down { 503 } else { 200 };
        Box::pin(futures::future::ready(Ok(HttpResponse { status, ..HttpResponse::default() })))
    }
}

/// A way to reach people that writes down what it carried, and to whom.
struct Way {
    route: Route,
    world: Arc<World>,
}

impl Carrier for Way {
    fn route(&self) -> Route {
        self.route
    }

    fn carry<'a>(&'a self, page: &'a State, errand: &'a Errand) -> BoxFuture<'a, Outcome> {
        let away = self.world.without_discord;
        if self.route == Route::Discord && (away.0..away.1).contains(&self.world.now()) {
            let failed = Outcome::Failed { why: "Discord is not there".into(), again: true };
            return Box::pin(futures::future::ready(failed));
        }
        let what = match errand.task {
            Task::Call(number) => {
                let call = errand.call.as_ref().unwrap();
                let names: Vec<&str> = call.persons.iter().map(Person::name).collect();
                format!("rings for {} (call {number} of {})", names.join(" and "), page.id)
            }
            Task::Answered => format!("stops: {} is answered", page.id),
            Task::Over => format!("closes {}", page.id),
        };
        self.world.write(&format!("    >> {} {what}", self.route.word()));
        Box::pin(futures::future::ready(Outcome::Delivered { receipt: None, remark: None }))
    }
}

/// Where digests stand: the one line of a quiet one, and the parts that there are.
struct Paper(Arc<World>);

impl Poster for Paper {
    fn post<'a>(&'a self, _: &'a Schedule, due: &'a Due, digest: &'a Digest) -> BoxFuture<'a, Posted> {
        let late = if due.late { ", late" } else { "" };
        let parts = sections(digest).into_iter().map(|section| section.title);
        let says = quiet(digest).into_iter().chain(parts).collect::<Vec<_>>().join(" · ");
        self.0.write(&format!("    >> digest of {}{late}: {says}", due.due.with_timezone(&ZONE).format("%H:%M")));
        Box::pin(futures::future::ready(Posted::Sent { receipt: None }))
    }
}

/// What a person, or the world, does at a moment.
enum Does {
    Acks(&'static str),
    Notes(&'static str, &'static str),
    Resolves(&'static str),
    Overrides(&'static str, &'static str, &'static str),
    /// The backup ran, and says so.
    Beats,
    /// Another system alerts of something in one group, or says that it is over.
    Fires(&'static str),
    Resolved(&'static str),
    /// The process is killed and begins anew.
    Restarts,
    /// The process is killed.
    Dies,
    /// It begins anew.
    Starts,
}

fn person(name: &str) -> Actor {
    Actor::Person { name: Person::new(name), door: "terminal".to_owned(), login: None }
}

/// A process: everything it runs, and where it hears of what is appended.
struct Process {
    pool: LocalPool,
    ears: Vec<mpsc::UnboundedSender<Appended>>,
    beats: Beats,
}

struct Month {
    world: Arc<World>,
    journal: Arc<MemoryJournal>,
    bot: &'static Bot,
    read: u64,
    wording: Wording,
}

impl Month {
    fn new(folder: &std::path::Path, world: Arc<World>) -> Self {
        for (name, text) in [("oncall.yaml", ONCALL), ("targets.yaml", TARGETS), ("monitors.yaml", MONITORS)] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let journal = Arc::new(MemoryJournal::new(1));
        let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
        let library = Library::new(Folder::Named(folder.into()), Box::new(|_| None), folder.join("scratch"));
        let (kept, served, ticking) = (journal.clone(), world.clone(), clock.clone());
        let open = move || Ok(kept.clone() as Arc<dyn Journal>);
        let executors = move |secrets| {
            let ports = Ports { http: served.clone(), ..Ports::real(&ticking, "http://unused.example") };
            Ok(Executors::new(ports, secrets, ticking.clone()))
        };
        let file = folder.join("journal.db");
        // What looks whether there is a journal at all finds one; it is kept in memory.
        std::fs::write(&file, "").unwrap();
        let bot = Bot::new(clock, library, "host:1".into(), file, Box::new(open), Box::new(executors));
        let (cron, late) = (Cron::parse("0 8 * * *").unwrap(), Span::seconds(4 * 3_600));
        let bot = bot.with_digests(vec![Schedule { name: "morning".into(), cron, zone: ZONE, late }]);
        Self { world, journal, bot: Box::leak(Box::new(bot)), read: 0, wording: Wording::new(ZONE) }
    }

    fn start(&self) -> Process {
        let pool = LocalPool::new();
        let (ear, mut calls) = mpsc::unbounded();
        let (beats, mut heard) = Beats::new();
        let (bot, world) = (self.bot, self.world.clone());
        let paging = async move {
            let discord = Way { route: Route::Discord, world: world.clone() };
            let pager = Way { route: Route::PagerDuty, world };
            bot.keep_pages(&[&discord, &pager], &mut calls).await.unwrap();
        };
        let watching = async move {
            let (fleet, _harbour) = Fleet::new();
            bot.watch(&fleet, &Nowhere, &mut heard).await.unwrap();
        };
        let digests = {
            let (bot, world) = (self.bot, self.world.clone());
            async move { bot.keep_digests(&Paper(world)).await.unwrap() }
        };
        pool.spawner().spawn_local(digests).unwrap();
        pool.spawner().spawn_local(paging).unwrap();
        pool.spawner().spawn_local(watching).unwrap();
        Process { pool, ears: vec![ear], beats }
    }

    /// Runs everything until it stalls; what was appended meanwhile is told to whoever listens, and logged.
    fn settle(&mut self, process: &mut Process) {
        loop {
            process.pool.run_until_stalled();
            let rows = block_on(self.journal.read(Select::All, self.read, 1_000)).unwrap();
            let Some(last) = rows.last() else { return };
            self.read = last.pos;
            for row in rows {
                let body = row.body.as_ref().map(|body| body.bytes.as_slice());
                let event = Fact::decode(&row.stream, &row.kind, row.version, body).unwrap();
                let head: Head = serde_json::from_slice(&row.head).unwrap();
                if let Some(said) = self.wording.tell(&event) {
                    let incident = row.incident.as_ref().map_or_else(String::new, |incident| format!("{incident}: "));
                    self.world.write(&format!("{incident}{said}"));
                }
                let fact = Recorded { pos: row.pos, at: row.at, head, event };
                for ear in &process.ears {
                    drop(ear.unbounded_send(Appended { incident: row.incident.clone(), fact: fact.clone() }));
                }
            }
        }
    }

    fn does(&self, process: &Process, does: &Does) {
        let bot = self.bot;
        match does {
            Does::Acks(who) => drop(block_on(bot.paging(&person(who), Page::Ack { page: None })).unwrap()),
            Does::Notes(who, text) => {
                let note = Note { text: vec![(*text).to_owned()], incident: None, at: None };
                drop(block_on(bot.note(&person(who), note)).unwrap());
            }
            Does::Resolves(who) => {
                let resolve = Incident::Resolve { incident: None, why: Some("it works again".into()) };
                drop(block_on(bot.incident(&person(who), resolve)).unwrap());
            }
            Does::Overrides(who, from, until) => {
                let (from, until) = (Some((*from).to_owned()), (*until).to_owned());
                let (schedule, why) = ("primary".to_owned(), Some("a wedding".to_owned()));
                let asked = OverrideArgs { schedule, person: (*who).to_owned(), from, until, why };
                drop(block_on(bot.on_call_override(&person(who), &asked)).unwrap());
            }
            Does::Beats => process.beats.heard("backup", self.world.now()),
            Does::Fires(what) => self.alerts(what, Standing::Firing),
            Does::Resolved(what) => self.alerts(what, Standing::Resolved),
            Does::Restarts | Does::Dies | Does::Starts => {}
        }
    }

    fn alerts(&self, what: &str, state: Standing) {
        let alert = Alert {
            source: "alertmanager".into(),
            fingerprint: what.into(),
            group: "{}:{service=\"shop\"}".into(),
            title: what.into(),
            severity: Some(Severity::P1),
            state,
            since: None,
            details: BTreeMap::new(),
            link: None,
            runbook: None,
        };
        block_on(self.bot.engine().unwrap().alert(alert)).unwrap();
    }

    /// Plays it all until `end`.
    fn play(mut self, mut script: VecDeque<(Instant, Does)>, end: Instant) -> Self {
        let mut process = Some(self.start());
        let mut alarm = LocalPool::new();
        while self.world.now() < end {
            if let Some(process) = &mut process {
                self.settle(process);
            }
            while script.front().is_some_and(|(at, _)| *at <= self.world.now()) {
                let (_, does) = script.pop_front().unwrap();
                if matches!(does, Does::Restarts | Does::Dies) {
                    self.world.write("    -- the process is killed");
                    process = None;
                }
                if matches!(does, Does::Restarts | Does::Starts) {
                    self.world.write("    -- the process begins anew");
                    process = Some(self.start());
                }
                if let Some(process) = &mut process {
                    self.does(process, &does);
                    self.settle(process);
                }
            }
            // Somebody has to be awake when the next thing is done.
            let (clock, next) = (self.world.clock.clone(), script.front().map_or(end, |(at, _)| *at));
            alarm.spawner().spawn_local(async move { clock.sleep_until(next).await }).unwrap();
            alarm.run_until_stalled();
            assert!(self.world.clock.advance(), "nobody waits for anything");
        }
        self
    }
}

fn world() -> Arc<World> {
    let clock = VirtualClock::starting_at(at("03-20 00:00"));
    Arc::new(World {
        clock,
        down: vec![
            ("api", at("03-22 02:30"), at("03-22 03:20")),
            ("api", at("03-30 09:30"), at("03-30 09:50")),
            ("api", at("04-02 04:00"), at("04-02 04:40")),
            ("api", at("03-27 10:00"), at("03-27 10:08")),
            ("api", at("04-06 14:00"), at("04-06 16:28")),
            ("cache", at("04-08 20:00"), at("04-08 20:30")),
            ("api", at("04-11 11:00"), at("04-11 11:20")),
            // Up and down for two hours: seven minutes each.
            ("shop", at("03-25 15:00"), at("03-25 15:07")),
            ("shop", at("03-25 15:14"), at("03-25 15:21")),
            ("shop", at("03-25 15:28"), at("03-25 15:35")),
            ("shop", at("03-25 15:42"), at("03-25 15:49")),
            ("shop", at("03-25 15:56"), at("03-25 16:03")),
            ("shop", at("03-25 16:10"), at("03-25 16:17")),
        ],
        without_discord: (at("04-06 10:00"), at("04-06 16:00")),
        log: Arc::default(),
    })
}

fn script() -> VecDeque<(Instant, Does)> {
    let mut script = vec![
        // A Sunday night: nobody hears it twice, the third call is answered.
        (at("03-22 02:52"), Does::Acks("Ana")),
        (at("03-22 03:25"), Does::Notes("Ana", "the database was full")),
        (at("03-22 03:40"), Does::Resolves("Ana")),
        (at("03-25 15:06"), Does::Acks("Ben")),
        (at("03-25 17:30"), Does::Resolves("Ben")),
        // The Monday after the clocks changed, behind the hand-off.
        (at("03-30 09:36"), Does::Acks("Eva")),
        (at("03-30 10:00"), Does::Resolves("Eva")),
        // The backup of this night does not call in; quiet hours hold what is not urgent back.
        (at("03-31 07:10"), Does::Acks("Eva")),
        (at("03-31 09:00"), Does::Resolves("Eva")),
        // A restart in the middle of an escalation.
        (at("04-02 04:06"), Does::Restarts),
        (at("04-02 04:11"), Does::Restarts),
        (at("04-02 04:21"), Does::Acks("Eva")),
        (at("04-02 04:50"), Does::Resolves("Eva")),
        // Nobody sees it in Discord; PagerDuty rings.
        (at("04-06 16:30"), Does::Acks("Ana")),
        (at("04-06 16:40"), Does::Resolves("Ana")),
        // Three alerts of one group, one of them twice: one incident, one page.
        (at("04-07 18:00"), Does::Fires("queue is long")),
        (at("04-07 18:01"), Does::Fires("orders fail")),
        (at("04-07 18:02"), Does::Fires("queue is long")),
        (at("04-07 18:03"), Does::Fires("checkout is slow")),
        (at("04-07 18:04"), Does::Acks("Ana")),
        (at("04-07 18:20"), Does::Resolved("orders fail")),
        (at("04-07 18:21"), Does::Resolved("queue is long")),
        (at("04-07 18:22"), Does::Resolved("checkout is slow")),
        (at("04-07 18:30"), Does::Resolves("Ana")),
        (at("04-08 20:05"), Does::Acks("Ana")),
        (at("04-10 12:00"), Does::Overrides("Ben", "sat 08:00", "in 8h")),
        // The machine is moved over breakfast: the digest comes late, once.
        (at("04-14 07:30"), Does::Dies),
        (at("04-14 09:40"), Does::Starts),
        // And for a day: that digest is not news any more.
        (at("04-16 07:30"), Does::Dies),
        (at("04-16 14:00"), Does::Starts),
        (at("04-11 11:05"), Does::Acks("Ben")),
        (at("04-11 11:30"), Does::Resolves("Ben")),
    ];
    // Every night but one.
    for day in 0..30 {
        let night = at("03-20 01:00") + TimeDelta::days(day);
        if day != 11 {
            script.push((night, Does::Beats));
        }
    }
    script.sort_by_key(|(at, _)| *at);
    script.into()
}

fn played() -> String {
    let folder = tempfile::tempdir().unwrap();
    let world = world();
    let month = Month::new(folder.path(), world.clone()).play(script(), at("04-19 00:00"));
    let mut log = world.log.lock().unwrap().clone();
    let rows = block_on(month.journal.head()).unwrap().pos;
    writeln!(log, "{rows} events in 30 days").unwrap();
    log
}

#[test]
fn a_month_on_call() {
    insta::assert_snapshot!(played());
}
