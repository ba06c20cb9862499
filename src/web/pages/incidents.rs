//! The list of incidents, and how quickly people were.

pub(super) mod times;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Query, State};
use chrono::NaiveDate;
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;

use super::Failed;
use super::parts::{address, asked, complaints, count, field, filters, select, severity, since, status, when};
use super::parts::{zone_asked, zone_choice, zone_note};
use super::shell::{Place, page_for};
use crate::base::event::{Instant, Severity};
use crate::base::text::one_line;
use crate::bot::Bot;
use crate::bot::incidents::zone_of;
use crate::bot::lists::incidents::{Filter, Month, months};
use crate::bot::lists::{Incidents, Known};
use crate::domain::incident::event::{Role, Section};
use crate::domain::incident::state::{Measure, State as Incident};
use crate::view::time;
use crate::web::session::Viewer;

/// Incidents on one page.
const PAGE: usize = 50;
/// Of a title and of a summary, so many characters are shown.
const TITLE: usize = 160;
/// See [`TITLE`].
const SUMMARY: usize = 240;

/// What was asked for, as it stood in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    status: Option<String>,
    severity: Option<String>,
    env: Option<String>,
    q: Option<String>,
    from: Option<String>,
    to: Option<String>,
    zone: Option<String>,
    page: Option<String>,
}

/// What the page shows.
struct View {
    filter: Filter,
    zone: Tz,
    page: usize,
    complaints: Vec<String>,
    known: Incidents,
    found: Vec<Known>,
    months: Vec<Month>,
}

/// `GET /`.
///
/// # Errors
/// The journal.
pub async fn list(viewer: Viewer, State(bot): State<Arc<Bot>>, Query(query): Query<Asked>) -> Result<Markup, Failed> {
    let (filter, zone, mut told) = read(&query, bot.house_zone());
    let known = bot.known_incidents().await?;
    let found = filter.of(&known.all, zone);
    // How quickly people were is of all that fit, the open ones among them or not.
    let whole = Filter { open: false, ..filter.clone() }.of(&known.all, zone);
    let page = query.page.as_deref().and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    if known.unreadable > 0 {
        told.push(format!(
            "{} cannot be read and is not in this list; `rundown verify` says why",
            count(known.unreadable, "incident")
        ));
    }
    let months = months(&whole, zone);
    let view = View { filter, zone, page, complaints: told, known, found, months };
    Ok(page_for(&viewer, "Incidents", Place::Incidents, &body(&view, bot.clock().now())))
}

fn read(asked_for: &Asked, usual: Tz) -> (Filter, Tz, Vec<String>) {
    let (zone, told) = zone_asked(asked_for.zone.as_deref(), usual);
    let mut told: Vec<String> = told.into_iter().collect();
    let mut date = |text: &Option<String>| -> Option<NaiveDate> {
        let text = asked(text.as_ref())?;
        let date = text.parse().ok();
        if date.is_none() {
            told.push(format!("'{}' is no date; one is 2026-03-02", one_line(&text, 40)));
        }
        date
    };
    let (from, to) = (date(&asked_for.from), date(&asked_for.to));
    let severity = match asked(asked_for.severity.as_ref()).as_deref() {
        Some("P0") => Some(Severity::P0),
        Some("P1") => Some(Severity::P1),
        Some("P2") => Some(Severity::P2),
        Some("P3") => Some(Severity::P3),
        _ => None,
    };
    let filter = Filter {
        open: asked_for.status.as_deref() == Some("open"),
        severity,
        environment: asked(asked_for.env.as_ref()),
        text: asked(asked_for.q.as_ref()),
        from,
        to,
    };
    (filter, zone, told)
}

fn body(view: &View, now: Instant) -> Markup {
    let all = &view.known.all;
    let pages = view.found.len().div_ceil(PAGE).max(1);
    let page = view.page.min(pages);
    let shown: Vec<&Known> = view.found.iter().skip((page - 1) * PAGE).take(PAGE).collect();
    html! {
        div class="tools" { h1 { "Incidents" } span class="muted" { (open_words(all)) } }
        (complaints(&view.complaints))
        @if all.is_empty() {
            div class="empty" {
                p { "Nothing has been declared yet." }
                p { code { "rundown incident declare TITLE" } " declares an incident, " code { "/incident declare" } " does so in chat, and "
                    code { "rundown run RUNBOOK" } " declares one for the run that it starts." }
            }
        } @else {
            (form(view))
            (zone_note(now, view.zone))
            @if shown.is_empty() {
                p class="empty" { "No incident is like that. " a href="/" { "All of them" } " are still there; fewer filters find more." }
            } @else {
                (table(&shown, view, now))
                (pager(view, page, pages))
            }
            (times::over_time(&view.months))
        }
        @if view.known.older > 0 {
            p class="muted" { "Only the newest " (all.len()) " are in this list; " (view.known.older) " older ones are in the journal: "
                code { "rundown incident list --all" } "." }
        }
    }
}

fn open_words(all: &[Known]) -> String {
    match all.iter().filter(|(_, state)| state.status.is_open()).count() {
        0 => "none is open".to_owned(),
        open => format!("{open} open"),
    }
}

fn form(view: &View) -> Markup {
    let pair = |value: &str, text: &str| (value.to_owned(), text.to_owned());
    let statuses = [pair("", "open and over"), pair("open", "open")];
    let severities: Vec<(String, String)> = [("", "any"), ("P0", "P0"), ("P1", "P1"), ("P2", "P2"), ("P3", "P3")]
        .map(|(value, text)| pair(value, text))
        .into();
    let known: BTreeSet<&String> = view.known.all.iter().filter_map(|(_, state)| state.environment.as_ref()).collect();
    let environments: Vec<(String, String)> =
        std::iter::once(pair("", "any")).chain(known.into_iter().map(|name| pair(name, &one_line(name, 60)))).collect();
    let zones: Vec<Tz> = view.known.all.iter().rev().take(20).map(|(_, state)| zone_of(state)).collect();
    let filter = &view.filter;
    let severity = filter.severity.map(|severity| severity.to_string());
    let (from, to) = (filter.from.map(|day| day.to_string()), filter.to.map(|day| day.to_string()));
    let fields = html! {
        (field("q", "Title, summary or id", "search", filter.text.as_deref()))
        (select("status", "Status", &statuses, Some(if filter.open { "open" } else { "" })))
        (select("severity", "Severity", &severities, severity.as_deref().or(Some(""))))
        (select("env", "Environment", &environments, filter.environment.as_deref().or(Some(""))))
        (field("from", "Declared from", "date", from.as_deref()))
        (field("to", "Until", "date", to.as_deref()))
        (zone_choice(view.zone, zones))
    };
    filters("/", &fields, *filter != Filter::default())
}

fn table(shown: &[&Known], view: &View, now: Instant) -> Markup {
    html! {
        table class="rows" {
            caption class="sr" { "Incidents, open ones first" }
            thead { tr {
                th scope="col" { "Incident" }
                th scope="col" { "Severity" }
                th scope="col" { "Status" }
                th scope="col" { "Where" }
                th scope="col" { "Lead" }
                th scope="col" { "Declared" }
                th scope="col" class="num" { "Lasted" }
            } }
            tbody { @for (id, state) in shown {
                tr {
                    th scope="row" { (headline(id.as_str(), state)) }
                    td data-label="Severity" { (severity(state.severity)) }
                    td data-label="Status" { (status(state)) }
                    td data-label="Where" { (state.environment.as_deref().map_or_else(|| "–".to_owned(), |name| one_line(name, 60))) }
                    td data-label="Lead" { (lead(state)) }
                    td data-label="Declared" { (when(state.declared_at, view.zone)) }
                    td data-label="Lasted" class="num" { (lasted(state, now, view.zone)) }
                }
            } }
        }
    }
}

fn headline(id: &str, state: &Incident) -> Markup {
    let title = one_line(&state.title, TITLE);
    let summary = state.sections.get(&Section::Summary).map(|text| one_line(text, SUMMARY));
    html! {
        a href={ "/incidents/" (id) } { (if title.is_empty() { "(its title was erased)" } else { &title }) }
        " " span class="muted" { (id) }
        @if let Some(summary) = summary { p class="muted small" { (summary) } }
    }
}

fn lead(state: &Incident) -> String {
    let lead = state.roles.get(&Role::Commander).or(state.acknowledged_by.as_ref());
    lead.map_or_else(|| "nobody yet".to_owned(), |person| one_line(person.name(), 60))
}

/// How long it goes on, or how long it took to resolve; nothing where nobody knows.
fn lasted(state: &Incident, now: Instant, zone: Tz) -> Markup {
    let took = state.measure(Measure::Ttr).length;
    html! {
        @if state.status.is_open() { "for " (since(state.declared_at, now, zone)) }
        @else if let Some(took) = took { (time::length(time::rounded(took))) }
        @else { "–" }
    }
}

fn pager(view: &View, page: usize, pages: usize) -> Markup {
    if pages < 2 {
        return html! {};
    }
    let filter = &view.filter;
    let severity = filter.severity.map(|severity| severity.to_string());
    let (from, to) = (filter.from.map(|day| day.to_string()), filter.to.map(|day| day.to_string()));
    let to_page = |number: usize| {
        let number = number.to_string();
        let asked = [
            ("q", filter.text.as_deref()),
            ("status", filter.open.then_some("open")),
            ("severity", severity.as_deref()),
            ("env", filter.environment.as_deref()),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("zone", Some(view.zone.name())),
            ("page", Some(number.as_str())),
        ];
        address("/", &asked)
    };
    html! {
        nav class="tools" aria-label="Pages of this list" {
            @if page > 1 { a href=(to_page(page - 1)) rel="prev" { "← Newer" } }
            span class="muted" { "Page " (page) " of " (pages) ", " (count(view.found.len(), "incident")) }
            @if page < pages { a href=(to_page(page + 1)) rel="next" { "Older →" } }
        }
    }
}
