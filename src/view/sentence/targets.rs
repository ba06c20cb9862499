//! Sentences about targets: who may act on them all the same, who froze them, what others deployed.

use chrono_tz::Tz;

use super::{NAME, because, name, quote};
use crate::base::text::one_line;
use crate::domain::action::railway::Deployment;
use crate::domain::target::{EVERYTHING, event as target};
use crate::view::time;

/// Characters of a commit's hash that tell it from others.
const COMMIT: usize = 12;

pub(super) fn sentence(name_of: &str, event: &target::Event, zone: Tz) -> Option<String> {
    let target_name = match name_of.split_once('/') {
        Some((environment, EVERYTHING)) => format!("everything in {}", one_line(environment, NAME)),
        _ => one_line(name_of, NAME),
    };
    match event {
        target::Event::Held(_) | target::Event::Released(_) => None,
        target::Event::TakenOver(taken) => {
            let (by, why) = (name(&taken.by), because(Some(&taken.why)));
            Some(format!("{target_name}: {} may act although {} holds it, says {by}{why}", taken.run, taken.from))
        }
        target::Event::BudgetOverridden(over) => {
            let (by, why) = (name(&over.by), because(Some(&over.why)));
            Some(format!("{target_name}: {} may act although the budget is spent, says {by}{why}", over.run))
        }
        target::Event::Frozen(frozen) => {
            let (by, why, until) = (name(&frozen.by), quote(&frozen.why), time::moment(frozen.until, zone));
            Some(format!("{target_name} frozen by {by} until {until} ({}): {why}", zone.name()))
        }
        target::Event::Unfrozen(unfrozen) => {
            Some(format!("{target_name} unfrozen by {}{}", name(&unfrozen.by), because(unfrozen.why.as_deref())))
        }
        target::Event::FreezeOverridden(over) => {
            let (by, why) = (name(&over.by), because(Some(&over.why)));
            Some(format!("{target_name}: {} may act although it is frozen, says {by}{why}", over.run))
        }
        target::Event::DeploymentSeen(seen) => {
            let deployment = &seen.deployment;
            let commit = deployment
                .commit
                .as_deref()
                .map_or(String::new(), |commit| format!(" (commit {})", one_line(commit, COMMIT)));
            Some(format!("{target_name} {}{commit}", deployed(deployment)))
        }
    }
}

/// `was deployed by Ana: Wait longer for a free connection`: without the target, which stands in front.
#[must_use]
pub fn deployed(deployment: &Deployment) -> String {
    let by = deployment.by.as_deref().map_or(String::new(), |by| format!(" by {}", one_line(by, NAME)));
    let message = deployment.message.as_deref().map_or(String::new(), |message| format!(": {}", quote(message)));
    format!("{}{by}{message}", came_of(deployment))
}

/// What became of a deployment: `was deployed`.
#[must_use]
pub fn came_of(deployment: &Deployment) -> &'static str {
    match deployment.status.as_str() {
        "FAILED" => "failed to be deployed",
        "CRASHED" => "crashed when it was deployed",
        _ => "was deployed",
    }
}
