//! What waits for a person: the question, everything that is needed to answer it, and the answers.

use maud::{Markup, html};

use crate::base::text::{one_line, plain};
use crate::bot::board::Board;
use crate::bot::offers;
use crate::bot::waiting::{Waiting, What, waiting};
use crate::domain::run::event::Question;
use crate::domain::run::state::State;
use crate::view::evidence::{self, Pen as Pencil};
use crate::view::time;
use crate::web::pages::write::Pen;

/// All questions of an incident's runs.
#[must_use]
pub fn asks(board: &Board, pen: &Pen<'_>) -> Markup {
    let open: Vec<(&State, Waiting)> =
        board.runs.iter().flat_map(|run| waiting(run).into_iter().map(move |waiting| (run, waiting))).collect();
    html! {
        section id="asks" aria-labelledby="asks-title" aria-live="polite" {
            @if !open.is_empty() {
                h2 id="asks-title" {
                    @if open.len() == 1 { "Waits for a person" } @else { (open.len()) " things wait for a person" }
                }
                @for (run, waiting) in &open { (one(run, waiting, pen)) }
            }
        }
    }
}

fn one(run: &State, waiting: &Waiting, pen: &Pen<'_>) -> Markup {
    let id = format!("ask-{}-{}-{}-{}", run.id, waiting.step, waiting.visit, waiting.attempt);
    html! {
        article class="ask" id=(id) {
            h3 { a href={ "#" (step_id(run, &waiting.step)) } { (one_line(&waiting.title, 160)) } " "
                span class="small muted" { (run.id) } }
            p { (one_line(&waiting.words(), 2_000)) }
            @if let Some(until) = waiting.until { p { "until " (pen.due(until)) } }
            @match &waiting.what {
                What::Approval { action, given, quorum, .. } => {
                    dl class="facts" {
                        dt { "What is done" } dd { code { (one_line(action, 2_000)) } }
                        dt { "Agreed" } dd {
                            (given.len()) " of " (quorum)
                            @if !given.is_empty() { ": " (given.iter().map(|person| one_line(person.name(), 60)).collect::<Vec<_>>().join(", ")) }
                        }
                    }
                }
                What::Question { question: Question::Branch { cases }, .. } => {
                    ul {
                        @for case in cases {
                            li {
                                b { (one_line(if case.label.trim().is_empty() { &case.id } else { &case.label }, 200)) }
                                @if case.recommended { " (recommended)" }
                                @if !case.fits { span class="muted" { " (its condition does not hold: it needs a reason)" } }
                            }
                        }
                    }
                }
                What::Question { prose, .. } => {
                    @if !prose.trim().is_empty() {
                        details { summary { "How it is done by hand" } pre class="wrap" { (plain(prose, 8_000)) } }
                    }
                }
                What::Obstacle { .. } => {}
            }
            @if let Some(before) = &waiting.before {
                @let ago = |at| format!("at {}", time::clock(at, pen.zone));
                ul class="small" {
                    @for line in evidence::before(before, &Pencil { safe: &one_line, ago: &ago }) { li { (line) } }
                }
            }
            div class="acts" {
                @for offer in offers::of_question(run, waiting) { (pen.offer(&offer, &confirmed(waiting))) }
            }
        }
    }
}

/// What somebody agrees to, once more before they do.
fn confirmed(waiting: &Waiting) -> String {
    match &waiting.what {
        What::Approval { action, .. } => format!("This lets it happen: {}", one_line(action, 500)),
        _ => one_line(&waiting.title, 200),
    }
}

/// The id of a step's element.
#[must_use]
pub fn step_id(run: &State, step: &str) -> String {
    format!("{}-{step}", run.id)
}
