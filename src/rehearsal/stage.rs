//! What a scenario is played on, however time passes there.
//!
//! Lives here: the engine, the world and the people of one rehearsal; hearing what was written down, people reaching the bot,
//! and what came of it all. Never lives here: how time passes (`play`: virtually; `live`: on the wall, scaled).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use futures::channel::mpsc;

use super::cast::{Cast, Wish};
use super::entry::Entry;
use super::scenario::{Crash, Fault, Scenario};
use super::world::{Acts, ScriptedWorld};
use crate::base::clock::Clock;
use crate::base::event::{Actor, IncidentId, Instant, Person, Recorded, RunId};
use crate::base::schedule::zone;
use crate::domain::incident::decide::Command as IncidentCommand;
use crate::domain::run::input::Refusal;
use crate::domain::run::state::State;
use crate::domain::run::work::next_deadline;
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;
use crate::engine::tail::Appended;
use crate::engine::{DriveOptions, Engine, EngineError, Message, Observer, Open, Stopped};
use crate::journal::heard::Heard;
use crate::journal::memory::MemoryJournal;
use crate::view::sentence::Wording;

/// The door of the scenario's people. Whoever comes through another one is a person.
pub(super) const DOOR: &str = "rehearsal";

/// Longer than this no scenario goes on.
pub(super) const LONGEST: TimeDelta = TimeDelta::days(7);

/// How long a person whose part is left to them is waited for when nothing happens.
const PATIENCE: TimeDelta = TimeDelta::hours(4);

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
    /// Whose part was left to a person.
    pub left_to: Option<String>,
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

/// Hears what the driver tells.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<Mutex<Told>>);

impl Ear {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something was told that nobody has listened to yet.
    pub fn has_news(&self) -> bool {
        let told = self.told();
        !(told.facts.is_empty() && told.refused.is_empty() && told.troubles.is_empty())
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

/// The stage on which a scenario is played.
pub(super) struct Stage {
    pub clock: Arc<dyn Clock>,
    pub engine: Engine,
    pub world: ScriptedWorld,
    pub cast: Cast,
    pub ear: Ear,
    pub run: RunId,
    pub start: Instant,
    pub troubles: Vec<String>,
    wording: Wording,
    pub incident: IncidentId,
    crashes: Vec<(Crash, u32)>,
    processes: u32,
    /// Deadlines that passed in silence since somebody last said something.
    silent: u32,
    last_pos: u64,
    remarks: Vec<(u64, Instant, String)>,
    /// Where people append who are no part of the scenario.
    pub journal: Arc<Heard>,
    /// Whose part is left to a person.
    left_to: Option<String>,
    /// The numbers of the facts that were listened to.
    known: BTreeSet<u64>,
    /// When something was written down last.
    last_at: Instant,
}

/// What was heard since last time.
#[derive(Default)]
pub(super) struct News {
    pub entries: Vec<Entry>,
    /// The bot is to crash now.
    pub crash: Option<Crash>,
}

/// What came of one process.
pub(super) enum Driven {
    Stopped(Stopped),
    Crashed(Crash),
    NeedsHuman,
    Stuck,
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
    /// Declares the incident and opens the run in a journal of its own. The world begins now.
    ///
    /// # Errors
    /// The engine: a defect, since the journal is in memory.
    pub async fn set(
        scenario: &Scenario,
        plan: &Plan,
        clock: Arc<dyn Clock>,
        world: ScriptedWorld,
        left_to: Option<String>,
    ) -> Result<Self, EngineError> {
        let journal = Arc::new(Heard::new(Arc::new(MemoryJournal::new(scenario.seed)), clock.clone()));
        let engine = Engine::new(journal.clone(), clock.clone());
        let by = Actor::Person { name: Person::new(&scenario.by), door: DOOR.to_owned(), login: None };
        let ear = Ear::default();
        let start = clock.now();
        let (incident, run) = open(&engine, plan, scenario, &by, &ear).await?;
        let mut wording = Wording::new(zone(&plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC));
        wording.know(&run, plan);
        let crashes = scenario.faults.iter().filter_map(|fault| match fault {
            Fault::Crash(crash) => Some((crash.clone(), 0)),
            Fault::Call(_) => None,
        });
        Ok(Self {
            cast: Cast::new(&scenario.people, plan, left_to.as_deref()),
            clock,
            engine,
            world,
            ear,
            wording,
            run,
            incident,
            start,
            crashes: crashes.collect(),
            processes: 0,
            silent: 0,
            last_pos: 0,
            remarks: Vec::new(),
            troubles: Vec::new(),
            journal,
            left_to,
            known: BTreeSet::new(),
            last_at: start,
        })
    }

    /// How the next process drives.
    pub fn next_process(&mut self) -> DriveOptions<'static> {
        self.processes += 1;
        DriveOptions {
            process: format!("rehearsal:{}", self.processes),
            poll: None,
            until_human: false,
            standing: None,
        }
    }

    /// The bot is dead: what was on its way arrives or does not. Gives what is said about it.
    pub fn died(&mut self, crash: &Crash) -> (Instant, String) {
        self.world.bot_died(crash.done);
        let (now, remark) = (self.clock.now(), format!("(the bot dies, and is back in {})", crash.down_for));
        self.remarks.push((self.last_pos, now, remark.clone()));
        (now, remark)
    }

    /// What came of it all.
    ///
    /// # Errors
    /// The engine.
    pub async fn conclude(mut self, mut ended: Ended) -> Result<Performance, EngineError> {
        let run = self.engine.run_state(&self.run).await?;
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
        let head = self.engine.journal().head().await?;
        Ok(Performance {
            run,
            anchor: format!("{}:{}", head.pos, hex::encode(head.hash)),
            facts: self.engine.timeline(&self.incident).await?,
            acts: self.world.acts(),
            states: self.world.states(),
            start: self.start,
            end: self.clock.now(),
            ended,
            remarks: self.remarks,
            troubles: self.troubles,
            left_to: self.left_to,
        })
    }

    /// Hears what was written down since last time: the world and the people may follow from it, or a crash.
    pub fn listen(&mut self) -> News {
        let (facts, refused, troubles) = {
            let mut told = self.ear.told();
            (std::mem::take(&mut told.facts), std::mem::take(&mut told.refused), std::mem::take(&mut told.troubles))
        };
        self.troubles.extend(refused.into_iter().map(|refusal| format!("the bot refused: {refusal}")));
        self.troubles.extend(troubles);
        let mut heard = News::default();
        for recorded in &facts {
            if !self.known.insert(recorded.pos) {
                continue;
            }
            self.last_at = self.last_at.max(recorded.at);
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
                    heard.crash = Some(crash.clone());
                }
            }
            heard.entries.push(entry);
        }
        heard
    }

    /// Whoever is due acts: at the driver's door, or from elsewhere when nobody drives. Whether anyone did.
    ///
    /// # Errors
    /// The engine.
    pub async fn let_people_act(&mut self, door: Option<&mpsc::UnboundedSender<Message>>) -> Result<bool, EngineError> {
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
            (Wish::Run(command), None) => self.engine.command(&self.run, &actor, command).await,
            (Wish::Incident(command), _) => self.engine.incident_command(&self.incident, &actor, None, command).await,
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

    /// Takes in what was appended, by whomever. Of the incident's facts those are news that nobody told yet: what people wrote
    /// down who are no part of the scenario. What they said to the run is the driver's to find, where there is one; it is told
    /// up to where.
    pub fn hear(&mut self, appended: Vec<Appended>, door: Option<&mpsc::UnboundedSender<Message>>) {
        let mut told = self.ear.told();
        for Appended { incident, fact } in appended {
            let is_known = self.known.contains(&fact.pos) || told.facts.iter().any(|one| one.pos == fact.pos);
            if incident.as_ref() != Some(&self.incident) || is_known {
                continue;
            }
            self.silent = 0;
            match (&fact.event, door) {
                (Fact::Run(..), Some(door)) => drop(door.unbounded_send(Message::News(fact.pos))),
                _ => told.facts.push(fact),
            }
        }
    }

    /// Takes in what was written down for the incident and never told: what a person said to the run just when its driver stopped.
    ///
    /// # Errors
    /// The engine.
    pub async fn catch_up(&mut self) -> Result<(), EngineError> {
        let facts = self.engine.timeline(&self.incident).await?;
        let all = facts.into_iter().map(|fact| Appended { incident: Some(self.incident.clone()), fact });
        self.hear(all.collect(), None);
        Ok(())
    }

    /// Until when a person is waited for whose part is left to them; `None` where nobody is, any more.
    pub fn patience(&self) -> Option<Instant> {
        let until = self.left_to.is_some().then(|| self.last_at + PATIENCE);
        until.filter(|until| *until > self.clock.now())
    }

    /// Whether the incident is over.
    ///
    /// # Errors
    /// The engine.
    pub async fn is_resolved(&self) -> Result<bool, EngineError> {
        Ok(!self.engine.incident(&self.incident).await?.status.is_open())
    }

    /// Whether only a person can go on.
    pub fn waits(&self) -> bool {
        self.ear.told().state.as_ref().is_some_and(State::waits_for_human)
    }

    /// Whether only a person can go on, none will, and no deadline can change that.
    pub fn waits_in_vain(&self) -> bool {
        let told = self.ear.told();
        let Some(state) = told.state.as_ref().filter(|state| state.waits_for_human()) else { return false };
        self.cast.next().is_none() && self.patience().is_none() && (self.silent > 0 || next_deadline(state).is_none())
    }
}
