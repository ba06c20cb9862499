//! Pages through `PagerDuty`: what wakes people when chat alone does not.
//!
//! Lives here: what a page is to `PagerDuty`. One page is one alert there, however many calls it makes: `PagerDuty` has its own ladder, and
//! a call that goes up ours is told as a further event of the same key. Never lives here: how an event is sent.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::base::clock::Clock;
use crate::base::event::Person;
use crate::client::pagerduty::{Event, PagerDuty, Trigger};
use crate::domain::page::decide::Outcome;
use crate::domain::page::event::{Route, Task};
use crate::domain::page::state::State;
use crate::domain::page::work::Errand;
use crate::engine::paging::Carrier;

/// Carries pages to `PagerDuty`.
pub struct Pager {
    pagerduty: PagerDuty,
    clock: Arc<dyn Clock>,
}

impl Pager {
    /// Through this integration.
    #[must_use]
    pub fn new(pagerduty: PagerDuty, clock: Arc<dyn Clock>) -> Self {
        Self { pagerduty, clock }
    }
}

impl Carrier for Pager {
    fn route(&self) -> Route {
        Route::PagerDuty
    }

    fn carry<'a>(&'a self, page: &'a State, errand: &'a Errand) -> BoxFuture<'a, Outcome> {
        async move {
            let event = match errand.task {
                Task::Call(_) => Event::Trigger(trigger(page, errand)),
                // A drill ends with its answer, and is closed there, too.
                Task::Answered => Event::Acknowledge,
                Task::Over => Event::Resolve,
            };
            let key = key(page);
            match self.pagerduty.send(&key, &event, self.clock.now()).await {
                Ok(()) => Outcome::Delivered { receipt: Some(key), remark: None },
                Err(refused) => Outcome::Failed { why: refused.why, again: refused.again },
            }
        }
        .boxed()
    }
}

/// By which `PagerDuty` knows the page again. The moment it was opened tells it from a page of the same number in another journal.
fn key(page: &State) -> String {
    format!("rundown/{}/{}", page.id, page.opened_at.format("%Y%m%dT%H%M%S%3fZ"))
}

fn trigger(page: &State, errand: &Errand) -> Trigger {
    let opened = &page.opened;
    let drill = if page.is_drill() { "[drill] " } else { "" };
    let severity = opened.severity.map_or_else(String::new, |severity| format!("{severity} "));
    let mut details = vec![("page", page.id.to_string()), ("policy", opened.ladder.policy.clone())];
    if let Some(call) = &errand.call {
        let names: Vec<&str> = call.persons.iter().map(Person::name).collect();
        details.push(("called", names.join(", ")));
        details.push(("call", call.number.to_string()));
    }
    details.extend(opened.incident.as_ref().map(|incident| ("incident", incident.to_string())));
    Trigger {
        summary: format!("{drill}{severity}{}", opened.subject),
        source: opened.incident.as_ref().map_or_else(|| "rundown".to_owned(), |incident| format!("rundown {incident}")),
        severity: opened.severity,
        at: page.opened_at,
        details,
        link: None,
    }
}
