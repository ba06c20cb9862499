//! Durations as people write them.
//!
//! Lives here: [`Span`]. Never lives here: points in time.

use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ScheduleFault;
use crate::base::text::one_line;

/// Units from the largest down, with their milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const LIKE: &str = "write it like 500ms, 15s, 1h30m or 1d";

/// A length of time from 0 to 366 days in whole milliseconds. Written and read as `500ms`, `15s`, `1h30m`, `2h`, `1d`;
/// a day is 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// 366 days.
    pub const MAX: Self = Self(366 * 86_400_000);

    /// That many seconds; more than [`Self::MAX`] becomes it.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        let millis = seconds.saturating_mul(1000);
        if millis > Self::MAX.0 { Self::MAX } else { Self(millis) }
    }

    /// Reads a duration. Each unit may occur once, the larger before the smaller.
    ///
    /// # Errors
    /// Nothing that looks like a duration, a negative one, an unknown unit, more than 366 days.
    pub fn parse(text: &str) -> Result<Self, ScheduleFault> {
        let trimmed = text.trim();
        let shown = one_line(trimmed, 40);
        if trimmed.is_empty() {
            return Err(ScheduleFault::new("the duration is empty").hint(LIKE));
        }
        if trimmed.starts_with(['-', '−']) {
            return Err(ScheduleFault::new(format!("'{shown}' is negative")).hint(LIKE));
        }
        let mut rest = trimmed;
        let mut total: u64 = 0;
        let mut units = UNITS.as_slice();
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].find(|char: char| char.is_ascii_digit() || char == ' ');
            let (number, tail) = rest.split_at(digits);
            let (unit, tail) = tail.split_at(letters.unwrap_or(tail.len()));
            if digits == 0 {
                return Err(ScheduleFault::new(format!("'{shown}' is not a duration")).hint(LIKE));
            }
            let Some(at) = units.iter().position(|(name, _)| *name == unit) else {
                return Err(bad_unit(&shown, number, unit));
            };
            let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(units[at].1));
            let sum = milliseconds.and_then(|milliseconds| total.checked_add(milliseconds));
            total = sum.filter(|sum| *sum <= Self::MAX.0).ok_or_else(|| too_long(&shown))?;
            units = &units[at + 1..];
            rest = tail.trim_start();
        }
        Ok(Self(total))
    }

    /// Reads a duration that must not be zero: an interval, a deadline.
    ///
    /// # Errors
    /// As [`Self::parse`], and zero.
    pub fn parse_positive(text: &str) -> Result<Self, ScheduleFault> {
        let span = Self::parse(text)?;
        if span == Self::ZERO {
            let fault = ScheduleFault::new(format!("'{}' is no time at all", one_line(text.trim(), 40)));
            return Err(fault.hint("it must be longer than 0"));
        }
        Ok(span)
    }

    /// For timers.
    #[must_use]
    pub const fn std(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// For arithmetic with points in time.
    #[must_use]
    pub fn delta(self) -> TimeDelta {
        TimeDelta::milliseconds(self.0.cast_signed())
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }
}

fn too_long(shown: &str) -> ScheduleFault {
    ScheduleFault::new(format!("'{shown}' is longer than 366 days"))
}

fn bad_unit(shown: &str, number: &str, unit: &str) -> ScheduleFault {
    let known = UNITS.iter().any(|(name, _)| *name == unit);
    let lower = unit.to_lowercase();
    let meant = match lower.as_str() {
        _ if known => return ScheduleFault::new(format!("'{shown}' has its units out of order")).hint(LIKE),
        "" => return ScheduleFault::new(format!("'{shown}' has no unit")).hint(format!("{number}s for seconds")),
        "msec" | "msecs" | "millis" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" | "s" => "s",
        "min" | "mins" | "minute" | "minutes" | "m" => "m",
        "hr" | "hrs" | "hour" | "hours" | "h" => "h",
        "day" | "days" | "d" => "d",
        "w" | "week" | "weeks" => {
            let days = number.parse::<u64>().map_or(7, |weeks| weeks.saturating_mul(7));
            return ScheduleFault::new(format!("'{shown}': weeks are not a unit")).hint(format!("write {days}d"));
        }
        _ => {
            let message = format!("'{shown}': '{}' is not a unit", one_line(unit, 20));
            return ScheduleFault::new(message).hint("units are ms, s, m, h and d");
        }
    };
    ScheduleFault::new(format!("'{shown}': '{unit}' is not a unit")).hint(format!("write {number}{meant}"))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut left = self.0;
        for (unit, size) in UNITS {
            let count = left / size;
            left %= size;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Span {
    type Err = ScheduleFault;
    fn from_str(text: &str) -> Result<Self, ScheduleFault> {
        Self::parse(text)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|fault| match fault.hint {
            Some(hint) => serde::de::Error::custom(format!("{}; {hint}", fault.message)),
            None => serde::de::Error::custom(fault.message),
        })
    }
}
