//! The drill: a backup is taken while a run goes on, the journal is lost, the backup is put back, the run comes to its end.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use serde_json::Value;

use crate::rundown::{Desk, Watched};

const PAGE: &str = "
# Take it

## Do it

### Take
```yaml rundown
id: take
http: { post: \"{{target.backend.url}}/take\" }
timeout: 2m
```

### Look at the board
Is it taken?
";

/// A backend that is told to take something and never says whether it did.
fn silent_backend() -> (String, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("a request");
            if sender.send(stream).is_err() {
                return;
            }
        }
    });
    (url, asked)
}

fn desk(url: &str) -> Desk {
    let targets = "environments: { production: { targets: { backend: { url: { env: BACKEND_URL } } } } }\n";
    let mut desk = Desk::with_pages(&[("targets.yaml", targets), ("take.md", PAGE)]);
    desk.set("BACKEND_URL", url);
    desk
}

/// Starts the run and waits until the change is on its way.
fn under_way(desk: &Desk, asked: &mpsc::Receiver<TcpStream>) -> (Watched, TcpStream) {
    let mut run = desk.watch(&["run", "take", "--json", "--yes", "--wait"]);
    while let Some(event) = run.next_event() {
        if event["kind"] == "attempt.sent" {
            return (run, asked.recv().expect("the request"));
        }
    }
    panic!("nothing was sent");
}

fn anchor(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("anchor: ")).expect("an anchor").to_owned()
}

fn events(desk: &Desk) -> Vec<Value> {
    desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events()
}

fn kept(desk: &Desk) -> Vec<PathBuf> {
    let files = std::fs::read_dir(desk.path()).expect("the folder").flatten().map(|entry| entry.path());
    files.filter(|path| path.to_string_lossy().contains("before-restore")).collect()
}

fn change(file: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(file).expect("a file of SQLite");
    assert_eq!(connection.execute(sql, []).expect("changed"), 1);
}

#[test]
fn a_lost_journal_is_put_back_and_the_run_ends() {
    let (url, asked) = silent_backend();
    let desk = desk(&url);
    let (run, _unanswered) = under_way(&desk, &asked);
    let backup = std::thread::scope(|scope| {
        for who in ["ben", "cleo"] {
            let desk = &desk;
            scope.spawn(move || {
                for number in 0..6 {
                    let text = format!("{who} looks, {number}");
                    desk.rundown(&["note", &text, "--as", who]).exits(0);
                }
            });
        }
        desk.rundown(&["backup", "copy.db"]).exits(0);
        desk.rundown(&["backup", "copy.db", "--force"]).exits(0);
        desk.rundown(&["backup", "copy.db", "--force"]).exits(0)
    });
    assert!(backup.out.contains("checked: as they were written"), "{}", backup.out);
    assert!(desk.rundown(&["backup", "copy.db"]).exits(2).err.contains("--force overwrites it"));
    desk.rundown(&["note", "this is after the backup"]).exits(0);
    let live = desk.rundown(&["restore", "copy.db", "--replace"]).exits(1);
    assert!(live.err.contains("is in use"), "{}", live.err);

    run.kill();
    std::fs::remove_file(desk.journal()).expect("lost");
    let log = desk.path().join("journal.db-wal");
    assert!(log.exists(), "a killed process leaves its log");
    let anchor = anchor(&backup.out);
    assert!(desk.rundown(&["restore", "copy.db"]).exits(2).err.contains("--replace keeps that one aside"));
    let restored = desk.rundown(&["restore", "copy.db", "--anchor", &anchor, "--replace"]).exits(0);
    let said = restored.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("Whatever was recorded after that, from #"), "{}", restored.out);
    assert!(restored.out.contains("rundown run --resume run-1"), "{}", restored.out);
    assert!(!log.exists(), "a log of another file must not be read into this one");
    assert_eq!(kept(&desk).len(), 1, "the log is all that was left, and is kept: {:?}", kept(&desk));
    assert_eq!(self::anchor(&desk.rundown(&["verify", "--anchor", &anchor]).exits(0).out), anchor);

    // What was sent and not answered when the backup was taken is in doubt.
    let resumed = desk.rundown(&["run", "--resume", "--json", "--yes"]).exits(3);
    assert!(resumed.out.contains("attempt.doubted"), "{}", resumed.out);
    desk.rundown(&["settle", "done", "--why", "the board says so"]).exits(0);
    desk.rundown(&["run", "--resume", "--json", "--yes"]).exits(3);
    desk.rundown(&["done"]).exits(0);
    desk.rundown(&["run", "--resume", "--json", "--yes"]).exits(0);
    let finished = events(&desk).pop().expect("events");
    assert_eq!((&finished["kind"], &finished["body"]["outcome"]), (&"run.finished".into(), &"succeeded".into()));
    assert!(!events(&desk).iter().any(|event| event["body"]["text"] == "this is after the backup"));
}

#[test]
fn a_damaged_backup_is_refused_and_the_first_bad_event_named() {
    let desk = desk("http://127.0.0.1:9");
    desk.rundown(&["incident", "declare", "Redis is full"]).exits(0);
    (0..3).for_each(|number| drop(desk.rundown(&["note", &format!("note {number}")]).exits(0)));
    let backup = desk.rundown(&["backup", "copy.db"]).exits(0);
    change(&desk.path().join("copy.db"), "update body set bytes = cast('{}' as blob) where pos = 3");
    let journal = std::fs::read(desk.journal()).expect("the journal");
    let refused = desk.rundown(&["restore", "copy.db", "--replace"]).exits(1);
    assert!(refused.err.contains("#3 (incident:inc-1, no. 3)"), "{}", refused.err);
    assert!(refused.err.contains("was not touched"), "{}", refused.err);
    assert_eq!(std::fs::read(desk.journal()).expect("the journal"), journal);

    // A journal that is damaged itself gives no backup that would be taken for a good one.
    change(&desk.journal(), "delete from body where pos = 2");
    let refused = desk.rundown(&["backup", "other.db"]).exits(1);
    assert!(refused.err.contains("the copy is not kept") && refused.err.contains("#2"), "{}", refused.err);
    let left: Vec<_> = std::fs::read_dir(desk.path()).expect("the folder").flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("other")), "{left:?}");

    // An older backup than the one the anchor was noted for is told from it.
    std::fs::rename(desk.path().join("copy.db"), desk.path().join("bad.db")).expect("moved");
    let later = format!("9{}", anchor(&backup.out));
    let mend = desk.rundown(&["restore", "bad.db", "--anchor", &later, "--replace"]).exits(1);
    assert!(mend.err.contains("bad.db is not restored"), "{}", mend.err);
}

#[test]
fn an_older_backup_says_what_it_lacks_and_brings_nothing_erased_back() {
    let desk = desk("http://127.0.0.1:9");
    desk.rundown(&["incident", "declare", "Redis is full"]).exits(0);
    desk.rundown(&["note", "the password is hunter2"]).exits(0);
    desk.rundown(&["backup", "old.db"]).exits(0);
    desk.rundown(&["purge", "2", "--why", "a password"]).exits(0);
    desk.rundown(&["note", "and another thing"]).exits(0);
    // Erased before it was taken: it is not in the copy at all.
    desk.rundown(&["backup", "new.db"]).exits(0);
    let holds = |file: &str| {
        let bytes = std::fs::read(desk.path().join(file)).expect("a copy");
        bytes.windows(7).any(|part| part == b"hunter2")
    };
    assert!(holds("old.db") && !holds("new.db"));

    let restored = desk.rundown(&["restore", "old.db", "--replace"]).exits(0);
    let said = restored.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("Events #3 to #4 were recorded after the backup"), "{}", restored.out);
    assert!(said.contains("erased again: #2"), "{}", restored.out);
    assert!(!holds("journal.db"));
    desk.rundown(&["verify"]).exits(0);
    let aside = kept(&desk);
    let [aside] = aside.as_slice() else { panic!("{aside:?}") };
    let held = desk.rundown(&["verify", "--journal", &aside.to_string_lossy()]).exits(0);
    assert!(held.out.contains("4 events"), "{}", held.out);
}

#[test]
fn only_a_file_that_is_free_is_written() {
    let desk = desk("http://127.0.0.1:9");
    assert!(desk.rundown(&["backup", "copy.db"]).exits(1).err.contains("there is no journal"));
    desk.rundown(&["incident", "declare", "Redis is full"]).exits(0);
    assert!(desk.rundown(&["backup", "journal.db", "--force"]).exits(2).err.contains("the journal itself"));
    assert!(desk.rundown(&["backup", "."]).exits(2).err.contains("a folder"));
    assert!(desk.rundown(&["backup", "nowhere/copy.db"]).exits(1).err.contains("cannot be written"));
    let mut page = std::fs::File::create(desk.path().join("page.md")).expect("a file");
    page.write_all(b"# A page, no journal\n").expect("written");
    assert!(desk.rundown(&["restore", "page.md", "--replace"]).exits(1).err.contains("is not a journal"));
    desk.rundown(&["verify"]).exits(0);
}
