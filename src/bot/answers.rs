//! Answers of persons to a run: typed words become the run's commands.
//!
//! Lives here: the translation, and writing the answer down. Never lives here: whether it is allowed (the run decides).

use super::grammar::{Answer, Approve, Decide, Done, Override, Reject, Settle, Tick};
use super::{Bot, Fault};
use crate::base::event::{Recorded, RunId};
use crate::domain::people::Identity;
use crate::domain::run::input::Command;
use crate::domain::timeline::Fact;

/// What was written down about a run, by whatever answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Which run.
    pub run: RunId,
    /// The facts, in order.
    pub facts: Vec<Recorded<Fact>>,
    /// Whether nobody drives the run right now: then what was written takes effect when somebody does.
    pub idle: bool,
    /// In which zone people there read times.
    pub zone: chrono_tz::Tz,
}

/// An answer with the run it was given for.
pub type Said = (Option<RunId>, Command);

impl From<Approve> for Said {
    fn from(said: Approve) -> Self {
        let Approve { step, run, break_glass, why } = said;
        match why {
            Some(why) if break_glass => (run, Command::BreakGlass { step, why }),
            _ => (run, Command::Approve { step }),
        }
    }
}

impl From<Reject> for Said {
    fn from(said: Reject) -> Self {
        (said.run, Command::Reject { step: said.step, why: said.why })
    }
}

impl From<Decide> for Said {
    fn from(said: Decide) -> Self {
        (said.run, Command::Choose { step: said.step, case: said.case, why: said.why })
    }
}

impl From<Answer> for Said {
    fn from(said: Answer) -> Self {
        (said.run, Command::Answer { step: said.step, value: said.value })
    }
}

impl From<Done> for Said {
    fn from(said: Done) -> Self {
        (said.run, Command::Done { step: said.step, ok: !said.failed, note: said.note })
    }
}

impl From<Settle> for Said {
    fn from(said: Settle) -> Self {
        (said.run, Command::Settle { step: said.step, verdict: said.verdict.into(), why: said.why })
    }
}

impl From<Override> for Said {
    fn from(said: Override) -> Self {
        (said.run, Command::Override { step: said.step, why: said.why })
    }
}

impl Bot {
    /// Writes down what a person says to a run.
    ///
    /// # Errors
    /// It is not clear which run is meant, the person may not, the run refuses, the journal.
    pub async fn say(&self, who: &Identity, said: impl Into<Said>) -> Result<Written, Fault> {
        let (run, command) = said.into();
        let run = self.open_run(run.as_ref()).await?;
        self.write(who, run, command).await
    }

    /// Ticks a criterion, which is also possible when the run is over.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub async fn tick(&self, who: &Identity, tick: Tick) -> Result<Written, Fault> {
        let run = self.run_with_criteria(tick.run.as_ref()).await?;
        self.write(who, run, Command::Tick { criterion: tick.criterion }).await
    }

    /// Writes down what a button says to a run, as the run's command.
    ///
    /// # Errors
    /// The run refuses, the journal.
    pub async fn tell_run(&self, who: &Identity, run: &RunId, command: Command) -> Result<Written, Fault> {
        self.write(who, run.clone(), command).await
    }

    pub(super) async fn write(&self, who: &Identity, run: RunId, command: Command) -> Result<Written, Fault> {
        let (actor, command) = self.permit(who, &run, command).await.map_err(Fault::Failed)?;
        let engine = self.engine()?;
        let facts = engine.command(&run, &actor, command).await?;
        let state = engine.run_state(&run).await?;
        let zone = crate::base::schedule::zone(&state.plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC);
        // Having taken the right to drive it, if only for a moment, shows that nobody else has it.
        let idle = !state.is_over() && engine.journal().own(&crate::base::event::Stream::run(&run))?.is_some();
        Ok(Written { run, facts, idle, zone })
    }
}
