//! What follows from an answer, from silence and from the end of an incident.
//!
//! Lives here: [`open`], [`decide`], [`next_deadline`]. Pure: who is on call is asked at the moment of each call, so that a hand-off
//! in the middle of an escalation calls who is on call then. Never lives here: sending.

use super::OnCall;
use super::event::{
    Acknowledged, Called, Delivered, End, Ended, Event, GivenUp, Ladder, Opened, PassedOn, Place, Route, Task,
    Undelivered, Whom,
};
use super::state::{Phase, Sent, State};
use crate::base::event::{Instant, PageId, Person};
use crate::base::schedule::Span;

/// How long the final fallback has to answer before it is called again.
pub const FINALLY_EVERY: Span = Span::seconds(15 * 60);
/// How often the final fallback is called before the page is given up: for a day.
pub const FINALLY_TIMES: u32 = 96;
/// The longest reason, in characters.
const WHY: usize = 2_000;

/// Something that concerns a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Due,
    /// It cannot wait for the end of quiet hours any more.
    Urgent,
    /// Somebody takes it.
    Answer {
        /// Who.
        by: Person,
    },
    /// Somebody cannot take it.
    PassOn {
        /// Who.
        by: Person,
        /// Who is asked instead; the next on the ladder where absent.
        to: Option<Person>,
        /// Why.
        why: Option<String>,
    },
    /// What became of something that was to be sent.
    Sent {
        /// What.
        task: Task,
        /// Which way.
        route: Route,
        /// How it went.
        outcome: Outcome,
    },
    /// Nobody is needed any more.
    End(End),
}

/// How sending went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It got through.
    Delivered {
        /// What that way calls it.
        receipt: Option<String>,
        /// What was not as it should be.
        remark: Option<String>,
    },
    /// It did not.
    Failed {
        /// Why.
        why: String,
        /// Whether it is tried again.
        again: bool,
    },
}

/// Why nothing follows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody was faster.
    #[error("{by} has it already")]
    AlreadyAnswered {
        /// Who.
        by: Person,
    },
    /// Nobody is needed any more.
    #[error("{0} is over: nobody is needed any more")]
    Over(PageId),
    /// The same person again.
    #[error("it cannot be passed on to the one who passes it on")]
    ToOneself,
}

/// The events with which a page begins. What quiet hours hold back calls nobody yet.
#[must_use]
pub fn open(id: &PageId, opened: Opened, on_call: &dyn OnCall, now: Instant) -> Vec<Event> {
    let begun = Event::from(opened);
    let mut state = None;
    let mut events = vec![begun];
    if State::step(&mut state, id, &events[0], now).is_ok() {
        events.extend(state.map(|state| due(&state, on_call, now)).unwrap_or_default());
    }
    events
}

/// What follows.
///
/// # Errors
/// A person wants what is not possible any more.
pub fn decide(state: &State, input: Input, on_call: &dyn OnCall, now: Instant) -> Result<Vec<Event>, Refusal> {
    match input {
        Input::Due => Ok(due(state, on_call, now)),
        Input::Urgent => Ok(match state.phase {
            Phase::Held { .. } => call(state, start(), on_call, now),
            _ => Vec::new(),
        }),
        Input::Answer { by } => {
            answerable(state)?;
            let mut events = vec![Acknowledged { by }.into()];
            if state.opened.incident.is_none() {
                events.push(Ended { why: End::Answered }.into());
            }
            Ok(events)
        }
        Input::PassOn { by, to, why } => {
            answerable(state)?;
            pass_on(
                state,
                PassedOn { by, to, why: why.map(|why| why.trim().chars().take(WHY).collect()) },
                on_call,
                now,
            )
        }
        Input::Sent { task, route, outcome } => Ok(sent(state, task, route, outcome)),
        Input::End(_) if state.is_over() => Ok(Vec::new()),
        Input::End(why) => Ok(vec![Ended { why }.into()]),
    }
}

/// When to ask again with [`Input::Due`]; `None` where nothing happens by itself.
#[must_use]
pub fn next_deadline(state: &State) -> Option<Instant> {
    match state.phase {
        Phase::Held { until } | Phase::Calling { until } => Some(until),
        _ => None,
    }
}

fn answerable(state: &State) -> Result<(), Refusal> {
    match (state.is_over(), state.answered_by()) {
        (_, Some(by)) => Err(Refusal::AlreadyAnswered { by: by.clone() }),
        (true, None) => Err(Refusal::Over(state.id.clone())),
        (false, None) => Ok(()),
    }
}

fn due(state: &State, on_call: &dyn OnCall, now: Instant) -> Vec<Event> {
    match (&state.phase, state.calls.last()) {
        (Phase::Held { until }, _) if *until <= now => call(state, start(), on_call, now),
        (Phase::Calling { until }, Some(last)) if *until <= now => match after(&state.opened.ladder, last.place) {
            Some(place) => call(state, place, on_call, now),
            None => vec![given_up(state)],
        },
        _ => Vec::new(),
    }
}

fn pass_on(state: &State, passed: PassedOn, on_call: &dyn OnCall, now: Instant) -> Result<Vec<Event>, Refusal> {
    if passed.to.as_ref() == Some(&passed.by) {
        return Err(Refusal::ToOneself);
    }
    let to = passed.to.clone();
    let mut events = vec![Event::from(passed)];
    if !state.waits() {
        return Ok(events);
    }
    let mut next = Some(state.clone());
    let folded = State::step(&mut next, &state.id, &events[0], now);
    let Some(next) = next.filter(|_| folded.is_ok()) else { return Ok(events) };
    let place = state.calls.last().map_or_else(start, |last| last.place);
    match to {
        Some(person) => {
            let until = now + patience(&state.opened.ladder, place).delta();
            let called =
                Called { number: state.next_number(), place, persons: vec![person], nobody: Vec::new(), until };
            events.push(called.into());
        }
        None => match after(&state.opened.ladder, place) {
            Some(place) => events.extend(call(&next, place, on_call, now)),
            None => events.push(given_up(state)),
        },
    }
    Ok(events)
}

/// The first step.
fn start() -> Place {
    Place::Rung { round: 0, rung: 0 }
}

/// The step after this one; `None` at the end of it all.
fn after(ladder: &Ladder, place: Place) -> Option<Place> {
    match place {
        Place::Rung { round, rung } if (rung as usize) + 1 < ladder.rungs.len() => {
            Some(Place::Rung { round, rung: rung + 1 })
        }
        Place::Rung { round, .. } if round < ladder.repeat => Some(Place::Rung { round: round + 1, rung: 0 }),
        Place::Rung { .. } => Some(Place::Finally { time: 0 }),
        Place::Finally { time } if time + 1 < FINALLY_TIMES => Some(Place::Finally { time: time + 1 }),
        Place::Finally { .. } => None,
    }
}

/// How long whoever is called there has to answer.
fn patience(ladder: &Ladder, place: Place) -> Span {
    match place {
        Place::Rung { rung, .. } => ladder.rungs.get(rung as usize).map_or(FINALLY_EVERY, |rung| rung.escalate_after),
        Place::Finally { .. } => FINALLY_EVERY,
    }
}

/// Calls at the first step from `place` on where somebody can be called. Who passed it on is left out, except at the very end.
fn call(state: &State, mut place: Place, on_call: &dyn OnCall, now: Instant) -> Vec<Event> {
    let ladder = &state.opened.ladder;
    let mut nobody = Vec::new();
    loop {
        let last = matches!(place, Place::Finally { .. });
        let whom = match place {
            Place::Rung { rung, .. } => ladder.rungs.get(rung as usize).map_or(&[][..], |rung| &rung.notify),
            Place::Finally { .. } => &ladder.finally,
        };
        let mut persons: Vec<Person> = Vec::new();
        for whom in whom {
            match found(whom, on_call, now) {
                Some(person) if !last && state.passed.contains(&person) => {}
                Some(person) if persons.contains(&person) => {}
                Some(person) => persons.push(person),
                None => nobody.extend(missing(whom)),
            }
        }
        if !persons.is_empty() {
            let until = now + patience(ladder, place).delta();
            nobody.dedup();
            return vec![Called { number: state.next_number(), place, persons, nobody, until }.into()];
        }
        place = match (last, after(ladder, place)) {
            (false, Some(place)) => place,
            // The fallback has nobody: that is the end.
            _ => return vec![given_up(state)],
        };
    }
}

fn found(whom: &Whom, on_call: &dyn OnCall, now: Instant) -> Option<Person> {
    match whom {
        Whom::Schedule(schedule) => on_call.who(schedule, now),
        Whom::Person(person) => Some(person.clone()),
    }
}

fn missing(whom: &Whom) -> Option<String> {
    match whom {
        Whom::Schedule(schedule) => Some(schedule.clone()),
        Whom::Person(_) => None,
    }
}

fn given_up(state: &State) -> Event {
    GivenUp { calls: state.next_number() - 1 }.into()
}

fn sent(state: &State, task: Task, route: Route, outcome: Outcome) -> Vec<Event> {
    match (state.sent.get(&(task, route)), outcome) {
        (Some(Sent::Delivered { .. }), _) => Vec::new(),
        (_, Outcome::Delivered { receipt, remark }) => vec![Delivered { task, route, receipt, remark }.into()],
        // That it is tried again is known already.
        (Some(Sent::Failed { again: true, .. }), Outcome::Failed { again: true, .. }) => Vec::new(),
        (_, Outcome::Failed { why, again }) => vec![Undelivered { task, route, why, again }.into()],
    }
}
