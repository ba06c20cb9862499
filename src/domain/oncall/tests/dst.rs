//! Changes of the clock, against walks of the wall clock minute by minute that know nothing of turns and edges.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};
use proptest::prelude::*;

use super::*;
use crate::base::schedule::clock_changes;

const PEOPLE: [&str; 3] = ["Ana", "Ben", "Eva"];

/// Their calendars have no 30 December 2011. Elsewhere clocks have changed by three hours at most.
const DAY_SKIPPED: [Tz; 2] = [Tz::Pacific__Apia, Tz::Pacific__Fakaofo];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn layer(days: u32, handoff: (u32, u32), from: NaiveDate, only: Vec<Window>) -> Layer {
    let handoff = NaiveTime::from_hms_opt(handoff.0, handoff.1, 0).unwrap();
    let people = PEOPLE.map(Person::new).to_vec();
    Layer { name: "Layer".to_owned(), people, days, handoff, from, until: None, only }
}

fn schedule(zone: Tz, layers: Vec<Layer>) -> Schedule {
    Schedule { name: "primary".to_owned(), zone, layers }
}

fn hours(shift: &Shift) -> i64 {
    (shift.until - shift.from).num_hours()
}

fn minutes(from: Instant, to: Instant) -> impl Iterator<Item = Instant> {
    (0..(to - from).num_minutes()).map(move |minute| from + TimeDelta::minutes(minute))
}

/// Whose turn it is by the latest time that the wall clock has shown so far: a hand-off that the clock skips is passed when it
/// has jumped over it, and going back changes nothing.
fn walked(layer: &Layer, shown: NaiveDateTime) -> Option<&'static str> {
    let since = shown - layer.from.and_time(layer.handoff);
    let turn = since.num_minutes().div_euclid(i64::from(layer.days) * 24 * 60);
    usize::try_from(turn).ok().map(|turn| PEOPLE[turn % PEOPLE.len()])
}

/// An instant around which the zone changes its clocks, where it ever does in these ten years.
fn interesting(zone: Tz, pick: usize) -> Instant {
    let (from, to) = (at("2005-01-01T00:00:00Z"), at("2015-01-01T00:00:00Z"));
    let changes = clock_changes(zone, from, to);
    match changes.len() {
        0 => from + TimeDelta::hours((pick % 80_000) as i64),
        several => changes[pick % several],
    }
}

fn zones() -> impl Strategy<Value = Tz> {
    (0..chrono_tz::TZ_VARIANTS.len()).prop_map(|index| chrono_tz::TZ_VARIANTS[index])
}

fn windows() -> impl Strategy<Value = Vec<(Vec<u32>, u32, u32)>> {
    let window = (proptest::collection::vec(0..7_u32, 1..5), 0..24 * 60_u32, 0..24 * 60_u32);
    proptest::collection::vec(window, 1..3)
}

fn window((days, from, to): &(Vec<u32>, u32, u32)) -> Window {
    let days: Vec<Weekday> = days.iter().map(|day| Weekday::try_from(*day as u8).unwrap()).collect();
    let time = |minute: u32| NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap();
    Window::new(&days, time(*from), time(*to))
}

/// The same on the circle of a week's minutes.
fn inside((days, from, to): &(Vec<u32>, u32, u32), local: NaiveDateTime) -> bool {
    let minute = local.weekday().num_days_from_monday() * 1440 + local.hour() * 60 + local.minute();
    let long = if from == to { 1440 } else { (to + 1440 - from) % 1440 };
    days.iter().any(|day| (minute + 10_080 - (day * 1440 + from)) % 10_080 < long)
}

#[test]
fn a_weeks_shift_is_an_hour_longer_or_shorter_where_clocks_change() {
    let weekly = schedule(Tz::Europe__Berlin, vec![layer(7, (9, 0), day("2026-01-05"), vec![])]);
    let told = shifts(&weekly, &Overrides::none(), at("2026-01-05T08:00:00Z"), at("2026-11-02T08:00:00Z"));
    let odd: Vec<i64> = told.iter().map(hours).filter(|hours| *hours != 168).collect();
    assert_eq!((told.len(), odd), (43, vec![167, 169]));
    let daily = schedule(Tz::Europe__Berlin, vec![layer(1, (9, 0), day("2026-01-05"), vec![])]);
    let told = shifts(&daily, &Overrides::none(), at("2026-01-05T08:00:00Z"), at("2026-11-02T08:00:00Z"));
    let odd: Vec<i64> = told.iter().map(hours).filter(|hours| *hours != 24).collect();
    assert_eq!(odd, [23, 25]);
}

#[test]
fn a_hand_off_that_is_skipped_is_after_the_gap_and_one_that_comes_twice_is_the_first() {
    // Berlin: 02:00 to 03:00 is skipped on 29 March 2026, and shown twice on 25 October.
    let daily = schedule(Tz::Europe__Berlin, vec![layer(1, (2, 30), day("2026-03-01"), vec![])]);
    let next = |after: &str| next_handoff(&daily, &Overrides::none(), at(after)).unwrap().at;
    assert_eq!(next("2026-03-28T12:00:00Z"), at("2026-03-29T01:00:00Z"));
    assert_eq!(next("2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z"));
    assert_eq!(next("2026-10-24T12:00:00Z"), at("2026-10-25T00:30:00Z"));
    assert_eq!(next("2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z"));
    // Samoa had no 30 December 2011: whoever's turn it would have been from midnight to midnight has none.
    let daily = schedule(Tz::Pacific__Apia, vec![layer(1, (0, 0), day("2011-12-28"), vec![])]);
    let told = shifts(&daily, &Overrides::none(), at("2011-12-28T10:00:00Z"), at("2012-01-01T10:00:00Z"));
    let told: Vec<_> = told.iter().map(|shift| (shift.person.name(), hours(shift))).collect();
    assert_eq!(told, [("Ana", 24), ("Ben", 24), ("Ana", 24), ("Ben", 24)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn ten_years_have_no_hole_and_no_overlap(zone in zones(), days in 1..40_u32, hour in 0..24_u32, minute in 0..60_u32) {
        let layer = layer(days, (hour, minute), day("2005-06-01"), vec![]);
        let (from, to) = (at("2005-06-03T00:00:00Z"), at("2015-06-03T00:00:00Z"));
        let told = shifts(&schedule(zone, vec![layer]), &Overrides::none(), from, to);
        prop_assert_eq!((told[0].from, told[told.len() - 1].until), (from, to));
        for pair in told.windows(2) {
            prop_assert_eq!(pair[0].until, pair[1].from);
            prop_assert!(pair[0].from < pair[0].until);
            prop_assert!(pair[0].person != pair[1].person);
            // A turn counts local days: of the wall clock it shows, it is as long as it says, but for a skipped hand-off.
            let local = |at: Instant| at.with_timezone(&zone).naive_local();
            if pair[0].from > from {
                let shown = local(pair[0].until) - local(pair[0].from);
                let off = (shown.num_minutes() - i64::from(days) * 1440).abs();
                prop_assert!(off <= 180 || DAY_SKIPPED.contains(&zone), "{} {off}", pair[0].from);
            }
        }
    }

    #[test]
    fn whose_turn_it_is_agrees_with_a_walk_of_the_wall_clock(zone in zones(), pick: usize, days in 1..9_u32, hour in 0..24_u32, minute in 0..60_u32, lead in 0..9_i64) {
        let middle = interesting(zone, pick);
        let from = middle - TimeDelta::days(1);
        // The hand-off is as likely as not within the hour that is skipped or shown twice.
        let local = middle.with_timezone(&zone).naive_local();
        let handoff = if lead % 2 == 0 { (hour, minute) } else { ((local.hour() + hour % 3 + 23) % 24, minute) };
        let layer = layer(days, handoff, local.date() - TimeDelta::days(lead), vec![]);
        let own = schedule(zone, vec![layer.clone()]);
        let mut shown = NaiveDateTime::MIN;
        for at in minutes(from - TimeDelta::days(2), middle + TimeDelta::days(1)) {
            shown = shown.max(at.with_timezone(&zone).naive_local());
            if at >= from {
                let person = who(&own, &Overrides::none(), at);
                prop_assert_eq!(person.as_ref().map(Person::name), walked(&layer, shown), "{}", at);
            }
        }
    }

    #[test]
    fn restricted_layers_are_on_call_exactly_when_the_wall_clock_is_inside(zone in zones(), pick: usize, restrictions in windows()) {
        let middle = interesting(zone, pick);
        let (from, to) = (middle - TimeDelta::hours(50), middle + TimeDelta::hours(50));
        let layer = layer(1, (9, 0), day("2000-01-01"), restrictions.iter().map(window).collect());
        let told = shifts(&schedule(zone, vec![layer]), &Overrides::none(), from, to);
        for at in minutes(from, to) {
            let local = at.with_timezone(&zone).naive_local();
            let on_call = told.iter().filter(|shift| shift.from <= at && at < shift.until).count();
            let expected = restrictions.iter().any(|one| inside(one, local));
            prop_assert_eq!(on_call, usize::from(expected), "{} is {} there", at, local);
        }
    }

    #[test]
    fn shifts_say_what_is_so_at_every_minute(zone in zones(), pick: usize, restrictions in windows(), covers in proptest::collection::vec((0..6000_i64, 1..2000_i64, any::<bool>()), 0..4)) {
        let middle = interesting(zone, pick);
        let (from, to) = (middle - TimeDelta::hours(40), middle + TimeDelta::hours(40));
        let start = middle.date_naive() - TimeDelta::days(1);
        let layers = vec![
            layer(7, (9, 0), start - TimeDelta::days(9), vec![]),
            Layer { people: vec![Person::new("Zoe"), Person::new("Ana")], until: Some(start + TimeDelta::days(2)), ..layer(1, (1, 30), start, restrictions.iter().map(window).collect()) },
        ];
        let own = schedule(zone, layers);
        let overrides: Overrides = covers.iter().enumerate().map(|(index, (after, long, whole))| Override {
            id: crate::base::event::CoverId::number(index as u64 + 1),
            schedule: "primary".to_owned(),
            person: Person::new("Max"),
            instead_of: (!whole).then(|| Person::new("Ana")),
            from: from + TimeDelta::minutes(after - 600),
            until: from + TimeDelta::minutes(after - 600 + long),
            by: Person::new("Eva"),
            why: None,
        }).collect();
        let told = shifts(&own, &overrides, from, to);
        for at in minutes(from, to) {
            let mut over = told.iter().filter(|shift| shift.from <= at && at < shift.until);
            prop_assert_eq!(over.next().map(|shift| shift.person.clone()), who(&own, &overrides, at), "{}", at);
            prop_assert!(over.next().is_none());
        }
        // The next hand-off is the first minute at which somebody else is.
        let first = who(&own, &overrides, from);
        let other = minutes(from, to).find(|at| who(&own, &overrides, *at) != first);
        let next = next_handoff(&own, &overrides, from).map(|next| next.at).filter(|next| *next < to);
        prop_assert_eq!(next, other);
    }
}
