//! The journal in memory: for rehearsals and tests. The same seed and the same appends give the same bytes.
//!
//! Lives here: [`MemoryJournal`]. Never lives here: threads, disks, an executor: every future is ready at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, ready};
use sha2::{Digest, Sha256};

use super::batch::{Draft, recorded_at};
use super::erase::ERASED;
use super::{
    AppendError, Appended, Batch, Blob, ChainHead, Condition, Journal, Ownership, ReadError, Row, Select, StreamInfo,
    chain,
};
use crate::base::event::{Instant, Stream};

/// A journal that ends with the process.
pub struct MemoryJournal {
    state: Mutex<State>,
    owned: Arc<Mutex<BTreeSet<Stream>>>,
}

struct State {
    seed: u64,
    salts: u64,
    rows: Vec<Row>,
    streams: BTreeMap<Stream, StreamInfo>,
    blobs: BTreeMap<String, Blob>,
}

impl MemoryJournal {
    /// An empty journal whose salts follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State { seed, salts: 0, rows: Vec::new(), streams: BTreeMap::new(), blobs: BTreeMap::new() };
        Self { state: Mutex::new(state), owned: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn salt(&mut self) -> [u8; 32] {
        self.salts += 1;
        let hasher = Sha256::new().chain_update(b"rundown salt");
        hasher.chain_update(self.seed.to_be_bytes()).chain_update(self.salts.to_be_bytes()).finalize().into()
    }

    fn head(&self) -> ChainHead {
        self.rows.last().map_or(ChainHead { pos: 0, hash: [0; 32] }, |row| ChainHead { pos: row.pos, hash: row.hash })
    }

    fn row_mut(&mut self, pos: u64) -> Option<&mut Row> {
        let index = usize::try_from(pos).ok()?.checked_sub(1)?;
        self.rows.get_mut(index)
    }

    fn append(&mut self, batch: Batch, at: Instant) -> Result<Appended, AppendError> {
        let draft = Draft::new(batch, || self.salt()).map_err(AppendError::Refused)?;
        for item in &draft.items {
            let actual = self.streams.get(&item.stream).map_or(0, |info| info.seq);
            if actual != item.expected {
                return Err(AppendError::Conflict { stream: item.stream.clone(), expected: item.expected, actual });
            }
        }
        for pos in &draft.erase {
            match self.row_mut(*pos) {
                None => return Err(AppendError::Refused(format!("there is no event #{pos} to erase"))),
                Some(row) if row.kind == ERASED => {
                    return Err(AppendError::Refused(format!("#{pos} records an erasure and stays")));
                }
                Some(_) => {}
            }
        }
        let at = recorded_at(at, self.rows.last().map(|row| row.at));
        let first = self.rows.len();
        for item in &draft.items {
            let mut seq = item.expected;
            for event in &item.events {
                seq += 1;
                let row = event.row(item, seq, at, &self.head());
                self.rows.push(row);
            }
            if seq > 0 || item.open.is_some() {
                let info = self.streams.entry(item.stream.clone()).or_insert_with(|| StreamInfo {
                    stream: item.stream.clone(),
                    seq: 0,
                    open: false,
                });
                info.seq = seq;
                info.open = item.open.unwrap_or(info.open);
            }
        }
        let rows = self.rows.get(first..).unwrap_or_default().to_vec();
        self.blobs.extend(draft.blobs.into_iter().map(|blob| (blob.id.clone(), blob)));
        for pos in draft.erase {
            if let Some(row) = self.row_mut(pos) {
                row.body = None;
            }
        }
        for id in draft.erase_blobs {
            self.blobs.remove(&id);
        }
        Ok(Appended { rows })
    }
}

impl Journal for MemoryJournal {
    fn append(&self, batch: Batch, at: Instant) -> BoxFuture<'_, Result<Appended, AppendError>> {
        Box::pin(async move { self.state().append(batch, at) })
    }

    fn read(&self, select: Select, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Row>, ReadError>> {
        let state = self.state();
        let skip = usize::try_from(after).unwrap_or(usize::MAX).min(state.rows.len());
        let rows = state.rows.iter().skip(skip);
        let rows = rows.filter(|row| match &select {
            Select::All => true,
            Select::Stream(stream) => row.stream == *stream,
            Select::Incident(incident) => row.incident.as_ref() == Some(incident),
        });
        Box::pin(ready(Ok(rows.take(limit).cloned().collect())))
    }

    fn stored_blob(&self, id: &str) -> BoxFuture<'_, Result<Option<Blob>, ReadError>> {
        Box::pin(ready(Ok(self.state().blobs.get(id).cloned())))
    }

    fn blob_ids(&self, after: &str, limit: usize) -> BoxFuture<'_, Result<Vec<String>, ReadError>> {
        let state = self.state();
        let ids = state.blobs.keys().filter(|id| id.as_str() > after).take(limit).cloned().collect();
        Box::pin(ready(Ok(ids)))
    }

    fn new_blob(&self, bytes: Vec<u8>) -> Blob {
        let salt = self.state().salt();
        Blob { id: chain::blob_id(&salt, &bytes), salt, bytes }
    }

    fn streams(&self, prefix: &str, open_only: bool) -> BoxFuture<'_, Result<Vec<StreamInfo>, ReadError>> {
        let state = self.state();
        let streams = state.streams.values().filter(|info| info.stream.as_str().starts_with(prefix));
        let streams = streams.filter(|info| info.open || !open_only).cloned().collect();
        Box::pin(ready(Ok(streams)))
    }

    fn head(&self) -> BoxFuture<'_, Result<ChainHead, ReadError>> {
        Box::pin(ready(Ok(self.state().head())))
    }

    /// No other process can reach this memory.
    fn version(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(ready(Ok(0)))
    }

    /// Memory can always be written.
    fn condition(&self) -> BoxFuture<'_, Condition> {
        Box::pin(ready(Condition::default()))
    }

    fn own(&self, stream: &Stream) -> Result<Option<Box<dyn Ownership>>, ReadError> {
        let fresh = self.owned.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone());
        Ok(fresh.then(|| Box::new(Held { stream: stream.clone(), owned: self.owned.clone() }) as Box<dyn Ownership>))
    }
}

struct Held {
    stream: Stream,
    owned: Arc<Mutex<BTreeSet<Stream>>>,
}

impl Ownership for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.stream);
    }
}
