//! A batch made ready to be stored: checked against the limits, salted, committed to.
//!
//! Lives here: what every store refuses alike, and how a draft becomes a [`Row`].
//! Never lives here: anything that needs to know what is already stored.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound};

use super::erase::{ERASED, Erasure};
use super::{Batch, Blob, Body, ChainHead, NewEvent, Row, chain};
use crate::base::event::{IncidentId, Instant, Stream};

/// Largest body and largest blob, in bytes.
pub(super) const CONTENT_LIMIT: usize = 8 << 20;
/// Largest sum of all heads, bodies and blobs of a batch, in bytes.
const BATCH_LIMIT: usize = 64 << 20;
const HEAD_LIMIT: usize = 64 << 10;
const NAME_LIMIT: usize = 300;
const EVENTS_LIMIT: usize = 10_000;

/// A batch that any store may take as it is, if the streams stand where it expects them.
pub(super) struct Draft {
    pub items: Vec<DraftItem>,
    pub blobs: Vec<Blob>,
    pub erase: Vec<u64>,
    pub erase_blobs: Vec<String>,
}

/// One stream's part of a [`Draft`].
pub(super) struct DraftItem {
    pub stream: Stream,
    pub expected: u64,
    pub incident: Option<IncidentId>,
    pub open: Option<bool>,
    pub events: Vec<DraftEvent>,
}

/// An event with all but its place.
pub(super) struct DraftEvent {
    kind: String,
    version: u32,
    head: Vec<u8>,
    body: Body,
    blobs: Vec<String>,
    commitment: [u8; 32],
}

impl Draft {
    /// Checks a batch and salts its bodies; `Err` is the text of a refusal.
    pub(super) fn new(batch: Batch, mut salt: impl FnMut() -> [u8; 32]) -> Result<Self, String> {
        check_sizes(&batch)?;
        check_streams(&batch)?;
        check_blobs(&batch)?;
        check_erasures(&batch)?;
        let Batch { items, blobs, erase, erase_blobs } = batch;
        let items = items
            .into_iter()
            .map(|item| DraftItem {
                stream: item.stream,
                expected: item.expected,
                incident: item.incident,
                open: item.open,
                events: item.events.into_iter().map(|event| DraftEvent::new(event, &blobs, salt())).collect(),
            })
            .collect();
        Ok(Self { items, blobs, erase, erase_blobs })
    }
}

impl Draft {
    /// Whether anything is to be forgotten.
    pub(super) fn erases(&self) -> bool {
        !self.erase.is_empty() || !self.erase_blobs.is_empty()
    }
}

impl DraftEvent {
    fn new(event: NewEvent, blobs: &[Blob], salt: [u8; 32]) -> Self {
        let NewEvent { kind, version, head, body } = event;
        let blobs = blobs.iter().filter(|blob| names(&body, &blob.id)).map(|blob| blob.id.clone()).collect();
        let commitment = chain::commitment(&salt, &body);
        Self { kind, version, head, body: Body { salt, bytes: body }, blobs, commitment }
    }

    /// The row this becomes as the next of the chain and of its stream.
    pub(super) fn row(&self, item: &DraftItem, seq: u64, at: Instant, last: &ChainHead) -> Row {
        let mut row = Row {
            pos: last.pos + 1,
            stream: item.stream.clone(),
            seq,
            incident: item.incident.clone(),
            kind: self.kind.clone(),
            version: self.version,
            at,
            head: self.head.clone(),
            body: Some(self.body.clone()),
            blobs: self.blobs.clone(),
            commitment: self.commitment,
            hash: [0; 32],
        };
        row.hash = chain::link(&last.hash, &row);
        row
    }
}

/// When a batch is recorded: `at` in milliseconds, but never before the last stored event.
pub(super) fn recorded_at(at: Instant, last: Option<Instant>) -> Instant {
    let at = at.trunc_subsecs(3);
    last.map_or(at, |last| at.max(last))
}

/// A stored time; `None` when no [`Instant`] is that far away.
pub(super) fn instant(millis: i64) -> Option<Instant> {
    DateTime::from_timestamp_millis(millis)
}

/// Whether a body names a blob: its id occurs in it.
fn names(body: &[u8], id: &str) -> bool {
    body.windows(id.len()).any(|window| window == id.as_bytes())
}

fn check_sizes(batch: &Batch) -> Result<(), String> {
    let mut sum = 0;
    let mut count = 0;
    for event in batch.items.iter().flat_map(|item| &item.events) {
        if event.body.len() > CONTENT_LIMIT {
            return Err(format!("the body of {} is over 8 MiB: store what is large as a blob, in parts", event.kind));
        }
        if event.head.len() > HEAD_LIMIT {
            return Err(format!("the head of {} is over 64 KiB", event.kind));
        }
        if event.kind.is_empty() || event.kind.len() > NAME_LIMIT {
            return Err(format!("an event's kind has 1 to {NAME_LIMIT} bytes, this one has {}", event.kind.len()));
        }
        count += 1;
        sum += event.body.len() + event.head.len();
    }
    if count > EVENTS_LIMIT {
        return Err(format!("{count} events in one batch: at most {EVENTS_LIMIT} are written at once"));
    }
    sum += batch.blobs.iter().map(|blob| blob.bytes.len()).sum::<usize>();
    if sum > BATCH_LIMIT {
        return Err("over 64 MiB in one batch: write it in parts".to_owned());
    }
    Ok(())
}

fn check_streams(batch: &Batch) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for item in &batch.items {
        let name = item.stream.as_str();
        if name.is_empty() || name.len() > NAME_LIMIT || name.chars().any(char::is_control) {
            return Err(format!("a stream's name has 1 to {NAME_LIMIT} printable bytes; {name:?} is none"));
        }
        if !seen.insert(name) {
            return Err(format!("{name} occurs twice in one batch"));
        }
    }
    Ok(())
}

fn check_blobs(batch: &Batch) -> Result<(), String> {
    for blob in &batch.blobs {
        if blob.bytes.len() > CONTENT_LIMIT {
            return Err(format!("blob {} is over 8 MiB", blob.id));
        }
        if blob.id != chain::blob_id(&blob.salt, &blob.bytes) {
            return Err(format!("blob {} is not the one its id was made for", blob.id));
        }
        if !batch.items.iter().flat_map(|item| &item.events).any(|event| names(&event.body, &blob.id)) {
            return Err(format!("no event of the batch names blob {}: nobody could find it again", blob.id));
        }
    }
    Ok(())
}

/// What is erased must be said, in the same batch, by an event that stays.
fn check_erasures(batch: &Batch) -> Result<(), String> {
    if batch.erase.is_empty() && batch.erase_blobs.is_empty() {
        return Ok(());
    }
    let said: Vec<Erasure> = batch
        .items
        .iter()
        .filter(|item| item.stream == Stream::journal())
        .flat_map(|item| &item.events)
        .filter(|event| event.kind == ERASED)
        .filter_map(|event| serde_json::from_slice(&event.body).ok())
        .collect();
    if let Some(pos) = batch.erase.iter().find(|pos| !said.iter().any(|erasure| erasure.pos == **pos)) {
        return Err(format!("#{pos} cannot be erased without an event that says who and why"));
    }
    if let Some(id) = batch.erase_blobs.iter().find(|id| !said.iter().any(|erasure| erasure.blobs.contains(id))) {
        return Err(format!("blob {id} cannot be erased without an event that says who and why"));
    }
    Ok(())
}
