//! Success criteria as they were judged at the end of each run, with the ticks that persons gave.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use crate::base::event::RunId;
use crate::domain::run::event::{CriterionTicked, Event};
use crate::domain::timeline::Fact;

/// What one run's criteria came to.
#[derive(Serialize)]
pub(super) struct Judgement {
    pub(super) run: String,
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

#[derive(Serialize)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) met: Option<bool>,
    result: String,
    saw: String,
    /// The same where something was seen, for pages without a column for it.
    seen: Option<String>,
    pub(super) cites: String,
}

pub(super) fn judgements(context: &Context<'_>) -> Vec<Judgement> {
    let mut judgements: Vec<Judgement> = Vec::new();
    let mut index: BTreeMap<RunId, usize> = BTreeMap::new();
    let mut titles = BTreeMap::new();
    let mut ticks: Vec<(RunId, &CriterionTicked, u64)> = Vec::new();
    for recorded in context.facts {
        match &recorded.event {
            Fact::Run(id, Event::Opened(opened)) => {
                titles.insert(id.clone(), md(&opened.title, 200));
            }
            Fact::Run(id, Event::CriterionTicked(ticked)) => ticks.push((id.clone(), ticked, recorded.pos)),
            Fact::Run(id, Event::CriteriaJudged(judged)) => {
                let rows = judged.criteria.iter().map(|criterion| Row {
                    text: md(&criterion.text, 300),
                    met: criterion.met,
                    result: match criterion.met {
                        Some(true) => "met".into(),
                        Some(false) => "**not met**".into(),
                        None => "waiting for a tick".into(),
                    },
                    seen: criterion.saw.as_deref().map(|saw| md(saw, 300)),
                    saw: criterion.saw.as_deref().map_or("–".into(), |saw| md(saw, 300)),
                    cites: Cites::one(recorded.pos).text(),
                });
                let title = titles.get(id).cloned().unwrap_or_else(|| NOT_RECORDED.into());
                let judgement = Judgement { run: id.to_string(), title, rows: rows.collect() };
                match index.get(id) {
                    Some(at) => judgements[*at] = judgement,
                    None => {
                        index.insert(id.clone(), judgements.len());
                        judgements.push(judgement);
                    }
                }
            }
            _ => {}
        }
    }
    for (id, ticked, pos) in ticks {
        let judgement = index.get(&id).and_then(|at| judgements.get_mut(*at));
        if let Some(row) = judgement.and_then(|judgement| judgement.rows.get_mut(ticked.index as usize)) {
            row.met = Some(true);
            row.result = format!("met, ticked by {}", md(ticked.by.name(), 60));
            row.cites = format!("{} {}", row.cites, Cites::one(pos).text());
        }
    }
    judgements
}
