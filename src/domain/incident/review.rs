//! What the incident did to people and what is to follow from it.
//!
//! Lives here: impact, lessons, recommendations, action items, the date of the review: their events, their state, what a
//! command about them comes to. Never lives here: why it happened (`investigation`).

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::decide::{Refusal, TEXT_LIMIT, address, reason, text};
use super::event::{Event, Milestone};
use super::investigation::{place, stands};
use super::item::{ItemId, ItemKind, Items};
use super::state::State;
use crate::base::event::{Instant, Person, Severity};

/// A review is held this long after the end at the latest: while people still remember.
pub const REVIEW_WITHIN: TimeDelta = TimeDelta::hours(48);

/// A side of the impact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Who noticed, and how many.
    Users,
    /// What did not work, and what did.
    Scope,
    /// What it cost the business.
    Business,
    /// What broke, and how far.
    Technical,
    /// What customers went through.
    Customer,
    /// What was lost for good; "none" is an answer.
    DataLoss,
}

impl Impact {
    /// All of them, in the order of a postmortem.
    pub const ALL: [Self; 6] =
        [Self::Users, Self::Scope, Self::Business, Self::Technical, Self::Customer, Self::DataLoss];

    /// As people read and type it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Scope => "scope",
            Self::Business => "business",
            Self::Technical => "technical",
            Self::Customer => "customer",
            Self::DataLoss => "data loss",
        }
    }
}

/// A side of the impact, in words; the last statement counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactStated {
    /// Which side.
    pub side: Impact,
    /// What.
    pub text: String,
    /// Who says so.
    pub by: Person,
}

/// What kind of lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lesson {
    /// It helped; keep it.
    WentWell,
    /// It could be better.
    CouldImprove,
    /// Nobody expected it.
    Surprised,
}

impl Lesson {
    /// All of them, in the order of a postmortem.
    pub const ALL: [Self; 3] = [Self::WentWell, Self::CouldImprove, Self::Surprised];

    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WentWell => "went well",
            Self::CouldImprove => "could improve",
            Self::Surprised => "surprised us",
        }
    }
}

/// Something was learned. The same id again corrects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonLearned {
    /// Which.
    pub id: ItemId,
    /// What kind.
    pub kind: Lesson,
    /// What.
    pub text: String,
    /// Who says so.
    pub by: Person,
}

/// Something should change. The same id again corrects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommended {
    /// Which.
    pub id: ItemId,
    /// How much it matters, `P0` (must) to `P3`.
    pub priority: Severity,
    /// What.
    pub text: String,
    /// Tool, scope, target: whatever makes it concrete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who says so.
    pub by: Person,
}

/// Work that follows. The same id again corrects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionStated {
    /// Which.
    pub id: ItemId,
    /// What is to be done.
    pub text: String,
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Person>,
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Severity>,
    /// The last day, in the incident's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<NaiveDate>,
    /// Its ticket, change or page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who wrote it down.
    pub by: Person,
}

/// An action item is done, or open again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionSettled {
    /// Which.
    pub id: ItemId,
    /// Whether it is done.
    pub done: bool,
    /// How, or why not after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who says so.
    pub by: Person,
}

/// When the review is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSet {
    /// When.
    pub at: Instant,
    /// Who says so.
    pub by: Person,
}

/// Something that was stated does not count any more; it stays in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Which.
    pub id: ItemId,
    /// Why.
    pub why: String,
    /// Who says so.
    pub by: Person,
}

/// An action item and whether it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// As it was stated last.
    pub stated: ActionStated,
    /// Whether it is done.
    pub done: bool,
}

/// What the review has come to so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Review {
    /// By side.
    pub impact: BTreeMap<Impact, String>,
    /// By number.
    pub lessons: Items<LessonLearned>,
    /// By number.
    pub recommendations: Items<Recommended>,
    /// By number.
    pub actions: Items<Action>,
    /// When it is held, where somebody said.
    pub at: Option<Instant>,
}

impl Review {
    pub(super) fn apply(&mut self, event: &Event, at: Instant) {
        match event {
            Event::ImpactStated(stated) => {
                self.impact.insert(stated.side, stated.text.clone());
            }
            Event::LessonLearned(lesson) => self.lessons.state(lesson.id.number, lesson.clone(), at),
            Event::Recommended(recommended) => {
                self.recommendations.state(recommended.id.number, recommended.clone(), at);
            }
            Event::ActionStated(stated) => {
                let done = self.actions.get(stated.id.number).is_some_and(|action| action.done);
                self.actions.state(stated.id.number, Action { stated: stated.clone(), done }, at);
            }
            Event::ActionSettled(settled) => {
                if let Some(action) = self.actions.said_mut(settled.id.number) {
                    action.done = settled.done;
                }
            }
            Event::ReviewSet(set) => self.at = Some(set.at),
            Event::Withdrawn(withdrawn) => match withdrawn.id.kind {
                ItemKind::Lesson => self.lessons.withdraw(withdrawn.id.number),
                ItemKind::Recommendation => self.recommendations.withdraw(withdrawn.id.number),
                ItemKind::Action => self.actions.withdraw(withdrawn.id.number),
                ItemKind::Hypothesis | ItemKind::Evidence | ItemKind::Cause => {}
            },
            _ => {}
        }
    }
}

impl State {
    /// When the review is held, or is due at the latest; `None` before the end, where nobody said.
    #[must_use]
    pub fn review_due(&self) -> Option<Instant> {
        self.review.at.or_else(|| self.milestones.get(&Milestone::Resolved).map(|end| *end + REVIEW_WITHIN))
    }
}

/// What a person wants of the review. `corrects` states an earlier one anew.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A side of the impact.
    StateImpact {
        /// Which side.
        side: Impact,
        /// What.
        text: String,
    },
    /// Something was learned.
    Learn {
        /// What kind.
        kind: Lesson,
        /// What.
        text: String,
        /// Which one this states anew.
        corrects: Option<ItemId>,
    },
    /// Something should change.
    Recommend {
        /// How much it matters.
        priority: Severity,
        /// What.
        text: String,
        /// What makes it concrete.
        detail: Option<String>,
        /// Which one this states anew.
        corrects: Option<ItemId>,
    },
    /// There is something to do.
    AddAction(ActionFields),
    /// Something about it is different; what is left out stays.
    ChangeAction {
        /// Which.
        id: ItemId,
        /// What is different.
        to: ActionFields,
    },
    /// It is done, or is not after all.
    SettleAction {
        /// Which.
        id: ItemId,
        /// Whether it is done.
        done: bool,
        /// How, or why not.
        note: Option<String>,
    },
    /// When the review is held.
    SetReview {
        /// When.
        at: Instant,
    },
    /// Something that was stated does not count.
    Withdraw {
        /// Which.
        id: ItemId,
        /// Why.
        why: String,
    },
}

/// What an action item says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionFields {
    /// What is to be done.
    pub text: Option<String>,
    /// Who sees to it.
    pub owner: Option<Person>,
    /// How much it matters.
    pub priority: Option<Severity>,
    /// The last day.
    pub due: Option<NaiveDate>,
    /// Its ticket, change or page.
    pub url: Option<String>,
}

pub(super) fn decide(state: &State, command: Command, by: Person) -> Result<Vec<Event>, Refusal> {
    let known = &state.review;
    let event = match command {
        Command::StateImpact { side, text: said } => {
            ImpactStated { side, text: text("impact", &said, TEXT_LIMIT)?, by }.into()
        }
        Command::Learn { kind, text: said, corrects } => {
            let id = place(ItemKind::Lesson, corrects, &known.lessons)?;
            LessonLearned { id, kind, text: text("lesson", &said, TEXT_LIMIT)?, by }.into()
        }
        Command::Recommend { priority, text: said, detail, corrects } => {
            let id = place(ItemKind::Recommendation, corrects, &known.recommendations)?;
            let text = text("recommendation", &said, TEXT_LIMIT)?;
            Recommended { id, priority, text, detail: reason(detail)?, by }.into()
        }
        Command::AddAction(fields) => {
            let id = place(ItemKind::Action, None, &known.actions)?;
            action(id, None, fields, by)?.into()
        }
        Command::ChangeAction { id, to } => {
            let before = &stands(ItemKind::Action, id, &known.actions)?.stated;
            let after = action(id, Some(before), to, by)?;
            if (ActionStated { by: before.by.clone(), ..after.clone() }) == *before {
                return Err(Refusal::Already(format!("{id} says so")));
            }
            after.into()
        }
        Command::SettleAction { id, done, note } => {
            if stands(ItemKind::Action, id, &known.actions)?.done == done {
                return Err(Refusal::Already(format!("{id} is {}", if done { "done" } else { "open" })));
            }
            ActionSettled { id, done, note: reason(note)?, by }.into()
        }
        Command::SetReview { at } if known.at == Some(at) => {
            return Err(Refusal::Already("the review is at that time".to_owned()));
        }
        Command::SetReview { at } => ReviewSet { at, by }.into(),
        Command::Withdraw { id, why } => {
            let investigation = &state.investigation;
            match id.kind {
                ItemKind::Hypothesis => drop(stands(id.kind, id, &investigation.hypotheses)?),
                ItemKind::Evidence => drop(stands(id.kind, id, &investigation.evidence)?),
                ItemKind::Cause => drop(stands(id.kind, id, &investigation.causes)?),
                ItemKind::Lesson => drop(stands(id.kind, id, &known.lessons)?),
                ItemKind::Recommendation => drop(stands(id.kind, id, &known.recommendations)?),
                ItemKind::Action => drop(stands(id.kind, id, &known.actions)?),
            }
            Withdrawn { id, why: text("reason", &why, TEXT_LIMIT)?, by }.into()
        }
    };
    Ok(vec![event])
}

fn action(
    id: ItemId,
    before: Option<&ActionStated>,
    fields: ActionFields,
    by: Person,
) -> Result<ActionStated, Refusal> {
    let ActionFields { text: said, owner, priority, due, url } = fields;
    let said = said.or_else(|| before.map(|before| before.text.clone())).unwrap_or_default();
    Ok(ActionStated {
        id,
        text: text("action item", &said, TEXT_LIMIT)?,
        owner: owner.or_else(|| before?.owner.clone()),
        priority: priority.or_else(|| before?.priority),
        due: due.or_else(|| before?.due),
        url: match url {
            Some(url) => Some(address(&url)?),
            None => before.and_then(|before| before.url.clone()),
        },
        by,
    })
}
