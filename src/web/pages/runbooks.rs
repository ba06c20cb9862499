//! The list of runbooks.

use std::sync::Arc;

use axum::extract::{Query, State};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;

use super::Failed;
use super::parts::{asked, count, field, filters, segment, severity, when};
use super::runs::stands;
use super::shell::{Place, page_for};
use super::write::{Tone, badge};
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::bot::Bot;
use crate::bot::lists::runbooks::{Book, Rehearsed, Shelf};
use crate::web::session::Viewer;

/// Of what a runbook is for, so many of its words are shown.
const USE_WHEN: usize = 6;

/// What was asked for, as it stood in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    q: Option<String>,
}

/// `GET /runbooks`.
///
/// # Errors
/// The runbooks, the journal.
pub async fn list(viewer: Viewer, State(bot): State<Arc<Bot>>, Query(query): Query<Asked>) -> Result<Markup, Failed> {
    let text = asked(query.q.as_ref());
    let shelf = bot.shelf().await?;
    Ok(page_for(
        &viewer,
        "Runbooks",
        Place::Runbooks,
        &body(&shelf, text.as_deref(), bot.clock().now(), bot.house_zone()),
    ))
}

fn fits(book: &Book, text: &str) -> bool {
    let text = text.to_lowercase();
    let own = [book.listed.id.as_str(), book.listed.title.as_str()].into_iter();
    let mut fields = own.chain(book.listed.use_when.iter().chain(&book.listed.targets).map(String::as_str));
    // A pasted error holds the words by which a runbook is found.
    fields.any(|field| field.to_lowercase().contains(&text))
        || book.listed.use_when.iter().any(|words| !words.is_empty() && text.contains(&words.to_lowercase()))
}

fn body(shelf: &Shelf, text: Option<&str>, now: Instant, zone: Tz) -> Markup {
    let found: Vec<&Book> = shelf.all.iter().filter(|book| text.is_none_or(|text| fits(book, text))).collect();
    let (looked_at, all) = shelf.looked_at;
    html! {
        div class="tools" { h1 { "Runbooks" } span class="muted" { (need_somebody(shelf)) } }
        @if let Some(why) = &shelf.unclear {
            p class="notice warn" role="status" { "! Which of them need somebody cannot be said: " (one_line(why, 300)) }
        }
        @if shelf.all.is_empty() {
            div class="empty" {
                p { "There is no runbook in this folder." }
                p { "A runbook is a page of Markdown: docs/runbook-language.md shows one, and " code { "rundown check" } " says what is wrong with it." }
            }
        } @else {
            (filters("/runbooks", &field("q", "Title, target, or an error as it was pasted", "search", text), text.is_some()))
            @if found.is_empty() {
                p class="empty" { "No runbook is for that. " a href="/runbooks" { "All of them" } " are still there." }
            }
            ul class="cards wide" { @for book in found { li class="card" { (card(book, now, zone)) } } }
            p class="muted small" {
                @if looked_at < all { "Runs are counted among the newest " (looked_at) " of " (all) "." }
                @else { "Runs are counted among all " (all) " there are." }
            }
        }
    }
}

fn need_somebody(shelf: &Shelf) -> String {
    match shelf.all.iter().filter(|book| book.stale.is_some()).count() {
        0 => count(shelf.all.len(), "runbook"),
        1 => format!("{}, 1 needs somebody", count(shelf.all.len(), "runbook")),
        several => format!("{}, {several} need somebody", count(shelf.all.len(), "runbook")),
    }
}

fn card(book: &Book, now: Instant, zone: Tz) -> Markup {
    html! {
        h2 { a href={ "/runbooks/" (segment(&book.listed.id)) } { (one_line(&book.listed.title, 160)) } }
        p { code { (one_line(&book.listed.id, 80)) } " " (severity(book.listed.severity)) " " (fitness(book)) }
        @if let Some(why) = &book.stale { p { (one_line(why, 300)) } }
        (facts(book, now, zone))
    }
}

/// Whether it still fits the world.
pub fn fitness(book: &Book) -> Markup {
    match (book.listed.faults, &book.stale) {
        (0, None) => badge(Tone::Ok, "nothing known against it"),
        (0, Some(_)) => badge(Tone::Warn, "needs somebody"),
        (faults, _) => badge(Tone::Bad, &count(faults, "fault")),
    }
}

/// What is known of it beside its text.
pub fn facts(book: &Book, now: Instant, zone: Tz) -> Markup {
    let words: Vec<String> =
        book.listed.use_when.iter().take(USE_WHEN).map(|words| format!("“{}”", one_line(words, 80))).collect();
    let more = book.listed.use_when.len().saturating_sub(USE_WHEN);
    let targets: Vec<String> = book.listed.targets.iter().take(20).map(|name| one_line(name, 60)).collect();
    html! {
        dl class="facts" {
            @if !words.is_empty() {
                dt { "When" }
                dd { (words.join(", ")) @if more > 0 { " and " (more) " more" } }
            }
            @if !targets.is_empty() { dt { "Acts on" } dd { (targets.join(", ")) } }
            dt { "Last run" }
            dd {
                @match book.runs.last.first() {
                    Some(line) => { a href={ "/runs/" (line.id) } { (line.id) } " " (stands(line)) " " (when(line.opened_at, zone)) },
                    None => { span class="muted" { "never run" } },
                }
            }
            @if let Some(percent) = book.runs.success() {
                dt { "Succeeded" }
                dd {
                    meter aria-label="Runs that succeeded" min="0" max="100" low="50" high="80" optimum="100" value=(percent) { (percent) " %" }
                    " " (percent) " %, " (book.runs.succeeded) " of " (count(book.runs.over, "run"))
                }
            }
            dt { "Rehearsed" }
            dd { (rehearsed(&book.rehearsed, now, zone)) }
        }
    }
}

/// The last rehearsal of any of its scenarios, and how many there are.
fn rehearsed(scenarios: &[Rehearsed], now: Instant, zone: Tz) -> Markup {
    let last = scenarios.iter().filter_map(|(_, noted)| noted.as_ref()).max_by_key(|noted| noted.at);
    let never = scenarios.iter().filter(|(_, noted)| noted.is_none()).count();
    html! {
        @match last {
            _ if scenarios.is_empty() => { span class="muted" { "no scenario rehearses it" } },
            None => { span class="muted" { "never here; " code { "rundown rehearse --all" } " does" } },
            Some(noted) => {
                (if noted.ok { badge(Tone::Ok, "as expected") } else { badge(Tone::Bad, "differed") })
                " " (when(noted.at, zone)) ", " (super::parts::since(noted.at, now, zone)) " ago"
                @if never > 0 { "; " (count(never, "scenario")) " never" }
            },
        }
    }
}
