//! Moments as people type them: `14:05`, `10m ago`, `2026-01-30T14:05:00Z`.
//!
//! Lives here: [`read`], [`read_ahead`], [`read_next`]. Never lives here: what the moment is for.

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;

use super::Fault;
use crate::base::event::Instant;
use crate::base::schedule::{Span, instant_of};

/// A moment in a zone, seen from `now`. A time of day is the latest one that is not in the future; of a local time that a
/// clock change repeats, the first.
///
/// # Errors
/// Text of another shape, a local time that a clock change skips.
pub fn read(text: &str, zone: Tz, now: Instant) -> Result<Instant, Fault> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Some(span) = text.strip_suffix("ago").and_then(|span| Span::parse(span.trim()).ok()) {
        return now.checked_sub_signed(span.delta()).ok_or_else(|| bad(text));
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    let local = |naive: NaiveDateTime| zone.from_local_datetime(&naive).earliest().map(|moment| moment.to_utc());
    if let Some(naive) = dated(text) {
        return local(naive).ok_or_else(|| Fault::Usage(format!("{text} never was in {zone}: clocks skipped it")));
    }
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"));
    let today = now.with_timezone(&zone).date_naive();
    let at = time.map_err(|_| bad(text))?;
    let candidates = [today, today - TimeDelta::days(1)];
    candidates
        .into_iter()
        .filter_map(|day| local(day.and_time(at)))
        .find(|moment| *moment <= now)
        .ok_or_else(|| Fault::Usage(format!("{text} was in {zone} neither today nor yesterday: clocks skipped it")))
}

/// A moment that may lie ahead: a date with a time of day in a zone, `in 2d`, or RFC 3339.
///
/// # Errors
/// Text of another shape, a local time that a clock change skips.
pub fn read_ahead(text: &str, zone: Tz, now: Instant) -> Result<Instant, Fault> {
    let given = text.trim();
    if let Some(span) = given.strip_prefix("in ").and_then(|span| Span::parse(span.trim()).ok()) {
        return now.checked_add_signed(span.delta()).ok_or_else(|| bad(text));
    }
    // A time of day alone could be today's or tomorrow's: for what lies ahead the day is said.
    if NaiveTime::parse_from_str(given, "%H:%M").is_ok() {
        return Err(Fault::Usage(format!("say the day as well: 2026-02-03 {given}, or 'in 2h'")));
    }
    read(given, zone, now)
}

/// A date with a time of day.
fn dated(text: &str) -> Option<NaiveDateTime> {
    let shapes = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"];
    shapes.iter().find_map(|shape| NaiveDateTime::parse_from_str(text, shape).ok())
}

/// A moment that lies ahead as a rule: a time of day is the first one that is not before `now`, and so is one of a weekday
/// (`mon 09:00`). A local time that a clock change skips is the first instant after it, as with everything that is planned. Else
/// as [`read_ahead`] has it.
///
/// # Errors
/// Text of another shape.
pub fn read_next(text: &str, zone: Tz, now: Instant) -> Result<Instant, Fault> {
    let given = text.trim();
    let (day, time) = match given.split_once(char::is_whitespace) {
        Some((day, time)) => (day.parse::<Weekday>().ok(), time.trim()),
        None => (None, given),
    };
    let time = NaiveTime::parse_from_str(time, "%H:%M").ok().filter(|_| day.is_some() || time == given);
    let Some(time) = time else {
        let date = dated(given).map(|naive| instant_of(naive, zone));
        return date.map_or_else(|| read_ahead(given, zone, now).map_err(|_| bad_ahead(text)), Ok);
    };
    let today = now.with_timezone(&zone).date_naive();
    let days = (0..9).map(|ahead| today + TimeDelta::days(ahead));
    days.filter(|date| day.is_none_or(|day| date.weekday() == day))
        .map(|date| instant_of(date.and_time(time), zone))
        .find(|moment| *moment >= now)
        .ok_or_else(|| bad_ahead(text))
}

fn bad_ahead(text: &str) -> Fault {
    let shown = crate::base::text::one_line(text, 60);
    Fault::Usage(format!("'{shown}' is no time; write 18:00, 'mon 09:00', '2026-11-21 09:00' or 'in 8h'"))
}

fn bad(text: &str) -> Fault {
    let shown = crate::base::text::one_line(text, 60);
    Fault::Usage(format!("'{shown}' is no time; write 14:05, '10m ago' or 2026-01-30T14:05:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_mean_the_past() {
        let now: Instant = "2026-03-02T08:10:00Z".parse().unwrap();
        let berlin = chrono_tz::Europe::Berlin;
        let at = |text| read(text, berlin, now).map(|moment| moment.to_rfc3339());
        assert_eq!(at("09:05").unwrap(), "2026-03-02T08:05:00+00:00");
        assert_eq!(at("23:30").unwrap(), "2026-03-01T22:30:00+00:00", "not tonight: last night");
        assert_eq!(at("1h30m ago").unwrap(), "2026-03-02T06:40:00+00:00");
        assert_eq!(at("2026-01-30 14:05").unwrap(), "2026-01-30T13:05:00+00:00");
        assert_eq!(at("2026-01-30T14:05:00Z").unwrap(), "2026-01-30T14:05:00+00:00");
        assert!(at("2026-03-29 02:30").is_err(), "Sunday the 29th had no half past two");
        assert!(at("soon").unwrap_err().to_string().contains("14:05"));
    }

    #[test]
    fn who_plans_means_the_future() {
        // A Monday.
        let now: Instant = "2026-03-02T08:10:00Z".parse().unwrap();
        let at = |text| read_next(text, chrono_tz::Europe::Berlin, now).map(|moment| moment.to_rfc3339());
        assert_eq!(at("09:10").unwrap(), "2026-03-02T08:10:00+00:00", "this very minute");
        assert_eq!(at("09:05").unwrap(), "2026-03-03T08:05:00+00:00", "today's is over");
        assert_eq!(at("Mon 09:00").unwrap(), "2026-03-09T08:00:00+00:00", "in a week: today's is over");
        assert_eq!(at("friday 18:00").unwrap(), "2026-03-06T17:00:00+00:00");
        assert_eq!(at("2026-04-01 09:00").unwrap(), "2026-04-01T07:00:00+00:00");
        assert_eq!(at("2026-03-29 02:30").unwrap(), "2026-03-29T01:00:00+00:00", "skipped: after the gap");
        assert_eq!(at("in 8h").unwrap(), "2026-03-02T16:10:00+00:00");
        for wrong in ["soon", "someday 09:00", "09:00 mon", "mon", ""] {
            assert!(at(wrong).unwrap_err().to_string().contains("'mon 09:00'"), "{wrong}");
        }
    }
}
