//! The charts of an incident: what watches saw, and what changes did to it. Each is a picture of its own, so that what stands in it can
//! do nothing to the page; its figures stand beside it in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};

use crate::base::event::{Instant, RunId};
use crate::base::text::one_line;
use crate::bot::board::Board;
use crate::domain::run::event::Event;
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;
use crate::view::chart::Look;
use crate::view::report::{self, Drawn, Options};
use chrono_tz::Tz;

/// Charts of a page.
const CHARTS: usize = 12;

/// All charts of an incident.
#[must_use]
pub fn drawn(board: &Board, zone: Tz, now: Instant) -> Vec<Drawn> {
    let watches = |fact: &Fact| matches!(fact, Fact::Run(_, Event::WatchStarted(_)));
    if !board.facts.iter().any(|recorded| watches(&recorded.event)) {
        return Vec::new();
    }
    let plans: BTreeMap<RunId, Arc<Plan>> = board.runs.iter().map(|run| (run.id.clone(), run.plan.clone())).collect();
    let options = Options { zone: Some(zone), anchor: None, generated_at: now, template: None, plans: &plans };
    report::charts(&board.facts, &options)
}

/// One chart as SVG.
#[must_use]
pub fn svg(drawn: &Drawn) -> String {
    drawn.picture.svg(Look::page())
}

/// The section.
#[must_use]
pub fn charts(board: &Board, drawn: &[Drawn]) -> Markup {
    html! {
        section id="charts" aria-labelledby="charts-title" {
            @if !drawn.is_empty() {
                h2 id="charts-title" { "Watches" }
                @for chart in drawn.iter().take(CHARTS) {
                    @let title = one_line(&chart.picture.title(), 160);
                    @let figures = chart.picture.figures();
                    figure {
                        img id={ "chart-" (chart.name) } src={ "/incidents/" (board.incident) "/charts/" (chart.name) ".svg?through=" (through(board)) }
                            alt={ "Chart: " (title) ". Its figures stand below." } width="880" height="260";
                        figcaption {
                            (title)
                            @for (name, told) in figures.iter().take(8) { br; b { (one_line(name, 80)) } " " (one_line(told, 200)) }
                        }
                    }
                }
                @if drawn.len() > CHARTS { p class="muted" { (drawn.len() - CHARTS) " more charts; " code { "rundown chart " (board.incident) } " writes all" } }
            }
        }
    }
}

/// The last event that changes what is drawn: a picture with another one is loaded anew.
fn through(board: &Board) -> u64 {
    let shows = |fact: &Fact| match fact {
        Fact::Run(_, event) => {
            event.kind().starts_with("watch.") || matches!(event, Event::StepFinished(_) | Event::AttemptAccepted(_))
        }
        _ => false,
    };
    board.facts.iter().rev().find(|recorded| shows(&recorded.event)).map_or(0, |recorded| recorded.pos)
}
