//! Disks that fail: full, read-only, unable to confirm. The failures are made by the operating system (through strace, in
//! a child process that runs one test of this file) or by SQLite itself, never by a stand-in for the store.

use std::path::Path;
use std::process::{Command, Output};

use futures::executor::block_on;
use futures::future::join_all;
use rusqlite::Connection;

use super::{at, batch, event, file, item, record, run};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::verify::verify;
use crate::journal::{AppendError, Hindrance, Journal, Select};

/// Where the child finds its journal.
const JOURNAL: &str = "RUNDOWN_TEST_JOURNAL";

/// The child: appends until 20 events are stored, reloading after each failure as the engine does, and prints each answer.
#[test]
#[ignore = "run by the tests of failing disks, in a child process"]
fn child_that_appends() {
    let Ok(path) = std::env::var(JOURNAL) else { return };
    let journal = match SqliteJournal::open(path) {
        Ok(journal) => journal,
        Err(error) => return println!("answer: unopened: {error}"),
    };
    for _ in 0..40 {
        let stored = block_on(journal.streams("run:", false)).unwrap().first().map_or(0, |info| info.seq);
        if stored == 20 {
            break;
        }
        let one = batch(vec![item(&run(1), stored, vec![event("note", &"x".repeat(2000))])]);
        match block_on(journal.append(one, at(0))) {
            Ok(appended) => println!("answer: stored: {}", appended.rows[0].seq),
            Err(AppendError::Refused(text)) => println!("answer: refused: {text}"),
            Err(AppendError::Uncertain(text)) => println!("answer: uncertain: {text}"),
            Err(error) => println!("answer: {error}"),
        }
    }
    let count = block_on(verify(&journal, None)).unwrap().head.pos;
    println!("answer: verified: {count}");
}

/// The child: appends again and again, asks after each time how the journal is, and prints both.
#[test]
#[ignore = "run by the tests of failing disks, in a child process"]
fn child_that_asks() {
    let Ok(path) = std::env::var(JOURNAL) else { return };
    let journal = SqliteJournal::open(path).unwrap();
    for _ in 0..20 {
        let stored = block_on(journal.streams("run:", false)).unwrap().first().map_or(0, |info| info.seq);
        let one = batch(vec![item(&run(1), stored, vec![event("note", &"x".repeat(2000))])]);
        let answer = block_on(journal.append(one, at(0))).map_or("failed", |_| "stored");
        println!("answer: {answer}: {:?}", block_on(journal.condition()).hindrance);
    }
}

/// Runs the child on `path` with system calls failing as `inject` says (strace's syntax), those on the file `on` only.
fn child(path: &Path, on: &str, inject: &str) -> Vec<String> {
    child_called("child_that_appends", path, on, inject)
}

fn child_called(name: &str, path: &Path, on: &str, inject: &str) -> Vec<String> {
    let test = std::env::current_exe().unwrap();
    let folder = path.parent().unwrap();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-P"])
        .arg(folder.join(on))
        .args(["-e", &format!("inject={inject}")])
        .arg(test)
        .args(["--ignored", "--exact", &format!("journal::tests::faults::{name}"), "--nocapture"])
        .env(JOURNAL, path)
        .output()
        .expect("strace is installed (script/bootstrap does it)");
    answers(&output)
}

fn answers(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<String> =
        text.lines().filter_map(|line| line.split_once("answer: ")).map(|(_, answer)| answer.to_owned()).collect();
    assert!(output.status.success() && !answers.is_empty(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    answers
}

fn having<'a>(answers: &'a [String], start: &str) -> Vec<&'a str> {
    answers.iter().filter_map(|answer| answer.strip_prefix(start)).collect()
}

/// A journal with two events, closed.
fn started() -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = file();
    let folder_path = folder.path().canonicalize().unwrap();
    let path = folder_path.join(path.file_name().unwrap());
    let journal = SqliteJournal::open(&path).unwrap();
    for seq in 0..2 {
        record(&journal, &run(1), seq, "");
    }
    (folder, path)
}

#[test]
fn a_commit_the_disk_does_not_confirm_is_uncertain_and_the_disk_decides() {
    let (_folder, path) = started();
    let answers = child(&path, "journal.db-wal", "fsync,fdatasync:error=EIO:when=6");
    let uncertain = having(&answers, "uncertain: ");
    assert_eq!(uncertain.len(), 1, "{answers:#?}");
    assert!(uncertain[0].contains("could not confirm what was written"), "{uncertain:?}");
    assert_eq!(having(&answers, "refused: "), Vec::<&str>::new());
    // Whichever way the disk decided, every number was given out once, and the child went on to the end.
    let mut stored: Vec<u64> = having(&answers, "stored: ").iter().map(|seq| seq.parse().unwrap()).collect();
    let count = stored.len();
    stored.dedup();
    assert!(stored.len() == count && (17..=18).contains(&count), "{answers:#?}");
    assert_eq!(having(&answers, "verified: "), ["20"]);
    // And so it is for whoever opens it next.
    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(block_on(verify(&journal, None)).unwrap().head.pos, 20);
}

#[test]
fn a_disk_that_stays_broken_leaves_a_journal_that_verifies() {
    let (_folder, path) = started();
    let answers = child(&path, "journal.db-wal", "fsync,fdatasync:error=EIO:when=6+");
    assert!(having(&answers, "uncertain: ").len() > 20, "{answers:#?}");
    let stored = having(&answers, "stored: ").len() as u64;
    let journal = SqliteJournal::open(&path).unwrap();
    assert!(block_on(verify(&journal, None)).unwrap().head.pos >= 2 + stored);
}

#[test]
fn a_full_disk_refuses_and_says_so_until_there_is_room() {
    let (_folder, path) = started();
    // Three writes fail, then somebody has made room.
    let answers = child(&path, "journal.db-wal", "pwrite64,write:error=ENOSPC:when=30..32");
    let refused = having(&answers, "refused: ");
    assert!(!refused.is_empty(), "{answers:#?}");
    assert!(refused.iter().all(|text| text.contains("no room left")), "{answers:#?}");
    assert_eq!(having(&answers, "uncertain: "), Vec::<&str>::new());
    assert_eq!(having(&answers, "verified: "), ["20"]);
}

#[test]
fn a_full_disk_is_no_room_until_a_write_reaches_it_again() {
    let (_folder, path) = started();
    let answers = child_called("child_that_asks", &path, "journal.db-wal", "pwrite64,write:error=ENOSPC:when=30..34");
    let words: Vec<&str> = answers.iter().map(String::as_str).collect();
    let (before, rest) = words.split_at(words.iter().position(|word| *word != "stored: None").expect("it fails"));
    assert!(!before.is_empty(), "{answers:#?}");
    let (full, after) = rest.split_at(rest.iter().position(|word| word.ends_with("None")).expect("it works again"));
    // Every try is a real write: it fails as the append did, and the first that reaches the disk is believed.
    assert!(full.len() > 1 && full.iter().all(|word| *word == "failed: Some(NoRoom)"), "{answers:#?}");
    assert!(after.iter().skip(1).all(|word| *word == "stored: None") && after.len() > 5, "{answers:#?}");
}

#[test]
fn a_disk_that_stays_broken_is_told_each_time() {
    let (_folder, path) = started();
    let answers = child_called("child_that_asks", &path, "journal.db-wal", "fsync,fdatasync:error=EIO:when=6+");
    assert_eq!(answers.last().map(String::as_str), Some("failed: Some(Disk)"), "{answers:#?}");
    assert_eq!(having(&answers, "failed: Some(Disk)").len(), having(&answers, "failed: ").len(), "{answers:#?}");
}

#[test]
fn a_journal_that_another_program_keeps_locked_is_locked_for_as_long() {
    let (_folder, path) = started();
    let journal = SqliteJournal::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("begin exclusive").unwrap();
    assert_eq!(block_on(journal.condition()).hindrance, Some(Hindrance::Locked));
    other.execute_batch("rollback").unwrap();
    let condition = block_on(journal.condition());
    assert_eq!(condition.hindrance, None);
    assert!(condition.size > Some(0) && condition.free > Some(0), "{condition:?}");
    assert_eq!(block_on(journal.head()).unwrap().pos, 2, "asking leaves nothing behind");
}

#[test]
fn a_file_that_may_only_be_read_says_so() {
    let (_folder, path) = started();
    let journal = SqliteJournal::open_read_only(&path).unwrap();
    assert_eq!(block_on(journal.condition()).hindrance, Some(Hindrance::ReadOnly));
}

#[test]
fn a_write_that_fails_is_uncertain() {
    let (_folder, path) = started();
    let answers = child(&path, "journal.db-wal", "pwrite64,write:error=EIO:when=30");
    let uncertain = having(&answers, "uncertain: ");
    assert_eq!(uncertain.len(), 1, "{answers:#?}");
    assert!(uncertain[0].contains("writing failed"), "{uncertain:?}");
    assert_eq!(having(&answers, "verified: "), ["20"]);
}

#[test]
fn a_read_only_file_refuses_to_be_written() {
    let (_folder, path) = started();
    // What opening for writing answers on a read-only file system; SQLite then opens for reading.
    let answers = child(&path, "journal.db", "openat,open:error=EROFS:when=1");
    assert!(answers[0].starts_with("unopened: "), "{answers:#?}");
    assert!(answers[0].contains("cannot be written") && answers[0].contains("read-only file system"), "{answers:#?}");
}

#[test]
fn a_batch_that_cannot_be_written_drops_out_of_its_group() {
    let (_folder, path) = started();
    let journal = SqliteJournal::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    // A record that says less than the events: SQLite itself then refuses the second no. 1.
    other.execute("update stream set seq = 0 where id = 'run:run-1'", []).unwrap();
    // While somebody holds the lock, the first batch waits for it and the others gather behind the first.
    other.execute_batch("begin immediate").unwrap();
    let small = |n| batch(vec![item(&run(n), 0, vec![event("note", "")])]);
    let mut group: Vec<_> = [3, 4, 1, 5].map(|n| journal.append(small(n), at(0))).into();
    block_on(async {
        for append in &mut group {
            assert!(futures::poll!(append).is_pending());
        }
    });
    other.execute_batch("rollback").unwrap();
    let answers = block_on(join_all(group));
    assert!(answers[0].is_ok() && answers[1].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert!(
        matches!(&answers[2], Err(AppendError::Refused(text)) if text.contains("contradict") && text.contains("verify")),
        "{answers:?}"
    );
    assert_eq!(block_on(journal.head()).unwrap().pos, 5);
}

#[test]
fn a_damaged_record_of_the_chain_stops_writing_not_reading() {
    let (_folder, path) = started();
    let journal = SqliteJournal::open(&path).unwrap();
    Connection::open(&path).unwrap().execute("update chain set hash = x'00'", []).unwrap();
    let one = batch(vec![item(&run(1), 2, vec![event("note", "")])]);
    let text = block_on(journal.append(one, at(0))).unwrap_err().to_string();
    assert!(text.contains("run `rundown verify`"), "{text}");
    assert_eq!(block_on(journal.read(Select::All, 0, 9)).unwrap().len(), 2);
}
