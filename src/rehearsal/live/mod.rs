//! A rehearsal over real sockets: the scripted world served on loopback for the real clients, on a clock that runs faster.
//!
//! Lives here: setting up such a world, driving a run in it as time passes, crashes, when it is over. Never lives here: another
//! world: state, faults, people and what is expected are those of the virtual rehearsal. Programs are not started: what they
//! print is scripted here, too, and comes in its time.

mod door;
mod http;
mod places;
mod railway;
mod reach;
mod redis;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use chrono::TimeDelta;
use chrono_tz::Tz;
use futures::channel::mpsc;
use futures::future::{BoxFuture, Either, poll_fn, select};
use futures::{FutureExt as _, StreamExt as _};

use self::door::{Door, Tasks, Visit};
use self::reach::Served;
use super::scenario::{Crash, Loaded, Scenario, ScenarioError, Site};
use super::stage::{Driven, Ended, LONGEST, Stage};
use super::transcript::Tries;
use super::world::ScriptedWorld;
use super::world::http::Url;
use super::{Played, RehearsalError, about, finish, prepare};
use crate::base::clock::{Clock, RealClock, ScaledClock};
use crate::base::event::{IncidentId, Instant};
use crate::base::schedule::zone;
use crate::base::secret::Secrets;
use crate::domain::runbook::model::Plan;
use crate::engine::tail::{Appended, Tail};
use crate::engine::{EngineError, Stopped};
use crate::journal::heard::Heard;
use crate::step::Executors;
use crate::view::time;

/// How long a crash waits for what the bot was just sending to arrive, where it is to arrive.
const ARRIVES_WITHIN: TimeDelta = TimeDelta::seconds(30);

/// What of a rehearsal can be seen by others in this process while it is played. They may write there, too.
#[derive(Clone)]
pub struct Scene {
    /// The journal.
    pub journal: Arc<Heard>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The incident.
    pub incident: IncidentId,
}

/// Who looks on while it is played.
pub struct Audience<'a> {
    /// Whose part is left to a person: nobody plays it.
    pub plays: Option<String>,
    /// Is shown the scene once the incident is declared; gives lines for people.
    pub enters: &'a mut (dyn FnMut(Scene) -> Vec<String> + Send),
}

/// A rehearsal that is set up: its world listens from [`Live::play`] on.
pub struct Live {
    loaded: Loaded,
    plan: Plan,
    secrets: Secrets,
    speed: u32,
    doors: Doors,
}

/// Where a world is reached: sites by origin, Railway, Redis servers by target.
struct Doors {
    sites: Vec<(String, Door)>,
    railway: Option<Door>,
    redis: Vec<(String, Door)>,
}

/// Sets a scenario up for real sockets. Inside a tokio runtime with its I/O and timers enabled.
///
/// # Errors
/// The files that it names cannot be read or have faults; what it says cannot be had over sockets; there is no free port.
pub fn set_up(loaded: &Loaded, speed: u32) -> Result<Live, RehearsalError> {
    let mut loaded = loaded.clone();
    if let Some(why) = places::impossible(&loaded.scenario) {
        return Err(ScenarioError::of(&loaded.path, why).into());
    }
    let cannot = |error| RehearsalError::NoSocket(format!("no port of the loopback address can be had: {error}"));
    let door = || Door::new().map_err(cannot);
    let origins = places::origins(&loaded.scenario).into_iter();
    let sites = origins.map(|origin| Ok((origin, door()?))).collect::<Result<Vec<_>, RehearsalError>>()?;
    let targets = loaded.scenario.world.redis.keys().cloned();
    let redis = targets.map(|target| Ok((target, door()?))).collect::<Result<Vec<_>, RehearsalError>>()?;
    let railway = (!loaded.scenario.world.services.is_empty()).then(door).transpose()?;
    let at: Vec<(String, SocketAddr)> = sites.iter().map(|(origin, door)| (origin.clone(), door.address)).collect();
    let servers: BTreeMap<String, SocketAddr> = redis.iter().map(|(name, door)| (name.clone(), door.address)).collect();
    let moved = places::moved(&at, &servers);
    places::relocate(&mut loaded.scenario, &moved);
    let (plan, secrets) = prepare::prepare_moved(&loaded, &moved)?;
    Ok(Live { loaded, plan, secrets, speed, doors: Doors { sites, railway, redis } })
}

impl Live {
    /// What is played, and where its world is: lines for people.
    #[must_use]
    pub fn head(&self) -> Vec<String> {
        let sites = self.doors.sites.iter().map(|(origin, door)| format!("{origin} at http://{}", door.address));
        let railway =
            self.doors.railway.iter().map(|door| format!("Railway at http://{}{}", door.address, railway::PATH));
        let redis = self.doors.redis.iter().map(|(target, door)| format!("Redis ({target}) at {}", door.address));
        let all: Vec<String> = sites.chain(railway).chain(redis).collect();
        let mut served = format!("served, {} times as fast: {}", self.speed, all.join(", "));
        if !self.loaded.scenario.world.commands.is_empty() {
            served.push_str("; programs are not started, their output is scripted");
        }
        let scenario = &self.loaded.scenario;
        vec![
            format!("{}: {}", self.loaded.name, scenario.title),
            about(&self.plan, scenario.start, self.zone()),
            served,
        ]
    }

    fn zone(&self) -> Tz {
        zone(&self.plan.inventory.zone).unwrap_or(Tz::UTC)
    }

    /// The people of the scenario, by name.
    #[must_use]
    pub fn people(&self) -> BTreeSet<&str> {
        let scenario = &self.loaded.scenario;
        scenario.people.iter().map(|part| part.who.as_str()).chain([scenario.by.as_str()]).collect()
    }

    /// Plays it. `tell` gets a line for each thing that happens, as it happens.
    ///
    /// # Errors
    /// See [`RehearsalError`].
    pub async fn play(self, tell: &mut (dyn FnMut(&str) + Send)) -> Result<Played, RehearsalError> {
        let nobody = Audience { plays: None, enters: &mut |_| Vec::new() };
        self.play_before(nobody, tell).await
    }

    /// Plays it before somebody who may take part.
    ///
    /// # Errors
    /// See [`RehearsalError`].
    pub async fn play_before(
        self,
        audience: Audience<'_>,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Played, RehearsalError> {
        let zone = self.zone();
        let Self { loaded, plan, secrets, speed, doors } = self;
        let scenario = &loaded.scenario;
        let clock = ScaledClock::starting_at(scenario.start, speed, Arc::new(RealClock::default()));
        let setting_up = clock.brake();
        let world = ScriptedWorld::new(scenario, Arc::new(clock.clone()));
        let served = Arc::new(doors.served());
        let opened = Opened(Tasks::default());
        doors.open(scenario, &plan, &world, &clock, &opened.0);
        let executors = start_bot(&world, &clock, &served, &secrets);
        // The connections from before the incident; a server that kept none refuses them as it does any other.
        executors.hold(&plan.inventory).await;
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let stage = Stage::set(scenario, &plan, shared.clone(), world.clone(), audience.plays).await?;
        let scene = Scene { journal: stage.journal.clone(), clock: shared, incident: stage.incident.clone() };
        (audience.enters)(scene).iter().for_each(|line| tell(line));
        let head = stage.engine.journal().head().await.map_err(EngineError::from)?;
        let tail = stage.engine.tail(head.pos, &stage.journal).await?;
        drop(setting_up);
        let tries = Tries::default();
        let mut player = Player { stage, world, clock, served, secrets, zone, tries, tail, tell };
        let ended = player.run_processes(executors).await?;
        player.epilogue().await?;
        let performance = player.stage.conclude(ended).await?;
        finish(&loaded, &plan, &performance)
    }
}

impl Doors {
    /// What the bot may reach.
    fn served(&self) -> Served {
        let doors = self.sites.iter().map(|(_, door)| door).chain(&self.railway);
        let endpoint = |door: &Door| format!("http://{}{}", door.address, railway::PATH);
        Served {
            hosts: doors.map(|door| (door.address.ip().to_string(), door.address.port())).collect(),
            redis: self.redis.iter().map(|(target, _)| target.clone()).collect(),
            railway: self.railway.as_ref().map_or(String::new(), endpoint),
        }
    }

    /// Listens at all of them until `tasks` end.
    fn open(self, scenario: &Scenario, plan: &Plan, world: &ScriptedWorld, clock: &ScaledClock, tasks: &Tasks) {
        let keep = |door: Door, service: Option<String>, hangs_up: bool, visit: Visit| {
            tasks.begin(door.keep(world.clone(), clock.clone(), service, hangs_up, visit));
        };
        for (_, door) in self.sites {
            let origin = format!("http://{}", door.address);
            let at = |site: &&Site| site.url.as_deref().and_then(Url::of).is_some_and(|url| url.origin == origin);
            let mut behind = scenario.world.sites.values().filter(at);
            // Sites that share an address may have different services: then each request is looked at by itself.
            let first = behind.next().and_then(|site| site.served_by.clone());
            let service = first.filter(|first| behind.all(|site| site.served_by.as_ref() == Some(first)));
            keep(door, service, false, http::site(world.clone(), clock.clone(), origin.clone(), tasks));
        }
        if let Some(door) = self.railway {
            keep(door, None, false, railway::railway(world.clone(), clock.clone(), &plan.inventory, tasks));
        }
        for (target, door) in self.redis {
            let spec = scenario.world.redis.get(&target);
            let (kept, service) = spec.map_or((false, None), |server| (server.kept, server.served_by.clone()));
            let server = redis::Server::new(world.clone(), clock.clone(), target, kept);
            keep(door, service, true, server.visit());
        }
    }
}

/// What was opened for a world; all of it ends with this.
struct Opened(Tasks);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What a bot that was just started has: clients without any connection.
fn start_bot(world: &ScriptedWorld, clock: &ScaledClock, served: &Arc<Served>, secrets: &Secrets) -> Executors {
    Executors::new(reach::ports(world, clock, served), secrets.clone(), Arc::new(clock.clone()))
}

/// Plays as time passes.
struct Player<'t> {
    stage: Stage,
    world: ScriptedWorld,
    clock: ScaledClock,
    served: Arc<Served>,
    secrets: Secrets,
    zone: Tz,
    tries: Tries,
    tail: Tail,
    tell: &'t mut (dyn FnMut(&str) + Send),
}

/// What ended a wait.
enum Woken {
    Stopped(Stopped),
    /// The driver has news, or somebody is due.
    Due,
    Appended(Vec<Appended>),
}

/// The driver goes on until it waits for something. What it computes takes as long as ever, so time passes slowly.
fn think(
    clock: &ScaledClock,
    driving: &mut Driving<'_>,
    context: &mut Context<'_>,
) -> Poll<Result<Stopped, EngineError>> {
    let _brake = clock.brake();
    driving.poll_unpin(context)
}

type Driving<'a> = BoxFuture<'a, Result<Stopped, EngineError>>;

impl Player<'_> {
    /// Drives the run in one process after another until it is over or cannot go on.
    async fn run_processes(&mut self, mut executors: Executors) -> Result<Ended, RehearsalError> {
        loop {
            match self.run_process(&executors).await? {
                Driven::Stopped(Stopped::Over(_)) => return Ok(Ended::Over),
                Driven::Stopped(Stopped::NeedsHuman) | Driven::NeedsHuman => return Ok(Ended::NeedsHuman),
                Driven::Stuck => return Ok(Ended::Stuck),
                Driven::Stopped(Stopped::Paused | Stopped::Left) => {
                    if !self.wait_for_people().await? {
                        return Ok(Ended::NeedsHuman);
                    }
                }
                Driven::Crashed(crash) => {
                    // Its connections die with it.
                    drop(executors);
                    let (now, remark) = self.stage.died(&crash);
                    self.say(now, &remark);
                    self.pass_until(now + crash.down_for.delta()).await?;
                    executors = start_bot(&self.world, &self.clock, &self.served, &self.secrets);
                }
            }
        }
    }

    async fn run_process(&mut self, executors: &Executors) -> Result<Driven, EngineError> {
        let (commands, wishes) = mpsc::unbounded();
        let (engine, run) = (self.stage.engine.clone(), self.stage.run.clone());
        let (options, ear) = (self.stage.next_process(), self.stage.ear.clone());
        let mut driving: Driving<'_> =
            async move { engine.drive(&run, executors, &options, wishes, &ear).await }.boxed();
        loop {
            // Until nothing moves: what the driver wrote down, who acts because of it, what the driver makes of that.
            let stopped = poll_fn(|context| Poll::Ready(think(&self.clock, &mut driving, context))).await;
            let heard = self.listen();
            if let (Some(crash), _) = &heard {
                self.let_it_arrive(&mut driving, crash).await;
                return Ok(Driven::Crashed(crash.clone()));
            }
            if let Poll::Ready(stopped) = stopped {
                return stopped.map(Driven::Stopped);
            }
            if self.stage.let_people_act(Some(&commands)).await? || heard.1 {
                continue;
            }
            if self.stage.waits_in_vain() {
                return Ok(Driven::NeedsHuman);
            }
            if self.clock.now() - self.stage.start > LONGEST {
                self.stage.troubles.push("it went on for a week without coming to an end".to_owned());
                return Ok(if self.stage.waits() { Driven::NeedsHuman } else { Driven::Stuck });
            }
            match self.wait(&mut driving).await? {
                Woken::Stopped(stopped) => {
                    self.stage.catch_up().await?;
                    self.listen();
                    return Ok(Driven::Stopped(stopped));
                }
                Woken::Appended(news) => self.stage.hear(news, Some(&commands)),
                Woken::Due => {}
            }
        }
    }

    /// Until the driver has news or stops, somebody is due, or somebody wrote something down who is no part of this.
    async fn wait(&mut self, driving: &mut Driving<'_>) -> Result<Woken, EngineError> {
        let Self { stage, clock, tail, .. } = self;
        let due = [stage.cast.next(), stage.patience()].into_iter().flatten().min();
        let mut due = clock.sleep_until(due.unwrap_or(clock.now() + LONGEST));
        let mut appended = tail.next(&stage.engine).boxed();
        poll_fn(|context| {
            if let Poll::Ready(stopped) = think(clock, driving, context) {
                return Poll::Ready(stopped.map(Woken::Stopped));
            }
            // Of what happens to the run only the driver brings news, and it was polled just now.
            if stage.ear.has_news() || due.poll_unpin(context).is_ready() {
                return Poll::Ready(Ok(Woken::Due));
            }
            appended.poll_unpin(context).map_ok(Woken::Appended)
        })
        .await
    }

    /// The bot is to die: where what it was just sending is to arrive, it lives on until that is on its way.
    async fn let_it_arrive(&self, driving: &mut Driving<'_>, crash: &Crash) {
        if !crash.done {
            return;
        }
        let mut changes = self.world.watch();
        let mut late = self.clock.sleep_until(self.clock.now() + ARRIVES_WITHIN);
        poll_fn(|context| {
            // What arrived is seen before the driver hears of an answer.
            while changes.poll_next_unpin(context).is_ready() {}
            if self.world.is_sent_something() || self.stage.ear.has_news() || late.poll_unpin(context).is_ready() {
                return Poll::Ready(());
            }
            think(&self.clock, driving, context).map(drop)
        })
        .await;
    }

    /// Hears what was written down, and tells it. The crash that follows, and whether there was anything.
    fn listen(&mut self) -> (Option<Crash>, bool) {
        let heard = self.stage.listen();
        for entry in &heard.entries {
            if let Some(sentence) = self.tries.tell(entry) {
                self.say(entry.at, &sentence);
            }
        }
        (heard.crash, !heard.entries.is_empty())
    }

    fn say(&mut self, at: Instant, sentence: &str) {
        (self.tell)(&format!("{}  {sentence}", time::clock(at, self.zone)));
    }

    /// Lets time pass while nobody drives. People may act from elsewhere.
    async fn pass_until(&mut self, until: Instant) -> Result<(), EngineError> {
        loop {
            self.listen();
            if self.stage.let_people_act(None).await? {
                continue;
            }
            if self.clock.now() >= until {
                return Ok(());
            }
            let next = self.stage.cast.next().map_or(until, |next| next.min(until));
            self.pass(next).await?;
        }
    }

    /// Lets time pass until then, or until somebody wrote something down; nobody drives. Whether somebody did.
    async fn pass(&mut self, until: Instant) -> Result<bool, EngineError> {
        let Self { stage, clock, tail, .. } = self;
        let appended = tail.next(&stage.engine);
        let news = match select(clock.sleep_until(until), std::pin::pin!(appended)).await {
            Either::Left(_) => return Ok(false),
            Either::Right((news, _)) => news?,
        };
        stage.hear(news, None);
        Ok(stage.ear.has_news())
    }

    /// Nobody drives, and only people can go on. Whether one did something.
    async fn wait_for_people(&mut self) -> Result<bool, EngineError> {
        self.listen();
        loop {
            let next = [self.stage.cast.next(), self.stage.patience()].into_iter().flatten().min();
            let Some(next) = next else { return Ok(false) };
            if self.pass(next).await? {
                self.listen();
                return Ok(true);
            }
            if self.clock.now() < next {
                continue;
            }
            if self.stage.let_people_act(None).await? {
                self.listen();
                return Ok(true);
            }
        }
    }

    /// What people do when the run is over: ticks, the resolution of the incident.
    async fn epilogue(&mut self) -> Result<(), EngineError> {
        // A person's part is over with the incident, the scenario's people still have theirs.
        while (self.stage.cast.next().is_some() || !self.stage.is_resolved().await?) && self.wait_for_people().await? {}
        Ok(())
    }
}
