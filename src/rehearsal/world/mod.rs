//! The world of a rehearsal while it is played: what is where, what was done to it, what comes next by itself.
//!
//! Lives here: states and their history, services going down and coming up, what is on its way, counts of what really
//! happened. The transports (`http`, `railway`, `redis`, `process`) implement the ports of `client` over it. Never lives
//! here: replayed answers: each call is answered from the state of that moment.
//!
//! Everything that comes due by itself is settled before each look at the world, in order of time.

mod fault;
pub(in crate::rehearsal) mod http;
mod process;
mod railway;
mod redis;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use futures::channel::mpsc;

use self::fault::Trouble;
use self::railway::ServiceState;
use super::scenario::{Failing, Needs, Occasion, Scenario, Trigger, World as Spec};
use crate::base::clock::Clock;
use crate::base::event::Instant;
use crate::client::SendError;
use crate::client::railway::RailwayError;
use crate::step::Ports;

/// A scripted world. Clones are the same world.
#[derive(Clone)]
pub struct ScriptedWorld {
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
}

/// What really happened in a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acts {
    /// Restarts by service.
    pub restarts: BTreeMap<String, u32>,
    /// Redeploys by service.
    pub redeploys: BTreeMap<String, u32>,
    /// Rollbacks by service.
    pub rollbacks: BTreeMap<String, u32>,
    /// Requests that arrived, by `METHOD /path`.
    pub requests: BTreeMap<String, u32>,
    /// Programs that were started, by name.
    pub commands: BTreeMap<String, u32>,
}

struct Inner {
    spec: Arc<Spec>,
    seed: u64,
    start: Instant,
    /// Up to when everything due has happened.
    settled: Instant,
    state: BTreeMap<String, String>,
    /// What states were, for logs: each entry holds from its moment on.
    history: Vec<(Instant, BTreeMap<String, String>)>,
    services: BTreeMap<String, ServiceState>,
    kept: BTreeSet<String>,
    trouble: Trouble,
    /// What happens by itself, in order of time and then of being brought about.
    due: BTreeMap<(Instant, u64), Due>,
    /// Orders that were sent and have not arrived.
    on_the_way: BTreeMap<u64, Order>,
    moved: Vec<u32>,
    seen: BTreeMap<Occasion, u32>,
    number: u64,
    acts: Acts,
    complaints: Vec<String>,
    /// Who wants to hear that something happened.
    watchers: Vec<mpsc::UnboundedSender<()>>,
}

/// What a caller gets instead of an answer.
#[derive(Clone, Debug)]
pub(in crate::rehearsal) enum Missed {
    /// A fault of the scenario.
    Struck(Failing),
    /// Nothing could be sent.
    Send(SendError),
    /// Railway's refusal.
    Railway(RailwayError),
}

/// Something that happens by itself at a moment.
#[derive(Clone, Debug)]
enum Due {
    Move(usize),
    Up { service: String, how: Change },
}

/// A change of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rehearsal) enum Change {
    Restart,
    Redeploy,
    Rollback,
}

/// Something that changes the world when it arrives.
#[derive(Clone, Debug)]
enum Order {
    Service { service: String, how: Change, deployment: String },
    Set { set: BTreeMap<String, String>, request: Option<String> },
}

impl ScriptedWorld {
    /// The world of a scenario at its beginning.
    #[must_use]
    pub fn new(scenario: &Scenario, clock: Arc<dyn Clock>) -> Self {
        let spec = Arc::new(scenario.world.clone());
        let start = clock.now();
        let services = spec.services.iter().map(|(name, one)| (name.clone(), ServiceState::new(name, one, start)));
        let kept = spec.redis.iter().filter(|(_, server)| server.kept).map(|(name, _)| name.clone());
        let mut inner = Inner {
            seed: scenario.seed,
            start,
            settled: start,
            state: spec.state.clone(),
            history: vec![(start, spec.state.clone())],
            services: services.collect(),
            kept: kept.collect(),
            trouble: Trouble::new(&scenario.faults),
            due: BTreeMap::new(),
            on_the_way: BTreeMap::new(),
            moved: vec![0; spec.moves.len()],
            seen: BTreeMap::new(),
            number: 0,
            acts: Acts::default(),
            complaints: Vec::new(),
            watchers: Vec::new(),
            spec,
        };
        inner.trigger(start, |on| *on == Trigger::Start);
        Self { clock, inner: Arc::new(Mutex::new(inner)) }
    }

    /// The world as executors reach it.
    #[must_use]
    pub fn ports(&self) -> Ports {
        let world = Arc::new(self.clone());
        Ports { http: world.clone(), railway: world.clone(), redis: world.clone(), processes: world }
    }

    /// The bot wrote down an event: some things follow from that.
    pub fn observe(&self, kind: &str, step: Option<&str>, at: Instant) {
        let mut inner = self.now();
        let about: Vec<Occasion> = inner
            .spec
            .moves
            .iter()
            .filter_map(|one| match &one.on {
                Trigger::Event(occasion) => Some(occasion.clone()),
                _ => None,
            })
            .filter(|occasion| occasion.event == kind && (occasion.step.is_none() || occasion.step.as_deref() == step))
            .collect();
        let about: BTreeSet<Occasion> = about.into_iter().collect();
        for occasion in about {
            let seen = inner.seen.entry(occasion.clone()).or_default();
            *seen += 1;
            if *seen == occasion.nth {
                inner.trigger(at, |on| *on == Trigger::Event(occasion.clone()));
            }
        }
    }

    /// The bot died: what was on its way arrives, or does not.
    pub fn bot_died(&self, arrives: bool) {
        let now = self.clock.now();
        let mut inner = self.now();
        for (_, order) in std::mem::take(&mut inner.on_the_way) {
            if arrives {
                inner.arrived(order, now);
            }
        }
    }

    /// From now on, something is received whenever something happened or was sent here.
    pub(in crate::rehearsal) fn watch(&self) -> mpsc::UnboundedReceiver<()> {
        let (watcher, watching) = mpsc::unbounded();
        self.now().watchers.push(watcher);
        watching
    }

    /// Whether a service is down, and when something will happen by itself next.
    pub(in crate::rehearsal) fn is_down(&self, service: Option<&String>) -> (bool, Option<Instant>) {
        let inner = self.now();
        (inner.is_down(service), inner.due.keys().next().map(|(at, _)| *at))
    }

    /// Whether an order was sent and has not arrived.
    pub(in crate::rehearsal) fn is_sent_something(&self) -> bool {
        !self.now().on_the_way.is_empty()
    }

    /// The scenario has no answer for something.
    pub(in crate::rehearsal) fn complain(&self, text: String) {
        self.now().complain(text);
    }

    /// What really happened so far.
    #[must_use]
    pub fn acts(&self) -> Acts {
        self.now().acts.clone()
    }

    /// What the states are now.
    #[must_use]
    pub fn states(&self) -> BTreeMap<String, String> {
        self.now().state.clone()
    }

    /// What the scenario has no answer for, and which faults never struck.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let inner = self.now();
        let mut all = inner.complaints.clone();
        all.extend(inner.trouble.unused());
        let never =
            inner.spec.moves.iter().zip(&inner.moved).filter(|(one, moved)| one.times > 0 && **moved < one.times);
        all.extend(
            never.map(|(one, moved)| format!("a move was to happen {} and did {moved} of it", times(one.times))),
        );
        all
    }

    /// The world as it is at this moment.
    fn now(&self) -> MutexGuard<'_, Inner> {
        let now = self.clock.now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.settle(now);
        inner
    }

    /// Lets time pass.
    async fn pass(&self, time: TimeDelta) {
        if time > TimeDelta::zero() {
            self.clock.sleep_until(self.clock.now() + time).await;
        }
    }

    /// Sends an order: half the time there, then it happens, then half the time back. If the bot dies in between, somebody
    /// else decides whether it arrives.
    async fn deliver(&self, order: Order, takes: TimeDelta) {
        let ticket = {
            let mut inner = self.now();
            inner.number += 1;
            let ticket = inner.number;
            inner.on_the_way.insert(ticket, order);
            inner.tell();
            ticket
        };
        self.pass(takes / 2).await;
        {
            let now = self.clock.now();
            let mut inner = self.now();
            if let Some(order) = inner.on_the_way.remove(&ticket) {
                inner.arrived(order, now);
            }
        }
        self.pass(takes - takes / 2).await;
    }

    /// Takes as long as a call that fails.
    async fn endure(&self, how: Failing, takes: TimeDelta, until: Instant) {
        match how {
            Failing::Silence => self.clock.sleep_until(until).await,
            Failing::Refused => {}
            Failing::Reset | Failing::BadGateway | Failing::Busy(_) => self.pass(takes).await,
        }
    }
}

/// The way a call fails, as a caller without HTTP statuses sees it.
fn failure(how: Failing, whom: &str) -> SendError {
    match how {
        Failing::Silence => SendError::Unanswered(format!("{whom} did not answer in time")),
        Failing::Reset => SendError::Unanswered(format!("{whom} reset the connection")),
        Failing::Refused => SendError::NotSent(format!("{whom} refused the connection")),
        Failing::BadGateway => SendError::Unanswered(format!("{whom}: a gateway answered 502 Bad Gateway")),
        Failing::Busy(_) => SendError::NotSent(format!("{whom} is busy")),
    }
}

fn times(number: u32) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

impl Inner {
    /// Lets everything happen that is due until `now`.
    fn settle(&mut self, now: Instant) {
        while let Some(((at, number), _)) = self.due.first_key_value().map(|(key, due)| (*key, due.clone())) {
            if at > now {
                break;
            }
            let Some(due) = self.due.remove(&(at, number)) else { break };
            match due {
                Due::Move(index) => self.make_move(index, at),
                Due::Up { service, how } => self.up(&service, how, at),
            }
            self.tell();
        }
        self.settled = self.settled.max(now);
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        self.number += 1;
        self.due.insert((at, self.number), due);
        self.tell();
    }

    /// Sets off the moves that this brings about.
    fn trigger(&mut self, at: Instant, on: impl Fn(&Trigger) -> bool) {
        let spec = Arc::clone(&self.spec);
        for (index, one) in spec.moves.iter().enumerate().filter(|(_, one)| on(&one.on)) {
            self.schedule(at + one.after.delta(), Due::Move(index));
        }
    }

    fn make_move(&mut self, index: usize, at: Instant) {
        let spec = Arc::clone(&self.spec);
        let one = &spec.moves[index];
        let spent = one.times > 0 && self.moved[index] >= one.times;
        if !spent && self.holds(&one.when) {
            self.moved[index] += 1;
            self.set(&one.set, at);
        }
    }

    fn set(&mut self, set: &BTreeMap<String, String>, at: Instant) {
        if set.is_empty() {
            return;
        }
        let before = self.state.clone();
        self.state.extend(set.clone());
        self.history.push((at, self.state.clone()));
        let changed: Vec<&String> =
            set.iter().filter(|(name, is)| before.get(*name) != Some(is)).map(|(name, _)| name).collect();
        let now = self.state.clone();
        self.trigger(at, |on| match on {
            Trigger::State(needs) => {
                changed.iter().any(|name| needs.0.contains_key(*name))
                    && needs.hold(|name| now.get(name).map(String::as_str))
            }
            _ => false,
        });
    }

    /// Since when a state has been what it is.
    fn since(&self, name: &str) -> Instant {
        let now = self.state.get(name);
        let same = self.history.iter().rev().take_while(|(_, state)| state.get(name) == now);
        same.last().map_or(self.start, |(from, _)| *from)
    }

    /// Whether the states are such now.
    fn holds(&self, needs: &Needs) -> bool {
        needs.hold(|name| match name.strip_prefix("service.") {
            Some(service) => self.services.get(service).map(|one| if one.up { "running" } else { "restarting" }),
            None => self.state.get(name).map(String::as_str),
        })
    }

    /// Whether the states were such then. Services count as running: what is restarting writes no log.
    fn held(&self, needs: &Needs, at: Instant) -> bool {
        let entry = self.history.iter().rev().find(|(from, _)| *from <= at);
        entry.is_some_and(|(_, state)| {
            needs.hold(
                |name| {
                    if name.starts_with("service.") { Some("running") } else { state.get(name).map(String::as_str) }
                },
            )
        })
    }

    fn is_down(&self, service: Option<&String>) -> bool {
        service.and_then(|name| self.services.get(name)).is_some_and(|one| !one.up)
    }

    fn arrived(&mut self, order: Order, now: Instant) {
        match order {
            Order::Set { set, request } => {
                if let Some(request) = request {
                    *self.acts.requests.entry(request).or_default() += 1;
                }
                self.set(&set, now);
            }
            Order::Service { service, how, deployment } => self.change(&service, how, &deployment, now),
        }
        self.tell();
    }

    /// Something happened.
    fn tell(&mut self) {
        self.watchers.retain(|watcher| watcher.unbounded_send(()).is_ok());
    }

    fn complain(&mut self, text: String) {
        if !self.complaints.contains(&text) {
            self.complaints.push(text);
        }
    }
}
