//! How much one server carries: not part of the test run, `script/bench --discord` prints the figures. The program may be another
//! build than the test's own: `RUNDOWN_BINARY`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rundown::base::clock::RealClock;
use rundown::base::event::{Actor, RunId, Stream};
use rundown::bot::library::{At, Library};
use rundown::config::Folder;
use rundown::domain::incident::decide::Command;
use rundown::engine::{Engine, Open};
use rundown::journal::sqlite::SqliteJournal;
use rundown::journal::{Batch, Item, Journal as _, NewEvent, Select};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::response::people;
use super::served::Served;
use crate::rundown::Desk;
use crate::world::discord::state::InteractionKind;
use crate::world::discord::{Config, Discord, Id, Person};

/// A number from outside, or the one that is meant.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A server of the loopback address that answers everything with a figure, and remembers who asked.
#[derive(Clone, Default)]
struct Backend {
    asked: Arc<Mutex<(u64, BTreeSet<String>)>>,
}

impl Backend {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let backend = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(backend.clone().answer(stream));
            }
        });
        format!("http://{address}")
    }

    async fn answer(self, stream: tokio::net::TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut path = None;
        while let Ok(Some(line)) = lines.next_line().await {
            path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
            if line.is_empty() {
                self.hears(path.take());
                let body = r#"{"active":12}"#;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
                let sent = write.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await;
                if sent.is_err() {
                    return;
                }
            }
        }
    }

    fn hears(&self, path: Option<String>) {
        let mut asked = self.asked.lock().expect("asked");
        asked.0 += 1;
        asked.1.extend(path);
    }

    fn samples(&self) -> u64 {
        self.asked.lock().expect("asked").0
    }

    fn askers(&self) -> usize {
        self.asked.lock().expect("asked").1.len()
    }
}

fn watch_page(every: &str) -> String {
    format!(
        "---\nid: watch\ntitle: Watch the backend\n---\n# Watch the backend\n\n## Watch\n\n### Watch it\n```yaml rundown\nwatch:\n  for: \
         2h\n  every: {every}\n  sample: {{ http: {{ get: \"{{{{target.backend.url}}}}/{{{{run.id}}}}\" }} }}\n  series: {{ active: \
         body.active }}\n  expect:\n    - active < 15\n```\n\n## Success criteria\n- [ ] It stays well\n"
    )
}

fn targets(url: &str) -> String {
    format!("environments:\n  production: {{ zone: UTC, targets: {{ backend: {{ url: \"{url}\" }} }} }}\n")
}

/// Memory of a process in MB: all that is resident, and what of it is its own.
fn memory(process: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    let kb = |name| line(name).unwrap_or(0_u64) / 1024;
    (kb("VmRSS:"), kb("RssAnon:"))
}

/// Seconds of CPU that a process has used; the kernel counts hundredths.
fn cpu(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process");
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = behind.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    if times.is_empty() {
        return "none".to_owned();
    }
    let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)].as_secs_f64() * 1000.0;
    format!("p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms of {}", at(0.5), at(0.99), at(1.0), times.len())
}

/// What a busy hour looks like, squeezed: notes and looking, half of it while typing.
fn does(ana: &Person, thread: Id, turn: u64) {
    match turn % 10 {
        0 | 3 | 6 => drop(ana.slash(thread, "incident note", &[("text", &format!("note {turn}"))])),
        1 | 5 => types(ana, thread, "runbook run", ("runbook", "redis")),
        2 => types(ana, thread, "incident show", ("incident", "inc-1")),
        4 => drop(ana.slash(thread, "incident show", &[])),
        7 => drop(ana.slash(thread, "runbook status", &[])),
        8 => drop(ana.slash(thread, "timeline", &[])),
        _ => drop(ana.slash(thread, "runbook list", &[])),
    }
}

fn types(ana: &Person, thread: Id, words: &str, option: (&str, &str)) {
    // What is suggested is looked at in the account afterwards.
    drop(ana.types(thread, words, &[option]));
}

async fn until(what: &str, seconds: u64, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(seconds), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; script/bench --discord runs it"]
async fn many_incidents_and_busy_people() {
    let (incidents, seconds, rate) =
        (number("LOAD_INCIDENTS", 200), number("LOAD_SECONDS", 60), number("LOAD_RATE", 50));
    let backend = Backend::default();
    let url = backend.start().await;
    let mut pages = vec![("watch.md".to_owned(), watch_page("5s")), ("targets.yaml".to_owned(), targets(&url))];
    let stock = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/redis-connections.md");
    let stock = std::fs::read_to_string(stock).expect("a stock page");
    pages.extend((1..=20).map(|number| {
        (format!("redis-{number}.md"), stock.replace("id: redis-connections", &format!("id: redis-{number}")))
    }));
    let pages: Vec<(&str, &str)> = pages.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let desk = Desk::with_pages(&pages);
    let discord = Discord::start(Config { patience: Duration::from_secs(300), ..Config::default() });
    let ops = discord.channel("ops");
    let ana = discord.member("ana");
    people(&desk, &[("Ana", &ana, "commander")]);
    discord.limit("POST", "/channels/{channel_id}/threads", 1_000, Duration::from_secs(1));
    let bot = Served::start(&desk, &discord, ops).await;
    let idle = memory(bot.id());

    for number in 0..incidents {
        let title = format!("Queue {number} stands still");
        ana.slash(ops, "incident declare", &[("title", &title), ("severity", "P2")]).message().await;
    }
    discord
        .until("a thread each", |world| {
            world.channels.values().filter(|channel| channel.is_thread()).count() as u64 == incidents
        })
        .await;
    let threads: Vec<Id> = discord.look(|world| {
        world.channels.values().filter(|channel| channel.is_thread()).map(|channel| channel.id).collect()
    });
    for thread in &threads {
        ana.slash(*thread, "runbook run", &[("runbook", "watch")]).message().await;
    }
    until("every watch samples", 300, || backend.askers() as u64 == incidents).await;
    let watching = memory(bot.id());

    let (spent, own, samples, began) = (cpu(bot.id()), cpu(std::process::id()), backend.samples(), Instant::now());
    let (before, requests) = discord.look(|world| (world.interactions.len(), world.requests.len()));
    for turn in 0..rate * seconds {
        does(&ana, threads[((turn * 7 + turn / 10) % incidents) as usize], turn);
        tokio::time::sleep_until((began + Duration::from_secs_f64((turn + 1) as f64 / rate as f64)).into()).await;
    }
    discord.until("everything is answered", |world| world.interactions.values().all(|one| one.answer.is_some())).await;
    let thinking = |line: &String| line.contains("still thinking");
    until("everything is said", 60, || !discord.account().iter().any(thinking)).await;
    let took = began.elapsed().as_secs_f64();
    let (spent, own) = (cpu(bot.id()) - spent, cpu(std::process::id()) - own);

    discord.look(|world| {
        let of = |kind: InteractionKind| -> Vec<Duration> {
            let since = world.interactions.values().skip(before).filter(|one| one.kind == kind);
            since.filter_map(|one| one.acknowledged_after()).collect()
        };
        let sent = |method: &str, path: &str| {
            let since = &world.requests[requests..];
            since.iter().filter(|one| one.method == method && one.path.contains(path)).count()
        };
        println!("incidents with a running watch   {incidents}, sampled every 5 s");
        println!("interactions                     {} in {took:.1} s", world.interactions.len() - before);
        println!("commands acknowledged            {}", percentiles(of(InteractionKind::Command)));
        println!("suggestions answered             {}", percentiles(of(InteractionKind::Autocomplete)));
        println!("answers edited in                {}", sent("PATCH", "/webhooks/"));
        println!("cards edited, messages sent      {}, {}", sent("PATCH", "/channels/"), sent("POST", "/messages"));
        if std::env::var_os("LOAD_REQUESTS").is_some() {
            let mut kinds = std::collections::BTreeMap::<String, u32>::new();
            for one in &world.requests[requests..] {
                let path = one.path.replace(|char: char| char.is_ascii_digit(), "");
                *kinds
                    .entry(format!("{} {} {}", one.method, path.split("/aW5").next().unwrap_or_default(), one.status))
                    .or_default() += 1;
            }
            println!("{kinds:#?}");
        }
        println!("refused by rate limits           {}", world.faults.limited);
    });
    println!("samples                          {}", backend.samples() - samples);
    println!("CPU of the bot, of the rest      {spent:.1} s, {own:.1} s");
    let after = memory(bot.id());
    println!("memory idle, watching, after     {idle:?}, {watching:?}, {after:?} MB resident, of its own");
    let missed: Vec<String> =
        discord.account().into_iter().filter(|line| !line.starts_with("nobody looked at")).collect();
    println!(
        "missed or against Discord's rules {}\n{}",
        missed.len(),
        missed.iter().take(5).cloned().collect::<String>()
    );
    bot.kill();
    assert!(missed.is_empty());
}

/// A journal with unfinished runs of a watch that nobody drives, over this many servers.
async fn unfinished(desk: &Desk, url: &str, runs: u64, hosts: u64) {
    let library =
        Library::new(Folder::Named(desk.path().join("runbooks")), Box::new(|_| None), desk.path().join("scratch"));
    let journal = Arc::new(SqliteJournal::open(desk.journal()).expect("a fresh journal"));
    let engine = Engine::new(journal.clone(), Arc::new(RealClock::default()));
    let declare = Command::Declare {
        title: "Many".into(),
        severity: None,
        environment: None,
        zone: None,
        started: None,
        detected: None,
    };
    let (incident, _) = engine.declare(&Actor::Bot, declare).await.expect("declared");
    for host in 0..hosts {
        desk.add_page("targets.yaml", &targets(&format!("{url}/host-{host}")));
        let plan = library.plan("watch", &At::default()).expect("a plan").plan;
        let open = Open {
            incident: incident.clone(),
            incident_started: engine.clock().now(),
            by: Actor::Bot,
            from: None,
            approves: Vec::new(),
            follow_up: false,
        };
        let first = engine.open_run(&plan, open).await.expect("opened");
        let row = journal.read(Select::Stream(Stream::run(&first)), 0, 1).await.expect("a row").remove(0);
        let event =
            NewEvent { kind: row.kind, version: row.version, head: row.head, body: row.body.expect("its body").bytes };
        // The others of this server as they would have been opened, in one commit.
        let items = (1..runs / hosts).map(|other| Item {
            stream: Stream::run(&RunId::number(host * (runs / hosts) + other + 1)),
            expected: 0,
            incident: Some(incident.clone()),
            events: vec![event.clone()],
            open: Some(true),
        });
        let batch = Batch { items: items.collect(), ..Batch::default() };
        journal.append(batch, engine.clock().now()).await.expect("appended");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; script/bench --discord runs it"]
async fn a_crowd_of_unfinished_watches_is_taken_over_and_driven() {
    let (runs, hosts, seconds) = (number("LOAD_RUNS", 10_000), number("LOAD_HOSTS", 200), number("LOAD_SECONDS", 60));
    let backend = Backend::default();
    let url = backend.start().await;
    let desk = Desk::with_pages(&[("watch.md", &watch_page("30s")), ("targets.yaml", &targets(&url))]);
    unfinished(&desk, &url, runs, hosts).await;
    for (what, expected) in [("never begun", runs), ("under way", runs)] {
        backend.asked.lock().expect("asked").1.clear();
        let began = Instant::now();
        let bot = Served::alone(&desk);
        until("it is ready", 120, || bot.said().contains("ready")).await;
        let ready = began.elapsed();
        until("every watch samples", 1_200, || backend.askers() as u64 == expected).await;
        let all = began.elapsed();
        let (settled, spent, samples) = (memory(bot.id()), cpu(bot.id()), backend.samples());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = memory(bot.id());
        println!("{runs} unfinished runs, {what}, over {hosts} servers");
        println!("ready, every watch sampling      {:.1} s, {:.1} s", ready.as_secs_f64(), all.as_secs_f64());
        println!("CPU until then                   {spent:.1} s");
        println!("memory then, {seconds} s later       {settled:?}, {after:?} MB resident, of its own");
        let (cpu, samples) = (cpu(bot.id()) - spent, backend.samples() - samples);
        println!("in those {seconds} s                  {samples} samples, {cpu:.1} s of CPU");
        bot.kill();
    }
}
