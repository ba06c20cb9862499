//! What was seen before and after a change, a line each: the same words in a chat and at a terminal.
//!
//! Lives here: the wording. Never lives here: what has to do with a change (`domain::run::evidence`), escapes and colours (the
//! doors).

use super::time;
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::domain::run::evidence::{After, Seen};

/// What stands where no step of the run looked before the change.
pub const NOTHING: &str = "before: no step of this run has looked at it";

/// How a door writes: what it makes of text from outside, with so many characters at most, and of a moment.
pub struct Pen<'a> {
    /// Text from outside.
    pub safe: &'a dyn Fn(&str, usize) -> String,
    /// How long ago: `3 min ago`.
    pub ago: &'a dyn Fn(Instant) -> String,
}

/// Characters of a step's heading and of what it saw.
const TITLE: usize = 60;
const SAID: usize = 160;

/// What was seen before a change, a line each; one line that says so where nothing was.
#[must_use]
pub fn before(seen: &[Seen], pen: &Pen<'_>) -> Vec<String> {
    if seen.is_empty() {
        return vec![NOTHING.to_owned()];
    }
    seen.iter().map(|seen| format!("before: {}", line(seen, pen))).collect()
}

/// What was seen before it as plain text, with the moments themselves: for what is read later.
#[must_use]
pub fn plain_before(seen: &[Seen]) -> Vec<String> {
    let ago = |at: Instant| format!("at {} UTC", time::moment(at, chrono_tz::Tz::UTC));
    before(seen, &Pen { safe: &one_line, ago: &ago })
}

/// What was seen after it, a line each.
#[must_use]
pub fn after(after: &After, pen: &Pen<'_>) -> Vec<String> {
    [Some(&after.change), after.check.as_ref()]
        .into_iter()
        .flatten()
        .map(|seen| format!("after: {}", line(seen, pen)))
        .collect()
}

/// `Check Redis health · failed 2 min ago · answered 503; expected status == 200`.
fn line(seen: &Seen, pen: &Pen<'_>) -> String {
    let (said, ago) = ((pen.safe)(&seen.said, SAID), (pen.ago)(seen.at));
    let said = if said.is_empty() { said } else { format!(" · {said}") };
    match &seen.step {
        Some((title, ok)) => {
            let how = if *ok { "done" } else { "failed" };
            format!("{} · {how} {ago}{said}", (pen.safe)(title, TITLE))
        }
        None => format!("its state {ago}{said}"),
    }
}
