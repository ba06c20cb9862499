//! Driving every open run of the journal from one process, for as long as it lives.
//!
//! Lives here: [`Fleet`] (which runs this process drives, how they stand), taking runs over when their process is gone,
//! opening what follows a success. Never lives here: how one run is driven (`engine`), who is told (the doors).

mod recovery;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, select_biased};

use super::{Bot, Fault};
use crate::base::event::{Instant, Recorded, RunId};
use crate::domain::run::event::Event;
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;
pub use crate::engine::tail::Appended;
use crate::engine::{DriveOptions, EngineError, Message, Observer, Stopped};
use crate::step::Executors;
use recovery::Recovery;

/// How long whoever opened a run in another process has to begin to drive it.
const GRACE: TimeDelta = TimeDelta::seconds(3);
/// How often a run that another process drives is looked at: that process may be gone.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(5);
/// How long after a fault the first and the slowest next try are.
const FIRST_TRY: TimeDelta = TimeDelta::seconds(2);
const SLOWEST_TRY: TimeDelta = TimeDelta::minutes(5);

/// What the rest of the process may ask the fleet, at any time and from any thread.
#[derive(Clone)]
pub struct Fleet {
    shared: Arc<Shared>,
}

struct Shared {
    states: Mutex<BTreeMap<RunId, State>>,
    claims: mpsc::UnboundedSender<Claim>,
}

enum Claim {
    /// A run that a door of this process opened: nobody else is going to drive it.
    Drive(RunId),
    /// The process is about to leave.
    Drain,
}

/// The other half of a [`Fleet`]: what [`Bot::drive_all`] needs.
pub struct Harbour {
    fleet: Fleet,
    claims: mpsc::UnboundedReceiver<Claim>,
}

impl Fleet {
    /// A fleet that drives nothing yet, and what drives it.
    #[must_use]
    pub fn new() -> (Self, Harbour) {
        let (sender, claims) = mpsc::unbounded();
        let fleet = Self { shared: Arc::new(Shared { states: Mutex::default(), claims: sender }) };
        (fleet.clone(), Harbour { fleet, claims })
    }

    /// Says that a door of this process opened a run: it is driven from here at once.
    pub fn drive(&self, run: &RunId) {
        // Where nothing drives any more, the next process finds the run open.
        drop(self.shared.claims.unbounded_send(Claim::Drive(run.clone())));
    }

    /// Lets go of every run as soon as nothing of it is under way; [`Bot::drive_all`] ends when all are let go.
    pub fn drain(&self) {
        drop(self.shared.claims.unbounded_send(Claim::Drain));
    }

    /// A run that is driven here, as it stands.
    #[must_use]
    pub fn state(&self, run: &RunId) -> Option<State> {
        self.states().get(run).cloned()
    }

    /// How many runs are driven here.
    #[must_use]
    pub fn driven(&self) -> usize {
        self.states().len()
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<RunId, State>> {
        self.shared.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks on while one run is driven, and keeps what it came to.
struct Eye(Fleet);

impl Observer for Eye {
    fn found(&self, state: &State) {
        self.0.states().insert(state.id.clone(), state.clone());
    }

    fn events(&self, state: &State, events: &[Recorded<Fact>]) {
        if !events.is_empty() {
            self.found(state);
        }
    }

    fn trouble(&self, text: &str) {
        tracing::error!("the journal could not be written, trying again: {text}");
    }
}

type Driver<'a> = BoxFuture<'a, (RunId, Result<Stopped, EngineError>)>;

/// One run that is driven here.
struct Seat {
    messages: mpsc::UnboundedSender<Message>,
    environment: String,
}

/// A run that is to be driven, and from when on.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// Tries that went wrong.
    failures: u32,
}

struct Turn<'a> {
    bot: &'a Bot,
    fleet: Fleet,
    executors: Arc<Executors>,
    drivers: FuturesUnordered<Driver<'a>>,
    seats: BTreeMap<RunId, Seat>,
    due: BTreeMap<RunId, Due>,
    draining: bool,
}

impl Bot {
    /// Drives every open run, and every run that is opened, until the future is dropped or the fleet is drained.
    /// Each of the `ears` gets everything that is appended to the journal from now on, by whatever process.
    ///
    /// Runs that were left behind are taken over one by one, at most ten a second that act on the same target, so that
    /// a server that comes back is not met by all of them at once.
    ///
    /// # Errors
    /// The journal cannot be read any more, the secrets that `targets.yaml` names cannot.
    pub async fn drive_all(&self, harbour: Harbour, ears: Vec<mpsc::UnboundedSender<Appended>>) -> Result<(), Fault> {
        let Harbour { fleet, mut claims } = harbour;
        let engine = self.engine()?;
        let head = engine.journal().head().await.map_err(Fault::from)?.pos;
        let mut tail = engine.tail(head, self.heard()?).await?;
        let mut turn = Turn {
            bot: self,
            fleet,
            executors: Arc::new(self.executors()?),
            drivers: FuturesUnordered::new(),
            seats: BTreeMap::new(),
            due: BTreeMap::new(),
            draining: false,
        };
        let mut recovery = Box::pin(Recovery::of(self).await?.fuse());
        loop {
            if turn.draining && turn.seats.is_empty() {
                return Ok(());
            }
            let next = turn.due.values().map(|due| due.at).min();
            let mut wake = match next {
                Some(at) => self.clock().sleep_until(at).left_future(),
                None => futures::future::pending().right_future(),
            }
            .fuse();
            let happened = {
                let mut ended = match turn.drivers.is_empty() {
                    true => futures::future::pending().left_future(),
                    false => turn.drivers.select_next_some().right_future(),
                };
                select_biased! {
                    claim = claims.select_next_some() => Happened::Claimed(claim),
                    ended = ended => Happened::Ended(ended),
                    news = tail.next(engine).fuse() => Happened::News(news?),
                    () = wake => Happened::Due,
                    found = recovery.select_next_some() => Happened::Found(found?),
                }
            };
            match happened {
                Happened::Claimed(Claim::Drive(run)) => turn.claimed(run),
                Happened::Claimed(Claim::Drain) => turn.drain(),
                Happened::Ended((run, how)) => turn.ended(run, how).await?,
                Happened::News(news) => {
                    for appended in news {
                        turn.heard(&appended);
                        // Nobody listens any more only when the process is leaving.
                        ears.iter().for_each(|ear| drop(ear.unbounded_send(appended.clone())));
                    }
                }
                Happened::Due => turn.start_due(),
                Happened::Found((run, at)) => turn.expect(run, at),
            }
        }
    }
}

enum Happened {
    Claimed(Claim),
    Ended((RunId, Result<Stopped, EngineError>)),
    News(Vec<Appended>),
    Due,
    Found((RunId, Instant)),
}

impl Turn<'_> {
    fn now(&self) -> Instant {
        self.bot.clock().now()
    }

    /// The run is to be driven from `at` on, if nothing is known of it yet.
    fn expect(&mut self, run: RunId, at: Instant) {
        if !self.seats.contains_key(&run) {
            self.due.entry(run).or_insert(Due { at, failures: 0 });
        }
    }

    fn claimed(&mut self, run: RunId) {
        // `targets.yaml` may name secrets that it did not name when this process started. Where it cannot be read any more, what
        // it said before goes on to hold.
        match self.bot.executors() {
            Ok(executors) => self.executors = Arc::new(executors),
            Err(fault) => tracing::error!(%fault, "secrets are those of the start"),
        }
        if !self.seats.contains_key(&run) {
            self.due.remove(&run);
            self.start(run, 0);
        }
    }

    fn start_due(&mut self) {
        let now = self.now();
        let due: Vec<_> =
            self.due.iter().filter(|(_, due)| due.at <= now).map(|(run, due)| (run.clone(), due.failures)).collect();
        for (run, failures) in due {
            self.due.remove(&run);
            self.start(run, failures);
        }
    }

    fn start(&mut self, run: RunId, failures: u32) {
        if self.draining {
            return;
        }
        let (messages, told) = mpsc::unbounded();
        let (bot, executors) = (self.bot, self.executors.clone());
        let (eye, id) = (Eye(self.fleet.clone()), run.clone());
        let options =
            DriveOptions { process: self.bot.process.clone(), poll: None, until_human: false, standing: Some(bot) };
        let driving = async move {
            match bot.engine.get() {
                Some(known) => known.engine.drive(&id, &executors, &options, told, &eye).await,
                None => Err(EngineError::NoRun(id)),
            }
        };
        let id = run.clone();
        self.drivers.push(driving.map(move |ended| (id, ended)).boxed());
        self.seats.insert(run.clone(), Seat { messages, environment: String::new() });
        if failures > 0 {
            // Kept beside the seat: where it ends at once again, the next try comes later.
            self.due.insert(run, Due { at: Instant::MAX_UTC, failures });
        }
    }

    async fn ended(&mut self, run: RunId, how: Result<Stopped, EngineError>) -> Result<(), Fault> {
        self.seats.remove(&run);
        let failures = self.due.remove(&run).map_or(0, |due| due.failures);
        let state = self.fleet.states().remove(&run);
        match how {
            // Let go, or held up by a person: news of it bring it back.
            Ok(Stopped::Paused | Stopped::NeedsHuman | Stopped::Left) => {}
            Ok(Stopped::Over(_)) => {
                let Some(state) = state else { return Ok(()) };
                match self.bot.follow_up(&state).await {
                    Ok(Some(next)) => self.start(next, 0),
                    Ok(None) => {}
                    Err(fault) => tracing::error!(%run, %fault, "what follows the run could not begin"),
                }
            }
            Err(EngineError::DrivenElsewhere { .. }) => self.expect(run, self.now() + LOOK_AGAIN),
            Err(error) => {
                tracing::error!(%run, %error, "the run cannot be driven; trying again");
                let pause = FIRST_TRY * 2i32.saturating_pow(failures.min(10));
                let at = self.now() + pause.min(SLOWEST_TRY);
                self.due.insert(run, Due { at, failures: failures + 1 });
            }
        }
        Ok(())
    }

    /// Something was appended: whoever it concerns looks, and a run that nobody drives may have work again.
    fn heard(&mut self, appended: &Appended) {
        let pos = appended.fact.pos;
        match &appended.fact.event {
            Fact::Run(run, event) => {
                if let Some(seat) = self.seats.get(run) {
                    drop(seat.messages.unbounded_send(Message::News(pos)));
                } else if self.may_bring_work(event) {
                    let wait = if matches!(event, Event::Resumed(_)) { TimeDelta::zero() } else { GRACE };
                    self.expect(run.clone(), self.now() + wait);
                }
            }
            Fact::Target(key, _) => {
                let environment = key.split('/').next().unwrap_or_default();
                for (run, seat) in &mut self.seats {
                    if seat.environment.is_empty() {
                        let state = self.fleet.state(run);
                        seat.environment = state.map(|state| state.opened.environment.clone()).unwrap_or_default();
                    }
                    if seat.environment == environment {
                        drop(seat.messages.unbounded_send(Message::News(pos)));
                    }
                }
            }
            Fact::Incident(..)
            | Fact::Page(..)
            | Fact::Alert(..)
            | Fact::Rota(_)
            | Fact::Monitor(..)
            | Fact::Digest(..)
            | Fact::Session(..)
            | Fact::Erasure(_)
            | Fact::Erased { .. } => {}
        }
    }

    /// Whether an event of a run that is not driven here may mean that somebody must.
    fn may_bring_work(&self, event: &Event) -> bool {
        match event {
            Event::Finished(_) => false,
            // We took it on, found it held up and let it go; looking again would only find the same, again and again.
            Event::Adopted(adopted) => adopted.process != self.bot.process,
            _ => true,
        }
    }

    /// Tells every driver that this process is leaving.
    fn drain(&mut self) {
        self.draining = true;
        self.due.clear();
        self.seats.values().for_each(|seat| drop(seat.messages.unbounded_send(Message::Leave)));
    }
}
