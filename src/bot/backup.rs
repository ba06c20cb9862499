//! Copies of the journal: taken while runs go on, checked, and put back.
//!
//! Lives here: in which order that is done, and what people must know of it. Never lives here: how a copy is made
//! (`journal::sqlite::copy`), what makes one good (`journal::verify`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::grammar::{Backup, Restore};
use super::records::{Anchor, Verified};
use super::{Bot, Fault};
use crate::base::event::{Actor, Instant, RunId, Stream};
use crate::engine::Engine;
use crate::journal::erase::{ERASED, Erasure};
use crate::journal::sqlite::{SqliteJournal, copy, exclusive};
use crate::journal::verify::verify;
use crate::journal::{ChainHead, Journal, Select};
use crate::samples::beside;

/// Rows read at a time.
const PAGE: usize = 500;

/// A copy that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Where it is.
    pub to: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What was found in it.
    pub verified: Verified,
    /// Where the samples of monitors were copied to, where there are any; or why they were not.
    pub samples: Option<Result<PathBuf, String>>,
}

/// A copy that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where the journal is.
    pub journal: PathBuf,
    /// What was found in it, before anything below.
    pub verified: Verified,
    /// When its last event was recorded.
    pub last_at: Option<Instant>,
    /// Runs that were under way when the copy was taken, with their titles.
    pub open: Vec<(RunId, String)>,
    /// Where the journal is kept that stood there before.
    pub aside: Option<PathBuf>,
    /// How the two compare.
    pub before: Before,
    /// Events whose bodies were erased after the copy was taken, and are erased again.
    pub erased_again: Vec<u64>,
}

/// How the journal that stood there before compares with the restored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// There was none, or it cannot be read: nobody can say what it held.
    Unknown,
    /// It held nothing that the restored one does not.
    Same,
    /// It went on to this position.
    WentOn(u64),
    /// It is not the one the copy was taken from.
    Another,
}

impl Bot {
    /// Copies the journal as it stands now to a file and checks the copy. Others go on writing meanwhile.
    ///
    /// # Errors
    /// There is no journal; the file is there already, cannot be written; the copy is not in order, and is not kept.
    pub async fn backup(&self, asked: &Backup) -> Result<BackedUp, Fault> {
        let to = PathBuf::from(&asked.to);
        let from = &self.journal_file;
        if !from.exists() {
            return Err(Fault::Failed(format!("there is no journal at {} yet", from.display())));
        }
        if to.is_dir() || to.file_name().is_none() {
            return Err(Fault::Usage(format!("{} is a folder; name a file in it", to.display())));
        }
        if is_same(from, &to) {
            return Err(Fault::Usage(format!("{} is the journal itself; name another file", to.display())));
        }
        if to.exists() && !asked.force {
            return Err(Fault::Usage(format!("{} is there already; --force overwrites it", to.display())));
        }
        let mut log = to.clone().into_os_string();
        log.push("-wal");
        if Path::new(&log).exists() {
            let log = Path::new(&log).display();
            return Err(Fault::Usage(format!("{log} belongs to a journal in use; name another file")));
        }
        let journal = SqliteJournal::open(from).map_err(failed)?;
        let draft = journal.copy_for(&to).await?;
        let copied = SqliteJournal::open_read_only(draft.path()).map_err(failed)?;
        let verified = verify(&copied, None).await.map_err(|error| {
            Fault::Failed(format!("the copy is not kept, because the journal is not as it was written: {error}"))
        })?;
        drop(copied);
        let size = std::fs::metadata(draft.path()).map_err(failed)?.len();
        draft.settle(asked.force).map_err(Fault::Failed)?;
        let (samples, copied) = (self.samples_file(), beside(&to));
        let samples = samples.exists().then(|| crate::samples::copy(&samples, &copied).map(|()| copied));
        Ok(BackedUp { to, size, verified, samples })
    }

    /// Checks a backup and puts it in the journal's place.
    ///
    /// # Errors
    /// The backup is not in order; the journal is in use, or there and not to be replaced; the disk. Nothing was changed then.
    pub async fn restore(&self, actor: &Actor, asked: &Restore) -> Result<Restored, Fault> {
        let (from, to) = (Path::new(&asked.from), self.journal_file.as_path());
        let anchor = super::records::anchor(asked.anchor.as_deref())?;
        if is_same(from, to) {
            return Err(Fault::Usage(format!("{} is the journal itself; name a backup", from.display())));
        }
        let backup = SqliteJournal::open_read_only(from).map_err(failed)?;
        let verified = verify(&backup, anchor.as_ref()).await.map_err(|error| {
            Fault::Failed(format!("{} is not restored: {error}. The journal was not touched", from.display()))
        })?;
        drop(backup);
        let Some(_alone) = exclusive(to).map_err(Fault::Failed)? else {
            let journal = to.display();
            return Err(Fault::Failed(format!(
                "{} is in order, but the journal {journal} is in use; end every rundown that works with it, then try again",
                from.display()
            )));
        };
        let stood = copy::stands_at(to);
        if stood && !asked.replace {
            let journal = to.display();
            return Err(Fault::Usage(format!(
                "{} is in order, but there is a journal at {journal}; --replace keeps that one aside under another name",
                from.display()
            )));
        }
        let draft = copy::copy_file(from, to).map_err(failed)?;
        let mut restored = Restored {
            journal: to.to_owned(),
            verified,
            last_at: None,
            open: Vec::new(),
            aside: None,
            before: Before::Unknown,
            erased_again: Vec::new(),
        };
        self.prepare(actor, &draft, stood.then_some(to), &mut restored).await?;
        if stood {
            restored.aside = Some(copy::keep_aside(to, self.clock.now()).map_err(Fault::Failed)?);
        }
        draft.settle(stood).map_err(Fault::Failed)?;
        // Samples that are here are newer than any copy of them.
        let (samples, here) = (beside(from), self.samples_file());
        if samples.exists() && !here.exists() {
            crate::samples::copy(&samples, &here).map_err(Fault::Failed)?;
        }
        Ok(restored)
    }

    /// Makes the copy a journal, erases in it what was erased since, and reads what people must know.
    async fn prepare(
        &self,
        actor: &Actor,
        draft: &copy::Draft,
        old: Option<&Path>,
        restored: &mut Restored,
    ) -> Result<(), Fault> {
        let copied = std::sync::Arc::new(SqliteJournal::open_draft(draft).map_err(failed)?);
        // What was read a moment ago may not be what was copied.
        restored.verified = verify(copied.as_ref(), Some(&restored.verified.head.into())).await.map_err(failed)?;
        let head = restored.verified.head;
        let last = copied.read(Select::All, head.pos.saturating_sub(1), 1).await?;
        restored.last_at = last.last().map(|row| row.at);
        if let Some(old) = old.and_then(|path| SqliteJournal::open_read_only(path).ok()) {
            restored.before = compare(&old, head).await;
            if let Before::WentOn(_) = restored.before {
                for (pos, why) in erased_since(&old, head.pos).await {
                    let why = format!("erased before a backup was restored: {why}");
                    let why = &why[..why.floor_char_boundary(crate::journal::erase::WHY_LIMIT)];
                    super::records::erase(copied.as_ref(), actor, pos, why, self.clock.now()).await?;
                    restored.erased_again.push(pos);
                }
            }
        }
        let engine = Engine::new(copied.clone(), self.clock.clone());
        for run in engine.runs(true).await? {
            // A run whose plan was erased is listed all the same.
            let title =
                engine.run_state(&run.id).await.map_or_else(|_| String::new(), |state| state.plan.title.clone());
            restored.open.push((run.id, title));
        }
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> Fault {
    Fault::Failed(error.to_string())
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::canonicalize(one), std::fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Holds the journal that stood there against where the restored one ends. One that cannot be read says nothing.
async fn compare(old: &SqliteJournal, head: ChainHead) -> Before {
    let Ok(end) = old.head().await else { return Before::Unknown };
    if end == head {
        return Before::Same;
    }
    let anchor = Anchor::from(head);
    match old.read(Select::All, head.pos.saturating_sub(1), 1).await {
        Ok(rows) if head.pos == 0 || rows.first().is_some_and(|row| row.pos == head.pos && anchor.fits(&row.hash)) => {
            if end.pos > head.pos {
                Before::WentOn(end.pos)
            } else {
                Before::Unknown
            }
        }
        Ok(_) => Before::Another,
        Err(_) => Before::Unknown,
    }
}

/// Events up to `pos` that were erased behind it, with the reasons; as far as the old journal can be read.
async fn erased_since(old: &SqliteJournal, pos: u64) -> Vec<(u64, String)> {
    let (mut after, mut found, mut seen) = (pos, Vec::new(), BTreeSet::new());
    loop {
        let Ok(rows) = old.read(Select::Stream(Stream::journal()), after, PAGE).await else { return found };
        let Some(last) = rows.last() else { return found };
        after = last.pos;
        for body in rows.iter().filter(|row| row.kind == ERASED).filter_map(|row| row.body.as_ref()) {
            let Ok(erasure) = serde_json::from_slice::<Erasure>(&body.bytes) else { continue };
            if erasure.pos <= pos && seen.insert(erasure.pos) {
                found.push((erasure.pos, erasure.why));
            }
        }
    }
}
