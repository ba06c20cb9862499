//! Somebody changes the file behind the journal's back; verification finds it and says where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use futures::executor::block_on;
use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::{at, batch, event, file, item, record, run, stores, who};
use crate::base::event::Stream;
use crate::journal::chain::{Anchor, link};
use crate::journal::erase::erase_batch;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::verify::{Fault, FaultKind, VerifyError, verify};
use crate::journal::{AppendError, Batch, Journal, Select};

/// Events in the journal under test.
const EVENTS: u64 = 24;
/// The one that was erased, and the one that says so.
const ERASED: u64 = 5;
const ERASER: u64 = 20;
/// The one that was stored with a blob.
const BLOB: u64 = 9;

/// A journal's file as it stands after a small incident, and its anchor.
static TEMPLATE: LazyLock<(Vec<u8>, Anchor)> = LazyLock::new(|| {
    let (_folder, path) = file();
    let journal = SqliteJournal::open(&path).unwrap();
    let mut counts = BTreeMap::new();
    for pos in 1..=EVENTS {
        let stream = run(pos % 3);
        let count: &mut u64 = counts.entry(stream.clone()).or_default();
        let batch = match pos {
            BLOB => {
                let blob = journal.new_blob(b"a long reply".to_vec());
                let named = event("reply.received", &blob.id);
                Batch { blobs: vec![blob], ..batch(vec![item(&stream, *count, vec![named])]) }
            }
            ERASER => {
                let row = block_on(journal.read(Select::All, ERASED - 1, 1)).unwrap().remove(0);
                *count -= 1;
                erase_batch(&row, 0, &who(), "a password").unwrap()
            }
            _ => batch(vec![item(&stream, *count, vec![event("attempt.sent", &format!("body {pos}"))])]),
        };
        *count += 1;
        block_on(journal.append(batch, at(i64::try_from(pos).unwrap()))).unwrap();
    }
    let head = block_on(verify(&journal, None)).unwrap().head;
    drop(journal);
    (std::fs::read(&path).unwrap(), Anchor::from(head))
});

/// The template, changed by `tamper` over a connection of its own.
fn tampered<T>(tamper: impl FnOnce(&Connection) -> T) -> (tempfile::TempDir, PathBuf, T) {
    let (folder, path) = file();
    std::fs::write(&path, &TEMPLATE.0).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    let result = tamper(&connection);
    drop(connection);
    (folder, path, result)
}

fn judge(path: &Path, anchor: Option<&Anchor>) -> Result<(), Fault> {
    let journal = SqliteJournal::open_read_only(path).unwrap();
    match block_on(verify(&journal, anchor)) {
        Ok(_) => Ok(()),
        Err(VerifyError::Fault(fault)) => Err(*fault),
        Err(error) => panic!("{error}"),
    }
}

fn found(tamper: impl FnOnce(&Connection)) -> Fault {
    let (_folder, path, ()) = tampered(tamper);
    judge(&path, None).unwrap_err()
}

/// Every column that is evidence, with the record to spoil; the `open` flag of a stream is a hint and is not chained.
#[derive(Clone, Copy, Debug)]
struct Cell {
    table: &'static str,
    column: &'static str,
    record: u64,
}

fn cells() -> impl Strategy<Value = Cell> {
    let of = |table, columns: &'static [&'static str], records: Vec<u64>| {
        (select(columns), select(records)).prop_map(move |(column, record)| Cell { table, column, record })
    };
    let all: Vec<u64> = (1..=EVENTS).collect();
    let bodies: Vec<u64> = all.iter().copied().filter(|pos| *pos != ERASED).collect();
    let event_columns = &["pos", "stream", "seq", "incident", "kind", "version", "at", "head", "commitment", "hash"];
    prop_oneof![
        6 => of("event", event_columns, all),
        3 => of("body", &["pos", "salt", "bytes"], bodies),
        1 => of("event", &["blobs"], vec![BLOB]),
        1 => of("blob", &["id", "salt", "bytes"], vec![1]),
        1 => of("stream", &["id", "seq"], vec![1, 2, 3, 4]),
        1 => of("chain", &["pos", "hash"], vec![1]),
    ]
}

fn key(cell: Cell) -> String {
    match cell.table {
        "event" | "body" => format!("pos = {}", cell.record),
        "stream" => format!("id = (select id from stream order by id limit 1 offset {})", cell.record - 1),
        _ => "true".to_owned(),
    }
}

/// Flips one bit of a cell. `false` when the schema does not let such a value in.
fn flip(connection: &Connection, cell: Cell, byte: usize, bit: u32) -> bool {
    let Cell { table, column, .. } = cell;
    let sql = format!("select {column} from {table} where {}", key(cell));
    let value: Value = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
    let spoil = |mut bytes: Vec<u8>| {
        let index = byte % bytes.len();
        bytes[index] ^= 1 << (bit % 8);
        bytes
    };
    let (cast, value) = match value {
        Value::Integer(number) => ("?1", Value::Integer(number ^ (1 << (bit % 63)))),
        Value::Text(text) => ("cast(?1 as text)", Value::Blob(spoil(text.into_bytes()))),
        Value::Blob(bytes) => ("?1", Value::Blob(spoil(bytes))),
        other => panic!("{other:?}"),
    };
    connection.execute(&format!("update {table} set {column} = {cast} where {}", key(cell)), [value]) == Ok(1)
}

/// Which events a fault in this cell may be named at.
fn blamed(cell: Cell) -> Vec<Option<u64>> {
    match cell.table {
        // A body that lands on the erased event makes that one wrong, too.
        "body" if cell.column == "pos" => vec![Some(cell.record), Some(ERASED)],
        "event" | "body" => vec![Some(cell.record)],
        "blob" => vec![Some(BLOB)],
        _ => vec![None],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_is_found_where_it_is(cell in cells(), byte in 0..64_usize, bit in 0..63_u32) {
        let (_folder, path, changed) = tampered(|connection| flip(connection, cell, byte, bit));
        prop_assume!(changed);
        let fault = judge(&path, None).unwrap_err();
        if cell.table == "chain" {
            // About the record of the end: the position is the one it claims, or none.
            prop_assert!(fault.to_string().contains("where the chain stands"), "{}", fault);
        } else {
            prop_assert!(blamed(cell).contains(&fault.place.pos), "{:?}: {}", cell, fault);
        }
    }

    #[test]
    fn a_removed_record_is_missed_where_it_was(cell in cells()) {
        let (_folder, path, ()) = tampered(|connection| {
            let sql = format!("delete from {} where {}", cell.table, key(cell));
            assert_eq!(connection.execute(&sql, []), Ok(1));
        });
        let fault = judge(&path, None).unwrap_err();
        if cell.table == "chain" {
            prop_assert!(fault.to_string().contains("where the chain stands is missing"), "{}", fault);
        } else if cell.table == "event" && cell.record == EVENTS {
            prop_assert_eq!((fault.kind, fault.place.pos), (FaultKind::Truncated, Some(EVENTS)));
            prop_assert!(fault.place.stream.is_some() && fault.place.seq.is_some());
        } else if cell.table == "stream" {
            prop_assert!(fault.place.stream.is_some(), "{}", fault);
        } else {
            prop_assert_eq!(fault.kind, FaultKind::Missing);
            prop_assert_eq!(fault.place.pos, blamed(cell)[0]);
            prop_assert!(fault.place.stream.is_some() && fault.place.seq.is_some(), "{}", fault);
        }
    }

    #[test]
    fn two_events_in_each_others_place_are_named(a in 1..=EVENTS, b in 1..=EVENTS) {
        prop_assume!(a != b);
        let fault = found(|connection| {
            for (from, to) in [(a, 1000), (b, a), (1000, b)] {
                connection.execute("update event set pos = ?2 where pos = ?1", params![from as i64, to as i64]).unwrap();
            }
        });
        prop_assert_eq!((fault.kind, fault.place.pos), (FaultKind::Reordered, Some(a.min(b))));
    }

    #[test]
    fn an_end_cut_off_with_every_record_adjusted_shows_against_the_anchor(keep in 0..EVENTS) {
        let (_folder, path, ()) = tampered(|connection| cut(connection, keep));
        // Nothing inside the file tells: that is what anchors are for. (An erasure that went with the end leaves its mark.)
        let erasure_cut = (ERASED..ERASER).contains(&keep);
        prop_assert_eq!(judge(&path, None).is_ok(), !erasure_cut);
        if !erasure_cut {
            for anchor in [TEMPLATE.1.clone(), TEMPLATE.1.short()] {
                let fault = judge(&path, Some(&anchor)).unwrap_err();
                prop_assert_eq!((fault.kind, fault.place.pos), (FaultKind::Truncated, Some(keep + 1)));
            }
        }
    }

    #[test]
    fn a_flipped_byte_anywhere_in_the_file_never_panics(offset in 0..TEMPLATE.0.len(), bit in 0..8_u32) {
        let (_folder, path) = file();
        let mut bytes = TEMPLATE.0.clone();
        bytes[offset] ^= 1 << bit;
        std::fs::write(&path, bytes).unwrap();
        if let Ok(journal) = SqliteJournal::open_read_only(&path) {
            let _ = block_on(verify(&journal, Some(&TEMPLATE.1)));
        }
    }
}

fn cut(connection: &Connection, keep: u64) {
    let keep = i64::try_from(keep).unwrap();
    connection.execute("delete from event where pos > ?1", [keep]).unwrap();
    connection.execute("delete from body where pos > ?1", [keep]).unwrap();
    connection.execute("delete from blob where ?1 < ?2", params![keep, BLOB as i64]).unwrap();
    connection.execute("update stream set seq = (select count(*) from event where stream = id)", []).unwrap();
    let hash = "coalesce((select hash from event where pos = ?1), zeroblob(32))";
    connection.execute(&format!("update chain set pos = ?1, hash = {hash}"), [keep]).unwrap();
}

#[test]
fn an_end_cut_off_shows_against_the_records_left_behind() {
    let fault = found(|connection| {
        connection.execute("delete from event where pos > 21", []).unwrap();
    });
    assert_eq!((fault.kind, fault.place.pos), (FaultKind::Truncated, Some(22)));
    insta::assert_snapshot!(fault, @"#22: the journal ends before it, but the record of where the chain stands says that it went on to #24. Its end was cut off, or an older copy was put in its place");
}

#[test]
fn a_rewritten_journal_holds_in_itself_but_not_against_its_anchor() {
    let (_folder, path, ()) = tampered(|connection| connection.execute_batch("").unwrap());
    let other = Anchor::from(crate::journal::ChainHead { pos: 12, hash: [7; 32] });
    assert_eq!(judge(&path, Some(&TEMPLATE.1)), Ok(()));
    let fault = judge(&path, Some(&other)).unwrap_err();
    assert_eq!((fault.kind, fault.place.pos), (FaultKind::Rewritten, Some(12)));
}

#[test]
fn an_event_slipped_in_at_the_end_does_not_fit_the_record_of_the_end() {
    let (_folder, path) = file();
    std::fs::write(&path, &TEMPLATE.0).unwrap();
    let journal = SqliteJournal::open(&path).unwrap();
    let last = block_on(journal.read(Select::All, EVENTS - 1, 1)).unwrap().remove(0);
    drop(journal);
    // Correctly linked, as only somebody would do who knows the format.
    let mut forged = last.clone();
    forged.pos += 1;
    forged.seq += 1;
    forged.hash = link(&last.hash, &forged);
    let connection = Connection::open(&path).unwrap();
    let columns = "incident, kind, version, at, head, blobs, commitment";
    let sql = format!(
        "insert into event (pos, stream, seq, hash, {columns}) select ?1, stream, ?2, ?3, {columns} from event where pos = ?4"
    );
    let (pos, seq) = (forged.pos as i64, forged.seq as i64);
    connection.execute(&sql, params![pos, seq, forged.hash, EVENTS as i64]).unwrap();
    connection
        .execute("insert into body select ?1, salt, bytes from body where pos = ?2", [pos, EVENTS as i64])
        .unwrap();
    drop(connection);
    assert!(judge(&path, None).unwrap_err().to_string().contains("where the chain stands"));
}

#[test]
fn what_verification_says_is_readable() {
    let say = |sql: &'static str| {
        let text = found(|connection| connection.execute_batch(sql).unwrap()).to_string();
        // Ids of blobs and hashes are random.
        regex::Regex::new("[0-9a-f]{64}|:[0-9a-f]{16}").unwrap().replace_all(&text, "…").into_owned()
    };
    let told = [
        say("update event set kind = 'attempt.done' where pos = 7"),
        say("update event set hash = x'00' where pos = 7"),
        say("delete from event where pos = 7"),
        say("delete from event where pos in (7, 8)"),
        say("delete from event where pos = 7; \
             update event set pos = -pos where pos > 7; update event set pos = -pos - 1 where pos < 0"),
        say("update body set bytes = x'00' where pos = 7"),
        say("delete from body where pos = 7"),
        say("delete from body where pos = 20"),
        say("insert into body select 5, salt, bytes from body where pos = 4"),
        say("update blob set bytes = x'00'"),
        say("delete from blob"),
        say("insert into blob select 'ff', salt, bytes from blob"),
        say("update stream set seq = 9 where id = 'run:run-1'"),
        say("update chain set pos = 9"),
        say("update event set incident = 'INC-1' where pos = 7"),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    #7 (run:run-1, no. 3): its hash does not fit its content and the events before it. It was changed after it was written
    #7 (run:run-1, no. 3): its hash is not one that rundown writes. It was changed after it was written
    #7 (run:run-1, no. 3): it is missing: #8 follows. It was removed after it was written
    #7: it is missing: #9 follows. It was removed after it was written
    #7 (run:run-2, no. 3): its hash does not fit its content and the events before it. It was changed after it was written. Perhaps because of that: #5 (run:run-2, no. 2): its body is missing, and no event says that it was erased. It was removed after it was written
    #7 (run:run-1, no. 3): its body is not the one it was recorded with. It was changed after it was written
    #7 (run:run-1, no. 3): its body is missing, and no event says that it was erased. It was removed after it was written
    #20 (journal:self, no. 1): it records an erasure, but its body, which says of what, is missing. It was removed after it was written. Perhaps because of that: #5 (run:run-2, no. 2): its body is missing, and no event says that it was erased. It was removed after it was written
    #5 (run:run-2, no. 2): its body is not the one it was recorded with. It was changed after it was written
    #9 (run:run-0, no. 3): blob … is not the one it was recorded with. It was changed after it was written
    #9 (run:run-0, no. 3): blob … is missing, and no event says that it was erased
    blob ff is stored, but no event was stored with it. Something else wrote it
    run:run-1: its record says 9 events, the journal holds 8. The record was changed after it was written; the events are in order
    #9: the record of where the chain stands says 9…, but the events end at 24…. One of the two was changed after it was written
    #7 (run:run-1, no. 3): its incident is not one that rundown writes. It was changed after it was written
    ");
}

#[test]
fn an_erased_event_put_back_from_a_backup_is_named() {
    for store in stores() {
        let journal = &*store.journal;
        let row = record(journal, &run(1), 0, "a password").rows.remove(0);
        block_on(journal.append(erase_batch(&row, 0, &who(), "it").unwrap(), at(1))).unwrap();
        assert_eq!(block_on(verify(journal, None)).unwrap().erased, 1, "{}", store.name);
    }
    let (_folder, path) = file();
    let journal = SqliteJournal::open(&path).unwrap();
    let row = record(&journal, &run(1), 0, "a password").rows.remove(0);
    block_on(journal.append(erase_batch(&row, 0, &who(), "it").unwrap(), at(1))).unwrap();
    let body = row.body.unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute("insert into body (pos, salt, bytes) values (1, ?1, ?2)", params![body.salt, body.bytes])
        .unwrap();
    let Err(VerifyError::Fault(fault)) = block_on(verify(&journal, None)) else { panic!("not found") };
    assert_eq!((fault.kind, fault.place.pos), (FaultKind::Restored, Some(1)));
}

/// One batch: which writer, and for each stream how far off the writer's belief is and how many events it adds.
type Move = (usize, BTreeMap<u64, (u64, usize)>);

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let belief = prop_oneof![5 => Just(0_u64), 1 => 1..3_u64];
    let items = prop::collection::btree_map(0..4_u64, (belief, 0..4_usize), 1..4);
    prop::collection::vec((0..2_usize, items), 1..15)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn however_writers_take_turns_the_chain_holds(moves in moves()) {
        let (_folder, path) = file();
        let writers = [SqliteJournal::open(&path).unwrap(), SqliteJournal::open(&path).unwrap()];
        let mut held: BTreeMap<Stream, u64> = BTreeMap::new();
        for (writer, items) in moves {
            let truth = |stream: &Stream| held.get(stream).copied().unwrap_or(0);
            let fits = items.values().all(|(off, _)| *off == 0);
            let asked: Vec<_> = items
                .iter()
                .map(|(n, (off, count))| {
                    item(&run(*n), truth(&run(*n)) + off, (0..*count).map(|_| event("note", "x")).collect())
                })
                .collect();
            match block_on(writers[writer].append(batch(asked), at(0))) {
                Ok(_) => {
                    prop_assert!(fits);
                    for (n, (_, count)) in items {
                        *held.entry(run(n)).or_default() += count as u64;
                    }
                }
                Err(AppendError::Conflict { stream, expected, actual }) => {
                    prop_assert!(!fits);
                    prop_assert_eq!(actual, truth(&stream));
                    prop_assert_ne!(expected, actual);
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
        let verified = block_on(verify(&writers[0], None)).unwrap();
        prop_assert_eq!(verified.head.pos, held.values().sum::<u64>());
    }
}
