//! The writing thread: takes every batch that waits, writes them in one transaction, answers when it is on disk.
//!
//! Lives here: [`Writer`], group commit, what follows a failed commit. Never lives here: the statements (`group`).

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use futures::channel::oneshot;
use rusqlite::Connection;

use super::fault::{Fault, explain, is_full};
use super::group::{self, Answers};
use super::open::{self, OpenError};
use super::rows;
use crate::base::event::Instant;
use crate::journal::batch::Draft;
use crate::journal::{AppendError, Appended, ChainHead, ReadError};

/// How many batches may wait.
const QUEUE: usize = 4096;

/// How many batches share one commit at most, so that the first of them does not wait long.
const GROUP: usize = 512;

/// What the writing thread is asked.
pub(super) enum Job {
    /// Store a batch.
    Append { draft: Draft, at: Instant, reply: oneshot::Sender<Result<Appended, AppendError>> },
    /// Tell whether others have stored something.
    Version(oneshot::Sender<Result<u64, ReadError>>),
}

/// Hands jobs to the thread; dropping it ends the thread once it has done what waits.
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: &Path, connection: Connection) -> Result<Self, OpenError> {
        let desk = Desk { path: path.to_owned(), connection: Some(connection), reopened: 0 };
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
}

impl Desk {
    fn work(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut group = Vec::new();
            let mut versions = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Append { draft, at, reply } => group.push(Pending { draft, at, reply }),
                    Job::Version(reply) => versions.push(reply),
                }
                next = if group.len() < GROUP { queue.try_recv().ok() } else { None };
            }
            self.commit(group);
            for reply in versions {
                // Whoever asked may have lost interest; the same holds for every reply here.
                let _ = reply.send(self.version());
            }
        }
    }

    fn connection(&mut self) -> Result<Connection, String> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => {
                self.reopened += 1;
                open::connect_for_writing(&self.path).map_err(|error| explain(&self.path, &error))
            }
        }
    }

    fn version(&mut self) -> Result<u64, ReadError> {
        let connection = self.connection().map_err(ReadError::Failed)?;
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
            Err(text) => return answer_all(group, &AppendError::Refused(text)),
        };
        match transact(&connection, &group) {
            End::Done(answers) => {
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
