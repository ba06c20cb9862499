//! A page in a few lines, for whoever looks at what is being called.

use chrono_tz::Tz;

use crate::base::event::{Instant, Person};
use crate::base::text::one_line;
use crate::domain::page::event::{Route, Task};
use crate::domain::page::state::{Phase, Sent, State};
use crate::view::time;

/// What it is about, in one line: `page-3  P1 Redis is down (inc-4)`.
#[must_use]
pub fn headline(page: &State) -> String {
    let severity = page.opened.severity.map_or_else(String::new, |severity| format!("{severity} "));
    let incident = page.opened.incident.as_ref().map_or_else(String::new, |incident| format!(" ({incident})"));
    let drill = if page.is_drill() { "drill: " } else { "" };
    format!("{}  {drill}{severity}{}{incident}", page.id, one_line(&page.opened.subject, 120))
}

/// How it stands: who is called until when, by which ways that got through, or who has it.
#[must_use]
pub fn standing(page: &State, now: Instant, zone: Tz) -> String {
    let policy = one_line(&page.opened.ladder.policy, 40);
    match &page.phase {
        Phase::Held { until } => {
            format!("quiet hours hold it until {}; then it calls {policy}", time::due(*until, now, zone))
        }
        Phase::Calling { until } => {
            let names = page.calls.last().map(|call| names(&call.persons)).unwrap_or_default();
            let (number, until) = (page.calls.len(), time::due(*until, now, zone));
            format!("calls {names} (call {number} of {policy}) until {until}{}", ways(page))
        }
        Phase::Acknowledged { by, at } => format!("{by} has it since {}", time::clock(*at, zone)),
        Phase::GivenUp => format!("nobody answered {} calls of {policy}; nobody is called any more", page.calls.len()),
        Phase::Ended { answered: Some(by) } => format!("over; {by} had it"),
        Phase::Ended { answered: None } => "over; nobody had it".to_owned(),
    }
}

/// By which ways the last call got through, and why not by the others.
fn ways(page: &State) -> String {
    let task = Task::Call(u32::try_from(page.calls.len()).unwrap_or(u32::MAX));
    let told: Vec<String> = [Route::Discord, Route::PagerDuty]
        .into_iter()
        .filter_map(|route| match page.sent.get(&(task, route))? {
            Sent::Delivered { .. } => Some(format!("{} has it", route.word())),
            Sent::Failed { why, .. } => Some(format!("not through {}: {}", route.word(), one_line(why, 80))),
        })
        .collect();
    if told.is_empty() { String::new() } else { format!("; {}", told.join("; ")) }
}

fn names(persons: &[Person]) -> String {
    persons.iter().map(Person::name).collect::<Vec<_>>().join(", ")
}
