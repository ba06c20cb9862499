//! The list of runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{address, asked, complaints, count, due, field, filters, segment, select, since, when};
use super::parts::{zone_asked, zone_choice, zone_note};
use super::shell::{Place, page_for};
use super::write::{Tone, badge};
use super::{Failed, nothing};
use crate::base::event::{Instant, RunId};
use crate::base::text::one_line;
use crate::bot::Bot;
use crate::bot::lists::runs::{Filter, LOOKED_AT, Line, Runs};
use crate::domain::run::event::Outcome;
use crate::view::time;
use crate::web::session::Viewer;

/// What was asked for, as it stood in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    runbook: Option<String>,
    outcome: Option<String>,
    q: Option<String>,
    zone: Option<String>,
    before: Option<String>,
}

/// What the page shows.
struct View {
    filter: Filter,
    zone: Tz,
    before: Option<u64>,
    complaints: Vec<String>,
    runs: Runs,
    /// Runbooks that can be asked for.
    runbooks: BTreeSet<String>,
}

/// `GET /runs`.
///
/// # Errors
/// The journal.
pub async fn list(viewer: Viewer, State(bot): State<Arc<Bot>>, Query(query): Query<Asked>) -> Result<Markup, Failed> {
    let (zone, told) = zone_asked(query.zone.as_deref(), bot.house_zone());
    let filter = Filter {
        runbook: asked(query.runbook.as_ref()),
        standing: asked(query.outcome.as_ref()),
        text: asked(query.q.as_ref()),
    };
    let before = query.before.as_deref().and_then(|before| before.parse().ok());
    let runs = bot.run_lines(&filter, before).await?;
    let mut complaints: Vec<String> = told.into_iter().collect();
    if runs.unreadable > 0 {
        let which = count(runs.unreadable, "run");
        complaints
            .push(format!("{which} cannot be read any more: the plan was erased, or is damaged (`rundown verify`)"));
    }
    // A folder that cannot be read is told by its own page.
    let listed = bot.library().list().unwrap_or_default();
    let runbooks = listed.into_iter().map(|listed| listed.id).collect();
    let view = View { filter, zone, before, complaints, runs, runbooks };
    Ok(page_for(&viewer, "Runs", Place::Runs, &body(&view, bot.clock().now())))
}

/// `GET /runs/{run}`: runs stand on the page of their incident.
///
/// # Errors
/// The journal.
pub async fn one(_: Viewer, State(bot): State<Arc<Bot>>, Path(run): Path<String>) -> Result<Response, Failed> {
    let Ok(run) = RunId::parse(&run) else { return Ok(nothing().await) };
    match bot.run_line_of(&run).await? {
        Some(line) => Ok(Redirect::to(&format!("/incidents/{}#{run}", line.incident)).into_response()),
        None => Ok(nothing().await),
    }
}

fn body(view: &View, now: Instant) -> Markup {
    let runs = &view.runs;
    let found = runs.open.len() + runs.over.len();
    html! {
        div class="tools" { h1 { "Runs" } span class="muted" { (count(runs.all, "run")) " in all" } }
        (complaints(&view.complaints))
        @if runs.all == 0 {
            div class="empty" {
                p { "No runbook has been run yet." }
                p { code { "rundown run RUNBOOK" } " starts one, and so does " code { "/run" } " in chat. "
                    a href="/runbooks" { "The runbooks" } " say what there is; " code { "rundown rehearse" } " shows one without touching anything." }
            }
        } @else {
            (form(view))
            (zone_note(now, view.zone))
            @if found == 0 {
                p class="empty" {
                    "No run is like that" @if runs.looked_at >= LOOKED_AT { " among the " (LOOKED_AT) " that were looked at" } "."
                    " " a href="/runs" { "All of them" } " are still there; fewer filters find more."
                }
            }
            @if !runs.open.is_empty() { h2 { "Going on" } (table(&runs.open, "Runs that go on, the newest first", view.zone, now)) }
            @if runs.open_older > 0 { p class="muted" { (count(runs.open_older, "older run")) " that go on as well were not looked at." } }
            @if !runs.over.is_empty() { h2 { "Over" } (table(&runs.over, "Runs that are over, the newest first", view.zone, now)) }
            (pager(view))
        }
    }
}

fn form(view: &View) -> Markup {
    let pair = |value: &str, text: &str| (value.to_owned(), text.to_owned());
    let runbooks: Vec<(String, String)> =
        std::iter::once(pair("", "any")).chain(view.runbooks.iter().map(|id| pair(id, &one_line(id, 60)))).collect();
    let outcomes: Vec<(String, String)> = [pair("", "any"), pair("open", "open")]
        .into_iter()
        .chain(
            [Outcome::Succeeded, Outcome::Failed, Outcome::Stopped, Outcome::Cancelled]
                .map(|one| pair(one.word(), one.word())),
        )
        .collect();
    let filter = &view.filter;
    let fields = html! {
        (field("q", "Title, incident, person or id", "search", filter.text.as_deref()))
        (select("runbook", "Runbook", &runbooks, filter.runbook.as_deref().or(Some(""))))
        (select("outcome", "Outcome", &outcomes, filter.standing.as_deref().or(Some(""))))
        (zone_choice(view.zone, []))
    };
    filters("/runs", &fields, *filter != Filter::default())
}

/// Runs as a table; also on the page of a runbook.
pub fn table(lines: &[Arc<Line>], caption: &str, zone: Tz, now: Instant) -> Markup {
    html! {
        table class="rows" {
            caption class="sr" { (caption) }
            thead { tr {
                th scope="col" { "Run" }
                th scope="col" { "Incident" }
                th scope="col" { "Started by" }
                th scope="col" { "How it stands" }
                th scope="col" { "Began" }
                th scope="col" class="num" { "Took" }
            } }
            tbody { @for line in lines {
                tr {
                    th scope="row" {
                        a href={ "/runs/" (line.id) } { (line.id) } " " (line.title)
                        p class="muted small" {
                            a href={ "/runbooks/" (segment(&line.runbook)) } { (one_line(&line.runbook, 60)) } " in " (one_line(&line.environment, 60))
                            @if line.follow_up { ", began by itself after another run" }
                        }
                    }
                    td data-label="Incident" { a href={ "/incidents/" (line.incident) } { (line.incident) } }
                    td data-label="Started by" { (one_line(line.by.name(), 60)) }
                    td data-label="How it stands" { (standing(line, zone, now)) }
                    td data-label="Began" { (when(line.opened_at, zone)) }
                    td data-label="Took" class="num" { (took(line, now, zone)) }
                }
            } }
        }
    }
}

/// How it stands, in a badge.
pub fn stands(line: &Line) -> Markup {
    let look = match (&line.outcome, line.word()) {
        (Some((Outcome::Succeeded, _)), _) => Tone::Ok,
        (Some((Outcome::Failed, _)), _) => Tone::Bad,
        (Some(_), _) => Tone::Idle,
        (None, "paused") => Tone::Warn,
        (None, "waiting") => Tone::Wait,
        (None, _) => Tone::Live,
    };
    badge(look, line.word())
}

fn standing(line: &Line, zone: Tz, now: Instant) -> Markup {
    html! {
        (stands(line))
        @if let Some(by) = &line.paused { " by " (one_line(by.name(), 60)) }
        @if let Some((outcome, why)) = &line.outcome {
            @if *outcome != Outcome::Succeeded && !why.is_empty() { p class="muted small" { (why) } }
        }
        @for doing in &line.doing {
            p class="small" {
                (doing.step) ": " (doing.words)
                @if let Some(from) = doing.since { ", for " (since(from, now, zone)) }
                @if let Some(until) = doing.until { ", until " (due(until, now, zone)) }
            }
        }
    }
}

fn took(line: &Line, now: Instant, zone: Tz) -> Markup {
    html! {
        @match line.took() {
            Some(took) => { (time::length(time::rounded(took))) },
            None => { "for " (since(line.opened_at, now, zone)) },
        }
    }
}

fn pager(view: &View) -> Markup {
    let to = |before: Option<u64>| {
        let (before, filter) = (before.map(|before| before.to_string()), &view.filter);
        let asked = [
            ("q", filter.text.as_deref()),
            ("runbook", filter.runbook.as_deref()),
            ("outcome", filter.standing.as_deref()),
            ("zone", Some(view.zone.name())),
            ("before", before.as_deref()),
        ];
        address("/runs", &asked)
    };
    html! {
        nav class="tools" aria-label="Pages of this list" {
            @if view.before.is_some() { a href=(to(None)) { "← Newest" } }
            @if view.runs.looked_at > 0 { span class="muted" { "Looked at for this page: " (count(view.runs.looked_at, "run")) " that ended" } }
            @if let Some(older) = view.runs.older { a href=(to(Some(older))) rel="next" { "Older →" } }
        }
    }
}
