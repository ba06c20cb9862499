//! Rehearsals over real sockets. Speed 600 and not less slack: while a call is on a socket, or the bot computes, time passes at
//! most 20 times as fast, so that the usual limit of ten seconds stays half a second.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use futures::StreamExt as _;
use futures::executor::block_on;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rundown::base::event::{Actor, Person};
use rundown::domain::run::input::Command;
use rundown::domain::run::state::{Stage, State};
use rundown::engine::{Engine, EngineError};
use rundown::rehearsal::Played;
use rundown::rehearsal::live::{Audience, Scene, set_up};
use rundown::rehearsal::scenario::{CallFault, Does, Expected, Failing, Fault, Loaded, load};
use serde_json::json;

use super::{scenario, serde_entry};
use crate::rundown::Desk;

const SPEED: u32 = 600;

/// Plays a scenario live; gives what was told meanwhile, too.
fn live(loaded: &Loaded) -> (Played, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut told = Vec::new();
    let played = runtime.block_on(async {
        let set_up = set_up(loaded, SPEED).unwrap_or_else(|error| panic!("{}: {error}", loaded.name));
        set_up.play(&mut |line| told.push(line.to_owned())).await
    });
    (played.unwrap_or_else(|error| panic!("{}: {error}", loaded.name)), told)
}

#[track_caller]
fn as_expected(loaded: &Loaded) -> Played {
    let (played, told) = live(loaded);
    assert!(played.is_ok(), "{}", played.text(None));
    assert_eq!(told, played.lines, "what is told as it happens is what is told at the end");
    played
}

fn says(played: &Played, text: &str) -> bool {
    played.lines.iter().any(|line| line.contains(text))
}

/// The scenario as far as its restart: what comes after it takes two hours. Ana cancels as soon as `asks` asks a question.
fn until_restarted(name: &str, step: &str, asks: &str) -> Loaded {
    let mut loaded = scenario(name);
    let cancels = json!({ "who": "ana", "does": "cancel", "on": { "event": "question.asked", "step": asks } });
    loaded
        .scenario
        .people
        .retain(|part| part.step.as_deref() == Some(step) && part.does == Does::Approve && part.nth == 1);
    loaded.scenario.people.push(serde_json::from_value(cancels).expect("a part"));
    loaded.scenario.expect.outcome = Expected::Cancelled;
    loaded.scenario.expect.steps.retain(|id, _| id == step);
    loaded
}

#[test]
fn railway_answers_429_over_http_and_then_502_after_it_restarted() {
    let played = as_expected(&until_restarted("railway-busy-then-502", "restart_backend", "verdict"));
    assert!(says(&played, "Railway answered 429: too many requests with this token"), "{}", played.text(None));
    assert!(says(&played, "Railway answered 502 with an HTML page (\"502 Bad Gateway\")"), "{}", played.text(None));
}

#[test]
fn a_rollback_that_a_502_hides_is_found_in_the_world() {
    let played = as_expected(&scenario("deploy-rollback-502"));
    assert!(says(&played, "it was done, shown by the world"), "{}", played.text(None));
}

#[test]
fn a_full_redis_refuses_the_bot_and_tells_who_is_there_over_the_connection_from_before() {
    let played = as_expected(&scenario("nobody-there"));
    let refused = "refuses new connections: \"max number of clients reached\"; 50 of 50 connected (100 %), 9 subscribed, \
                   says a connection opened earlier";
    assert!(says(&played, refused), "{}", played.text(None));
}

#[test]
fn a_watch_looks_at_a_degraded_service_for_half_an_hour() {
    as_expected(&scenario("api-degraded"));
}

#[test]
fn a_bot_that_dies_while_its_order_is_under_way_finds_it_carried_out() {
    let played = as_expected(&until_restarted("crash-probed", "restart_redis", "verdict"));
    assert!(says(&played, "(the bot dies, and is back in 1m10s)"), "{}", played.text(None));
    assert!(says(&played, "it was done, shown by the world"), "{}", played.text(None));
}

#[test]
fn an_order_of_a_bot_that_died_before_it_was_sent_never_arrives() {
    let mut loaded = until_restarted("crash-settled", "restart_redis", "restart_redis");
    let expect = &mut loaded.scenario.expect;
    expect.restarts.insert("redis".to_owned(), 0);
    expect.steps.clear();
    expect.timeline = vec![serde_entry("attempt.doubted"), serde_entry("doubt.probed")];
    as_expected(&loaded);
}

/// Plays a scenario in which the part of bruno is left to a person, who says this when an approval is asked for.
fn played_by_bruno(says: fn() -> Command) -> Played {
    let mut loaded = until_restarted("server-limit", "restart_redis", "verdict");
    let expected = json!({ "outcome": "cancelled", "steps": { "restart_redis": "ok" }, "restarts": { "redis": 1 } });
    loaded.scenario.expect = serde_json::from_value(expected).expect("what is expected");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (gone, person) = std::sync::mpsc::channel();
    let mut enters = |scene: Scene| {
        let gone = gone.clone();
        std::thread::spawn(move || gone.send(block_on(as_bruno(&scene, says))));
        vec!["pages: over there".to_owned()]
    };
    let audience = Audience { plays: Some("bruno".to_owned()), enters: &mut enters };
    let mut told = Vec::new();
    let played = runtime.block_on(async {
        let set_up = set_up(&loaded, 3_600).expect("it can be set up");
        set_up.play_before(audience, &mut |line| told.push(line.to_owned())).await
    });
    person
        .recv_timeout(std::time::Duration::from_secs(20))
        .expect("the person was asked")
        .expect("what they said was written down");
    assert_eq!(told[0], "pages: over there");
    played.expect("it is played")
}

/// A person at another door of the same process.
async fn as_bruno(scene: &Scene, says: fn() -> Command) -> Result<(), EngineError> {
    let engine = Engine::new(scene.journal.clone(), scene.clock.clone());
    let mut appends = scene.journal.listen();
    let bruno = Actor::Person { name: Person::new("bruno"), door: "web".to_owned(), login: None };
    let run = engine.runs(true).await?.remove(0).id;
    let is_asked = |state: &State| state.steps.iter().any(|step| matches!(step.stage, Stage::Approval { .. }));
    while !is_asked(&engine.run_state(&run).await?) {
        appends.next().await;
    }
    engine.command(&run, &bruno, says()).await.map(drop)
}

#[test]
fn a_part_that_is_left_to_a_person_waits_for_them_and_is_told_as_theirs() {
    let played = played_by_bruno(|| Command::Approve { step: None });
    assert!(says(&played, "approved by bruno"), "{}", played.text(None));
    assert!(says(&played, "Restart Redis on Railway: done"), "{}", played.text(None));
    let by_hand = played.by_hand.clone().expect("somebody took part");
    assert_eq!(by_hand.part.as_deref(), Some("bruno"));
    assert!(by_hand.did.iter().any(|line| line.contains("approved by bruno")), "{by_hand:?}");
    let told = played.text(None);
    assert!(told.contains("\nplayed by hand: the part of bruno was left to a person"), "{told}");
    assert!(told.ends_with("\nall else is as the scenario expects\n"), "{told}");
}

#[test]
fn a_person_who_does_something_else_makes_no_rehearsal_fail_and_none_pass() {
    let played = played_by_bruno(|| Command::Reject { step: None, why: Some("not during the shift".to_owned()) });
    assert!(says(&played, "refused by bruno: not during the shift"), "{}", played.text(None));
    assert!(played.is_ok() && !played.differences.is_empty(), "{}", played.text(None));
    let told = played.text(None);
    assert!(!told.ends_with("\nok\n") && !told.contains("\nall else is"), "{told}");
    assert!(
        told.contains("this differs from what the scenario expects, where its own people play every part:"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_had_over_a_socket_is_refused_with_the_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let refused = |call: &str, how: Failing| {
        let mut loaded = scenario("server-limit");
        let mut fault: CallFault = serde_json::from_str(call).expect("a fault");
        fault.gets = how;
        loaded.scenario.faults = vec![Fault::Call(fault)];
        set_up(&loaded, SPEED).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let http = refused(r#"{ "http": "GET /api/health", "gets": "reset" }"#, Failing::Refused);
    let why = "GET /api/health is to be refused, and over a socket a connection is accepted before anybody knows what it will ask";
    assert!(http.contains(why), "{http}");
    let redis = refused(r#"{ "redis": "redis", "gets": "reset" }"#, Failing::BadGateway);
    assert!(redis.contains("redis is to answer with an HTTP status, which no Redis server does"), "{redis}");
    let exec = refused(r#"{ "exec": "python3", "gets": "reset" }"#, Failing::Refused);
    assert_eq!(exec, "", "programs are scripted, and one can fail to start");
}

#[test]
fn nothing_outside_the_world_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("targets.yaml", "environments: { production: { targets: { api: { url: 'https://api.example' } } } }\n");
    write(
        "page.md",
        "---\nid: page\ntitle: Look outside\n---\n# Look outside\n\n## Look\n\n### Ask elsewhere\n\n```yaml rundown\nid: elsewhere\n\
         http: { get: 'http://127.0.0.1:9/' }\n```\n",
    );
    write(
        "s.yaml",
        "title: t\nrunbook: page.md\ntargets: targets.yaml\nby: ana\nstart: 2026-03-09T11:02:00Z\nworld: { sites: { api: { \
         url: 'https://api.example' } } }\nexpect: { outcome: failed }\n",
    );
    let (played, _) = live(&load(&folder.path().join("s.yaml")).expect("a scenario"));
    assert!(played.differences.contains(&"there is no site at 127.0.0.1, which the run asks".to_owned()), "{played:?}");
}

/// A stock scenario as a file of its own, changed.
fn copy(desk: &Desk, name: &str, from: &str, to: &str) -> String {
    let stock = super::stock();
    let text = std::fs::read_to_string(stock.join(format!("{name}.yaml"))).expect("the scenario");
    assert!(text.contains(from));
    let runbooks = stock.parent().expect("the runbooks").display().to_string();
    let text = text.replace(from, to).replace("../", &format!("{runbooks}/"));
    let text = text.replace("use: worlds", &format!("use: {runbooks}/rehearsals/worlds"));
    let path = desk.path().join(format!("{name}.yaml"));
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn the_command_says_where_the_world_is_and_exits_1_where_something_differs() {
    let desk = Desk::new();
    let wrong = copy(&desk, "load-no-tool", "outcome: stopped", "outcome: succeeded");
    let said = desk.rundown(&["rehearse", &wrong, "--live", "--speed", "600"]).exits(1);
    assert!(
        said.out.contains("\nserved, 600 times as fast: https://spools.example at http://127.0.0.1:"),
        "{}",
        said.out
    );
    assert!(said.out.contains("; programs are not started, their output is scripted\n"), "{}", said.out);
    assert!(said.out.contains("run-1 stopped"), "{}", said.out);
    let end = "differs from what the scenario expects:\n  the outcome is stopped, expected succeeded\n";
    assert!(said.out.ends_with(end), "{}", said.out);

    for speed in ["0", "3601"] {
        let refused = desk.rundown(&["rehearse", "--live", "--speed", speed]).exits(2);
        assert!(refused.err.contains("3600"), "{}", refused.err);
    }
    desk.rundown(&["rehearse", "--speed", "60"]).exits(2);
}

#[test]
fn ctrl_c_ends_it_and_nothing_listens_any_more() {
    let desk = Desk::new();
    let mut command = desk.command(&["rehearse", "server-limit", "--live", "--speed", "1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("a line"));
    let served = lines.find(|line| line.starts_with("served, 1 times as fast: ")).expect("where it is served");
    lines.find(|line| line.contains("run-1 started by ana")).expect("the run");
    let place = served.split("http://").nth(1).and_then(|rest| rest.split(',').next()).expect("an address");
    let address: SocketAddr = place.parse().expect("an address");
    TcpStream::connect(address).expect("somebody listens");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("signalled");
    assert_eq!(child.wait().expect("reaped").signal(), Some(Signal::SIGINT as i32));
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}
