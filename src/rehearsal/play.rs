//! Plays a scenario: the real engine and the real executors in a scripted world, in virtual time, on one thread.
//!
//! Lives here: the loop (run until nothing moves, then let time pass to the next moment somebody waits for), crashes, and
//! when it is over. Never lives here: the world, the people (`stage`), what was expected.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::executor::{LocalPool, block_on};
use futures::task::LocalSpawnExt;

use super::scenario::Scenario;
use super::stage::{Driven, Ended, LONGEST, Performance, Stage};
use super::world::ScriptedWorld;
use crate::base::clock::{Clock, VirtualClock};
use crate::base::event::Instant;
use crate::base::secret::Secrets;
use crate::domain::runbook::model::Plan;
use crate::engine::{EngineError, Message, Stopped};
use crate::step::Executors;

/// Times that a clock is moved in one scenario, at most: a world in which something happens for ever at one moment.
const MOST_MOVES: u32 = 2_000_000;

type Outcome = Rc<RefCell<Option<Result<Stopped, EngineError>>>>;

/// A process that drives the run. Dropping it is a crash.
struct Process {
    pool: LocalPool,
    commands: mpsc::UnboundedSender<Message>,
    outcome: Outcome,
}

/// Plays by moving the clock.
struct Player {
    stage: Stage,
    clock: VirtualClock,
    executors: Executors,
    moves: u32,
}

/// Plays a scenario with a plan.
///
/// # Errors
/// The engine: a defect, since journal and world are in memory.
pub(super) fn play(scenario: &Scenario, plan: &Plan, secrets: Secrets) -> Result<Performance, EngineError> {
    let clock = VirtualClock::starting_at(scenario.start);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let world = ScriptedWorld::new(scenario, shared.clone());
    let executors = Executors::new(world.ports(), secrets, shared.clone());
    let stage = block_on(Stage::set(scenario, plan, shared, world, None))?;
    let mut player = Player { stage, clock, executors, moves: 0 };
    let ended = player.run_processes()?;
    player.epilogue()?;
    block_on(player.stage.conclude(ended))
}

impl Player {
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
                    let (now, _) = self.stage.died(&crash);
                    self.pass_until(now + crash.down_for.delta())?;
                }
            }
        }
    }

    fn start_process(&mut self) -> Process {
        let pool = LocalPool::new();
        let (commands, wishes) = mpsc::unbounded();
        let outcome: Outcome = Rc::default();
        let (engine, run, executors) = (self.stage.engine.clone(), self.stage.run.clone(), self.executors.clone());
        let (ear, done) = (self.stage.ear.clone(), Rc::clone(&outcome));
        let options = self.stage.next_process();
        let driving = async move {
            let stopped = engine.drive(&run, &executors, &options, wishes, &ear).await;
            *done.borrow_mut() = Some(stopped);
        };
        // Spawning fails only on a pool that is gone; this one is not.
        if let Err(error) = pool.spawner().spawn_local(driving) {
            self.stage.troubles.push(format!("the driver could not be started: {error}"));
        }
        Process { pool, commands, outcome }
    }

    fn drive(&mut self, process: &mut Process) -> Result<Driven, EngineError> {
        loop {
            process.pool.run_until_stalled();
            if let Some(crash) = self.stage.listen().crash {
                return Ok(Driven::Crashed(crash));
            }
            if let Some(stopped) = process.outcome.borrow_mut().take() {
                return stopped.map(Driven::Stopped);
            }
            if block_on(self.stage.let_people_act(Some(&process.commands)))? {
                continue;
            }
            if self.stage.waits_in_vain() {
                return Ok(Driven::NeedsHuman);
            }
            if !self.let_time_pass() {
                return Ok(if self.stage.waits() { Driven::NeedsHuman } else { Driven::Stuck });
            }
        }
    }

    /// Moves to the next moment that somebody waits for, a scripted person counted. `false`: there is none.
    fn let_time_pass(&mut self) -> bool {
        self.moves += 1;
        if self.moves > MOST_MOVES || self.clock.now() - self.stage.start > LONGEST {
            self.stage.troubles.push("it went on for a week without coming to an end".to_owned());
            return false;
        }
        // A sleeper of our own makes the clock stop where a person acts. Nobody polls it again: whoever drives is polled
        // after every step of the clock.
        let mut pool = LocalPool::new();
        if let Some(next) = self.stage.cast.next() {
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
            self.stage.listen();
            if block_on(self.stage.let_people_act(None))? {
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
        self.stage.listen();
        let Some(next) = self.stage.cast.next() else { return Ok(false) };
        self.pass_until(next)?;
        block_on(self.stage.let_people_act(None))
    }

    /// What people do when the run is over: ticks, the resolution of the incident.
    fn epilogue(&mut self) -> Result<(), EngineError> {
        while self.wait_for_people()? {}
        Ok(())
    }
}
