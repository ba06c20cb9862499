//! What people suspect, found and settled on, and what is to be done afterwards.

use maud::{Markup, html};

use super::head::outside;
use crate::base::text::one_line;
use crate::bot::board::Board;
use crate::domain::incident::investigation::Verdict;
use crate::web::pages::write::{Pen, Tone, badge};

/// Characters of what somebody wrote.
const TEXT: usize = 1_000;

/// The investigation.
#[must_use]
pub fn investigation(board: &Board) -> Markup {
    let found = &board.state.investigation;
    let none = found.hypotheses.is_empty() && found.evidence.is_empty() && found.causes.is_empty();
    html! {
        section id="investigation" aria-labelledby="investigation-title" {
            h2 id="investigation-title" { "Investigation" }
            @if none {
                p class="empty" { "Nobody has written down what they suspect. " code { "rundown hypothesis add TEXT" } " does, also as "
                    code { "/hypothesis add" } "." }
            }
            @for (number, cause) in found.causes.iter() {
                p { b { "C" (number) } " " (badge(Tone::Bad, if cause.root { "root cause" } else { "contributed" })) " " (one_line(&cause.text, TEXT)) }
            }
            @for (number, hypothesis) in found.hypotheses.iter() {
                div class="card" {
                    p {
                        b { "H" (number) } " " (one_line(&hypothesis.stated.claim, TEXT)) " "
                        (badge(verdict(hypothesis.verdict), hypothesis.verdict.word()))
                        " " span class="small muted" { (one_line(hypothesis.stated.by.name(), 60)) }
                    }
                    @if let Some(why) = &hypothesis.why { p class="small" { (one_line(why, TEXT)) } }
                    ul class="small" {
                        @for (evidence, said) in found.evidence.iter() {
                            @if said.hypothesis.is_some_and(|of| of.number == number) {
                                li { (evidence_line(evidence, said)) }
                            }
                        }
                    }
                }
            }
            ul {
                @for (number, said) in found.evidence.iter() {
                    @if said.hypothesis.is_none() { li { (evidence_line(number, said)) } }
                }
            }
        }
    }
}

fn evidence_line(number: u32, said: &crate::domain::incident::investigation::EvidenceFound) -> Markup {
    html! {
        b { "E" (number) } " " (one_line(&said.checked, TEXT)) ": " (one_line(&said.found, TEXT))
        @if let Some(implication) = &said.implication { " → " (one_line(implication, TEXT)) }
        @if let Some(url) = &said.url { " " (outside(url, "link")) }
        " " span class="muted" { (one_line(said.by.name(), 60)) }
    }
}

fn verdict(verdict: Verdict) -> Tone {
    match verdict.word() {
        "confirmed" => Tone::Ok,
        "ruled out" | "refuted" => Tone::Idle,
        _ => Tone::Wait,
    }
}

/// What is to be done afterwards, overdue ones first.
#[must_use]
pub fn actions(board: &Board, pen: &Pen<'_>) -> Markup {
    let today = pen.now.with_timezone(&board.zone).date_naive();
    let mut all: Vec<_> = board.state.review.actions.iter().collect();
    let late = |action: &crate::domain::incident::review::Action| {
        !action.done && action.stated.due.is_some_and(|due| due < today)
    };
    all.sort_by_key(|(number, action)| (action.done, !late(action), action.stated.due, *number));
    html! {
        section id="actions" aria-labelledby="actions-title" {
            h2 id="actions-title" { "Action items" }
            @if all.is_empty() {
                p class="empty" { "Nothing is to be done yet. " code { "rundown action add TEXT --owner NAME --due DATE" } " adds an item." }
            }
            ul {
                @for (number, action) in all {
                    li {
                        @if action.done { (badge(Tone::Ok, "done")) } @else if late(action) { (badge(Tone::Bad, "overdue")) } @else { (badge(Tone::Idle, "open")) }
                        " " b { "A" (number) } " " (one_line(&action.stated.text, TEXT))
                        span class="small muted" {
                            @if let Some(priority) = action.stated.priority { " · " (priority) }
                            " · " (action.stated.owner.as_ref().map_or("nobody".to_owned(), |owner| one_line(owner.name(), 60)))
                            " · " (action.stated.due.map_or("no date".to_owned(), |due| format!("until {due}")))
                        }
                        @if let Some(url) = &action.stated.url { " " (outside(url, "link")) }
                    }
                }
            }
        }
    }
}
