//! Verification: walks the chain from the first event and names the first thing that is not as it was written.
//!
//! Lives here: [`verify`], [`Fault`] and its sentences. Never lives here: repair. A journal that fails is evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::chain::{self, Anchor};
use super::erase::{ERASED, Erasure};
use super::{ChainHead, Journal, Place, ReadError, Row, Select};
use crate::base::event::Stream;

/// Rows per page; a body may have 8 MiB, but nearly all have under 64 KiB.
const PAGE: usize = 100;

/// What was found in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Where the chain stands: the anchor to note for next time.
    pub head: ChainHead,
    /// How many of the events had their bodies erased.
    pub erased: u64,
    /// How many blobs are stored.
    pub blobs: u64,
    /// How many streams there are.
    pub streams: u64,
}

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It, its body or a blob of it is not what was written.
    Changed,
    /// It, its body or a blob of it is gone, and nobody erased it.
    Missing,
    /// It stands at another's place.
    Reordered,
    /// The journal ends before it.
    Truncated,
    /// The chain holds, but is not the one the anchor was taken from.
    Rewritten,
    /// It was erased, and is there again.
    Restored,
    /// Something that no event accounts for.
    Stray,
}

/// The first thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Which event, as far as that can be told.
    pub place: Place,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.what)
    }
}

/// Why a journal is not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is not as it was written.
    #[error("{0}")]
    Fault(Box<Fault>),
    /// It could not be read to the end, so nothing is known.
    #[error("the journal could not be verified: {0}")]
    Unread(String),
}

impl From<ReadError> for VerifyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Failed(text) => Self::Unread(text),
            ReadError::Damaged { place, what } => Fault { kind: FaultKind::Changed, place, what }.into(),
        }
    }
}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// Reads the whole journal and names the first changed, missing, reordered or truncated event.
///
/// Without an anchor a cut end shows only against the journal's own record of where it stands; with one it always shows.
/// Other processes may append meanwhile.
///
/// # Errors
/// [`VerifyError::Fault`] for the first thing that is wrong, [`VerifyError::Unread`] when reading failed.
pub async fn verify(journal: &dyn Journal, anchor: Option<&Anchor>) -> Result<Verified, VerifyError> {
    let erasures = Erasures::read(journal).await?;
    let mut walk = Walk {
        journal,
        anchor,
        erasures,
        last: ChainHead { pos: 0, hash: [0; 32] },
        counts: BTreeMap::new(),
        blobs: BTreeSet::new(),
        erased: 0,
        unexplained: None,
    };
    let result = walk.run().await;
    match (result, walk.unexplained) {
        (Err(VerifyError::Fault(mut fault)), Some(gone)) => {
            fault.what = format!("{}. Perhaps because of that: {gone}", fault.what);
            Err(VerifyError::Fault(fault))
        }
        (result, _) => result,
    }
}

/// What `journal.erased` events say, read first: an erasure stands behind what it erases.
#[derive(Default)]
struct Erasures {
    /// Erased position → position of the event that says so.
    bodies: BTreeMap<u64, u64>,
    blobs: BTreeSet<String>,
}

impl Erasures {
    async fn read(journal: &dyn Journal) -> Result<Self, VerifyError> {
        let mut found = Self::default();
        let mut after = 0;
        loop {
            let rows = match journal.read(Select::Stream(Stream::journal()), after, PAGE).await {
                Ok(rows) => rows,
                // The walk will come to it and name what is wrong before it, too.
                Err(ReadError::Damaged { .. }) => return Ok(found),
                Err(error) => return Err(error.into()),
            };
            let Some(last) = rows.last() else { return Ok(found) };
            after = last.pos;
            rows.iter().filter(|row| row.kind == ERASED).for_each(|row| found.note(row));
        }
    }

    fn note(&mut self, row: &Row) {
        let body = row.body.as_ref().filter(|body| chain::commitment(&body.salt, &body.bytes) == row.commitment);
        let said = body.and_then(|body| serde_json::from_slice::<Erasure>(&body.bytes).ok());
        // One that no longer says anything is named when the walk comes to it.
        if let Some(said) = said.filter(|said| said.pos < row.pos) {
            self.bodies.entry(said.pos).or_insert(row.pos);
            self.blobs.extend(said.blobs);
        }
    }
}

struct Walk<'a> {
    journal: &'a dyn Journal,
    anchor: Option<&'a Anchor>,
    erasures: Erasures,
    last: ChainHead,
    counts: BTreeMap<Stream, u64>,
    /// Every blob that an event was stored with.
    blobs: BTreeSet<String>,
    erased: u64,
    /// The first content that is gone though no event says so. It is named only when nothing else is wrong: the event
    /// that did say so may be the one that was changed or removed.
    unexplained: Option<Fault>,
}

impl Walk<'_> {
    async fn run(&mut self) -> Result<Verified, VerifyError> {
        self.check_anchor()?;
        let head = self.reach_the_end().await?;
        if let Some(anchor) = self.anchor.filter(|anchor| anchor.pos() > head.pos) {
            return Err(self.truncated(anchor.pos(), "the anchor").await);
        }
        if let Some(gone) = self.unexplained.take() {
            return Err(gone.into());
        }
        let streams = self.check_streams().await?;
        let blobs = self.check_blobs().await?;
        Ok(Verified { head: self.last, erased: self.erased, blobs, streams })
    }

    /// Walks until the chain's own record agrees that this is the end.
    async fn reach_the_end(&mut self) -> Result<ChainHead, VerifyError> {
        loop {
            while self.page().await? {}
            let head = self.journal.head().await?;
            if head.pos > self.last.pos {
                // Appended since the last page, or cut off: another look tells.
                if self.page().await? {
                    continue;
                }
                return Err(self.truncated(head.pos, "the record of where the chain stands").await);
            }
            if head != self.last {
                let what = format!(
                    "the record of where the chain stands says {}, but the events end at {}. One of the two was \
                     changed after it was written",
                    Anchor::from(head).short(),
                    Anchor::from(self.last).short()
                );
                let pos = Some(head.pos);
                return Err(Fault { kind: FaultKind::Changed, place: Place { pos, ..Place::default() }, what }.into());
            }
            return Ok(head);
        }
    }

    /// Checks the next rows; `false` when there are none.
    async fn page(&mut self) -> Result<bool, VerifyError> {
        let after = self.last.pos;
        let rows = match self.journal.read(Select::All, after, PAGE).await {
            Ok(rows) => rows,
            Err(ReadError::Damaged { place: place @ Place { pos: Some(pos), .. }, what }) => {
                // Something before it in the same page may be wrong as well, and comes first.
                let readable = usize::try_from(pos.saturating_sub(after + 1)).unwrap_or(PAGE).min(PAGE);
                for row in self.journal.read(Select::All, after, readable).await? {
                    self.check(&row, &[]).await?;
                }
                return Err(ReadError::Damaged { place, what }.into());
            }
            Err(error) => return Err(error.into()),
        };
        for (index, row) in rows.iter().enumerate() {
            self.check(row, rows.get(index + 1..).unwrap_or_default()).await?;
        }
        Ok(!rows.is_empty())
    }

    /// Checks one row against all before it. `behind` helps to tell what happened to one that does not fit.
    async fn check(&mut self, row: &Row, behind: &[Row]) -> Result<(), VerifyError> {
        let expected = self.last.pos + 1;
        if row.pos != expected {
            return Err(self.missing(expected, row).await);
        }
        let count = self.counts.get(&row.stream).copied().unwrap_or(0);
        if chain::link(&self.last.hash, row) != row.hash {
            return Err(self.broken_link(row, count, behind).into());
        }
        if row.seq != count + 1 {
            let what = format!("it should be no. {} of its stream. The events before it were rewritten", count + 1);
            return Err(fault(FaultKind::Rewritten, row, what).into());
        }
        match (row.body.is_some(), self.erasures.bodies.contains_key(&row.pos)) {
            // Another process may have erased it since the erasures were read ...
            (false, false) => {
                self.erasures = Erasures::read(self.journal).await?;
                self.check_body(row)?;
            }
            // ... or between the row and the erasures: then what is there now counts.
            (true, true) => {
                let now = self.journal.read(Select::All, row.pos - 1, 1).await?;
                let now = now.first().filter(|now| now.pos == row.pos);
                self.check_body(now.unwrap_or(row))?;
            }
            _ => self.check_body(row)?,
        }
        self.check_blobs_of(row).await?;
        self.last = ChainHead { pos: row.pos, hash: row.hash };
        self.counts.insert(row.stream.clone(), row.seq);
        self.check_anchor()
    }

    fn broken_link(&self, row: &Row, count: u64, behind: &[Row]) -> Fault {
        let belongs = |other: &&Row| {
            let here = Row { pos: row.pos, ..(*other).clone() };
            chain::link(&self.last.hash, &here) == here.hash
        };
        if let Some(other) = behind.iter().find(belongs) {
            let what = format!(
                "another event stands at its place, and it stands at #{}. The order was changed after it was written",
                other.pos
            );
            return fault(FaultKind::Reordered, &Row { pos: row.pos, ..other.clone() }, what);
        }
        if row.seq > count + 1 {
            let what = "it is missing, and what follows was moved up. It was removed after it was written";
            return fault(FaultKind::Missing, &Row { seq: count + 1, ..row.clone() }, what.to_owned());
        }
        fault(
            FaultKind::Changed,
            row,
            "its hash does not fit its content and the events before it. It was changed after it was written"
                .to_owned(),
        )
    }

    fn check_body(&mut self, row: &Row) -> Result<(), VerifyError> {
        match (&row.body, self.erasures.bodies.get(&row.pos)) {
            (Some(body), _) if chain::commitment(&body.salt, &body.bytes) != row.commitment => {
                let what = "its body is not the one it was recorded with. It was changed after it was written";
                Err(fault(FaultKind::Changed, row, what.to_owned()).into())
            }
            (Some(_), Some(eraser)) => {
                let what = format!("its body is there, though #{eraser} erased it. It was put back, or never went");
                Err(fault(FaultKind::Restored, row, what).into())
            }
            (None, Some(_)) => {
                self.erased += 1;
                Ok(())
            }
            (Some(_), None) => Ok(()),
            (None, None) if row.kind == ERASED && row.stream == Stream::journal() => {
                let what = "it records an erasure, but its body, which says of what, is missing. It was removed after it \
                            was written";
                Err(fault(FaultKind::Missing, row, what.to_owned()).into())
            }
            (None, None) => {
                let what =
                    "its body is missing, and no event says that it was erased. It was removed after it was written";
                self.unexplained.get_or_insert_with(|| fault(FaultKind::Missing, row, what.to_owned()));
                Ok(())
            }
        }
    }

    async fn check_blobs_of(&mut self, row: &Row) -> Result<(), VerifyError> {
        for id in &row.blobs {
            let stored = match self.journal.stored_blob(id).await {
                Err(ReadError::Damaged { what, .. }) => return Err(fault(FaultKind::Changed, row, what).into()),
                other => other?,
            };
            if stored.is_none() && !self.erasures.blobs.contains(id) {
                self.erasures = Erasures::read(self.journal).await?;
            }
            let erased = self.erasures.blobs.contains(id);
            match stored {
                Some(blob) if chain::blob_id(&blob.salt, &blob.bytes) != *id => {
                    let what =
                        format!("blob {id} is not the one it was recorded with. It was changed after it was written");
                    return Err(fault(FaultKind::Changed, row, what).into());
                }
                Some(_) if erased => {
                    let what = format!("blob {id} is there, though it was erased. It was put back, or never went");
                    return Err(fault(FaultKind::Restored, row, what).into());
                }
                None if !erased => {
                    let what = format!("blob {id} is missing, and no event says that it was erased");
                    self.unexplained.get_or_insert_with(|| fault(FaultKind::Missing, row, what));
                }
                _ => {
                    self.blobs.insert(id.clone());
                }
            }
        }
        Ok(())
    }

    /// Holds the anchor against the chain, once the walk is where it was taken.
    fn check_anchor(&self) -> Result<(), VerifyError> {
        match self.anchor {
            Some(anchor) if anchor.pos() == self.last.pos && !anchor.fits(&self.last.hash) => {
                let what = format!(
                    "the chain holds, but it is not the one that {anchor} was taken from: here it stands at {}. The \
                     journal was rewritten, or the anchor belongs to another one",
                    Anchor::from(self.last)
                );
                let pos = Some(self.last.pos);
                Err(Fault { kind: FaultKind::Rewritten, place: Place { pos, ..Place::default() }, what }.into())
            }
            _ => Ok(()),
        }
    }

    /// A gap before `next`. The stream it belonged to shows where that stream's count jumps.
    async fn missing(&self, pos: u64, next: &Row) -> VerifyError {
        let what = format!("it is missing: #{} follows. It was removed after it was written", next.pos);
        self.lost(FaultKind::Missing, pos, next.pos - 1, what).await
    }

    /// The journal ends, though `witness` says that it went on to `until`.
    async fn truncated(&self, until: u64, witness: &str) -> VerifyError {
        let what = format!(
            "the journal ends before it, but {witness} says that it went on to #{until}. Its end was cut off, or an \
             older copy was put in its place"
        );
        self.lost(FaultKind::Truncated, self.last.pos + 1, until, what).await
    }

    /// Tells, where it can, to which stream the event at `pos` belonged. Of several lost events (up to `until`), one
    /// per stream is known by its number, but not which was first: then no stream is named.
    async fn lost(&self, kind: FaultKind, pos: u64, until: u64, what: String) -> VerifyError {
        let owner = if pos == until { self.jumping_stream(pos).await } else { None };
        let (stream, seq) = owner.unzip();
        Fault { kind, place: Place { pos: Some(pos), stream, seq }, what }.into()
    }

    /// The stream that lacks an event behind `after`, by its later events or by its record.
    async fn jumping_stream(&self, mut after: u64) -> Option<(Stream, u64)> {
        let mut counts = self.counts.clone();
        loop {
            let rows = self.journal.read(Select::All, after, PAGE).await.ok()?;
            let Some(last) = rows.last() else { break };
            after = last.pos;
            for row in rows {
                let count = counts.entry(row.stream.clone()).or_insert(0);
                if row.seq != *count + 1 {
                    return Some((row.stream, *count + 1));
                }
                *count = row.seq;
            }
        }
        let streams = self.journal.streams("", false).await.ok()?;
        let count = |stream: &Stream| counts.get(stream).copied().unwrap_or(0);
        let short = streams.into_iter().find(|info| info.seq > count(&info.stream))?;
        let seq = count(&short.stream) + 1;
        Some((short.stream, seq))
    }

    /// Holds the streams' own records against what was counted; answers how many streams there are.
    async fn check_streams(&mut self) -> Result<u64, VerifyError> {
        let before = self.counts.clone();
        let infos = self.journal.streams("", false).await?;
        // Whatever was appended meanwhile lies between the two counts.
        self.reach_the_end().await?;
        let wrong = |stream: &Stream, recorded: u64| {
            let low = before.get(stream).copied().unwrap_or(0);
            let high = self.counts.get(stream).copied().unwrap_or(0);
            (!(low..=high).contains(&recorded)).then_some(high)
        };
        let known: BTreeMap<&Stream, u64> = infos.iter().map(|info| (&info.stream, info.seq)).collect();
        let mut all: BTreeSet<&Stream> = before.keys().collect();
        all.extend(known.keys());
        for stream in all {
            let recorded = known.get(stream).copied().unwrap_or(0);
            if let Some(counted) = wrong(stream, recorded) {
                let what = format!(
                    "its record says {recorded} events, the journal holds {counted}. The record was changed after it was \
                     written; the events are in order"
                );
                let stream = Some(stream.clone());
                return Err(
                    Fault { kind: FaultKind::Changed, place: Place { stream, ..Place::default() }, what }.into()
                );
            }
        }
        Ok(self.counts.len() as u64)
    }

    /// Looks for blobs that no event was stored with; answers how many there are.
    async fn check_blobs(&mut self) -> Result<u64, VerifyError> {
        let mut after = String::new();
        let mut stored = Vec::new();
        loop {
            let ids = self.journal.blob_ids(&after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            stored.extend(ids);
        }
        self.reach_the_end().await?;
        if let Some(id) = stored.iter().find(|id| !self.blobs.contains(*id)) {
            let what = format!("blob {id} is stored, but no event was stored with it. Something else wrote it");
            return Err(Fault { kind: FaultKind::Stray, place: Place::default(), what }.into());
        }
        Ok(stored.len() as u64)
    }
}

/// A fault of one event.
pub(super) fn fault(kind: FaultKind, row: &Row, what: String) -> Fault {
    let place = Place { pos: Some(row.pos), stream: Some(row.stream.clone()), seq: Some(row.seq) };
    Fault { kind, place, what }
}
