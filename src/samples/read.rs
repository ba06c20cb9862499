//! Reading samples, in whatever process.
//!
//! Lives here: [`Reader`]. Never lives here: writing.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::roll::{made, tallies};
use super::store::{kept, last_heard};
use crate::base::event::Instant;
use crate::domain::monitor::tally::{HOUR, Kept, MINUTE, Tally, begin};

/// A connection that only reads.
pub struct Reader(Connection);

impl Reader {
    /// Opens a file of samples; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, in words.
    pub fn open(path: &Path) -> Result<Option<Self>, String> {
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            Ok::<_, rusqlite::Error>(connection)
        };
        open().map(|connection| Some(Self(connection))).map_err(|error| in_words(path, &error))
    }

    /// The last sample of a monitor since a moment.
    ///
    /// # Errors
    /// The file, in words.
    pub fn last(&self, monitor: &str, since: Instant) -> Result<Option<Kept>, String> {
        self.of(monitor, |connection, id| {
            let sql = "select at, what, took from raw where monitor = ?1 and at >= ?2 order by at desc limit 1";
            let mut select = connection.prepare_cached(sql)?;
            let row = select.query_row(params![id, since.timestamp_millis()], |row| {
                Ok(kept(row.get(0)?, row.get(1)?, row.get(2)?))
            });
            row.optional()
        })
        .map(Option::flatten)
    }

    /// Minutes of a monitor since a moment, in order; the one that goes on is the last.
    ///
    /// # Errors
    /// The file, in words.
    pub fn minutes(&self, monitor: &str, since: Instant) -> Result<Vec<(i64, Tally)>, String> {
        let from = begin(since.timestamp_millis(), MINUTE);
        let found = self.of(monitor, |connection, id| {
            let until = made(connection, MINUTE)?;
            let mut minutes = tallies(connection, "minute", id, from, until)?;
            for (at, tally) in unmade(connection, id, from.max(until))? {
                minutes.push((at, tally));
            }
            Ok(minutes)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Hours of a monitor since a moment, in order; the first is a whole one, and the one that goes on is the last.
    ///
    /// # Errors
    /// The file, in words.
    pub fn hours(&self, monitor: &str, since: Instant) -> Result<Vec<(i64, Tally)>, String> {
        let from = begin(since.timestamp_millis(), HOUR);
        let found = self.of(monitor, |connection, id| {
            let until = made(connection, HOUR)?;
            let minutes_until = made(connection, MINUTE)?;
            let mut hours = tallies(connection, "hour", id, from, until)?;
            let mut rest = tallies(connection, "minute", id, from.max(until), minutes_until)?;
            rest.extend(unmade(connection, id, minutes_until.max(from))?);
            for (at, tally) in rest {
                let hour = begin(at, HOUR);
                match hours.last_mut().filter(|(last, _)| *last == hour) {
                    Some((_, whole)) => whole.merge(&tally),
                    None => hours.push((hour, tally)),
                }
            }
            Ok(hours)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Everything of a monitor since a moment, in one tally: whole hours where there are, minutes at the edges.
    ///
    /// # Errors
    /// The file, in words.
    pub fn since(&self, monitor: &str, since: Instant) -> Result<Tally, String> {
        let from = begin(since.timestamp_millis(), MINUTE);
        let found = self.of(monitor, |connection, id| {
            let hours_until = made(connection, HOUR)?;
            let first_hour = begin(from + HOUR - 1, HOUR).min(hours_until.max(from));
            let minutes_until = made(connection, MINUTE)?;
            let mut parts = tallies(connection, "minute", id, from, first_hour)?;
            parts.extend(tallies(connection, "hour", id, first_hour, hours_until)?);
            parts.extend(tallies(connection, "minute", id, hours_until.max(first_hour), minutes_until)?);
            parts.extend(unmade(connection, id, minutes_until.max(from))?);
            let mut whole = Tally::default();
            parts.iter().for_each(|(_, tally)| whole.merge(tally));
            Ok(whole)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// When a heartbeat was heard last.
    ///
    /// # Errors
    /// The file, in words.
    pub fn last_heard(&self, monitor: &str) -> Result<Option<Instant>, String> {
        last_heard(&self.0, monitor).map_err(|error| error.to_string())
    }

    /// What is asked about a monitor; `None` where nothing was ever kept of it.
    fn of<T>(
        &self,
        monitor: &str,
        ask: impl FnOnce(&Connection, i64) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, String> {
        let asked = || {
            let mut select = self.0.prepare_cached("select id from name where monitor = ?1")?;
            let id: Option<i64> = select.query_row([monitor], |row| row.get(0)).optional()?;
            id.map(|id| ask(&self.0, id)).transpose()
        };
        asked().map_err(|error| format!("samples cannot be read: {error}"))
    }
}

/// Minutes of raw samples that nobody has made minutes of.
fn unmade(connection: &Connection, id: i64, from: i64) -> rusqlite::Result<Vec<(i64, Tally)>> {
    let mut found: Vec<(i64, Tally)> = Vec::new();
    let mut select =
        connection.prepare_cached("select at, what, took from raw where at >= ?1 and monitor = ?2 order by at")?;
    let mut rows = select.query([from, id])?;
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        let minute = begin(at, MINUTE);
        if found.last().is_none_or(|(last, _)| *last != minute) {
            found.push((minute, Tally::default()));
        }
        if let Some((_, tally)) = found.last_mut() {
            tally.add(&kept(at, row.get(1)?, row.get(2)?));
        }
    }
    Ok(found)
}

fn in_words(path: &Path, error: &rusqlite::Error) -> String {
    format!("the samples in {} cannot be read: {error}", path.display())
}
