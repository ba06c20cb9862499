//! Making minutes of samples and hours of minutes, and throwing away what is too old.
//!
//! Lives here: the statements. Never lives here: the arithmetic and the horizons (`domain::monitor::tally`).

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::store::kept;
use crate::domain::monitor::tally::{HOUR, MINUTE, Tally, begin, horizons};

/// A sample may be handed over a little after it was taken.
const LATE: i64 = 5_000;
const COLUMNS: &str = "count, ok, degraded, excused, measured, least, most, total, histogram";

/// Makes what is complete at `now`, and throws away what is too old then. Within the caller's transaction.
pub(super) fn roll(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let minutes_until = begin(now - LATE, MINUTE);
    let minutes_from = made(connection, MINUTE)?;
    for ((monitor, at), tally) in minutes(connection, minutes_from, minutes_until)? {
        put(connection, "minute", monitor, at, &tally)?;
    }
    set_made(connection, MINUTE, minutes_until)?;
    let (raw, minute, hour) = horizons(now);
    connection.prepare_cached("delete from raw where at < ?1")?.execute([raw])?;
    let (hours_from, hours_until) = (made(connection, HOUR)?, begin(minutes_until, HOUR));
    if hours_from >= hours_until {
        return Ok(());
    }
    let mut names = connection.prepare_cached("select id from name")?;
    let names: Vec<i64> = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for monitor in names {
        let mut hours: BTreeMap<i64, Tally> = BTreeMap::new();
        for (at, tally) in tallies(connection, "minute", monitor, hours_from, hours_until)? {
            hours.entry(begin(at, HOUR)).or_default().merge(&tally);
        }
        for (at, tally) in hours {
            put(connection, "hour", monitor, at, &tally)?;
        }
        connection.prepare_cached("delete from minute where monitor = ?1 and at < ?2")?.execute([monitor, minute])?;
        connection.prepare_cached("delete from hour where monitor = ?1 and at < ?2")?.execute([monitor, hour])?;
    }
    set_made(connection, HOUR, hours_until)
}

/// Minutes of every monitor, of the raw samples in a window.
fn minutes(connection: &Connection, from: i64, until: i64) -> rusqlite::Result<BTreeMap<(i64, i64), Tally>> {
    let mut found: BTreeMap<(i64, i64), Tally> = BTreeMap::new();
    let mut select = connection.prepare_cached("select at, monitor, what, took from raw where at >= ?1 and at < ?2")?;
    let mut rows = select.query([from, until])?;
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        found.entry((row.get(1)?, begin(at, MINUTE))).or_default().add(&kept(at, row.get(2)?, row.get(3)?));
    }
    Ok(found)
}

/// Up to where minutes or hours are made; 0 at the beginning.
pub(super) fn made(connection: &Connection, length: i64) -> rusqlite::Result<i64> {
    let mut select = connection.prepare_cached("select until from made where length = ?1")?;
    Ok(select.query_row([length], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn set_made(connection: &Connection, length: i64, until: i64) -> rusqlite::Result<()> {
    let sql = "insert into made (length, until) values (?1, ?2) \
               on conflict (length) do update set until = max(until, excluded.until)";
    connection.prepare_cached(sql)?.execute([length, until])?;
    Ok(())
}

fn put(connection: &Connection, table: &str, monitor: i64, at: i64, tally: &Tally) -> rusqlite::Result<()> {
    let sql = format!(
        "insert or replace into {table} (monitor, at, {COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    );
    connection.prepare_cached(&sql)?.execute(params![
        monitor,
        at,
        whole(tally.count),
        whole(tally.ok),
        whole(tally.degraded),
        whole(tally.excused),
        whole(tally.measured),
        tally.min,
        tally.max,
        whole(tally.sum),
        tally.packed(),
    ])?;
    Ok(())
}

/// Minutes or hours of a monitor in a window, in order.
pub(super) fn tallies(
    connection: &Connection,
    table: &str,
    monitor: i64,
    from: i64,
    until: i64,
) -> rusqlite::Result<Vec<(i64, Tally)>> {
    let sql = format!("select at, {COLUMNS} from {table} where monitor = ?1 and at >= ?2 and at < ?3 order by at");
    let mut select = connection.prepare_cached(&sql)?;
    select.query_map([monitor, from, until], |row| Ok((row.get(0)?, tally(row)?)))?.collect()
}

fn tally(row: &Row<'_>) -> rusqlite::Result<Tally> {
    let number = |index: usize| row.get::<_, i64>(index).map(i64::unsigned_abs);
    let histogram: Vec<u8> = row.get(9)?;
    Ok(Tally {
        count: number(1)?,
        ok: number(2)?,
        degraded: number(3)?,
        excused: number(4)?,
        measured: number(5)?,
        min: row.get(6)?,
        max: row.get(7)?,
        sum: number(8)?,
        histogram: Tally::unpacked(&histogram),
    })
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
