//! One transaction for a group of batches: a batch that conflicts drops out, the others do not notice.
//!
//! Lives here: the statements that write. Never lives here: what to do after a failure (`writer`).

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows;
use crate::base::event::Instant;
use crate::journal::batch::{Draft, DraftItem, recorded_at};
use crate::journal::erase::ERASED;
use crate::journal::{AppendError, Appended, ChainHead, Row};

/// What each batch of a group would be answered if the transaction is committed.
pub(super) type Answers = Vec<Result<Appended, AppendError>>;

/// Writes what can be written of `drafts` into the open transaction. `Err` leaves the transaction to be rolled back.
pub(super) fn write<'a>(
    connection: &Connection,
    drafts: impl Iterator<Item = (&'a Draft, Instant)>,
) -> Result<Answers, Fault> {
    let (mut head, mut last) = rows::head(connection)?;
    let start = head;
    let mut answers = Vec::new();
    for (draft, at) in drafts {
        if let Err(error) = stands(connection, draft, &head)? {
            answers.push(Err(error));
            continue;
        }
        let at = recorded_at(at, last);
        let mut stored = Vec::new();
        for item in &draft.items {
            write_item(connection, item, at, &mut head, &mut stored)?;
        }
        if !stored.is_empty() {
            last = Some(at);
        }
        write_blobs(connection, draft)?;
        erase(connection, draft)?;
        answers.push(Ok(Appended { rows: stored }));
    }
    if head != start {
        let mut statement = connection.prepare_cached("update chain set pos = ?1, hash = ?2 where one = 1")?;
        statement.execute(params![number(head.pos), head.hash])?;
    }
    Ok(answers)
}

/// Positions and counts start at 0 and grow by one: they never reach the end of SQLite's numbers.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Whether every stream stands where the batch expects it, and what it erases may be erased.
fn stands(connection: &Connection, draft: &Draft, head: &ChainHead) -> Result<Result<(), AppendError>, Fault> {
    for item in &draft.items {
        let actual = rows::stream_seq(connection, &item.stream)?;
        if actual != item.expected {
            let (stream, expected) = (item.stream.clone(), item.expected);
            return Ok(Err(AppendError::Conflict { stream, expected, actual }));
        }
    }
    for pos in &draft.erase {
        if *pos == 0 || *pos > head.pos {
            return Ok(Err(AppendError::Refused(format!("there is no event #{pos} to erase"))));
        }
        let mut statement = connection.prepare_cached("select kind = ?2 from event where pos = ?1")?;
        if statement.query_row(params![number(*pos), ERASED], |row| row.get(0))? {
            return Ok(Err(AppendError::Refused(format!("#{pos} records an erasure and stays"))));
        }
    }
    Ok(Ok(()))
}

fn write_item(
    connection: &Connection,
    item: &DraftItem,
    at: Instant,
    head: &mut ChainHead,
    stored: &mut Vec<Row>,
) -> Result<(), Fault> {
    let mut seq = item.expected;
    for event in &item.events {
        seq += 1;
        let row = event.row(item, seq, at, head);
        write_row(connection, &row)?;
        *head = ChainHead { pos: row.pos, hash: row.hash };
        stored.push(row);
    }
    if item.events.is_empty() && item.open.is_none() {
        return Ok(());
    }
    if item.expected > 0 && item.open.is_none() {
        // The usual case leaves the flag, and with it the index over it, alone.
        let mut statement = connection.prepare_cached("update stream set seq = ?2 where id = ?1")?;
        statement.execute(params![item.stream.as_str(), number(seq)])?;
        return Ok(());
    }
    let sql = "insert into stream (id, seq, open) values (?1, ?2, coalesce(?3, 0)) \
               on conflict (id) do update set seq = ?2, open = coalesce(?3, open)";
    connection.prepare_cached(sql)?.execute(params![item.stream.as_str(), number(seq), item.open])?;
    Ok(())
}

fn write_row(connection: &Connection, row: &Row) -> Result<(), Fault> {
    let sql = "insert into event (pos, stream, seq, incident, kind, version, at, head, blobs, commitment, hash) \
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        number(row.pos),
        row.stream.as_str(),
        number(row.seq),
        row.incident.as_ref().map(|id| id.as_str()),
        row.kind,
        row.version,
        row.at.timestamp_millis(),
        row.head,
        row.blobs.join(","),
        row.commitment,
        row.hash,
    ])?;
    if let Some(body) = &row.body {
        let sql = "insert into body (pos, salt, bytes) values (?1, ?2, ?3)";
        connection.prepare_cached(sql)?.execute(params![number(row.pos), body.salt, body.bytes])?;
    }
    Ok(())
}

fn write_blobs(connection: &Connection, draft: &Draft) -> Result<(), Fault> {
    for blob in &draft.blobs {
        // The id commits to the content: a blob of the same id is the same blob.
        let sql = "insert into blob (id, salt, bytes) values (?1, ?2, ?3) on conflict (id) do nothing";
        connection.prepare_cached(sql)?.execute(params![blob.id, blob.salt, blob.bytes])?;
    }
    Ok(())
}

fn erase(connection: &Connection, draft: &Draft) -> Result<(), Fault> {
    for pos in &draft.erase {
        connection.prepare_cached("delete from body where pos = ?1")?.execute([number(*pos)])?;
    }
    for id in &draft.erase_blobs {
        connection.prepare_cached("delete from blob where id = ?1")?.execute([id])?;
    }
    Ok(())
}
