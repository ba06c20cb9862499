//! Stories of incidents, told in commands.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::event::{Event, Milestone, Role, Section, Status};
use super::investigation::{self, Verdict};
use super::item::ItemId;
use super::review::{self, ActionFields, Impact};
use super::{Command, Gate, Measure, Refusal, State, decide};
use crate::base::event::{Instant, Person, RunId, Severity};

/// An incident and a clock that a story moves.
struct Story {
    state: Option<State>,
    now: Instant,
    gate: Gate,
}

impl Story {
    fn at(time: &str) -> Self {
        Self { state: None, now: moment(time), gate: Gate::default() }
    }

    fn tries(&mut self, time: &str, command: Command) -> Result<Vec<Event>, Refusal> {
        self.now = moment(time);
        let events = decide(self.state.as_ref(), command, &Person::new("ana"), self.now, &self.gate)?;
        for event in &events {
            let stored = event.encode().unwrap();
            assert_eq!(&Event::decode(event.kind(), event.version(), &stored).unwrap(), event, "survives storage");
            State::step(&mut self.state, event, self.now).unwrap();
        }
        Ok(events)
    }

    fn does(&mut self, time: &str, command: Command) -> Vec<&'static str> {
        self.tries(time, command).unwrap().iter().map(Event::kind).collect()
    }

    fn state(&self) -> &State {
        self.state.as_ref().unwrap()
    }
}

fn moment(time: &str) -> Instant {
    format!("2026-03-02T{time}:00Z").parse().unwrap()
}

fn declare(title: &str) -> Command {
    Command::Declare {
        title: title.into(),
        severity: None,
        environment: None,
        zone: None,
        started: None,
        detected: None,
    }
}

fn status(status: Status) -> Command {
    Command::SetStatus { status, why: None }
}

#[test]
fn one_field_declares_and_the_usual_way_gives_all_four_times() {
    let mut story = Story::at("08:10");
    assert_eq!(story.does("08:10", declare("  Redis refuses connections ")), ["incident.declared"]);
    assert_eq!(story.state().title, "Redis refuses connections");
    assert_eq!(story.state().measure(Measure::Ttr).length, None, "nothing is invented");

    let run = Command::AttachRun { run: RunId::number(1), runbook: "redis-connections".into() };
    let taken_on = ["incident.acknowledged", "incident.status_set", "incident.run_attached"];
    assert_eq!(story.does("08:15", run), taken_on);
    story.does("08:16", Command::SetMilestone { milestone: Milestone::Started, at: moment("08:00"), why: None });
    story.does("08:20", status(Status::Identified));
    story.does("08:40", status(Status::Monitoring));
    story.does("10:40", Command::Resolve { why: None });

    let minutes = |measure| story.state().measure(measure).length.map(|length| length.num_minutes());
    assert_eq!(Measure::ALL.map(minutes), [Some(10), Some(5), Some(40), Some(160)]);
    assert_eq!(story.state().status_words(), "resolved");
}

#[test]
fn without_a_start_the_times_say_that_they_count_from_detection() {
    let mut story = Story::at("08:10");
    story.does("08:10", declare("Slow"));
    story.does("08:40", Command::Resolve { why: None });
    let recover = story.state().measure(Measure::Ttr);
    assert_eq!((recover.from, recover.stand_in), (Milestone::Detected, true));
    assert_eq!(recover.length, Some(TimeDelta::minutes(30)));
    assert_eq!(story.state().measure(Measure::Ttd).length, None);
}

#[test]
fn what_is_open_is_listed_and_a_reason_gets_past_it() {
    let mut story = Story::at("08:00");
    story.does("08:00", declare("Redis"));
    story.gate.unmet.push("At least 6 of 8 tests pass (saw 4)".into());
    story.gate.doubts.push("Restart Redis (run-1): the connection was reset".into());
    for bare in [Command::Resolve { why: None }, Command::Resolve { why: Some("  ".into()) }, status(Status::Closed)] {
        let refusal = story.tries("09:00", bare).unwrap_err().to_string();
        assert!(refusal.contains("not met: At least 6 of 8 tests pass (saw 4)"), "{refusal}");
        assert!(refusal.contains("outcome unknown: Restart Redis"), "{refusal}");
    }
    let reason = Command::Resolve { why: Some("workers are back on tablets".into()) };
    assert_eq!(story.does("09:01", reason), ["incident.resolved"]);
    assert_eq!(story.state().status_words(), "resolved, unverified");
    assert_eq!(story.state().resolution.as_ref().unwrap().unmet.len(), 1);

    story.gate = Gate::default();
    story.does("09:30", Command::Resolve { why: None });
    assert_eq!(story.state().status_words(), "resolved", "once all is settled it can be said so");
    assert_eq!(story.state().milestones[&Milestone::Resolved], moment("09:01"), "it was over then all the same");
}

#[test]
fn a_tired_person_may_skip_go_back_and_reopen() {
    let mut story = Story::at("08:00");
    story.does("08:00", declare("Redis"));
    assert_eq!(story.does("08:01", status(Status::Monitoring)), ["incident.status_set"]);
    assert_eq!(story.does("08:02", status(Status::Investigating)), ["incident.status_set"]);
    assert_eq!(story.does("08:03", Command::Close { why: None }), ["incident.resolved", "incident.closed"]);
    assert_eq!(story.does("08:30", status(Status::Identified)), ["incident.reopened"]);
    assert_eq!(story.state().milestones.get(&Milestone::Resolved), None, "that was not the end");
    assert_eq!(story.does("08:40", Command::Resolve { why: None }), ["incident.resolved"]);
    assert_eq!(story.state().milestones[&Milestone::Resolved], moment("08:40"));
    assert!(matches!(story.tries("08:41", Command::Resolve { why: None }), Err(Refusal::Already(_))));
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_do() {
    let mut story = Story::at("08:00");
    let before = story.tries("08:00", Command::Acknowledge).unwrap_err();
    assert_eq!(before.to_string(), "there is no such incident; declare it first");
    assert_eq!(story.tries("08:00", declare(" ")).unwrap_err(), Refusal::Empty { what: "title" });
    story.does("08:00", declare("Redis"));
    let ahead = Command::SetMilestone { milestone: Milestone::Mitigated, at: moment("09:00"), why: None };
    assert!(matches!(story.tries("08:30", ahead), Err(Refusal::InFuture { .. })));
    let script = Command::Link { url: "javascript:alert(1)".into(), label: None };
    assert!(matches!(story.tries("08:30", script), Err(Refusal::BadUrl { .. })));
    let long = Command::Note { text: "x".repeat(10_001) };
    assert!(matches!(story.tries("08:30", long), Err(Refusal::TooLong { limit: 10_000, .. })));
}

fn any_command() -> impl Strategy<Value = Command> {
    let why = proptest::option::of("[a-z ]{0,8}");
    prop_oneof![
        Just(declare("Again")),
        Just(Command::Acknowledge),
        Just(Command::SetSeverity { severity: Severity::P1, why: None }),
        (proptest::sample::select(&Status::ALL), why.clone())
            .prop_map(|(status, why)| Command::SetStatus { status, why }),
        (proptest::sample::select(&Role::ALL), proptest::option::of(Just(Person::new("ben"))))
            .prop_map(|(role, person)| Command::AssignRole { role, person }),
        Just(Command::Note { text: "seen".into() }),
        Just(Command::Summarise { section: Section::Impact, text: "none".into() }),
        (1..4_u64).prop_map(|run| Command::AttachRun { run: RunId::number(run), runbook: "r".into() }),
        why.clone().prop_map(|why| Command::Resolve { why }),
        why.clone().prop_map(|why| Command::Reopen { why }),
        why.prop_map(|why| Command::Close { why }),
    ]
}

fn suspect(claim: &str, different_problem: bool) -> Command {
    Command::Investigate(investigation::Command::Suspect {
        claim: claim.into(),
        expecting: Some("more than 20 streams at once".into()),
        test: None,
        different_problem,
        corrects: None,
    })
}

fn item(id: &str) -> ItemId {
    id.parse().unwrap()
}

fn cause(root: bool, text: Option<&str>, hypothesis: Option<&str>) -> Command {
    Command::Investigate(investigation::Command::NameCause {
        root,
        text: text.map(str::to_owned),
        hypothesis: hypothesis.map(item),
        corrects: None,
    })
}

fn find(hypothesis: &str, corrects: Option<&str>, found: &str) -> Command {
    Command::Investigate(investigation::Command::Find {
        hypothesis: Some(item(hypothesis)),
        checked: "how long a stream holds its connection".into(),
        found: found.into(),
        implication: None,
        url: None,
        corrects: corrects.map(item),
    })
}

#[test]
fn a_suspicion_becomes_the_root_cause_and_corrections_are_new_events() {
    let mut story = Story::at("00:00");
    story.does("00:00", declare("Redis connections exhausted again"));
    story.does("00:01", suspect("event streams hold the pool's connections", false));
    story.does("00:02", suspect("COMPLETAR answers 500 for want of a field", true));
    story.does("00:10", find("H1", None, "one connection a stream, for seconds"));
    story.does("00:13", find("H1", Some("E1"), "one connection a stream, for minutes to hours"));
    assert_eq!(
        story.tries("00:13", find("E1", None, "x")).unwrap_err().to_string(),
        "E1 is evidence, not a hypothesis"
    );
    let gone = "there is no H9 here; `rundown hypothesis list` shows what there is";
    assert_eq!(story.tries("00:13", find("H9", None, "x")).unwrap_err().to_string(), gone);
    assert_eq!(
        story.does("00:14", cause(true, None, Some("H1"))),
        ["hypothesis.settled", "cause.named", "incident.status_set"]
    );
    story.does("00:15", cause(false, Some("one pool for two kinds of work"), None));
    let withdraw = review::Command::Withdraw { id: item("C2"), why: "it is the same thing".into() };
    story.does("00:16", Command::Review(withdraw));
    let known = &story.state().investigation;
    let verdicts: Vec<_> = known.hypotheses.iter().map(|(number, of)| (number, of.verdict)).collect();
    assert_eq!(verdicts, [(1, Verdict::Confirmed), (2, Verdict::Open)]);
    assert_eq!(known.evidence.get(1).unwrap().found, "one connection a stream, for minutes to hours");
    assert_eq!(
        known.causes.iter().map(|(_, cause)| cause.text.as_str()).collect::<Vec<_>>(),
        ["event streams hold the pool's connections"]
    );
    assert_eq!(known.causes.next(), 3, "a number is never given twice");
    assert_eq!(story.state().status, Status::Identified);
}

#[test]
fn an_action_item_keeps_what_a_change_leaves_out_and_a_review_is_due_two_days_after_the_end() {
    let mut story = Story::at("08:00");
    story.does("08:00", declare("Occupation answers 500"));
    assert_eq!(story.state().review_due(), None);
    let due = "2026-03-09".parse().ok();
    let fields = ActionFields { text: Some("Deploy the model fix".into()), due, ..ActionFields::default() };
    story.does("10:00", Command::Review(review::Command::AddAction(fields)));
    let to = ActionFields { owner: Some(Person::new("ben")), ..ActionFields::default() };
    let change = Command::Review(review::Command::ChangeAction { id: item("A1"), to });
    story.does("10:01", change.clone());
    assert!(matches!(story.tries("10:02", change), Err(Refusal::Already(_))));
    let done = |done| Command::Review(review::Command::SettleAction { id: item("A1"), done, note: None });
    story.does("10:03", done(true));
    assert!(matches!(story.tries("10:04", done(true)), Err(Refusal::Already(_))));
    let action = story.state().review.actions.get(1).unwrap();
    assert_eq!((action.done, action.stated.due, action.stated.owner.clone()), (true, due, Some(Person::new("ben"))));
    story.does("10:30", Command::Resolve { why: None });
    assert_eq!(story.state().review_due(), Some(moment("10:30") + TimeDelta::hours(48)));
    let impact = |text: &str| Command::Review(review::Command::StateImpact { side: Impact::Users, text: text.into() });
    story.does("10:31", impact("20 workers"));
    story.does("10:32", impact("30 to 50 workers"));
    assert_eq!(story.state().review.impact[&Impact::Users], "30 to 50 workers");
    let hand_over = Command::HandOver { to: Person::new("ben"), brief: "what there is to know".into() };
    story.does("10:33", hand_over);
    assert_eq!(story.state().roles[&Role::Commander], Person::new("ben"));
}

proptest! {
    #[test]
    fn whatever_is_said_an_unclear_gate_never_reads_as_verified(
        commands in proptest::collection::vec((any_command(), any::<bool>()), 0..40),
    ) {
        let mut story = Story::at("08:00");
        story.does("08:00", declare("Redis"));
        let mut open_when_resolved = false;
        for (command, open) in commands {
            story.gate.unmet = if open { vec!["health".into()] } else { Vec::new() };
            for event in story.tries("09:00", command).unwrap_or_default() {
                if let Event::Resolved(resolved) = event {
                    open_when_resolved = open;
                    prop_assert!(!open || resolved.why.is_some(), "passing over it always has a reason");
                }
            }
            let state = story.state();
            prop_assert_eq!(state.resolution.is_some(), !state.status.is_open());
            prop_assert_eq!(state.milestones.contains_key(&Milestone::Resolved), !state.status.is_open());
            if !state.status.is_open() {
                prop_assert_eq!(state.status_words().ends_with("unverified"), open_when_resolved);
            }
        }
    }
}
