//! Whether a journal can be written, tried without leaving anything behind.
//!
//! Lives here: a write that is rolled back, a scratch file beside the journal, the room on its disk. Never lives here: what
//! is recorded.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rusqlite::TransactionBehavior;

use super::open::{OpenError, connect_for_writing, format_of, make_new_file};
use super::{fault, lock};

/// What is written beside the journal to see whether there is room: as much as a large commit.
const SCRATCH: usize = 256 * 1024;

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The journal can be written.
    Writable,
    /// There is none yet, and it can be made.
    Makeable,
}

/// Writes to the journal at `path` and takes it back. Where there is none, none is made. Blocks, up to 5 seconds while another
/// process holds it locked.
///
/// # Errors
/// Why no event could be recorded, and what to do.
pub fn try_write(path: &Path) -> Result<Tried, OpenError> {
    if !path.exists() {
        scratch(path)?;
        return Ok(Tried::Makeable);
    }
    let failed = |error: rusqlite::Error| OpenError::Failed(fault::explain(path, &error));
    let mut connection = connect_for_writing(path).map_err(failed)?;
    if format_of(path, &connection)?.is_none() {
        scratch(path)?;
        return Ok(Tried::Makeable);
    }
    let _in_use = lock::in_use(path).map_err(OpenError::Failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // A real write, of what is there already; nothing of it reaches the file.
    transaction.execute("update chain set pos = pos", []).map_err(failed)?;
    transaction.rollback().map_err(failed)?;
    scratch(path)?;
    Ok(Tried::Writable)
}

/// What the journal at `path` takes, with the log beside it, in bytes; `None` where there is none.
#[must_use]
pub fn size(path: &Path) -> Option<u64> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = fs::metadata(PathBuf::from(log)).map_or(0, |meta| meta.len());
    Some(fs::metadata(path).ok()?.len() + log)
}

/// The bytes that this user may still write to the journal's disk; `None` where the system does not tell.
#[must_use]
pub fn free_space(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(existing_folder(path)).ok()?;
        disk.f_bavail.checked_mul(disk.f_frsize)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The journal's folder, or the nearest thing above that is there: a folder, where the journal's can be made.
fn existing_folder(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.ancestors().skip(1).find(|folder| folder.exists());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Writes a file to the folder of the journal at `path`, flushes it and removes it.
fn scratch(path: &Path) -> Result<(), OpenError> {
    let folder = existing_folder(path);
    let file = folder.join(format!(".rundown-doctor-{}", std::process::id()));
    let written = make_new_file(&file).and_then(|()| {
        let mut open = fs::OpenOptions::new().write(true).open(&file)?;
        open.write_all(&vec![0x5a; SCRATCH])?;
        open.sync_all()
    });
    let removed = if file.exists() { fs::remove_file(&file) } else { Ok(()) };
    written.and(removed).map_err(|error| {
        let (journal, folder) = (path.display(), folder.display());
        OpenError::Failed(match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                format!("no room left for the journal {journal}: free disk space (or raise the quota), then try again")
            }
            _ => format!("nothing can be written beside the journal {journal}: {folder}: {error}"),
        })
    })
}
