//! Steering a run from outside: hold it up, let it go on, skip, retry, go back, end it; and looking at it.
//!
//! Lives here: the translation of `runbook pause` and its like. Never lives here: driving (`running`).

use super::answers::Written;
use super::grammar::Runbook;
use super::{Bot, Fault};
use crate::base::event::RunId;
use crate::domain::people::Identity;
use crate::domain::run::input::Command;
use crate::domain::run::state::State;

/// What of `runbook …` steers a run, with the run it was said for; `None` for the verbs that do something else.
#[must_use]
pub fn steering(verb: &Runbook) -> Option<(Option<RunId>, Command)> {
    let said = match verb.clone() {
        Runbook::Pause { run, why } => (run, Command::Pause { why }),
        Runbook::Resume { run } => (run, Command::Resume),
        Runbook::Skip { step, run, why } => (run, Command::Skip { step, why }),
        Runbook::Retry { step, run } => (run, Command::Retry { step }),
        Runbook::Redo { step, run, why } => (run, Command::Redo { step, why }),
        Runbook::Stop { run, why } => (run, Command::Stop { why }),
        Runbook::Cancel { run, why } => (run, Command::Cancel { why }),
        _ => return None,
    };
    Some(said)
}

impl Bot {
    /// Writes down what a person wants of a run; `said` is what [`steering`] made of it.
    ///
    /// # Errors
    /// It is not clear which run is meant, the run refuses, the journal.
    pub async fn steer(&self, who: &Identity, said: (Option<RunId>, Command)) -> Result<Written, Fault> {
        let run = self.open_run(said.0.as_ref()).await?;
        self.write(who, run, said.1).await
    }

    /// A run as it stands.
    ///
    /// # Errors
    /// There is none, it is not clear which is meant, the journal.
    pub async fn run_status(&self, run: Option<&RunId>) -> Result<State, Fault> {
        let run = self.latest_run(run).await?;
        Ok(self.engine()?.run_state(&run).await?)
    }
}
