//! The event stream of an incident: what changed since the page was made, and everything from then on, without holes or doubles.
//!
//! Each message says up to which event it goes (`id`), which parts of the page are to be exchanged, and which lines of the timeline are
//! new. A browser that lost its connection says the last one it got (`Last-Event-ID`), and gets all that came since in one message.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use futures::future::{Either, select};
use futures::stream::unfold;
use serde_json::json;
use tokio::sync::watch;

use super::look::{Asked, Look};
use super::{log, render};
use crate::base::clock::{Clock, RealClock};
use crate::base::event::{IncidentId, Instant};
use crate::bot::Fault;
use crate::web::live::{Counted, Live, Rendered, Room};
use crate::web::pages::write::Pen;
use crate::web::pages::{Failed, nothing};
use crate::web::session::Viewer;

/// How often something is said though nothing happened: what stands between would take silence for a dead connection. By the wall, also
/// where time runs faster.
const PULSE: TimeDelta = TimeDelta::seconds(15);
/// Lines that are sent at a time. Who missed more loads the page anew.
const LINES: usize = 400;

/// One that listens.
struct Listener {
    /// Who listens: it ends with their session.
    viewer: Viewer,
    /// When it was seen last that the session stands.
    stood: Instant,
    live: Arc<Live>,
    incident: IncidentId,
    room: Arc<Room>,
    more: watch::Receiver<u64>,
    asked: Asked,
    /// The last event that it has.
    after: u64,
    /// The regions that it has; `None`: they may be any.
    has: Option<Arc<Rendered>>,
    /// Whether it was told anything yet.
    begun: bool,
    wall: RealClock,
    _counted: Counted,
}

/// `GET /incidents/{incident}/live`.
pub(super) async fn live(
    viewer: Viewer,
    State(live): State<Arc<Live>>,
    Path(incident): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let Ok(incident) = IncidentId::parse(&incident) else { return Ok(nothing().await) };
    let came_back = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let room = live.room(&incident);
    // Listened for before anything is read: nothing falls in between.
    let more = room.listen();
    drop(room.enter(live.bot(), &incident).await?);
    let listener = Listener {
        viewer,
        stood: RealClock::default().now(),
        after: came_back.or(asked.after).unwrap_or(0),
        has: None,
        begun: false,
        wall: RealClock::default(),
        _counted: live.count(),
        live,
        incident,
        room,
        more,
        asked,
    };
    let body = Body::from_stream(unfold(listener, |mut listener| async move {
        if !listener.may_go_on().await {
            return None;
        }
        let told = listener.next().await;
        match told {
            Ok(bytes) => Some((Ok::<_, std::convert::Infallible>(bytes), listener)),
            Err(fault) => {
                // It ends, and the browser comes back by itself.
                tracing::warn!(%fault, "an event stream ended");
                None
            }
        }
    }));
    let kind = HeaderValue::from_static("text/event-stream");
    let kept = HeaderValue::from_static("no-store");
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, kept)], body).into_response())
}

impl Listener {
    /// Whether whoever listens is signed in still: looked up as often as something is said in any case.
    async fn may_go_on(&mut self) -> bool {
        let now = self.wall.now();
        if now - self.stood < PULSE {
            return true;
        }
        self.stood = now;
        self.viewer.stands(self.live.bot()).await
    }

    /// The next thing to say.
    async fn next(&mut self) -> Result<Bytes, Fault> {
        if !self.begun {
            let first = self.read().await?;
            self.begun = true;
            let mut hello = b"retry: 1000\n".to_vec();
            hello.extend_from_slice(&self.pulse());
            hello.extend(first.into_iter().flatten());
            return Ok(hello.into());
        }
        loop {
            let pulse = self.wall.sleep_until(self.wall.now() + PULSE);
            let is_more = {
                let more = std::pin::pin!(self.more.changed());
                // The room is kept by us: it cannot have gone.
                matches!(select(more, pulse).await, Either::Left((Ok(()), _)))
            };
            if !is_more {
                return Ok(self.pulse());
            }
            if let Some(message) = self.read().await? {
                return Ok(message);
            }
        }
    }

    /// The present, for the clocks on the page.
    fn pulse(&self) -> Bytes {
        let clock = self.live.bot().clock();
        let data = json!({ "now": clock.now().timestamp_millis(), "speed": clock.speed() });
        format!("event: pulse\ndata: {data}\n\n").into()
    }

    /// What came since; `None` where nothing did.
    async fn read(&mut self) -> Result<Option<Bytes>, Fault> {
        let told = *self.more.borrow_and_update();
        let bot = self.live.bot().clone();
        let mut seen = match self.begun {
            true => self.room.enter_told(&bot, &self.incident, told).await?,
            false => self.room.enter(&bot, &self.incident).await?,
        };
        let view = &mut *seen;
        let look = Look::read(&self.asked, view.board.zone);
        let now = bot.clock().now();
        let back = format!("/incidents/{}", self.incident);
        let pen = Pen { zone: look.zone, now, csrf: "", back: &back };
        let (board, told) = (&view.board, &view.told);
        let rendered = view.shared.rendered(look.zone.name(), || render(board, told, &pen));
        if self.after == board.through {
            // A page that was made after the last event has everything.
            self.has = Some(rendered);
            return Ok(None);
        }
        let after = std::mem::replace(&mut self.after, board.through);
        let has = self.has.replace(rendered.clone());
        let key =
            (format!("{}?{}", look.query(), look.before.is_some()), after, has.as_ref().map_or(0, |has| has.through));
        let through = board.through;
        let lines = view.told.lines(&view.board.facts, look.zone);
        let message = view.shared.message(key, || {
            let fresh = lines.iter().filter(|line| line.pos > after && look.shows(line));
            let fresh: Vec<_> = if look.before.is_some() { Vec::new() } else { fresh.collect() };
            if fresh.len() > LINES {
                return format!("id: {through}\nevent: reload\ndata: {{}}\n\n").into();
            }
            let lines: Vec<String> = fresh.into_iter().map(|line| log::one(line, &pen).into_string()).collect();
            let regions: Vec<_> =
                rendered.since(has.as_deref()).into_iter().map(|region| [&region.id, &region.html]).collect();
            let data = json!({ "now": now.timestamp_millis(), "speed": bot.clock().speed(), "regions": regions, "lines": lines });
            format!("id: {through}\nevent: more\ndata: {data}\n\n").into()
        });
        Ok(Some(message))
    }
}
