//! Whether this process can do its work now: the journal can be written, Discord is connected, the clock is sane.
//!
//! Lives here: asking each of them, the sentences, [`Chat`] (how the connection to Discord is, told by whoever keeps it). Never lives here:
//! who asks (`web/operations`), trying the disk (`journal`). What is said here names no path, no address and no person: whoever
//! can reach the pages may read it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures::future::{BoxFuture, Either, select};
use futures::lock::Mutex;
use serde::Serialize;

use super::Bot;
use crate::base::clock::{Clock, OFF};
use crate::base::event::Instant;
use crate::journal::{Condition, Hindrance, Journal, ReadError, Select};
use crate::view::time::length;

/// How long the journal may take to answer. Whoever asks a container whether it is ready often waits no longer than this.
const WITHIN: TimeDelta = TimeDelta::seconds(2);
/// For how long an answer counts: however often somebody asks, the journal is tried no more often than this.
const FRESH: Duration = Duration::from_secs(1);

/// Asks whether a connection stands.
pub type Stands = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// How the connection to Discord is; shared by who keeps it and who asks.
#[derive(Clone, Default)]
pub struct Chat(Arc<std::sync::Mutex<Kept>>);

/// What is known of the connection without asking.
#[derive(Clone, Default)]
enum Kept {
    #[default]
    None,
    OverHttp,
    Down,
    /// It is asked each time: whoever keeps it does not tell of every break.
    Asked(Stands),
}

/// How the connection to Discord is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// There is none to keep: Discord is not set up.
    #[default]
    None,
    /// There is none to keep: Discord sends requests.
    OverHttp,
    /// It does not stand.
    Down,
    /// It stands.
    Up,
}

impl Chat {
    /// There is none yet, or none any more.
    pub fn is_down(&self) {
        self.keep(Kept::Down);
    }

    /// None is needed: Discord sends requests.
    pub fn is_over_http(&self) {
        self.keep(Kept::OverHttp);
    }

    /// There may be one; this tells.
    pub fn stands_where(&self, stands: Stands) {
        self.keep(Kept::Asked(stands));
    }

    /// How it is.
    pub async fn link(&self) -> Link {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept {
            Kept::None => Link::None,
            Kept::OverHttp => Link::OverHttp,
            Kept::Down => Link::Down,
            Kept::Asked(stands) => match stands().await {
                true => Link::Up,
                false => Link::Down,
            },
        }
    }

    fn keep(&self, kept: Kept) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

/// One thing that must be in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub check: &'static str,
    /// Whether it is.
    pub ok: bool,
    /// How it is, in a sentence.
    pub says: String,
    /// What to do, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<&'static str>,
}

/// All that must be in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Each.
    pub checks: Vec<Check>,
    /// How the connection to Discord is.
    pub chat: Link,
    /// What the journal said of itself, where it answered.
    pub journal: Option<Condition>,
    /// How many events it holds, where that could be read.
    pub events: Option<u64>,
}

impl Report {
    /// Whether everything is in order.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

/// Asks, and keeps the answer for a moment.
pub struct Readiness {
    /// What the wall clock and the monotonic one showed when the process began.
    began: (Instant, Duration),
    last: Mutex<Option<(Duration, Arc<Report>)>>,
}

/// What the clocks show.
struct Times {
    /// By how much the wall clock went further than time did since the process began.
    jumped: TimeDelta,
    /// By how much it is behind the last event.
    behind: TimeDelta,
}

impl Readiness {
    /// From now on the wall clock is held against the one that never jumps.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        Self { began: (clock.now(), clock.monotonic()), last: Mutex::default() }
    }

    /// When the process began.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began.0
    }

    /// How everything is, or was less than a second ago. Who asks meanwhile waits for the same answer.
    pub async fn report(&self, bot: &Bot) -> Arc<Report> {
        let mut last = self.last.lock().await;
        let now = bot.clock().monotonic();
        if let Some((_, report)) = last.as_ref().filter(|(at, _)| now.saturating_sub(*at) < FRESH) {
            return report.clone();
        }
        let report = Arc::new(self.ask(bot).await);
        *last = Some((bot.clock().monotonic(), report.clone()));
        report
    }

    async fn ask(&self, bot: &Bot) -> Report {
        let clock = bot.clock();
        let chat = within(&**clock, bot.chat().link()).await.unwrap_or(Link::Down);
        let Ok(engine) = bot.engine() else {
            // A server opens it before it answers anybody.
            let checks = vec![judge_journal(None, &Ok(())), judge_chat(chat)];
            return Report { checks, chat, journal: None, events: None };
        };
        let journal = engine.journal();
        let condition = within(&**clock, journal.condition()).await;
        let last = within(&**clock, last_event(&**journal)).await;
        let read = match &last {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => {
                tracing::warn!(%error, "the journal cannot be read");
                Err("it cannot be read")
            }
            None => Err("it did not answer within 2 s"),
        };
        let (events, at) = last.and_then(Result::ok).unwrap_or_default();
        let now = clock.now();
        let passed = clock.monotonic().saturating_sub(self.began.1);
        let jumped = now - self.began.0 - TimeDelta::from_std(passed).unwrap_or_default();
        let times = Times { jumped, behind: at.map_or(TimeDelta::zero(), |at| at - now) };
        let checks = vec![judge_journal(condition.as_ref(), &read), judge_chat(chat), judge_clock(&times)];
        Report { checks, chat, journal: condition, events: read.is_ok().then_some(events) }
    }
}

/// How many events there are, and when the last one was recorded.
async fn last_event(journal: &dyn Journal) -> Result<(u64, Option<Instant>), ReadError> {
    let head = journal.head().await?.pos;
    let rows = journal.read(Select::All, head.saturating_sub(1), 1).await?;
    Ok((head, rows.first().map(|row| row.at)))
}

async fn within<T>(clock: &dyn Clock, asked: impl Future<Output = T>) -> Option<T> {
    match select(std::pin::pin!(asked), clock.sleep_until(clock.now() + WITHIN)).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => None,
    }
}

fn good(check: &'static str, says: &str) -> Check {
    Check { check, ok: true, says: says.to_owned(), mend: None }
}

fn wrong(check: &'static str, says: impl Into<String>, mend: &'static str) -> Check {
    Check { check, ok: false, says: says.into(), mend: Some(mend) }
}

fn judge_journal(condition: Option<&Condition>, read: &Result<(), &str>) -> Check {
    const CHECK: &str = "journal";
    let look = "Look at the log of this process and at the disk; `rundown doctor` beside it says more.";
    let Some(condition) = condition else {
        return wrong(CHECK, "it gave no answer within 2 s to whether it can be written", look);
    };
    let (says, mend) = match (condition.hindrance, read) {
        (None, Ok(())) => return good(CHECK, "it can be written"),
        (None, Err(why)) => (*why, look),
        (Some(Hindrance::NoRoom), _) => ("its disk is full", "Make room: nothing is recorded before there is some."),
        (Some(Hindrance::ReadOnly), _) => {
            ("it may only be read", "Let this process's user write the file and its folder.")
        }
        (Some(Hindrance::Locked), _) => {
            ("another program keeps it locked", "End that program: a backup that hangs, an open sqlite3 shell.")
        }
        (Some(Hindrance::Disk), _) => {
            ("its disk did not do what it was told", "Look at the system log before going on.")
        }
        (Some(Hindrance::Damaged), _) => {
            ("what stands in it contradicts itself", "Run `rundown verify`, and restore a backup where it says so.")
        }
        (Some(Hindrance::Other), _) => ("it cannot be written", look),
    };
    wrong(CHECK, says, mend)
}

fn judge_chat(link: Link) -> Check {
    const CHECK: &str = "chat";
    match link {
        Link::Up => good(CHECK, "connected to Discord"),
        Link::OverHttp => good(CHECK, "Discord sends requests: there is no connection to keep"),
        Link::None => good(CHECK, "Discord is not set up"),
        Link::Down => wrong(
            CHECK,
            "not connected to Discord; runs go on",
            "Wait, if Discord has an outage. Otherwise look at the log: a token, a network, too many connections today.",
        ),
    }
}

fn judge_clock(times: &Times) -> Check {
    const CHECK: &str = "clock";
    if times.behind > OFF {
        return wrong(
            CHECK,
            format!("it is {} behind the last event on record", length(times.behind)),
            "Let the system set its clock (NTP). Until it has caught up, all times on record stand still.",
        );
    }
    if times.jumped.abs() > OFF {
        let way = if times.jumped > TimeDelta::zero() { "forward" } else { "back" };
        return wrong(
            CHECK,
            format!("it was set {way} by {} since this process began", length(times.jumped.abs())),
            "See that it is right now (NTP), then start this process again: deadlines were reckoned by the other time.",
        );
    }
    good(CHECK, "it runs evenly, and not behind what is on record")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_wrong_has_its_sentence() {
        let condition = |hindrance| Condition { hindrance, ..Condition::default() };
        let hindrances = [
            Hindrance::NoRoom,
            Hindrance::ReadOnly,
            Hindrance::Locked,
            Hindrance::Disk,
            Hindrance::Damaged,
            Hindrance::Other,
        ];
        let mut checks: Vec<Check> =
            hindrances.map(|hindrance| judge_journal(Some(&condition(Some(hindrance))), &Ok(()))).into();
        checks.push(judge_journal(None, &Ok(())));
        checks.push(judge_journal(Some(&condition(None)), &Err("it cannot be read")));
        checks.push(judge_journal(Some(&condition(None)), &Ok(())));
        checks.extend([Link::None, Link::OverHttp, Link::Down, Link::Up].map(judge_chat));
        let seconds = TimeDelta::seconds;
        for (jumped, behind) in [(0, -60), (0, 90), (3_600, -1), (-7, 2), (5, 5)] {
            checks.push(judge_clock(&Times { jumped: seconds(jumped), behind: seconds(behind) }));
        }
        let said: Vec<String> = checks
            .iter()
            .map(|check| {
                let mark = if check.ok { "ok" } else { "NO" };
                format!("{mark} {}: {} {}", check.check, check.says, check.mend.unwrap_or_default()).trim().to_owned()
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
