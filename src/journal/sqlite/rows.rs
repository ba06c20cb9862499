//! Queries, and what they find turned back into rows, with nothing taken on trust.
//!
//! Lives here: reading SQL, decoding. Never lives here: writing, verification: what decodes may still be forged.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use crate::base::event::{IncidentId, Instant, Stream};
use crate::journal::{Blob, Body, ChainHead, Place, Row, Select, StreamInfo, batch};

const COLUMNS: &str = "select e.pos, e.stream, e.seq, e.incident, e.kind, e.version, e.at, e.head, e.blobs, \
                       e.commitment, e.hash, b.salt, b.bytes from event e left join body b on b.pos = e.pos";

/// Rows of `select` behind `after`, at most `limit`.
pub(super) fn read(connection: &Connection, select: &Select, after: u64, limit: usize) -> Result<Vec<Row>, Fault> {
    let (filter, key) = match select {
        Select::All => ("?3 = ''", ""),
        Select::Stream(stream) => ("e.stream = ?3", stream.as_str()),
        Select::Incident(incident) => ("e.incident = ?3", incident.as_str()),
    };
    let sql = format!("{COLUMNS} where e.pos > ?1 and {filter} order by e.pos limit ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params![clamp(after), i64::try_from(limit).unwrap_or(i64::MAX), key])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(decode(row)?);
    }
    Ok(rows)
}

/// SQLite's numbers end earlier; nothing is stored beyond.
fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads the columns of one record; every failure names the record.
struct Fields<'a, 'stmt> {
    row: &'a rusqlite::Row<'stmt>,
    place: Place,
    /// What the record is called where the place does not say.
    name: String,
}

impl Fields<'_, '_> {
    fn damaged(&self, field: &str) -> Fault {
        let of = if self.name.is_empty() { "its".to_owned() } else { format!("{}: its", self.name) };
        let what = format!("{of} {field} is not one that rundown writes. It was changed after it was written");
        Fault::Damaged { place: self.place.clone(), what }
    }

    fn value(&self, index: usize) -> Result<ValueRef<'_>, Fault> {
        Ok(self.row.get_ref(index)?)
    }

    fn number(&self, index: usize, field: &str) -> Result<u64, Fault> {
        self.value(index)?
            .as_i64()
            .ok()
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| self.damaged(field))
    }

    fn text(&self, index: usize, field: &str) -> Result<String, Fault> {
        self.value(index)?.as_str().map(str::to_owned).map_err(|_| self.damaged(field))
    }

    fn bytes(&self, index: usize, field: &str) -> Result<Vec<u8>, Fault> {
        self.value(index)?.as_blob().map(<[u8]>::to_vec).map_err(|_| self.damaged(field))
    }

    fn hash(&self, index: usize, field: &str) -> Result<[u8; 32], Fault> {
        self.value(index)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| self.damaged(field))
    }
}

fn decode(row: &rusqlite::Row<'_>) -> Result<Row, Fault> {
    let mut fields = Fields { row, place: Place::default(), name: String::new() };
    let pos = fields.number(0, "position")?;
    fields.place.pos = Some(pos);
    let stream = Stream::named(fields.text(1, "stream")?);
    fields.place.stream = Some(stream.clone());
    let seq = fields.number(2, "place in the stream")?;
    fields.place.seq = Some(seq);
    let incident = match fields.value(3)? {
        ValueRef::Null => None,
        _ => Some(incident(&fields.text(3, "incident")?).ok_or_else(|| fields.damaged("incident"))?),
    };
    let version = u32::try_from(fields.number(5, "version")?).map_err(|_| fields.damaged("version"))?;
    let blobs = fields.text(8, "list of blobs")?;
    let blobs: Vec<String> = blobs.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    let body = match (fields.value(11)?, fields.value(12)?) {
        (ValueRef::Null, ValueRef::Null) => None,
        _ => Some(Body { salt: fields.hash(11, "salt")?, bytes: fields.bytes(12, "body")? }),
    };
    Ok(Row {
        pos,
        stream,
        seq,
        incident,
        kind: fields.text(4, "kind")?,
        version,
        at: fields.value(6)?.as_i64().ok().and_then(batch::instant).ok_or_else(|| fields.damaged("time"))?,
        head: fields.bytes(7, "head")?,
        body,
        blobs,
        commitment: fields.hash(9, "commitment")?,
        hash: fields.hash(10, "hash")?,
    })
}

/// An incident exactly as it is written: an id that only reads alike was not written by the journal.
fn incident(text: &str) -> Option<IncidentId> {
    IncidentId::parse(text).ok().filter(|id| id.as_str() == text)
}

/// Where the chain stands, and when its last event was recorded.
pub(super) fn head(connection: &Connection) -> Result<(ChainHead, Option<Instant>), Fault> {
    let sql = "select c.pos, c.hash, e.at from chain c left join event e on e.pos = c.pos where c.one = 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([])?;
    let gone = || Fault::damaged("the record of where the chain stands is missing".to_owned());
    let row = found.next()?.ok_or_else(gone)?;
    let fields = Fields { row, place: Place::default(), name: "the record of where the chain stands".to_owned() };
    let head = ChainHead { pos: fields.number(0, "position")?, hash: fields.hash(1, "hash")? };
    Ok((head, fields.value(2)?.as_i64().ok().and_then(batch::instant)))
}

/// How many events a stream holds, as the stream's record says.
pub(super) fn stream_seq(connection: &Connection, stream: &Stream) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached("select seq from stream where id = ?1")?;
    let seq: Option<i64> = statement.query_row([stream.as_str()], |row| row.get(0)).optional()?;
    let damaged =
        |_| Fault::damaged(format!("the record of {stream} was changed: it says a negative number of events"));
    u64::try_from(seq.unwrap_or(0)).map_err(damaged)
}

/// Streams by name.
pub(super) fn streams(connection: &Connection, prefix: &str, open_only: bool) -> Result<Vec<StreamInfo>, Fault> {
    // Two statements, so that each can use its index; both start at the prefix and stop behind it.
    let sql = if open_only {
        "select id, seq, open from stream where open = 1 and id >= ?1 order by id"
    } else {
        "select id, seq, open from stream where id >= ?1 order by id"
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([prefix])?;
    let mut streams = Vec::new();
    while let Some(row) = found.next()? {
        let mut fields = Fields { row, place: Place::default(), name: "the record of a stream".to_owned() };
        let id = fields.text(0, "name")?;
        if !id.starts_with(prefix) {
            break;
        }
        fields.name = format!("the record of {id}");
        let open = match fields.number(2, "open flag")? {
            0 => false,
            1 => true,
            _ => return Err(fields.damaged("open flag")),
        };
        streams.push(StreamInfo { seq: fields.number(1, "count of events")?, stream: Stream::named(id), open });
    }
    Ok(streams)
}

/// A blob as it is stored.
pub(super) fn blob(connection: &Connection, id: String) -> Result<Option<Blob>, Fault> {
    let mut statement = connection.prepare_cached("select salt, bytes from blob where id = ?1")?;
    let mut found = statement.query([&id])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let fields = Fields { row, place: Place::default(), name: format!("blob {id}") };
    let (salt, bytes) = (fields.hash(0, "salt")?, fields.bytes(1, "content")?);
    Ok(Some(Blob { id, salt, bytes }))
}

/// Ids of blobs behind `after`.
pub(super) fn blob_ids(connection: &Connection, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare_cached("select id from blob where id > ?1 order by id limit ?2")?;
    let mut found = statement.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut ids = Vec::new();
    while let Some(row) = found.next()? {
        ids.push(Fields { row, place: Place::default(), name: "a blob".to_owned() }.text(0, "id")?);
    }
    Ok(ids)
}

/// SQLite's count of commits made over other connections, meaningful only beside an earlier one of this connection.
pub(super) fn data_version(connection: &Connection) -> Result<u32, Fault> {
    Ok(connection.prepare_cached("pragma data_version")?.query_row([], |row| row.get(0))?)
}
