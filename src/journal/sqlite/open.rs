//! Opening the file: making it private, recognising it, bringing it to the current format.
//!
//! Lives here: connections and their settings, migrations, [`OpenError`]. Never lives here: events.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi};

use super::fault::{BUSY, explain};
use super::lock;

/// Marks a SQLite file as a journal of this program ("RUND").
const APPLICATION: i32 = 0x5255_4e44;

/// `PRAGMA user_version` counts how many of these a file has seen.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/0001-journal.sql")];

/// The write-ahead log is folded into the file when it has grown to this many pages of 4 KiB.
const CHECKPOINT_PAGES: u32 = 4000;

/// Why a journal could not be opened. Every text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A SQLite file of another program.
    #[error("{} is a SQLite file of another program, not a journal: name another file", .0.display())]
    Foreign(PathBuf),
    /// Written by a newer version of this program.
    #[error(
        "{} was written by a newer rundown (format {found}, this one knows up to {known}): install that version or a \
         later one; nothing was changed",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// Opened for reading only, but never brought to the current format.
    #[error("{} has the older format {found}: open it once for writing (on a copy), then verify that", .path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
    /// Opened for reading only, beside a log that cannot be read there.
    #[error(
        "{} has unfinished writes in the -wal file beside it, which cannot be read in a read-only folder: copy both \
         files to a writable one",
        .0.display()
    )]
    UnreadLog(PathBuf),
    /// The disk, permissions, a lock.
    #[error("{0}")]
    Failed(String),
}

/// How a reading connection comes to the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Beside this process's writer.
    Beside,
    /// Without leave to change anything.
    ReadOnly,
}

/// A connection that may append, on a file of the current format.
pub(super) fn for_writing(path: &Path) -> Result<Connection, OpenError> {
    if path.exists() {
        let connection = connect_for_writing(path).map_err(failed(path))?;
        if format_of(path, &connection)? == Some(known()) {
            return Ok(connection);
        }
    }
    // One process at a time: SQLite refuses two that turn the log on together, without waiting.
    let refuse = |what: &str, error: std::io::Error| {
        OpenError::Failed(format!("the journal {} cannot be made: {what}: {error}", path.display()))
    };
    make_folder(path).map_err(|error| refuse("its folder", error))?;
    let _making = lock::while_making(path).map_err(|error| refuse("its lock", error))?;
    make_file(path).map_err(|error| refuse("the file", error))?;
    let mut connection = connect_for_writing(path).map_err(failed(path))?;
    migrate(path, &mut connection)?;
    Ok(connection)
}

/// A connection that may append, on a file known to be a journal.
pub(super) fn connect_for_writing(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | COMMON)?;
    connection.busy_timeout(BUSY)?;
    // Asked before anything is changed: a file that is no journal must stay as it is.
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    // Where it may not write, SQLite opens for reading without a word.
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None));
    }
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // An erased body must not live on in free pages.
    connection.pragma_update(None, "secure_delete", "ON")?;
    Ok(connection)
}

/// Turns the write-ahead log on in a finished copy, which has none.
pub(super) fn turn_log_on(path: &Path) -> Result<(), OpenError> {
    let connection = connect_for_writing(path).map_err(failed(path))?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed(path))
}

/// A connection that only reads.
pub(super) fn for_reading(path: &Path, access: Access) -> Result<Connection, OpenError> {
    match access {
        Access::Beside => connect_for_reading(path, "mode=ro").map_err(failed(path)),
        Access::ReadOnly => {
            let connection = connect_read_only(path)?;
            match format_of(path, &connection)? {
                Some(found) if found == known() => Ok(connection),
                Some(found) => Err(OpenError::Older { path: path.to_owned(), found }),
                None => Err(OpenError::Foreign(path.to_owned())),
            }
        }
    }
}

const COMMON: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_URI);

fn known() -> i64 {
    MIGRATIONS.len() as i64
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError + '_ {
    |error| OpenError::Failed(explain(path, &error))
}

fn connect_for_reading(path: &Path, how: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | COMMON;
    let connection = Connection::open_with_flags(uri(path, how), flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // The first read opens the log and its index; whether that works is what the caller wants to know.
    connection.query_row("select count(*) from sqlite_master", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// A copy without a log, or with an empty one in a folder that cannot be written, is read as the finished file it is.
fn connect_read_only(path: &Path) -> Result<Connection, OpenError> {
    if !path.is_file() {
        return Err(OpenError::Failed(format!("there is no journal at {}", path.display())));
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log_size = fs::metadata(PathBuf::from(log)).map(|meta| meta.len()).ok();
    if log_size.is_none() {
        return connect_for_reading(path, "immutable=1").map_err(failed(path));
    }
    match connect_for_reading(path, "mode=ro") {
        Err(_) if log_size == Some(0) => connect_for_reading(path, "immutable=1").map_err(failed(path)),
        Err(error) if is_access(&error) => Err(OpenError::UnreadLog(path.to_owned())),
        other => other.map_err(failed(path)),
    }
}

fn is_access(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly, SystemIoFailure};
    matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly | SystemIoFailure))
}

/// `file:` with every byte escaped that could mean something in a URI.
fn uri(path: &Path, how: &str) -> String {
    use std::fmt::Write as _;

    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = String::from("file:");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri + "?" + how
}

/// Makes a missing folder that only this user can enter.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a missing file that only this user can read, before SQLite would make it for everyone. One that is there is
/// not opened: closing it would let go of SQLite's locks in this process.
fn make_file(path: &Path) -> std::io::Result<()> {
    match make_new_file(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes an empty file that only this user can read; one that is there is an error.
pub(super) fn make_new_file(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The format of a journal; `None` for an empty file.
pub(super) fn format_of(path: &Path, connection: &Connection) -> Result<Option<i64>, OpenError> {
    // One statement sees one state of the file, though another process may be migrating it.
    let sql = "select (select count(*) from sqlite_master), (select application_id from pragma_application_id), \
               (select user_version from pragma_user_version)";
    let seen = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (tables, application, found): (i64, i64, i64) = seen.map_err(failed(path))?;
    if tables == 0 && found == 0 && application == 0 {
        return Ok(None);
    }
    if application != i64::from(APPLICATION) || found < 1 {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if found > known() {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: known() });
    }
    Ok(Some(found))
}

/// Writes the number of the format that the file has anyway, in the open transaction.
pub(super) fn write_format_again(connection: &Connection) -> rusqlite::Result<()> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", found)
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let seen = format_of(path, connection)?.unwrap_or(0);
    if seen == known() {
        return Ok(());
    }
    // Outside the transaction, as SQLite demands.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed(path))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(path))?;
    let missing = MIGRATIONS.iter().skip(usize::try_from(seen).unwrap_or_default());
    let apply = || -> rusqlite::Result<()> {
        for migration in missing {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", known())
    };
    apply().and_then(|()| transaction.commit()).map_err(failed(path))
}
