//! Who drives a stream: a locked file per stream, in the folder `locks` beside the journal; and who has the journal open at
//! all, so that no other file is put in its place meanwhile.
//!
//! Lives here: [`take`], [`in_use`], [`exclusive`]. Never lives here: appending, which needs no ownership. The operating system lets go of a dead
//! process's locks. The files stay: removing one while another process opens it would let two hold "the" lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::event::Stream;
use crate::journal::{Ownership, ReadError};

struct Held {
    /// Closing it lets go.
    _file: File,
}

impl Ownership for Held {}

/// Takes the lock of `stream` in the journal at `path`; `None` when it is held.
pub(super) fn take(path: &Path, stream: &Stream) -> Result<Option<Box<dyn Ownership>>, ReadError> {
    let file = lock_file(path, stream.as_str());
    let failed = |error: std::io::Error| {
        ReadError::Failed(format!(
            "the lock {} cannot be made ({error}): check that this user may write its folder",
            file.display()
        ))
    };
    let opened = open(&file).map_err(failed)?;
    match opened.try_lock() {
        Ok(()) => Ok(Some(Box::new(Held { _file: opened }))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Held by every process that has the journal open for writing.
pub(super) struct InUse {
    _file: File,
}

/// Held while another file is put in the journal's place.
pub struct Exclusive {
    _file: File,
}

/// The file that both of these lock.
const IN_USE: &str = "in use";

/// Says that this process works with the journal at `path`.
pub(super) fn in_use(path: &Path) -> Result<InUse, String> {
    let file = in_use_file(path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(InUse { _file: file }),
        Err(TryLockError::WouldBlock) => {
            Err(format!("the journal {} is being restored right now: try again when that is done", path.display()))
        }
        Err(TryLockError::Error(error)) => Err(no_lock(path, &error)),
    }
}

/// Keeps every other process from opening the journal at `path` for writing; `None` where one has it open.
///
/// # Errors
/// The lock itself cannot be made.
pub fn exclusive(path: &Path) -> Result<Option<Exclusive>, String> {
    let file = in_use_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Exclusive { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(no_lock(path, &error)),
    }
}

fn in_use_file(path: &Path) -> Result<File, String> {
    open(&lock_file(path, IN_USE)).map_err(|error| no_lock(path, &error))
}

fn no_lock(path: &Path, error: &std::io::Error) -> String {
    format!("the journal {} cannot be locked ({error}): check that this user may write its folder", path.display())
}

/// Waits until no other process is making or migrating the journal at `path`, and keeps others waiting until dropped.
pub(super) fn while_making(path: &Path) -> std::io::Result<File> {
    let file = open(&lock_file(path, "making"))?;
    file.lock()?;
    Ok(file)
}

fn open(file: &Path) -> std::io::Result<File> {
    if let Some(folder) = file.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// A readable name that no stream can use to leave the folder, made unique by a hash.
fn lock_file(path: &Path, what: &str) -> PathBuf {
    // Every name of the same file must give the same lock; a file that is not made yet has a folder only.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let journal = path.file_name().unwrap_or_default();
    let digest = Sha256::new().chain_update(what).finalize();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let readable: String = what.chars().map(plain).take(60).collect();
    let hash: String = hex::encode(digest).chars().take(16).collect();
    let mut name = journal.to_owned();
    name.push(format!(".{readable}.{hash}.lock"));
    path.with_file_name("locks").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stream_name_leaves_the_folder_or_meets_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("journal.db");
        fs::write(&path, "").unwrap();
        let names =
            ["run:run-1", "run/run-1", "../../etc/passwd", "target:prod/redis", "", "\0", "é", &"x".repeat(300)];
        let mut files: Vec<PathBuf> = names.iter().map(|name| lock_file(&path, name)).collect();
        for file in &files {
            assert_eq!(file.parent(), Some(path.with_file_name("locks").as_path()));
            assert!(file.file_name().unwrap().len() < 200, "{file:?}");
        }
        files.sort();
        files.dedup();
        assert_eq!(files.len(), names.len());
    }
}
