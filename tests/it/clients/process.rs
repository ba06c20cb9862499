//! `exec` with children that do not want to end, flood their output or leave others behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rundown::base::clock::{Clock, RealClock};
use rundown::base::secret::Secrets;
use rundown::client::process::{ProcessGroups, Processes, Spawn};
use rundown::domain::action::Action;
use rundown::domain::action::exec::{Command, Results};
use rundown::domain::action::inventory::{Inventory, ProgramGrant};
use serde_json::json;

use super::{Bench, answered, not_done, unknown};

fn spawn(script: &str, time: Duration) -> Spawn {
    Spawn {
        program: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        env: BTreeMap::new(),
        until: RealClock::default().now() + time,
        kill_after: Duration::from_millis(300),
        report: None,
        max_output: 100_000,
        scrubber: Secrets::default().scrubber().clone(),
    }
}

fn bench() -> Bench {
    let sh = ProgramGrant { env: vec!["MODE".to_owned()], ..ProgramGrant::default() };
    let inventory = Inventory { programs: BTreeMap::from([("sh".to_owned(), sh)]), ..Inventory::default() };
    Bench::new(inventory, Vec::new(), "http://127.0.0.1:9")
}

fn command(script: &str) -> Command {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    Command { argv, env: BTreeMap::new(), results: None, known_failures: Vec::new() }
}

/// Waits until a process is gone, or dead and only not yet reaped by whoever inherited it.
#[track_caller]
fn gone(pid: &str) {
    assert!(pid.parse::<u32>().is_ok(), "no process id: {pid}");
    let patience = Instant::now() + Duration::from_secs(5);
    let lives = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    while lives() {
        assert!(Instant::now() < patience, "process {pid} still lives");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_child_that_floods_its_output_and_ignores_sigterm_is_killed_with_its_children() {
    let bench = bench();
    let clock: Arc<dyn Clock> = Arc::new(RealClock::default());
    let script = "trap '' TERM; sleep 1000 & echo $!; while :; do echo flood; done";
    let mut first = None;
    let started = Instant::now();
    let mut line = |text: &str| {
        first.get_or_insert(text.to_owned());
    };
    let running =
        bench.runtime.block_on(ProcessGroups::new(clock).run(spawn(script, Duration::from_millis(500)), &mut line));
    let exit = running.expect("an exit");
    assert!(exit.timed_out && exit.signal == Some(9) && exit.code.is_none(), "{:?}", (exit.timed_out, exit.signal));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(exit.output.len() < 101_000 && exit.cut.expect("a note").contains("left out"));
    gone(&first.expect("a line"));
}

#[test]
fn nothing_of_a_program_outlives_it() {
    let answer = answered(bench().act(&Action::Exec(command("sleep 1000 & echo $!")), Duration::from_secs(20)));
    assert_eq!(answer.facts["exit"], 0);
    assert!(answer.cut.expect("a note").contains("left behind"));
    gone(answer.output.expect("its id").trim());
    let silent =
        answered(bench().act(&Action::Exec(command("sleep 1000 >&- 2>&- & echo $!")), Duration::from_secs(20)));
    gone(silent.output.expect("its id").trim());
}

#[test]
fn a_program_nobody_waits_for_any_more_is_killed() {
    let bench = bench();
    let clock: Arc<dyn Clock> = Arc::new(RealClock::default());
    let (sender, receiver) = std::sync::mpsc::channel();
    let groups = ProcessGroups::new(clock);
    bench.runtime.block_on(async {
        let mut line = |text: &str| drop(sender.send(text.to_owned()));
        let mut running = groups.run(spawn("echo $$; sleep 1000", Duration::from_secs(60)), &mut line);
        let pid = futures::future::poll_fn(|context| {
            assert!(running.as_mut().poll(context).is_pending());
            receiver.try_recv().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        });
        let pid = pid.await;
        drop(running);
        gone(&pid);
    });
}

#[test]
fn a_program_that_had_to_be_ended_leaves_a_doubt() {
    let script = "echo 'half \u{1b}[31mdone\u{1b}[0m'; sleep 1000";
    let bench = bench();
    let failure = unknown(bench.act(&Action::Exec(command(script)), Duration::from_secs(1)));
    assert!(failure.message.ends_with("killed after 1 s; its last line: half done"), "{}", failure.message);
    assert_eq!(*bench.lines.0.lock().expect("lines"), ["half done"]);
    let failure = unknown(bench.act(&Action::Exec(command("kill -9 $$")), Duration::from_secs(5)));
    assert!(
        failure.message.ends_with("ended by signal 9; its last line: half done")
            || failure.message.ends_with("ended by signal 9")
    );
}

#[test]
fn only_what_the_operator_grants_is_run_and_nothing_is_inherited() {
    let bench = bench();
    let mut stranger = command("true");
    stranger.argv[0] = "bash".to_owned();
    assert!(not_done(bench.act(&Action::Exec(stranger), Duration::from_secs(5))).message.contains("not granted"));
    let mut meddling = command("true");
    meddling.env.insert("LD_PRELOAD".to_owned(), "x".to_owned());
    let failure = not_done(bench.act(&Action::Exec(meddling), Duration::from_secs(5)));
    assert!(!failure.retryable && failure.message.contains("LD_PRELOAD"));
    let mut plain = command("echo \"$MODE:$CARGO_MANIFEST_DIR:\"; exit 3");
    plain.env.insert("MODE".to_owned(), "a b".to_owned());
    let answer = answered(bench.act(&Action::Exec(plain), Duration::from_secs(5)));
    assert_eq!((answer.output.as_deref(), &answer.facts["exit"]), (Some("a b::\n"), &json!(3)));
}

#[test]
fn a_name_means_the_first_program_of_that_name_in_path() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |place: &str, mode: u32| {
        let file = folder.path().join(place).join("tool");
        std::fs::create_dir_all(folder.path().join(place)).expect("a folder");
        std::fs::write(&file, format!("#!/bin/sh\necho {place}\n")).expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    write("only-read", 0o644);
    write("first", 0o755);
    write("second", 0o755);
    let path = |places: &[&str]| {
        let path = std::env::join_paths(places.iter().map(|place| folder.path().join(place))).expect("a path");
        BTreeMap::from([("PATH".to_owned(), path.into_string().expect("text").into())])
    };
    let bench = bench();
    let run = |program: &str, places: &[&str]| {
        let clock: Arc<dyn Clock> = Arc::new(RealClock::default());
        let spawn = Spawn { program: program.to_owned(), env: path(places), ..spawn("", Duration::from_secs(5)) };
        let ended = bench.runtime.block_on(ProcessGroups::new(clock).run(spawn, &mut |_| {}));
        ended.map(|exit| exit.output).map_err(|error| error.to_string())
    };
    assert_eq!(run("tool", &["absent", "only-read", "first", "second"]), Ok("first\n".to_owned()));
    assert_eq!(run("tool", &["only-read"]), Err("tool may not be executed".to_owned()));
    assert_eq!(run("tool", &["absent"]), Err("there is no program tool".to_owned()));
}

#[test]
fn lines_become_tests_and_new_failures_stand_out() {
    let script = "echo 'Test 1 PASSED: take'; echo 'Test 2 FAILED: pause: got 500'; echo 'Test 3 FAILED: history'; \
                  echo 'Test 4 PASSED: health'; exit 1";
    let mut suite = command(script);
    suite.results =
        Some(Results::Lines(r"^Test \d+ (?<result>PASSED|FAILED): (?<name>[^:]+)(?:: (?<detail>.*))?$".into()));
    suite.known_failures = vec!["history".to_owned(), "health".to_owned()];
    let answer = answered(bench().act(&Action::Exec(suite.clone()), Duration::from_secs(5)));
    let facts = serde_json::Value::Object(answer.facts);
    assert_eq!(facts["tests"][1], json!({ "name": "pause", "passed": false, "detail": "got 500" }));
    assert_eq!((&facts["passed"], &facts["failed"], &facts["total"]), (&json!(2), &json!(2), &json!(4)));
    assert_eq!((&facts["unexpected"], &facts["fixed"]), (&json!(["pause"]), &json!(["health"])));
    assert_eq!(answer.summary, "exit 1; 2 of 4 tests passed; failed unexpectedly: pause; passes again: health");

    suite.results = Some(Results::Lines("(?<name>.*)".into()));
    assert!(not_done(bench().act(&Action::Exec(suite), Duration::from_secs(5))).message.contains("(?<result>…)"));
}

#[test]
fn a_report_in_a_file_counts_only_if_this_run_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xml").to_str().unwrap().to_owned();
    let run = |script: String| {
        let mut suite = command(&script);
        suite.results = Some(Results::JunitFile(file.clone()));
        answered(bench().act(&Action::Exec(suite), Duration::from_secs(5))).summary
    };
    let unread = |why: &str| format!("exit 0; 0 of 1 tests passed; failed: test report ({why})");
    let write = |case: &str| format!("echo '<testsuite name=\"floor\">{case}</testsuite>' > {file}");

    assert_eq!(run("true".into()), unread(&format!("the program wrote no {file}")));
    assert_eq!(run(write("<testcase name=\"take\"/>")), "exit 0; 1 of 1 tests passed");
    let before = format!("the program did not write {file}; what is there is from before");
    assert_eq!(run("true".into()), unread(&before));
    let failing = "<testcase name=\"take\"/><testcase name=\"pause\"><failure/></testcase><testcase name=\"paint\"><skipped/></testcase>";
    let summary = run(write(failing) + "; exit 1");
    assert_eq!(summary, "exit 1; 2 of 3 tests passed (1 of them skipped); failed: floor: pause");
    assert_eq!(run(format!("head -c 9000000 /dev/zero > {file}")), unread(&format!("{file} is larger than 8 MiB")));
    assert_eq!(run(format!("rm {file}; mkfifo {file}")), unread(&format!("{file} is not a file")));
}

#[test]
fn a_report_or_json_that_is_printed_is_read() {
    let mut suite =
        command("echo 'collected 1 item'; echo '<testsuite><testcase name=\"take\"/></testsuite>'; echo done");
    suite.results = Some(Results::Junit);
    let answer = answered(bench().act(&Action::Exec(suite), Duration::from_secs(5)));
    assert_eq!((answer.summary.as_str(), answer.facts.get("json")), ("exit 0; 1 of 1 tests passed", None));

    let json = |script: &str| {
        let answer = answered(bench().act(&Action::Exec(command(script)), Duration::from_secs(5)));
        answer.facts.get("json").cloned()
    };
    assert_eq!(json("echo '{\"latency\":'; echo '{\"p95\": 0.056}}'"), Some(json!({ "latency": { "p95": 0.056 } })));
    assert_eq!(json("echo starting; echo '{\"p95\": 0.056}'"), None);
    assert_eq!(json("echo 42"), None);
}
