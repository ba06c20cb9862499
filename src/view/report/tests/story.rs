//! One incident written down by hand, as a journal would hold it: a full Redis server, a restart whose answer got lost,
//! end-to-end tests before and after, a watch with a gap.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use crate::base::event::{Actor, Head, IncidentId, Instant, Person, Recorded, RunId, Severity};
use crate::base::expr::Condition;
use crate::base::schedule::Span;
use crate::domain::action::railway::{Change, Service};
use crate::domain::action::{Action, ActionSpec, Kind, exec, http, redis};
use crate::domain::incident::event as incident;
use crate::domain::incident::event::{Milestone, Role, Section, Status};
use crate::domain::run::event::{
    self as run, CriterionResult, DoubtVerdict, Judged, Offered, Outcome, Point, Question,
};
use crate::domain::runbook::model::{Does, Frame, Level, Phase, Plan, Step, Threshold, Watch};
use crate::domain::target::event as target;
use crate::domain::timeline::Fact;

pub(super) const RUNBOOK: &str = "Redis connections exhausted";

/// Writes facts down, one after another, while time goes on.
pub(super) struct Book {
    pub(super) now: Instant,
    pub(super) facts: Vec<Recorded<Fact>>,
    by: Option<&'static str>,
}

impl Book {
    fn new() -> Self {
        Self { now: "2026-02-02T11:04:00Z".parse().unwrap(), facts: Vec::new(), by: None }
    }

    /// Lets time pass, and says who acts from then on; nobody: the bot.
    fn after(&mut self, seconds: i64, by: Option<&'static str>) -> &mut Self {
        self.now += TimeDelta::seconds(seconds);
        self.by = by;
        self
    }

    fn fact(&mut self, event: Fact) -> &mut Self {
        let actor = match self.by {
            Some(name) => Actor::Person { name: Person::new(name), door: "terminal".into(), login: None },
            None => Actor::Bot,
        };
        let head = Head { actor, occurred_at: self.now };
        self.facts.push(Recorded { pos: self.facts.len() as u64 + 1, at: self.now, head, event });
        self
    }

    fn incident(&mut self, event: impl Into<incident::Event>) -> &mut Self {
        self.fact(Fact::Incident(IncidentId::number(7), event.into()))
    }

    fn run(&mut self, event: impl Into<run::Event>) -> &mut Self {
        self.fact(Fact::Run(RunId::number(12), event.into()))
    }

    fn target(&mut self, event: impl Into<target::Event>) -> &mut Self {
        self.fact(Fact::Target("production/redis".into(), event.into()))
    }

    fn start(&mut self, step: &str, title: &str, action: Option<Action>) -> &mut Self {
        self.run(run::StepStarted { step: step.into(), title: title.into(), visit: 1, action, sent: None })
    }

    fn sent(&mut self, step: &str) -> &mut Self {
        let until = self.now + TimeDelta::seconds(30);
        self.run(run::AttemptSent { step: step.into(), attempt: 1, key: "k".into(), until })
    }

    fn end(&mut self, step: &str, title: &str, ok: bool, summary: &str, facts: Value, expects: Vec<Judged>) {
        let facts = facts.as_object().cloned().unwrap_or_default();
        self.run(run::StepFinished {
            step: step.into(),
            title: title.into(),
            ok,
            summary: summary.into(),
            facts,
            expects,
            attempts: 1,
            took_ms: 1_240,
            output: None,
        });
    }
}

fn person(name: &str) -> Person {
    Person::new(name)
}

fn get(path: &str) -> Action {
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

fn suite() -> Action {
    Action::Exec(exec::Command {
        argv: vec!["e2e".into(), "--all".into()],
        env: BTreeMap::new(),
        results: None,
        known_failures: vec!["labels".into()],
    })
}

fn restart() -> Action {
    Action::RailwayRestart(Change {
        service: Service {
            target: "redis".into(),
            project: "p".into(),
            environment: "e".into(),
            service: "s".into(),
            token: "railway".into(),
            project_token: false,
        },
        ready_within: Span::seconds(180),
        to: None,
    })
}

fn judged(that: &str, saw: Option<&str>) -> Judged {
    Judged { that: that.into(), held: saw.is_none(), saw: saw.map(str::to_owned) }
}

/// The answer of the suite in which the named tests fail.
fn tests(failed: &[&str]) -> Value {
    let all = ["login", "take", "release", "finish", "history", "labels", "stream", "export"];
    let tests: Vec<Value> = all
        .iter()
        .map(|name| match failed.contains(name) {
            true => json!({"name": name, "passed": false, "detail": format!("{name}: 500 Internal Server Error")}),
            false => json!({"name": name, "passed": true}),
        })
        .collect();
    let unexpected: Vec<&&str> = failed.iter().filter(|name| **name != "labels").collect();
    json!({"exit": i32::from(!failed.is_empty()), "passed": 8 - failed.len(), "failed": failed.len(), "total": 8,
        "failures": failed, "unexpected": unexpected, "tests": tests})
}

/// All facts of the incident, and the plan its run was pinned to.
pub(super) fn story() -> (Vec<Recorded<Fact>>, BTreeMap<RunId, Arc<Plan>>) {
    let mut book = Book::new();
    declared(&mut book);
    diagnosed(&mut book);
    restarted(&mut book);
    proven(&mut book);
    watched(&mut book);
    resolved(&mut book);
    (book.facts, BTreeMap::from([(RunId::number(12), Arc::new(plan()))]))
}

fn declared(book: &mut Book) {
    let detected = book.now - TimeDelta::minutes(2);
    book.after(0, Some("ana")).incident(incident::Declared {
        title: "Occupation answers 500".into(),
        severity: Some(Severity::P1),
        environment: Some("production".into()),
        zone: Some("America/Santiago".into()),
        started: None,
        detected,
        by: person("ana"),
    });
    book.after(20, Some("ana"));
    book.incident(incident::RoleAssigned { role: Role::Commander, person: Some(person("ana")), by: person("ana") });
    book.after(40, Some("ben"))
        .run(run::Opened {
            runbook: "redis-connections".into(),
            title: RUNBOOK.into(),
            plan: "blob".into(),
            digest: "9f".repeat(32),
            environment: "production".into(),
            incident: IncidentId::number(7),
            incident_started: detected,
            by: person("ben"),
            inputs: Map::from_iter([("watch_for".to_owned(), json!("20m"))]),
            from: None,
            approves: Vec::new(),
            follow_up: false,
        })
        .incident(incident::RunAttached {
            run: RunId::number(12),
            runbook: "redis-connections".into(),
            by: person("ben"),
        })
        .incident(incident::Acknowledged { by: person("ben"), by_doing: Some("started run-12".into()) });
    book.after(1, None).run(run::Adopted { process: "host:1".into() });
}

fn diagnosed(book: &mut Book) {
    book.start("health", "Check Redis health", Some(get("/api/redis-health"))).sent("health");
    let expects = vec![judged("status == 200", Some("503")), judged("body.operational == true", Some("false"))];
    book.after(2, None).end("health", "Check Redis health", false, "503 in 31 ms", json!({"status": 503}), expects);
    book.run(run::FailureSettled { step: "health".into(), choice: run::FailureChoice::Continue, by: None, why: None });
    let clients = Action::RedisClients(redis::Clients { target: "redis".into(), url: "redis_url".into() });
    book.start("diagnose", "Who is connected?", Some(clients)).sent("diagnose").after(1, None);
    let facts = json!({"reachable": false, "connected": 100, "max": 100, "share_percent": 100.0,
        "error": "max number of clients reached"});
    book.end("diagnose", "Who is connected?", true, "100 of 100 connections in use", facts, Vec::new());
    let case = |id: &str, label: &str, recommended| Offered {
        id: id.into(),
        label: label.into(),
        fits: recommended,
        recommended,
    };
    book.run(run::StepStarted {
        step: "cause".into(),
        title: "Server or pool?".into(),
        visit: 1,
        action: None,
        sent: None,
    });
    book.run(run::Asked {
        step: "cause".into(),
        title: "Server or pool?".into(),
        question: Question::Branch {
            cases: vec![case("server", "The server is full", true), case("pool", "The client's pool is empty", false)],
        },
        until: None,
    });
    book.after(95, Some("ben")).run(run::Answered {
        step: "cause".into(),
        answer: json!("server"),
        by: Some(person("ben")),
        why: Some("even a new connection is refused".into()),
    });
    book.end("cause", "Server or pool?", true, "The server is full", json!({"answer": "server"}), Vec::new());
    book.after(0, None).start("e2e", "End-to-end tests before", Some(suite())).sent("e2e").after(44, None);
    let failed = ["take", "release", "finish", "labels"];
    book.end("e2e", "End-to-end tests before", false, "4 of 8 passed", tests(&failed), Vec::new());
    book.run(run::FailureSettled { step: "e2e".into(), choice: run::FailureChoice::Continue, by: None, why: None });
    book.after(1, Some("ana")).incident(incident::StatusSet {
        from: Status::Detected,
        to: Status::Identified,
        by: person("ana"),
        why: None,
    });
}

fn restarted(book: &mut Book) {
    let until = book.now + TimeDelta::minutes(15);
    book.after(0, None).start("restart", "Restart Redis on Railway", Some(restart())).run(run::ApprovalAsked {
        step: "restart".into(),
        attempt: 1,
        digest: "0123456789abcdef".into(),
        action: "restart redis on Railway".into(),
        quorum: 1,
        approvers: Vec::new(),
        not_requester: false,
        until,
    });
    book.after(31, Some("ana")).run(run::ApprovalGiven {
        step: "restart".into(),
        digest: "0123456789abcdef".into(),
        by: person("ana"),
        count: 1,
        quorum: 1,
    });
    book.after(0, None).target(target::Held {
        run: RunId::number(12),
        step: "restart".into(),
        action: "restart redis on Railway".into(),
        counts: true,
    });
    book.after(1, None).run(run::AttemptPrepared {
        step: "restart".into(),
        attempt: 1,
        baseline: json!({"deployment": "d1"}),
        summary: "deployment d1, running since 2026-01-12".into(),
    });
    book.sent("restart").after(30, None).run(run::AttemptDoubted {
        step: "restart".into(),
        attempt: 1,
        why: "no answer within 30 s".into(),
        probe: true,
    });
    let evidence = "before: d1 running since 2026-01-12; now: d1 running since 08:08:12";
    book.after(4, None).run(run::DoubtProbed { step: "restart".into(), attempt: 1, evidence: evidence.into() });
    book.run(run::Asked {
        step: "restart".into(),
        title: "Restart Redis on Railway".into(),
        question: Question::Doubt { evidence: evidence.into() },
        until: None,
    });
    book.after(48, Some("ben")).run(run::DoubtSettled {
        step: "restart".into(),
        attempt: 1,
        verdict: DoubtVerdict::Done,
        by: Some(person("ben")),
        why: "the dashboard shows the restart at 08:08".into(),
    });
    book.after(0, None).end("restart", "Restart Redis on Railway", true, "taken as done by ben", json!({}), Vec::new());
    book.target(target::Released { run: RunId::number(12), step: "restart".into() });
}

fn proven(book: &mut Book) {
    book.after(1, None).start("health_again", "Check Redis health again", Some(get("/api/redis-health")));
    book.sent("health_again").after(1, None);
    let expects = vec![judged("status == 200", None), judged("body.operational == true", None)];
    book.end("health_again", "Check Redis health again", true, "200 in 12 ms", json!({"status": 200}), expects);
    book.start("e2e_again", "End-to-end tests after", Some(suite())).sent("e2e_again").after(39, None);
    book.end("e2e_again", "End-to-end tests after", true, "8 of 8 passed", tests(&[]), Vec::new());
    book.after(12, Some("ana")).incident(incident::StatusSet {
        from: Status::Identified,
        to: Status::Monitoring,
        by: person("ana"),
        why: Some("tests are green".into()),
    });
    book.incident(incident::MilestoneSet {
        milestone: Milestone::Started,
        at: "2026-02-02T10:51:00Z".parse().unwrap(),
        by: person("ana"),
        why: Some("first 500 in the access log".into()),
    });
}

/// One minute of a watch: four samples beginning at `book.now`, of which `active` gives each.
fn minute(book: &mut Book, active: [f64; 4]) {
    let from = book.now;
    let at = |index: usize| from + TimeDelta::seconds(15 * (index as i64 + 1));
    let series = |value: &dyn Fn(f64) -> f64| -> Vec<Point> {
        active.iter().enumerate().map(|(index, active)| Point { at: at(index), value: value(*active) }).collect()
    };
    let points = BTreeMap::from([
        ("active".to_owned(), series(&|active| active)),
        ("utilization".to_owned(), series(&|active| active * 4.0)),
    ]);
    book.after(60, None).run(run::WatchTallied {
        step: "watch".into(),
        from,
        to: from + TimeDelta::seconds(60),
        due: 4,
        taken: 4,
        points,
        failures: Vec::new(),
    });
}

fn watched(book: &mut Book) {
    let title = "Watch connection stats";
    let until = book.now + TimeDelta::minutes(20);
    book.after(0, None).start("watch", title, None).run(run::WatchStarted {
        step: "watch".into(),
        title: title.into(),
        until,
        every_ms: 15_000,
        sample: get("/api/redis-connection-stats"),
        logs: Vec::new(),
    });
    for round in 0..6 {
        let low = 6.0 + f64::from(round % 3);
        minute(book, [low, low + 1.0, low, low + 2.0]);
    }
    minute(book, [11.0, 15.0, 16.0, 17.0]);
    let values = BTreeMap::from([("active".to_owned(), 17.0), ("utilization".to_owned(), 68.0)]);
    book.run(run::WatchBreached {
        step: "watch".into(),
        that: "active < 15".into(),
        level: Level::Warn,
        since: book.now - TimeDelta::seconds(30),
        values,
    });
    minute(book, [16.0, 14.0, 12.0, 9.0]);
    let values = BTreeMap::from([("active".to_owned(), 9.0), ("utilization".to_owned(), 36.0)]);
    book.run(run::WatchRecovered { step: "watch".into(), that: "active < 15".into(), values });
    let from = book.now;
    book.after(180, None).run(run::Adopted { process: "host:2".into() }).run(run::WatchGap {
        step: "watch".into(),
        from,
        to: from + TimeDelta::minutes(3),
        why: "the process was restarted".into(),
    });
    for round in 0..9 {
        let low = 5.0 + f64::from(round % 2);
        minute(book, [low, low + 1.0, low + 1.0, low]);
    }
    let facts = json!({"verdict": "stable", "coverage": 85.0});
    book.end("watch", title, true, "stable: 68 samples, 85 % coverage", facts, Vec::new());
}

fn resolved(book: &mut Book) {
    book.run(run::StepSkipped {
        step: "pools".into(),
        title: "Separate the stream pool from the request pool".into(),
        why: "its phase is not part of this run".into(),
        by: None,
        follow_up: true,
    });
    let criterion =
        |text: &str, met, saw: Option<&str>| CriterionResult { text: text.into(), met, saw: saw.map(str::to_owned) };
    book.run(run::CriteriaJudged {
        criteria: vec![
            criterion("Redis answers healthy", Some(true), None),
            criterion("At least 6 of 8 end-to-end tests pass", Some(true), Some("steps.e2e_again.passed = 8")),
            criterion("The shift lead confirmed", None, None),
        ],
    });
    book.run(run::Finished { outcome: Outcome::Succeeded, why: "every step is done".into() });
    book.after(240, Some("ana")).incident(incident::Summarised {
        section: Section::Summary,
        text: "Redis had no connection left, so every write was refused.\n\nA restart freed them.".into(),
        by: person("ana"),
    });
    book.incident(incident::Linked {
        url: "https://status.example.com/i/7?x=<b>".into(),
        label: Some("status page".into()),
        by: person("ana"),
    });
    book.incident(incident::Resolved {
        by: person("ana"),
        verified: false,
        unmet: Vec::new(),
        doubts: Vec::new(),
        unticked: vec!["The shift lead confirmed".into()],
        open_runs: Vec::new(),
        why: Some("the shift lead is off until tomorrow".into()),
    });
    book.after(86_400, Some("cleo"));
    book.incident(incident::Noted { text: "The shift lead has no objection.".into(), by: person("cleo") });
}

fn plan() -> Plan {
    let step = |id: &str, title: &str, phase, does| Step { phase, does, ..Step::by_hand(id, title) };
    let limit = |that: &str, level| Threshold { that: Condition::parse(that).unwrap(), breach_after: 3, level };
    let watch = Watch {
        lasts: "20m".into(),
        every: Span::seconds(15),
        sample: ActionSpec { kind: Kind::Http, params: json!({"get": "/api/redis-connection-stats"}) },
        series: BTreeMap::new(),
        expect: vec![limit("active < 15", Level::Warn), limit("utilization < 80", Level::Fail)],
        forbid_logs: Vec::new(),
        min_coverage: 80.0,
        stop_on_breach: false,
    };
    let phase = |title: &str, covered| Phase { title: title.into(), covered, follow_up: false };
    Plan {
        runbook: "redis-connections".into(),
        title: RUNBOOK.into(),
        source: String::new(),
        digest: "9f".repeat(32),
        severity: None,
        inventory: crate::domain::action::inventory::Inventory::default(),
        deadline: None,
        phases: vec![
            phase("Find the cause", true),
            phase("Restore service", true),
            phase("Prove it", true),
            phase("Afterwards", false),
        ],
        frames: vec![Frame::default()],
        steps: vec![
            step("health", "Check Redis health", 0, Does::Manual),
            step("diagnose", "Who is connected?", 0, Does::Manual),
            step("cause", "Server or pool?", 0, Does::Manual),
            step("e2e", "End-to-end tests before", 0, Does::Manual),
            step("restart", "Restart Redis on Railway", 1, Does::Manual),
            step("health_again", "Check Redis health again", 2, Does::Manual),
            step("e2e_again", "End-to-end tests after", 2, Does::Manual),
            step("watch", "Watch connection stats", 2, Does::Watch(watch)),
            step("pools", "Separate the stream pool from the request pool", 3, Does::Manual),
        ],
        criteria: Vec::new(),
    }
}
