//! Drives one run: carries out what is outstanding, brings replies back, lets deadlines come due.
//!
//! The loop only moves things; every decision is `domain::run`'s. Whatever dies here leaves the journal as the truth:
//! whoever drives next folds it and goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::{AbortHandle, Abortable, BoxFuture, Either};
use futures::stream::{BoxStream, FusedStream, SelectAll};
use futures::{FutureExt, StreamExt, select_biased};
use serde_json::Value;
use tracing::Instrument;

use super::observe::Observation;
use super::session::Session;
use super::{Engine, EngineError, Live, Observer, life};
use crate::base::clock::Clock;
use crate::base::event::{Actor, Person, Recorded, RunId, Stream};
use crate::domain::action::reply::{Answer, Reply};
use crate::domain::run::decide::{AT_ONCE, Seat};
use crate::domain::run::event::Outcome;
use crate::domain::run::input::{Command, Input, StageReply};
use crate::domain::run::state::State;
use crate::domain::run::work::{What, Work, next_deadline, work};
use crate::domain::runbook::model::{Does, Plan};
use crate::domain::timeline::Fact;
use crate::journal::AppendError;
use crate::step::{Executors, Progress};

/// How often a write that failed is tried again, and how long is waited between.
const WRITE_TRIES: u32 = 10;
const WRITE_PAUSE: chrono::TimeDelta = chrono::TimeDelta::milliseconds(500);

/// How long an acceptance may wait for its effect before it is written down by itself. Until then both are one commit;
/// after a crash in between, the attempt is in doubt and the world is looked at.
const ACCEPTED_ALONE: chrono::TimeDelta = chrono::TimeDelta::seconds(1);

/// Knows whether somebody may still do what they agreed to.
pub trait Standing: Sync {
    /// Why the agreement of `person` to what the step at `position` does counts no more; `None` while it does.
    fn lost(&self, state: &State, position: usize, person: &Person) -> Option<String>;
}

/// How a run is driven.
#[derive(Clone)]
pub struct DriveOptions<'a> {
    /// Which process drives, for the record: `host:pid`.
    pub process: String,
    /// How often other processes' appends are looked for; `None` where there can be none.
    pub poll: Option<Duration>,
    /// Stop as soon as only a person can go on.
    pub until_human: bool,
    /// Who is asked, before anything is sent, whether whoever agreed to it still may; nobody where absent.
    pub standing: Option<&'a dyn Standing>,
}

/// Why driving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The run is over.
    Over(Outcome),
    /// A person held it up, and nothing is under way.
    Paused,
    /// Only a person can go on.
    NeedsHuman,
    /// This process is leaving, and nothing is under way.
    Left,
}

/// What reaches the driver of a run from its own process.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A person at this process's own door wants something.
    Said(Actor, Command),
    /// Somebody appended to a stream that concerns the run, up to this event.
    News(u64),
    /// This process is leaving: what is under way comes to its answer, and nothing else begins.
    Leave,
}

type Key = (String, u32, u32, &'static str);

/// What is under way: each work with what stops it.
struct UnderWay<'a> {
    streams: SelectAll<BoxStream<'a, (Option<Key>, Input)>>,
    known: BTreeMap<Key, (AbortHandle, bool)>,
}

impl Engine {
    /// Drives a run until it is over, held up, or (where asked) waits for a person. `told` is what this process has
    /// to say to it; refusals of what persons said go back through [`Observer::refused`].
    ///
    /// # Errors
    /// Another process drives it; the journal cannot be read, or not be written for some seconds.
    pub async fn drive(
        &self,
        run: &RunId,
        executors: &Executors,
        options: &DriveOptions<'_>,
        mut told: impl FusedStream<Item = Message> + Unpin,
        observer: &dyn Observer,
    ) -> Result<Stopped, EngineError> {
        let mut session = Session::load(self, run).await?;
        let Some(_ownership) = self.journal.own(&Stream::run(run))? else {
            let whom = session.state.driver.as_ref().map_or(String::new(), |driver| format!(": {}", driver.process));
            return Err(EngineError::DrivenElsewhere { run: run.clone(), whom });
        };
        // Between loading and owning, the former driver may have written.
        session.refresh(self).await?;
        observer.found(&session.state);
        // As severe as anything: its fields stand beside warnings also where nothing less is logged.
        let span = tracing::error_span!("run", incident = %session.state.opened.incident, run = %run);
        async {
            if !session.state.is_over() {
                let adopt = Input::Adopt { process: options.process.clone() };
                self.record(&mut session, options, &Actor::Bot, adopt, observer).await?;
            }
            let mut under_way = UnderWay { streams: SelectAll::new(), known: BTreeMap::new() };
            // The driver keeps one stream of its own open, so that the set never runs dry.
            under_way.streams.push(futures::stream::pending().boxed());
            let plan = session.state.plan.clone();
            let mut hold: BoxFuture<'_, ()> = Box::pin(executors.hold(&plan.inventory));
            let mut held = false;
            let mut version = self.journal.version().await?;
            // Whoever leaves decides like a bystander: an answer is written down, and nothing is set in motion by it.
            let mut seat = Seat::Driver;
            loop {
                match seat {
                    Seat::Driver => under_way.follow(&session.state, self, executors, observer),
                    Seat::Bystander if under_way.may_be_dropped() => return Ok(Stopped::Left),
                    Seat::Bystander => {}
                }
                if let Some(stopped) = under_way.stopped(&session.state, options) {
                    return Ok(stopped);
                }
                let poll = options.poll.and_then(|poll| chrono::TimeDelta::from_std(poll).ok());
                let deadline = next_deadline(&session.state).filter(|_| seat == Seat::Driver);
                let wake = [deadline, poll.map(|poll| self.clock.now() + poll)].into_iter().flatten().min();
                let mut wake = match wake {
                    Some(wake) => Either::Left(self.clock.sleep_until(wake).fuse()),
                    None => Either::Right(futures::future::pending().fuse()),
                };
                let mut holding =
                    if held { Either::Right(futures::future::pending()) } else { Either::Left(&mut hold) }.fuse();
                select_biased! {
                    reply = under_way.streams.select_next_some() => {
                        let (key, input) = reply;
                        key.map(|key| under_way.known.remove(&key));
                        let news = self.record_from(seat, &mut session, options, &Actor::Bot, input, observer).await?;
                        if seat == Seat::Driver && news >= AT_ONCE {
                            self.record(&mut session, options, &Actor::Bot, Input::Tick, observer).await?;
                        }
                    }
                    message = told.select_next_some() => match message {
                        Message::Said(actor, command) => self.person(&mut session, options, actor, command, observer).await?,
                        Message::Leave => seat = Seat::Bystander,
                        Message::News(_) if seat == Seat::Bystander => {}
                        Message::News(up_to) if up_to <= session.read_to() => {}
                        Message::News(_) => self.catch_up(&mut session, options, observer).await?,
                    },
                    () = holding => held = true,
                    () = wake => {
                        if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                            self.record(&mut session, options, &Actor::Bot, Input::Tick, observer).await?;
                        }
                        let seen = self.journal.version().await?;
                        if seat == Seat::Driver && options.poll.is_some() && seen != version {
                            version = seen;
                            self.catch_up(&mut session, options, observer).await?;
                        }
                    }
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn record(
        &self,
        session: &mut Session,
        options: &DriveOptions<'_>,
        actor: &Actor,
        input: Input,
        observer: &dyn Observer,
    ) -> Result<(), EngineError> {
        let mut input = input;
        // What breaks off because it is much goes on by itself.
        while self.record_from(Seat::Driver, session, options, actor, input, observer).await? >= AT_ONCE {
            input = Input::Tick;
        }
        Ok(())
    }

    /// Records what follows from an input, and tells the observer; how many events that were. A write that fails is tried again for some
    /// seconds.
    async fn record_from(
        &self,
        seat: Seat,
        session: &mut Session,
        options: &DriveOptions<'_>,
        actor: &Actor,
        input: Input,
        observer: &dyn Observer,
    ) -> Result<usize, EngineError> {
        for attempt in 1.. {
            let recorded = match seat {
                Seat::Driver => session.send(self, actor, input.clone(), options.standing).await,
                Seat::Bystander => session.submit(self, actor, input.clone(), seat).await,
            };
            match recorded {
                Ok(news) => {
                    if !news.is_empty() {
                        tell(observer, &session.state, &news);
                    }
                    return Ok(news.len());
                }
                Err(EngineError::NotWritten(error)) if attempt < WRITE_TRIES => {
                    observer.trouble(&error.to_string());
                    tracing::warn!(%error, "the journal could not be written, trying again");
                    self.clock.sleep_until(self.clock.now() + WRITE_PAUSE).await;
                    // After a commit that could not be confirmed, disk decides what happened.
                    if matches!(error, AppendError::Uncertain(_)) {
                        let before = session.state.last_at;
                        let news = session.refresh(self).await?;
                        tell(observer, &session.state, &news);
                        if !news.is_empty() && session.state.last_at >= before {
                            return Ok(news.len());
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }

    /// Reads what others appended, and goes on from there.
    async fn catch_up(
        &self,
        session: &mut Session,
        options: &DriveOptions<'_>,
        observer: &dyn Observer,
    ) -> Result<(), EngineError> {
        let news = session.refresh(self).await?;
        tell(observer, &session.state, &news);
        self.record(session, options, &Actor::Bot, Input::Tick, observer).await
    }

    async fn person(
        &self,
        session: &mut Session,
        options: &DriveOptions<'_>,
        actor: Actor,
        command: Command,
        observer: &dyn Observer,
    ) -> Result<(), EngineError> {
        let by = actor.person().cloned().unwrap_or_else(|| Person::new(actor.label()));
        match self.record(session, options, &actor, Input::Command { by, command }, observer).await {
            Err(EngineError::Refused(refusal)) => {
                observer.refused(&refusal);
                Ok(())
            }
            done => done,
        }
    }
}

/// Events were recorded, by whomever: the log and whoever looks on are told.
fn tell(observer: &dyn Observer, state: &State, news: &[Recorded<Fact>]) {
    tracing::debug!(events = news.len(), "recorded");
    life::tell(state, news);
    observer.events(state, news);
}

impl<'a> UnderWay<'a> {
    /// Starts what is outstanding and not under way, drops what is under way and not outstanding any more.
    fn follow(&mut self, state: &State, engine: &Engine, executors: &'a Executors, observer: &'a dyn Observer) {
        let outstanding = work(state);
        let wanted: BTreeSet<Key> = outstanding.iter().map(Work::key).collect();
        self.known.retain(|key, (abort, droppable)| {
            let keep = wanted.contains(key) || !*droppable;
            if !keep {
                abort.abort();
            }
            keep
        });
        for work in outstanding {
            let key = work.key();
            if self.known.contains_key(&key) {
                continue;
            }
            tracing::debug!(step = work.step, stage = key.3, attempt = work.attempt, "starting");
            let (abort, registration) = AbortHandle::new_pair();
            self.known.insert(key.clone(), (abort, work.may_be_dropped()));
            let stream = start(work, key, state.plan.clone(), engine, executors, observer);
            self.streams.push(Abortable::new(stream, registration).boxed());
        }
    }

    /// Whether nothing is under way whose answer would be lost.
    fn may_be_dropped(&self) -> bool {
        self.known.values().all(|(_, droppable)| *droppable)
    }

    /// Whether there is nothing left to drive for.
    fn stopped(&self, state: &State, options: &DriveOptions<'_>) -> Option<Stopped> {
        if let Some(outcome) = state.outcome() {
            return Some(Stopped::Over(outcome));
        }
        if state.paused.is_some() && self.may_be_dropped() {
            return Some(Stopped::Paused);
        }
        (options.until_human && state.waits_for_human()).then_some(Stopped::NeedsHuman)
    }
}

/// One piece of work as a stream of inputs; the last one of an attempt's carries its key, which ends it.
fn start<'a>(
    work: Work,
    key: Key,
    plan: Arc<Plan>,
    engine: &Engine,
    executors: &'a Executors,
    observer: &'a dyn Observer,
) -> BoxStream<'a, (Option<Key>, Input)> {
    let Work { step, visit, attempt, what } = work;
    let span = tracing::error_span!("step", step, attempt);
    if let What::Watch { watch, began, from, until } = what {
        let clock = engine.clock.clone();
        let model = plan.position(&step).and_then(|position| match &plan.steps[position].does {
            Does::Watch(model) => Some(model.clone()),
            _ => None,
        });
        let Some(model) = model else { return futures::stream::empty().boxed() };
        let observation = Observation { executors, observer, clock, plan, step, watch, began, from, until };
        let (sender, receiver) = mpsc::unbounded();
        let observing = observation.run(model, sender).instrument(span).into_stream().filter_map(|()| async { None });
        let reports = receiver.map(move |input| {
            let ended = matches!(input, Input::Watch(crate::domain::run::input::WatchReport::Ended { .. }));
            (ended.then(|| key.clone()), input)
        });
        return futures::stream::select(reports, observing).boxed();
    }
    let clock = engine.clock.clone();
    let doing = async move {
        let reply = carry_out(&step, what, &plan, executors, &*clock, observer).await;
        (Some(key), Input::Reply { step, visit, attempt, reply })
    };
    doing.instrument(span).into_stream().boxed()
}

async fn carry_out(
    step: &str,
    what: What,
    plan: &Plan,
    executors: &Executors,
    clock: &dyn Clock,
    observer: &dyn Observer,
) -> StageReply {
    match what {
        What::Prepare { action } => match executors.prepare(&action).await {
            Ok(prepared) => StageReply::Prepared { baseline: prepared.baseline, summary: prepared.summary },
            Err(failure) => StageReply::PrepareFailed(failure),
        },
        What::Act { action, key, baseline, timeout } => {
            let lines = Lines { step, observer };
            let reply = executors.act(&action, &plan.inventory, &key, baseline.as_deref(), timeout, &lines).await;
            match (reply, action.ready_within()) {
                (Reply::Answered(accepted), Some(within)) => {
                    let baseline = baseline.as_deref().unwrap_or(&Value::Null);
                    let confirm = executors.confirm(&action, baseline, clock.now() + within);
                    confirmed_soon(accepted, confirm, clock).await
                }
                (reply, _) => StageReply::Acted(reply),
            }
        }
        What::Confirm { action, baseline, until } => {
            let baseline = baseline.as_deref().cloned().unwrap_or(Value::Null);
            StageReply::Confirmed(executors.confirm(&action, &baseline, until).await)
        }
        What::Probe { action, baseline } => StageReply::Probed(executors.probe(&action, baseline.as_deref()).await),
        // Watches are streams of their own.
        What::Watch { .. } => {
            StageReply::Probed(crate::domain::action::reply::Probe::Unclear { evidence: String::new() })
        }
    }
}

/// Gives the effect of an accepted change a moment to show. Where it takes longer the look is dropped, and `work` asks for
/// it again once the acceptance is on disk.
async fn confirmed_soon(accepted: Answer, confirm: impl Future<Output = Reply>, clock: &dyn Clock) -> StageReply {
    let alone = clock.sleep_until(clock.now() + ACCEPTED_ALONE);
    match futures::future::select(std::pin::pin!(confirm), alone).await {
        Either::Left((confirmed, _)) => StageReply::ActedAndConfirmed { accepted, confirmed },
        Either::Right(_) => StageReply::Acted(Reply::Answered(accepted)),
    }
}

struct Lines<'a> {
    step: &'a str,
    observer: &'a dyn Observer,
}

impl Progress for Lines<'_> {
    fn line(&self, text: &str) {
        self.observer.live(Live::Line { step: self.step, text });
    }
}
