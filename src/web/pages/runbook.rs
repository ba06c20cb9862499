//! One runbook: its prose beside its steps, what it needs, how its runs went.

mod steps;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use chrono_tz::Tz;
use maud::{Markup, html};

use super::parts::{count, severity, since, when};
use super::prose::{around, prose};
use super::shell::{Place, page_for};
use super::write::{Tone, badge};
use super::{Failed, nothing, runbooks, runs};
use crate::base::event::Instant;
use crate::base::text::{one_line, plain};
use crate::bot::Bot;
use crate::bot::lists::runbooks::{Opened, Rehearsed};
use crate::domain::runbook::fault::render;
use crate::domain::runbook::model::{InputKind, Runbook};
use crate::web::session::Viewer;

/// The longest text of faults that is shown, in characters.
const FAULTS: usize = 20_000;

/// `GET /runbooks/{id}`.
///
/// # Errors
/// The runbooks, the journal.
pub async fn one(viewer: Viewer, State(bot): State<Arc<Bot>>, Path(id): Path<String>) -> Result<Response, Failed> {
    let Some(opened) = bot.opened_runbook(&id).await? else { return Ok(nothing().await) };
    let body = body(&opened, bot.clock().now(), bot.house_zone());
    Ok(page_for(&viewer, &one_line(&opened.book.listed.title, 100), Place::Runbooks, &body).into_response())
}

fn body(opened: &Opened, now: Instant, zone: Tz) -> Markup {
    let book = &opened.book;
    html! {
        p { a href="/runbooks" { "Runbooks" } }
        div class="tools" {
            h1 { (one_line(&book.listed.title, 160)) }
            span { code { (one_line(&book.listed.id, 80)) } " " (severity(book.listed.severity)) " " (runbooks::fitness(book)) }
        }
        @if let Some(why) = &book.stale { p class="notice warn" { "! It needs somebody: " (one_line(why, 300)) } }
        @match &opened.read {
            Ok(runbook) => { (readable(opened, runbook, now, zone)) },
            Err(faults) => {
                p { "It cannot be run as it is: " (count(faults.len(), "fault")) "." }
                pre class="wrap" tabindex="0" { (plain(&render(faults, &opened.page.file, &opened.page.source, false), FAULTS)) }
                p { code { "rundown check " (one_line(&opened.page.file, 200)) } " prints the same." }
            },
        }
    }
}

fn readable(opened: &Opened, runbook: &Runbook, now: Instant, zone: Tz) -> Markup {
    let book = &opened.book;
    let around = around(&opened.page.source);
    html! {
        div class="grid" {
            section aria-labelledby="about" {
                h2 id="about" class="sr" { "What it is for" }
                (prose(&around.intro))
            }
            section aria-labelledby="facts" {
                h2 id="facts" { "At a glance" }
                (runbooks::facts(book, now, zone))
                (start(book.listed.faults == 0, &book.listed.id, runbook))
                (inputs(runbook))
                @if let Some(deadline) = runbook.deadline { p { "A run asks whether to go on after " (deadline) "." } }
            }
        }
        (steps::phases(runbook, &around.phases))
        (criteria(runbook))
        (ran(opened, zone, now))
        (rehearsals(&book.rehearsed, now, zone))
    }
}

fn start(runs: bool, id: &str, runbook: &Runbook) -> Markup {
    let required = runbook.inputs.iter().filter(|(_, input)| input.default.is_none() && input.default_from.is_none());
    let given: String = required.map(|(name, _)| format!(" --input {name}=…")).collect();
    let id = one_line(id, 80);
    html! {
        @if runs {
            h3 { "How to start it" }
            p { code { "rundown run " (id) (given) } " in a terminal, or " code { "/run " (id) } " in chat. "
                code { "rundown plan " (id) (given) } " shows every step as it would run, and touches nothing." }
        }
    }
}

fn inputs(runbook: &Runbook) -> Markup {
    html! {
        @if !runbook.inputs.is_empty() {
            table class="rows" {
                caption { "What may be given when it starts" }
                thead { tr { th scope="col" { "Input" } th scope="col" { "Kind" } th scope="col" { "Where nothing is given" } } }
                tbody { @for (name, input) in &runbook.inputs {
                    tr {
                        th scope="row" {
                            code { (name) }
                            @if let Some(about) = &input.about { p class="muted small" { (one_line(about, 300)) } }
                        }
                        td data-label="Kind" { (kind(&input.kind)) }
                        td data-label="Where nothing is given" {
                            @match (&input.default, &input.default_from) {
                                (Some(value), _) => { code { (one_line(&value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned), 120)) } },
                                (None, Some(variable)) => { "the variable " code { (one_line(variable, 80)) } },
                                (None, None) => { "it must be given" },
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// What an input or an answer must be.
pub fn kind(kind: &InputKind) -> String {
    match kind {
        InputKind::Text => "text".to_owned(),
        InputKind::Number => "a number".to_owned(),
        InputKind::Bool => "yes or no".to_owned(),
        InputKind::Duration => "a duration, such as 2h".to_owned(),
        InputKind::Choice(choices) => format!("one of {}", one_line(&choices.join(", "), 300)),
    }
}

fn criteria(runbook: &Runbook) -> Markup {
    html! {
        @if !runbook.criteria.is_empty() {
            section aria-labelledby="criteria" {
                h2 id="criteria" { "What must hold at the end" }
                ul { @for criterion in &runbook.criteria {
                    li {
                        (one_line(&criterion.text, 300)) ": "
                        @match &criterion.condition {
                            Some(condition) => { code { (one_line(condition.source(), 300)) } },
                            None => { span class="muted" { "a person ticks it" } },
                        }
                    }
                } }
            }
        }
    }
}

fn ran(opened: &Opened, zone: Tz, now: Instant) -> Markup {
    let last = &opened.book.runs.last;
    let (looked_at, all) = opened.looked_at;
    html! {
        section aria-labelledby="runs" {
            h2 id="runs" { "Last runs" }
            @if last.is_empty() {
                p class="empty" {
                    "It has not been run" @if looked_at < all { " among the newest " (looked_at) " runs" } ". "
                    code { "rundown run " (one_line(&opened.book.listed.id, 80)) } " runs it; a rehearsal shows it without touching anything."
                }
            } @else {
                (runs::table(last, "The last runs of this runbook, the newest first", zone, now))
                p { a href=(super::parts::address("/runs", &[("runbook", Some(opened.book.listed.id.as_str()))])) { "All runs of it" } }
            }
        }
    }
}

fn rehearsals(scenarios: &[Rehearsed], now: Instant, zone: Tz) -> Markup {
    html! {
        section aria-labelledby="rehearsals" {
            h2 id="rehearsals" { "Rehearsals" }
            @if scenarios.is_empty() {
                p class="empty" { "No scenario rehearses it. A scenario lies in the folder “rehearsals” beside the runbooks; docs/rehearsals.md shows one." }
            } @else {
                table class="rows" {
                    caption class="sr" { "Its scenarios, and when each was last rehearsed here" }
                    thead { tr { th scope="col" { "Scenario" } th scope="col" { "Last time" } th scope="col" { "How it went" } } }
                    tbody { @for (name, noted) in scenarios {
                        tr {
                            th scope="row" { code { (one_line(name, 80)) } }
                            @match noted {
                                Some(noted) => {
                                    td data-label="Last time" { (when(noted.at, zone)) ", " (since(noted.at, now, zone)) " ago" }
                                    td data-label="How it went" { (if noted.ok { badge(Tone::Ok, "as expected") } else { badge(Tone::Bad, "differed") }) }
                                },
                                None => {
                                    td data-label="Last time" { span class="muted" { "never here" } }
                                    td data-label="How it went" { code { "rundown rehearse " (one_line(name, 80)) } " plays it" }
                                },
                            }
                        }
                    } }
                }
            }
        }
    }
}
