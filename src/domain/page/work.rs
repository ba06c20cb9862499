//! What is still to be sent for a page: a function of its state, so that a process that died sends what is missing and nothing twice.
//!
//! Lives here: [`outstanding`], [`is_settled`]. Never lives here: sending.

use super::event::{Called, Route, Task};
use super::state::{Phase, Sent, State};

/// Something to be sent one way. Whoever sends it may have to do so twice, where the first try's fate is not known: `task` together
/// with the page's id is the key by which the second one is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// What.
    pub task: Task,
    /// Which way.
    pub route: Route,
    /// The call it is about: the last one.
    pub call: Option<Called>,
}

/// What is to be sent by the ways that there are, in no order. A call that a later one took the place of is not sent any more.
#[must_use]
pub fn outstanding(state: &State, routes: &[Route]) -> Vec<Errand> {
    let last = state.calls.last();
    let mut errands = Vec::new();
    for route in routes {
        let task = match &state.phase {
            Phase::Held { .. } => None,
            Phase::Calling { .. } | Phase::GivenUp => last.map(|call| Task::Call(call.number)),
            // Where nobody was told of the call there is nothing to take back.
            Phase::Acknowledged { .. } => tried(state, *route).then_some(Task::Answered),
            Phase::Ended { .. } => tried(state, *route).then_some(Task::Over),
        };
        errands.extend(task.filter(|task| is_missing(state, *task, *route)).map(|task| Errand {
            task,
            route: *route,
            call: last.cloned(),
        }));
    }
    errands
}

/// Whether a call may have got through that way. One whose fate is not known counts.
fn tried(state: &State, route: Route) -> bool {
    let refused = |call: &Called| {
        matches!(state.sent.get(&(Task::Call(call.number), route)), Some(Sent::Failed { again: false, .. }))
    };
    state.calls.iter().any(|call| !refused(call))
}

/// Whether nothing is left to do, and nobody has to look at it again: it is over, and everybody who may have been called by one of
/// the ways that there are was told so.
#[must_use]
pub fn is_settled(state: &State, routes: &[Route]) -> bool {
    state.is_over() && outstanding(state, routes).is_empty()
}

fn is_missing(state: &State, task: Task, route: Route) -> bool {
    match state.sent.get(&(task, route)) {
        None | Some(Sent::Failed { again: true, .. }) => true,
        Some(Sent::Delivered { .. } | Sent::Failed { again: false, .. }) => false,
    }
}
