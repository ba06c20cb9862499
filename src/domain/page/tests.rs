//! Pages in stories, and one property: whatever happens, nobody is called behind an answer and every fold is what was decided.

use std::collections::BTreeMap;

use chrono::{TimeDelta, TimeZone as _, Utc};
use proptest::prelude::*;

use super::OnCall;
use super::attention::{Attention, Rule};
use super::cause::{Want, wanted};
use super::decide::{FINALLY_TIMES, Input, Outcome, Refusal, decide, next_deadline, open};
use super::event::{Cause, End, Event, Ladder, Opened, Place, Route, Rung, Task, Whom};
use super::state::{Phase, Sent, State};
use super::work::{is_settled, outstanding};
use crate::base::event::{Actor, IncidentId, Instant, PageId, Person, RunId, Severity};
use crate::base::schedule::Span;
use crate::domain::incident;

/// Who is on call, by schedule: whoever's entry began last.
#[derive(Default)]
struct Rota(BTreeMap<&'static str, Vec<(Instant, &'static str)>>);

impl Rota {
    fn usual() -> Self {
        Self(BTreeMap::from([("primary", vec![(noon(), "Ana")]), ("secondary", vec![(noon(), "Ben")])]))
    }
}

impl OnCall for Rota {
    fn who(&self, schedule: &str, at: Instant) -> Option<Person> {
        let shifts = self.0.get(schedule)?;
        shifts.iter().rev().find(|(from, _)| *from <= at).map(|(_, name)| Person::new(name))
    }
}

fn noon() -> Instant {
    Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).unwrap()
}

fn minutes(minutes: i64) -> Instant {
    noon() + TimeDelta::minutes(minutes)
}

fn rung(schedule: &str, minutes: u64) -> Rung {
    Rung { notify: vec![Whom::Schedule(schedule.into())], escalate_after: Span::seconds(60 * minutes) }
}

fn opened() -> Opened {
    let ladder = Ladder {
        policy: "default".into(),
        rungs: vec![rung("primary", 5), rung("secondary", 10)],
        repeat: 1,
        finally: vec![Whom::Person(Person::new("Eva"))],
    };
    Opened {
        incident: Some(IncidentId::number(1)),
        subject: "Redis is down".into(),
        severity: Some(Severity::P1),
        cause: Cause::Incident,
        ladder,
        held_until: None,
    }
}

const BOTH: [Route; 2] = [Route::Discord, Route::PagerDuty];

/// A page, and everything that happened to it.
struct Story {
    rota: Rota,
    state: State,
    told: Vec<Event>,
}

impl Story {
    fn begins(opened: Opened, rota: Rota) -> Self {
        let id = PageId::number(1);
        let events = open(&id, opened, &rota, noon());
        let mut state = None;
        events.iter().for_each(|event| State::step(&mut state, &id, event, noon()).unwrap());
        Self { rota, state: state.unwrap(), told: events }
    }

    fn at(&mut self, now: Instant, input: Input) -> Result<Vec<Event>, Refusal> {
        let events = decide(&self.state, input, &self.rota, now)?;
        let mut state = Some(self.state.clone());
        let id = self.state.id.clone();
        events.iter().for_each(|event| State::step(&mut state, &id, event, now).unwrap());
        self.state = state.unwrap();
        self.told.extend(events.clone());
        Ok(events)
    }

    /// Who is called, when it is late and nobody answers: minutes and names.
    fn silence(&mut self, calls: usize) -> Vec<(i64, String)> {
        for _ in 0..calls {
            let Some(at) = next_deadline(&self.state) else { break };
            self.at(at, Input::Due).unwrap();
        }
        let names = |persons: &[Person]| persons.iter().map(Person::name).collect::<Vec<_>>().join(" ");
        let mut begun = noon();
        self.state
            .calls
            .iter()
            .map(|call| {
                let at = (begun - noon()).num_minutes();
                begun = call.until;
                (at, names(&call.persons))
            })
            .collect()
    }

    fn sent(&mut self, task: Task, route: Route) {
        let outcome = Outcome::Delivered { receipt: None, remark: None };
        self.at(noon(), Input::Sent { task, route, outcome }).unwrap();
    }
}

fn ana() -> Person {
    Person::new("Ana")
}

#[test]
fn silence_goes_up_the_ladder_twice_then_to_the_fallback_every_quarter_of_an_hour() {
    let mut story = Story::begins(opened(), Rota::usual());
    let calls = story.silence(6);
    let expected = [(0, "Ana"), (5, "Ben"), (15, "Ana"), (20, "Ben"), (30, "Eva"), (45, "Eva"), (60, "Eva")];
    assert_eq!(calls, expected.map(|(at, name)| (at, name.to_owned())));
    story.silence(1_000);
    assert_eq!(story.state.phase, Phase::GivenUp);
    assert_eq!(story.state.calls.len(), 4 + FINALLY_TIMES as usize);
    // Late is better than never.
    story.at(minutes(9_999), Input::Answer { by: ana() }).unwrap();
    assert_eq!(story.state.answered_by(), Some(&ana()));
}

#[test]
fn an_answer_ends_the_calls_and_the_second_one_hears_who_has_it() {
    let mut story = Story::begins(opened(), Rota::usual());
    story.at(minutes(3), Input::Answer { by: ana() }).unwrap();
    assert_eq!(next_deadline(&story.state), None);
    let second = story.at(minutes(4), Input::Answer { by: Person::new("Ben") }).unwrap_err();
    assert_eq!(second.to_string(), "Ana has it already");
    assert_eq!(story.silence(5).len(), 1);
}

#[test]
fn a_handoff_in_the_middle_calls_who_is_on_call_by_then() {
    let rota = Rota(BTreeMap::from([
        ("primary", vec![(noon(), "Ana"), (minutes(10), "Cem")]),
        ("secondary", vec![(noon(), "Ben")]),
    ]));
    let calls = Story::begins(opened(), rota).silence(3);
    assert_eq!(calls[2], (15, "Cem".to_owned()));
}

#[test]
fn a_rung_with_nobody_on_call_is_passed_over_and_said() {
    let rota = Rota(BTreeMap::from([("secondary", vec![(noon(), "Ben")])]));
    let story = Story::begins(opened(), rota);
    let call = story.state.calls.first().unwrap();
    assert_eq!((&call.persons[..], &call.nobody[..]), (&[Person::new("Ben")][..], &["primary".to_owned()][..]));
    let nobody = Opened { ladder: Ladder { finally: Vec::new(), ..opened().ladder }, ..opened() };
    let story = Story::begins(nobody, Rota::default());
    assert_eq!((story.state.phase, story.state.calls.len()), (Phase::GivenUp, 0));
}

#[test]
fn who_passes_it_on_is_not_called_again_but_as_the_last_resort() {
    let mut story = Story::begins(opened(), Rota::usual());
    let pass = |to: Option<&str>| Input::PassOn { by: ana(), to: to.map(Person::new), why: Some("on a train".into()) };
    story.at(minutes(1), pass(None)).unwrap();
    assert_eq!(story.state.calls[1].persons, [Person::new("Ben")]);
    assert_eq!(story.state.calls[1].until, minutes(11), "the next one has all of their time");
    let places: Vec<Place> = {
        story.silence(2);
        story.state.calls.iter().map(|call| call.place).collect()
    };
    assert_eq!(places[2], Place::Rung { round: 1, rung: 1 }, "Ana's rung is left out");
    assert_eq!(story.at(minutes(40), pass(Some("Ana"))).unwrap_err(), Refusal::ToOneself);
    let mut other = Story::begins(opened(), Rota::usual());
    other.at(minutes(1), pass(Some("Dee"))).unwrap();
    assert_eq!(other.state.calls[1].persons, [Person::new("Dee")]);
}

#[test]
fn quiet_hours_hold_a_page_back_until_they_end_or_it_becomes_urgent() {
    let held = Opened { held_until: Some(minutes(60)), ..opened() };
    let mut story = Story::begins(held.clone(), Rota::usual());
    assert!(story.state.calls.is_empty());
    assert_eq!(next_deadline(&story.state), Some(minutes(60)));
    story.at(minutes(60), Input::Due).unwrap();
    assert_eq!(story.state.calls.len(), 1);
    let mut story = Story::begins(held, Rota::usual());
    story.at(minutes(2), Input::Urgent).unwrap();
    assert_eq!(story.state.calls[0].until, minutes(7));
}

#[test]
fn what_is_to_be_sent_is_sent_once_each_way_and_only_the_last_call() {
    let mut story = Story::begins(opened(), Rota::usual());
    let tasks = |story: &Story| outstanding(&story.state, &BOTH).iter().map(|e| (e.task, e.route)).collect::<Vec<_>>();
    assert_eq!(tasks(&story), [(Task::Call(1), Route::Discord), (Task::Call(1), Route::PagerDuty)]);
    story.sent(Task::Call(1), Route::PagerDuty);
    // Discord is away: the first failure is written down, the others are only tried again.
    let failed = |again| Input::Sent {
        task: Task::Call(1),
        route: Route::Discord,
        outcome: Outcome::Failed { why: "no answer".into(), again },
    };
    assert_eq!(story.at(noon(), failed(true)).unwrap().len(), 1);
    assert_eq!(story.at(noon(), failed(true)).unwrap().len(), 0);
    assert_eq!(tasks(&story), [(Task::Call(1), Route::Discord)]);
    story.at(minutes(5), Input::Due).unwrap();
    assert_eq!(tasks(&story), [(Task::Call(2), Route::Discord), (Task::Call(2), Route::PagerDuty)]);
    story.at(minutes(6), Input::Answer { by: ana() }).unwrap();
    assert_eq!(tasks(&story), [(Task::Answered, Route::Discord), (Task::Answered, Route::PagerDuty)]);
    story.sent(Task::Answered, Route::Discord);
    story.sent(Task::Answered, Route::PagerDuty);
    story.at(minutes(30), Input::End(End::Resolved)).unwrap();
    assert_eq!(tasks(&story), [(Task::Over, Route::Discord), (Task::Over, Route::PagerDuty)]);
    story.sent(Task::Over, Route::Discord);
    assert!(!is_settled(&story.state, &BOTH), "PagerDuty still rings");
    story.sent(Task::Over, Route::PagerDuty);
    assert!(is_settled(&story.state, &BOTH));
}

#[test]
fn nothing_is_taken_back_where_every_call_was_refused() {
    let mut story = Story::begins(opened(), Rota::usual());
    let outcome = Outcome::Failed { why: "invalid routing key".into(), again: false };
    story.at(noon(), Input::Sent { task: Task::Call(1), route: Route::PagerDuty, outcome }).unwrap();
    story.at(minutes(1), Input::Answer { by: ana() }).unwrap();
    assert_eq!(outstanding(&story.state, &[Route::PagerDuty]), []);
}

#[test]
fn a_drill_is_over_when_somebody_answers() {
    let drill = Opened { incident: None, cause: Cause::Drill { by: Person::new("Ben") }, ..opened() };
    let mut story = Story::begins(drill, Rota::usual());
    story.at(minutes(1), Input::Answer { by: ana() }).unwrap();
    assert_eq!(story.state.phase, Phase::Ended { answered: Some(ana()) });
}

/// An incident as commands make it.
fn incident(severity: Option<Severity>, more: &[incident::decide::Command]) -> incident::state::State {
    use incident::decide::Command;
    let declare = Command::Declare {
        title: "Redis is down".into(),
        severity,
        environment: None,
        zone: None,
        started: None,
        detected: None,
    };
    let mut state = None;
    for command in std::iter::once(&declare).chain(more) {
        let gate = incident::decide::Gate::default();
        let events = incident::decide::decide(state.as_ref(), command.clone(), &ana(), noon(), &gate).unwrap();
        for event in &events {
            incident::state::State::step(&mut state, event, noon()).unwrap();
        }
    }
    state.unwrap()
}

#[test]
fn an_incident_calls_once_until_somebody_takes_it_on_or_it_is_over() {
    use incident::decide::Command;
    let paging = |severity| severity <= Severity::P1;
    let urgent = |severity| severity == Severity::P0;
    let heard = Attention::default();
    let want = |incident: &incident::state::State, pages: &[State]| wanted(incident, &heard, pages, &paging, &urgent);
    assert_eq!(want(&incident(Some(Severity::P1), &[]), &[]), [Want::Open(Cause::Incident)]);
    assert_eq!(want(&incident(Some(Severity::P3), &[]), &[]), []);
    assert_eq!(want(&incident(None, &[]), &[]), []);
    let worse = Command::SetSeverity { severity: Severity::P0, why: None };
    assert_eq!(want(&incident(Some(Severity::P3), std::slice::from_ref(&worse)), &[]), [Want::Open(Cause::Incident)]);
    let page = Story::begins(opened(), Rota::usual()).state;
    assert_eq!(want(&incident(Some(Severity::P1), &[]), std::slice::from_ref(&page)), []);
    let held = Story::begins(Opened { held_until: Some(minutes(60)), ..opened() }, Rota::usual()).state;
    let urgent = Want::Tell(held.id.clone(), Input::Urgent);
    assert_eq!(want(&incident(Some(Severity::P1), &[worse]), &[held]), [urgent]);
    let taken = incident(Some(Severity::P1), &[Command::Acknowledge]);
    assert_eq!(want(&taken, &[]), []);
    assert_eq!(want(&taken, std::slice::from_ref(&page)), [Want::Tell(page.id.clone(), Input::Answer { by: ana() })]);
    let over = incident(Some(Severity::P1), &[Command::Resolve { why: Some("gone".into()) }]);
    assert_eq!(want(&over, std::slice::from_ref(&page)), [Want::Tell(page.id, Input::End(End::Resolved))]);
}

#[test]
fn a_question_that_nobody_answers_in_time_calls_until_somebody_does() {
    use crate::domain::run::event::{ApprovalExpired, ApprovalGiven, Event as OfRun};
    let (run, never) = (RunId::number(7), |_| false);
    let incident = incident(Some(Severity::P3), &[incident::decide::Command::Acknowledge]);
    let person = Actor::Person { name: ana(), door: "discord".into(), login: None };
    let mut heard = Attention::default();
    let expired = OfRun::from(ApprovalExpired { step: "restart".into(), asked_again: true });
    heard.hear_run(&run, &expired, &Actor::Bot, minutes(1));
    let cause = Cause::Unanswered { run: run.clone(), step: "restart".into() };
    assert_eq!(wanted(&incident, &heard, &[], &never, &never), [Want::Open(cause.clone())]);
    let page = Story::begins(Opened { cause, ..opened() }, Rota::usual()).state;
    assert_eq!(wanted(&incident, &heard, std::slice::from_ref(&page), &never, &never), [], "it calls already");
    let given = ApprovalGiven { step: "restart".into(), digest: String::new(), by: ana(), count: 1, quorum: 1 };
    heard.hear_run(&run, &given.into(), &person, minutes(2));
    let over = Want::Tell(page.id.clone(), Input::End(End::Settled));
    assert_eq!(wanted(&incident, &heard, &[page], &never, &never), [over]);
}

#[test]
fn whoever_works_on_it_is_asked_for_an_update_five_times_and_again_after_a_word_from_anybody() {
    let rule = Rule { every: Span::seconds(1_800), at_most: 5 };
    let open = incident(Some(Severity::P1), &[]);
    let person = Actor::Person { name: ana(), door: "discord".into(), login: None };
    let note = incident::event::Event::from(incident::event::Noted { text: "still down".into(), by: ana() });
    let mut heard = Attention::default();
    heard.hear_incident(&note, &person, noon());
    assert_eq!(heard.reminder(&open, rule, minutes(29)), None);
    let mut asked = Vec::new();
    while let Some(at) = heard.reminder_at(rule) {
        let reminded = heard.reminder(&open, rule, at).unwrap();
        asked.push(((at - noon()).num_minutes(), reminded.number, reminded.missing.len()));
        heard.hear_incident(&reminded.into(), &Actor::Bot, at);
    }
    assert_eq!(asked, [(30, 1, 3), (60, 2, 3), (90, 3, 3), (120, 4, 3), (150, 5, 3)]);
    heard.hear_incident(&note, &person, minutes(300));
    assert_eq!(heard.reminder_at(rule), Some(minutes(330)));
    let over = incident(Some(Severity::P1), &[incident::decide::Command::Resolve { why: Some("gone".into()) }]);
    assert_eq!(heard.reminder(&over, rule, minutes(999)), None);
}

fn inputs() -> impl Strategy<Value = Input> {
    let person = prop_oneof![Just("Ana"), Just("Ben"), Just("Eva")].prop_map(Person::new);
    let task = prop_oneof![(1..4_u32).prop_map(Task::Call), Just(Task::Answered), Just(Task::Over)];
    let route = prop_oneof![Just(Route::Discord), Just(Route::PagerDuty)];
    let outcome = prop_oneof![
        Just(Outcome::Delivered { receipt: None, remark: None }),
        any::<bool>().prop_map(|again| Outcome::Failed { why: "no".into(), again }),
    ];
    prop_oneof![
        8 => Just(Input::Due),
        1 => Just(Input::Urgent),
        1 => person.clone().prop_map(|by| Input::Answer { by }),
        2 => (person.clone(), proptest::option::of(person)).prop_map(|(by, to)| Input::PassOn { by, to, why: None }),
        6 => (task, route, outcome).prop_map(|(task, route, outcome)| Input::Sent { task, route, outcome }),
        1 => Just(Input::End(End::Resolved)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_nobody_is_called_behind_an_answer(
        steps in proptest::collection::vec((0..30_i64, inputs()), 0..60),
        held in proptest::option::of(0..90_i64),
    ) {
        let opened = Opened { held_until: held.map(minutes), ..opened() };
        let mut story = Story::begins(opened, Rota::usual());
        let mut now = noon();
        for (wait, input) in steps {
            now += TimeDelta::minutes(wait);
            let answered = story.state.answered_by().is_some() || story.state.is_over();
            // Folding what was decided is checked by the story: an impossible event would panic.
            let events = story.at(now, input).unwrap_or_default();
            let called = events.iter().any(|event| matches!(event, Event::Called(_)));
            prop_assert!(!(called && answered), "called although somebody had it");
            // What got through is never outstanding again.
            for errand in outstanding(&story.state, &BOTH) {
                let sent = story.state.sent.get(&(errand.task, errand.route));
                let delivered = matches!(sent, Some(Sent::Delivered { .. }));
                prop_assert!(!delivered);
            }
            // While somebody is called there is a moment at which the next one is.
            prop_assert_eq!(story.state.waits(), next_deadline(&story.state).is_some());
        }
        let mut again = None;
        for event in &story.told {
            State::step(&mut again, &story.state.id, event, noon()).unwrap();
        }
        prop_assert_eq!(again.unwrap().calls, story.state.calls);
    }
}
