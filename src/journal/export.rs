//! Events as lines of JSON that can be checked without the journal.
//!
//! Lives here: [`line`] and [`check`]. Each line carries what its event's hash was made of, and the hash before it, so
//! that a changed line shows by itself. Never lives here: the files around it (`bot::export`).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::batch::instant;
use super::{Body, ChainHead, Row, chain};
use crate::base::event::{IncidentId, Stream};

/// One event. `head` and `body` are the stored bytes as they are: the commitment is to exactly these.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    pos: u64,
    stream: String,
    seq: u64,
    incident: Option<String>,
    kind: String,
    version: u32,
    /// Milliseconds since 1970.
    at: i64,
    head: Box<RawValue>,
    /// `null` where it was erased.
    body: Option<Box<RawValue>>,
    salt: Option<String>,
    blobs: Vec<String>,
    commitment: String,
    prev: String,
    hash: String,
}

/// An event as one line, without a line end. `prev` is the hash of the event before it in the whole journal.
///
/// # Errors
/// A head or body that is no JSON: another program wrote it.
pub fn line(row: &Row, prev: &[u8; 32]) -> Result<String, serde_json::Error> {
    let raw = |bytes: &[u8]| serde_json::from_slice::<Box<RawValue>>(bytes);
    serde_json::to_string(&Line {
        pos: row.pos,
        stream: row.stream.as_str().to_owned(),
        seq: row.seq,
        incident: row.incident.as_ref().map(|id| id.as_str().to_owned()),
        kind: row.kind.clone(),
        version: row.version,
        at: row.at.timestamp_millis(),
        head: raw(&row.head)?,
        body: row.body.as_ref().map(|body| raw(&body.bytes)).transpose()?,
        salt: row.body.as_ref().map(|body| hex::encode(body.salt)),
        blobs: row.blobs.clone(),
        commitment: hex::encode(row.commitment),
        prev: hex::encode(prev),
        hash: hex::encode(row.hash),
    })
}

/// What a line that fits its own hash stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The event.
    pub head: ChainHead,
    /// The hash of the one before it.
    pub prev: [u8; 32],
    /// Whether its body was erased before the export.
    pub erased: bool,
}

/// Checks a line by itself: the body fits its commitment, everything fits the hash.
///
/// # Errors
/// What does not fit, in a sentence's second half.
pub fn check(text: &str) -> Result<Checked, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| format!("is no event: {error}"))?;
    let digits = |what: &str, text: &str| -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| format!("has no readable {what}"))?;
        Ok(bytes)
    };
    let body = match (&line.body, &line.salt) {
        (Some(body), Some(salt)) => Some(Body { salt: digits("salt", salt)?, bytes: body.get().as_bytes().to_vec() }),
        (None, None) => None,
        _ => return Err("has a body without its salt, or a salt without its body".to_owned()),
    };
    let incident = line.incident.as_deref().map(IncidentId::parse).transpose().map_err(|bad| bad.to_string())?;
    let row = Row {
        pos: line.pos,
        stream: Stream::named(line.stream),
        seq: line.seq,
        incident,
        kind: line.kind,
        version: line.version,
        at: instant(line.at).ok_or("was recorded at no time there is")?,
        head: line.head.get().as_bytes().to_vec(),
        body,
        blobs: line.blobs,
        commitment: digits("commitment", &line.commitment)?,
        hash: digits("hash", &line.hash)?,
    };
    let prev = digits("hash before it", &line.prev)?;
    if let Some(body) = &row.body
        && chain::commitment(&body.salt, &body.bytes) != row.commitment
    {
        return Err("says something else than was recorded".to_owned());
    }
    if chain::link(&prev, &row) != row.hash {
        return Err("does not fit its hash".to_owned());
    }
    Ok(Checked { head: ChainHead { pos: row.pos, hash: row.hash }, prev, erased: row.body.is_none() })
}
