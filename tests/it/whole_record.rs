//! The facts of a real outage, told by commands as they would have been typed, and every page that comes out of them.
//!
//! Two incidents: the outage that took two hours, and the day it came back. Time is virtual, so that the pages are the
//! same bytes every time.

use std::sync::Arc;

use clap::Parser as _;
use futures::executor::block_on;
use rundown::base::clock::{Clock, VirtualClock};
use rundown::base::event::{Actor, Instant, Person};
use rundown::bot::Bot;
use rundown::bot::grammar::{BriefArgs, Command, Handoff, Postmortem, ReportArgs, Similar};
use rundown::bot::library::Library;
use rundown::bot::reports::Drafted;
use rundown::chat::terminal::args::{Args, Verb};
use rundown::config::Folder;
use rundown::journal::memory::MemoryJournal;
use rundown::view::report::Kind;

use crate::rundown::Desk;

/// A bot whose clock only the story moves.
struct Room {
    bot: Bot,
    clock: VirtualClock,
}

impl Room {
    fn new() -> Self {
        let clock = VirtualClock::starting_at("2026-02-02T11:00:00Z".parse().unwrap());
        let library = Library::new(Folder::Default, Box::new(|_| None), std::env::temp_dir());
        let journal = Arc::new(MemoryJournal::new(7));
        let open = move || Ok(journal.clone() as Arc<dyn rundown::journal::Journal>);
        let executors = |_| Err("nothing is run here".to_owned());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        Self {
            bot: Bot::new(shared, library, "room:1".into(), "nowhere.db".into(), Box::new(open), Box::new(executors)),
            clock,
        }
    }

    /// Lets time pass until a moment.
    fn until(&self, time: &str) {
        let until: Instant = time.parse().unwrap();
        let mut sleep = self.clock.sleep_until(until);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while sleep.as_mut().poll(&mut context).is_pending() {
            assert!(self.clock.advance(), "time passes");
        }
    }

    /// Somebody types a command.
    #[track_caller]
    fn types(&self, who: &str, words: &[&str]) {
        let args = Args::try_parse_from(std::iter::once("rundown").chain(words.iter().copied()));
        let Verb::Bot(command) = args.unwrap_or_else(|error| panic!("{error}")).verb else { panic!("a command") };
        let me = Actor::Person { name: Person::new(who), door: "terminal".into(), login: None };
        let done = block_on(async {
            match command {
                Command::Incident(verb) => self.bot.incident(&me, verb).await.map(drop),
                Command::Hypothesis(verb) => self.bot.hypothesis(&me, verb).await.map(drop),
                Command::Evidence(said) => self.bot.evidence(&me, said).await.map(drop),
                Command::Cause(said) => self.bot.cause(&me, said).await.map(drop),
                Command::Impact(said) => self.bot.impact(&me, said).await.map(drop),
                Command::Lesson(said) => self.bot.lesson(&me, said).await.map(drop),
                Command::Recommend(said) => self.bot.recommend(&me, said).await.map(drop),
                Command::Action(verb) => self.bot.action(&me, verb).await.map(drop),
                Command::Review(said) => self.bot.review(&me, said).await.map(drop),
                Command::Withdraw(said) => self.bot.withdraw(&me, said).await.map(drop),
                Command::Note(note) => self.bot.note(&me, note).await.map(drop),
                other => panic!("this story does not use {other:?}"),
            }
        });
        done.unwrap_or_else(|fault| panic!("{words:?}: {fault}"));
    }

    fn page(&self, kind: Kind, incident: &str) -> String {
        let incident = Some(incident.parse().unwrap());
        match block_on(self.bot.report(ReportArgs { kind, incident, to: None, template: false })).unwrap() {
            Drafted::Text(text) => text,
            other => panic!("a page, not {other:?}"),
        }
    }

    fn lacks(&self, incident: &str) -> Vec<String> {
        let incident = Some(incident.parse().unwrap());
        match block_on(self.bot.postmortem(Postmortem::Check { incident })).unwrap() {
            Drafted::Lacks(_, lacks) => lacks,
            other => panic!("a list, not {other:?}"),
        }
    }
}

/// The two hours of 2 February, as far as people told them.
fn the_outage(room: &Room) {
    let ana = |words: &[&str]| room.types("ana", words);
    let ben = |words: &[&str]| room.types("ben", words);
    let zone = "America/Santiago";
    ana(&[
        "incident",
        "declare",
        "Redis connections exhausted",
        "--severity",
        "P1",
        "--env",
        "production",
        "--zone",
        zone,
    ]);
    ana(&["incident", "milestone", "started", "08:00"]);
    ana(&["incident", "assign", "commander", "ana"]);
    room.until("2026-02-02T11:15:00Z");
    ana(&["incident", "ack"]);
    ana(&["incident", "status", "investigating"]);
    ana(&[
        "evidence",
        "end-to-end suite against production",
        "--found",
        "3 of 8 tests passed: 38 %",
        "--implies",
        "occupation does not work, validation and history do",
    ]);
    ana(&[
        "evidence",
        "redis-health",
        "--found",
        "unhealthy: Redis not responding: Too many connections",
        "--implies",
        "the general health check says healthy all the same",
    ]);
    ana(&[
        "hypothesis",
        "add",
        "Every request opens a Redis connection of its own",
        "--expecting",
        "no pool in the code, more connections than Railway's limit of about 50",
        "--test",
        "read how the client is made and the connection statistics",
    ]);
    ana(&[
        "hypothesis",
        "add",
        "Railway's Redis plan is too small for normal traffic",
        "--expecting",
        "the limit is reached with every connection in use",
    ]);
    room.until("2026-02-02T11:30:00Z");
    ben(&[
        "evidence",
        "connection statistics",
        "--found",
        "67 active, no maximum configured",
        "--hypothesis",
        "H1",
        "--implies",
        "nothing bounds what the backend opens",
    ]);
    ben(&["hypothesis", "eliminate", "H2", "--why", "most of the 67 were idle: they are leaked, not needed"]);
    ben(&["cause", "--hypothesis", "H1"]);
    ben(&["cause", "--contributing", "30 to 50 workers at once, each with an event stream"]);
    ben(&["cause", "--contributing", "no alert on the number of connections"]);
    ben(&["cause", "--contributing", "locks live for an hour and keep connections open"]);
    room.until("2026-02-02T12:05:00Z");
    ben(&["note", "singleton pool with 20 connections deployed to Railway; the backend was restarted"]);
    ben(&["incident", "link", "https://git.example/zeues/commit/47a", "--label", "pool of 20 connections"]);
    ana(&["incident", "status", "monitoring", "--why", "redis-health says healthy; 8 of 20 connections, 40 %"]);
    room.until("2026-02-02T12:15:00Z");
    ben(&[
        "hypothesis",
        "add",
        "CompletarRequest lacks the field operacion",
        "--different-problem",
        "--expecting",
        "COMPLETAR answers 500 whatever Redis does",
    ]);
    ben(&[
        "evidence",
        "POST /api/occupation/completar",
        "--hypothesis",
        "H3",
        "--found",
        "'CompletarRequest' object has no attribute 'operacion'",
    ]);
    ben(&["hypothesis", "confirm", "H3", "--why", "the service needs a field that the model does not have"]);
    room.until("2026-02-02T13:00:00Z");
    ana(&[
        "note",
        "three bugs of the suite mended: fecha_operacion, the history's format, a check of Redis before it starts",
    ]);
    after_the_outage(room);
}

fn after_the_outage(room: &Room) {
    let ana = |words: &[&str]| room.types("ana", words);
    for (side, text) in [
        ("users", "30 to 50 workers"),
        ("scope", "every TOMAR, PAUSAR and COMPLETAR; health and history answered"),
        ("business", "paper tracking for two hours"),
        ("technical", "3 of 8 end-to-end tests passed; event streams delayed"),
        ("customer", "errors that came and went; trust in 3.0 shaken"),
        ("data-loss", "none: the sheets stayed the source of truth"),
    ] {
        ana(&["impact", side, text]);
    }
    ana(&[
        "incident",
        "summary",
        "Occupation answered 500 for two hours because the backend opened a Redis connection for every request. A pool of 20 ended it.",
    ]);
    for (kind, text) in [
        ("went-well", "the end-to-end suite showed the fault at once"),
        ("went-well", "three phases kept everybody calm"),
        ("could-improve", "nobody was told before users noticed"),
        ("could-improve", "there is no staging environment"),
        ("surprised", "event streams hold connections longer than expected"),
        ("surprised", "failing tests hid a real fault"),
    ] {
        ana(&["lesson", kind, text]);
    }
    for (priority, text, detail) in [
        ("P0", "Load tests", "50 workers, 100 event streams; p95 under 2 s, no connection errors"),
        ("P0", "Alert on the pool", "above 80 % of the connections"),
        ("P1", "Check the API's contract in CI", "block merges that break it"),
        ("P2", "Roll back by itself", "when health fails after a deployment, within 5 minutes"),
    ] {
        ana(&["recommend", text, "--priority", priority, "--detail", detail]);
    }
    ana(&["action", "add", "Deploy the model fix", "--owner", "ben", "--priority", "P0", "--due", "2026-02-02"]);
    ana(&["action", "add", "Run the suite again: 8 of 8", "--owner", "ana", "--priority", "P0", "--due", "2026-02-03"]);
    ana(&["action", "add", "Review with the stakeholders", "--priority", "P1"]);
    room.until("2026-02-02T13:30:00Z");
    ana(&["incident", "resolve"]);
}

/// The day after: the same words, another fault.
fn the_day_it_came_back(room: &Room) {
    let eva = |words: &[&str]| room.types("eva", words);
    room.until("2026-02-03T03:00:00Z");
    eva(&[
        "incident",
        "declare",
        "Redis not responding: Too many connections",
        "--severity",
        "P1",
        "--env",
        "production",
        "--zone",
        "America/Santiago",
    ]);
    eva(&[
        "hypothesis",
        "add",
        "Every event stream holds a connection of the shared pool",
        "--expecting",
        "more than 20 open streams leave nothing for occupation",
        "--test",
        "how long pubsub keeps its connection",
    ]);
    room.until("2026-02-03T03:05:00Z");
    eva(&[
        "evidence",
        "redis_client.py",
        "--found",
        "the documented file does not exist; the pool is in redis_repository.py",
        "--implies",
        "the documentation is wrong, the pool is not missing",
    ]);
    room.until("2026-02-03T03:13:00Z");
    eva(&[
        "evidence",
        "event_generator() in sse_service.py",
        "--hypothesis",
        "H1",
        "--found",
        "one pubsub connection for as long as the client stays",
        "--implies",
        "minutes to hours each",
    ]);
    room.until("2026-02-03T03:14:00Z");
    eva(&[
        "evidence",
        "the numbers",
        "--hypothesis",
        "H1",
        "--found",
        "20 connections, 30 to 50 streams",
        "--implies",
        "the pool is gone before any operation asks",
    ]);
    eva(&["cause", "--hypothesis", "H1"]);
    eva(&[
        "incident",
        "link",
        "https://git.example/zeues/commit/51c",
        "--label",
        "two pools: 20 for operations, 60 for streams",
    ]);
}

#[test]
fn every_page_of_the_outage_says_what_was_told_and_nothing_else() {
    let room = Room::new();
    the_outage(&room);
    for kind in [Kind::Postmortem, Kind::Summary, Kind::Debugging, Kind::Update] {
        insta::assert_snapshot!(format!("outage_{}", kind.word()), room.page(kind, "inc-1"));
    }
    insta::assert_snapshot!(room.lacks("inc-1").join("\n"), @"
    A3 has no owner and no date: rundown action set A3 --owner PERSON --due DATE
    no date for the review is set: rundown review TIME
    ");
}

#[test]
fn the_day_it_came_back_is_recognised_briefed_and_handed_over() {
    let room = Room::new();
    the_outage(&room);
    the_day_it_came_back(&room);
    insta::assert_snapshot!("came_back_debugging", room.page(Kind::Debugging, "inc-2"));
    let (_, alike) = block_on(room.bot.similar(&Similar { incident: Some("inc-2".parse().unwrap()) })).unwrap();
    assert_eq!(alike.len(), 1);
    assert_eq!(
        alike[0].likeness.reasons(),
        ["the same words: redis not responding", "the same words: too many connections"]
    );
    let brief = block_on(room.bot.brief(&BriefArgs { incident: Some("inc-2".parse().unwrap()) })).unwrap();
    insta::assert_snapshot!("came_back_brief", brief);
    let me = Actor::Person { name: Person::new("eva"), door: "terminal".into(), login: None };
    let handoff = Handoff { incident: "inc-2".parse().unwrap(), to: "ben".into(), why: None };
    let (_, told) = block_on(room.bot.handoff(&me, handoff)).unwrap();
    assert_eq!(told, brief, "what the next one was told is what stands in the record");
    let after = block_on(room.bot.brief(&BriefArgs { incident: Some("inc-2".parse().unwrap()) })).unwrap();
    assert!(after.contains("commander ben"), "{after}");
}

const INVENTORY: &str = "\
environments:
  local:
    zone: America/Santiago
    targets: {}
programs:
  \"true\": { env: [] }
";

const PAGE: &str = "\
# One look

### Look

```yaml rundown
id: look
exec: { argv: [\"true\"] }
```
";

#[test]
fn an_export_is_checked_by_itself_and_shows_what_was_changed() {
    let desk = Desk::with_pages(&[("targets.yaml", INVENTORY), ("look.md", PAGE)]);
    desk.rundown(&["run", "look", "--yes"]).exits(0);
    desk.rundown(&["note", "all is well"]).exits(0);
    let made = desk.rundown(&["export", "--to", "record"]).exits(0);
    assert!(made.out.contains("to check it later: rundown verify record"), "{}", made.out);
    let folder = desk.path().join("record");
    for file in ["postmortem.md", "events.jsonl", "manifest.json", "runs/run-1.md", "runs/run-1.plan.json"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    assert_eq!(std::fs::read_to_string(folder.join("runs/run-1.md")).unwrap(), PAGE, "the page as it was run");
    let checked = desk.rundown(&["verify", "record"]).exits(0);
    assert!(checked.out.starts_with("as it was exported: inc-1, "), "{}", checked.out);
    assert!(desk.rundown(&["export", "--to", "record"]).exits(2).err.contains("is there already"));

    // A page changed by hand shows; so does an event, even where the manifest was made to fit.
    let page = folder.join("summary.md");
    let before = std::fs::read(&page).unwrap();
    std::fs::write(&page, "all was well").unwrap();
    assert!(desk.rundown(&["verify", "record"]).exits(1).err.contains("summary.md was changed after the export"));
    std::fs::write(&page, before).unwrap();
    let events = folder.join("events.jsonl");
    let told = std::fs::read_to_string(&events).unwrap();
    let lied = told.replace("all is well", "all is lost");
    std::fs::write(&events, &lied).unwrap();
    let manifest = folder.join("manifest.json");
    let listed = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, listed.replace(&sha256(&told), &sha256(&lied))).unwrap();
    let wrong = desk.rundown(&["verify", "record"]).exits(1).err;
    assert!(
        wrong.contains("events.jsonl, line ") && wrong.contains("says something else than was recorded"),
        "{wrong}"
    );
    std::fs::write(folder.join("extra.txt"), "x").unwrap();
    assert!(desk.rundown(&["verify", "record"]).exits(1).err.contains("extra.txt does not belong to the export"));
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(text))
}

const MENDING: &str = "\
---
follow_up: [A quiet second]
---
# Mend it

## Mend

### Do it
```yaml rundown
exec: { argv: [\"true\"] }
```

## A quiet second

### Wait
```yaml rundown
id: quiet
wait: { for: 1s }
```
";

#[test]
fn what_follows_a_success_begins_by_itself_and_nobody_waits_for_it() {
    let desk = Desk::with_pages(&[("targets.yaml", INVENTORY), ("mend.md", MENDING)]);
    let done = desk.rundown(&["run", "mend", "--yes"]).exits(0);
    assert!(done.out.contains("run-2 follows by itself: A quiet second. It goes on with: rundown run --resume run-2"));
    assert!(desk.rundown(&["incident", "resolve"]).exits(0).out.contains("resolved by"), "it is no reason to wait");
    let after = desk.rundown(&["run", "--resume", "run-2"]).exits(0);
    assert!(after.out.contains("run-2 succeeded") && !after.out.contains("follows by itself"), "{}", after.out);
    let acting = MENDING.replace("wait: { for: 1s }", "exec: { argv: [\"true\"] }");
    let desk = Desk::with_pages(&[("targets.yaml", INVENTORY), ("mend.md", &acting)]);
    let refused = desk.rundown(&["check"]).exits(1);
    assert!(refused.out.contains("a phase that begins by itself may only look and wait; this step changes something"));
}

#[test]
fn a_template_of_ones_own_is_used_and_its_fault_is_named_by_its_line() {
    let desk = Desk::with_pages(&[("targets.yaml", INVENTORY), ("look.md", PAGE)]);
    desk.rundown(&["incident", "declare", "Something"]).exits(0);
    let folder = desk.path().join("templates");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("update.md.hbs"), "Hello: {{glance.title}}\n").unwrap();
    assert_eq!(desk.rundown(&["report", "update"]).exits(0).out, "Hello: Something\n");
    std::fs::write(folder.join("update.md.hbs"), "one\n{{glance.titel}}\n").unwrap();
    let told = desk.rundown(&["report", "update"]).exits(1).err;
    assert!(told.contains("update.md.hbs, line 2 does not work"), "{told}");
    assert!(desk.rundown(&["report", "update", "--template"]).exits(0).out.contains("{{glance.title}}"));
}

#[test]
fn whoever_stops_reading_ends_nothing() {
    let desk = Desk::with_pages(&[("targets.yaml", INVENTORY), ("look.md", PAGE)]);
    let mut child = desk.command(&["run", "look", "--yes", "--json"]);
    let mut child = child.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0), "the run goes on without a reader");
    let told = desk.rundown(&["timeline", "inc-1"]).exits(0).out;
    assert!(told.contains("run-1 succeeded"), "{told}");
}
