//! Many samples in few numbers.

use proptest::prelude::*;

use super::super::slo::standing;
use super::super::spec::Slo;
use super::super::state::Level;
use super::super::tally::{HOUR, KEEP_RAW, Kept, MINUTE, Tally, begin, horizons};
use crate::base::schedule::Span;

fn kept(at: i64, level: Level, took: u32) -> Kept {
    Kept { at, level, took_ms: Some(took), excused: false }
}

proptest! {
    #[test]
    fn hours_made_of_minutes_are_hours_made_of_samples(took in prop::collection::vec((0_i64..HOUR, 0_u32..200_000), 1..400)) {
        let mut whole = Tally::default();
        let mut minutes: std::collections::BTreeMap<i64, Tally> = Default::default();
        for (at, took) in &took {
            let sample = kept(*at, if took % 7 == 0 { Level::Failing } else { Level::Healthy }, *took);
            whole.add(&sample);
            minutes.entry(begin(*at, MINUTE)).or_default().add(&sample);
        }
        let mut merged = Tally::default();
        for minute in minutes.values() {
            // As it is stored and read back.
            merged.merge(&Tally { histogram: Tally::unpacked(&minute.packed()), ..minute.clone() });
        }
        prop_assert_eq!(&merged, &whole);
        // The percentile is at most a tenth above the true one, and never below it.
        let mut sorted: Vec<u32> = took.iter().map(|(_, took)| *took).collect();
        sorted.sort_unstable();
        let exact = sorted[(sorted.len() * 95).div_ceil(100) - 1];
        let told = whole.p95().unwrap();
        prop_assert!(told >= exact && f64::from(told) <= f64::from(exact) * 1.1 + 1.0, "{told} for {exact}");
    }
}

#[test]
fn a_promise_of_999_leaves_a_budget_of_one_in_a_thousand() {
    let mut seen = Tally::default();
    (0..10_000).for_each(|n| seen.add(&kept(n, if n % 2_000 == 0 { Level::Failing } else { Level::Healthy }, 100)));
    (0..500).for_each(|n| seen.add(&Kept { excused: true, ..kept(n, Level::Failing, 9_000) }));
    let slo = Slo { uptime: Some(99.9), p95: Some(Span::seconds(2)), over: Span::seconds(86_400) };
    let standing = standing(&slo, &seen);
    assert!((standing.uptime.unwrap() - 99.95).abs() < 1e-9, "what failed in maintenance does not count");
    assert!((standing.budget_left.unwrap() - 50.0).abs() < 1e-6);
    assert_eq!((standing.p95_ms, standing.p95_kept), (Some(100), Some(true)));
}

#[test]
fn raw_samples_go_after_two_days_by_whole_minutes() {
    let (raw, minutes, hours) = horizons(KEEP_RAW + 90_000);
    assert_eq!(raw, MINUTE);
    assert!(minutes < raw && hours < minutes);
}
