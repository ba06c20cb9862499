//! Erasing: the event that says whose body went, who wanted it and why, and the batch that makes it so.
//!
//! Lives here: [`erase_batch`], the body of a `journal.erased` event. Never lives here: the deletion (the stores).

use serde::{Deserialize, Serialize};

use super::{Batch, Item, NewEvent, Row};
use crate::base::event::{Head, Stream};

/// The kind of the event that records an erasure.
pub const ERASED: &str = "journal.erased";

/// Longest reason, in bytes.
pub const WHY_LIMIT: usize = 2000;

/// The body of a `journal.erased` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Whose body went.
    pub pos: u64,
    /// The stream of that event.
    pub stream: Stream,
    /// Its place in that stream.
    pub seq: u64,
    /// Blobs that went with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<String>,
    /// Why, in a person's words.
    pub why: String,
}

/// Why an event cannot be erased.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EraseError {
    /// It records an erasure.
    #[error("#{0} records an erasure, and those stay: without it nobody could tell erased from missing")]
    IsErasure(u64),
    /// Its body is gone.
    #[error("the body of #{0} is already gone; run `rundown verify` to see whether it was erased or is missing")]
    Gone(u64),
    /// No reason was given.
    #[error("say why #{0} is to be erased: the reason is what remains of it")]
    NoReason(u64),
    /// The reason is too long.
    #[error("the reason for erasing #{0} is over 2000 bytes long: shorten it")]
    LongReason(u64),
}

/// The batch that erases the body of `row`, and the blobs stored with it, in favour of an event in the journal's own
/// stream. `erasures` is how many events that stream holds ([`Stream::journal`]).
///
/// # Errors
/// For an event that records an erasure, has no body any more, or when `why` is empty or too long.
pub fn erase_batch(row: &Row, erasures: u64, who: &Head, why: &str) -> Result<Batch, EraseError> {
    let why = why.trim();
    if row.kind == ERASED {
        return Err(EraseError::IsErasure(row.pos));
    }
    if row.body.is_none() {
        return Err(EraseError::Gone(row.pos));
    }
    if why.is_empty() {
        return Err(EraseError::NoReason(row.pos));
    }
    if why.len() > WHY_LIMIT {
        return Err(EraseError::LongReason(row.pos));
    }
    let erasure = Erasure {
        pos: row.pos,
        stream: row.stream.clone(),
        seq: row.seq,
        blobs: row.blobs.clone(),
        why: why.to_owned(),
    };
    let event = NewEvent {
        kind: ERASED.to_owned(),
        version: 1,
        head: serde_json::to_vec(who).expect("a head is strings and a time: always JSON"),
        body: serde_json::to_vec(&erasure).expect("an erasure is numbers and strings: always JSON"),
    };
    let item = Item {
        stream: Stream::journal(),
        expected: erasures,
        incident: row.incident.clone(),
        events: vec![event],
        open: None,
    };
    Ok(Batch { items: vec![item], blobs: Vec::new(), erase: vec![row.pos], erase_blobs: row.blobs.clone() })
}
