//! What whoever operates a server sees of it: health, readiness, metrics, logs; and the files made for them.
#![allow(clippy::disallowed_methods, reason = "whoever asks is outside the program and lives in real time")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rundown::base::metrics::{ALL, Kind};
use serde_json::Value;

use crate::discord::place::{Place, block, page};
use crate::discord::served::Served;
use crate::rundown::Desk;
use crate::world::discord::permissions;
use crate::world::ports;

const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\n";
/// What the chat check says when all is well; the opposite ends with the same words.
const CONNECTED: &str = "connected to Discord";
/// What must never be in a log, and stands in everything that a page of the stories prints.
const PRINTED: &str = "this-was-printed";

/// A server's pages, as something that is no browser asks for them.
struct Asked {
    url: String,
    http: reqwest::Client,
}

impl Asked {
    async fn of(server: &Served) -> Self {
        let line = server.says("pages are at ").await;
        let url = line.split_once("pages are at ").expect("an address").1.to_owned();
        Self { url, http: reqwest::Client::new() }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("a body"))
    }

    /// What `/readyz` says of one check, and its status.
    async fn check(&self, check: &str) -> (u16, Value) {
        let (status, body) = self.get("/readyz").await;
        let told: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(told["ready"] == true, status == 200, "{told}");
        let checks = told["checks"].as_array().expect("checks");
        let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
        assert_eq!(names, ["journal", "chat", "clock"]);
        (status, checks.iter().find(|one| one["check"] == check).expect("the check").clone())
    }

    /// Asks until a check is as said. An answer is kept for a second, and a lock is waited for: that is pause enough.
    async fn until(&self, check: &str, says: &str) -> u16 {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (status, told) = self.check(check).await;
            if told["says"]
                .as_str()
                .is_some_and(|text| text.starts_with(says) || text.ends_with(says) && says != CONNECTED)
            {
                return status;
            }
            assert!(Instant::now() < deadline, "in vain: {check} {says}: {told}");
        }
    }

    /// The metrics, read by Prometheus' own parser.
    async fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        Metrics::read(&text)
    }

    /// Scrapes until a metric has this value.
    async fn measures(&self, name: &str, labels: &[(&str, &str)], value: f64) -> Metrics {
        self.scrape_until(name, labels, |found| found == value).await
    }

    async fn scrape_until(&self, name: &str, labels: &[(&str, &str)], fits: impl Fn(f64) -> bool) -> Metrics {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let metrics = self.metrics().await;
            let found = metrics.value(name, labels);
            if found.is_some_and(&fits) {
                return metrics;
            }
            assert!(Instant::now() < deadline, "in vain: {name} {labels:?} is {found:?}");
        }
    }
}

struct Metrics(Vec<Value>);

impl Metrics {
    fn read(text: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/world/metrics.py");
        let mut parser = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed (script/bootstrap does it)");
        parser.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
        let output = parser.wait_with_output().expect("it ends");
        assert!(output.status.success(), "Prometheus' parser refuses this (script/bootstrap installs it):\n{text}");
        let lines = String::from_utf8(output.stdout).expect("text");
        Self(lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let samples = self.0.iter().flat_map(|family| family["samples"].as_array().unwrap());
        let mut named = samples.filter(|sample| sample["name"] == name);
        named.find(|sample| labels.iter().all(|(label, value)| sample["labels"][*label] == *value))?["value"].as_f64()
    }
}

fn desk(pages: &[(&str, &str)], settings: &str) -> Desk {
    let targets = ("targets.yaml", "programs: { echo: {}, 'false': {} }\nenvironments:\n  production: { zone: UTC }\n");
    let desk = Desk::with_pages(&[&[targets], pages].concat());
    std::fs::write(desk.path().join("rundown.toml"), format!("{WEB}{settings}")).expect("settings");
    desk
}

#[tokio::test]
async fn a_server_is_ready_until_its_journal_is_locked_and_again_afterwards() {
    let desk = desk(&[], "");
    let server = Served::alone(&desk);
    let asked = Asked::of(&server).await;
    assert_eq!(asked.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(asked.check("journal").await.0, 200);
    assert_eq!(asked.check("chat").await.1["says"], "Discord is not set up");

    let other = rusqlite::Connection::open(desk.journal()).expect("another program");
    other.execute_batch("begin exclusive").expect("it locks the journal");
    assert_eq!(asked.until("journal", "another program keeps it locked").await, 503);
    let (_, told) = asked.get("/readyz").await;
    assert!(told.contains("End that program"), "it says what to do: {told}");
    let path = desk.path().to_string_lossy();
    assert!(!told.contains(&*path) && !told.contains("journal.db"), "it names no file: {told}");
    assert_eq!(asked.get("/healthz").await.0, 200, "the process answers all the same");
    assert_eq!(asked.metrics().await.value("rundown_ready", &[("check", "journal")]), Some(0.0));

    other.execute_batch("rollback").expect("it lets go");
    assert_eq!(asked.until("journal", "it can be written").await, 200);
    asked.measures("rundown_ready", &[("check", "journal")], 1.0).await;
    assert!(desk.rundown(&["verify"]).exits(0).out.contains("0 events"), "asking leaves nothing behind");
}

#[tokio::test]
async fn a_clock_that_is_behind_the_record_is_told() {
    let desk = desk(&[], "");
    desk.rundown(&["incident", "declare", "From the future"]).exits(0);
    let server = Served::alone(&desk);
    let asked = Asked::of(&server).await;
    assert_eq!(asked.check("clock").await.0, 200);
    // As a machine leaves it behind whose clock was an hour ahead and was then set right.
    let other = rusqlite::Connection::open(desk.journal()).expect("another program");
    other.execute("update event set at = at + 3600000", []).expect("it writes");
    assert_eq!(asked.until("clock", "behind the last event on record").await, 503);
}

#[tokio::test]
async fn discord_that_goes_away_and_comes_back_is_told() {
    let place = Place::by_hand();
    let server = Served::spawn(&place.desk, &place.discord, place.ops, WEB);
    let asked = Asked::of(&server).await;
    assert_eq!(asked.until("chat", CONNECTED).await, 200);
    asked.measures("rundown_chat_connected", &[], 1.0).await;

    place.discord.gateway_closes();
    assert_eq!(asked.until("chat", "not connected to Discord").await, 503);
    asked.measures("rundown_chat_connected", &[], 0.0).await;

    place.discord.gateway_opens();
    let deadline = Instant::now() + Duration::from_secs(60);
    while asked.check("chat").await.0 != 200 {
        assert!(Instant::now() < deadline, "it does not connect again");
    }
    let metrics = asked.measures("rundown_chat_connected", &[], 1.0).await;
    let backlog = |direction| metrics.value("rundown_chat_backlog", &[("direction", direction)]);
    assert_eq!((backlog("in"), backlog("out")), (Some(0.0), Some(0.0)));
    place.discord.finished();
}

#[tokio::test]
async fn what_is_recorded_and_not_told_in_discord_is_counted_until_it_is() {
    let place = Place::by_hand();
    let server = Served::spawn(&place.desk, &place.discord, place.ops, WEB);
    let asked = Asked::of(&server).await;
    place.discord.registered("incident").await;
    asked.until("chat", CONNECTED).await;
    let (thread, _) = place.declare("The disk is full").await;
    asked.measures("rundown_chat_backlog", &[("direction", "out")], 0.0).await;
    place.discord.deny_bot(place.ops, permissions::SEND_MESSAGES_IN_THREADS);
    place.desk.rundown(&["run", "hand", "--incident", "inc-1", "--yes"]).exits(3);
    asked.scrape_until("rundown_chat_backlog", &[("direction", "out")], |owed| owed >= 2.0).await;
    place.discord.allow_bot(place.ops, permissions::SEND_MESSAGES_IN_THREADS);
    place.ana.sees(thread, "With your own eyes").await;
    asked.measures("rundown_chat_backlog", &[("direction", "out")], 0.0).await;
    place.discord.finished();
}

/// A page whose first step waits to be approved.
fn restart() -> String {
    let step = |id: &str, rest: &str| block(&format!("id: {id}\n{rest}"));
    page(
        "restart",
        &[
            ("A title that is no label", &step("say", &format!("exec: {{ argv: [echo, {PRINTED}] }}"))),
            ("Now the change", &step("act", "exec: { argv: [echo, done] }\napproval: true")),
            ("What fails", &step("broken", "exec: { argv: ['false'] }\non_failure: continue")),
        ],
    )
}

#[tokio::test]
async fn what_happens_in_any_process_is_counted_by_kind_and_outcome() {
    let page = restart();
    let desk = desk(&[("restart.md", &page)], "");
    let server = Served::alone(&desk);
    let asked = Asked::of(&server).await;
    // Another process drives it up to the approval, and leaves it there.
    desk.rundown(&["run", "restart", "--yes"]).exits(3);
    let waiting = asked.measures("rundown_approvals_waiting", &[], 1.0).await;
    let of_restart = [("runbook", "restart")];
    assert_eq!(waiting.value("rundown_runs_open", &of_restart), Some(1.0));
    assert!(waiting.value("rundown_approvals_oldest_age_seconds", &[]).is_some_and(|age| age < 60.0));
    let succeeded = [("kind", "exec"), ("outcome", "succeeded")];
    assert_eq!(waiting.value("rundown_steps_finished_total", &succeeded), Some(1.0));

    // A server that starts anew knows from the journal what waits.
    server.kill();
    let server = Served::alone(&desk);
    let asked = Asked::of(&server).await;
    let again = asked.measures("rundown_approvals_waiting", &[], 1.0).await;
    assert_eq!(again.value("rundown_runs_open", &of_restart), Some(1.0));
    assert_eq!(again.value("rundown_steps_finished_total", &succeeded), None, "counters begin with the process");

    desk.rundown(&["approve", "--yes"]).exits(0);
    let over = [("runbook", "restart"), ("outcome", "succeeded")];
    let metrics = asked.measures("rundown_runs_finished_total", &over, 1.0).await;
    assert_eq!(metrics.value("rundown_runs_open", &of_restart), Some(0.0));
    assert_eq!(metrics.value("rundown_approvals_waiting", &[]), Some(0.0));
    let failed = [("kind", "exec"), ("outcome", "failed")];
    assert_eq!(metrics.value("rundown_steps_finished_total", &failed), Some(1.0));
    assert_eq!(metrics.value("rundown_step_duration_seconds_count", &[("kind", "exec")]), Some(2.0));
    assert!(metrics.value("rundown_journal_append_seconds_count", &[]).is_some_and(|writes| writes >= 3.0));
    let rows = desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events().len();
    // How many events there are is asked with readiness, which is kept for a second.
    let metrics = asked.scrape_until("rundown_journal_events", &[], |events| events >= rows as f64).await;
    assert!(metrics.value("rundown_journal_size_bytes", &[]).is_some_and(|size| size > 4_096.0));
    metrics.is_as_the_table_says(&desk);
}

impl Metrics {
    /// Names, kinds, helps and labels are those of the table, and no label says what only the record should.
    fn is_as_the_table_says(&self, desk: &Desk) {
        for family in &self.0 {
            let name = family["name"].as_str().unwrap();
            let known = ALL.iter().find(|metric| metric.name.trim_end_matches("_total") == name);
            let known = known.unwrap_or_else(|| panic!("{name} is not in the table"));
            assert_eq!(family["type"], known.kind.word(), "{name}");
            assert_eq!(family["help"], known.help, "{name}");
            for sample in family["samples"].as_array().unwrap() {
                let labels = sample["labels"].as_object().unwrap();
                let own: Vec<&str> = labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
                let expected: BTreeSet<&str> = known.labels.iter().copied().collect();
                assert_eq!(own.into_iter().collect::<BTreeSet<_>>(), expected, "{sample}");
                let said = sample["labels"].to_string();
                for secret in ["title", "ana", "inc-", "run-", PRINTED, &desk.path().to_string_lossy()] {
                    assert!(!said.contains(secret), "{sample}");
                }
            }
        }
        let shown: BTreeSet<&str> = self.0.iter().map(|family| family["name"].as_str().unwrap()).collect();
        let there_from_the_start = ALL.iter().filter(|metric| metric.labels.is_empty() && metric.kind != Kind::Gauge);
        for metric in there_from_the_start {
            assert!(shown.contains(metric.name.trim_end_matches("_total")), "{} is missing", metric.name);
        }
    }
}

#[tokio::test]
async fn metrics_are_for_who_has_the_token_where_others_come_in() {
    let mut desk = desk(&[], "metrics = { env = \"METRICS_TOKEN\" }\n");
    desk.set("METRICS_TOKEN", "metrics-s3cret");
    let server = Served::alone(&desk);
    let asked = Asked::of(&server).await;
    assert_eq!(asked.get("/metrics").await.0, 401, "also from this machine");
    let with = |token: &str| asked.http.get(format!("{}/metrics", asked.url)).bearer_auth(token);
    assert_eq!(with("metrics-s3cre").send().await.unwrap().status(), 401);
    let answer = with("metrics-s3cret").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.text().await.unwrap().contains("rundown_build_info{version=\""));
    assert_eq!(asked.get("/readyz").await.0, 200, "readiness needs no token");
    drop(server);

    // A proxy stands in front: strangers come from this machine, too.
    let port = ports::take();
    let behind = format!("[web]\nlisten = \"127.0.0.1:{}\"\nurl = \"https://rundown.example.com\"\n", port.number);
    std::fs::write(desk.path().join("rundown.toml"), behind).expect("settings");
    let server = Served::alone(&desk);
    server.says("pages are at https://rundown.example.com").await;
    let asked = Asked { url: format!("http://127.0.0.1:{}", port.number), ..asked };
    assert_eq!(asked.get("/metrics").await.0, 403);
    assert_eq!((asked.get("/readyz").await.0, asked.get("/healthz").await.0), (200, 200));
}

#[test]
fn json_logs_say_of_which_run_and_step_a_line_is() {
    let page = restart();
    let desk = desk(&[("restart.md", &page)], "");
    let output = desk
        .command(&["run", "restart", "--yes", "--approve", "all"])
        .env("RUNDOWN_LOG", "json")
        .env("RUST_LOG", "rundown=info")
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stderr).expect("text");
    let lines: Vec<Value> =
        text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).expect(line)).collect();
    let messages: Vec<&str> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    let begin = messages.iter().position(|message| *message == "run driven").expect("it is driven");
    let end = messages.iter().position(|message| *message == "run over").expect("it is over");
    for line in &lines[begin..=end] {
        assert_eq!((&line["incident"], &line["run"]), (&"inc-1".into(), &"run-1".into()), "{line}");
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["target"].is_string(), "{line}");
    }
    let mut steps: BTreeMap<&str, Vec<(&str, Option<&str>)>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["step"].is_string()) {
        let said = (line["message"].as_str().unwrap(), line["outcome"].as_str().or(line["waits_for"].as_str()));
        steps.entry(line["step"].as_str().unwrap()).or_default().push(said);
    }
    let ended = |outcome| ("step finished", Some(outcome));
    assert_eq!(steps["say"], [("step started", None), ended("succeeded")]);
    assert_eq!(steps["act"], [("step started", None), ("step waits", Some("approval")), ended("succeeded")]);
    assert_eq!(steps["broken"], [("step started", None), ended("failed")]);
    let over = &lines[end];
    assert_eq!((&over["runbook"], &over["outcome"]), (&"restart".into(), &"succeeded".into()));
    assert!(over["took_ms"].is_u64() || over["took_ms"].is_i64());
    for told in [PRINTED, "A title", "Now the change"] {
        assert!(!lines.iter().any(|line| line.to_string().contains(told)), "{told} is in a log");
    }
}

/// The rows of the table of metrics in docs/operations.md.
fn documented() -> String {
    let row = |metric: &rundown::base::metrics::Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |", metric.name, metric.kind.word(), labels.join(", "), metric.help)
    };
    ALL.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn page_of_docs(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_page_for_operators_lists_every_metric_as_it_is() {
    let page = page_of_docs("operations.md");
    let rows = documented();
    assert!(page.contains(&rows), "docs/operations.md must have these rows, in this order:\n{rows}");
    let listed = page.lines().filter(|line| line.starts_with("| `rundown_") || line.starts_with("| `process_"));
    assert_eq!(listed.count(), ALL.len(), "the page lists more than there is");
}

/// Names in an expression that can only be metrics of ours, as samples are named.
fn named(expression: &str) -> BTreeSet<&str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("rundown_") || word.starts_with("process_")).collect()
}

/// Whether a scrape has samples of that name, and whether these labels can be on them.
fn is_known(name: &str) -> bool {
    ALL.iter().any(|metric| match metric.kind {
        Kind::Histogram => {
            ["_bucket", "_count", "_sum"].iter().any(|suffix| name.strip_suffix(suffix) == Some(metric.name))
        }
        Kind::Counter | Kind::Gauge => name == metric.name,
    })
}

#[test]
fn alert_rules_and_dashboard_ask_for_metrics_that_there_are() {
    let rules: Value = serde_saphyr::from_str(&page_of_docs("operations/alert-rules.yml")).expect("YAML");
    let rules = rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let mut expressions = Vec::new();
    for rule in rules {
        let text = |field: &str| rule["annotations"][field].as_str().map(str::len).unwrap_or_default();
        assert!(text("summary") > 10 && text("description") > 80, "{}: what is it, and what to do?", rule["alert"]);
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("critical" | "warning")), "{rule}");
        expressions.push(rule["expr"].as_str().unwrap().to_owned());
    }
    assert!(expressions.len() > 10);
    let dashboard: Value = serde_json::from_str(&page_of_docs("operations/grafana-dashboard.json")).expect("JSON");
    for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}: in which unit?", panel["title"]);
        let targets = panel["targets"].as_array().unwrap().iter();
        expressions.extend(targets.map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    let asked: BTreeSet<&str> = expressions.iter().flat_map(|expression| named(expression)).collect();
    let unknown: Vec<_> = asked.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "nobody measures {unknown:?}");
    // And nothing is measured that nobody can look at.
    let shown = |metric: &&rundown::base::metrics::Metric| !asked.iter().any(|name| name.starts_with(metric.name));
    assert_eq!(ALL.iter().filter(shown).map(|metric| metric.name).collect::<Vec<_>>(), Vec::<&str>::new());
}
