//! Plays a scenario: the real engine and the real executors in a scripted world, in virtual time, on one thread.
//!
//! Lives here: the loop (run until nothing moves, then let time pass to the next moment somebody waits for), crashes, people
//! reaching the bot, and when it is over. Never lives here: the world, the people, what was expected.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use futures::channel::mpsc;
use futures::executor::{LocalPool, block_on};
use futures::task::LocalSpawnExt;

use super::cast::{Cast, Wish};
use super::entry::Entry;
use super::scenario::{Crash, Fault, Scenario};
use super::world::{Acts, ScriptedWorld};
use crate::base::clock::{Clock, VirtualClock};
use crate::base::event::{Actor, IncidentId, Instant, Person, Recorded, RunId};
use crate::base::schedule::zone;
use crate::base::secret::Secrets;
use crate::domain::incident::decide::Command as IncidentCommand;
use crate::domain::run::input::Refusal;
use crate::domain::run::state::State;
use crate::domain::run::work::next_deadline;
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;
use crate::engine::{DriveOptions, Engine, EngineError, Message, Observer, Open, Stopped};
use crate::journal::memory::MemoryJournal;
use crate::step::Executors;
use crate::view::sentence::Wording;

/// Longer than this no scenario goes on.
const LONGEST: TimeDelta = TimeDelta::days(7);
/// Times that a clock is moved in one scenario, at most: a world in which something happens for ever at one moment.
const MOST_MOVES: u32 = 2_000_000;

/// What came of a scenario.
pub(super) struct Performance {
    pub run: State,
    pub facts: Vec<Recorded<Fact>>,
    pub acts: Acts,
    pub states: std::collections::BTreeMap<String, String>,
    pub start: Instant,
    pub end: Instant,
    /// The journal's head, `pos:hash`.
    pub anchor: String,
    /// Whether the run is over; otherwise it waits for a person, or for nothing.
    pub ended: Ended,
    /// What is not in the journal: crashes.
    pub remarks: Vec<(u64, Instant, String)>,
    /// What went otherwise than the scenario says, without looking at what it expects.
    pub troubles: Vec<String>,
}

/// How a scenario came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Over,
    NeedsHuman,
    /// Nothing can ever happen, or it would go on for ever.
    Stuck,
}

/// What the driver tells while it runs.
#[derive(Default)]
struct Told {
    facts: Vec<Recorded<Fact>>,
    state: Option<State>,
    refused: Vec<String>,
    troubles: Vec<String>,
}

#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Told>>);

impl Ear {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Ear {
    fn found(&self, state: &State) {
        self.told().state = Some(state.clone());
    }

    fn events(&self, state: &State, events: &[Recorded<Fact>]) {
        let mut told = self.told();
        told.state = Some(state.clone());
        told.facts.extend_from_slice(events);
    }

    fn refused(&self, refusal: &Refusal) {
        self.told().refused.push(refusal.to_string());
    }

    fn trouble(&self, text: &str) {
        self.told().troubles.push(text.to_owned());
    }
}

type Outcome = Rc<RefCell<Option<Result<Stopped, EngineError>>>>;

/// A process that drives the run. Dropping it is a crash.
struct Process {
    pool: LocalPool,
    commands: mpsc::UnboundedSender<Message>,
    outcome: Outcome,
}

/// The stage on which a scenario is played.
struct Stage {
    clock: VirtualClock,
    engine: Engine,
    executors: Executors,
    world: ScriptedWorld,
    cast: Cast,
    ear: Ear,
    wording: Wording,
    run: RunId,
    incident: IncidentId,
    start: Instant,
    crashes: Vec<(Crash, u32)>,
    processes: u32,
    moves: u32,
    /// Deadlines that passed in silence since somebody last said something.
    silent: u32,
    last_pos: u64,
    remarks: Vec<(u64, Instant, String)>,
    troubles: Vec<String>,
}

/// Plays a scenario with a plan.
///
/// # Errors
/// The engine: a defect, since journal and world are in memory.
pub(super) fn play(scenario: &Scenario, plan: &Plan, secrets: Secrets) -> Result<Performance, EngineError> {
    let clock = VirtualClock::starting_at(scenario.start);
    let journal = Arc::new(MemoryJournal::new(scenario.seed));
    let engine = Engine::new(journal, Arc::new(clock.clone()));
    let world = ScriptedWorld::new(scenario, clock.clone());
    let executors = Executors::new(world.ports(), secrets, Arc::new(clock.clone()));
    let by = Actor::Person { name: Person::new(&scenario.by), door: "rehearsal".to_owned(), login: None };
    let ear = Ear::default();
    let start = clock.now();
    let (incident, run) = block_on(open(&engine, plan, scenario, &by, &ear))?;
    let mut wording = Wording::new(zone(&plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC));
    wording.know(&run, plan);
    let crashes = scenario.faults.iter().filter_map(|fault| match fault {
        Fault::Crash(crash) => Some((crash.clone(), 0)),
        Fault::Call(_) => None,
    });
    let stage = Stage {
        cast: Cast::new(&scenario.people, plan),
        clock,
        engine,
        executors,
        world,
        ear,
        wording,
        run,
        incident,
        start,
        crashes: crashes.collect(),
        processes: 0,
        moves: 0,
        silent: 0,
        last_pos: 0,
        remarks: Vec::new(),
        troubles: Vec::new(),
    };
    stage.perform()
}

async fn open(
    engine: &Engine,
    plan: &Plan,
    scenario: &Scenario,
    by: &Actor,
    ear: &Ear,
) -> Result<(IncidentId, RunId), EngineError> {
    let now = engine.clock().now();
    let started = scenario.impact_began.map(|ago| now - ago.delta());
    let declare = IncidentCommand::Declare {
        title: plan.title.clone(),
        severity: plan.severity,
        environment: Some(plan.inventory.environment.clone()),
        zone: Some(plan.inventory.zone.clone()),
        started,
        detected: None,
    };
    let (incident, facts) = engine.declare(by, declare).await?;
    ear.told().facts.extend(facts);
    let open = Open {
        incident: incident.clone(),
        incident_started: started.unwrap_or(now),
        by: by.clone(),
        from: None,
        approves: scenario.approves.clone(),
        follow_up: false,
    };
    let run = engine.open_run(plan, open).await?;
    let attach = IncidentCommand::AttachRun { run: run.clone(), runbook: plan.runbook.clone() };
    engine.incident_command(&incident, by, None, attach).await?;
    // What was opened before anyone listened: told in order, with what followed.
    let facts = engine.timeline(&incident).await?;
    ear.told().facts = facts;
    Ok((incident, run))
}

impl Stage {
    fn perform(mut self) -> Result<Performance, EngineError> {
        let mut ended = self.run_processes()?;
        self.epilogue()?;
        let run = block_on(self.engine.run_state(&self.run))?;
        if run.is_over() {
            ended = Ended::Over;
        }
        self.troubles.extend(self.cast.unused());
        self.troubles.extend(self.world.complaints());
        for (crash, seen) in &self.crashes {
            if *seen < crash.nth {
                self.troubles.push(format!("the bot was to crash after {} and never did", crash.after));
            }
        }
        let head = block_on(self.engine.journal().head())?;
        Ok(Performance {
            run,
            anchor: format!("{}:{}", head.pos, hex::encode(head.hash)),
            facts: block_on(self.engine.timeline(&self.incident))?,
            acts: self.world.acts(),
            states: self.world.states(),
            start: self.start,
            end: self.clock.now(),
            ended,
            remarks: self.remarks,
            troubles: self.troubles,
        })
    }

    /// Drives the run in one process after another until it is over or cannot go on.
    fn run_processes(&mut self) -> Result<Ended, EngineError> {
        loop {
            let mut process = self.start_process();
            match self.drive(&mut process)? {
                Driven::Stopped(Stopped::Over(_)) => return Ok(Ended::Over),
                Driven::Stopped(Stopped::NeedsHuman) | Driven::NeedsHuman => return Ok(Ended::NeedsHuman),
                Driven::Stuck => return Ok(Ended::Stuck),
                Driven::Stopped(Stopped::Paused | Stopped::Left) => {
                    drop(process);
                    if !self.wait_for_people()? {
                        return Ok(Ended::NeedsHuman);
                    }
                }
                Driven::Crashed(crash) => {
                    drop(process);
                    self.world.bot_died(crash.done);
                    let now = self.clock.now();
                    self.remarks.push((
                        self.last_pos,
                        now,
                        format!("(the bot dies, and is back in {})", crash.down_for),
                    ));
                    self.pass_until(now + crash.down_for.delta())?;
                }
            }
        }
    }

    fn start_process(&mut self) -> Process {
        self.processes += 1;
        let pool = LocalPool::new();
        let (commands, wishes) = mpsc::unbounded();
        let outcome: Outcome = Rc::default();
        let (engine, run, executors) = (self.engine.clone(), self.run.clone(), self.executors.clone());
        let (ear, done) = (self.ear.clone(), Rc::clone(&outcome));
        let options = DriveOptions { process: format!("rehearsal:{}", self.processes), poll: None, until_human: false };
        let driving = async move {
            let stopped = engine.drive(&run, &executors, &options, wishes, &ear).await;
            *done.borrow_mut() = Some(stopped);
        };
        // Spawning fails only on a pool that is gone; this one is not.
        if let Err(error) = pool.spawner().spawn_local(driving) {
            self.troubles.push(format!("the driver could not be started: {error}"));
        }
        Process { pool, commands, outcome }
    }

    fn drive(&mut self, process: &mut Process) -> Result<Driven, EngineError> {
        loop {
            process.pool.run_until_stalled();
            if let Some(crash) = self.listen() {
                return Ok(Driven::Crashed(crash));
            }
            if let Some(stopped) = process.outcome.borrow_mut().take() {
                return stopped.map(Driven::Stopped);
            }
            if self.let_people_act(Some(&process.commands))? {
                continue;
            }
            if self.waits_in_vain() {
                return Ok(Driven::NeedsHuman);
            }
            if !self.let_time_pass() {
                return Ok(if self.waits() { Driven::NeedsHuman } else { Driven::Stuck });
            }
        }
    }

    /// Hears what was written down since last time: the world and the people may follow from it, or a crash.
    fn listen(&mut self) -> Option<Crash> {
        let (facts, refused, troubles) = {
            let mut told = self.ear.told();
            (std::mem::take(&mut told.facts), std::mem::take(&mut told.refused), std::mem::take(&mut told.troubles))
        };
        self.troubles.extend(refused.into_iter().map(|refusal| format!("the bot refused: {refusal}")));
        self.troubles.extend(troubles);
        let mut crashed = None;
        for recorded in &facts {
            self.last_pos = self.last_pos.max(recorded.pos);
            let entry = Entry::of(recorded, &mut self.wording);
            self.world.observe(&entry.kind, entry.step.as_deref(), recorded.at);
            self.cast.observe(&recorded.event, &entry);
            if matches!(entry.kind.as_str(), "approval.expired" | "question.overdue" | "run.overdue") {
                self.silent += 1;
            }
            for (crash, seen) in &mut self.crashes {
                let fits = crash.after == entry.kind
                    && (crash.step.is_none() || crash.step.as_deref() == entry.step.as_deref());
                *seen += u32::from(fits);
                if fits && *seen == crash.nth {
                    crashed = Some(crash.clone());
                }
            }
        }
        crashed
    }

    /// Whoever is due acts: at the driver's door, or from elsewhere when nobody drives. Whether anyone did.
    fn let_people_act(&mut self, door: Option<&mpsc::UnboundedSender<Message>>) -> Result<bool, EngineError> {
        let Some((index, actor, wish)) = self.cast.take(self.clock.now()) else { return Ok(false) };
        self.silent = 0;
        let outcome = match (wish, door) {
            (Wish::Nothing, _) => Ok(Vec::new()),
            (Wish::Impossible(why), _) => {
                self.troubles.push(format!("{}: {why}", self.cast.describe(index)));
                Ok(Vec::new())
            }
            (Wish::Run(command), Some(door)) => {
                let sent = door.unbounded_send(Message::Said(actor, command));
                if sent.is_err() {
                    self.troubles.push(format!("{}: nobody drives any more", self.cast.describe(index)));
                }
                Ok(Vec::new())
            }
            (Wish::Run(command), None) => block_on(self.engine.command(&self.run, &actor, command)),
            (Wish::Incident(command), _) => {
                block_on(self.engine.incident_command(&self.incident, &actor, None, command))
            }
        };
        match outcome {
            Ok(facts) => self.ear.told().facts.extend(facts),
            Err(refused @ (EngineError::Refused(_) | EngineError::IncidentRefused(_))) => {
                self.troubles.push(format!("{}: refused: {refused}", self.cast.describe(index)));
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Moves to the next moment that somebody waits for, a scripted person counted. `false`: there is none.
    fn let_time_pass(&mut self) -> bool {
        self.moves += 1;
        if self.moves > MOST_MOVES || self.clock.now() - self.start > LONGEST {
            self.troubles.push("it went on for a week without coming to an end".to_owned());
            return false;
        }
        // A sleeper of our own makes the clock stop where a person acts. Nobody polls it again: whoever drives is polled
        // after every step of the clock.
        let mut pool = LocalPool::new();
        if let Some(next) = self.cast.next() {
            let sleep = self.clock.sleep_until(next);
            if pool.spawner().spawn_local(sleep).is_err() {
                return false;
            }
            pool.run_until_stalled();
        }
        self.clock.advance()
    }

    /// Lets time pass while nobody drives. People may act from elsewhere.
    fn pass_until(&mut self, until: Instant) -> Result<(), EngineError> {
        let mut pool = LocalPool::new();
        while self.clock.now() < until {
            self.listen();
            if self.let_people_act(None)? {
                continue;
            }
            if pool.spawner().spawn_local(self.clock.sleep_until(until)).is_err() {
                break;
            }
            pool.run_until_stalled();
            if !self.let_time_pass() {
                break;
            }
        }
        Ok(())
    }

    /// Nobody drives, and only people can go on. Whether one did something.
    fn wait_for_people(&mut self) -> Result<bool, EngineError> {
        self.listen();
        let Some(next) = self.cast.next() else { return Ok(false) };
        self.pass_until(next)?;
        self.let_people_act(None)
    }

    /// What people do when the run is over: ticks, the resolution of the incident.
    fn epilogue(&mut self) -> Result<(), EngineError> {
        while self.wait_for_people()? {}
        Ok(())
    }

    fn waits(&self) -> bool {
        self.ear.told().state.as_ref().is_some_and(State::waits_for_human)
    }

    /// Whether only a person can go on, none will, and no deadline can change that.
    fn waits_in_vain(&self) -> bool {
        let told = self.ear.told();
        let Some(state) = told.state.as_ref().filter(|state| state.waits_for_human()) else { return false };
        self.cast.next().is_none() && (self.silent > 0 || next_deadline(state).is_none())
    }
}

/// What came of one process.
enum Driven {
    Stopped(Stopped),
    Crashed(Crash),
    NeedsHuman,
    Stuck,
}
