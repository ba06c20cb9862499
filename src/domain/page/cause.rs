//! Which pages an incident calls for, and which are not needed any more.
//!
//! Lives here: [`wanted`], a function of an incident, what is known of the attention it has, and the pages it has. Never lives here: the
//! policy a severity goes by.

use super::attention::Attention;
use super::decide::Input;
use super::event::{Cause, End};
use super::state::{Phase, State};
use crate::base::event::{PageId, Severity};
use crate::domain::incident::event::Status;
use crate::domain::incident::state::State as Incident;

/// What is to be done about an incident's pages.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// Open one.
    Open(Cause),
    /// Tell this one.
    Tell(PageId, Input),
}

/// What is to be done. `pages` are the incident's that are not over; `paging` says whether a severity calls anybody, `urgent` whether
/// nothing holds it back now.
#[must_use]
pub fn wanted(
    incident: &Incident,
    attention: &Attention,
    pages: &[State],
    paging: &dyn Fn(Severity) -> bool,
    urgent: &dyn Fn(Severity) -> bool,
) -> Vec<Want> {
    let tell = |page: &State, input| Want::Tell(page.id.clone(), input);
    let open: Vec<&State> = pages.iter().filter(|page| !page.is_over()).collect();
    if incident.status >= Status::Resolved {
        return open.into_iter().map(|page| tell(page, Input::End(End::Resolved))).collect();
    }
    let mut wants = Vec::new();
    let own = open.iter().find(|page| page.opened.cause == Cause::Incident);
    match (&incident.acknowledged_by, own, incident.severity) {
        (Some(by), Some(page), _) if page.may_be_answered() => wants.push(tell(page, Input::Answer { by: by.clone() })),
        (None, None, Some(severity)) if paging(severity) => wants.push(Want::Open(Cause::Incident)),
        (None, Some(page), Some(severity)) if matches!(page.phase, Phase::Held { .. }) && urgent(severity) => {
            wants.push(tell(page, Input::Urgent));
        }
        _ => {}
    }
    for (run, step) in attention.unanswered() {
        let cause = Cause::Unanswered { run: run.clone(), step: step.clone() };
        if !open.iter().any(|page| page.opened.cause == cause) {
            wants.push(Want::Open(cause));
        }
    }
    let settled = |page: &&&State| match &page.opened.cause {
        Cause::Unanswered { run, step } => !attention.unanswered().contains(&(run.clone(), step.clone())),
        _ => false,
    };
    wants.extend(open.iter().filter(settled).map(|page| tell(page, Input::End(End::Settled))));
    wants
}
