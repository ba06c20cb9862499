//! A page in sentences: who was called, by which way, who answered.

use std::fmt::Write as _;

use super::{Wording, because, name, quote};
use crate::base::event::{PageId, Person};
use crate::domain::page::event::{Called, Cause, Delivered, End, Event, Opened, Place, Task, Undelivered};

impl Wording {
    pub(super) fn page(&self, id: &PageId, event: &Event) -> Option<String> {
        Some(match event {
            Event::Opened(opened) => self.opened(id, opened),
            Event::Called(called) => self.called(id, called),
            Event::Delivered(delivered) => return delivered_sentence(id, delivered),
            Event::Undelivered(failed) => undelivered(id, failed),
            Event::Acknowledged(answered) => format!("{} answered {id}", name(&answered.by)),
            Event::PassedOn(passed) => {
                let to = passed.to.as_ref().map_or_else(String::new, |to| format!(" to {}", name(to)));
                format!("{} passed {id} on{to}{}", name(&passed.by), because(passed.why.as_deref()))
            }
            Event::GivenUp(given) if given.calls == 0 => format!("{id}: there is nobody to call"),
            Event::GivenUp(given) => {
                format!("{id}: nobody answered {} calls; nobody is called any more", given.calls)
            }
            // What brought it to its end is told by itself.
            Event::Ended(ended) if ended.why == End::Answered => return None,
            Event::Ended(_) => format!("{id} is over: nobody is needed any more"),
        })
    }

    fn opened(&self, id: &PageId, opened: &Opened) -> String {
        let policy = quote(&opened.ladder.policy);
        let mut told = match &opened.cause {
            Cause::Incident => format!("{id} calls {policy}"),
            Cause::Unanswered { run, step } => {
                format!("{id} calls {policy}: nobody answered '{}' in time", self.heading(run, step))
            }
            Cause::Alert { fingerprint } => {
                format!("{id} calls {policy} for {}: {}", quote(fingerprint), quote(&opened.subject))
            }
            Cause::Person { by } => format!("{} calls {policy} ({id}): {}", name(by), quote(&opened.subject)),
            Cause::Drill { by } => format!("{} tries whether pages reach {policy} ({id}, a drill)", name(by)),
        };
        if let Some(until) = opened.held_until {
            // Writing to a string cannot fail.
            let _ = write!(told, "; quiet hours hold it until {}", self.at(until));
        }
        told
    }

    fn called(&self, id: &PageId, called: &Called) -> String {
        let place = match called.place {
            Place::Rung { round: 0, rung } => format!("step {}", rung + 1),
            Place::Rung { round, rung } => format!("step {}, round {}", rung + 1, round + 1),
            Place::Finally { time: 0 } => "the final fallback".to_owned(),
            Place::Finally { time } => format!("the final fallback, time {}", time + 1),
        };
        let nobody = match called.nobody.is_empty() {
            true => String::new(),
            false => format!("; nobody is on call in {}", quote(&called.nobody.join(", "))),
        };
        format!("{id} pages {} ({place}), until {}{nobody}", persons(&called.persons), self.at(called.until))
    }
}

/// Only what was not as it should be is worth a line.
fn delivered_sentence(id: &PageId, delivered: &Delivered) -> Option<String> {
    let remark = delivered.remark.as_deref()?;
    Some(format!("{id} through {}: {}", delivered.route.word(), quote(remark)))
}

fn undelivered(id: &PageId, failed: &Undelivered) -> String {
    let what = match failed.task {
        Task::Call(number) => format!("call {number} of {id}"),
        Task::Answered => format!("that {id} is answered"),
        Task::Over => format!("that {id} is over"),
    };
    let then = if failed.again { "; it is tried again" } else { "" };
    format!("{what} did not get through {}: {}{then}", failed.route.word(), quote(&failed.why))
}

fn persons(persons: &[Person]) -> String {
    let names: Vec<String> = persons.iter().map(name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.join(""),
    }
}
