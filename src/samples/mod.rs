//! Where monitors' samples are kept: a SQLite file of its own beside the journal.
//!
//! Lives here: the port [`Samples`], the store ([`store`]: one thread that writes), reading it ([`read`], also from other processes), the tables. Never
//! lives here: what a tally is and how long it is kept (`domain::monitor::tally`), and any fact: what monitors changed to is in the journal.
//!
//! Not the journal's file: samples are many and none of them matters by itself, so they are written once a second and never waited for. In one
//! file the two would share a log, and every commit of the journal would carry them to the disk.

pub mod read;
mod roll;
pub mod store;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::base::event::Instant;
use crate::domain::monitor::tally::Kept;

pub use read::Reader;
pub use store::{Store, copy};

/// Keeps samples, and when heartbeats were heard. What cannot be kept is logged and lost: a sample must never hold up the next.
pub trait Samples: Send + Sync {
    /// Keeps samples, by monitor. `now` never goes back.
    fn keep(&self, samples: Vec<(Arc<str>, Kept)>, now: Instant);

    /// Keeps when a heartbeat was heard.
    fn hear(&self, monitor: &str, at: Instant);

    /// When a heartbeat was heard last, in whatever process.
    fn last_heard<'a>(&'a self, monitor: &'a str) -> BoxFuture<'a, Result<Option<Instant>, String>>;
}

/// Keeps nothing: for a world without a disk.
pub struct Nowhere;

impl Samples for Nowhere {
    fn keep(&self, _: Vec<(Arc<str>, Kept)>, _: Instant) {}
    fn hear(&self, _: &str, _: Instant) {}
    fn last_heard<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Instant>, String>> {
        Box::pin(async { Ok(None) })
    }
}

/// The file of samples that belongs to a journal: `samples.db` beside `journal.db`, `NAME.samples.db` beside any other.
#[must_use]
pub fn beside(journal: &Path) -> PathBuf {
    let stem = journal.file_stem().unwrap_or_default().to_string_lossy();
    let name = if stem == "journal" { "samples.db".to_owned() } else { format!("{stem}.samples.db") };
    journal.with_file_name(name)
}

const SCHEMA: &str = "
create table if not exists name (id integer primary key, monitor text not null unique);
-- By time first: samples are appended at one end and thrown away at the other.
create table if not exists raw (
    at integer not null, monitor integer not null, what integer not null, took integer,
    primary key (at, monitor)) without rowid;
create table if not exists minute (
    monitor integer not null, at integer not null, count integer not null, ok integer not null, degraded integer not null,
    excused integer not null, measured integer not null, least integer, most integer, total integer not null,
    histogram blob not null, primary key (monitor, at)) without rowid;
create table if not exists hour (
    monitor integer not null, at integer not null, count integer not null, ok integer not null, degraded integer not null,
    excused integer not null, measured integer not null, least integer, most integer, total integer not null,
    histogram blob not null, primary key (monitor, at)) without rowid;
-- Up to where minutes and hours are made.
create table if not exists made (length integer primary key, until integer not null);
create table if not exists heard (monitor integer primary key, at integer not null);
";
