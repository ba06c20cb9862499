//! What the incident did to people, what was learned and what is to follow.

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use super::findings::{ItemCites, TEXT, cites_of};
use crate::base::event::Severity;
use crate::domain::incident::event::Event;
use crate::domain::incident::item::ItemKind;
use crate::domain::incident::review::{Action, Impact, Lesson};
use crate::domain::incident::{State, review};
use crate::domain::timeline::Fact;
use crate::view::time;

/// The review as the templates see it.
#[derive(Default, Serialize)]
pub(super) struct Review {
    /// One row a side that somebody spoke of.
    pub(super) impact: Vec<Side>,
    lessons: Vec<Lessons>,
    recommendations: Vec<Priority>,
    /// Open ones first, then by their last day.
    pub(super) actions: Vec<Work>,
    /// When the review is held, or due.
    due: String,
    handovers: Vec<Handover>,
}

#[derive(Serialize)]
pub(super) struct Side {
    name: &'static str,
    text: String,
    cites: String,
}

#[derive(Serialize)]
struct Lessons {
    title: &'static str,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Priority {
    title: String,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    id: String,
    text: String,
    detail: String,
    cites: String,
}

/// An action item.
#[derive(Serialize)]
pub(super) struct Work {
    mark: &'static str,
    pub(super) id: String,
    text: String,
    pub(super) owner: Option<String>,
    priority: String,
    pub(super) due: Option<String>,
    link: String,
    overdue: bool,
    pub(super) done: bool,
    pub(super) cites: String,
}

#[derive(Serialize)]
struct Handover {
    time: String,
    by: String,
    to: String,
    cites: String,
}

pub(super) fn review(context: &Context<'_>, cites: &ItemCites, today: chrono::NaiveDate) -> Review {
    let Some(state) = &context.incident else { return Review { due: NOT_RECORDED.into(), ..Review::default() } };
    Review {
        impact: impact(context, state),
        lessons: lessons(state, cites),
        recommendations: recommendations(state, cites),
        actions: actions(state, cites, today),
        due: match (state.review.at, state.review_due()) {
            (Some(at), _) => format!("The review is held at {}.", time::moment(at, context.zone)),
            (None, Some(due)) => format!(
                "The review is due within {} of the end, by {}; no date is recorded.",
                time::length(review::REVIEW_WITHIN),
                time::moment(due, context.zone)
            ),
            (None, None) => NOT_RECORDED.to_owned(),
        },
        handovers: handovers(context),
    }
}

fn impact(context: &Context<'_>, state: &State) -> Vec<Side> {
    let cites = |side: Impact| {
        let mut last = Cites::default();
        for recorded in context.facts {
            if let Fact::Incident(_, Event::ImpactStated(stated)) = &recorded.event
                && stated.side == side
            {
                last = Cites::one(recorded.pos);
            }
        }
        last.text()
    };
    let stated = Impact::ALL.into_iter().filter_map(|side| Some((side, state.review.impact.get(&side)?)));
    stated.map(|(side, text)| Side { name: side.word(), text: md(text, TEXT), cites: cites(side) }).collect()
}

fn lessons(state: &State, cites: &ItemCites) -> Vec<Lessons> {
    let of = |kind: Lesson| -> Vec<Item> {
        let chosen = state.review.lessons.iter().filter(|(_, lesson)| lesson.kind == kind);
        chosen
            .map(|(number, lesson)| Item {
                id: format!("L{number}"),
                text: md(&lesson.text, TEXT),
                detail: String::new(),
                cites: cites_of(cites, ItemKind::Lesson, number),
            })
            .collect()
    };
    let title = |kind| match kind {
        Lesson::WentWell => "What went well",
        Lesson::CouldImprove => "What could be better",
        Lesson::Surprised => "What surprised us",
    };
    let all = Lesson::ALL.into_iter().map(|kind| Lessons { title: title(kind), items: of(kind) });
    all.filter(|lessons| !lessons.items.is_empty()).collect()
}

fn recommendations(state: &State, cites: &ItemCites) -> Vec<Priority> {
    let of = |priority: Severity| -> Vec<Item> {
        let chosen = state.review.recommendations.iter().filter(|(_, said)| said.priority == priority);
        chosen
            .map(|(number, said)| Item {
                id: format!("R{number}"),
                text: md(&said.text, TEXT),
                detail: said.detail.as_deref().map_or(String::new(), |detail| md(detail, TEXT)),
                cites: cites_of(cites, ItemKind::Recommendation, number),
            })
            .collect()
    };
    let title = |priority: Severity| match priority {
        Severity::P0 => "P0, must have".to_owned(),
        Severity::P1 => "P1, should have".to_owned(),
        other => format!("{other}, nice to have"),
    };
    let all = [Severity::P0, Severity::P1, Severity::P2, Severity::P3].into_iter();
    all.map(|priority| Priority { title: title(priority), items: of(priority) })
        .filter(|priority| !priority.items.is_empty())
        .collect()
}

fn actions(state: &State, cites: &ItemCites, today: chrono::NaiveDate) -> Vec<Work> {
    let mut items: Vec<(u32, &Action)> = state.review.actions.iter().collect();
    items.sort_by_key(|(number, action)| (action.done, action.stated.due.is_none(), action.stated.due, *number));
    let work = |(number, action): (u32, &Action)| {
        let stated = &action.stated;
        Work {
            mark: if action.done { "x" } else { " " },
            id: format!("A{number}"),
            text: md(&stated.text, TEXT),
            owner: stated.owner.as_ref().map(|owner| md(owner.name(), 100)),
            priority: stated.priority.map_or("no priority".to_owned(), |priority| priority.to_string()),
            due: stated.due.map(|due| due.to_string()),
            link: stated.url.as_deref().map(super::cite::address).unwrap_or_default(),
            overdue: !action.done && stated.due.is_some_and(|due| due < today),
            done: action.done,
            cites: cites_of(cites, ItemKind::Action, number),
        }
    };
    items.into_iter().map(work).collect()
}

fn handovers(context: &Context<'_>) -> Vec<Handover> {
    let handed = context.facts.iter().filter_map(|recorded| match &recorded.event {
        Fact::Incident(_, Event::HandedOver(handed)) => Some(Handover {
            time: time::moment(recorded.head.occurred_at, context.zone),
            by: md(handed.by.name(), 100),
            to: md(handed.to.name(), 100),
            cites: Cites::one(recorded.pos).text(),
        }),
        _ => None,
    });
    handed.collect()
}
