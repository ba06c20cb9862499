//! Samples on a real disk.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::executor::block_on;

use super::{Reader, Samples as _, Store, beside};
use crate::base::event::Instant;
use crate::domain::monitor::state::Level;
use crate::domain::monitor::tally::{Kept, Tally};

fn start() -> Instant {
    "2026-03-01T00:00:07Z".parse().unwrap()
}

/// A sample every 15 seconds; every hundredth fails.
fn sample(n: i64) -> Kept {
    let level = if n % 100 == 0 { Level::Failing } else { Level::Healthy };
    let at = (start() + TimeDelta::seconds(15 * n)).timestamp_millis();
    Kept { at, level, took_ms: u32::try_from(n % 90).ok(), excused: false }
}

#[test]
fn three_days_are_kept_as_two_of_samples_and_three_of_minutes_and_nothing_is_counted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = beside(&folder.path().join("journal.db"));
    let name: Arc<str> = "api".into();
    let count = 3 * 86_400 / 15;
    let mut expected = Tally::default();
    let mut store = Store::open(&path).unwrap();
    for n in 0..count {
        expected.add(&sample(n));
        let now = start() + TimeDelta::seconds(15 * n + 1);
        store.keep(vec![(Arc::clone(&name), sample(n))], now);
        if n == count / 2 {
            // The process ends in the middle of a minute, and another goes on.
            drop(store);
            store = Store::open(&path).unwrap();
        }
    }
    block_on(store.settle());
    let reader = Reader::open(&path).unwrap().unwrap();
    assert_eq!(reader.since("api", start()).unwrap(), expected);
    let end = start() + TimeDelta::days(3);
    let minutes = reader.minutes("api", end - TimeDelta::hours(1)).unwrap();
    assert_eq!(minutes.len(), 60, "the last of them is not made yet");
    assert!(reader.last("api", end - TimeDelta::minutes(1)).unwrap().is_some());
    let copied = folder.path().join("copy.db");
    super::copy(&path, &copied).unwrap();
    assert_eq!(
        Reader::open(&copied).unwrap().unwrap().since("api", start()).unwrap(),
        expected,
        "a copy says the same"
    );
    let raw = rusqlite::Connection::open(&path).unwrap();
    let (kept, least): (i64, i64) =
        raw.query_row("select count(*), min(at) from raw", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!((48 * 240..49 * 240).contains(&kept), "{kept} raw samples");
    assert!(least >= (end - TimeDelta::hours(48) - TimeDelta::minutes(2)).timestamp_millis());
    let hours: i64 = raw.query_row("select count(*) from hour", [], |row| row.get(0)).unwrap();
    assert_eq!(hours, 71, "the last hour goes on");
}

#[test]
fn a_heartbeat_is_heard_by_other_processes_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.db");
    let (one, other) = (Store::open(&path).unwrap(), Store::open(&path).unwrap());
    assert_eq!(block_on(one.last_heard("backup")).unwrap(), None);
    other.hear("backup", start());
    other.hear("backup", start() - TimeDelta::hours(1));
    block_on(other.settle());
    assert_eq!(block_on(one.last_heard("backup")).unwrap(), Some(start()));
    assert_eq!(Reader::open(&path).unwrap().unwrap().last_heard("backup").unwrap(), Some(start()));
    assert!(Reader::open(&folder.path().join("none.db")).unwrap().is_none());
}
