//! Steps that name other steps: jumps, cleanup, undo, watches.
//!
//! Lives here: checking that each leads where it may. Never lives here: names inside conditions (`names`).

use super::draft::{Draft, Link, LinkKind};
use super::model::Does;
use super::names::Steps;
use crate::domain::source::Faults;

/// Checks everything that the step at `position` names.
pub fn check(steps: &Steps<'_>, position: usize, faults: &mut Faults<'_>) {
    let from = steps.draft(position);
    for link in &from.links {
        let Some(target) = steps.find(&link.to, &link.at, faults) else { continue };
        check_link(from, position, steps.draft(target), target, link, faults);
    }
}

fn check_link(from: &Draft, position: usize, to: &Draft, target: usize, link: &Link, faults: &mut Faults<'_>) {
    let name = &link.to;
    let mut fault = |code, message: String, hint: &str| faults.add_hint(code, link.at.clone(), message, hint);
    match link.kind {
        LinkKind::Go | LinkKind::Redo if from.step.during.is_some() => {
            let message = "a step that runs during a watch cannot jump: the others go on beside it".to_owned();
            fault("jump-aside", message, "take the jump out, or take `during` out");
        }
        LinkKind::Go | LinkKind::Redo if to.step.during.is_some() => {
            fault("jump-aside", format!("'{name}' runs during a watch and cannot be jumped to"), "name the watch");
        }
        LinkKind::Go | LinkKind::Redo if to.step.undo.is_some() => {
            let message = format!("'{name}' takes another step back and is only offered; it cannot be jumped to");
            fault("jump-aside", message, "name a step of the flow");
        }
        LinkKind::Go if target <= position => {
            let message = if target == position {
                format!("'{name}' is this step itself")
            } else {
                format!("'{name}' comes earlier: the flow goes forward")
            };
            fault("backward-jump", message, "to go back, use `redo:` in a `decide` with a bound");
        }
        LinkKind::Redo if target >= position => {
            let message = format!("'{name}' does not come before this step: `redo` goes back");
            fault("forward-redo", message, "to go forward, write `go:`");
        }
        LinkKind::Always | LinkKind::Undo if target >= position => {
            let message = format!("'{name}' does not come before this step");
            fault("later-step", message, "put this step behind the one it cleans up after");
        }
        LinkKind::Always if to.step.during.is_some() => {
            fault("jump-aside", format!("'{name}' runs during a watch"), "clean up after the watch itself");
        }
        LinkKind::Undo if !to.changes && !matches!(to.step.does, Does::Manual | Does::Runbook(_)) => {
            fault("useless", format!("'{name}' changes nothing that could be taken back"), "take `undo` out");
        }
        LinkKind::During if !matches!(to.step.does, Does::Watch(_)) => {
            fault("not-a-watch", format!("'{name}' is not a watch"), "`during` names a step with `watch:`");
        }
        LinkKind::During if target >= position => {
            fault("later-step", format!("the watch '{name}' comes later"), "put this step behind its watch");
        }
        LinkKind::Untaken if to.changes || matches!(to.step.does, Does::Runbook(_)) => {
            let message = format!("a missed deadline must not change anything, and '{name}' may");
            fault("changing-timeout", message, "write `on_timeout: page`");
        }
        LinkKind::Go | LinkKind::Redo | LinkKind::Always | LinkKind::Undo | LinkKind::During | LinkKind::Untaken => {}
    }
}
