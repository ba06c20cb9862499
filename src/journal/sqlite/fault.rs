//! What SQLite's errors mean to whoever runs the program: what happened, to what, what to do now.
//!
//! Lives here: the texts. Never lives here: deciding whether something was written.

use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::journal::{Hindrance, Place, ReadError};

/// How long a statement waits for another process's write lock.
pub(super) const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// Why a query gave nothing.
pub(super) enum Fault {
    /// SQLite said so.
    Sqlite(Error),
    /// SQLite read it, but the journal never writes such a thing.
    Damaged { place: Place, what: String },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// About a record that is no event; the sentence names it.
    pub(super) fn damaged(what: String) -> Self {
        Self::Damaged { place: Place::default(), what }
    }

    pub(super) fn into_read_error(self, path: &Path) -> ReadError {
        match self {
            Self::Sqlite(error) => ReadError::Failed(explain(path, &error)),
            Self::Damaged { place, what } => ReadError::Damaged { place, what },
        }
    }
}

/// What keeps the journal from being written, without naming it.
pub(super) fn hindrance(fault: &Fault) -> Hindrance {
    let error = match fault {
        Fault::Sqlite(error) => error,
        Fault::Damaged { .. } => return Hindrance::Damaged,
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Hindrance::NoRoom,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Hindrance::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Hindrance::Locked,
        Some(ErrorCode::SystemIoFailure) => Hindrance::Disk,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
            Hindrance::Damaged
        }
        _ => Hindrance::Other,
    }
}

/// Whether `error` says that there is no room, which SQLite only says before the last byte of a commit is written.
pub(super) fn is_full(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// A sentence about `error` at the journal `path`, and what to do.
pub(super) fn explain(path: &Path, error: &Error) -> String {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            format!("no room left for the journal {path}: free disk space (or raise the quota), then try again")
        }
        Some(ErrorCode::ReadOnly) => format!(
            "the journal {path} cannot be written: check that the file and its folder belong to this user, are \
             writable, and do not lie on a read-only file system"
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
            "another program has kept the journal {path} locked for {} seconds: end it (a backup, an open sqlite3 \
             shell), then try again",
            BUSY.as_secs()
        ),
        Some(ErrorCode::NotADatabase) => {
            format!("{path} is not a journal (it is no SQLite file): name another file, or move this one away")
        }
        Some(ErrorCode::CannotOpen) => format!(
            "the journal {path} cannot be opened: check that it exists, and that this user may read and write it and \
             its folder"
        ),
        Some(ErrorCode::DatabaseCorrupt) => format!(
            "the journal {path} is damaged ({error}): stop, keep a copy of it with its -wal file, and restore a backup"
        ),
        Some(ErrorCode::SystemIoFailure) => format!(
            "the disk under the journal {path} failed ({}): look at the system log before going on",
            io_operation(error)
        ),
        Some(ErrorCode::ConstraintViolation) => {
            format!("the records of the journal {path} contradict each other ({error}): run `rundown verify`")
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            format!("the operating system denied access to the journal {path}")
        }
        _ => format!("the journal {path} failed: {error}"),
    }
}

/// What the operating system could not do.
fn io_operation(error: &Error) -> &'static str {
    match error.sqlite_error().map(|error| error.extended_code) {
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => "it could not confirm what was written",
        Some(ffi::SQLITE_IOERR_WRITE) => "writing failed",
        Some(ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ) => "reading failed",
        Some(ffi::SQLITE_IOERR_SHMOPEN | ffi::SQLITE_IOERR_SHMMAP | ffi::SQLITE_IOERR_SHMSIZE) => {
            "the -shm file beside it could not be used"
        }
        _ => "input or output error",
    }
}
