//! What leaves `step/` as text: without secrets, and on one line where it is a summary.
//!
//! Lives here: scrubbing and neutralising, in that order, durations for people, failures of transports as failures of
//! steps. Never lives here: facts of a kind.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Executors;
use crate::base::text::one_line;
use crate::client::SendError;
use crate::domain::action::reply::{Failure, Reply};

/// Characters of a summary or a failure's message.
const LINE: usize = 400;

impl Executors {
    /// One line for people.
    pub(super) fn line(&self, text: &str) -> String {
        one_line(&self.secrets.scrubber().scrub(text), LINE)
    }

    /// Text that is kept as it came, but for secrets.
    pub(super) fn scrubbed(&self, text: &str) -> String {
        self.secrets.scrubber().scrub(text)
    }

    pub(super) fn scrubbed_json(&self, value: Value) -> Value {
        self.secrets.scrubber().scrub_json(value)
    }

    /// Named values, scrubbed.
    pub(super) fn facts<'a>(&self, named: impl IntoIterator<Item = (&'a str, Value)>) -> Map<String, Value> {
        named.into_iter().map(|(name, value)| (name.to_owned(), self.scrubbed_json(value))).collect()
    }

    pub(super) fn passing(&self, message: &str) -> Failure {
        Failure::passing(self.line(message))
    }

    pub(super) fn lasting(&self, message: &str) -> Failure {
        Failure::lasting(self.line(message))
    }

    pub(super) fn unsent(&self, error: &SendError) -> Reply {
        match error {
            SendError::Denied(message) => Reply::NotDone(self.lasting(message)),
            SendError::NotSent(message) => Reply::NotDone(self.passing(message)),
            SendError::Unanswered(message) => Reply::Unknown(self.passing(message)),
        }
    }
}

/// `850 ms`, `31 s`, `41 min`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let pair = |big: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {small_unit}") }
    };
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..120 => format!("{seconds} s"),
        120..600 => pair(seconds / 60, "min", seconds % 60, "s"),
        600..7200 => format!("{} min", seconds / 60),
        7200..172_800 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_person_says_them() {
        let shown = [0, 1, 31, 119, 120, 185, 2460, 7200, 7500, 200_000].map(|s| span(Duration::from_secs(s)));
        assert_eq!(
            shown,
            ["0 ms", "1 s", "31 s", "119 s", "2 min", "3 min 5 s", "41 min", "2 h", "2 h 5 min", "2 d 7 h"]
        );
    }
}
