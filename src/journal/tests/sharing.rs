//! Several connections and processes on one file, and what a crash leaves.

use std::os::unix::fs::PermissionsExt;

use futures::executor::block_on;
use rusqlite::Connection;

use super::{at, batch, event, file, item, record, run, who};
use crate::journal::erase::erase_batch;
use crate::journal::sqlite::{OpenError, SqliteJournal};
use crate::journal::verify::verify;
use crate::journal::{AppendError, Journal, Select};

#[test]
fn two_journals_on_one_file_keep_one_chain() {
    let (_folder, path) = file();
    let writers: Vec<SqliteJournal> = (0..2).map(|_| SqliteJournal::open(&path).unwrap()).collect();
    let conflicts: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            writers.iter().enumerate().map(|(n, journal)| scope.spawn(move || race(journal, n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{conflicts} conflicts");
    let verified = block_on(verify(&writers[0], None)).unwrap();
    assert_eq!(verified.head.pos, 160);
    assert_eq!(verified.streams, 3);
}

#[test]
fn processes_that_start_together_make_one_journal() {
    for _ in 0..10 {
        let (_folder, path) = file();
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    let journal = SqliteJournal::open(path).unwrap();
                    record(&journal, &run(n), 0, "");
                });
            }
        });
        let journal = SqliteJournal::open(&path).unwrap();
        assert_eq!(block_on(verify(&journal, None)).unwrap().head.pos, 4);
    }
}

/// Appends forty events to a stream of its own and forty to one that the other wants, too.
fn race(journal: &SqliteJournal, n: usize) -> usize {
    let (own, shared) = (run(n as u64), run(99));
    let mut conflicts = 0;
    for seq in 0..40 {
        record(journal, &own, seq, "mine");
        let mut expected = 0;
        loop {
            let event = event("note", "ours");
            match block_on(journal.append(batch(vec![item(&shared, expected, vec![event])]), at(0))) {
                Ok(_) => break,
                Err(AppendError::Conflict { actual, .. }) => (expected, conflicts) = (actual, conflicts + 1),
                Err(error) => panic!("{error}"),
            }
        }
    }
    conflicts
}

#[test]
fn a_journal_in_use_verifies_while_others_append_and_erase() {
    let (_folder, path) = file();
    let (mine, other) = (SqliteJournal::open(&path).unwrap(), SqliteJournal::open(&path).unwrap());
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            for seq in 0..150 {
                let row = record(&other, &run(seq % 7), seq / 7, "a password").rows.remove(0);
                let erasure = erase_batch(&row, seq, &who(), "a password").unwrap();
                block_on(other.append(erasure, at(0))).unwrap();
            }
        });
        let mut looks = 0;
        while !busy.is_finished() {
            block_on(verify(&mine, None)).unwrap();
            looks += 1;
        }
        assert!(looks > 1);
    });
    assert_eq!(block_on(verify(&mine, None)).unwrap().erased, 150);
}

#[test]
fn others_appends_change_the_version_and_ones_own_do_not() {
    let (_folder, path) = file();
    let (mine, other) = (SqliteJournal::open(&path).unwrap(), SqliteJournal::open(&path).unwrap());
    let version = || block_on(mine.version()).unwrap();
    let start = version();
    record(&mine, &run(1), 0, "mine");
    assert_eq!(version(), start);
    record(&other, &run(1), 1, "theirs");
    let seen = version();
    assert_ne!(seen, start);
    assert_eq!(version(), seen);
}

#[test]
fn a_stream_driven_by_one_process_is_refused_to_another() {
    let (_folder, path) = file();
    let (mine, other) = (SqliteJournal::open(&path).unwrap(), SqliteJournal::open(&path).unwrap());
    let held = mine.own(&run(1)).unwrap();
    assert!(held.is_some());
    assert!(other.own(&run(1)).unwrap().is_none());
    drop(held);
    assert!(other.own(&run(1)).unwrap().is_some());
}

#[test]
fn a_log_that_no_one_folded_in_is_read_after_a_crash() {
    let (folder, path) = file();
    let journal = SqliteJournal::open(&path).unwrap();
    (0..4).for_each(|seq| drop(record(&journal, &run(1), seq, "before the crash")));
    let last = record(&journal, &run(1), 4, "the last before the crash");
    // What a power cut would leave: the files as they are now, without the index that lives in shared memory.
    let crashed = folder.path().join("crashed.db");
    std::fs::copy(&path, &crashed).unwrap();
    std::fs::copy(folder.path().join("journal.db-wal"), folder.path().join("crashed.db-wal")).unwrap();
    let main_file_alone = folder.path().join("alone.db");
    std::fs::copy(&path, &main_file_alone).unwrap();
    drop(journal);

    let reopened = SqliteJournal::open(&crashed).unwrap();
    assert_eq!(block_on(reopened.head()).unwrap().hash, last.rows[0].hash);
    record(&reopened, &run(1), 5, "after it");
    assert_eq!(block_on(verify(&reopened, None)).unwrap().head.pos, 6);
    // The log mattered: without it the file holds less.
    let alone = SqliteJournal::open(&main_file_alone).unwrap();
    assert!(block_on(alone.head()).unwrap().pos < 5);
}

#[test]
fn journal_and_folder_are_private() {
    let (folder, _) = file();
    let path = folder.path().join("state/rundown/journal.db");
    let journal = SqliteJournal::open(&path).unwrap();
    record(&journal, &run(1), 0, "");
    let _held = journal.own(&run(1)).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_file_name("journal.db-wal")), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path.with_file_name("locks")), 0o700);
}

#[test]
fn what_was_erased_is_on_no_page_of_the_files() {
    let (_folder, path) = file();
    let journal = SqliteJournal::open(&path).unwrap();
    let secret = "hunter2-".repeat(4000);
    let row = record(&journal, &run(1), 0, &secret).rows.remove(0);
    record(&journal, &run(1), 1, "kept in the open");
    let holds = |text: &str| {
        let on = |file: &str| {
            let bytes = std::fs::read(path.with_file_name(file)).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        on("journal.db") || on("journal.db-wal")
    };
    assert!(holds("hunter2-"));
    block_on(journal.append(erase_batch(&row, 0, &who(), "a password").unwrap(), at(1))).unwrap();
    // Ask the writer something: it answers after it has emptied the log.
    block_on(journal.version()).unwrap();
    assert!(!holds("hunter2-"));
    assert!(holds("kept in the open"));
}

#[test]
fn a_copy_is_verified_without_being_touched() {
    let (folder, path) = file();
    let journal = SqliteJournal::open(&path).unwrap();
    record(&journal, &run(1), 0, "");
    // Beside a living writer, with a log.
    let beside = SqliteJournal::open_read_only(&path).unwrap();
    assert_eq!(block_on(verify(&beside, None)).unwrap().head.pos, 1);
    record(&journal, &run(1), 1, "");
    assert_eq!(block_on(verify(&beside, None)).unwrap().head.pos, 2);
    drop((beside, journal));

    let odd = folder.path().join("copy 100%?#.db");
    std::fs::copy(&path, &odd).unwrap();
    let list = || std::fs::read_dir(folder.path()).unwrap().count();
    let (files, bytes) = (list(), std::fs::read(&odd).unwrap());
    let copy = SqliteJournal::open_read_only(&odd).unwrap();
    assert_eq!(block_on(verify(&copy, None)).unwrap().head.pos, 2);
    let refused = block_on(copy.append(batch(vec![item(&run(1), 2, vec![event("note", "")])]), at(0))).unwrap_err();
    assert!(refused.to_string().contains("reading only"), "{refused}");
    drop(copy);
    assert_eq!((list(), std::fs::read(&odd).unwrap()), (files, bytes));
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    let (folder, path) = file();
    let open = |name: &str| {
        let path = folder.path().join(name);
        let before = std::fs::read(&path).unwrap();
        let error = SqliteJournal::open(&path).err().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name} was changed");
        let read_only = SqliteJournal::open_read_only(&path).err().unwrap();
        assert_eq!(read_only.to_string(), error.to_string());
        error
    };
    std::fs::write(folder.path().join("notes.txt"), "Redis was restarted at nine. ".repeat(100)).unwrap();
    assert!(open("notes.txt").to_string().contains("it is no SQLite file"));

    Connection::open(folder.path().join("other.db")).unwrap().execute_batch("create table bookmarks (url)").unwrap();
    assert!(matches!(open("other.db"), OpenError::Foreign(_)));

    drop(SqliteJournal::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(open("journal.db"), OpenError::Newer { found: 99, known: 1, .. }));

    let absent = SqliteJournal::open_read_only(folder.path().join("absent.db")).err().unwrap();
    assert!(absent.to_string().starts_with("there is no journal at"));
    assert!(!folder.path().join("absent.db").exists());
}

#[test]
fn a_reader_keeps_reading_while_the_writer_waits_for_a_lock() {
    let (_folder, path) = file();
    let journal = SqliteJournal::open(&path).unwrap();
    record(&journal, &run(1), 0, "");
    let backup = Connection::open(&path).unwrap();
    backup.execute_batch("begin immediate").unwrap();
    let waiting = std::thread::scope(|scope| {
        let append =
            scope.spawn(|| block_on(journal.append(batch(vec![item(&run(1), 1, vec![event("a", "")])]), at(0))));
        assert_eq!(block_on(journal.read(Select::All, 0, 9)).unwrap().len(), 1);
        append.join().unwrap()
    });
    let text = waiting.unwrap_err().to_string();
    assert!(text.contains("locked for 5 seconds"), "{text}");
    backup.execute_batch("rollback").unwrap();
    record(&journal, &run(1), 1, "after the backup");
}
