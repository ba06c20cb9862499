//! The head of an incident's page: how bad, how far, who, since when, what is still open.

use maud::{Markup, html};

use crate::base::event::Severity;
use crate::base::text::one_line;
use crate::bot::board::Board;
use crate::bot::offers;
use crate::bot::waiting::waiting;
use crate::domain::gate::gate;
use crate::domain::incident::event::{Milestone, Role, Status};
use crate::domain::incident::{Measure, State};
use crate::view::{NOT_RECORDED, time};
use crate::web::pages::write::{Pen, Tone, badge};

/// Things still open that are listed.
const OPEN: usize = 12;

/// How an incident stands, in a sign and a word.
#[must_use]
pub fn status(state: &State) -> Markup {
    let unverified = state.resolution.as_ref().is_some_and(|resolved| !resolved.verified);
    let tone = match state.status {
        Status::Resolved | Status::Closed if unverified => Tone::Warn,
        Status::Resolved | Status::Closed => Tone::Ok,
        Status::Detected => Tone::Bad,
        _ => Tone::Live,
    };
    badge(tone, &state.status_words())
}

/// How bad it is.
#[must_use]
pub fn severity(severity: Option<Severity>) -> Markup {
    match severity {
        Some(severity @ (Severity::P0 | Severity::P1)) => badge(Tone::Bad, &severity.to_string()),
        Some(severity) => badge(Tone::Warn, &severity.to_string()),
        None => badge(Tone::Idle, "no severity"),
    }
}

/// The head.
#[must_use]
pub fn head(board: &Board, pen: &Pen<'_>) -> Markup {
    let state = &board.state;
    let open = gate(&board.facts).lines();
    let waits: usize = board.runs.iter().map(|run| waiting(run).len()).sum();
    let ended = state.milestones.get(&Milestone::Resolved).filter(|_| !state.status.is_open());
    html! {
        section id="head" aria-labelledby="title" {
            div class="tools" {
                h1 id="title" { span class="muted" { (board.incident) } " " (one_line(&state.title, 300)) }
                (severity(state.severity)) (status(state))
            }
            // On a telephone the questions themselves stand further down.
            @if waits > 0 {
                p { a class="button wait" href="#asks" { "? " @if waits == 1 { "Something waits" } @else { (waits) " things wait" } " for a person" } }
            }
            p {
                @match ended {
                    Some(end) => { "over after " b { (time::length(*end - state.declared_at)) } },
                    None => { b { (pen.since(state.declared_at)) } " since it was declared" },
                }
                " at " (pen.at(state.declared_at)) " by " (one_line(state.declared_by.name(), 60))
                @if let Some(place) = &state.environment { " on " (one_line(place, 60)) }
                " · " (roles(state))
            }
            (milestones(state, pen))
            @if !state.links.is_empty() {
                p class="small" {
                    "Links: "
                    @for link in state.links.iter().rev().take(8) {
                        (outside(&link.url, link.label.as_deref().unwrap_or(&link.url))) " "
                    }
                }
            }
            @if state.status.is_open() && !open.is_empty() {
                details id="open" {
                    summary { (open.len()) " still open before it counts as verified" }
                    ul {
                        @for line in open.iter().take(OPEN) { li { (one_line(line, 240)) } }
                        @if open.len() > OPEN { li { "and " (open.len() - OPEN) " more" } }
                    }
                }
            }
            div class="acts" {
                // What passes over the gate is offered only where the gate objects.
                @let passes = |label: &str| !open.is_empty() || label != offers::RESOLVE_ANYWAY;
                @for offer in offers::of_incident(&board.incident, state).iter().filter(|offer| passes(&offer.label)) {
                    (pen.offer(offer, &one_line(&state.title, 200)))
                }
            }
        }
    }
}

fn roles(state: &State) -> Markup {
    let named: Vec<String> = Role::ALL
        .iter()
        .filter_map(|role| Some(format!("{} {}", role.word(), one_line(state.roles.get(role)?.name(), 60))))
        .collect();
    match (&state.acknowledged_by, named.is_empty()) {
        (_, false) => html! { (named.join(" · ")) },
        (Some(by), true) => html! { (one_line(by.name(), 60)) " is on it" },
        (None, true) if state.status.is_open() => html! { b { "nobody has taken it on yet" } },
        (None, true) => html! { "roles " (NOT_RECORDED) },
    }
}

fn milestones(state: &State, pen: &Pen<'_>) -> Markup {
    html! {
        ul class="milestones" aria-label="Milestones and the times between them" {
            @for measure in Measure::ALL {
                @let interval = state.measure(measure);
                li {
                    abbr title=(format!("from {} to {}", interval.from.word(), interval.to.word())) { (measure.word()) }
                    b { (interval.length.map_or("–".to_owned(), time::length)) }
                    span class="small muted" { (interval.from.word()) " → " (interval.to.word()) }
                }
            }
            @for milestone in Milestone::ALL {
                @if let Some(at) = state.milestones.get(&milestone) {
                    li class="small" { span class="muted" { (milestone.word()) } br; (pen.at(*at)) }
                }
            }
        }
    }
}

/// An address elsewhere, as a link where it is one of the web's; anything else is only text.
#[must_use]
pub fn outside(url: &str, label: &str) -> Markup {
    let shown = one_line(label, 120);
    if url.starts_with("https://") || url.starts_with("http://") {
        html! { a href=(url) rel="noreferrer noopener" { (shown) } }
    } else {
        html! { (shown) " (" (one_line(url, 200)) ")" }
    }
}
