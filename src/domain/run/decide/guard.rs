//! What keeps a step from its change: a target that another run holds, a spent budget, a freeze; and giving a target back.

use super::{Decider, Decision};
use crate::domain::run::event::{Override, StepBlocked, StepUnblocked};
use crate::domain::run::state::Stage;
use crate::domain::target::event::Released;
use crate::domain::target::{EVERYTHING, Obstacle, State, Wish, named};

impl Decider {
    /// What keeps a step from making its change now. A change that names no target is held up by a freeze of everything only.
    pub(super) fn obstacle(&self, position: usize) -> Option<Obstacle> {
        let action = self.at(position).action.as_ref().filter(|action| action.changes())?;
        let unheard_of = State::default();
        let standing = |name: &str| self.targets.get(name).unwrap_or(&unheard_of);
        let target = action.target().unwrap_or(EVERYTHING);
        let budget = self.state.plan.inventory.targets.get(target).and_then(|target| target.budget.as_ref());
        let (run, step, counts) = (&self.state.id, self.step(position).id.as_str(), self.counts(position));
        standing(target).obstacle(&Wish { run, step, budget, counts }, standing(EVERYTHING), self.now)
    }

    /// Looks again at what a step waits for: it may be out of the way by now, or something else may be in it.
    pub(super) fn look_again(&mut self, position: usize) -> Decision {
        let Stage::Blocked(before) = self.stage(position).clone() else { return Ok(()) };
        match self.obstacle(position) {
            None => self.unblock(position, None),
            // When a budget is free again is told once; only time moves it.
            Some(Obstacle::OverBudget { .. }) if matches!(before, Obstacle::OverBudget { .. }) => Ok(()),
            Some(now) if now != before => self.blocked(position, now),
            Some(_) => Ok(()),
        }
    }

    /// Cleanup and steps taken back are never stopped by a budget or a freeze, nor count against a budget.
    pub(super) fn counts(&self, position: usize) -> bool {
        let step = self.step(position);
        step.always_after.is_none() && step.undo.is_none()
    }

    pub(super) fn blocked(&mut self, position: usize, by: Obstacle) -> Decision {
        let target =
            self.at(position).action.as_ref().and_then(|action| action.target()).unwrap_or(EVERYTHING).to_owned();
        let why = match &by {
            Obstacle::HeldBy(run) => {
                let doing = self.targets.get(&target).and_then(|state| state.held_by.as_ref());
                let doing = doing.map_or(String::new(), |hold| format!(" ({})", hold.action));
                format!("{run} acts on {target} right now{doing}; wait for it, or take over with a reason")
            }
            Obstacle::OverBudget { .. } => {
                format!("{target} was changed as often as its budget allows; wait, or override with a reason")
            }
            Obstacle::Frozen { by, why, until, everything } => {
                let what = named(&self.state.opened.environment, if *everything { EVERYTHING } else { &target });
                let zone = crate::base::schedule::zone(&self.state.plan.inventory.zone).unwrap_or(chrono_tz::Tz::UTC);
                let until = until.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z");
                format!("{by} froze {what} until {until}: {why}; wait, or override with a reason")
            }
        };
        self.emit(StepBlocked { step: self.id(position), target, why, by })
    }

    pub(super) fn unblock(&mut self, position: usize, override_: Option<Override>) -> Decision {
        self.emit(StepUnblocked { step: self.id(position), override_ })
    }

    /// Gives the target back, if the step holds it.
    pub(super) fn release(&mut self, position: usize) {
        let step = self.at(position);
        let target = step.action.as_ref().filter(|_| step.holds).and_then(|action| action.target()).map(str::to_owned);
        if let Some(target) = target {
            let released = Released { run: self.state.id.clone(), step: self.id(position) };
            self.emit_target(&target, released);
        }
    }
}
