//! Freezing a target or an environment, lifting that, and telling what is frozen.
//!
//! Lives here: which target is meant. Never lives here: what a freeze stops (`domain/target`, `domain/run`).

use chrono_tz::Tz;

use super::grammar::{Freeze, Unfreeze};
use super::{Bot, Fault};
use crate::base::event::{Actor, Instant, Person, Recorded};
use crate::base::schedule::{Span, zone};
use crate::base::text::{nearest, one_line};
use crate::domain::action::inventory::Inventory;
use crate::domain::target::{EVERYTHING, Refusal, named};
use crate::domain::timeline::Fact;
use crate::engine::EngineError;

/// Something that is frozen now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// What, for people: `redis`, `everything in production`.
    pub what: String,
    /// Who said so.
    pub by: Person,
    /// Why.
    pub why: String,
    /// Until when.
    pub until: Instant,
    /// In which zone people there read times.
    pub zone: Tz,
}

/// What came of freezing or lifting.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What was recorded.
    pub fact: Recorded<Fact>,
    /// In which zone people there read times.
    pub zone: Tz,
    /// What is frozen in the environment now.
    pub frozen: Vec<Frozen>,
}

impl Bot {
    /// Freezes.
    ///
    /// # Errors
    /// An environment or a target that nobody knows, no reason, a span that is too long, the journal.
    pub async fn freeze(&self, actor: &Actor, asked: &Freeze) -> Result<Told, Fault> {
        let inventory = self.library.environment(asked.env.as_deref())?;
        let target = known(&inventory, asked.target.as_deref())?;
        let span = asked.span.as_deref().unwrap_or_default();
        let span = Span::parse_positive(span)
            .map_err(|fault| Fault::Usage(format!("--for {}: {}", one_line(span, 40), fault.message)))?;
        let why = asked.why.as_deref().unwrap_or_default();
        let fact = self.engine()?.freeze((&inventory.environment, target), actor, why, span).await?;
        self.frozen_by(&inventory, fact).await
    }

    /// Lifts a freeze.
    ///
    /// # Errors
    /// An environment or a target that nobody knows, one that is not frozen, the journal.
    pub async fn unfreeze(&self, actor: &Actor, asked: &Unfreeze) -> Result<Told, Fault> {
        let inventory = self.library.environment(asked.env.as_deref())?;
        let environment = inventory.environment.as_str();
        // A target that is not in targets.yaml any more may be frozen still.
        let target = asked.target.as_deref().unwrap_or(EVERYTHING);
        match self.engine()?.unfreeze((environment, target), actor, asked.why.as_deref()).await {
            Ok(fact) => self.frozen_by(&inventory, fact).await,
            Err(EngineError::TargetRefused(Refusal::NotFrozen)) => {
                let others: Vec<_> = self.frozen(&inventory).await?.into_iter().map(|frozen| frozen.what).collect();
                let others = match others.as_slice() {
                    [] => String::new(),
                    others => format!("; what is frozen: {}", others.join(", ")),
                };
                Err(Fault::Usage(format!("{} is not frozen{others}", named(environment, target))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is frozen in an environment now. Nothing is made where there is no journal yet.
    ///
    /// # Errors
    /// An environment that nobody knows, the journal.
    pub async fn freezes(&self, environment: Option<&str>) -> Result<Vec<Frozen>, Fault> {
        if !self.journal_file.exists() {
            return Ok(Vec::new());
        }
        self.frozen(&self.library.environment(environment)?).await
    }

    async fn frozen_by(&self, inventory: &Inventory, fact: Recorded<Fact>) -> Result<Told, Fault> {
        Ok(Told { fact, zone: zone_of(inventory), frozen: self.frozen(inventory).await? })
    }

    async fn frozen(&self, inventory: &Inventory) -> Result<Vec<Frozen>, Fault> {
        let environment = inventory.environment.as_str();
        let freezes = self.engine()?.freezes(environment).await?.into_iter();
        Ok(freezes
            .map(|(target, freeze)| Frozen {
                what: named(environment, &target),
                by: freeze.by,
                why: freeze.why,
                until: freeze.until,
                zone: zone_of(inventory),
            })
            .collect())
    }
}

fn zone_of(inventory: &Inventory) -> Tz {
    zone(&inventory.zone).unwrap_or(Tz::UTC)
}

fn known<'a>(inventory: &Inventory, target: Option<&'a str>) -> Result<&'a str, Fault> {
    let Some(name) = target else { return Ok(EVERYTHING) };
    if inventory.targets.contains_key(name) {
        return Ok(name);
    }
    let names: Vec<&str> = inventory.targets.keys().map(String::as_str).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Err(Fault::Usage(format!("there is no target '{}' in {}; {hint}", one_line(name, 40), inventory.environment)))
}
