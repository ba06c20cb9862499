//! Looking at what monitors look at, again and again, and writing down what changes.
//!
//! Lives here: [`Monitoring`] (who is due when, how many at a time, nobody twice at once), the port [`Alerts`]. Never lives here: what
//! follows from a sample (`domain::monitor`), how something is asked (`step`). Like all of the engine it waits through the clock, so the same
//! code runs in virtual time.

mod meter;
mod one;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, select_biased};
use tracing::Instrument as _;

use self::meter::Meter;
use self::one::{One, Question};
use super::monitors::Read;
use super::{Engine, EngineError};
use crate::base::event::{Actor, IncidentId, Instant};
use crate::domain::action::inventory::Inventory;
use crate::domain::monitor::event::{Alerted, Event};
use crate::domain::monitor::tally::Kept;
use crate::domain::monitor::{Alert, Monitors, Sample, Status, observe, outstanding};
use crate::journal::{AppendError, Row};
use crate::samples::Samples;
use crate::step::Executors;

pub use self::one::asked_once;

/// Probes that may be under way at a time, so that a thousand slow servers do not take every socket.
const AT_ONCE: usize = 256;
/// How often samples are handed on to be kept.
const KEEP_EVERY: TimeDelta = TimeDelta::seconds(1);
/// How often figures about the schedule are logged.
const TELL_EVERY: TimeDelta = TimeDelta::seconds(60);

/// Takes alerts: declares, calls, proposes.
pub trait Alerts: Send + Sync {
    /// Takes one; the incident it belongs to comes back, where there is one. The same alert may come again after a crash, with the same
    /// fingerprint and status; one that was not taken comes again with the next sample.
    ///
    /// # Errors
    /// In words; nothing was done then, or only part of it.
    fn take<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<Option<IncidentId>, String>>;
}

/// Where heartbeats call in, from any thread.
#[derive(Clone)]
pub struct Beats(mpsc::UnboundedSender<(String, Instant)>);

/// The other end of [`Beats`].
pub type Heard = mpsc::UnboundedReceiver<(String, Instant)>;

impl Beats {
    /// A place to call in at, and what listens there.
    #[must_use]
    pub fn new() -> (Self, Heard) {
        let (sender, heard) = mpsc::unbounded();
        (Self(sender), heard)
    }

    /// A heartbeat was heard at `at`. A name that no monitor has is let go.
    pub fn heard(&self, monitor: &str, at: Instant) {
        // Nobody listens only while the process leaves; the beat is then late by as long as it takes to come back.
        drop(self.0.unbounded_send((monitor.to_owned(), at)));
    }
}

/// What monitoring takes.
#[derive(Clone, Copy)]
pub struct Monitoring<'a> {
    /// The journal and the clock.
    pub engine: &'a Engine,
    /// How things are asked.
    pub executors: &'a Executors,
    /// Where the targets are.
    pub inventory: &'a Inventory,
    /// What is to be looked at.
    pub monitors: &'a Monitors,
    /// Who takes alerts.
    pub alerts: &'a dyn Alerts,
    /// Who keeps samples.
    pub samples: &'a dyn Samples,
}

/// What came of something that was under way for one monitor.
enum Came {
    /// It was asked.
    Sample(Sample),
    /// A heartbeat's deadline came: when it was heard last, as far as that is known.
    LastHeard(Option<Instant>),
    /// Events were written down, or not.
    Written(Result<Vec<Row>, EngineError>),
    /// The alert was taken, or not.
    Taken(Status, Result<Option<IncidentId>, String>),
    /// Its stream was read again.
    Again(Box<Result<Read, EngineError>>),
}

struct Turn<'a> {
    with: Monitoring<'a>,
    all: Vec<One>,
    by_name: HashMap<Arc<str>, usize>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    waiting: VecDeque<usize>,
    under_way: FuturesUnordered<BoxFuture<'a, (usize, Came)>>,
    /// Probes among what is under way.
    asking: usize,
    kept: Vec<(Arc<str>, Kept)>,
    meter: Meter,
}

impl Monitoring<'_> {
    /// Looks at everything until the future is dropped; nothing is lost then but samples of the last second.
    ///
    /// # Errors
    /// The journal cannot be read at the start.
    pub async fn run(&self, heard: &mut Heard) -> Result<(), EngineError> {
        let mut turn = Turn::start(*self).await?;
        let clock = self.engine.clock();
        let (mut keep_at, mut tell_at) = (clock.now() + KEEP_EVERY, clock.now() + TELL_EVERY);
        loop {
            let now = clock.now();
            turn.begin_due(now);
            if now >= keep_at {
                turn.hand_on(now);
                keep_at = now + KEEP_EVERY;
            }
            if now >= tell_at {
                turn.meter.tell(turn.all.len());
                tell_at = now + TELL_EVERY;
            }
            let housekeeping = if turn.kept.is_empty() { tell_at } else { keep_at.min(tell_at) };
            let next = turn.due.peek().map_or(housekeeping, |Reverse((at, _))| housekeeping.min(*at));
            let mut wake = clock.sleep_until(next).fuse();
            let happened = {
                let mut came = match turn.under_way.is_empty() {
                    true => futures::future::pending().left_future(),
                    false => turn.under_way.select_next_some().right_future(),
                };
                select_biased! {
                    beat = heard.select_next_some() => Happened::Beat(beat),
                    came = came => Happened::Came(came),
                    () = wake => Happened::Due,
                }
            };
            match happened {
                Happened::Beat((monitor, at)) => turn.beat(&monitor, at),
                Happened::Came((index, came)) => turn.came(index, came),
                Happened::Due => {}
            }
            // What else is there already is taken now: one turn of the loop costs a timer.
            while let Some(Some((index, came))) = turn.under_way.next().now_or_never() {
                turn.came(index, came);
            }
        }
    }
}

enum Happened {
    Beat((String, Instant)),
    Came((usize, Came)),
    Due,
}

impl<'a> Turn<'a> {
    async fn start(with: Monitoring<'a>) -> Result<Self, EngineError> {
        let now = with.engine.clock().now();
        let recorded = with.engine.monitors().await?;
        let mut all = one::all(with.monitors, with.executors, with.inventory, now);
        for one in &mut all {
            if recorded.iter().any(|name| **name == *one.spec.id) {
                one.read = with.engine.monitor(&one.spec.id).await?;
            }
        }
        for one in &all {
            if let Question::Unclear(why) = &one.question {
                tracing::warn!(monitor = &*one.name, why, "it cannot be asked");
            }
        }
        let by_name = all.iter().enumerate().map(|(index, one)| (one.name.clone(), index)).collect();
        let due = all.iter().enumerate().filter_map(|(index, one)| Some(Reverse((one.first_due(now)?, index))));
        Ok(Self {
            due: due.collect(),
            with,
            by_name,
            all,
            waiting: VecDeque::new(),
            under_way: FuturesUnordered::new(),
            asking: 0,
            kept: Vec::new(),
            meter: Meter::default(),
        })
    }

    fn now(&self) -> Instant {
        self.with.engine.clock().now()
    }

    /// Begins what is due, as far as there is room.
    fn begin_due(&mut self, now: Instant) {
        while let Some(Reverse((at, index))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.due.pop();
            let one = &mut self.all[index];
            if let Some(next) = one.next_due(at, now) {
                self.due.push(Reverse((next, index)));
            }
            // One that is still under way is not started again.
            if one.busy {
                self.meter.skip();
            } else {
                one.busy = true;
                one.due = at;
                self.waiting.push_back(index);
            }
        }
        while self.asking < AT_ONCE {
            let Some(index) = self.waiting.pop_front() else { break };
            self.ask(index, now);
        }
    }

    fn ask(&mut self, index: usize, now: Instant) {
        let one = &self.all[index];
        self.meter.began(now - one.due);
        self.asking += 1;
        let with = self.with;
        let asking = match &one.question {
            Question::Ask(question) => {
                let question = Arc::clone(question);
                let asking =
                    async move { (index, Came::Sample(question.ask(with.executors, with.engine.clock()).await)) };
                asking.instrument(one.span()).boxed()
            }
            Question::Wait => {
                let name = one.name.clone();
                async move {
                    let heard = with.samples.last_heard(&name).await.unwrap_or_else(|error| {
                        tracing::warn!(monitor = &*name, error, "when it was heard last is not known");
                        None
                    });
                    (index, Came::LastHeard(heard))
                }
                .boxed()
            }
            // Never due.
            Question::Unclear(_) => return,
        };
        self.under_way.push(asking);
    }

    fn came(&mut self, index: usize, came: Came) {
        match came {
            Came::Sample(sample) => {
                self.asking -= 1;
                self.sampled(index, &sample);
            }
            Came::LastHeard(heard) => {
                self.asking -= 1;
                let now = self.now();
                self.all[index].hears(heard);
                let sample = self.all[index].beats(now);
                // It is looked at again when the beat after this one is overdue; one that is overdue every minute.
                if let Some(next) = self.all[index].next_beat(now) {
                    self.due.push(Reverse((next, index)));
                }
                self.sampled(index, &sample);
            }
            Came::Written(Ok(rows)) => {
                for row in &rows {
                    tracing::info!(monitor = &*self.all[index].name, event = row.kind, "monitor changed");
                    if let Err(error) = self.all[index].read.take(row) {
                        tracing::error!(%error, "an event that was just written cannot be read");
                    }
                }
                self.go_on(index);
            }
            Came::Written(Err(EngineError::NotWritten(AppendError::Conflict { .. } | AppendError::Uncertain(_)))) => {
                self.read_again(index);
            }
            Came::Written(Err(error)) => {
                tracing::error!(monitor = &*self.all[index].name, %error, "what changed could not be written down; trying again");
                self.all[index].busy = false;
            }
            Came::Taken(status, Ok(incident)) => {
                let firing = status == Status::Firing;
                self.write(index, vec![Event::Alerted(Alerted { firing, incident })]);
            }
            Came::Taken(_, Err(error)) => {
                tracing::error!(monitor = &*self.all[index].name, error, "the alert was not taken; trying again");
                self.all[index].busy = false;
            }
            Came::Again(read) => self.read_anew(index, *read),
        }
    }

    fn read_anew(&mut self, index: usize, read: Result<Read, EngineError>) {
        let one = &mut self.all[index];
        match read {
            Ok(read) => {
                let live = std::mem::take(&mut one.read.state.live);
                one.read = read;
                one.read.state.live = live;
                // What follows is decided anew, once: somebody who writes all the time must not keep us busy.
                if one.again {
                    one.busy = false;
                } else {
                    one.again = true;
                    self.look(index);
                }
            }
            Err(error) => {
                tracing::error!(monitor = &*one.name, %error, "its events cannot be read");
                one.busy = false;
            }
        }
    }

    fn sampled(&mut self, index: usize, sample: &Sample) {
        let now = sample.at;
        let one = &mut self.all[index];
        one.again = false;
        let excused = one.maintained(now).is_some();
        let kept = Kept { at: now.timestamp_millis(), level: sample.level, took_ms: sample.took_ms, excused };
        self.kept.push((one.name.clone(), kept));
        one.last = Some(sample.clone());
        // Somebody may have lifted it in another process.
        if self.all[index].read.state.muted(now).is_some() {
            self.read_again(index);
        } else {
            self.look(index);
        }
    }

    /// Lets the domain look at the last sample.
    fn look(&mut self, index: usize) {
        let parent = self.failing_parent(index);
        self.all[index].take(parent.as_deref());
        self.go_on(index);
    }

    /// Does the next thing that follows, or lets go.
    fn go_on(&mut self, index: usize) {
        let one = &self.all[index];
        let events = observe(&one.read.state, &one.spec);
        if !events.is_empty() {
            self.write(index, events);
            return;
        }
        match outstanding(&one.spec, &one.read.state) {
            Some(alert) => {
                let alerts = self.with.alerts;
                let span = one.span();
                let taking = async move { (index, Came::Taken(alert.status, alerts.take(&alert).await)) };
                self.under_way.push(taking.instrument(span).boxed());
            }
            None => self.all[index].busy = false,
        }
    }

    fn write(&mut self, index: usize, events: Vec<Event>) {
        let engine = self.with.engine;
        let one = &self.all[index];
        // The journal needs what the stream holds, not what was seen since.
        let (name, read, span) = (one.name.clone(), one.read.clone(), one.span());
        let writing = async move {
            let now = engine.clock().now();
            (index, Came::Written(engine.append_monitor(&name, &read, &events, &Actor::Bot, now).await))
        };
        self.under_way.push(writing.instrument(span).boxed());
    }

    fn read_again(&mut self, index: usize) {
        let engine = self.with.engine;
        let name = self.all[index].name.clone();
        self.under_way.push(async move { (index, Came::Again(Box::new(engine.monitor(&name).await))) }.boxed());
    }

    /// A monitor it depends on, at whatever remove, that fails.
    fn failing_parent(&self, index: usize) -> Option<Arc<str>> {
        let parents = self.all[index].parents.iter();
        parents
            .map(|parent| &self.all[*parent])
            .find(|one| one.read.state.holds_others_silent())
            .map(|one| one.name.clone())
    }

    fn beat(&mut self, monitor: &str, at: Instant) {
        let Some(index) = self.by_name.get(monitor).copied() else {
            tracing::warn!(monitor, "a heartbeat of nobody");
            return;
        };
        self.with.samples.hear(monitor, at);
        let now = self.now();
        let one = &mut self.all[index];
        if !matches!(one.question, Question::Wait) {
            return;
        }
        one.hears(Some(at));
        let sample = one.beats(now);
        if !one.busy {
            one.busy = true;
            self.sampled(index, &sample);
        }
    }

    fn hand_on(&mut self, now: Instant) {
        if !self.kept.is_empty() {
            self.with.samples.keep(std::mem::take(&mut self.kept), now);
        }
    }
}
