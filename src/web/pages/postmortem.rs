//! The postmortem of an incident as a page, what it rests on, and what can be taken away.
//!
//! Lives here: the page, its Markdown, the export, one event by itself. Never lives here: what a report says (`view/report`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::html;

use super::paper::paper;
use super::shell::{Place, page_for};
use super::write::{Pen, Tone, badge};
use super::{Failed, nothing};
use crate::base::event::IncidentId;
use crate::base::text::one_line;
use crate::bot::Fault;
use crate::bot::grammar::Postmortem;
use crate::bot::reports::Drafted;
use crate::view::sentence::Wording;
use crate::web::live::{Live, Sort};
use crate::web::session::Viewer;

/// The largest export that is made in memory, in bytes.
const EXPORT: usize = 64 << 20;
/// Missing facts that are listed.
const LACKS: usize = 40;

/// The addresses.
pub fn router(live: Arc<Live>) -> Router {
    Router::new()
        .route("/incidents/{incident}/postmortem", get(show))
        .route("/incidents/{incident}/postmortem.md", get(markdown))
        .route("/incidents/{incident}/export.tar", get(export))
        .route("/incidents/{incident}/events/{event}", get(event))
        .with_state(live)
}

async fn draft(live: &Live, incident: &IncidentId) -> Result<String, Fault> {
    let asked = Postmortem::Draft { incident: Some(incident.clone()), to: None };
    match live.bot().postmortem(asked).await? {
        Drafted::Text(text) => Ok(text),
        _ => Err(Fault::Failed("the postmortem could not be drafted".to_owned())),
    }
}

/// `GET /incidents/{incident}/postmortem`.
async fn show(viewer: Viewer, State(live): State<Arc<Live>>, Path(incident): Path<String>) -> Result<Response, Failed> {
    let Ok(incident) = IncidentId::parse(&incident) else { return Ok(nothing().await) };
    let text = draft(&live, &incident).await?;
    let lacks = match live.bot().postmortem(Postmortem::Check { incident: Some(incident.clone()) }).await? {
        Drafted::Lacks(_, lacks) => lacks,
        _ => Vec::new(),
    };
    let path = format!("/incidents/{incident}");
    let body = html! {
        div class="tools no-print" {
            p { a href=(path) { "← " (incident) } }
            a class="button" href={ (path) "/postmortem.md" } download={ (incident) ".md" } { "Download Markdown" }
            button type="button" class="js-only" data-copy={ (path) "/postmortem.md" } { "Copy as Markdown" }
            a class="button" href={ (path) "/export.tar" } download={ (incident) ".tar" } { "Download the export" }
        }
        section aria-labelledby="lacks" class="no-print" {
            h2 id="lacks" { "What is missing or unsupported" }
            @if lacks.is_empty() {
                p { (badge(Tone::Ok, "nothing")) " Everything that a postmortem asks for is on record." }
            } @else {
                ul { @for line in lacks.iter().take(LACKS) { li { (one_line(line, 300)) } } }
                @if lacks.len() > LACKS { p { "and " (lacks.len() - LACKS) " more; " code { "rundown postmortem check " (incident) } " lists all" } }
            }
            hr;
        }
        article class="prose paper" { (paper(&text, &incident)) }
    };
    Ok(page_for(&viewer, &format!("Postmortem of {incident}"), Place::Incidents, &body).into_response())
}

/// `GET /incidents/{incident}/postmortem.md`.
async fn markdown(State(live): State<Arc<Live>>, Path(incident): Path<String>) -> Result<Response, Failed> {
    let Ok(incident) = IncidentId::parse(&incident) else { return Ok(nothing().await) };
    let text = draft(&live, &incident).await?;
    let kind = HeaderValue::from_static("text/markdown; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, attached(&incident, "md"))], text).into_response())
}

/// `GET /incidents/{incident}/export.tar`.
async fn export(State(live): State<Arc<Live>>, Path(incident): Path<String>) -> Result<Response, Failed> {
    let Ok(incident) = IncidentId::parse(&incident) else { return Ok(nothing().await) };
    let (incident, packed) = live.bot().archive(Some(&incident), EXPORT).await?;
    let kind = HeaderValue::from_static("application/x-tar");
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, attached(&incident, "tar"))], packed).into_response())
}

/// An id is letters, digits and a dash: nothing in it can end the header early.
fn attached(incident: &IncidentId, ending: &str) -> HeaderValue {
    let written = format!("attachment; filename=\"{incident}.{ending}\"");
    HeaderValue::from_str(&written).unwrap_or(HeaderValue::from_static("attachment"))
}

/// `GET /incidents/{incident}/events/{event}`: one event, as a statement cites it.
async fn event(
    viewer: Viewer,
    State(live): State<Arc<Live>>,
    Path((incident, number)): Path<(String, String)>,
) -> Result<Response, Failed> {
    let (Ok(incident), Ok(number)) = (IncidentId::parse(&incident), number.parse::<u64>()) else {
        return Ok(nothing().await);
    };
    let room = live.room(&incident);
    let seen = room.enter(live.bot(), &incident).await?;
    let facts = &seen.board.facts;
    let Some(at) = facts.iter().position(|recorded| recorded.pos == number) else { return Ok(nothing().await) };
    let recorded = &facts[at];
    let mut wording = Wording::new(seen.board.zone);
    let mut sentence = None;
    for known in &facts[..=at] {
        sentence = wording.tell(&known.event);
    }
    let stored = live.bot().stored(number).await?;
    let path = format!("/incidents/{incident}");
    let pen = Pen { zone: seen.board.zone, now: live.bot().clock().now(), csrf: "", back: &path };
    let sort = Sort::WORDS.into_iter().find(|(.., sort)| *sort == Sort::of(&recorded.event));
    let body = html! {
        p { a href=(path) { "← " (incident) } " · " a href={ (path) "/postmortem" } { "Postmortem" } }
        h1 { "Event #" (number) }
        p { (sentence.map_or("A detail that has no line of its own in the timeline.".to_owned(), |text| one_line(&text, 2_000))) }
        dl class="facts" {
            dt { "Happened" } dd { (pen.at(recorded.head.occurred_at)) }
            dt { "Written down" } dd { (pen.at(recorded.at)) }
            dt { "By" } dd { (one_line(recorded.head.actor.label(), 100)) }
            @if let Some(stored) = &stored { dt { "Kind" } dd { code { (one_line(&stored.kind, 100)) } " in " code { (one_line(&stored.stream, 200)) } } }
            @if let Some((_, label, _)) = sort { dt { "About" } dd { (label) } }
        }
        @if let Some(stored) = stored {
            h2 { "As it was written down" }
            pre { (stored.body) }
            p class="small muted" { "hash " code { (stored.hash) } "; " code { "rundown verify" } " checks it against everything before" }
        }
        p class="tools" {
            @if let Some(before) = at.checked_sub(1).and_then(|at| facts.get(at)) { a href={ (path) "/events/" (before.pos) } { "← #" (before.pos) } }
            @if let Some(next) = facts.get(at + 1) { a href={ (path) "/events/" (next.pos) } { "#" (next.pos) " →" } }
        }
    };
    Ok(page_for(&viewer, &format!("Event #{number} of {incident}"), Place::Incidents, &body).into_response())
}
