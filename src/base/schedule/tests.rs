//! Durations and schedules as people write them, and what the clocks of the world do to them.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::{Cron, Span, zone};
use crate::base::event::Instant;

fn at(text: &str) -> Instant {
    DateTime::parse_from_rfc3339(text).expect("a test's own timestamp").with_timezone(&Utc)
}

fn next(cron: &str, zone_name: &str, after: &str) -> String {
    let next = Cron::parse(cron).expect("a test's own schedule").next_after(at(after), zone(zone_name).unwrap());
    next.map_or("never".to_owned(), |next| next.format("%Y-%m-%dT%H:%MZ").to_string())
}

#[test]
fn durations_read_and_print_as_people_write_them() {
    for (written, shown) in
        [("500ms", "500ms"), ("90s", "1m30s"), ("1h30m", "1h30m"), ("120m", "2h"), ("1d", "1d"), ("0s", "0s")]
    {
        assert_eq!(Span::parse(written).unwrap().to_string(), shown);
    }
    let faults =
        ["", "-5s", "15", "3 weeks", "2w", "5sec", "1m1h", "h", "367d", "99999999999999999999s", "5µs", "1.5h"];
    let told: Vec<String> = faults
        .iter()
        .map(|text| {
            let fault = Span::parse(text).unwrap_err();
            format!("{} ({})", fault.message, fault.hint.unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(Span::parse_positive("0s").is_err());
    assert_eq!(serde_json::from_str::<Span>("\"2h\"").unwrap(), Span::seconds(7200));
    assert!(serde_json::from_str::<Span>("\"soon\"").is_err());
}

#[test]
fn schedules_that_cannot_be_are_refused_with_a_hint() {
    let faults = [
        "* * * *",
        "60 * * * *",
        "0 0 30 2 *",
        "0 0 31 4,6 *",
        "0 9 * * mob",
        "*/0 * * * *",
        "0 9 * * fri-mon",
        "0 0 0 * * *",
        "0 -1 * * *",
    ];
    let told: Vec<String> = faults
        .iter()
        .map(|text| {
            let fault = Cron::parse(text).unwrap_err();
            format!("{} ({})", fault.message, fault.hint.unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    // 29 February comes, if rarely.
    assert_eq!(next("0 0 29 2 *", "UTC", "2025-01-01T00:00:00Z"), "2028-02-29T00:00Z");
}

#[test]
fn sunday_is_zero_and_seven_and_the_end_of_a_week() {
    for sunday in ["0 9 * * 0", "0 9 * * 7", "0 9 * * sun", "0 9 * * 7-7"] {
        assert_eq!(next(sunday, "UTC", "2025-06-04T00:00:00Z"), "2025-06-08T09:00Z", "{sunday}");
    }
    assert_eq!(next("0 9 * * fri-sun", "UTC", "2025-06-07T10:00:00Z"), "2025-06-08T09:00Z");
}

#[test]
fn two_day_fields_mean_either() {
    // The 13th, and every Friday.
    assert_eq!(next("0 0 13 * fri", "UTC", "2025-06-07T00:00:00Z"), "2025-06-13T00:00Z");
    assert_eq!(next("0 0 13 * fri", "UTC", "2025-06-13T00:00:00Z"), "2025-06-20T00:00Z");
    assert_eq!(next("0 0 13 * fri", "UTC", "2025-07-12T00:00:00Z"), "2025-07-13T00:00Z");
}

#[test]
fn a_time_the_clock_skips_happens_at_the_first_instant_after_it() {
    // Berlin, 30 March 2025: 02:00 becomes 03:00 (01:00 UTC).
    assert_eq!(next("30 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z"), "2025-03-30T01:00Z");
    assert_eq!(next("30 2 * * *", "Europe/Berlin", "2025-03-30T01:00:00Z"), "2025-03-31T00:30Z");
    // Samoa skipped the whole of 30 December 2011.
    assert_eq!(next("0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z"), "2011-12-30T10:00Z");
}

#[test]
fn a_time_the_clock_shows_twice_happens_once_the_first_time() {
    // Berlin, 26 October 2025: 03:00 becomes 02:00 at 01:00 UTC.
    assert_eq!(next("30 2 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z"), "2025-10-26T00:30Z");
    assert_eq!(next("30 2 * * *", "Europe/Berlin", "2025-10-26T00:30:00Z"), "2025-10-27T01:30Z");
    assert_eq!(next("30 2 * * *", "Europe/Berlin", "2025-10-26T01:10:00Z"), "2025-10-27T01:30Z");
}

#[test]
fn an_unknown_zone_names_the_nearest() {
    assert_eq!(zone("europe/berlin").unwrap(), Tz::Europe__Berlin);
    assert_eq!(zone("Europe/Berlim").unwrap_err().hint.unwrap(), "did you mean Europe/Berlin?");
    assert_eq!(zone("New York").unwrap_err().hint.unwrap(), "did you mean America/New_York?");
}

fn field(least: u32, most: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => (least..=most).prop_map(|value| value.to_string()),
        1 => (least..=most, least..=most).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (least..=most, least..=most).prop_map(|(a, b)| format!("{a},{b}")),
        1 => (2..8_u32).prop_map(|step| format!("*/{step}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Away from changes of the clock, another implementation of cron agrees.
    #[test]
    fn another_cron_agrees(
        minute in field(0, 59), hour in field(0, 23), day in field(1, 28), month in field(1, 12), weekday in field(0, 6),
        seconds in 1_577_836_800_i64..2_208_988_800,
        zone in prop::sample::select(vec![
            Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kolkata, Tz::Australia__Lord_Howe,
            Tz::America__Santiago, Tz::Pacific__Apia, Tz::Africa__Casablanca,
        ]),
    ) {
        // Which of `*/2` and a number restricts the day is where implementations of cron differ.
        prop_assume!(day == "*" || weekday == "*" || (!day.starts_with('*') && !weekday.starts_with('*')));
        let text = format!("{minute} {hour} {day} {month} {weekday}");
        let ours = Cron::parse(&text).unwrap();
        let theirs: croner::Cron = text.parse().unwrap();
        let mut after = DateTime::from_timestamp(seconds, 0).unwrap();
        for _ in 0..5 {
            let next = ours.next_after(after, zone);
            let expected = theirs.find_next_occurrence(&after.with_timezone(&zone), false).ok().map(|next| next.to_utc());
            let Some((next, expected)) = next.zip(expected) else { break };
            let offset = |instant: Instant| instant.with_timezone(&zone).naive_local() - instant.naive_utc();
            let settled = |instant: Instant| {
                offset(instant - TimeDelta::hours(26)) == offset(instant + TimeDelta::hours(26))
            };
            if settled(after) && settled(next) && settled(expected) {
                prop_assert_eq!(next, expected, "{} after {} in {}", text, after, zone);
            }
            after = next.max(expected);
        }
    }

    /// Every schedule goes forward, and never fires on a wall clock that shows another day than its date says.
    #[test]
    fn schedules_only_go_forward(minute in 0..60_u32, hour in 0..24_u32, seconds in 1_577_836_800_i64..2_208_988_800) {
        let cron = Cron::parse(&format!("{minute} {hour} * * *")).unwrap();
        let after = DateTime::from_timestamp(seconds, 0).unwrap();
        let first = cron.next_after(after, Tz::America__Santiago).unwrap();
        let second = cron.next_after(first, Tz::America__Santiago).unwrap();
        prop_assert!(after < first && first < second);
        let day = |instant: Instant| instant.with_timezone(&Tz::America__Santiago).date_naive();
        prop_assert_eq!(day(second).num_days_from_ce() - day(first).num_days_from_ce(), 1);
    }

    #[test]
    fn a_duration_survives_being_written(millis in 0..=Span::MAX.millis()) {
        let text = format!("{millis}ms");
        let span = Span::parse(&text).unwrap();
        prop_assert_eq!(Span::parse(&span.to_string()).unwrap(), span);
    }

    #[test]
    fn no_text_breaks_the_parsers(text in ".{0,40}", cronish in "[0-9*/,a-z -]{0,30}") {
        let _ = Span::parse(&text);
        let _ = Cron::parse(&cronish);
        let _ = zone(&text);
    }
}
