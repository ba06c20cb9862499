//! How long and when: durations as people write them, cron schedules, time zones.
//!
//! Lives here: [`Span`], [`Cron`], [`zone`], and how the times of a wall clock become
//! instants ([`instant_of`]). Never lives here: a clock, timers, who waits for what.

mod cron;
mod local;
mod span;

pub use cron::Cron;
pub use local::{clock_changes, instant_of, instants_of};
pub use span::Span;

use chrono_tz::Tz;

use super::text::{nearest, one_line};

/// What is wrong with a duration, a schedule or the name of a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScheduleFault {
    /// One sentence without a full stop, naming what was given.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ScheduleFault {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The time zone of that name in the IANA database: `Europe/Berlin`, `UTC`. Upper and lower case count as the same.
///
/// # Errors
/// A name that is not there; the hint is the most similar one.
pub fn zone(name: &str) -> Result<Tz, ScheduleFault> {
    let found = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name.trim()));
    found.copied().ok_or_else(|| {
        let fault = ScheduleFault::new(format!("there is no time zone '{}'", one_line(name, 40)));
        match similar_zone(name.trim()) {
            Some(similar) => fault.hint(format!("did you mean {similar}?")),
            None => fault.hint("zones are named like Europe/Berlin or UTC"),
        }
    })
}

/// By the whole name, else by the city alone: `Berlin` for `Europe/Berlin`.
fn similar_zone(name: &str) -> Option<&'static str> {
    let names = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |name: &'static str| name.rsplit('/').next().unwrap_or(name);
    nearest(name, names()).or_else(|| {
        let spaced = name.replace(' ', "_");
        let near = nearest(&spaced, names().map(city))?;
        names().find(|name| city(name) == near)
    })
}

#[cfg(test)]
mod tests;
