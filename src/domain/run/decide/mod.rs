//! Decides what follows from an input: pure, synchronous, with time as an argument.
//!
//! Lives here: [`decide`], and the [`Decider`] that collects events while folding them at once, so that one decision sees
//! what the one before it in the same batch brought about. By subject: `flow` (which step is next, how a run ends),
//! `act` (permission, attempts, doubts), `guard` (what keeps a step from a target), `pass` (steps without an executor), `human` (what persons may do).
//! Never lives here: anything that touches the world.

mod act;
mod flow;
mod guard;
mod human;
mod pass;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Event;
use super::input::{Input, Refusal, StageReply};
use super::state::{Stage, State, StepState};
use crate::base::event::{Instant, Person};
use crate::domain::runbook::model::Step;
use crate::domain::target;

/// Targets of the run's environment, by name.
pub type Targets = BTreeMap<String, target::State>;

/// An event that was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What happened.
    pub fact: Fact,
    /// Whether the person whose command was decided brought it about (`false`: it follows by itself).
    pub by_person: bool,
}

/// About what.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The run itself.
    Run(Event),
    /// A target of its environment, by name.
    Target(String, target::event::Event),
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// The process that drives the run: what is decided is carried out at once.
    Driver,
    /// Any other process: what a person said is written down, but nothing is set in motion that only a driver could
    /// carry out. An intent without anybody to act on it would later look like an effect in doubt.
    Bystander,
}

/// Events after which a decision breaks off between two steps: thousands of steps that only compute would be one commit that no journal
/// takes. Whoever drives sends a [`Input::Tick`] then, and it goes on.
pub const AT_ONCE: usize = 1_000;

/// What follows from `input` at `now`. For the driver, due deadlines expire before the input is read, and the run goes on
/// until something outside is needed. `now` never goes back behind the run's last event. An empty list: nothing follows.
///
/// # Errors
/// A [`Refusal`] changes nothing and says why.
pub fn decide(
    state: &State,
    targets: &Targets,
    input: Input,
    seat: Seat,
    now: Instant,
) -> Result<Vec<Decided>, Refusal> {
    let mut decider = Decider {
        state: state.clone(),
        targets: targets.clone(),
        now: now.max(state.last_at),
        by_person: false,
        decided: Vec::new(),
    };
    // Whoever adopts a run first settles what its former driver left behind: only then may deadlines come due.
    let adopting = matches!(input, Input::Adopt { .. });
    if seat == Seat::Driver && !state.is_over() && !adopting {
        decider.expire()?;
    }
    decider.take(input)?;
    decider.by_person = false;
    if seat == Seat::Driver {
        if adopting && !decider.state.is_over() {
            decider.expire()?;
        }
        decider.advance()?;
    }
    Ok(decider.decided)
}

struct Decider {
    state: State,
    targets: Targets,
    now: Instant,
    by_person: bool,
    decided: Vec<Decided>,
}

type Decision = Result<(), Refusal>;

impl Decider {
    fn emit(&mut self, event: impl Into<Event>) -> Decision {
        let event = event.into();
        self.state.apply(&event, self.now)?;
        self.decided.push(Decided { fact: Fact::Run(event), by_person: self.by_person });
        Ok(())
    }

    fn emit_target(&mut self, name: &str, event: impl Into<target::event::Event>) {
        let event = event.into();
        self.targets.entry(name.to_owned()).or_default().apply(&event, self.now);
        self.decided.push(Decided { fact: Fact::Target(name.to_owned(), event), by_person: self.by_person });
    }

    fn take(&mut self, input: Input) -> Decision {
        match input {
            Input::Tick => Ok(()),
            Input::Adopt { .. } if self.state.is_over() => Ok(()),
            Input::Adopt { process } => self.adopt(process),
            Input::Reply { step, visit, attempt, reply } => self.reply(&step, visit, attempt, reply),
            Input::Lapse { step, persons, why } => self.lapse(step, persons, why),
            Input::Watch(report) => self.watch_report(report),
            Input::Command { by, command } => {
                self.by_person = true;
                self.command(&by, command)
            }
        }
    }

    /// Lets everything due come due. While a person holds the run up, only what is under way does.
    fn expire(&mut self) -> Decision {
        if let Some(deadline) = self.state.plan.deadline
            && !self.state.overdue
            && self.state.paused.is_none()
            && self.state.opened_at + deadline.delta() <= self.now
        {
            self.emit(super::event::Overdue { after: deadline.to_string() })?;
        }
        for position in self.state.active().collect::<Vec<_>>() {
            self.expire_step(position)?;
        }
        Ok(())
    }

    fn expire_step(&mut self, position: usize) -> Decision {
        let stage = self.stage(position).clone();
        let Some(until) = stage.deadline().filter(|until| *until <= self.now) else { return Ok(()) };
        if self.state.paused.is_some() && !stage.under_way() {
            return Ok(());
        }
        match stage {
            Stage::Approval { .. } => self.approval_expired(position),
            Stage::Sent { .. } => self.answer_missing(position, until),
            Stage::Confirming { .. } => {
                let summary = "it was accepted, but its effect did not show in time".to_owned();
                self.finish(position, Ending::failed(summary))
            }
            Stage::Resting { .. } => self.send(position),
            Stage::Asking { late: false, .. } => self.question_overdue(position),
            Stage::Waiting { .. } => self.finish(position, Ending::ok("waited")),
            Stage::Blocked(_) => self.unblock(position, None),
            _ => Ok(()),
        }
    }

    fn step(&self, position: usize) -> &Step {
        self.state.step(position)
    }

    fn id(&self, position: usize) -> String {
        self.step(position).id.clone()
    }

    fn at(&self, position: usize) -> &Arc<StepState> {
        &self.state.steps[position]
    }

    fn stage(&self, position: usize) -> &Stage {
        &self.state.steps[position].stage
    }

    /// The active step of that id.
    fn active(&self, id: &str) -> Option<usize> {
        self.state.active().find(|position| self.step(*position).id == id)
    }

    fn reply(&mut self, id: &str, visit: u32, attempt: u32, reply: StageReply) -> Decision {
        let position = self.active(id).filter(|position| self.at(*position).visits == visit);
        match position {
            Some(position) => self.stage_reply(position, attempt, reply),
            None => self.late(id, attempt, &reply),
        }
    }
}

/// How a step ends.
#[derive(Default)]
struct Ending {
    ok: bool,
    summary: String,
    facts: serde_json::Map<String, serde_json::Value>,
    expects: Vec<super::event::Judged>,
    output: Option<super::event::Output>,
}

impl Ending {
    fn ok(summary: impl Into<String>) -> Self {
        Self { ok: true, summary: summary.into(), ..Self::default() }
    }

    fn failed(summary: impl Into<String>) -> Self {
        Self { ok: false, summary: summary.into(), ..Self::default() }
    }
}

impl Decider {
    /// Ends a step; what follows a failure is settled by `advance`.
    fn finish(&mut self, position: usize, ending: Ending) -> Decision {
        self.release(position);
        let step = self.at(position);
        let took = step.started_at.map_or(0, |started| (self.now - started).num_milliseconds().max(0));
        let finished = super::event::StepFinished {
            step: self.id(position),
            title: self.step(position).title.clone(),
            ok: ending.ok,
            summary: ending.summary,
            facts: ending.facts,
            expects: ending.expects,
            attempts: step.attempt,
            took_ms: took.unsigned_abs(),
            output: ending.output,
        };
        self.emit(finished)
    }

    fn skip(&mut self, position: usize, why: impl Into<String>, by: Option<Person>, follow_up: bool) -> Decision {
        self.release(position);
        let (step, title) = (self.id(position), self.step(position).title.clone());
        self.emit(super::event::StepSkipped { step, title, why: why.into(), by, follow_up })
    }
}
