//! Tests of the journal as a whole: what every store must keep, what verification must find, what failing disks do.

mod contract;
// Made by strace, which is Linux's.
#[cfg(target_os = "linux")]
mod faults;
mod sharing;
mod tamper;

use std::path::PathBuf;

use futures::executor::block_on;

use super::memory::MemoryJournal;
use super::sqlite::SqliteJournal;
use super::{Appended, Batch, Item, Journal, NewEvent};
use crate::base::event::{Actor, Head, IncidentId, Instant, Stream};

/// A store and the folder it lives in.
struct Store {
    journal: Box<dyn Journal>,
    name: &'static str,
    _folder: tempfile::TempDir,
}

/// An empty journal of every kind.
fn stores() -> Vec<Store> {
    let folder = || tempfile::tempdir().unwrap();
    let (memory, sqlite) = (folder(), folder());
    let file = SqliteJournal::open(sqlite.path().join("journal.db")).unwrap();
    vec![
        Store { journal: Box::new(MemoryJournal::new(7)), name: "memory", _folder: memory },
        Store { journal: Box::new(file), name: "sqlite", _folder: sqlite },
    ]
}

/// A journal file in a folder of its own.
fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

/// `seconds` into the incident.
fn at(seconds: i64) -> Instant {
    Instant::from_timestamp_millis(1_700_000_000_000 + seconds * 1000).unwrap()
}

fn who() -> Head {
    Head { actor: Actor::Bot, occurred_at: at(0) }
}

fn event(kind: &str, body: &str) -> NewEvent {
    NewEvent { kind: kind.to_owned(), version: 1, head: serde_json::to_vec(&who()).unwrap(), body: body.into() }
}

fn run(number: u64) -> Stream {
    Stream::named(format!("run:run-{number}"))
}

fn item(stream: &Stream, expected: u64, events: Vec<NewEvent>) -> Item {
    Item { stream: stream.clone(), expected, incident: Some(IncidentId::number(1)), events, open: None }
}

fn batch(items: Vec<Item>) -> Batch {
    Batch { items, ..Batch::default() }
}

/// Appends one event and insists on it.
fn record(journal: &dyn Journal, stream: &Stream, expected: u64, body: &str) -> Appended {
    block_on(journal.append(batch(vec![item(stream, expected, vec![event("attempt.sent", body)])]), at(0))).unwrap()
}
