//! The append-only journal: streams of opaque, hash-chained, erasable events.
//!
//! Lives here: the [`Journal`] port, its types, the stores (`memory`, `sqlite`), the chain and its verification.
//! Never lives here: what an event means. A body is bytes; only its commitment is chained.

mod batch;
pub mod chain;
pub mod erase;
pub mod export;
pub mod heard;
pub mod memory;
pub mod recent;
pub mod sqlite;
#[cfg(test)]
mod tests;
pub mod verify;

use futures::future::BoxFuture;

use crate::base::event::{IncidentId, Instant, Stream};

/// An event on its way into the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// What it is, in the past tense, dotted: `attempt.sent`.
    pub kind: String,
    /// The version of the body's shape, from 1.
    pub version: u32,
    /// The JSON of a [`crate::base::event::Head`]: chained in the clear and never erased.
    pub head: Vec<u8>,
    /// The body: erasable bytes, JSON by convention.
    pub body: Vec<u8>,
}

/// Events for one stream, and where that stream must stand for them to be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which stream.
    pub stream: Stream,
    /// How many events the stream held when the writer decided; anything else is a [`AppendError::Conflict`].
    pub expected: u64,
    /// The incident these events belong to, so that a timeline is one query over all streams.
    pub incident: Option<IncidentId>,
    /// The events, in order. May be empty: then the item only asserts `expected`.
    pub events: Vec<NewEvent>,
    /// Sets whether the stream still has work to be done (an unfinished run). `None` leaves it.
    pub open: Option<bool>,
}

/// A large reply kept beside the events; the event's body names it by `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Hex of `sha256(salt ‖ bytes)`: the name in an event's body commits to the content.
    pub id: String,
    /// 32 random bytes (seeded in a rehearsal), so that a short content cannot be guessed from its id.
    pub salt: [u8; 32],
    /// The content, at most 8 MiB.
    pub bytes: Vec<u8>,
}

/// What is written atomically: all of it, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// One item per stream.
    pub items: Vec<Item>,
    /// Blobs that the items' events name: each id must occur in the body of at least one event of this batch.
    pub blobs: Vec<Blob>,
    /// Positions whose bodies are erased with this batch (the batch also carries the event that says who and why),
    /// and blobs that those bodies named. Best built by [`erase::erase_batch`].
    pub erase: Vec<u64>,
    /// Ids of blobs to erase.
    pub erase_blobs: Vec<String>,
}

/// One stored event with all that verification needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Place in the whole journal, from 1, without holes. People cite it as `#12`.
    pub pos: u64,
    /// Its stream.
    pub stream: Stream,
    /// Place in the stream, from 1, without holes.
    pub seq: u64,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// What it is.
    pub kind: String,
    /// The version of its body's shape.
    pub version: u32,
    /// When it was recorded.
    pub at: Instant,
    /// JSON of the head.
    pub head: Vec<u8>,
    /// The body with its salt; `None` when it was erased (or is missing: verification tells the two apart).
    pub body: Option<Body>,
    /// Ids of the blobs that were stored with this event: those of its batch that its body names. Chained, so that a
    /// missing blob shows.
    pub blobs: Vec<String>,
    /// `sha256(salt ‖ bytes)`, kept when the body goes.
    pub commitment: [u8; 32],
    /// The link to the event before: see [`chain::link`].
    pub hash: [u8; 32],
}

/// The erasable part of a [`Row`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// 32 random bytes.
    pub salt: [u8; 32],
    /// What was recorded.
    pub bytes: Vec<u8>,
}

/// Which rows to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    /// Every event.
    All,
    /// One stream.
    Stream(Stream),
    /// Everything that belongs to an incident, over all streams.
    Incident(IncidentId),
}

/// Where the chain stands; printed as an *anchor* `pos:hash` so that a later truncation shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// The last position, 0 for an empty journal.
    pub pos: u64,
    /// The last hash, zeroes for an empty journal.
    pub hash: [u8; 32],
}

/// A stream and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub stream: Stream,
    /// How many events it holds.
    pub seq: u64,
    /// Whether it has unfinished work.
    pub open: bool,
}

/// What came of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stored rows, in the order of the batch's items: the caller folds what was *stored*.
    pub rows: Vec<Row>,
}

/// Why an append did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Someone else wrote to the stream first: reload and decide again.
    #[error("{stream} moved on: expected {expected} events, it holds {actual}")]
    Conflict {
        /// The stream that moved.
        stream: Stream,
        /// What the writer believed.
        expected: u64,
        /// What is true.
        actual: u64,
    },
    /// Nothing was written and nothing will be until somebody acts; the text says what to do.
    #[error("{0}")]
    Refused(String),
    /// The commit failed in a way that leaves open what is on disk: reload, disk decides.
    #[error("the journal could not confirm the write: {0}")]
    Uncertain(String),
}

/// Which event a sentence is about, as far as it is known; printed in front of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The event's position.
    pub pos: Option<u64>,
    /// Its stream.
    pub stream: Option<Stream>,
    /// Its place in the stream.
    pub seq: Option<u64>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.pos, &self.stream, self.seq) {
            (Some(pos), Some(stream), Some(seq)) => write!(f, "#{pos} ({stream}, no. {seq}): "),
            (Some(pos), ..) => write!(f, "#{pos}: "),
            (None, Some(stream), _) => write!(f, "{stream}: "),
            (None, None, _) => Ok(()),
        }
    }
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store could not be read; the text says what to do.
    #[error("{0}")]
    Failed(String),
    /// What is stored there cannot have been written by the journal.
    #[error("{place}{what}; run `rundown verify`")]
    Damaged {
        /// The event it concerns, as far as that can be read.
        place: Place,
        /// A sentence.
        what: String,
    },
}

/// How a journal is, as far as its store can tell by trying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Why nothing can be written now; `None`: it can.
    pub hindrance: Option<Hindrance>,
    /// What it takes on its disk, in bytes; `None` where there is no disk.
    pub size: Option<u64>,
    /// What this process may still write there, in bytes; `None` where the system does not tell.
    pub free: Option<u64>,
}

/// Why a journal cannot be written. It names no file: what it says may be shown to whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// Its disk is full.
    NoRoom,
    /// It may only be read.
    ReadOnly,
    /// Another program keeps it locked.
    Locked,
    /// Its disk does not do what it is told.
    Disk,
    /// What stands in it contradicts itself.
    Damaged,
    /// Whoever writes it ended, or something else that the log names.
    Other,
}

/// Held by the process that drives a stream; dropping it lets another take over. A dead process holds nothing.
pub trait Ownership: Send + Sync {}

/// The port. Two stores keep it (`memory`, `sqlite`); PostgreSQL is to be a third.
pub trait Journal: Send + Sync {
    /// Writes a batch atomically, stamped `at` (never before the last stored event: the store takes the later of the two).
    fn append(&self, batch: Batch, at: Instant) -> BoxFuture<'_, Result<Appended, AppendError>>;

    /// Rows after `after` (a position, 0 for all), at most `limit`, in order of position.
    fn read(&self, select: Select, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Row>, ReadError>>;

    /// A blob's content; `None` when it was erased or never stored.
    fn blob(&self, id: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, ReadError>> {
        let stored = self.stored_blob(id);
        Box::pin(async move { Ok(stored.await?.map(|blob| blob.bytes)) })
    }

    /// A blob with its salt, as verification needs it.
    fn stored_blob(&self, id: &str) -> BoxFuture<'_, Result<Option<Blob>, ReadError>>;

    /// Ids of stored blobs in ascending order, those after `after` (empty for all), at most `limit`.
    fn blob_ids(&self, after: &str, limit: usize) -> BoxFuture<'_, Result<Vec<String>, ReadError>>;

    /// Gives `bytes` a salt and an id; nothing is stored until a batch carries it.
    fn new_blob(&self, bytes: Vec<u8>) -> Blob;

    /// Streams whose name starts with `prefix`, by name; only those with unfinished work if `open_only`.
    fn streams(&self, prefix: &str, open_only: bool) -> BoxFuture<'_, Result<Vec<StreamInfo>, ReadError>>;

    /// Where the chain stands.
    fn head(&self) -> BoxFuture<'_, Result<ChainHead, ReadError>>;

    /// A number that changes when *another* process has appended; cheap enough to ask ten times a second.
    fn version(&self) -> BoxFuture<'_, Result<u64, ReadError>>;

    /// Tries whether it can be written, without leaving an event behind, and looks how much room there is. It takes its turn behind what
    /// is being written: whoever asks sets a limit to how long they wait.
    fn condition(&self) -> BoxFuture<'_, Condition>;

    /// Takes the right to drive a stream; `Ok(None)` when a living process has it.
    ///
    /// # Errors
    /// When the lock itself cannot be made.
    fn own(&self, stream: &Stream) -> Result<Option<Box<dyn Ownership>>, ReadError>;
}
