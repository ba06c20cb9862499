//! Events as the journal keeps them: bytes in, facts out.

use crate::base::event::{Actor, Head, Instant, Recorded, Unreadable};
use crate::domain::oncall::rota;
use crate::domain::timeline::Fact;
use crate::domain::{alert, digest, incident, monitor, page, run, session, target};
use crate::journal::{NewEvent, Row};

fn new_event(
    kind: &str,
    version: u32,
    body: Result<Vec<u8>, serde_json::Error>,
    actor: &Actor,
    occurred_at: Instant,
) -> Result<NewEvent, Unreadable> {
    let head = Head { actor: actor.clone(), occurred_at };
    let unreadable = |error: serde_json::Error| Unreadable { kind: kind.to_owned(), version, why: error.to_string() };
    let body = body.map_err(unreadable)?;
    let head = serde_json::to_vec(&head).map_err(unreadable)?;
    Ok(NewEvent { kind: kind.to_owned(), version, head, body })
}

pub(super) fn run_event(event: &run::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn target_event(event: &target::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn page_event(event: &page::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn alert_event(event: &alert::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn rota_event(event: &rota::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn incident_event(
    event: &incident::event::Event,
    actor: &Actor,
    at: Instant,
) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn monitor_event(event: &monitor::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn digest_event(event: &digest::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn session_event(event: &session::event::Event, actor: &Actor, at: Instant) -> Result<NewEvent, Unreadable> {
    new_event(event.kind(), event.version(), event.encode(), actor, at)
}

pub(super) fn head(row: &Row) -> Result<Head, Unreadable> {
    serde_json::from_slice(&row.head).map_err(|error| Unreadable {
        kind: row.kind.clone(),
        version: row.version,
        why: format!("its head: {error}"),
    })
}

/// A row as a fact with its envelope.
pub(super) fn recorded(row: &Row) -> Result<Recorded<Fact>, Unreadable> {
    let body = row.body.as_ref().map(|body| body.bytes.as_slice());
    let event = Fact::decode(&row.stream, &row.kind, row.version, body)?;
    Ok(Recorded { pos: row.pos, at: row.at, head: head(row)?, event })
}

/// The number in `run-12`, for sorting.
pub(super) fn number_of(id: &str) -> u64 {
    id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
