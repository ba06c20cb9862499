//! Copies of the whole journal: taken while others write, put back in one piece.
//!
//! Lives here: making a copy as a file that stands for itself, and exchanging files so that a crash leaves the old one or
//! the new one. Never lives here: whether a copy is in order (`verify`), and when one may be put in a journal's place.
//!
//! A copy is written by `VACUUM INTO`, not by SQLite's page-wise backup: it holds live records only, so what was erased
//! cannot travel along in a free page; it is one read transaction, which in write-ahead-log mode stops no writer; and it
//! is never begun anew because somebody wrote meanwhile.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::SqliteJournal;
use super::fault::Fault;
use super::open::{self, Access, OpenError};
use crate::base::event::Instant;
use crate::journal::ReadError;

/// A file on its way to a place. Dropped before it is there, it goes.
pub struct Draft {
    path: PathBuf,
    to: PathBuf,
}

impl SqliteJournal {
    /// Writes a copy of the journal as it stands now, beside the place `to` where it shall go. Others go on writing.
    ///
    /// # Errors
    /// It cannot be written there, the journal cannot be read.
    pub async fn copy_for(&self, to: &Path) -> Result<Draft, ReadError> {
        let draft = Draft::beside(to).map_err(ReadError::Failed)?;
        let name = draft.name().map_err(ReadError::Failed)?;
        self.reader.ask(move |connection| vacuum(connection, &name)).await?;
        Ok(draft)
    }
}

/// Writes a copy of the journal in the file `from`, which is not changed, beside the place `to` where it shall go.
///
/// # Errors
/// It is not there, is not a journal of a known format, cannot be copied.
pub fn copy_file(from: &Path, to: &Path) -> Result<Draft, OpenError> {
    let connection = open::for_reading(from, Access::ReadOnly)?;
    let draft = Draft::beside(to).map_err(OpenError::Failed)?;
    let name = draft.name().map_err(OpenError::Failed)?;
    let copied = vacuum(&connection, &name);
    copied.map_err(|fault| OpenError::Failed(fault.into_read_error(from).to_string()))?;
    Ok(draft)
}

fn vacuum(connection: &Connection, into: &str) -> Result<(), Fault> {
    connection.execute("vacuum into ?1", [into])?;
    Ok(())
}

impl Draft {
    /// An empty file that only this user can read: SQLite would make it for everyone.
    fn beside(to: &Path) -> Result<Self, String> {
        let draft = Self { path: with_ending(to, &format!(".{}.part", std::process::id())), to: to.to_owned() };
        draft.forget();
        let made = open::make_new_file(&draft.path);
        made.map_err(|error| format!("{} cannot be written: {error}", draft.path.display()))?;
        Ok(draft)
    }

    /// Where it is until it is put in its place.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name as SQL takes it. Absolute, so that it cannot read as a URI.
    fn name(&self) -> Result<String, String> {
        let cannot = |why: &str| format!("{} cannot be written: {why}", self.path.display());
        let path = std::path::absolute(&self.path).map_err(|error| cannot(&error.to_string()))?;
        path.to_str().map(ToOwned::to_owned).ok_or_else(|| cannot("its name is not UTF-8"))
    }

    /// Puts it in its place, durably. What stands there is refused, or overwritten where `replace` says so; at every
    /// moment one whole file stands there.
    ///
    /// # Errors
    /// A sentence.
    pub fn settle(self, replace: bool) -> Result<(), String> {
        let cannot = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => format!("{} is there already", self.to.display()),
            _ => format!("{} cannot be written: {error}", self.to.display()),
        };
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(cannot)?;
        if replace {
            fs::rename(&self.path, &self.to).map_err(cannot)?;
        } else {
            // A rename would overwrite what somebody else put there a moment ago; a link does not.
            link(&self.path, &self.to).map_err(cannot)?;
        }
        sync_folder(&self.to).map_err(cannot)
    }

    fn forget(&self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            // What is not there need not go; what cannot go is named by the next who wants to write it.
            drop(fs::remove_file(with_ending(&self.path, ending)));
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Whether anything of a journal stands at `path`: the file, or a log that was left beside it.
#[must_use]
pub fn stands_at(path: &Path) -> bool {
    path.exists() || with_ending(path, "-wal").exists()
}

/// Keeps what stands at `path` under a name that says when, and gives the name of what there is of it. The file itself stays in its place as well,
/// so that there is one at every moment; its log is folded into it or, where it is too damaged for that, moved along.
///
/// # Errors
/// Another program has it open; the disk. Nothing was lost.
pub fn keep_aside(path: &Path, now: Instant) -> Result<PathBuf, String> {
    let cannot = |error: std::io::Error| format!("{} cannot be kept aside: {error}", path.display());
    fold_log(path)?;
    let aside = free_name(path, now);
    let whole = path.exists();
    if whole {
        link(path, &aside).map_err(cannot)?;
    }
    let log = with_ending(path, "-wal");
    if log.exists() {
        // A log beside another file would be read into that one.
        fs::rename(&log, with_ending(&aside, "-wal")).map_err(cannot)?;
    }
    // Only an index of the log, made again by whoever opens it; usually gone already.
    drop(fs::remove_file(with_ending(path, "-shm")));
    sync_folder(path).map_err(cannot)?;
    Ok(if whole { aside } else { with_ending(&aside, "-wal") })
}

/// Folds the log into the file, if SQLite can still read the two.
fn fold_log(path: &Path) -> Result<(), String> {
    if !path.exists() {
        return Ok(());
    }
    let Ok(connection) = open::connect_for_writing(path) else { return Ok(()) };
    let folded = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, i64>(0));
    drop(connection);
    // The last to close a journal takes its log away: where it stays though it was folded, somebody else has it open.
    if folded == Ok(1) || (folded.is_ok() && with_ending(path, "-wal").exists()) {
        return Err(format!("another program has {} open: end it, then try again", path.display()));
    }
    Ok(())
}

/// `journal.before-restore-20260302T081000Z.db`, with a number where that is taken.
fn free_name(path: &Path, now: Instant) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, ending) = (part(path.file_stem()), part(path.extension()));
    let ending = if ending.is_empty() { ending } else { format!(".{ending}") };
    let when = now.format("%Y%m%dT%H%M%SZ");
    let name = |number: u32| {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        path.with_file_name(format!("{stem}.before-restore-{when}{number}{ending}"))
    };
    (1..).map(name).find(|name| !stands_at(name)).unwrap_or_else(|| name(0))
}

/// A second name for a file, which must be free; where the file system has no such thing, a copy under it.
fn link(file: &Path, name: &Path) -> std::io::Result<()> {
    match fs::hard_link(file, name) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            open::make_new_file(name)?;
            fs::copy(file, name)?;
            File::open(name)?.sync_all()
        }
        linked => linked,
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}
