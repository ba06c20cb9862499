//! One run as a process holds it: its state, its targets', and where their streams stood when they were read.
//!
//! Load, decide, append; on a conflict reload and decide again; after a failed commit disk decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::drive::Standing;
use super::{CONFLICTS, Engine, EngineError, codec};
use crate::base::event::{Actor, Person, Recorded, RunId, Stream};
use crate::domain::run::decide::{self, Decided, Seat, Targets};
use crate::domain::run::event::{Event, Opened, Output, StepFinished};
use crate::domain::run::input::Input;
use crate::domain::run::state::{Stage, State};
use crate::domain::runbook::model::Plan;
use crate::domain::target::EVERYTHING;
use crate::domain::timeline;
use crate::journal::{AppendError, Batch, Item, Row, Select};

/// Replies up to this size stay in their event; larger ones become blobs.
const INLINE: usize = 64 * 1024;

pub(super) struct Session {
    pub(super) state: State,
    seq: u64,
    read_to: u64,
    targets: Targets,
    target_reads: BTreeMap<String, (u64, u64)>,
}

/// What a run's first event says, and the plan it is pinned to.
pub(super) async fn opened(engine: &Engine, run: &RunId, first: &Row) -> Result<(Opened, Arc<Plan>), EngineError> {
    let lost = |why: String| EngineError::PlanLost { run: run.clone(), why };
    let timeline::Fact::Run(_, Event::Opened(opened)) = codec::recorded(first)?.event else {
        return Err(lost("its first event was erased or is another".into()));
    };
    let bytes = engine.journal.blob(&opened.plan).await?.ok_or_else(|| lost("it was erased".into()))?;
    let plan = serde_json::from_slice(&bytes).map_err(|error| lost(error.to_string()))?;
    Ok((opened, Arc::new(plan)))
}

impl Session {
    pub(super) async fn load(engine: &Engine, run: &RunId) -> Result<Self, EngineError> {
        let rows = engine.rows(Select::Stream(Stream::run(run)), 0).await?;
        let Some((first, rest)) = rows.split_first() else { return Err(EngineError::NoRun(run.clone())) };
        let (opened, plan) = opened(engine, run, first).await?;
        let state = State::open(run.clone(), plan, opened, first.at);
        let names = state.plan.inventory.targets.keys().map(String::as_str).chain([EVERYTHING]);
        let targets = names.map(|name| (name.to_owned(), (0, 0))).collect();
        let mut session = Self { state, seq: 1, read_to: first.pos, targets: Targets::new(), target_reads: targets };
        for row in rest {
            session.fold(row)?;
        }
        session.refresh_targets(engine).await?;
        Ok(session)
    }

    /// The number of the last event of the run that is part of the state. A target's event may be newer.
    pub(super) fn read_to(&self) -> u64 {
        self.read_to
    }

    fn fold(&mut self, row: &Row) -> Result<Recorded<timeline::Fact>, EngineError> {
        let recorded = codec::recorded(row)?;
        if let timeline::Fact::Run(_, event) = &recorded.event {
            self.state.apply(event, row.at)?;
        }
        self.seq = row.seq;
        self.read_to = row.pos;
        Ok(recorded)
    }

    /// Reads what others appended meanwhile.
    pub(super) async fn refresh(&mut self, engine: &Engine) -> Result<Vec<Recorded<timeline::Fact>>, EngineError> {
        let stream = Stream::run(&self.state.id);
        let mut news = Vec::new();
        for row in engine.rows(Select::Stream(stream), self.read_to).await? {
            news.push(self.fold(&row)?);
        }
        self.refresh_targets(engine).await?;
        Ok(news)
    }

    async fn refresh_targets(&mut self, engine: &Engine) -> Result<(), EngineError> {
        for (name, (seq, read_to)) in &mut self.target_reads {
            let stream = Stream::target(&self.state.opened.environment, name);
            for row in engine.rows(Select::Stream(stream), *read_to).await? {
                if let timeline::Fact::Target(_, event) = codec::recorded(&row)?.event {
                    self.targets.entry(name.clone()).or_default().apply(&event, row.at);
                }
                (*seq, *read_to) = (row.seq, row.pos);
            }
        }
        Ok(())
    }

    /// As the driver: decides and writes down, and before anything is sent asks whether whoever agreed to it still may. Where
    /// somebody may not, that is written down instead, and what follows is decided anew.
    pub(super) async fn send(
        &mut self,
        engine: &Engine,
        actor: &Actor,
        input: Input,
        standing: Option<&dyn Standing>,
    ) -> Result<Vec<Recorded<timeline::Fact>>, EngineError> {
        let mut news = Vec::new();
        let agreed = self.state.active().any(|position| {
            let step = &self.state.steps[position];
            !step.permitted_by.is_empty() || matches!(step.stage, Stage::Approval { .. })
        });
        if let Some(standing) = standing.filter(|_| agreed) {
            let decided = decide::decide(&self.state, &self.targets, input.clone(), Seat::Driver, engine.clock.now())?;
            for lapse in self.lapses(&decided, standing) {
                news.extend(self.submit(engine, &Actor::Bot, lapse, Seat::Driver).await?);
            }
        }
        news.extend(self.submit(engine, actor, input, Seat::Driver).await?);
        Ok(news)
    }

    /// Agreements behind what is about to be sent that do not count any more.
    fn lapses(&self, decided: &[Decided], standing: &dyn Standing) -> Vec<Input> {
        let sent = decided.iter().filter_map(|decided| match &decided.fact {
            decide::Fact::Run(Event::AttemptSent(sent)) => self.state.plan.position(&sent.step),
            _ => None,
        });
        let lapse = |position: usize| {
            let step = &self.state.steps[position];
            let agreed = match &step.stage {
                Stage::Approval { given, .. } => given,
                _ => &step.permitted_by,
            };
            let lost = |person: &Person| Some((person.clone(), standing.lost(&self.state, position, person)?));
            let lost: Vec<(Person, String)> = agreed.iter().filter_map(lost).collect();
            let why = lost.first()?.1.clone();
            let persons = lost.into_iter().map(|(person, _)| person).collect();
            Some(Input::Lapse { step: self.state.step(position).id.clone(), persons, why })
        };
        sent.filter_map(lapse).collect()
    }

    /// Decides what follows from `input` and writes it down; what is returned is committed.
    pub(super) async fn submit(
        &mut self,
        engine: &Engine,
        actor: &Actor,
        input: Input,
        seat: Seat,
    ) -> Result<Vec<Recorded<timeline::Fact>>, EngineError> {
        let mut news = Vec::new();
        for _ in 0..CONFLICTS {
            let now = engine.clock.now();
            let decided = decide::decide(&self.state, &self.targets, input.clone(), seat, now)?;
            if decided.is_empty() {
                return Ok(news);
            }
            let (batch, facts) = self.batch(engine, actor, decided, now)?;
            match engine.journal.append(batch, now).await {
                Ok(appended) => {
                    news.extend(self.fold_appended(&appended.rows, facts)?);
                    return Ok(news);
                }
                Err(AppendError::Conflict { .. }) => news.extend(self.refresh(engine).await?),
                Err(error) => return Err(EngineError::NotWritten(error)),
            }
        }
        let busy =
            AppendError::Refused(format!("{} is being changed by others all the time; try again", self.state.id));
        Err(EngineError::NotWritten(busy))
    }

    /// Folds what was just stored. `facts` are the events of the batch in the order of its rows: what was encoded a moment
    /// ago need not be decoded again.
    fn fold_appended(
        &mut self,
        rows: &[Row],
        facts: Vec<timeline::Fact>,
    ) -> Result<Vec<Recorded<timeline::Fact>>, EngineError> {
        let mut news = Vec::with_capacity(rows.len());
        for (row, event) in rows.iter().zip(facts) {
            match &event {
                timeline::Fact::Run(_, event) => {
                    self.state.apply(event, row.at)?;
                    (self.seq, self.read_to) = (row.seq, row.pos);
                }
                timeline::Fact::Target(key, event) => {
                    let name = key.split_once('/').map_or(key.as_str(), |(_, name)| name);
                    self.targets.entry(name.to_owned()).or_default().apply(event, row.at);
                    self.target_reads.insert(name.to_owned(), (row.seq, row.pos));
                }
                timeline::Fact::Incident(..)
                | timeline::Fact::Page(..)
                | timeline::Fact::Alert(..)
                | timeline::Fact::Rota(_)
                | timeline::Fact::Monitor(..)
                | timeline::Fact::Digest(..)
                | timeline::Fact::Session(..)
                | timeline::Fact::Erasure(_)
                | timeline::Fact::Erased { .. } => {}
            }
            news.push(Recorded { pos: row.pos, at: row.at, head: codec::head(row)?, event });
        }
        Ok(news)
    }

    fn batch(
        &self,
        engine: &Engine,
        actor: &Actor,
        decided: Vec<Decided>,
        now: crate::base::event::Instant,
    ) -> Result<(Batch, Vec<timeline::Fact>), EngineError> {
        let mut batch = Batch::default();
        let mut facts = Vec::with_capacity(decided.len());
        let item = |stream, expected, open| Item {
            stream,
            expected,
            incident: Some(self.state.opened.incident.clone()),
            events: Vec::new(),
            open,
        };
        let sends = decided.iter().any(|decided| matches!(decided.fact, decide::Fact::Run(Event::AttemptSent(_))));
        let over = decided.iter().any(|decided| matches!(decided.fact, decide::Fact::Run(Event::Finished(_))));
        let mut own = item(Stream::run(&self.state.id), self.seq, over.then_some(false));
        let mut others: BTreeMap<String, (Item, Vec<timeline::Fact>)> = BTreeMap::new();
        for Decided { fact, by_person } in decided {
            let actor = if by_person { self.person_behind(actor) } else { Actor::Bot };
            match fact {
                decide::Fact::Run(mut event) => {
                    if let Event::StepFinished(finished) = &mut event {
                        batch.blobs.extend(outsourced(engine, finished));
                    }
                    own.events.push(codec::run_event(&event, &actor, now)?);
                    facts.push(timeline::Fact::Run(self.state.id.clone(), event));
                }
                decide::Fact::Target(name, event) => {
                    let stream = Stream::target(&self.state.opened.environment, &name);
                    let (seq, _) = self.target_reads.get(&name).copied().unwrap_or_default();
                    let key = stream.key().to_owned();
                    let (target, stated) = others.entry(name).or_insert_with(|| (item(stream, seq, None), Vec::new()));
                    target.events.push(codec::target_event(&event, &actor, now)?);
                    stated.push(timeline::Fact::Target(key, event));
                }
            }
        }
        // Whoever freezes everything the moment before a change is sent is heard: the batch is decided anew.
        if sends && !others.contains_key(EVERYTHING) {
            let (seq, _) = self.target_reads.get(EVERYTHING).copied().unwrap_or_default();
            batch.items.push(item(Stream::target(&self.state.opened.environment, EVERYTHING), seq, None));
        }
        batch.items.push(own);
        for (item, stated) in others.into_values() {
            batch.items.push(item);
            facts.extend(stated);
        }
        Ok((batch, facts))
    }

    /// Approvals given with the start of a run (`--approve`) are its starter's, whoever's reply made them due.
    fn person_behind(&self, actor: &Actor) -> Actor {
        match actor {
            Actor::Person { .. } => actor.clone(),
            Actor::Bot => Actor::Person {
                name: Person::new(self.state.opened.by.name()),
                door: "given when the run was started".into(),
                login: None,
            },
        }
    }
}

/// Moves a large output into a blob of its own.
fn outsourced(engine: &Engine, finished: &mut StepFinished) -> Option<crate::journal::Blob> {
    let Some(Output::Text(text)) = &mut finished.output else { return None };
    if text.len() <= INLINE {
        return None;
    }
    let blob = engine.journal.new_blob(std::mem::take(text).into_bytes());
    finished.output = Some(Output::Blob { id: blob.id.clone(), size: blob.bytes.len() as u64 });
    Some(blob)
}
