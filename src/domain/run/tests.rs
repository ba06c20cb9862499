//! The run's state machine, told as stories, and held to its promises by an adversary who says anything at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::decide::{Decided, Fact, Seat, Targets, decide};
use super::event::{DoubtVerdict, Event, Opened, Outcome, Question};
use super::input::{Command, Input, Refusal, StageReply, WatchReport};
use super::state::{Stage, State};
use super::work::{What, Work, next_deadline, work};
use crate::base::event::{IncidentId, Instant, Person, RunId};
use crate::base::expr::Condition;
use crate::base::schedule::Span;
use crate::domain::action::inventory::{ApprovalRule, Budget, Inventory, Target};
use crate::domain::action::reply::{Answer, Failure, Probe, Reply};
use crate::domain::action::{ActionSpec, Kind};
use crate::domain::runbook::model::{
    Approval, Case, Criterion, Decide, Destination, Does, Frame, OnFailure, OnTimeout, Phase, Plan, Retry, Step,
    Threshold, Watch,
};

mod freeze;
mod many;

/// One run in a world without executors: replies are made up by the test.
struct World {
    state: State,
    targets: Targets,
    now: Instant,
    events: Vec<(Instant, Event)>,
    first: State,
}

fn start() -> Instant {
    "2026-02-02T11:00:00Z".parse().unwrap()
}

fn person(name: &str) -> Person {
    Person::new(name)
}

fn step(id: &str, does: Does) -> Step {
    Step { does, ..Step::by_hand(id, id) }
}

fn act(kind: Kind, params: Value) -> Does {
    Does::Act(ActionSpec { kind, params })
}

fn get(id: &str) -> Step {
    step(id, act(Kind::Http, json!({"get": "{{target.backend.url}}/health"})))
}

fn post(id: &str) -> Step {
    step(id, act(Kind::Http, json!({"post": "{{target.backend.url}}/tomar"})))
}

fn restart(id: &str) -> Step {
    step(id, act(Kind::RailwayRestart, json!({"target": "redis", "ready_within": "3m"})))
}

fn when(source: &str) -> Condition {
    Condition::parse(source).unwrap()
}

fn inventory() -> Inventory {
    let railway = crate::domain::action::railway::Service {
        target: "redis".into(),
        project: "p".into(),
        environment: "e".into(),
        service: "s".into(),
        token: "railway".into(),
        project_token: false,
    };
    let targets = BTreeMap::from([
        ("backend".to_owned(), Target { url: Some("http://backend.test".into()), ..Target::default() }),
        (
            "redis".to_owned(),
            Target {
                railway: Some(railway),
                budget: Some(Budget { changes: 3, per: Span::seconds(3600) }),
                ..Target::default()
            },
        ),
    ]);
    Inventory { environment: "production".into(), zone: "UTC".into(), targets, ..Inventory::default() }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        runbook: "test".into(),
        title: "Test".into(),
        source: String::new(),
        digest: "0".into(),
        severity: None,
        inventory: inventory(),
        deadline: None,
        phases: vec![Phase { title: "All".into(), covered: true, follow_up: false }],
        frames: vec![Frame::default()],
        steps,
        criteria: Vec::new(),
    }
}

impl World {
    fn new(plan: Plan) -> Self {
        let opened = Opened {
            runbook: plan.runbook.clone(),
            title: plan.title.clone(),
            plan: "blob".into(),
            digest: plan.digest.clone(),
            environment: "production".into(),
            incident: IncidentId::number(1),
            incident_started: start(),
            by: person("ana"),
            inputs: Map::new(),
            from: None,
            approves: Vec::new(),
            follow_up: false,
        };
        let state = State::open(RunId::number(1), Arc::new(plan), opened, start());
        let mut world = Self { first: state.clone(), state, targets: Targets::new(), now: start(), events: Vec::new() };
        world.put(Input::Adopt { process: "test:1".into() });
        world
    }

    fn tell(&mut self, input: Input) -> Result<Vec<Event>, Refusal> {
        let decided = decide(&self.state, &self.targets, input, Seat::Driver, self.now)?;
        Ok(self.fold(decided))
    }

    fn fold(&mut self, decided: Vec<Decided>) -> Vec<Event> {
        let mut told = Vec::new();
        for Decided { fact, .. } in decided {
            match fact {
                Fact::Run(event) => {
                    self.state.apply(&event, self.now).unwrap();
                    self.events.push((self.now, event.clone()));
                    told.push(event);
                }
                Fact::Target(name, event) => self.targets.entry(name).or_default().apply(&event, self.now),
            }
        }
        told
    }

    fn put(&mut self, input: Input) -> Vec<Event> {
        self.tell(input).unwrap()
    }

    fn does(&mut self, name: &str, command: Command) -> Vec<Event> {
        self.put(Input::Command { by: person(name), command })
    }

    fn refused(&mut self, name: &str, command: Command) -> String {
        self.tell(Input::Command { by: person(name), command }).unwrap_err().to_string()
    }

    fn work(&self) -> Work {
        let mut work = work(&self.state);
        assert_eq!(work.len(), 1, "{work:?}");
        work.remove(0)
    }

    /// The executor answers what is outstanding.
    fn reply(&mut self, reply: StageReply) -> Vec<Event> {
        let Work { step, visit, attempt, .. } = self.work();
        self.put(Input::Reply { step, visit, attempt, reply })
    }

    fn answers(&mut self, facts: Value) -> Vec<Event> {
        self.reply(StageReply::Acted(Reply::Answered(answer(facts))))
    }

    fn later(&mut self, seconds: i64) -> Vec<Event> {
        self.now += TimeDelta::seconds(seconds);
        self.put(Input::Tick)
    }

    fn stage(&self, id: &str) -> &'static str {
        self.state.steps[self.state.plan.position(id).unwrap()].stage.name()
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(|(_, event)| event.kind()).collect()
    }

    fn sent(&self, id: &str) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, Event::AttemptSent(sent) if sent.step == id)).count()
    }
}

fn answer(facts: Value) -> Answer {
    Answer {
        facts: facts.as_object().cloned().unwrap_or_default(),
        summary: "answered".into(),
        output: None,
        cut: None,
    }
}

fn prepared() -> StageReply {
    StageReply::Prepared { baseline: json!({"deployment": "d1"}), summary: "d1 runs".into() }
}

fn refused_with(why: &str, retry_after_ms: Option<u64>) -> StageReply {
    StageReply::Acted(Reply::NotDone(Failure { message: why.into(), retry_after_ms, retryable: true }))
}

fn unknown(why: &str) -> StageReply {
    StageReply::Acted(Reply::Unknown(Failure::passing(why)))
}

fn approved() -> Option<Approval> {
    Some(Approval { quorum: 1, within: Span::seconds(900), on_timeout: OnTimeout::Fail })
}

#[test]
fn a_run_goes_through_its_steps_and_ends_with_its_criteria() {
    let mut health = get("health");
    health.expect = vec![when("status == 200"), when("body.operational == true")];
    health.save = BTreeMap::from([("state".to_owned(), when("body.status"))]);
    let mut set =
        step("cause", Does::Set(BTreeMap::from([("server".to_owned(), when("steps.health.state == 'healthy'"))])));
    set.when = Some(when("steps.health.ok"));
    let mut skipped = get("never");
    skipped.when = Some(when("!steps.health.ok"));
    let mut plan = plan(vec![health, set, skipped]);
    plan.criteria = vec![
        Criterion { text: "healthy".into(), condition: Some(when("steps.cause.server")) },
        Criterion { text: "the lead confirmed".into(), condition: None },
    ];
    let mut world = World::new(plan);
    world.answers(json!({"status": 200, "body": {"operational": true, "status": "healthy"}}));
    assert_eq!(world.state.outcome(), Some(Outcome::Succeeded));
    assert_eq!(world.stage("never"), "skipped");
    let judged = world.state.judged.clone().unwrap();
    assert_eq!((judged[0].met, judged[1].met), (Some(true), None));
    world.does("ana", Command::Tick { criterion: 2 });
    assert_eq!(world.state.judged.clone().unwrap()[1].met, Some(true));
}

#[test]
fn a_read_is_retried_until_it_satisfies_but_a_change_is_not() {
    let retry = Some(Retry { attempts: 3, delay: Span::seconds(10), factor: 1.0, max_delay: None });
    let mut read = get("read");
    (read.retry, read.expect) = (retry.clone(), vec![when("status == 200")]);
    let mut change = post("change");
    (change.retry, change.expect, change.on_failure) = (retry, vec![when("status == 200")], OnFailure::Stop);
    let mut world = World::new(plan(vec![read, change]));
    world.answers(json!({"status": 503}));
    assert_eq!(world.stage("read"), "resting");
    assert!(world.later(9).is_empty(), "nothing happens before its time");
    world.later(1);
    world.answers(json!({"status": 200}));
    assert_eq!(world.stage("read"), "done");
    // 500 is a definite answer to a change: nobody knows that nothing happened, so nothing is repeated.
    world.answers(json!({"status": 500}));
    assert_eq!(world.sent("change"), 1);
    assert_eq!(world.state.outcome(), Some(Outcome::Failed));
}

#[test]
fn a_change_refused_for_now_is_sent_again_with_the_same_key_and_the_same_approval() {
    let mut restart = restart("restart");
    restart.approval = approved();
    let mut world = World::new(plan(vec![restart]));
    world.does("ana", Command::Approve { step: None });
    world.reply(prepared());
    world.reply(refused_with("429 Too Many Requests", Some(7_000)));
    assert_eq!(next_deadline(&world.state), Some(world.now + TimeDelta::seconds(7)));
    assert!(world.targets["redis"].held_by.is_none(), "nobody waits for a target that only rests");
    world.later(7);
    let keys: BTreeSet<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| if let Event::AttemptSent(sent) = event { Some(sent.key.clone()) } else { None })
        .collect();
    assert_eq!((world.sent("restart"), keys.len()), (2, 1));
    world.answers(json!({}));
    assert_eq!(world.stage("restart"), "confirming");
    world.reply(StageReply::Confirmed(Reply::Answered(answer(json!({"status": "SUCCESS"})))));
    assert_eq!(world.state.outcome(), Some(Outcome::Succeeded));
    assert!(world.targets["redis"].held_by.is_none());
}

#[test]
fn a_read_costs_one_commit_and_a_change_that_shows_at_once_two() {
    let mut world = World::new(plan(vec![get("first"), restart("restart"), get("last")]));
    let mut commits = 0;
    let mut counted = |events: Vec<Event>| commits += usize::from(!events.is_empty());
    counted(world.answers(json!({"status": 200})));
    counted(world.reply(prepared()));
    let confirmed = Reply::Answered(answer(json!({"status": "SUCCESS"})));
    counted(world.reply(StageReply::ActedAndConfirmed { accepted: answer(json!({})), confirmed }));
    counted(world.answers(json!({"status": 200})));
    assert_eq!((world.state.outcome(), commits), (Some(Outcome::Succeeded), 4));
    let kinds = world.kinds();
    let of_the_change = &kinds[kinds.iter().position(|kind| *kind == "attempt.prepared").unwrap()..];
    assert_eq!(of_the_change[..4], ["attempt.prepared", "attempt.sent", "attempt.accepted", "step.finished"]);
    assert_eq!(world.sent("first"), 0, "a read is sent as its step starts");
}

#[test]
fn no_history_sends_a_change_without_an_intent_of_its_own() {
    let mut world = World::new(plan(vec![post("change")]));
    let is_start = |(_, event): &&(Instant, Event)| event.kind() == "step.started";
    let Some((at, Event::StepStarted(started))) = world.events.iter().find(is_start).cloned() else {
        panic!("it starts")
    };
    let until = at + TimeDelta::seconds(30);
    let sent = Some(super::event::SentAtOnce { key: "k".into(), until });
    let error = world.first.apply(&super::event::StepStarted { sent, ..started }.into(), at).unwrap_err();
    assert!(error.to_string().ends_with("step.started sends a change without an intent of its own"), "{error}");
}

#[test]
fn an_approval_takes_distinct_persons_who_may_and_fits_exactly_one_attempt() {
    let mut two = plan(vec![restart("restart")]);
    let rule = ApprovalRule {
        quorum: 2,
        approvers: vec![person("ben"), person("eva"), person("ana")],
        not_requester: true,
        irreversible: false,
    };
    two.inventory.targets.get_mut("redis").unwrap().approval = rule;
    let mut world = World::new(two);
    assert!(world.refused("ana", Command::Approve { step: None }).contains("started the run"));
    assert!(world.refused("zoe", Command::Approve { step: None }).contains("ben, eva, ana may"));
    world.does("ben", Command::Approve { step: None });
    assert!(world.refused("ben", Command::Approve { step: None }).contains("takes another person"));
    assert_eq!(world.stage("restart"), "approval");
    world.does("eva", Command::Approve { step: None });
    world.reply(prepared());
    world.reply(unknown("connection reset"));
    world.reply(StageReply::Probed(Probe::Unclear { evidence: "before d1; now d1".into() }));
    world.does(
        "ben",
        Command::Settle { step: None, verdict: DoubtVerdict::RunAgain, why: Some("nothing moved".into()) },
    );
    assert_eq!(world.stage("restart"), "approval", "the permission was used up");
    world.does("zoe", Command::BreakGlass { step: None, why: "nobody else is awake".into() });
    assert_eq!(world.sent("restart"), 2);
    let keys: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, e)| if let Event::AttemptSent(s) = e { Some(&s.key) } else { None })
        .collect();
    assert_ne!(keys[0], keys[1], "only a person's 'run again' makes another key");
}

#[test]
fn an_approval_that_nobody_gives_expires_and_the_step_fails() {
    let mut restart = restart("restart");
    restart.approval = approved();
    let mut world = World::new(plan(vec![restart]));
    world.later(899);
    assert_eq!(world.stage("restart"), "approval");
    world.later(1);
    assert_eq!(world.stage("restart"), "asking");
    assert!(world.refused("ana", Command::Approve { step: None }).contains("nothing in run-1 waits for an approval"));
    world.does("ana", Command::Stop { why: None });
    assert_eq!((world.state.outcome(), world.sent("restart")), (Some(Outcome::Failed), 0));
}

#[test]
fn a_crash_puts_a_change_in_doubt_and_repeats_a_read() {
    let mut world = World::new(plan(vec![get("read"), restart("restart")]));
    world.put(Input::Adopt { process: "test:2".into() });
    assert!(matches!(world.work().what, What::Act { .. }), "the read is simply sent again");
    world.answers(json!({"status": 200}));
    world.reply(prepared());
    world.put(Input::Adopt { process: "test:3".into() });
    assert_eq!(world.stage("restart"), "probing");
    world.reply(StageReply::Probed(Probe::Happened(answer(json!({})))));
    assert_eq!(world.stage("restart"), "confirming");
    assert_eq!(world.sent("restart"), 1);
}

#[test]
fn a_late_answer_settles_a_doubt_and_changes_nothing_once_it_is_settled() {
    let mut world = World::new(plan(vec![post("change"), get("after")]));
    let sent = world.work();
    world.reply(unknown("no answer in 10 s"));
    let late = |reply| Input::Reply { step: sent.step.clone(), visit: sent.visit, attempt: sent.attempt, reply };
    world.put(late(StageReply::Acted(Reply::Answered(answer(json!({"status": 200}))))));
    assert_eq!(world.stage("change"), "done");
    let before = world.state.clone();
    let told = world.put(late(StageReply::Acted(Reply::Answered(answer(json!({"status": 500}))))));
    assert!(matches!(told.as_slice(), [Event::LateReply(_)]));
    assert_eq!(before.steps, world.state.steps);
}

#[test]
fn cleanup_runs_whatever_happens_and_no_budget_stops_it() {
    let mut release = post("release");
    release.always_after = Some("tomar".into());
    let mut world = World::new(plan(vec![post("tomar"), get("check"), release.clone()]));
    world.answers(json!({"status": 200}));
    world.does("ana", Command::Cancel { why: None });
    assert_eq!(world.stage("release"), "sent");
    world.answers(json!({"status": 200}));
    assert_eq!(world.state.outcome(), Some(Outcome::Cancelled));

    let mut skipped = post("tomar");
    skipped.when = Some(when("false"));
    let world = World::new(plan(vec![skipped, release]));
    assert_eq!(world.sent("release"), 0, "nothing was taken, nothing is released");
    assert!(world.state.is_over());
}

fn decision(cases: Vec<(&str, Option<&str>, Destination)>) -> Step {
    let cases = cases
        .into_iter()
        .map(|(id, condition, to)| Case { id: id.into(), label: None, when: condition.map(when), to })
        .collect();
    step("verdict", Does::Decide(Decide { deadline: None, on_timeout: OnTimeout::Page, cases }))
}

#[test]
fn a_branch_goes_forward_or_back_within_its_bound_and_an_unfit_case_needs_a_reason() {
    let redo = Destination::Redo { step: "check".into(), max: 1 };
    let cases = vec![
        ("keep", Some("steps.check.ok"), Destination::Go("last".into())),
        ("again", Some("runs('check') < 5"), redo),
        ("stop", None, Destination::Stop),
    ];
    let mut check = get("check");
    (check.expect, check.on_failure) = (vec![when("status == 200")], OnFailure::Continue);
    let mut world = World::new(plan(vec![check, decision(cases), get("between"), get("last")]));
    world.answers(json!({"status": 503}));
    let Stage::Asking { question: Question::Branch { cases }, .. } = &world.state.steps[1].stage else { panic!() };
    let shown: Vec<_> = cases.iter().map(|case| (case.id.as_str(), case.fits, case.recommended)).collect();
    assert_eq!(shown, [("keep", false, false), ("again", true, true), ("stop", true, false)]);
    let choose =
        |case: &str, why: Option<&str>| Command::Choose { step: None, case: case.into(), why: why.map(Into::into) };
    assert!(world.refused("ana", choose("keep", None)).contains("say why"));
    world.does("ana", choose("again", None));
    world.answers(json!({"status": 503}));
    let Stage::Asking { question: Question::Branch { cases }, .. } = &world.state.steps[1].stage else { panic!() };
    assert!(!cases[1].fits, "the bound is reached");
    world.does("ana", choose("keep", Some("the dashboard is green")));
    assert_eq!((world.stage("between"), world.stage("last")), ("pending", "sent"));
}

#[test]
fn another_runs_hold_and_a_spent_budget_give_way_to_a_name_and_a_reason() {
    let held = |run: u64| {
        crate::domain::target::event::Event::from(crate::domain::target::event::Held {
            run: RunId::number(run),
            step: "restart".into(),
            action: "restart redis on Railway".into(),
            counts: true,
        })
    };
    let mut world = World::new(plan(vec![restart("restart")]));
    let target = world.targets.entry("redis".into()).or_default();
    (0..3).for_each(|_| target.apply(&held(9), start()));
    world.reply(prepared());
    assert_eq!(world.stage("restart"), "blocked");
    assert!(world.state.waits_for_human());
    let take = |why: &str| Command::Override { step: None, why: why.into() };
    assert!(world.refused("ana", take(" ")).contains("needs a reason"));
    world.does("ana", take("run-9 hangs"));
    assert_eq!(world.stage("restart"), "ready", "the world went on meanwhile: it is looked at again before the change");
    world.reply(prepared());
    assert_eq!(world.stage("restart"), "blocked", "the budget is spent as well");
    world.does("ana", take("a fourth restart is what it takes"));
    world.reply(prepared());
    assert_eq!(world.stage("restart"), "sent");

    // Where nobody says anything, it goes on when the other run is done.
    let mut world = World::new(plan(vec![restart("restart")]));
    let target = world.targets.entry("redis".into()).or_default();
    target.apply(&held(9), start());
    world.reply(prepared());
    assert_eq!(world.stage("restart"), "blocked");
    let released = crate::domain::target::event::Released { run: RunId::number(9), step: "restart".into() };
    world.targets.entry("redis".into()).or_default().apply(&released.into(), world.now);
    world.later(1);
    world.reply(prepared());
    assert_eq!(world.stage("restart"), "sent");
}

#[test]
fn after_a_long_absence_a_read_is_asked_again_and_an_accepted_change_is_looked_at() {
    let mut world = World::new(plan(vec![get("read"), restart("restart")]));
    world.now += TimeDelta::hours(3);
    world.put(Input::Adopt { process: "other:2".into() });
    assert_eq!((world.stage("read"), world.sent("read")), ("sent", 1), "asked again, though nothing said to retry");
    world.answers(json!({"status": 200}));
    world.reply(prepared());
    world.answers(json!({}));
    assert_eq!(world.stage("restart"), "confirming");
    world.now += TimeDelta::hours(3);
    world.put(Input::Adopt { process: "other:3".into() });
    assert_eq!(world.stage("restart"), "confirming", "its time ran out while nobody looked");
    world.reply(StageReply::Confirmed(Reply::Answered(answer(json!({"status": "SUCCESS"})))));
    assert_eq!(world.state.outcome(), Some(Outcome::Succeeded));
    assert_eq!(world.sent("restart"), 1);
}

#[test]
fn a_pause_lets_what_was_sent_end_and_starts_nothing_new() {
    let mut world = World::new(plan(vec![post("change"), get("after")]));
    world.does("ana", Command::Pause { why: None });
    world.answers(json!({"status": 200}));
    assert_eq!(world.stage("after"), "pending");
    assert!(work(&world.state).is_empty() && next_deadline(&world.state).is_none());
    world.does("ben", Command::Resume);
    assert_eq!(world.stage("after"), "sent");
}

fn watching() -> Step {
    step(
        "watch",
        Does::Watch(Watch {
            lasts: "10m".into(),
            every: Span::seconds(15),
            sample: ActionSpec { kind: Kind::Http, params: json!({"get": "{{target.backend.url}}/stats"}) },
            series: BTreeMap::from([("active".to_owned(), when("body.active"))]),
            expect: vec![Threshold {
                that: when("active < 15"),
                breach_after: 2,
                level: crate::domain::runbook::model::Level::Fail,
            }],
            forbid_logs: Vec::new(),
            min_coverage: 90.0,
            stop_on_breach: true,
        }),
    )
}

#[test]
fn a_watch_keeps_its_deadline_over_a_restart_and_counts_the_gap() {
    let mut world = World::new(plan(vec![watching()]));
    let What::Watch { until, .. } = world.work().what else { panic!() };
    world.now += TimeDelta::minutes(4);
    world.put(Input::Adopt { process: "test:2".into() });
    let What::Watch { until: again, from, .. } = world.work().what else { panic!() };
    assert_eq!((until, from), (again, world.now));
    let tally = super::event::WatchTallied {
        step: "watch".into(),
        from,
        to: until,
        due: 24,
        taken: 24,
        points: BTreeMap::new(),
        failures: Vec::new(),
    };
    world.now = until;
    world.put(Input::Watch(WatchReport::Tallied(tally)));
    world.put(Input::Watch(WatchReport::Ended { step: "watch".into() }));
    let result = world.state.steps[0].result.clone().unwrap();
    assert!(!result.ok && result.summary.starts_with("inconclusive: 60 %"), "{}", result.summary);
}

#[test]
fn a_step_beside_a_watch_runs_while_it_goes_on() {
    let (mut beside, mut too_late) = (get("beside"), get("too_late"));
    (beside.during, too_late.during) = (Some("watch".into()), Some("watch".into()));
    let mut world = World::new(plan(vec![watching(), beside, too_late, get("after")]));
    assert_eq!((world.stage("watch"), world.stage("beside")), ("watching", "sent"));
    world.put(Input::Watch(WatchReport::Ended { step: "watch".into() }));
    assert_eq!((world.stage("too_late"), world.stage("after")), ("skipped", "pending"), "{:?}", world.kinds());
    world.does("ana", Command::Skip { step: Some("watch".into()), why: None });
    assert_eq!(world.stage("beside"), "sent");
    world.answers(json!({"status": 200}));
    assert_eq!(world.stage("after"), "sent");
}

#[test]
fn a_step_that_takes_another_back_is_offered_and_never_runs_by_itself() {
    let mut undo = post("put_back");
    undo.undo = Some("change".into());
    let mut change = post("change");
    change.expect = vec![when("status == 200")];
    let mut world = World::new(plan(vec![change, undo]));
    world.answers(json!({"status": 500}));
    assert_eq!(world.stage("put_back"), "pending");
    world.does("ana", Command::Redo { step: "put_back".into(), why: None });
    assert_eq!(world.stage("put_back"), "sent");
    world.answers(json!({"status": 200}));
    world.does("ana", Command::Stop { why: None });
    assert_eq!(world.state.outcome(), Some(Outcome::Failed));
}

#[test]
fn an_impossible_history_is_refused() {
    let world = World::new(plan(vec![get("read"), restart("restart")]));
    let mut state = world.state.clone();
    let sent = super::event::AttemptSent { step: "restart".into(), attempt: 1, key: "k".into(), until: start() };
    let error = state.apply(&sent.clone().into(), start()).unwrap_err();
    assert_eq!(error.to_string(), "impossible history of run-1: attempt.sent though 'restart' is not under way");
    let again = super::event::AttemptSent { step: "read".into(), ..sent };
    assert!(state.apply(&again.into(), start()).unwrap_err().to_string().ends_with("though 'read' is sent"));
}

/// What the adversary does next, chosen by numbers so that a failing sequence shrinks.
fn adversary(world: &mut World, choice: u8, detail: u8) {
    let outstanding = work(&world.state);
    let who = ["ana", "ben", "eva"][usize::from(detail % 3)];
    let why = || Some("because".to_owned());
    let steps: Vec<_> = world.state.plan.steps.iter().map(|step| step.id.clone()).collect();
    let some_step = steps[usize::from(detail) % steps.len()].clone();
    let command = |command| Input::Command { by: person(who), command };
    let input = match choice % 20 {
        0 => {
            world.now += TimeDelta::seconds(i64::from(detail) * 7);
            Input::Tick
        }
        1..=7 => match outstanding.get(usize::from(detail) % outstanding.len().max(1)) {
            None => Input::Tick,
            Some(work) => made_up_reply(work, detail),
        },
        8 => Input::Adopt { process: format!("test:{detail}") },
        9 => command(Command::Approve { step: None }),
        10 => command(Command::BreakGlass { step: None, why: "alone".into() }),
        11 => command(Command::Choose {
            step: None,
            case: ["keep", "again", "stop"][usize::from(detail % 3)].into(),
            why: why(),
        }),
        12 => {
            let verdict = [DoubtVerdict::Done, DoubtVerdict::RunAgain, DoubtVerdict::Abort][usize::from(detail % 3)];
            command(Command::Settle { step: None, verdict, why: why() })
        }
        13 => command(Command::Retry { step: None }),
        14 => command(Command::Skip { step: (detail.is_multiple_of(2)).then_some(some_step), why: None }),
        15 => command(Command::Redo { step: some_step, why: None }),
        16 => command(if world.state.paused.is_some() { Command::Resume } else { Command::Pause { why: None } }),
        17 if detail > 200 => command(Command::Cancel { why: None }),
        17 => command(Command::Done { step: None, ok: detail.is_multiple_of(2), note: None }),
        18 => command(Command::Override { step: None, why: "mine".into() }),
        _ => Input::Reply {
            step: some_step,
            visit: u32::from(detail % 3),
            attempt: u32::from(detail % 4),
            reply: StageReply::Acted(Reply::Answered(answer(json!({"status": 200})))),
        },
    };
    match world.tell(input) {
        Ok(_) => {}
        Err(Refusal::Defect(defect)) => panic!("{defect}\n{:#?}", world.kinds()),
        Err(_) => {}
    }
}

fn made_up_reply(work: &Work, detail: u8) -> Input {
    let reply = match (&work.what, detail % 5) {
        (What::Prepare { .. }, 0) => StageReply::PrepareFailed(Failure::passing("no route")),
        (What::Prepare { .. }, _) => prepared(),
        (What::Act { .. }, 0) => refused_with("429", Some(1_000)),
        (What::Act { .. }, 1) => unknown("reset"),
        (What::Act { .. }, 2) => StageReply::Acted(Reply::Answered(answer(json!({"status": 500})))),
        (What::Act { .. }, _) => StageReply::Acted(Reply::Answered(answer(json!({"status": 200})))),
        (What::Confirm { .. }, 0) => StageReply::Confirmed(Reply::NotDone(Failure::lasting("CRASHED"))),
        (What::Confirm { .. }, _) => StageReply::Confirmed(Reply::Answered(answer(json!({"status": "SUCCESS"})))),
        (What::Probe { .. }, 0 | 1) => StageReply::Probed(Probe::Happened(answer(json!({"status": 200})))),
        (What::Probe { .. }, _) => StageReply::Probed(Probe::Unclear { evidence: "nothing moved".into() }),
        (What::Watch { .. }, _) => return Input::Watch(WatchReport::Ended { step: work.step.clone() }),
    };
    Input::Reply { step: work.step.clone(), visit: work.visit, attempt: work.attempt, reply }
}

fn eventful_plan() -> Plan {
    let retry = Some(Retry { attempts: 3, delay: Span::seconds(5), factor: 2.0, max_delay: None });
    let mut health = get("health");
    (health.retry, health.expect, health.on_failure) =
        (retry.clone(), vec![when("status == 200")], OnFailure::Continue);
    let mut tomar = post("tomar");
    (tomar.expect, tomar.on_failure) = (vec![when("status == 200")], OnFailure::Go("verdict".into()));
    let mut release = post("release");
    (release.always_after, release.idempotent, release.retry) = (Some("tomar".into()), true, retry);
    let mut undo = post("undo");
    undo.undo = Some("tomar".into());
    let mut restart = restart("restart");
    restart.approval = Some(Approval { quorum: 2, within: Span::seconds(300), on_timeout: OnTimeout::Page });
    let mut beside = get("beside");
    beside.during = Some("watch".into());
    let redo = Destination::Redo { step: "health".into(), max: 2 };
    let cases = vec![
        ("keep", Some("steps.health.ok"), Destination::Next),
        ("again", None, redo),
        ("stop", None, Destination::Stop),
    ];
    plan(vec![
        health,
        restart,
        tomar,
        step("by_hand", Does::Manual),
        release,
        undo,
        decision(cases),
        watching(),
        beside,
        step("told", Does::Notify(crate::domain::runbook::model::Notify { text: "over".into() })),
    ])
}

/// Whether every change in the record was allowed to be sent: first of its visit, known not to have happened before, or a
/// person said so; and each with the permission of two persons or one who broke the glass.
fn promises_kept(events: &[(Instant, Event)]) -> Result<(), String> {
    let mut may_send: BTreeMap<&str, bool> = BTreeMap::new();
    let mut agreed: BTreeMap<&str, BTreeSet<&Person>> = BTreeMap::new();
    let mut permitted = false;
    for (_, event) in events {
        match event {
            Event::StepStarted(started) => drop(may_send.insert(&started.step, true)),
            Event::AttemptFailed(failed) if failed.again_at.is_some() => drop(may_send.insert(&failed.step, true)),
            Event::DoubtSettled(settled) if settled.verdict == DoubtVerdict::RunAgain => {
                if settled.by.is_none() {
                    return Err("run again without a person".into());
                }
                permitted = false;
                may_send.insert(&settled.step, true);
            }
            Event::ApprovalAsked(asked) => drop(agreed.insert(&asked.step, BTreeSet::new())),
            Event::ApprovalGiven(given) => {
                let persons = agreed.entry(&given.step).or_default();
                persons.insert(&given.by);
                permitted |= persons.len() >= 2;
            }
            Event::GlassBroken(_) => permitted = true,
            Event::AttemptSent(sent) if sent.step != "health" && sent.step != "beside" => {
                if may_send.insert(&sent.step, false) != Some(true) {
                    return Err(format!("{} was sent twice in silence", sent.step));
                }
                if sent.step == "restart" && !permitted {
                    return Err("restart was sent without permission".into());
                }
            }
            Event::StepFinished(finished) if finished.step == "restart" => permitted = false,
            _ => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_said_in_whatever_order_the_promises_hold(moves in prop::collection::vec((any::<u8>(), any::<u8>()), 1..120)) {
        let mut world = World::new(eventful_plan());
        for (choice, detail) in moves {
            adversary(&mut world, choice, detail);
        }
        prop_assert_eq!(promises_kept(&world.events), Ok(()));
        // Every prefix, folded afresh, is a state the run was in; the whole gives the same state and the same work.
        let mut folded = world.first.clone();
        for (at, event) in &world.events {
            let stored = Event::decode(event.kind(), event.version(), &event.encode().unwrap()).unwrap();
            prop_assert_eq!(&stored, event);
            folded.apply(&stored, *at).map_err(|error| TestCaseError::fail(error.to_string()))?;
        }
        prop_assert_eq!(&folded, &world.state);
        prop_assert_eq!(work(&folded), work(&world.state));
        prop_assert_eq!(next_deadline(&folded), next_deadline(&world.state));
        // A target is held exactly while a step of the run holds it.
        let holds = world.state.steps.iter().any(|step| step.holds && step.action.as_ref().is_some_and(|action| action.target() == Some("redis")));
        prop_assert_eq!(world.targets.get("redis").is_some_and(|target| target.held_by.is_some()), holds);
        // With friendly persons and a friendly world it ends.
        for _ in 0..600 {
            if world.state.is_over() {
                break;
            }
            befriend(&mut world);
        }
        prop_assert!(world.state.is_over(), "it never ends: {:?}", world.state.steps);
    }
}

/// The world answers well and persons say what gets the run on.
fn befriend(world: &mut World) {
    if world.state.paused.is_some() {
        let _ = world.tell(Input::Command { by: person("ana"), command: Command::Resume });
        return;
    }
    if let Some(work) = work(&world.state).first() {
        let _ = world.tell(made_up_reply(work, 4));
        return;
    }
    if let Some(deadline) = next_deadline(&world.state) {
        world.now = world.now.max(deadline);
        let _ = world.tell(Input::Tick);
    }
    for command in [
        Command::BreakGlass { step: None, why: "go".into() },
        Command::Override { step: None, why: "go".into() },
        Command::Settle { step: None, verdict: DoubtVerdict::Done, why: None },
        Command::Done { step: None, ok: true, note: None },
        Command::Skip { step: None, why: None },
        Command::Choose { step: None, case: "stop".into(), why: Some("enough".into()) },
    ] {
        let _ = world.tell(Input::Command { by: person("ana"), command });
    }
}
