//! What every store keeps, told once and run over each.

use std::future::Future;

use futures::executor::{LocalPool, block_on};
use futures::future::join_all;
use futures::task::LocalSpawnExt;

use super::{at, batch, event, item, record, run, stores, who};
use crate::base::event::{IncidentId, Stream};
use crate::journal::erase::{EraseError, erase_batch};
use crate::journal::memory::MemoryJournal;
use crate::journal::verify::verify;
use crate::journal::{AppendError, Batch, Item, Journal, Select};

/// Runs a story over an empty journal of every kind.
fn everywhere(story: impl Fn(&dyn Journal)) {
    for store in stores() {
        println!("in {}", store.name);
        story(&*store.journal);
        block_on(verify(&*store.journal, None)).unwrap();
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    block_on(future)
}

#[test]
fn what_is_appended_is_what_is_read() {
    everywhere(|journal| {
        assert_eq!(wait(journal.head()).unwrap().pos, 0);
        let first = record(journal, &run(1), 0, r#"{"step":"health"}"#);
        let second = record(journal, &run(1), 1, "\u{1F600} any bytes");
        let read = wait(journal.read(Select::All, 0, 10)).unwrap();
        assert_eq!(read, [first.rows, second.rows].concat());
        assert_eq!(read.iter().map(|row| (row.pos, row.seq)).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
        assert_eq!(wait(journal.head()).unwrap().hash, read[1].hash);
    });
}

#[test]
fn who_decided_on_an_older_state_must_decide_again() {
    everywhere(|journal| {
        record(journal, &run(1), 0, "approved");
        let late = batch(vec![item(&run(1), 0, vec![event("approval.refused", "too late")])]);
        let conflict = AppendError::Conflict { stream: run(1), expected: 0, actual: 1 };
        assert_eq!(wait(journal.append(late, at(1))).unwrap_err(), conflict);
        let early = batch(vec![item(&run(1), 5, Vec::new())]);
        assert!(matches!(wait(journal.append(early, at(1))), Err(AppendError::Conflict { actual: 1, .. })));
    });
}

#[test]
fn intent_and_reservation_are_written_together_or_not_at_all() {
    everywhere(|journal| {
        let target = Stream::target("production", "redis");
        record(journal, &target, 0, "held by run-2");
        let both = |expected| {
            batch(vec![
                item(&run(1), 0, vec![event("attempt.intended", "restart")]),
                item(&target, expected, vec![event("target.held", "run-1")]),
            ])
        };
        assert!(
            matches!(wait(journal.append(both(0), at(1))), Err(AppendError::Conflict { stream, .. }) if stream == target)
        );
        assert_eq!(wait(journal.read(Select::Stream(run(1)), 0, 10)).unwrap(), []);
        let stored = wait(journal.append(both(1), at(1))).unwrap();
        assert_eq!(stored.rows.iter().map(|row| (row.pos, row.seq)).collect::<Vec<_>>(), [(2, 1), (3, 2)]);
        let asserts_only = batch(vec![item(&target, 1, Vec::new()), item(&run(1), 1, vec![event("a", "b")])]);
        assert!(matches!(wait(journal.append(asserts_only, at(1))), Err(AppendError::Conflict { actual: 2, .. })));
    });
}

#[test]
fn rows_are_selected_by_stream_by_incident_and_in_pages() {
    everywhere(|journal| {
        for seq in 0..3 {
            record(journal, &run(1), seq, "mine");
            let other = Item { incident: None, ..item(&run(2), seq, vec![event("note", "elsewhere")]) };
            wait(journal.append(batch(vec![other]), at(0))).unwrap();
        }
        let positions = |select, after, limit| {
            wait(journal.read(select, after, limit)).unwrap().iter().map(|row| row.pos).collect::<Vec<u64>>()
        };
        assert_eq!(positions(Select::All, 2, 3), [3, 4, 5]);
        assert_eq!(positions(Select::Stream(run(2)), 2, 9), [4, 6]);
        assert_eq!(positions(Select::Incident(IncidentId::number(1)), 0, 9), [1, 3, 5]);
        assert_eq!(positions(Select::Incident(IncidentId::number(2)), 0, 9), Vec::<u64>::new());
        assert_eq!(positions(Select::All, 6, 9), Vec::<u64>::new());
        assert_eq!(positions(Select::All, u64::MAX, usize::MAX), Vec::<u64>::new());
        assert_eq!(positions(Select::All, 0, 0), Vec::<u64>::new());
    });
}

#[test]
fn unfinished_streams_are_found_by_their_flag() {
    everywhere(|journal| {
        let flag = |stream: &Stream, expected, open| {
            let item = Item { open, ..item(stream, expected, vec![event("run.changed", "")]) };
            wait(journal.append(batch(vec![item]), at(0))).unwrap();
        };
        flag(&run(1), 0, Some(true));
        flag(&run(1), 1, None);
        flag(&run(2), 0, Some(true));
        flag(&run(2), 1, Some(false));
        flag(&run(3), 0, None);
        flag(&Stream::named("runaway:1"), 0, Some(true));
        let found = |prefix, open_only| {
            let streams = wait(journal.streams(prefix, open_only)).unwrap();
            streams.into_iter().map(|info| (info.stream.to_string(), info.seq, info.open)).collect::<Vec<_>>()
        };
        let named = |name: &str, seq, open| (name.to_owned(), seq, open);
        assert_eq!(found("run:", true), [named("run:run-1", 2, true)]);
        let all = [named("run:run-1", 2, true), named("run:run-2", 2, false), named("run:run-3", 1, false)];
        assert_eq!(found("run:", false), all);
        assert_eq!(found("", true).len(), 2);
    });
}

#[test]
fn one_at_a_time_drives_a_stream() {
    everywhere(|journal| {
        let held = journal.own(&run(1)).unwrap();
        assert!(held.is_some());
        assert!(journal.own(&run(1)).unwrap().is_none());
        assert!(journal.own(&run(2)).unwrap().is_some());
        drop(held);
        assert!(journal.own(&run(1)).unwrap().is_some());
    });
}

#[test]
fn recorded_time_never_goes_back_and_keeps_milliseconds() {
    everywhere(|journal| {
        let append = |stream, at| {
            let one = batch(vec![item(&run(stream), 0, vec![event("note", "")])]);
            wait(journal.append(one, at)).unwrap().rows[0].at
        };
        assert_eq!(
            append(1, at(10) + chrono::TimeDelta::microseconds(1999)),
            at(10) + chrono::TimeDelta::milliseconds(1)
        );
        assert_eq!(append(2, at(5)), at(10) + chrono::TimeDelta::milliseconds(1));
        assert_eq!(append(3, at(11)), at(11));
    });
}

#[test]
fn an_erased_body_is_gone_and_the_erasure_stays() {
    everywhere(|journal| {
        let blob = journal.new_blob(b"a whole reply with a password in it".to_vec());
        let named = event("reply.received", &format!(r#"{{"blob":"{}"}}"#, blob.id));
        let with_blob = Batch { blobs: vec![blob.clone()], ..batch(vec![item(&run(1), 0, vec![named])]) };
        let row = wait(journal.append(with_blob, at(0))).unwrap().rows.remove(0);
        assert_eq!(row.blobs, [blob.id.as_str()]);
        assert_eq!(wait(journal.blob(&blob.id)).unwrap().unwrap(), blob.bytes);

        assert_eq!(erase_batch(&row, 0, &who(), "  ").unwrap_err(), EraseError::NoReason(1));
        let erasure = erase_batch(&row, 0, &who(), "a password").unwrap();
        let unsaid = Batch { items: Vec::new(), ..erasure.clone() };
        assert!(matches!(wait(journal.append(unsaid, at(1))), Err(AppendError::Refused(_))));
        let eraser = wait(journal.append(erasure, at(1))).unwrap().rows.remove(0);

        let rows = wait(journal.read(Select::Incident(IncidentId::number(1)), 0, 9)).unwrap();
        assert_eq!(rows[0].body, None);
        assert_eq!((rows[0].hash, rows[0].commitment), (row.hash, row.commitment));
        assert_eq!(wait(journal.blob(&blob.id)).unwrap(), None);
        assert!(String::from_utf8(rows[1].body.clone().unwrap().bytes).unwrap().contains("a password"));
        assert_eq!(wait(verify(journal, None)).unwrap().erased, 1);

        assert_eq!(erase_batch(&rows[0], 1, &who(), "again").unwrap_err(), EraseError::Gone(1));
        assert_eq!(erase_batch(&eraser, 1, &who(), "tracks").unwrap_err(), EraseError::IsErasure(2));
        let mut forged = erase_batch(&row, 1, &who(), "tracks").unwrap();
        forged.items[0].events[0].body = br#"{"pos":2,"stream":"journal:self","seq":1,"why":"tracks"}"#.to_vec();
        forged.erase = vec![2];
        forged.erase_blobs = Vec::new();
        assert!(
            matches!(wait(journal.append(forged, at(1))), Err(AppendError::Refused(text)) if text.contains("stays"))
        );
    });
}

#[test]
fn a_batch_beyond_the_limits_is_refused_with_a_reason() {
    everywhere(|journal| {
        let refusal = |batch: Batch| match wait(journal.append(batch, at(0))) {
            Err(AppendError::Refused(text)) => text,
            other => panic!("{other:?}"),
        };
        let one = |event| batch(vec![item(&run(1), 0, vec![event])]);
        let large = "x".repeat((8 << 20) + 1);
        assert!(refusal(one(event("note", &large))).contains("8 MiB"));
        assert!(refusal(one(event("", ""))).contains("kind"));
        assert!(refusal(batch(vec![item(&Stream::named("a\nb"), 0, Vec::new())])).contains("printable"));
        assert!(refusal(batch(vec![item(&run(1), 0, Vec::new()), item(&run(1), 0, Vec::new())])).contains("twice"));
        let unnamed = journal.new_blob(b"reply".to_vec());
        assert!(refusal(Batch { blobs: vec![unnamed.clone()], ..one(event("note", "")) }).contains("names"));
        let id = unnamed.id.clone();
        let other = crate::journal::Blob { bytes: b"other".to_vec(), ..unnamed };
        assert!(refusal(Batch { blobs: vec![other], ..one(event("note", &id)) }).contains("not the one"));
        let many = (0..10_001).map(|_| event("note", "")).collect();
        assert!(refusal(batch(vec![item(&run(1), 0, many)])).contains("at most"));
        assert_eq!(wait(journal.head()).unwrap().pos, 0);
    });
}

#[test]
fn of_many_at_once_only_those_that_conflict_drop_out() {
    everywhere(|journal| {
        // Twenty pairs race for twenty streams.
        let racers = (0..40).map(|n| batch(vec![item(&run(n % 20), 0, vec![event("note", "first come")])]));
        let answers = wait(join_all(racers.map(|batch| journal.append(batch, at(0)))));
        let (stored, dropped): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(stored.len(), 20);
        assert!(dropped.iter().all(|answer| matches!(answer, Err(AppendError::Conflict { actual: 1, .. }))));
        assert_eq!(wait(journal.head()).unwrap().pos, 20);
    });
}

#[test]
fn the_memory_journal_repeats_itself_and_never_stalls() {
    let play = |seed| {
        let journal = MemoryJournal::new(seed);
        let mut pool = LocalPool::new();
        let story = async {
            let blob = journal.new_blob(b"reply".to_vec());
            let named = event("note", &blob.id);
            let batch = Batch { blobs: vec![blob], ..batch(vec![item(&run(1), 0, vec![named])]) };
            journal.append(batch, at(0)).await.unwrap();
            journal.read(Select::All, 0, 9).await.unwrap()
        };
        let rows = pool.run_until(story);
        pool.spawner().spawn_local(async {}).unwrap();
        rows
    };
    assert_eq!(play(1), play(1));
    assert_ne!(play(1)[0].hash, play(2)[0].hash);
}
