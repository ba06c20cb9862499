//! A journal that tells listeners in its own process when something was appended, and measures how long that took.
//!
//! Lives here: [`Heard`], a journal around a journal. [`Journal::version`] tells of *other* processes' appends; this tells of
//! our own, so that a server needs no polling for what it wrote itself. Never lives here: what was appended; whoever listens
//! reads it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::BoxFuture;

use super::{
    AppendError, Appended, Batch, Blob, ChainHead, Condition, Journal, Ownership, ReadError, Row, Select, StreamInfo,
};
use crate::base::clock::Clock;
use crate::base::event::{Instant, Stream};
use crate::base::metrics::{self, Spans};

/// A journal whose appends can be heard.
pub struct Heard {
    inner: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    took: Spans,
    listeners: Mutex<Vec<mpsc::Sender<()>>>,
}

impl Heard {
    /// Around `inner`; `clock` tells how long appends take.
    #[must_use]
    pub fn new(inner: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, took: metrics::JOURNAL_APPEND.spans(), listeners: Mutex::default() }
    }

    /// From now on every append of this process puts a token here. Tokens that were not taken yet stand for all that came
    /// since: there is never more than a handful.
    #[must_use]
    pub fn listen(&self) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel(1);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    fn measure(&self, appended: &Result<Appended, AppendError>, took: Duration) {
        let failed = |reason: &'static str| metrics::JOURNAL_FAILURES.add(&[("reason", reason.into())], 1);
        match appended {
            Ok(_) => self.took.took(took),
            // Somebody else was first; it is decided anew.
            Err(AppendError::Conflict { .. }) => {}
            Err(AppendError::Refused(_)) => failed("refused"),
            Err(AppendError::Uncertain(_)) => failed("uncertain"),
        }
    }

    fn tell(&self) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain_mut(|listener| match listener.try_send(()) {
            Ok(()) => true,
            // Full: it has a token that it did not take yet.
            Err(error) => !error.is_disconnected(),
        });
    }
}

impl Journal for Heard {
    fn append(&self, batch: Batch, at: Instant) -> BoxFuture<'_, Result<Appended, AppendError>> {
        Box::pin(async move {
            let began = self.clock.monotonic();
            let appended = self.inner.append(batch, at).await;
            self.measure(&appended, self.clock.monotonic().saturating_sub(began));
            // What could not be confirmed may be there all the same.
            if !matches!(appended, Err(AppendError::Conflict { .. } | AppendError::Refused(_))) {
                self.tell();
            }
            appended
        })
    }

    fn read(&self, select: Select, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Row>, ReadError>> {
        self.inner.read(select, after, limit)
    }

    fn stored_blob(&self, id: &str) -> BoxFuture<'_, Result<Option<Blob>, ReadError>> {
        self.inner.stored_blob(id)
    }

    fn blob_ids(&self, after: &str, limit: usize) -> BoxFuture<'_, Result<Vec<String>, ReadError>> {
        self.inner.blob_ids(after, limit)
    }

    fn new_blob(&self, bytes: Vec<u8>) -> Blob {
        self.inner.new_blob(bytes)
    }

    fn streams(&self, prefix: &str, open_only: bool) -> BoxFuture<'_, Result<Vec<StreamInfo>, ReadError>> {
        self.inner.streams(prefix, open_only)
    }

    fn head(&self) -> BoxFuture<'_, Result<ChainHead, ReadError>> {
        self.inner.head()
    }

    fn version(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        self.inner.version()
    }

    fn condition(&self) -> BoxFuture<'_, Condition> {
        self.inner.condition()
    }

    fn own(&self, stream: &Stream) -> Result<Option<Box<dyn Ownership>>, ReadError> {
        self.inner.own(stream)
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::base::clock::VirtualClock;
    use crate::base::event::IncidentId;
    use crate::journal::memory::MemoryJournal;
    use crate::journal::{Item, NewEvent};

    fn batch(expected: u64) -> Batch {
        let event = NewEvent { kind: "noted".into(), version: 1, head: b"{}".to_vec(), body: b"{}".to_vec() };
        let stream = Stream::incident(&IncidentId::number(1));
        Batch {
            items: vec![Item { stream, expected, incident: None, events: vec![event], open: None }],
            ..Batch::default()
        }
    }

    #[test]
    fn an_append_is_heard_and_a_refused_one_is_not() {
        let now = "2026-02-02T11:00:00Z".parse().unwrap();
        let journal = Heard::new(Arc::new(MemoryJournal::new(1)), Arc::new(VirtualClock::starting_at(now)));
        let mut heard = journal.listen();
        assert!(block_on(journal.append(batch(7), now)).is_err());
        assert!(heard.try_recv().is_err(), "a conflict wrote nothing");
        block_on(journal.append(batch(0), now)).unwrap();
        assert!(heard.try_recv().is_ok());
        drop(heard);
        block_on(journal.append(batch(1), now)).unwrap();
    }
}
