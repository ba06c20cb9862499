//! The journal: whether it can be written, whether there is room, whether its last events are as they were written.
//!
//! Lives here: the sentences, and the thread that waits for the disk. Never lives here: trying (`journal/sqlite/examine`).

use std::path::Path;

use chrono::TimeDelta;
use futures::channel::oneshot;

use super::finding::Finding;
use super::probe::within;
use crate::base::clock::Clock;
use crate::base::text::one_line;
use crate::journal::recent::{Recent, recent};
use crate::journal::sqlite::examine::{Tried, free_space, try_write};
use crate::journal::sqlite::{OpenError, SqliteJournal};
use crate::journal::verify::VerifyError;

const CHECK: &str = "journal";
/// How many of the last events are looked at.
const LAST: u64 = 1000;
/// Below this much room somebody should look at it, in bytes.
const ROOM: u64 = 200_000_000;
/// How long the disk may take: SQLite itself waits 5 seconds for somebody else's lock.
const WITHIN: TimeDelta = TimeDelta::seconds(10);

/// What the disk said.
struct Seen {
    tried: Result<Tried, OpenError>,
    room: Option<u64>,
    read: Option<Result<Recent, VerifyError>>,
}

/// Tries the journal at `path` on a thread of its own.
pub async fn examine(path: &Path, clock: &dyn Clock) -> Vec<Finding> {
    let (done, seen) = oneshot::channel();
    let file = path.to_owned();
    std::thread::spawn(move || {
        // Nobody waits any longer: then nobody wants to know.
        drop(done.send(look(&file)));
    });
    match within(clock, WITHIN, seen).await {
        Some(Ok(seen)) => judge(path, &seen),
        _ => vec![
            Finding::wrong(CHECK, format!("the disk under {} gave no answer within 10 s", path.display()))
                .mend("Look at the system log, and at whether the folder lies on a network disk that is gone."),
        ],
    }
}

fn look(path: &Path) -> Seen {
    let tried = try_write(path);
    let room = free_space(path);
    let read = (tried != Ok(Tried::Makeable) && path.exists()).then(|| match SqliteJournal::open_read_only(path) {
        Ok(journal) => futures::executor::block_on(recent(&journal, LAST)),
        Err(error) => Err(VerifyError::Unread(error.to_string())),
    });
    Seen { tried, room, read }
}

fn judge(path: &Path, seen: &Seen) -> Vec<Finding> {
    let shown = path.display();
    let mut findings = vec![match &seen.tried {
        Ok(Tried::Writable) => Finding::good(CHECK, format!("{shown} can be written")),
        Ok(Tried::Makeable) => Finding::good(CHECK, format!("there is none at {shown} yet; it can be made")),
        Err(error) => {
            // What to do stands behind the colon.
            let text = one_line(&error.to_string(), 400);
            match text.split_once(": ").filter(|_| !matches!(error, OpenError::Failed(text) if text.contains("beside")))
            {
                Some((what, how)) => Finding::wrong(CHECK, what).mend(sentence(how)),
                None => Finding::wrong(CHECK, text)
                    .mend("Nothing can be recorded like that: look at who owns the folder and its disk."),
            }
        }
    }];
    if seen.tried.is_ok() {
        findings.extend(seen.read.as_ref().map(last_events));
    }
    findings.push(space(seen.room));
    findings
}

fn last_events(read: &Result<Recent, VerifyError>) -> Finding {
    const CHECK: &str = "last events";
    match read {
        Ok(Recent { of: 0, .. }) => Finding::good(CHECK, "the journal is empty"),
        Ok(Recent { checked, of }) if checked == of => {
            Finding::good(CHECK, format!("all {of} events are as they were written"))
        }
        Ok(Recent { checked, of }) => Finding::good(
            CHECK,
            format!("the last {checked} of {of} are as they were written; `rundown verify` reads them all"),
        ),
        Err(error) => Finding::wrong(CHECK, one_line(&error.to_string(), 400))
            .mend("Keep a copy of the journal with its -wal file, and restore a backup: docs/operations.md says how."),
    }
}

fn space(room: Option<u64>) -> Finding {
    const CHECK: &str = "free space";
    match room {
        None => Finding::note(CHECK, "the system does not tell how much room the journal's disk has"),
        Some(room) if room < ROOM => Finding::warn(CHECK, format!("{} are left on the journal's disk", size(room)))
            .mend("Make room, or move the journal to a larger disk. A journal without room records nothing, and nothing runs."),
        Some(room) => Finding::good(CHECK, format!("{} are left on the journal's disk", size(room))),
    }
}

fn size(bytes: u64) -> String {
    match bytes / 1_000_000 {
        megabytes @ 0..10_000 => format!("{megabytes} MB"),
        more => format!("{} GB", more / 1000),
    }
}

/// A clause as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_in_which_a_journal_fails_has_its_sentence() {
        let seen = |tried, room, read| judge(Path::new("j.db"), &Seen { tried, room, read });
        let recent = |checked, of| Some(Ok(Recent { checked, of }));
        let failed = |text: &str| Err(OpenError::Failed(text.into()));
        let all = [
            seen(Ok(Tried::Writable), Some(25_300_000_000), recent(1000, 48_211)),
            seen(Ok(Tried::Writable), Some(120_000_000), recent(12, 12)),
            seen(Ok(Tried::Makeable), None, None),
            seen(
                failed("the journal j.db cannot be written: check that the file belongs to this user"),
                Some(1),
                recent(1, 1),
            ),
            seen(failed("nothing can be written beside the journal j.db: /var: permission denied"), None, None),
            seen(Err(OpenError::Newer { path: "j.db".into(), found: 3, known: 1 }), None, None),
            seen(Err(OpenError::Foreign("j.db".into())), None, None),
            seen(Ok(Tried::Writable), None, Some(Err(VerifyError::Unread("#7 is missing".into())))),
        ];
        insta::assert_snapshot!(super::super::finding::page(&all.concat(), Default::default(), 100));
    }
}
