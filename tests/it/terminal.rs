//! The terminal as scripts and people meet it: the real binary, in a folder of its own, against a small server.

#![allow(clippy::disallowed_methods, reason = "real processes are waited for in real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

const PAGE: &str = r#"---
id: small
title: Small check
severity: P2
---
# Small check

## Look

### Check health
```yaml rundown
id: health
http: { get: "{{target.backend.url}}/health" }
expect: [status == 200]
```

### Restart it
```yaml rundown
id: restart
http: { post: "{{target.backend.url}}/restart", json: { why: full } }
approval: { quorum: 1, within: 10m }
expect: [status == 200]
```

### Look at the dashboard
Is the curve going down?

### What now?
```yaml rundown
id: verdict
decide:
  cases:
    - { id: keep, label: "Keep it", when: "steps.health.ok", go: next }
    - { id: investigate, label: "Look deeper", go: stop }
```

## Success criteria
- [ ] It is healthy: `steps.health.ok`
- [ ] The shift lead knows
"#;

const SLOW: &str = r#"# Slow

## Wait

### Wait for it
```yaml rundown
id: pause
wait: { for: 2m }
```
"#;

/// Two short watches of the same thing with a change between them.
const WATCHED: &str = r#"# Watched

## Look

### Watch it
```yaml rundown
id: before
watch:
  for: 2s
  every: 1s
  sample: { http: { get: "{{target.backend.url}}/health" } }
  series: { answer: status }
  expect: [{ that: answer < 500, breach_after: 1, level: fail }]
```

### Restart it
```yaml rundown
http: { post: "{{target.backend.url}}/restart" }
```

### Watch it again
```yaml rundown
id: after
watch:
  for: 2s
  every: 1s
  sample: { http: { get: "{{target.backend.url}}/health" } }
  series: { answer: status }
```
"#;

/// A server that answers everything with 200 and counts what it was asked to change.
struct Server {
    url: String,
    changes: Arc<AtomicUsize>,
}

fn serve() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let changes = Arc::new(AtomicUsize::new(0));
    let counted = changes.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length, mut first) = (String::new(), 0, String::new());
            while request.read_line(&mut line).is_ok_and(|read| read > 2) {
                if first.is_empty() {
                    first.clone_from(&line);
                }
                if let Some(size) = line.to_lowercase().strip_prefix("content-length:") {
                    length = size.trim().parse().unwrap();
                }
                line.clear();
            }
            request.read_exact(&mut vec![0; length]).unwrap();
            if first.starts_with("POST") {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            let body = r#"{"status":"healthy"}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    Server { url, changes }
}

/// A folder with runbooks and a journal.
struct Desk {
    folder: tempfile::TempDir,
    server: Server,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = serve();
        let runbooks = folder.path().join("runbooks");
        std::fs::create_dir(&runbooks).unwrap();
        let targets = format!(
            "environments:\n  test:\n    zone: UTC\n    targets:\n      backend: {{ url: \"{0}\" }}\n  production:\n    zone: UTC\n    confirm: true\n    targets:\n      backend: {{ url: \"{0}\" }}\n",
            server.url
        );
        std::fs::write(runbooks.join("targets.yaml"), targets).unwrap();
        std::fs::write(runbooks.join("small.md"), PAGE).unwrap();
        std::fs::write(runbooks.join("slow.md"), SLOW).unwrap();
        Self { folder, server }
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rundown"));
        command.args(shell(args)).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("USER", "ana").env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs a command to its end: exit code and what it printed.
    fn say(&self, args: &str) -> (i32, String) {
        said(&self.command(args).output().unwrap())
    }

    /// Starts a command, and gives its lines as they come.
    fn start(&self, args: &str) -> (Child, mpsc::Receiver<String>) {
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        (child, lines)
    }
}

/// Words, with what stands in single quotes kept together.
fn shell(args: &str) -> Vec<String> {
    let pieces = args.split('\'').enumerate();
    pieces
        .flat_map(|(index, piece)| match index % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![piece.to_owned()],
        })
        .collect()
}

fn said(output: &Output) -> (i32, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

fn wait_for(lines: &mpsc::Receiver<String>, text: &str) -> Vec<String> {
    let until = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        let found = line.contains(text);
        seen.push(line);
        if found {
            return seen;
        }
    }
    panic!("'{text}' never came; there was:\n{}", seen.join("\n"));
}

fn end(mut child: Child) -> i32 {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("the process did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn interrupt(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

#[test]
fn help_says_what_there_is() {
    let (code, text) = Desk::new().say("-h");
    assert_eq!(code, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn faults_are_told_with_their_place_and_an_exit_code() {
    let desk = Desk::new();
    assert_eq!(desk.say("check"), (0, "2 runbooks checked, no faults\n".to_owned()));
    let bad = PAGE.replace("approval:", "aproval:").replace("steps.health.ok && ", "");
    std::fs::write(desk.folder.path().join("bad.md"), bad).unwrap();
    let (code, text) = desk.say("check bad.md");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("bad.md:21:1: ") && text.contains("approval"), "{text}");
    std::fs::write(desk.folder.path().join("binary.md"), [0u8, 159, 146, 150]).unwrap();
    assert_eq!(desk.say("check binary.md").0, 2);
    assert_eq!(desk.say("check nowhere.md").0, 2);
    assert_eq!(desk.say("run bad.md").0, 2);
    assert!(!Path::new(&desk.folder.path().join(".rundown")).exists(), "nothing was begun");
    let (code, text) = desk.say("run smal --env test");
    assert_eq!(code, 2);
    assert!(text.contains("did you mean 'small'?"), "{text}");
}

#[test]
fn without_a_person_the_run_stops_where_one_is_needed_and_says_with_what_to_answer() {
    let desk = Desk::new();
    let (code, text) = desk.say("run small --env test --yes");
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("    rundown approve restart\n"), "--yes approves nothing: {text}");
    assert!(text.contains("before: Check health · done at "), "what was seen before is told: {text}");
    assert!(text.contains("rundown run --resume run-1"), "{text}");
    assert_eq!(desk.server.changes.load(Ordering::SeqCst), 0);

    let (code, text) = desk.say("approve --as bo");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("approved by bo"), "{text}");
    assert_eq!(desk.server.changes.load(Ordering::SeqCst), 0, "whoever answers does not act");
    let (code, text) = desk.say("run --resume");
    assert_eq!((code, desk.server.changes.load(Ordering::SeqCst)), (3, 1), "{text}");
    assert!(text.contains("rundown done look_at_the_dashboard"), "{text}");

    assert_eq!(desk.say("done --note 'it goes down'").0, 0);
    let (code, text) = desk.say("run --resume --yes");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("run-1 succeeded") && text.contains("rundown tick 2 --run run-1"), "{text}");
    assert!(text.contains("postmortem: rundown postmortem draft inc-1"), "{text}");
    assert_eq!(desk.say("tick 2").0, 0);
    let (_, status) = desk.say("runbook status");
    assert!(status.contains("[x] The shift lead knows (ana)"), "{status}");
    assert_eq!(desk.server.changes.load(Ordering::SeqCst), 1, "nothing was done twice");
}

#[test]
fn what_was_approved_beforehand_is_not_asked() {
    let desk = Desk::new();
    let (code, text) = desk.say("run small --env test --yes --approve restart");
    assert_eq!((code, desk.server.changes.load(Ordering::SeqCst)), (3, 1), "{text}");
    let (code, text) = desk.say("run small --env test --approve restrat");
    assert_eq!(code, 2);
    assert!(text.contains("did you mean 'restart'?"), "{text}");
}

#[test]
fn production_is_confirmed_first() {
    let desk = Desk::new();
    let (code, text) = desk.say("run small --env production");
    assert_eq!(code, 3);
    assert!(text.contains("add --yes"), "{text}");
    assert_eq!(desk.say("runbook status").0, 2, "nothing was begun");
}

#[test]
fn others_answer_what_the_first_terminal_drives() {
    let desk = Desk::new();
    let (child, lines) = desk.start("run small --env test --wait");
    wait_for(&lines, "rundown approve restart");
    let (code, text) = desk.say("run --resume");
    assert_eq!(code, 1);
    assert!(text.contains("another process drives run-1"), "{text}");
    let (code, text) = desk.say("approve --as bo");
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("Nobody drives"), "{text}");
    wait_for(&lines, "approved by bo");
    wait_for(&lines, "rundown done look_at_the_dashboard");
    assert_eq!(desk.say("done --as bo").0, 0);
    wait_for(&lines, "rundown decide keep");
    let (code, text) = desk.say("decide nowhere");
    assert_eq!(code, 1);
    assert!(text.contains("keep, investigate"), "{text}");
    assert_eq!(desk.say("decide investigate --as bo").0, 0);
    assert_eq!(end(child), 1, "stopped is not succeeded");
    assert_eq!(desk.server.changes.load(Ordering::SeqCst), 1);
}

#[test]
fn others_hold_up_and_cancel_what_the_first_terminal_drives() {
    let desk = Desk::new();
    let (child, lines) = desk.start("run slow --env test --json");
    wait_for(&lines, "wait.started");
    assert_eq!(desk.say("runbook pause --as bo --why 'wrong environment'").0, 0);
    assert_eq!(end(child), 3);
    let (child, lines) = desk.start("run --resume --json");
    wait_for(&lines, "run.resumed");
    assert_eq!(desk.say("runbook cancel --as bo").0, 0);
    assert_eq!(end(child), 1);
    let (_, status) = desk.say("runbook status");
    assert!(status.contains("cancelled"), "{status}");
}

#[test]
fn what_is_frozen_waits_until_somebody_lifts_it() {
    let desk = Desk::new();
    let (code, text) = desk.say("freeze backend --env test --for 2h --why 'the yard is counting'");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("test/backend frozen by ana until"), "{text}");
    assert!(desk.say("plan small --env test").1.contains("backend until"), "a plan says what is frozen");
    let (child, lines) = desk.start("run small --env test --approve all --wait");
    let told = wait_for(&lines, "ana froze backend until").join("\n");
    assert!(told.contains("the yard is counting"), "{told}");
    assert_eq!(desk.server.changes.load(Ordering::SeqCst), 0);
    assert!(desk.say("runbook status").1.contains("backend until"), "and so does a run");
    let (code, text) = desk.say("unfreeze --env test");
    assert_eq!((code, text.contains("everything in test is not frozen; what is frozen: backend")), (2, true), "{text}");
    assert_eq!(desk.say("unfreeze backend --env test --why 'they are done'").0, 0);
    wait_for(&lines, "✓ Restart it");
    assert_eq!(desk.server.changes.load(Ordering::SeqCst), 1);
    assert_eq!(desk.say("runbook cancel").0, 0);
    end(child);
    assert!(desk.say("freeze --list --env test").1.contains("nothing is frozen"));

    // A whole environment, and one step past it.
    assert_eq!(desk.say("freeze --env test --for 1d --why holidays").0, 0);
    let (child, lines) = desk.start("run small --env test --approve all --wait");
    wait_for(&lines, "ana froze everything in test until");
    assert_eq!(desk.say("override --why 'Redis is full, holidays or not'").0, 0);
    wait_for(&lines, "✓ Restart it");
    assert_eq!(desk.say("runbook cancel").0, 0);
    end(child);
    let told = desk.say("timeline inc-2").1.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("may act although it is frozen, says ana: Redis is full"), "{told}");
    let (code, text) = desk.say("freeze backed --env test --for 1h --why x");
    assert_eq!((code, text.contains("did you mean 'backend'?")), (2, true), "{text}");
    assert_eq!(desk.say("freeze --for 31d --env test --why x").0, 2);
}

#[test]
fn ctrl_c_holds_the_run_up_durably_and_says_how_to_go_on() {
    let desk = Desk::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (child, lines) = desk.start("run slow --env test --wait");
        wait_for(&lines, "run-");
        // The first line is printed before the run is driven; its wait shows in the journal.
        let until = Instant::now() + PATIENCE;
        while !desk.say("runbook status").1.contains("> Wait for it") {
            assert!(Instant::now() < until);
        }
        interrupt(&child, signal);
        wait_for(&lines, "Go on with: rundown run --resume run-");
        assert_eq!(end(child), 3);
        let (_, status) = desk.say("runbook status");
        assert!(status.contains("paused by ana"), "{status}");
        assert_eq!(desk.say("runbook cancel").0, 0);
        assert_eq!(desk.say("run --resume").0, 1);
    }
}

#[test]
fn json_is_one_event_a_line_and_nothing_else() {
    let desk = Desk::new();
    let output = desk.command("run small --env test --json --approve all").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &events {
        let keys: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["actor", "at", "body", "kind", "occurred_at", "pos", "stream"]);
    }
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"approval.given") && kinds.contains(&"attempt.sent"), "{kinds:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("rundown done"), "what to do stands on standard error");
}

#[test]
fn a_single_action_follows_the_same_rules() {
    let desk = Desk::new();
    let (code, text) = desk
        .say(&format!("do http post={}/restart json.why=full --expect 'status == 200' --env test", desk.server.url));
    assert_eq!((code, desk.server.changes.load(Ordering::SeqCst)), (0, 1), "{text}");
    let (_, timeline) = desk.say("timeline");
    assert!(timeline.contains("run-1 started by ana"), "{timeline}");
    assert_eq!(desk.say("do htp get=x").0, 2);
    assert_eq!(desk.say("do http get=http://169.254.169.254/ --env test").0, 1, "metadata stays out of reach");
}

#[test]
fn what_was_watched_is_drawn() {
    let desk = Desk::new();
    std::fs::write(desk.folder.path().join("runbooks/watched.md"), WATCHED).unwrap();
    let (code, text) = desk.say("run watched --env test --yes");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("    answer  ▄") && text.contains(" 200  (min 200, max 200)\n"), "{text}");

    let (code, text) = desk.say("chart --to charts --format png --theme dark");
    assert_eq!(code, 0, "{text}");
    let figures = "last 200  min 200  max 200  p95 200";
    assert!(text.starts_with(&format!("charts/watch-run-1-before.png  Watch it\n  answer  {figures}\n")), "{text}");
    assert!(text.contains("charts/change-1-run-1-after.png  Watch it: before and after: Restart it, "), "{text}");
    assert!(text.contains(&format!("  answer before  {figures}\n  answer after   {figures}\n")), "{text}");
    let file = |name: &str| std::fs::read(desk.folder.path().join(name)).unwrap();
    for name in ["watch-run-1-before", "watch-run-1-after", "change-1-run-1-after"] {
        assert!(file(&format!("charts/{name}.png")).starts_with(b"\x89PNG"), "{name}");
    }
    assert_eq!(desk.say("chart inc-1 --to charts").0, 0);
    assert!(file("charts/watch-run-1-after.svg").starts_with(b"<svg"));

    assert_eq!(desk.say("postmortem draft inc-1 --to page.md").0, 0);
    let page = String::from_utf8(file("page.md")).unwrap();
    assert!(page.contains("(change-1-run-1-after.svg)") && page.contains("(watch-run-1-before.svg)"), "{page}");
    assert_eq!(file("change-1-run-1-after.svg"), file("charts/change-1-run-1-after.svg"));

    assert_eq!(desk.say("incident declare Something else").0, 0);
    let (code, text) = desk.say("chart inc-2 --to nowhere");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("inc-2 has no chart") && !desk.folder.path().join("nowhere").exists(), "{text}");
}

#[test]
fn what_is_erased_is_told_from_what_is_missing() {
    let desk = Desk::new();
    assert_eq!(desk.say("incident declare Redis is full --severity p1").0, 0);
    assert_eq!(desk.say("note 'the password is hunter2'").0, 0);
    let (code, before) = desk.say("verify");
    assert_eq!(code, 0, "{before}");
    let anchor = before.lines().find_map(|line| line.strip_prefix("anchor: ")).unwrap().to_owned();
    let (_, timeline) = desk.say("timeline");
    assert!(timeline.contains("hunter2"), "{timeline}");
    assert_eq!(desk.say("purge '#2' --why 'a password'").0, 0);
    let (code, timeline) = desk.say("timeline");
    assert_eq!(code, 0, "{timeline}");
    assert!(!timeline.contains("hunter2") && timeline.contains("what #2 said was erased: a password"), "{timeline}");
    let (code, postmortem) = desk.say("postmortem draft");
    assert_eq!(code, 0, "{postmortem}");
    assert!(!postmortem.contains("hunter2") && postmortem.contains("erased"), "{postmortem}");
    assert_eq!(desk.say("export --to record").0, 0);
    let (code, text) = desk.say(&format!("verify --anchor {anchor}"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 erased"), "{text}");
    let wrong = anchor.replace(|digit: char| digit.is_ascii_hexdigit() && digit != '2', "0");
    assert_ne!(desk.say(&format!("verify --anchor {wrong}")).0, 0);
    assert_eq!(desk.say("purge 99 --why x").0, 2);
}
