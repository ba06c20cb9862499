//! The page of an incident, and its event stream.
//!
//! Lives here: the addresses, putting the parts together. One file a part: `head`, `asks` (what waits for a person), `runs`, `charts`,
//! `findings`, `log` (the timeline), `look` (how somebody looks at it), `stream`. Never lives here: what is on record (`live`, `bot`).

mod asks;
mod charts;
mod findings;
pub mod head;
mod log;
mod look;
mod runs;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::shell::{Place, page_for};
use super::write::Pen;
use super::{Failed, nothing};
use crate::base::event::{IncidentId, Instant};
use crate::base::text::one_line;
use crate::bot::board::Board;
use crate::bot::offers;
use crate::web::live::{Live, Region, Rendered, Told};
use crate::web::session::Viewer;
pub use look::{Asked, Look};

/// The addresses.
pub fn router(live: Arc<Live>) -> Router {
    Router::new()
        .route("/incidents/{incident}", get(show))
        .route("/incidents/{incident}/live", get(stream::live))
        .route("/incidents/{incident}/charts/{name}", get(chart))
        .route("/incidents/{incident}/output/{event}", get(output))
        .with_state(live)
}

/// `GET /incidents/{incident}`.
async fn show(
    viewer: Viewer,
    State(live): State<Arc<Live>>,
    Path(incident): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failed> {
    let Ok(incident) = IncidentId::parse(&incident) else { return Ok(nothing().await) };
    let room = live.room(&incident);
    let mut seen = room.enter(live.bot(), &incident).await?;
    let view = &mut *seen;
    let look = Look::read(&asked, view.board.zone);
    let now = live.bot().clock().now();
    let back = format!("/incidents/{incident}");
    let pen = Pen { zone: look.zone, now, csrf: &viewer.csrf, back: &back };
    let timeline = log::log(&view.board, view.told.lines(&view.board.facts, look.zone), &look, &pen);
    let rendered = render(&view.board, &view.told, &pen);
    let whole = |id: &str| rendered.regions.iter().find(|region| region.id == id).map(|region| region.html.clone());
    let part = |id: &str| maud::PreEscaped(whole(id).unwrap_or_default());
    let proposals = proposed(&live, &view.board, &pen).await?;
    let query = look.query();
    let body = html! {
        div id="live" data-stream={ (back) "/live?" (query) } data-through=(view.board.through) data-now=(now.timestamp_millis())
            data-speed=(live.bot().clock().speed()) {
            p class="connection" role="status" id="connection" {
                "As of " (pen.at(now)) ". " a href="" { "Reload" } " to see what is new."
            }
            (part("head"))
            nav class="small" aria-label="On this page" {
                a href="#runs" { "Runs" } " · " a href="#timeline" { "Timeline" } " · " a href="#investigation" { "Investigation" }
                " · " a href="#actions" { "Action items" } " · " a href={ (back) "/postmortem" } { "Postmortem" }
            }
            (part("asks"))
            (proposals)
            div class="grid" {
                div { (part("charts")) (part(runs::RUNS)) }
                div {
                    (timeline)
                    (part("investigation")) (part("actions"))
                }
            }
        }
    };
    let title = format!("{incident} {}", one_line(&view.board.state.title, 80));
    Ok(page_for(&viewer, &title, Place::Incidents, &body).into_response())
}

/// Runbooks that fit, as long as none was started.
async fn proposed(live: &Live, board: &Board, pen: &Pen<'_>) -> Result<Markup, Failed> {
    if !board.state.status.is_open() || !board.state.runs.is_empty() {
        return Ok(Markup::default());
    }
    let fitting = live.bot().proposed(&board.incident, &board.state).await?;
    Ok(html! {
        @if !fitting.is_empty() {
            section aria-labelledby="proposed-title" {
                h2 id="proposed-title" { "Runbooks that fit" }
                div class="acts" {
                    @for offer in offers::of_runbooks(&board.incident, &fitting) {
                        (pen.offer(&offer, &format!("This starts it for {}.", board.incident)))
                    }
                }
            }
        }
    })
}

/// All regions of the page.
fn render(board: &Board, told: &Told, pen: &Pen<'_>) -> Rendered {
    let drawn = charts::drawn(board, pen.zone, pen.now);
    let region = |id: &str, markup: Markup| Region::new(id.to_owned(), None, markup.into_string());
    let mut regions = vec![
        region("head", head::head(board, pen)),
        region("asks", asks::asks(board, pen)),
        region("charts", charts::charts(board, &drawn)),
        region("investigation", findings::investigation(board)),
        region("actions", findings::actions(board, pen)),
    ];
    regions.extend(runs::regions(board, told, pen));
    Rendered { through: board.through, regions }
}

/// `GET /incidents/{incident}/charts/{name}.svg`.
async fn chart(
    State(live): State<Arc<Live>>,
    Path((incident, name)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failed> {
    let (Ok(incident), Some(name)) = (IncidentId::parse(&incident), name.strip_suffix(".svg")) else {
        return Ok(nothing().await);
    };
    let room = live.room(&incident);
    let seen = room.enter(live.bot(), &incident).await?;
    let zone = Look::read(&asked, seen.board.zone).zone;
    let now: Instant = live.bot().clock().now();
    let drawn = charts::drawn(&seen.board, zone, now);
    let Some(chart) = drawn.iter().find(|chart| chart.name == name) else { return Ok(nothing().await) };
    let kind = HeaderValue::from_static("image/svg+xml");
    // Its own style sheet stands in it; it may do nothing else, also where somebody opens it by itself.
    let may = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    let kept = HeaderValue::from_static("private, max-age=60");
    Ok(([(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, may), (CACHE_CONTROL, kept)], charts::svg(chart))
        .into_response())
}

/// `GET /incidents/{incident}/output/{event}`: all that a step put out, as plain text.
async fn output(
    State(live): State<Arc<Live>>,
    Path((incident, event)): Path<(String, u64)>,
) -> Result<Response, Failed> {
    let Ok(incident) = IncidentId::parse(&incident) else { return Ok(nothing().await) };
    let fact = {
        let room = live.room(&incident);
        let seen = room.enter(live.bot(), &incident).await?;
        seen.board.facts.iter().find(|recorded| recorded.pos == event).map(|recorded| recorded.event.clone())
    };
    let text = match fact {
        Some(fact) => live.bot().output(&fact).await?,
        None => None,
    };
    let Some(text) = text else { return Ok(nothing().await) };
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok((StatusCode::OK, [(CONTENT_TYPE, kind)], text).into_response())
}
