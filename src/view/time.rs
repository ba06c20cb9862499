//! Times and lengths as people read them. The zone and the present always come from the caller.

use chrono::{Offset, TimeDelta};
use chrono_tz::Tz;

use crate::base::event::Instant;

/// `08:14:05` in the zone.
#[must_use]
pub fn clock(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%H:%M:%S").to_string()
}

/// `2026-03-02` in the zone.
#[must_use]
pub fn day(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d").to_string()
}

/// `2026-03-02 08:14:05` in the zone.
#[must_use]
pub fn moment(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `Mon 2026-03-02 08:14` in the zone: what is planned by days and weeks.
#[must_use]
pub fn planned(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M").to_string()
}

/// `Europe/Berlin, UTC+1`: the zone with what it differs from UTC at that moment.
#[must_use]
pub fn zone_label(at: Instant, zone: Tz) -> String {
    let seconds = at.with_timezone(&zone).offset().fix().local_minus_utc();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    match (minutes / 60, minutes % 60) {
        _ if zone == Tz::UTC => "UTC".to_owned(),
        (hours, 0) => format!("{}, UTC{sign}{hours}", zone.name()),
        (hours, minutes) => format!("{}, UTC{sign}{hours}:{minutes:02}", zone.name()),
    }
}

/// A length in its two largest units: `31 ms`, `4.2 s`, `1 min 5 s`, `2 h 40 min`, `3 d 4 h`. Negative ones have a minus.
#[must_use]
pub fn length(length: TimeDelta) -> String {
    let millis = length.num_milliseconds();
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    let (seconds, minutes, hours, days) = (millis / 1000, millis / 60_000, millis / 3_600_000, millis / 86_400_000);
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{sign}{large} {large_unit}"),
        _ => format!("{sign}{large} {large_unit} {small} {small_unit}"),
    };
    match () {
        () if days > 0 => two(days, "d", hours % 24, "h"),
        () if hours > 0 => two(hours, "h", minutes % 60, "min"),
        () if minutes > 0 => two(minutes, "min", seconds % 60, "s"),
        () if millis >= 10_000 || millis.is_multiple_of(1000) => format!("{sign}{seconds} s"),
        () if millis >= 1000 => format!("{sign}{}.{} s", seconds, millis % 1000 / 100),
        () => format!("{sign}{millis} ms"),
    }
}

/// [`length`] of milliseconds.
#[must_use]
pub fn length_ms(millis: u64) -> String {
    length(TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(i64::MAX / 1000).min(i64::MAX / 1000)))
}

/// `08:29:00, in 14 min`, or `08:29:00, 3 min ago`; with the day where it is not today's.
#[must_use]
pub fn due(at: Instant, now: Instant, zone: Tz) -> String {
    let shown = if day(at, zone) == day(now, zone) { clock(at, zone) } else { moment(at, zone) };
    let away = at - now;
    match away.num_seconds() {
        0 => format!("{shown}, now"),
        1.. => format!("{shown}, in {}", length(rounded(away))),
        _ => format!("{shown}, {} ago", length(rounded(-away))),
    }
}

/// Whole minutes from ten minutes on, else whole seconds: nobody plans by the rest.
#[must_use]
pub fn rounded(away: TimeDelta) -> TimeDelta {
    if away.num_minutes() >= 10 {
        TimeDelta::minutes((away.num_seconds() + 30) / 60)
    } else {
        TimeDelta::seconds(away.num_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_times_read_as_people_say_them() {
        let said = [31, 4_200, 10_500, 65_000, 9_600_000, 273_600_000].map(length_ms);
        assert_eq!(said, ["31 ms", "4.2 s", "10 s", "1 min 5 s", "2 h 40 min", "3 d 4 h"]);
        let at: Instant = "2026-03-02T11:14:00Z".parse().unwrap();
        let zone = Tz::America__Santiago;
        assert_eq!(due(at + TimeDelta::seconds(841), at, zone), "08:28:01, in 14 min");
        assert_eq!(due(at - TimeDelta::seconds(65), at, zone), "08:12:55, 1 min 5 s ago");
        assert_eq!(due(at + TimeDelta::hours(20), at, zone), "2026-03-03 04:14:00, in 20 h");
        assert_eq!(zone_label(at, zone), "America/Santiago, UTC-3");
        assert_eq!(zone_label(at, Tz::Asia__Kolkata), "Asia/Kolkata, UTC+5:30");
    }
}
