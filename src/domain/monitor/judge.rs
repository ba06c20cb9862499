//! What an answer says about a monitor.
//!
//! Lives here: [`judge`]. Pure. Never lives here: asking, and what follows from several answers (`observe`).

use super::spec::Probe;
use super::state::{Level, Sample};
use crate::base::event::Instant;
use crate::base::expr::{Condition, Scope};
use crate::base::text::one_line;
use crate::domain::action::reply::Reply;

/// The longest text about what was seen, in characters.
const SEEN: usize = 300;

/// What a reply that came at `at`, after `took_ms`, says. No answer is a failure, whatever the reason: somebody has to look.
#[must_use]
pub fn judge(probe: &Probe, reply: Reply, at: Instant, took_ms: u32) -> Sample {
    let answer = match reply {
        Reply::Answered(answer) => answer,
        Reply::NotDone(failure) | Reply::Unknown(failure) => {
            return Sample { at, level: Level::Failing, seen: one_line(&failure.message, SEEN), took_ms: None };
        }
    };
    let measured = answer.facts.get("latency_ms").and_then(serde_json::Value::as_u64);
    let took_ms = measured.and_then(|millis| u32::try_from(millis).ok()).unwrap_or(took_ms);
    let scope: Scope = answer.facts.into_iter().collect();
    let (level, why) = match unmet(&probe.expect, &scope) {
        Some(why) => (Level::Failing, Some(why)),
        None => match unmet(&probe.degraded_unless, &scope) {
            Some(why) => (Level::Degraded, Some(why)),
            None => (Level::Healthy, None),
        },
    };
    let seen = match why {
        Some(why) => one_line(&format!("{}; {why}", answer.summary), SEEN),
        None => one_line(&answer.summary, SEEN),
    };
    Sample { at, level, seen, took_ms: Some(took_ms) }
}

/// The first condition that does not hold, in words.
fn unmet(conditions: &[Condition], scope: &Scope) -> Option<String> {
    conditions.iter().find_map(|condition| match condition.test(scope) {
        Ok(true) => None,
        Ok(false) => Some(format!("not so: {}", condition.source())),
        Err(error) => Some(format!("{}: {error}", condition.source())),
    })
}
