//! The writing thread: takes every batch that waits, writes them in one transaction, answers when it is on disk.
//!
//! Lives here: [`Writer`], group commit, what follows a failed commit. Never lives here: the statements (`group`).

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::channel::oneshot;
use rusqlite::Connection;

use super::examine;
use super::fault::{self, BUSY, Fault, explain, is_full};
use super::group::{self, Answers};
use super::open::{self, OpenError};
use super::rows;
use crate::base::event::Instant;
use crate::journal::batch::Draft;
use crate::journal::{AppendError, Appended, ChainHead, Condition, Hindrance, ReadError};

/// How many batches may wait.
const QUEUE: usize = 4096;

/// How many batches share one commit at most, so that the first of them does not wait long.
const GROUP: usize = 512;

/// How long a try waits for another process's lock: whatever is to be written meanwhile waits behind it.
const TRY_FOR: Duration = Duration::from_millis(500);

/// With less room than this nothing counts as writable, in bytes: as much as the log takes before it is folded in.
const ROOM: u64 = 16 * 1024 * 1024;

/// What the writing thread is asked.
pub(super) enum Job {
    /// Store a batch.
    Append { draft: Draft, at: Instant, reply: oneshot::Sender<Result<Appended, AppendError>> },
    /// Tell whether others have stored something.
    Version(oneshot::Sender<Result<u64, ReadError>>),
    /// Tell whether something could be stored now.
    Condition(oneshot::Sender<Condition>),
}

/// Hands jobs to the thread; dropping it ends the thread once it has done what waits.
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: &Path, connection: Connection) -> Result<Self, OpenError> {
        let desk = Desk { path: path.to_owned(), connection: Some(connection), reopened: 0, failed: None };
        let (jobs, queue) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("journal writer".to_owned())
            .spawn(move || desk.work(&queue))
            .map_err(|error| OpenError::Failed(format!("the journal's writing thread cannot start: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Queues a job; `Err` says why not.
    pub(super) fn send(&self, job: Job) -> Result<(), String> {
        let ended = || "the journal's writing thread ended; start the program again".to_owned();
        match self.jobs.as_ref().ok_or_else(ended)?.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                Err(format!("over {QUEUE} writes to the journal are waiting: try again later"))
            }
            Err(TrySendError::Disconnected(_)) => Err(ended()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A batch and whom to tell.
struct Pending {
    draft: Draft,
    at: Instant,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// How a transaction ended.
enum End {
    /// On disk, or (when every batch dropped out) nothing to put there.
    Done(Answers),
    /// Rolled back before the commit: nothing was written.
    Failed(Fault),
    /// The commit itself failed. `before` is where the chain stood.
    Broken { error: rusqlite::Error, before: ChainHead },
}

/// What the thread works with.
struct Desk {
    path: PathBuf,
    /// Gone after a failed commit; made again for the next job.
    connection: Option<Connection>,
    /// How often it was made again: a new connection counts others' commits afresh.
    reopened: u32,
    /// Why the last write failed, where it did.
    failed: Option<Hindrance>,
}

impl Desk {
    fn work(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut group = Vec::new();
            let mut versions = Vec::new();
            let mut conditions = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Append { draft, at, reply } => group.push(Pending { draft, at, reply }),
                    Job::Version(reply) => versions.push(reply),
                    Job::Condition(reply) => conditions.push(reply),
                }
                next = if group.len() < GROUP { queue.try_recv().ok() } else { None };
            }
            self.commit(group);
            for reply in versions {
                // Whoever asked may have lost interest; the same holds for every reply here.
                let _ = reply.send(self.version());
            }
            if !conditions.is_empty() {
                // Several may ask at once; one try answers them all.
                let condition = self.condition();
                for reply in conditions {
                    let _ = reply.send(condition);
                }
            }
        }
    }

    fn connection(&mut self) -> rusqlite::Result<Connection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => {
                self.reopened += 1;
                open::connect_for_writing(&self.path)
            }
        }
    }

    fn condition(&mut self) -> Condition {
        let (free, size) = (examine::free_space(&self.path), examine::size(&self.path));
        let hindrance = self.hindrance();
        let no_room = free.is_some_and(|free| free < ROOM).then_some(Hindrance::NoRoom);
        Condition { hindrance: hindrance.or(no_room), size, free }
    }

    /// Tries to write. As long as writing works, taking the write lock is enough to know that it would; after a write that failed only
    /// another one that reaches the disk proves that it works again.
    fn hindrance(&mut self) -> Option<Hindrance> {
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => return Some(fault::hindrance(&error.into())),
        };
        let tried = try_lock(&connection, self.failed.is_some());
        let hindrance = tried.err().map(|error| fault::hindrance(&error.into()));
        // A lock is no failure of the disk: whoever waits for it is told by themselves.
        if hindrance != Some(Hindrance::Locked) && hindrance != self.failed {
            self.failed = hindrance;
        }
        // After trouble its picture of the file is not trusted.
        if matches!(hindrance, None | Some(Hindrance::Locked)) {
            self.connection = Some(connection);
        }
        hindrance
    }

    fn version(&mut self) -> Result<u64, ReadError> {
        let connection = self.connection().map_err(|error| ReadError::Failed(explain(&self.path, &error)))?;
        let seen = rows::data_version(&connection);
        self.connection = Some(connection);
        let seen = seen.map_err(|fault| fault.into_read_error(&self.path))?;
        Ok(u64::from(self.reopened) << 32 | u64::from(seen))
    }

    fn commit(&mut self, group: Vec<Pending>) {
        if group.is_empty() {
            return;
        }
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => {
                let text = explain(&self.path, &error);
                self.failed = Some(fault::hindrance(&error.into()));
                return answer_all(group, &AppendError::Refused(text));
            }
        };
        match transact(&connection, &group) {
            End::Done(answers) => {
                if answers.iter().any(Result::is_ok) {
                    self.failed = None;
                }
                let erased = group.iter().any(|pending| pending.draft.erases());
                for (pending, answer) in group.into_iter().zip(answers) {
                    let _ = pending.reply.send(answer);
                }
                if erased {
                    forget(&connection);
                }
                self.connection = Some(connection);
            }
            End::Failed(fault) => {
                self.connection = Some(connection);
                self.refuse(group, fault);
            }
            End::Broken { error, before } => self.after_broken_commit(connection, group, &error, before),
        }
    }

    /// Nothing was written. One batch may be to blame, so each gets a transaction of its own before it is refused.
    fn refuse(&mut self, group: Vec<Pending>, fault: Fault) {
        if group.len() > 1 && !is_lock(&fault) {
            group.into_iter().for_each(|pending| self.commit(vec![pending]));
            return;
        }
        self.failed = Some(fault::hindrance(&fault)).filter(|hindrance| *hindrance != Hindrance::Locked);
        let text = match fault {
            Fault::Sqlite(error) => explain(&self.path, &error),
            Fault::Damaged { place, what } => {
                format!("{place}{what}. Nothing more is written to {}: run `rundown verify`", self.path.display())
            }
        };
        answer_all(group, &AppendError::Refused(text));
    }

    /// The connection's picture of the file can no longer be trusted: it is closed, and the disk asked again.
    fn after_broken_commit(
        &mut self,
        connection: Connection,
        group: Vec<Pending>,
        error: &rusqlite::Error,
        before: ChainHead,
    ) {
        drop(connection);
        let text = explain(&self.path, error);
        self.failed = Some(if is_full(error) { Hindrance::NoRoom } else { Hindrance::Disk });
        tracing::error!(error = text, "a commit to the journal failed; its connection is made again");
        let now = self.connection().ok().and_then(|connection| {
            let head = rows::head(&connection).ok().map(|(head, _)| head);
            self.connection = Some(connection);
            head
        });
        // A full disk stops SQLite before the record that makes the transaction valid.
        if is_full(error) && now == Some(before) {
            return answer_all(group, &AppendError::Refused(text));
        }
        answer_all(group, &AppendError::Uncertain(text));
    }
}

fn is_lock(fault: &Fault) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(fault, Fault::Sqlite(error) if matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)))
}

/// Takes the write lock and lets go of it; with `for_good` something that is there already is written, and on disk afterwards.
fn try_lock(connection: &Connection, for_good: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(TRY_FOR)?;
    let tried = connection.execute_batch("begin immediate").and_then(|()| {
        let written = match for_good {
            // A row with the values that it has would not be written; the number of the format is, whatever it was.
            true => open::write_format_again(connection).and_then(|()| connection.execute_batch("commit")),
            false => connection.execute_batch("rollback"),
        };
        if written.is_err() {
            // SQLite may have rolled back by itself.
            let _ = connection.execute_batch("rollback");
        }
        written
    });
    connection.busy_timeout(BUSY)?;
    tried
}

fn answer_all(group: Vec<Pending>, error: &AppendError) {
    for pending in group {
        let _ = pending.reply.send(Err(error.clone()));
    }
}

fn transact(connection: &Connection, group: &[Pending]) -> End {
    let run = |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    if let Err(error) = run("begin immediate") {
        return End::Failed(error.into());
    }
    let written = rows::head(connection).and_then(|(before, _)| {
        let drafts = group.iter().map(|pending| (&pending.draft, pending.at));
        Ok((before, group::write(connection, drafts)?))
    });
    let (before, answers) = match written {
        Ok(written) => written,
        Err(fault) => {
            // SQLite may have rolled back by itself.
            let _ = run("rollback");
            return End::Failed(fault);
        }
    };
    if answers.iter().all(Result::is_err) {
        return match run("rollback") {
            Ok(_) => End::Done(answers),
            Err(error) => End::Failed(error.into()),
        };
    }
    match run("commit") {
        Ok(_) => End::Done(answers),
        Err(error) => {
            let _ = run("rollback");
            End::Broken { error, before }
        }
    }
}

/// Empties the log, where an erased body still stands. If a reader is in the way, the next checkpoint does it.
fn forget(connection: &Connection) {
    let emptied = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, i64>(0));
    if !matches!(emptied, Ok(0)) {
        tracing::warn!("the journal's log is in use: what was erased leaves it with the next checkpoint");
    }
}
