//! The changes that were meant to mend something.

use std::collections::BTreeMap;

use super::Context;
use crate::base::event::{Instant, RunId};
use crate::domain::action::Action;
use crate::domain::run::event::Event;
use crate::domain::timeline::Fact;

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Repair {
    /// The heading of its step, as it was written.
    pub(super) heading: String,
    /// The event by which it was sent.
    pub(super) pos: u64,
    /// When it was sent.
    pub(super) at: Instant,
}

/// Those that did what they should, and whose effect is confirmed (restarts, redeployments, rollbacks); where there was none of them, whatever changed
/// something. In order of their events.
pub(super) fn repairs(context: &Context<'_>) -> Vec<Repair> {
    let mut actions: BTreeMap<(&RunId, &str), &Action> = BTreeMap::new();
    let mut sent_at: BTreeMap<(&RunId, &str), (u64, Instant)> = BTreeMap::new();
    let (mut confirmed, mut changed) = (Vec::new(), Vec::new());
    for recorded in context.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        match event {
            Event::StepStarted(started) => match &started.action {
                Some(action) => {
                    actions.insert((id, &started.step), action);
                }
                None => {
                    actions.remove(&(id, started.step.as_str()));
                }
            },
            Event::AttemptSent(sent) => {
                sent_at.insert((id, &sent.step), (recorded.pos, recorded.head.occurred_at));
            }
            // What was refused, or never showed, mended nothing.
            Event::StepFinished(finished) if finished.ok => {
                let key = (id, finished.step.as_str());
                let (Some(action), Some((pos, at))) = (actions.get(&key), sent_at.remove(&key)) else { continue };
                let heading = context.wording.heading(id, &finished.step).to_owned();
                let entry = Repair { heading, pos, at };
                if action.confirms() {
                    confirmed.push(entry.clone());
                }
                if action.changes() && !matches!(action, Action::Exec(_)) {
                    changed.push(entry);
                }
            }
            _ => {}
        }
    }
    if confirmed.is_empty() { changed } else { confirmed }
}
