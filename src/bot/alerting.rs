//! Alerts of other systems: taking them in, and which runbooks an incident that they led to calls for.
//!
//! Lives here: the use case. Never lives here: what follows from an alert (`domain/alert`), in which shape it came (`web`).

use super::{Bot, Fault};
use crate::base::event::IncidentId;
use crate::domain::alert::Alert;
use crate::domain::alert::event::Event;
use crate::domain::incident::state::State;
use crate::domain::timeline::Fact;
pub use crate::engine::Took;

/// Runbooks that are proposed at most.
const PROPOSED: usize = 5;

impl Bot {
    /// Takes in alerts: [`Engine::alerts`](crate::engine::Engine::alerts).
    ///
    /// # Errors
    /// The journal.
    pub async fn take_alerts(&self, alerts: Vec<Alert>) -> Result<Took, Fault> {
        Ok(self.engine()?.alerts(alerts).await?)
    }

    /// Runbooks for an incident, by id and title: those that its alerts name, then those whose `use_when` stands in its title or in what
    /// its alerts say.
    ///
    /// # Errors
    /// The runbooks or the journal cannot be read.
    pub(super) async fn fitting_alerts(
        &self,
        incident: &IncidentId,
        state: &State,
    ) -> Result<Vec<(String, String)>, Fault> {
        let (mut text, mut named) = (state.title.clone(), Vec::new());
        for recorded in self.facts(incident).await? {
            if let Fact::Alert(_, Event::Fired(fired)) = recorded.event {
                text =
                    [text, fired.title].into_iter().chain(fired.details.into_values()).collect::<Vec<_>>().join("\n");
                named.extend(fired.runbook);
            }
        }
        let mut proposed = Vec::new();
        if !named.is_empty() {
            let listed = self.library().list()?.into_iter();
            let meant = listed.filter(|runbook| runbook.faults == 0 && named.contains(&runbook.id));
            proposed.extend(meant.map(|runbook| (runbook.id, runbook.title)));
        }
        let fitting = self.fitting(&text)?.into_iter();
        let more: Vec<_> = fitting.filter(|found| !proposed.contains(found)).collect();
        proposed.extend(more);
        proposed.truncate(PROPOSED);
        Ok(proposed)
    }
}
