//! What stands on the lists, from made-up models.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use maud::Markup;

use super::{incidents, monitors, oncall, runs};
use crate::base::event::{CoverId, IncidentId, Instant, Person, RunId};
use crate::bot::lists::incidents::{Median, Month};
use crate::bot::lists::monitors::{Board, Point, Watching};
use crate::bot::lists::runs::{Doing, Line};
use crate::bot::monitors::Seen;
use crate::bot::oncall::{Calendar, Row};
use crate::domain::monitor::slo::Standing;
use crate::domain::monitor::spec::Slo;
use crate::domain::monitor::state::{Folded, Level, Mute};
use crate::domain::monitor::tally::Kept;
use crate::domain::monitor::whole::Whole;
use crate::domain::run::event::Outcome;

fn now() -> Instant {
    "2026-03-02T11:14:00Z".parse().unwrap()
}

/// One tag a line, so that a change is read as what it is.
fn lines(page: &Markup) -> String {
    page.0.replace("><", ">\n<")
}

#[test]
fn how_quickly_people_were_is_drawn_and_told_in_numbers() {
    let median = |minutes: i64, of| Some(Median { length: TimeDelta::minutes(minutes), of });
    let month = |month, incidents, measures| Month {
        first: NaiveDate::from_ymd_opt(2026, month, 1).unwrap(),
        incidents,
        measures,
    };
    let months = [
        month(1, 3, [median(4, 3), median(2, 3), median(95, 2), median(130, 2)]),
        month(2, 1, [None, median(1, 1), None, None]),
        month(3, 2, [None, None, None, median(3_000, 1)]),
    ];
    insta::assert_snapshot!(lines(&incidents::times::over_time(&months)));
    let nothing = [month(1, 3, [None; 4])];
    assert!(incidents::times::over_time(&nothing).0.is_empty(), "nothing where there is nothing");
}

#[test]
fn a_run_says_how_it_stands_what_it_waits_for_and_how_it_ended() {
    let line = |number, outcome: Option<(Outcome, String)>, doing| {
        let ended_at = outcome.is_some().then(|| now() - TimeDelta::minutes(2));
        Arc::new(Line {
            id: RunId::number(number),
            runbook: "by hand?".into(),
            title: "Fill <the> tank".into(),
            environment: "production".into(),
            incident: IncidentId::number(3),
            by: Person::new("Ana"),
            follow_up: number == 2,
            opened_at: now() - TimeDelta::minutes(20),
            ended_at,
            outcome,
            ending: false,
            paused: None,
            doing,
        })
    };
    let waits = Doing {
        step: "Open the lid".into(),
        words: "is to be done by hand".into(),
        since: Some(now() - TimeDelta::minutes(12)),
        until: Some(now() + TimeDelta::minutes(8)),
        asks: true,
    };
    let failed = Some((Outcome::Failed, "the lid is stuck".to_owned()));
    let lines_ = [line(1, None, vec![waits]), line(2, failed, Vec::new())];
    insta::assert_snapshot!(lines(&runs::table(&lines_, "Runs", Tz::America__Santiago, now())));
}

#[test]
fn a_monitor_says_how_it_is_why_nobody_is_called_and_what_is_left_of_its_promise() {
    let seen = |id: &str, folded: Folded, mute| Seen {
        id: id.into(),
        title: if id == "api" { "The <API>".into() } else { id.into() },
        target: (id == "api").then(|| "api".to_owned()),
        folded,
        last: Some(Kept {
            at: (now() - TimeDelta::seconds(4)).timestamp_millis(),
            level: Level::Healthy,
            took_ms: Some(31),
            excused: false,
        }),
        hour: Vec::new(),
        unclear: None,
        mute,
        maintenance: None,
        zone: Tz::UTC,
    };
    let failing = Folded {
        level: Level::Failing,
        since: Some(now() - TimeDelta::minutes(3)),
        seen: "503 in 4 ms".into(),
        alarm: Some(now()),
        incident: Some(IncidentId::number(7)),
        ..Folded::default()
    };
    let mute = Mute { until: now() + TimeDelta::hours(1), by: Person::new("Ben"), why: "known <since> noon".into() };
    let point = |minutes: i64, took_ms, failed| Point { at: now() - TimeDelta::minutes(minutes), took_ms, failed };
    let lately = vec![
        point(180, Some(20.0), false),
        point(175, Some(40.0), false),
        point(30, None, true),
        point(10, Some(30.0), false),
    ];
    let slo = Slo { uptime: Some(99.5), p95: None, over: crate::base::schedule::Span::parse("30d").unwrap() };
    let standing = |left| Standing { uptime: Some(99.0), budget_left: Some(left), p95_ms: None, p95_kept: None };
    let all = vec![
        Watching { seen: seen("api", failing, Some(mute)), lately, promise: Some((slo, standing(-100.0))) },
        Watching {
            seen: seen("nightly", Folded::default(), None),
            lately: Vec::new(),
            promise: Some((slo, standing(80.0))),
        },
    ];
    let whole = Whole::of(all.iter().map(|one| one.seen.part()));
    let board = Board { environment: "production".into(), all, whole };
    insta::assert_snapshot!(lines(&monitors::body(&board, None, None, now())));
}

#[test]
fn a_day_in_the_calendar_shows_hand_overs_overrides_and_holes() {
    let at = |text: &str| -> Instant { text.parse().unwrap() };
    let row = |from, until, person: Option<&str>, by_override| Row {
        from,
        until,
        person: person.map(Person::new),
        by_override,
    };
    let travels = Some((CoverId::number(4), Some("Ana <travels>".to_owned())));
    let rows = vec![
        row(now(), at("2026-03-03T08:00:00Z"), Some("Ana"), None),
        row(at("2026-03-03T08:00:00Z"), at("2026-03-03T12:00:00Z"), Some("Ben"), travels),
        row(at("2026-03-03T12:00:00Z"), at("2026-03-04T00:00:00Z"), None, None),
        row(at("2026-03-04T00:00:00Z"), at("2026-03-16T11:14:00Z"), Some("Ana"), None),
    ];
    let calendar = Calendar { schedule: "primary".into(), zone: Tz::UTC, rows, asked: Vec::new() };
    insta::assert_snapshot!(lines(&oncall::calendar::table(&[calendar], 3, now(), Tz::UTC)));
}
