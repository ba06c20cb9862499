//! The one thread that writes samples.
//!
//! Lives here: [`Store`], opening the file, writing batches, names. Never lives here: making minutes and hours (`roll`).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{SCHEMA, Samples, roll};
use crate::base::event::Instant;
use crate::domain::monitor::state::Level;
use crate::domain::monitor::tally::Kept;

/// How long another process may hold the file locked.
const BUSY: Duration = Duration::from_secs(5);
/// The log is folded into the file when it has grown to this many pages of 4 KiB.
const CHECKPOINT_PAGES: u32 = 2000;
const EXCUSED: i64 = 4;

enum Job {
    Keep(Vec<(Arc<str>, Kept)>, Instant),
    Hear(String, Instant),
    LastHeard(String, oneshot::Sender<Result<Option<Instant>, String>>),
    /// Everything sent before is on its way to the disk.
    Done(oneshot::Sender<()>),
}

/// Samples in a file. Dropping it writes what was handed over.
pub struct Store {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Store {
    /// Opens the file, making it (readable by this user only) where it is not there.
    ///
    /// # Errors
    /// It cannot be made or opened, in words.
    pub fn open(path: &Path) -> Result<Self, String> {
        let connection =
            open(path).map_err(|error| format!("samples cannot be kept in {}: {error}", path.display()))?;
        let (jobs, received) = mpsc::channel();
        let writer = Writer { connection, ids: HashMap::new(), rolled: 0 };
        let thread = std::thread::Builder::new().name("samples".to_owned()).spawn(move || writer.work(&received));
        let thread = thread.map_err(|error| format!("the thread for samples cannot start: {error}"))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Waits until everything handed over so far is written.
    pub async fn settle(&self) {
        let (done, written) = oneshot::channel();
        self.send(Job::Done(done));
        // The thread is gone only when the process leaves.
        let _ = written.await;
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(job));
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Samples for Store {
    fn keep(&self, samples: Vec<(Arc<str>, Kept)>, now: Instant) {
        self.send(Job::Keep(samples, now));
    }

    fn hear(&self, monitor: &str, at: Instant) {
        self.send(Job::Hear(monitor.to_owned(), at));
    }

    fn last_heard<'a>(&'a self, monitor: &'a str) -> BoxFuture<'a, Result<Option<Instant>, String>> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::LastHeard(monitor.to_owned(), reply));
        Box::pin(async move { answer.await.map_err(|_| "the thread for samples is gone".to_owned())? })
    }
}

/// Makes an empty file that only this user can read; one that is there is an error.
fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Copies a file of samples as it stands, while others write to it. What stood at `to` is replaced once the copy is whole.
///
/// # Errors
/// It cannot be read, or the copy cannot be written, in words.
pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let mut draft = to.to_owned().into_os_string();
    draft.push(".draft");
    let draft = Path::new(&draft);
    let copied = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // What a copy that was cut short left behind.
        drop(std::fs::remove_file(draft));
        make_file(draft)?;
        let connection = Connection::open_with_flags(from, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(BUSY)?;
        connection.execute("vacuum into ?1", [draft.to_string_lossy()])?;
        Ok(std::fs::rename(draft, to)?)
    };
    copied().map_err(|error| format!("{} cannot be copied to {}: {error}", from.display(), to.display()))
}

/// A connection that may write, on a file with all tables.
fn open(path: &Path) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    match make_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may cost the last seconds; nothing waits for the disk.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

struct Writer {
    connection: Connection,
    ids: HashMap<Arc<str>, i64>,
    /// The minute in which minutes and hours were made last.
    rolled: i64,
}

impl Writer {
    fn work(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let done = match job {
                Job::Keep(samples, now) => self.keep(&samples, now),
                Job::Hear(monitor, at) => self.hear(&monitor, at),
                Job::LastHeard(monitor, reply) => {
                    drop(reply.send(last_heard(&self.connection, &monitor).map_err(|error| error.to_string())));
                    Ok(())
                }
                Job::Done(reply) => {
                    let _ = reply.send(());
                    Ok(())
                }
            };
            if let Err(error) = done {
                tracing::error!(%error, "samples could not be kept");
            }
        }
    }

    fn keep(&mut self, samples: &[(Arc<str>, Kept)], now: Instant) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        {
            let mut insert = self
                .connection
                .prepare_cached("insert or ignore into raw (at, monitor, what, took) values (?1, ?2, ?3, ?4)")?;
            for (monitor, kept) in samples {
                let id = match self.ids.get(monitor) {
                    Some(id) => *id,
                    None => {
                        let id = id_of(&self.connection, monitor)?;
                        self.ids.insert(Arc::clone(monitor), id);
                        id
                    }
                };
                insert.execute(params![kept.at, id, what(kept), kept.took_ms])?;
            }
        }
        let minute = now.timestamp_millis() / 60_000;
        if minute != self.rolled {
            roll::roll(&self.connection, now.timestamp_millis())?;
            self.rolled = minute;
        }
        transaction.commit()
    }

    fn hear(&mut self, monitor: &str, at: Instant) -> rusqlite::Result<()> {
        let id = id_of(&self.connection, monitor)?;
        let sql = "insert into heard (monitor, at) values (?1, ?2) \
                   on conflict (monitor) do update set at = max(at, excluded.at)";
        self.connection.prepare_cached(sql)?.execute(params![id, at.timestamp_millis()])?;
        Ok(())
    }
}

fn id_of(connection: &Connection, monitor: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached("insert or ignore into name (monitor) values (?1)")?.execute([monitor])?;
    connection.prepare_cached("select id from name where monitor = ?1")?.query_row([monitor], |row| row.get(0))
}

pub(super) fn last_heard(connection: &Connection, monitor: &str) -> rusqlite::Result<Option<Instant>> {
    let sql = "select at from heard join name on name.id = heard.monitor where name.monitor = ?1";
    let at: Option<i64> = connection.prepare_cached(sql)?.query_row([monitor], |row| row.get(0)).optional()?;
    Ok(at.and_then(chrono::DateTime::from_timestamp_millis))
}

fn what(kept: &Kept) -> i64 {
    let level = match kept.level {
        Level::Healthy => 0,
        Level::Degraded => 1,
        Level::Failing => 2,
    };
    level + if kept.excused { EXCUSED } else { 0 }
}

/// A sample as it was stored.
pub(super) fn kept(at: i64, what: i64, took_ms: Option<u32>) -> Kept {
    let level = match what & 3 {
        0 => Level::Healthy,
        1 => Level::Degraded,
        _ => Level::Failing,
    };
    Kept { at, level, took_ms, excused: what & EXCUSED != 0 }
}
