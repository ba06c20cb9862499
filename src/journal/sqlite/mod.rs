//! The journal in a SQLite file: what a single host needs, with no set-up.
//!
//! Lives here: [`SqliteJournal`], which hands work to two threads: one decides and commits (`writer`), one reads
//! (`reader`). Never lives here: an async runtime: the futures are plain channels and run on any executor.
//!
//! Many processes may append to one file. Each has its own threads; SQLite's write lock puts them in a row.

pub mod copy;
pub mod examine;
mod fault;
mod group;
mod lock;
mod open;
mod reader;
mod rows;
mod writer;

use std::path::{Path, PathBuf};

use futures::channel::oneshot;
use futures::future::BoxFuture;

use self::reader::Reader;
use self::writer::{Job, Writer};
use super::batch::Draft;
use super::{
    AppendError, Appended, Batch, Blob, ChainHead, Condition, Hindrance, Journal, Ownership, ReadError, Row, Select,
    StreamInfo, chain,
};
use crate::base::event::{Instant, Stream};

pub use self::lock::{Exclusive, exclusive};
pub use self::open::OpenError;

/// The journal in one SQLite file (with `-wal` and `-shm` beside it while it is open).
pub struct SqliteJournal {
    path: PathBuf,
    reader: Reader,
    /// Absent when opened for reading only.
    writer: Option<Writer>,
    /// Let go last: until then nobody puts another file in this one's place.
    _in_use: Option<lock::InUse>,
}

impl SqliteJournal {
    /// Opens the journal at `path`, making it (mode 0600, its folder 0700) when it is not there, and bringing it to
    /// the current format. Blocks for disk operations, and up to 5 seconds when another process holds it locked.
    ///
    /// # Errors
    /// When it cannot be made, read or written, or is not a journal of a known format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let in_use = lock::in_use(&path).map_err(OpenError::Failed)?;
        Self::open_within(&path, Some(in_use))
    }

    /// Opens a copy that nobody else knows of yet and brings it into the shape of a journal in use.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_draft(draft: &copy::Draft) -> Result<Self, OpenError> {
        open::turn_log_on(draft.path())?;
        Self::open_within(draft.path(), None)
    }

    fn open_within(path: &Path, in_use: Option<lock::InUse>) -> Result<Self, OpenError> {
        let path = path.to_owned();
        let connection = open::for_writing(&path)?;
        let reader = Reader::start(&path, open::Access::Beside)?;
        let writer = Writer::start(&path, connection)?;
        Ok(Self { path, reader, writer: Some(writer), _in_use: in_use })
    }

    /// Opens an existing journal without ever writing to it, so that a copy on read-only media can be verified.
    /// Appends are refused.
    ///
    /// # Errors
    /// When it is not there, cannot be read or is not a journal of a known format.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let reader = Reader::start(&path, open::Access::ReadOnly)?;
        Ok(Self { path, reader, writer: None, _in_use: None })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn writer(&self) -> Result<&Writer, AppendError> {
        let refusal = || format!("the journal {} was opened for reading only", self.path.display());
        self.writer.as_ref().ok_or_else(|| AppendError::Refused(refusal()))
    }
}

/// 32 bytes from the operating system.
fn random_salt() -> Result<[u8; 32], String> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|error| format!("the operating system gave no random bytes: {error}"))?;
    Ok(salt)
}

impl Journal for SqliteJournal {
    /// Dropping the future after it was first polled does not take the batch back.
    fn append(&self, batch: Batch, at: Instant) -> BoxFuture<'_, Result<Appended, AppendError>> {
        Box::pin(async move {
            let writer = self.writer()?;
            let mut fault = None;
            let salt = || {
                random_salt().unwrap_or_else(|text| {
                    fault = Some(text);
                    [0; 32]
                })
            };
            let draft = Draft::new(batch, salt).map_err(AppendError::Refused)?;
            if let Some(text) = fault {
                return Err(AppendError::Refused(text));
            }
            let (reply, answer) = oneshot::channel();
            writer.send(Job::Append { draft, at, reply }).map_err(AppendError::Refused)?;
            let gone = |_| AppendError::Uncertain("the writing thread ended; start the program again".to_owned());
            answer.await.map_err(gone)?
        })
    }

    fn read(&self, select: Select, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Row>, ReadError>> {
        self.reader.ask(move |connection| rows::read(connection, &select, after, limit))
    }

    fn stored_blob(&self, id: &str) -> BoxFuture<'_, Result<Option<Blob>, ReadError>> {
        let id = id.to_owned();
        self.reader.ask(move |connection| rows::blob(connection, id))
    }

    fn blob_ids(&self, after: &str, limit: usize) -> BoxFuture<'_, Result<Vec<String>, ReadError>> {
        let after = after.to_owned();
        self.reader.ask(move |connection| rows::blob_ids(connection, &after, limit))
    }

    /// A salt of zeroes when the operating system gives no random bytes; the append that carries the blob then asks
    /// for more of them and is refused.
    fn new_blob(&self, bytes: Vec<u8>) -> Blob {
        let salt = random_salt().unwrap_or_default();
        Blob { id: chain::blob_id(&salt, &bytes), salt, bytes }
    }

    fn streams(&self, prefix: &str, open_only: bool) -> BoxFuture<'_, Result<Vec<StreamInfo>, ReadError>> {
        let prefix = prefix.to_owned();
        self.reader.ask(move |connection| rows::streams(connection, &prefix, open_only))
    }

    fn head(&self) -> BoxFuture<'_, Result<ChainHead, ReadError>> {
        self.reader.ask(|connection| Ok(rows::head(connection)?.0))
    }

    /// Asked of the writing connection: SQLite counts there what *others* committed.
    fn version(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        let Some(writer) = &self.writer else {
            return self.reader.ask(|connection| Ok(rows::data_version(connection)?.into()));
        };
        let (reply, answer) = oneshot::channel();
        let sent = writer.send(Job::Version(reply));
        Box::pin(async move {
            sent.map_err(ReadError::Failed)?;
            answer
                .await
                .map_err(|_| ReadError::Failed("the writing thread ended; start the program again".to_owned()))?
        })
    }

    fn condition(&self) -> BoxFuture<'_, Condition> {
        Box::pin(async move {
            let hindered = |hindrance| Condition { hindrance: Some(hindrance), ..Condition::default() };
            let Some(writer) = &self.writer else { return hindered(Hindrance::ReadOnly) };
            let (reply, answer) = oneshot::channel();
            match writer.send(Job::Condition(reply)) {
                Ok(()) => answer.await.unwrap_or(hindered(Hindrance::Other)),
                Err(_) => hindered(Hindrance::Other),
            }
        })
    }

    fn own(&self, stream: &Stream) -> Result<Option<Box<dyn Ownership>>, ReadError> {
        lock::take(&self.path, stream)
    }
}
