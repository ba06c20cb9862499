//! Charts as they are drawn, and what no values, names or zones may do to them.

use chrono::{TimeDelta, Timelike};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use resvg::tiny_skia::Pixmap;

use super::line::{PARTS, lines, silences};
use super::times::{Tick, ticks};
use super::values::Scale;
use super::*;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// Samples every `every` seconds from a moment on; `None` is one that is missing.
fn sampled(from: Instant, every: i64, values: impl IntoIterator<Item = Option<f64>>) -> Series {
    let mut series = Series::new();
    for (index, value) in values.into_iter().enumerate() {
        if let Some(value) = value {
            series.push(from + TimeDelta::seconds(every * index as i64), value);
        }
    }
    series
}

fn panel(name: &str, series: Series) -> Panel {
    Panel { name: name.into(), unit: Unit::Plain, series, limits: Vec::new(), breaches: Vec::new() }
}

fn chart(zone: Tz, every_ms: u64, to: Instant, panels: Vec<Panel>) -> Chart {
    let from = panels[0].series.samples()[0].0;
    Chart { title: "Watch the connections".into(), from, to, zone, every_ms, gaps: Vec::new(), panels }
}

/// Ten minutes, a sample every 30 s: over the limit from the third minute on, and two samples missing in the fifth.
fn watch() -> Chart {
    let from = at("2026-02-02T11:00:00Z");
    let second = |seconds| from + TimeDelta::seconds(seconds);
    let values: Vec<Option<f64>> = (0..=20)
        .map(|index| match index {
            10 | 11 => None,
            6..=8 => Some(17.0),
            index => Some(5.0 + f64::from(index % 3)),
        })
        .collect();
    let limit = |that: &str, value, level| Limit { that: that.into(), value, level };
    let active = Panel {
        limits: vec![limit("active < 15", 15.0, Level::Warn), limit("active < 20", 20.0, Level::Fail)],
        breaches: vec![Shade { from: second(180), to: second(270), level: Level::Warn }],
        ..panel("active", sampled(from, 30, values.clone()))
    };
    let share = sampled(from, 30, values.iter().map(|value| value.map(|value| value * 4.0)));
    let share = Panel { unit: Unit::Percent, ..panel("utilization", share) };
    chart(Tz::America__Santiago, 30_000, second(600), vec![active, share])
}

fn pair() -> Pair {
    let change = at("2026-02-02T11:30:00Z");
    let from = change - TimeDelta::minutes(15);
    let values = (0..120).map(|index| match index {
        58..=64 => None,
        0..=57 => Some(90.0 + f64::from(index % 9)),
        _ => Some(12.0 + f64::from(index % 5)),
    });
    let limit = Limit { that: "connected < 80".into(), value: 80.0, level: Level::Fail };
    let breaches = vec![Shade { from, to: change - TimeDelta::minutes(1), level: Level::Fail }];
    Pair {
        title: "Who is connected: before and after".into(),
        change: "Restart Redis on Railway, 08:30:00".into(),
        before: (from, change),
        after: (change, change + TimeDelta::minutes(15)),
        zone: Tz::America__Santiago,
        every_ms: 15_000,
        gaps: Vec::new(),
        panels: vec![Panel { limits: vec![limit], breaches, ..panel("connected", sampled(from, 15, values)) }],
    }
}

#[test]
fn a_watch_with_a_gap_a_breach_and_two_limits() {
    let svg = watch().svg(Look::page());
    let count = |part: &str| svg.matches(part).count();
    assert_eq!(count("<polyline"), 4, "two series, each interrupted by the gap");
    assert_eq!((count("class=\"limit warn\""), count("class=\"limit fail\"")), (1, 1));
    assert!(svg.contains(">active &lt; 15 (warn)<") && svg.contains(">limit broken (warn)<"), "not by colour alone");
    insta::assert_snapshot!(svg);
}

#[test]
fn before_and_after_share_their_height_and_name_the_change() {
    let svg = pair().svg(Look::page());
    assert!(svg.contains(">Restart Redis on Railway, 08:30:00</text>"));
    assert!(svg.contains(">before: last 93 · min 90 · max 98 · p95 98<"), "{svg}");
    let labels = |value: &str| svg.matches(&format!("class=\"soft\" text-anchor=\"end\">{value}</text>")).count();
    assert_eq!((labels("0"), labels("100")), (1, 1), "one axis of values for both: {svg}");
    insta::assert_snapshot!(svg);
}

#[test]
fn where_a_limit_has_no_room_its_number_stays_and_the_series_name_goes() {
    let mut pair = pair();
    let panel = &mut pair.panels[0];
    panel.name = "connections_in_use_percent".into();
    panel.limits[0].that = "connections_in_use_percent < 80".into();
    let svg = pair.svg(Look::phone(Theme::Light));
    assert_eq!(svg.matches(">&lt; 80 (fail)<").count(), 2, "on both sides: {svg}");
    let wide = pair.svg(Look::page());
    assert_eq!(wide.matches(">connections_in_use_percent &lt; 80 (fail)<").count(), 2, "{wide}");
}

fn shown(ticks: &[Tick]) -> Vec<String> {
    let note = |tick: &Tick| tick.note.as_ref().map_or(String::new(), |note| format!(" [{note}]"));
    ticks.iter().map(|tick| format!("{}{}", tick.label, note(tick))).collect()
}

#[test]
fn the_night_the_clocks_change_has_the_marks_that_its_clocks_show() {
    let zone = Tz::Europe__Berlin;
    let spring = ticks(at("2026-03-28T22:30:00Z"), at("2026-03-29T03:30:00Z"), zone, 8);
    assert_eq!(shown(&spring), ["00:00 [29 Mar]", "01:00", "03:00 [UTC+2]", "04:00", "05:00"]);
    let autumn = ticks(at("2026-10-24T21:30:00Z"), at("2026-10-25T03:30:00Z"), zone, 8);
    assert_eq!(shown(&autumn), ["00:00 [25 Oct]", "01:00", "02:00", "02:00 [UTC+1]", "03:00", "04:00"]);
    let coarse = ticks(at("2026-10-24T21:30:00Z"), at("2026-10-25T12:00:00Z"), zone, 8);
    assert_eq!(shown(&coarse)[..3], ["00:00 [25 Oct]", "02:00", "04:00 [UTC+1]"], "the repeated hour is marked once");
    // In Santiago midnight itself is skipped: the day begins at one.
    let skipped = ticks(at("2026-09-04T12:00:00Z"), at("2026-09-08T12:00:00Z"), Tz::America__Santiago, 5);
    assert_eq!(shown(&skipped), ["5 Sep [2026]", "6 Sep", "7 Sep", "8 Sep"]);
    assert_eq!(skipped[1].at.with_timezone(&Tz::America__Santiago).hour(), 1);
}

#[test]
fn a_long_watch_is_marked_by_days_and_years_by_months() {
    let zone = Tz::UTC;
    let week = ticks(at("2026-12-29T05:00:00Z"), at("2027-01-02T05:00:00Z"), zone, 6);
    assert_eq!(shown(&week), ["30 Dec [2026]", "31 Dec", "1 Jan [2027]", "2 Jan"]);
    let year = ticks(at("2026-01-15T00:00:00Z"), at("2027-01-15T00:00:00Z"), zone, 6);
    assert_eq!(shown(&year), ["Mar [2026]", "May", "Jul", "Sep", "Nov", "Jan [2027]"]);
    let moment = ticks(at("2026-01-15T08:00:00.5Z"), at("2026-01-15T08:00:00.7Z"), zone, 6);
    assert_eq!(shown(&moment), ["08:00:00 [15 Jan]"]);
}

#[test]
fn marks_of_values_are_round_and_stand_apart() {
    let labels = |values: &[f64], unit| -> Vec<String> {
        Scale::around(values.iter().copied(), unit).marks().into_iter().map(|(_, label)| label).collect()
    };
    assert_eq!(labels(&[3.0, 17.0, 15.0], Unit::Plain), ["0", "5", "10", "15", "20"]);
    assert_eq!(labels(&[20.0, 100.0], Unit::Percent), ["0", "25", "50", "75", "100"]);
    assert_eq!(labels(&[0.0], Unit::Plain).first().map(String::as_str), Some("0"));
    assert_eq!(labels(&[-2.0, 2.0], Unit::Plain), ["-2", "-1", "0", "1", "2", "3"]);
    let memory = labels(&[200e6, 900e6], Unit::Bytes);
    assert_eq!(memory, ["0", "0.25 GiB", "0.50 GiB", "0.75 GiB", "1.00 GiB"]);
    assert_eq!(labels(&[1_200_000.0, 4_000_000.0], Unit::Plain), ["0", "1 M", "2 M", "3 M", "4 M", "5 M"]);
    assert_eq!(labels(&[99.991, 99.999], Unit::Plain)[0], "99.990");
}

#[test]
fn units_come_from_whole_words_only() {
    assert_eq!(Unit::of("utilization", Some("body.utilization_percent")), Unit::Percent);
    assert_eq!(Unit::of("latency", Some("took_ms")), Unit::Millis);
    assert_eq!(Unit::of("latency", Some("took_ms / 1000.0")), Unit::Plain, "a formula is not in its parts' unit");
    assert_eq!(Unit::of("items", Some("body.items")), Unit::Plain);
    assert_eq!(Unit::of("used_bytes", None).shown(1536.0), "1.5 KiB");
    let plain = [0.0, 17.0, 3.2178, 0.004, 1_250_000.0, -0.001, 1e300].map(|value| Unit::Plain.shown(value));
    assert_eq!(plain, ["0", "17", "3.22", "4.0e-3", "1.25 M", "-1.0e-3", "1.00e300"]);
}

#[test]
fn a_line_of_blocks_shows_gaps_and_ends_with_the_last_value() {
    let from = at("2026-02-02T11:00:00Z");
    let line =
        |values: &[Option<f64>], width| sparkline(&sampled(from, 15, values.iter().copied()), Unit::Plain, width);
    let up: Vec<Option<f64>> = (0..8).map(|value| Some(f64::from(value))).collect();
    assert_eq!(line(&up, 8), "▁▂▃▄▅▆▇█ 7");
    assert_eq!(line(&[Some(9.0), Some(9.0), None, None, Some(12.0)], 20), "▁▁··█ 12");
    assert_eq!(line(&[Some(5.0), Some(5.0), Some(5.0)], 10), "▄▄▄ 5");
    assert_eq!(line(&[Some(f64::MIN), Some(f64::MAX)], 2), "▁█ 1.80e308");
    assert_eq!(line(&[], 8), "");
    // Samples that come a little late leave no hole.
    let late = [0, 1_000, 2_900, 3_000, 4_000, 5_900, 6_900, 7_000]
        .map(|millis| (from + TimeDelta::milliseconds(millis), 1.0));
    let mut uneven = Series::new();
    late.into_iter().for_each(|(at, value)| assert!(uneven.push(at, value)));
    assert_eq!(sparkline(&uneven, Unit::Plain, 8).matches('·').count(), 2, "only the two seconds that are missing");
    // Two hours with half an hour missing, in sixteen columns: four of them.
    let long: Vec<_> = (0..480).map(|index| (!(120..240).contains(&index)).then(|| f64::from(index % 7))).collect();
    assert_eq!(line(&long, 16).matches('·').count(), 4);
}

#[test]
fn names_from_outside_stay_text() {
    let hostile = "</text><script>alert('1')</script>&\"\u{202e}\u{0}]]>";
    let mut chart = watch();
    chart.title = hostile.into();
    chart.panels[0].name = hostile.into();
    chart.panels[0].limits[0].that = hostile.into();
    let pair = Pair { title: hostile.into(), change: hostile.into(), panels: chart.panels.clone(), ..pair() };
    for svg in [chart.svg(Look::page()), pair.svg(Look::page())] {
        assert!(!svg.contains("<script") && !svg.contains(['\u{202e}', '\u{0}']) && svg.contains("&lt;script&gt;"));
        let plain = resvg::usvg::roxmltree::Document::parse(&svg).unwrap();
        let shown = plain.descendants().filter(|node| node.has_tag_name("title")).find_map(|node| node.text());
        assert!(shown.unwrap().starts_with("</text><script>alert('1')"), "it reads as it was written");
    }
}

fn decoded(svg: &str) -> Pixmap {
    Pixmap::decode_png(&png(svg).unwrap()).unwrap()
}

#[test]
fn a_picture_is_drawn_on_its_ground_and_is_the_same_every_time() {
    let ground = |map: &Pixmap| map.pixel(2, 2).unwrap().demultiply();
    let [light, dark] = [Theme::Light, Theme::Dark].map(|theme| decoded(&watch().svg(Look::phone(theme))));
    assert_eq!(light.width(), 1080);
    let colour = |map: &Pixmap| (ground(map).red(), ground(map).green(), ground(map).blue());
    assert_eq!((colour(&light), colour(&dark)), ((255, 255, 255), (13, 17, 23)));
    for map in [&light, &dark] {
        let drawn = map.pixels().iter().filter(|pixel| pixel.demultiply() != ground(map)).count();
        assert!(drawn > map.pixels().len() / 50, "{drawn} pixels differ from the ground");
    }
    let svg = pair().svg(Look::phone(Theme::Dark));
    assert!(png(&svg).unwrap() == png(&svg).unwrap(), "the same bytes");
    // The embedded font draws letters: a chart without its text has fewer pixels in the corner of its title.
    let inked = |svg: &str| {
        let map = decoded(svg);
        let title = (0..60).flat_map(|y| (0..500).map(move |x| (x, y)));
        title.filter(|(x, y)| map.pixel(*x, *y).unwrap().demultiply() != ground(&map)).count()
    };
    let untitled = Chart { title: String::new(), ..watch() };
    assert!(inked(&watch().svg(Look::phone(Theme::Light))) > inked(&untitled.svg(Look::phone(Theme::Light))) + 1000);
}

#[test]
fn what_is_no_chart_or_far_too_large_is_refused() {
    assert!(matches!(png("<svg"), Err(PngError::Svg(_))));
    let huge = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9000\" height=\"9000\"/>";
    assert!(matches!(png(huge), Err(PngError::Large(..))));
}

#[test]
fn whatever_the_values_are_every_coordinate_is_a_number() {
    let from = at("2026-02-02T11:00:00Z");
    for values in [
        vec![0.0],
        vec![7.0; 3],
        vec![-1.0, 1e308, -1e308],
        vec![f64::MIN, f64::MAX],
        vec![f64::MIN_POSITIVE, 0.0],
        vec![1e16, 1e16 + 2.0],
        vec![],
    ] {
        for unit in [Unit::Plain, Unit::Bytes, Unit::Percent] {
            let series = sampled(from, 1, values.iter().copied().map(Some));
            let panel = Panel { unit, ..panel("a<b>&", series) };
            let empty = Chart { from, panels: vec![panel], ..watch() };
            let svg = Chart { to: from, every_ms: 0, ..empty }.svg(Look::page());
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}: {svg}");
        }
    }
}

#[test]
fn a_year_of_samples_is_drawn_with_a_bounded_number_of_points() {
    let from = at("2026-01-01T00:00:00Z");
    let values = (0..60_000).map(|index| (index % 7 != 3).then(|| f64::from(index % 1_000)));
    let series = sampled(from, 60, values);
    let to = series.last().unwrap().0;
    let svg = chart(Tz::UTC, 60_000, to, vec![panel("every seventh is missing", series)]).svg(Look::page());
    let points: usize =
        svg.split("points=\"").skip(1).map(|rest| rest.split('"').next().unwrap().matches(',').count()).sum();
    assert!(points + svg.matches("<circle").count() <= 2 * PARTS + 1, "{points}");
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
}

proptest! {
    #[test]
    fn marks_of_time_increase_and_stay_inside(zone in 0..TZ_VARIANTS.len(), from in -2_208_988_800_000_i64..7_258_118_400_000, bits in 0_u32..42, length in 0_i64..1_000_000_000_000, at_most in 1_usize..14) {
        let from = Instant::from_timestamp_millis(from).unwrap();
        let to = from + TimeDelta::milliseconds(length >> bits);
        let marks = ticks(from, to, TZ_VARIANTS[zone], at_most);
        prop_assert!((1..=at_most).contains(&marks.len()), "{} of {at_most}", marks.len());
        prop_assert!(marks.windows(2).all(|pair| pair[0].at < pair[1].at));
        prop_assert!(marks.iter().all(|mark| (from..=to).contains(&mark.at)));
    }

    #[test]
    fn the_percentile_is_the_least_value_that_95_of_100_do_not_exceed(values in proptest::collection::vec(-1e6_f64..1e6, 1..300)) {
        let series = sampled(at("2026-02-02T11:00:00Z"), 1, values.iter().copied().map(Some));
        let enough = |limit: f64| values.iter().filter(|value| **value <= limit).count() * 100 >= values.len() * 95;
        let oracle = values.iter().copied().filter(|value| enough(*value)).fold(f64::INFINITY, f64::min);
        prop_assert_eq!(series.p95(), Some(oracle));
        let told = figures(&series, Unit::Plain);
        prop_assert_eq!(told.last(), Some(&format!("p95 {}", Unit::Plain.shown(oracle))));
    }

    #[test]
    fn thinning_loses_no_extreme_and_no_line_crosses_a_gap(values in proptest::collection::vec(proptest::option::weighted(0.9, -1e3_f64..1e3), 2..2_500)) {
        let from = at("2026-02-02T11:00:00Z");
        let panel = panel("any", sampled(from, 15, values.iter().copied()));
        let window = (from, from + TimeDelta::seconds(15 * values.len() as i64));
        let quiet = silences(&panel.series, 15_000, &[], window);
        let drawn = lines(&panel, &quiet, window);
        let points: Vec<(Instant, f64)> = drawn.iter().flatten().copied().collect();
        prop_assert!(points.len() <= 2 * PARTS);
        let ends = |points: &[(Instant, f64)]| points.iter().map(|(_, value)| *value).fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(value), b.max(value)));
        prop_assert_eq!(ends(&points), ends(panel.series.samples()));
        for (index, pair) in values.windows(2).enumerate().filter(|(_, pair)| pair[1].is_none() && pair[0].is_some()) {
            let missing = from + TimeDelta::seconds(15 * (index as i64 + 1));
            let crossed = drawn.iter().any(|line| line.first().is_some_and(|first| first.0 < missing) && line.last().is_some_and(|last| last.0 > missing));
            prop_assert!(!crossed, "{pair:?} at {index}");
        }
    }

    #[test]
    fn any_values_have_a_scale_that_holds_them(values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 1..6)) {
        for unit in [Unit::Plain, Unit::Percent, Unit::Bytes] {
            let scale = Scale::around(values.iter().copied(), unit);
            prop_assert!(scale.low < scale.high && scale.high.is_finite() && scale.low.is_finite());
            let marks = scale.marks();
            prop_assert!(marks.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1), "{marks:?}");
            prop_assert!(marks.iter().all(|(_, label)| label.chars().count() <= 14), "{marks:?}");
        }
    }
}
