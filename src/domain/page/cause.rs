//! Which incidents call for a page, and which pages are not needed any more.
//!
//! Lives here: [`wanted`], a function of an incident and the pages it has. Never lives here: the policy a severity goes by.

use super::decide::Input;
use super::event::{Cause, End};
use super::state::{Phase, State};
use crate::base::event::Severity;
use crate::domain::incident::event::Status;
use crate::domain::incident::state::State as Incident;

/// What is to be done about an incident's pages.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// Open one, for the severity that it has.
    Open(Severity),
    /// Tell this one.
    Tell(crate::base::event::PageId, Input),
}

/// What is to be done. `pages` are the incident's, in the order they were opened; `paging` says whether a severity calls anybody.
#[must_use]
pub fn wanted(
    incident: &Incident,
    pages: &[State],
    paging: &dyn Fn(Severity) -> bool,
    urgent: &dyn Fn(Severity) -> bool,
) -> Vec<Want> {
    let open = pages.iter().filter(|page| !page.is_over());
    if incident.status >= Status::Resolved {
        return open.map(|page| Want::Tell(page.id.clone(), Input::End(End::Resolved))).collect();
    }
    let mut wants = Vec::new();
    let about = |page: &&State| page.opened.cause == Cause::Incident;
    if let Some(by) = &incident.acknowledged_by {
        let unanswered = open.filter(about).filter(|page| page.may_be_answered());
        wants.extend(unanswered.map(|page| Want::Tell(page.id.clone(), Input::Answer { by: by.clone() })));
        return wants;
    }
    let Some(severity) = incident.severity else { return wants };
    match open.filter(about).next_back() {
        None if paging(severity) => wants.push(Want::Open(severity)),
        Some(page) if matches!(page.phase, Phase::Held { .. }) && urgent(severity) => {
            wants.push(Want::Tell(page.id.clone(), Input::Urgent));
        }
        _ => {}
    }
    wants
}
