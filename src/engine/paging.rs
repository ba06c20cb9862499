//! Keeping pages: opening those that incidents call for, going up their ladders, handing what is to be sent to whoever can send it.
//!
//! Lives here: [`Engine::keep_pages`], the ports it needs ([`Roster`], [`Carrier`]), pauses between tries. Never lives here: what
//! follows from what (`domain/page`), how a message is sent (`client`, `chat`).

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, select_biased};

use super::tail::Appended;
use super::{Engine, EngineError};
use crate::base::event::{Actor, IncidentId, Instant, PageId, Recorded, Severity, Stream};
use crate::domain::incident;
use crate::domain::page::attention::{Attention, Rule};
use crate::domain::page::cause::{Want, wanted};
use crate::domain::page::decide::{Input, Outcome, next_deadline};
use crate::domain::page::event::{Cause, Ladder, Opened, Route, Task};
use crate::domain::page::state::State;
use crate::domain::page::work::{Errand, is_settled, outstanding};
use crate::domain::page::{OnCall, decide};
use crate::domain::timeline::Fact;
use crate::journal::Ownership;

/// How long is waited after something did not get through, first and at most.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(2);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// How often a page that another process keeps is looked at: that process may be gone.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(5);

/// Who is on call and which severities call whom, as it stands now.
pub trait Duty: OnCall + Send {
    /// Who is called for a severity; `None` where nobody is.
    fn ladder(&self, severity: Severity) -> Option<Ladder>;
    /// Who is called where the severity calls nobody and somebody is needed all the same.
    fn any_ladder(&self) -> Option<Ladder>;
    /// How often whoever works on an incident of that severity is asked for an update.
    fn reminders(&self, severity: Severity) -> Option<Rule>;
    /// Until when quiet hours hold back what has this severity.
    fn held_until(&self, severity: Severity, now: Instant) -> Option<Instant>;
}

/// Where the duty is read from. It is asked anew for every decision, so that an edit counts from the next call on.
pub trait Roster: Send + Sync {
    /// The duty.
    fn duty(&self) -> BoxFuture<'_, Box<dyn Duty>>;
}

/// A way to reach people.
pub trait Carrier: Send + Sync {
    /// Which way.
    fn route(&self) -> Route;
    /// Sends it. It may be the second try of something whose first try's fate nobody knows: then what got through the first time must
    /// not be sent again. `page` and `errand.task` are the key.
    fn carry<'a>(&'a self, page: &'a State, errand: &'a Errand) -> BoxFuture<'a, Outcome>;
}

/// What was under way, and how it went.
type Carried<'a> = BoxFuture<'a, (PageId, Task, Route, Outcome)>;

struct Keeper<'a> {
    engine: &'a Engine,
    roster: &'a dyn Roster,
    carriers: &'a [&'a dyn Carrier],
    routes: Vec<Route>,
    pages: BTreeMap<PageId, State>,
    /// What is known of incidents that are open.
    attention: BTreeMap<IncidentId, Attention>,
    /// Incidents to look at now.
    incidents: BTreeSet<IncidentId>,
    /// When to ask for an update.
    reminders: BTreeMap<IncidentId, Instant>,
    under_way: FuturesUnordered<Carried<'a>>,
    busy: BTreeSet<(PageId, Task, Route)>,
    /// When what did not get through is tried again, and how often it was tried.
    resting: BTreeMap<(PageId, Task, Route), (Instant, u32)>,
}

impl Engine {
    /// Keeps pages until the future is dropped. One process does so for a journal; another one waits for its turn. `news` is everything
    /// that is appended from now on. After a fault it may be called again: what was missed is read from the journal.
    ///
    /// # Errors
    /// The journal.
    pub async fn keep_pages(
        &self,
        roster: &dyn Roster,
        carriers: &[&dyn Carrier],
        news: &mut mpsc::UnboundedReceiver<Appended>,
    ) -> Result<(), EngineError> {
        let _turn = self.turn(news).await?;
        let mut keeper = Keeper {
            engine: self,
            roster,
            carriers,
            routes: carriers.iter().map(|carrier| carrier.route()).collect(),
            pages: BTreeMap::new(),
            attention: BTreeMap::new(),
            incidents: BTreeSet::new(),
            reminders: BTreeMap::new(),
            under_way: FuturesUnordered::new(),
            busy: BTreeSet::new(),
            resting: BTreeMap::new(),
        };
        for page in self.pages(true).await? {
            keeper.pages.insert(page.id.clone(), page);
        }
        let incidents = self.journal.streams("incident:", false).await?;
        keeper.incidents.extend(incidents.iter().filter_map(|info| IncidentId::parse(info.stream.key()).ok()));
        loop {
            keeper.look().await?;
            keeper.send();
            let mut wake = match keeper.next() {
                Some(at) => self.clock.sleep_until(at).left_future(),
                None => futures::future::pending().right_future(),
            }
            .fuse();
            let nothing = keeper.under_way.is_empty();
            let mut carried = match nothing {
                true => futures::future::pending().left_future(),
                false => keeper.under_way.select_next_some().right_future(),
            };
            select_biased! {
                appended = news.select_next_some() => keeper.heard(&appended).await?,
                carried = carried => keeper.carried(carried).await?,
                () = wake => {}
            }
        }
    }

    /// Waits until no other process keeps the pages.
    async fn turn(&self, news: &mut mpsc::UnboundedReceiver<Appended>) -> Result<Box<dyn Ownership>, EngineError> {
        loop {
            if let Some(turn) = self.journal.own(&Stream::named("duty:pages"))? {
                // What was heard meanwhile is read from the journal.
                while news.try_recv().is_ok() {}
                return Ok(turn);
            }
            self.clock.sleep_until(self.clock.now() + LOOK_AGAIN).await;
        }
    }
}

impl<'a> Keeper<'a> {
    fn now(&self) -> Instant {
        self.engine.clock.now()
    }

    async fn heard(&mut self, appended: &Appended) -> Result<(), EngineError> {
        if let Some(incident) = &appended.incident {
            let before = self.attention.get(incident).map(|attention| attention.unanswered().len());
            if let Some(attention) = self.attention.get_mut(incident) {
                hear(attention, &appended.fact);
            }
            let after = self.attention.get(incident).map(|attention| attention.unanswered().len());
            // A run tells much that concerns nobody here.
            if before != after || matches!(appended.fact.event, Fact::Incident(..) | Fact::Page(..)) {
                self.incidents.insert(incident.clone());
            }
        }
        match &appended.fact.event {
            Fact::Page(id, _) => self.reload(id).await,
            _ => Ok(()),
        }
    }

    async fn reload(&mut self, id: &PageId) -> Result<(), EngineError> {
        let page = self.engine.page(id).await?;
        self.pages.insert(id.clone(), page);
        Ok(())
    }

    /// Looks at what is due, and at the incidents that something was said about.
    async fn look(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        let due: Vec<PageId> = self
            .pages
            .values()
            .filter(|page| next_deadline(page).is_some_and(|at| at <= now))
            .map(|page| page.id.clone())
            .collect();
        for page in due {
            self.tell(&page, Input::Due).await?;
        }
        let asked = self.reminders.iter().filter(|(_, at)| **at <= now);
        self.incidents.extend(asked.map(|(incident, _)| incident.clone()));
        while let Some(incident) = self.incidents.pop_first() {
            self.look_at(&incident).await?;
        }
        self.pages.retain(|_, page| !is_settled(page, &self.routes));
        Ok(())
    }

    async fn look_at(&mut self, id: &IncidentId) -> Result<(), EngineError> {
        self.reminders.remove(id);
        let Ok(incident) = self.engine.incident(id).await else { return Ok(()) };
        let attention = match incident.status.is_open() {
            true => self.attention_of(id).await?,
            false => {
                self.attention.remove(id);
                Attention::default()
            }
        };
        let pages: Vec<State> =
            self.pages.values().filter(|page| page.opened.incident.as_ref() == Some(id)).cloned().collect();
        let duty = self.roster.duty().await;
        let now = self.now();
        let paging = |severity| duty.ladder(severity).is_some();
        let urgent = |severity| duty.held_until(severity, now).is_none();
        for want in wanted(&incident, &attention, &pages, &paging, &urgent) {
            match want {
                Want::Open(cause) => self.open(id, &incident, cause, &*duty).await?,
                Want::Tell(page, input) => self.tell(&page, input).await?,
            }
        }
        self.remind(id, &incident, &attention, &*duty).await
    }

    /// What is known of an incident; read from its timeline the first time.
    async fn attention_of(&mut self, id: &IncidentId) -> Result<Attention, EngineError> {
        if let Some(known) = self.attention.get(id) {
            return Ok(known.clone());
        }
        let mut attention = Attention::default();
        match self.engine.timeline(id).await {
            Ok(facts) => facts.iter().for_each(|fact| hear(&mut attention, fact)),
            Err(error @ EngineError::NotRead(_)) => return Err(error),
            // Its severity still calls somebody; only what its runs asked before is not known.
            Err(error) => tracing::error!(incident = %id, %error, "its timeline cannot be understood whole"),
        }
        Ok(self.attention.entry(id.clone()).or_insert(attention).clone())
    }

    async fn open(
        &mut self,
        id: &IncidentId,
        incident: &incident::state::State,
        cause: Cause,
        duty: &dyn Duty,
    ) -> Result<(), EngineError> {
        let by_severity = incident.severity.and_then(|severity| duty.ladder(severity));
        let ladder = match cause {
            Cause::Incident => by_severity,
            _ => by_severity.or_else(|| duty.any_ladder()),
        };
        let Some(ladder) = ladder else { return Ok(()) };
        let opened = Opened {
            incident: Some(id.clone()),
            subject: incident.title.clone(),
            severity: incident.severity,
            cause,
            ladder,
            held_until: incident.severity.and_then(|severity| duty.held_until(severity, self.now())),
        };
        let (page, _) = self.engine.open_page(&Actor::Bot, opened, duty).await?;
        self.reload(&page).await
    }

    /// Asks for an update where it is time, and remembers when it will be.
    async fn remind(
        &mut self,
        id: &IncidentId,
        incident: &incident::state::State,
        attention: &Attention,
        duty: &dyn Duty,
    ) -> Result<(), EngineError> {
        let Some(severity) = incident.severity.filter(|_| incident.status.is_open()) else { return Ok(()) };
        let Some(rule) = duty.reminders(severity) else { return Ok(()) };
        let now = self.now();
        // What quiet hours hold back is asked when they end.
        if let Some(until) = duty.held_until(severity, now) {
            self.reminders.insert(id.clone(), until);
            return Ok(());
        }
        if let Some(reminded) = attention.reminder(incident, rule, now) {
            let command = incident::decide::Command::Remind(reminded);
            let facts = self.engine.incident_command(id, &Actor::Bot, None, command).await?;
            // It comes back as news as well; something else may be heard before.
            if let Some(attention) = self.attention.get_mut(id) {
                facts.iter().for_each(|fact| hear(attention, fact));
            }
        }
        let attention = self.attention.get(id).unwrap_or(attention);
        self.reminders.extend(attention.reminder_at(rule).map(|at| (id.clone(), at)));
        Ok(())
    }

    async fn tell(&mut self, page: &PageId, input: Input) -> Result<(), EngineError> {
        let duty = self.roster.duty().await;
        match self.engine.tell_page_by(page, &Actor::Bot, input, &*duty, &self.routes).await {
            // Somebody was faster; what they said is read below.
            Ok(_)
            | Err(EngineError::PageRefused(decide::Refusal::AlreadyAnswered { .. } | decide::Refusal::Over(_))) => {}
            Err(error) => return Err(error),
        }
        self.reload(page).await
    }

    /// Hands out what is to be sent, is not under way and does not rest.
    fn send(&mut self) {
        let now = self.now();
        for page in self.pages.values() {
            for errand in outstanding(page, &self.routes) {
                let key = (page.id.clone(), errand.task, errand.route);
                // What takes a call back waits for the call: only then it is known where that stands.
                if self.is_calling(&page.id, errand.route) || self.resting.get(&key).is_some_and(|(at, _)| *at > now) {
                    continue;
                }
                let Some(carrier) = self.carriers.iter().find(|carrier| carrier.route() == errand.route) else {
                    continue;
                };
                self.busy.insert(key);
                let (page, carrier) = (page.clone(), *carrier);
                self.under_way.push(
                    async move {
                        let outcome = carrier.carry(&page, &errand).await;
                        (page.id, errand.task, errand.route, outcome)
                    }
                    .boxed(),
                );
            }
        }
    }

    async fn carried(
        &mut self,
        (page, task, route, outcome): (PageId, Task, Route, Outcome),
    ) -> Result<(), EngineError> {
        let key = (page.clone(), task, route);
        self.busy.remove(&key);
        match &outcome {
            Outcome::Failed { why, again: true } => {
                let tries = self.resting.get(&key).map_or(0, |(_, tries)| *tries) + 1;
                let pause = (FIRST_PAUSE * 2_i32.saturating_pow(tries.min(8) - 1)).min(LONGEST_PAUSE);
                // The others are only the same again.
                if tries == 1 {
                    tracing::warn!(%page, route = route.word(), why, "a page did not get through; it is tried again");
                }
                self.resting.insert(key, (self.now() + pause, tries));
            }
            Outcome::Failed { .. } | Outcome::Delivered { .. } => {
                self.resting.remove(&key);
            }
        }
        self.tell(&page, Input::Sent { task, route, outcome }).await
    }

    fn is_calling(&self, page: &PageId, route: Route) -> bool {
        self.busy.iter().any(|(busy, _, by)| busy == page && *by == route)
    }

    /// When to look without having heard anything.
    fn next(&self) -> Option<Instant> {
        let due = self.pages.values().filter_map(next_deadline);
        let waiting = |key: &(PageId, Task, Route)| {
            // What waits for a call under way is looked at when that is over.
            if self.is_calling(&key.0, key.2) {
                return None;
            }
            let page = self.pages.get(&key.0)?;
            outstanding(page, &self.routes)
                .iter()
                .any(|errand| (errand.task, errand.route) == (key.1, key.2))
                .then_some(())
        };
        let again = self.resting.iter().filter(|(key, _)| waiting(key).is_some()).map(|(_, (at, _))| *at);
        due.chain(again).chain(self.reminders.values().copied()).min()
    }
}

fn hear(attention: &mut Attention, fact: &Recorded<Fact>) {
    match &fact.event {
        Fact::Incident(_, event) => attention.hear_incident(event, &fact.head.actor, fact.at),
        Fact::Run(run, event) => attention.hear_run(run, event, &fact.head.actor, fact.at),
        _ => {}
    }
}
