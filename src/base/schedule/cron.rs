//! Cron schedules in five fields: minute, hour, day of month, month, day of week.
//!
//! Lives here: [`Cron`]. Never lives here: waiting for them.
//!
//! The `cron` crate wants six fields, counts Sunday as 1 and combines the two day fields with *and*; so the five fields are
//! read here and handed over written out, and a schedule that restricts both days (which cron has always meant as *or*)
//! becomes two. It also errs around changes of the clock when it is asked in a zone; so it is asked on the wall clock's own
//! timeline, and its answers become instants by the one rule of [`instant_of`].

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use cron::Schedule;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ScheduleFault, instant_of};
use crate::base::event::Instant;
use crate::base::text::one_line;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Most days each month can have.
const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// Longest text that is read as a schedule, in bytes.
const MAX_TEXT: usize = 256;

/// A checked schedule. Equal when written the same. Written and read as its text.
#[derive(Clone)]
pub struct Cron {
    text: String,
    /// One, or two of which either may come first.
    schedules: Vec<Schedule>,
}

impl Cron {
    /// Reads five fields: `*/15 9-17 * * mon-fri`. Lists, ranges, steps, names of months and days; Sunday is 0 or 7.
    ///
    /// # Errors
    /// Another number of fields, values out of range, dates that never come (30 February).
    pub fn parse(text: &str) -> Result<Self, ScheduleFault> {
        if text.len() > MAX_TEXT {
            return Err(ScheduleFault::new(format!("a schedule may be {MAX_TEXT} bytes long")));
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            let message = format!("'{}' has {} fields, a schedule has 5", one_line(text, 60), fields.len());
            return Err(ScheduleFault::new(message).hint("minute hour day-of-month month day-of-week: 0 9 * * mon-fri"));
        };
        let minutes = Field { what: "minute", least: 0, most: 59, names: &[], first: 0 }.read(minute)?;
        let hours = Field { what: "hour", least: 0, most: 23, names: &[], first: 0 }.read(hour)?;
        let days = Field { what: "day of month", least: 1, most: 31, names: &[], first: 0 }.read(day)?;
        let months = Field { what: "month", least: 1, most: 12, names: &MONTHS, first: 1 }.read(month)?;
        let weekdays = Field { what: "day of week", least: 0, most: 7, names: &DAYS, first: 0 }.read(weekday)?;
        if *weekday == "*" {
            check_dates(text, &days, &months)?;
        }
        let weekdays = weekdays.iter().map(|day| DAYS[*day as usize % 7]).collect::<Vec<_>>().join(",");
        let (minutes, hours, months) = (numbers(&minutes), numbers(&hours), numbers(&months));
        let days = numbers(&days);
        let patterns = match (*day, *weekday) {
            ("*", "*") => vec![format!("0 {minutes} {hours} * {months} *")],
            ("*", _) => vec![format!("0 {minutes} {hours} * {months} {weekdays}")],
            (_, "*") => vec![format!("0 {minutes} {hours} {days} {months} *")],
            _ => vec![
                format!("0 {minutes} {hours} {days} {months} *"),
                format!("0 {minutes} {hours} * {months} {weekdays}"),
            ],
        };
        let schedules = patterns.iter().map(|pattern| Schedule::from_str(pattern)).collect::<Result<_, _>>();
        let schedules = schedules.map_err(|error| ScheduleFault::new(format!("'{}': {error}", one_line(text, 60))))?;
        Ok(Self { text: fields.join(" "), schedules })
    }

    /// As it was written, with single spaces.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first instant after `after` at which it is due where `zone`'s clocks hang. `None` beyond the year 2100.
    #[must_use]
    pub fn next_after(&self, after: Instant, zone: Tz) -> Option<Instant> {
        let mut local = after.with_timezone(&zone).naive_local();
        loop {
            local = self.next_local(local)?;
            // Wall-clock times after `after`'s can be instants before it: those that the clock shows a second time.
            if let Some(instant) = Some(instant_of(local, zone)).filter(|instant| *instant > after) {
                return Some(instant);
            }
        }
    }

    /// The next time on the wall clock's own timeline.
    fn next_local(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let after = after.and_utc();
        self.schedules.iter().filter_map(|schedule| schedule.after(&after).next()).min().map(|next| next.naive_utc())
    }
}

/// Refuses days that none of the months has.
fn check_dates(text: &str, days: &[u32], months: &[u32]) -> Result<(), ScheduleFault> {
    let first = days.first().copied().unwrap_or(1);
    if months.iter().any(|month| LENGTHS[*month as usize - 1] >= first) {
        return Ok(());
    }
    let message = format!("'{}' never comes: no such month has a day {first}", one_line(text, 60));
    Err(ScheduleFault::new(message))
}

fn numbers(values: &[u32]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What one field may hold. `first` is the number of the first name.
struct Field {
    what: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
    first: u32,
}

impl Field {
    /// All values, in order.
    fn read(&self, text: &str) -> Result<Vec<u32>, ScheduleFault> {
        let mut values = Vec::new();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    let number = step.parse::<u32>().ok().filter(|step| *step > 0);
                    (range, number.ok_or_else(|| self.fault(part, "a step is a number from 1"))?)
                }
                None => (part, 1),
            };
            let (from, to) = match (range, range.split_once('-')) {
                ("*", _) => (self.least, self.most.min(self.least + self.span() - 1)),
                (_, Some((from, to))) => (self.value(from)?, self.value(to)?),
                (_, None) if part.contains('/') => (self.value(range)?, self.most.min(self.least + self.span() - 1)),
                (_, None) => (self.value(range)?, self.value(range)?),
            };
            // `fri-sun`: Sunday ends a week as well as it begins one.
            let to = if self.most == 7 && to == 0 && from > 0 { 7 } else { to };
            if from > to {
                return Err(self.fault(part, "the range runs backwards"));
            }
            values.extend((from..=to).step_by(step as usize));
        }
        if self.most == 7 {
            values.iter_mut().for_each(|day| *day %= 7);
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// How many different values there are: Sunday is 0 and 7.
    fn span(&self) -> u32 {
        if self.most == 7 { 7 } else { self.most - self.least + 1 }
    }

    fn value(&self, text: &str) -> Result<u32, ScheduleFault> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        if let Some(at) = named.and_then(|at| u32::try_from(at).ok()) {
            return Ok(self.first + at);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(value) if digits && (self.least..=self.most).contains(&value) => Ok(value),
            Ok(_) if digits => Err(self.fault(text, &format!("it goes from {} to {}", self.least, self.most))),
            _ => {
                let near = crate::base::text::nearest(text, self.names.iter().copied());
                let why = near.map_or("not a value".to_owned(), |name| format!("did you mean {name}?"));
                Err(self.fault(text, &why))
            }
        }
    }

    fn fault(&self, text: &str, hint: &str) -> ScheduleFault {
        ScheduleFault::new(format!("'{}' is no {}", one_line(text, 40), self.what)).hint(hint)
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for Cron {}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cron").field(&self.text).finish()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Cron {
    type Err = ScheduleFault;
    fn from_str(text: &str) -> Result<Self, ScheduleFault> {
        Self::parse(text)
    }
}

impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
