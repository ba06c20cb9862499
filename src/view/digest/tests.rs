//! A quiet night, a bad one, and one in which everything happened.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{about, page, quiet, sections, title};
use crate::base::event::{IncidentId, Instant, Person, Severity};
use crate::base::series::Series;
use crate::domain::digest::event::{Skipped, Why};
use crate::domain::digest::model::{
    Budget, Condition, Digest, Duty, Figure, Health, InForce, Incident, Measure, Overdue, Pages, Review, Stale,
};

/// Monday, 08:00 in Santiago.
fn monday() -> Instant {
    "2026-03-23T11:00:00Z".parse().unwrap()
}

fn hours(count: i64) -> TimeDelta {
    TimeDelta::hours(count)
}

fn day(values: impl Fn(i64) -> f64) -> (Measure, Series) {
    let mut series = Series::new();
    for hour in 0..24 {
        series.push(monday() - hours(24 - hour), values(hour));
    }
    (Measure::P95, series)
}

fn figure(condition: Condition, availability: f64, p95: u32) -> Figure {
    Figure { condition, availability: Some(availability), p95_ms: Some(p95) }
}

fn health(name: &str, now: Figure, was: Figure, seen: &str) -> Health {
    #[allow(clippy::cast_precision_loss, reason = "an hour of a day")]
    let day = day(|hour| f64::from(now.p95_ms.unwrap_or(0)) * (1.0 + (hour % 5) as f64 / 10.0));
    Health { name: name.into(), now, was: Some(was), seen: seen.into(), day }
}

fn well(name: &str) -> Health {
    let well = figure(Condition::Healthy, 100.0, 80);
    health(name, well, well, "")
}

fn budget(monitor: &str, left: f64) -> Budget {
    let uptime = 99.5 + 0.5 * left / 100.0;
    Budget { monitor: monitor.into(), promised: 99.5, uptime, left, over: "30d".into() }
}

pub(crate) fn quiet_one() -> Digest {
    let next = Some((monday() + hours(1), Some(Person::new("Ben"))));
    Digest {
        due: Some(monday()),
        health: ["api", "database", "redis"].map(well).into(),
        budgets: vec![budget("api-health", 93.0)],
        oncall: vec![Duty { schedule: "primary".into(), person: Some(Person::new("Ana")), next }],
        ..Digest::blank(
            Some("morning".into()),
            Tz::America__Santiago,
            monday() - hours(24),
            monday() + TimeDelta::seconds(1),
        )
    }
}

pub(crate) fn bad() -> Digest {
    let id = IncidentId::number;
    let first = Incident {
        id: id(7),
        title: "Redis refuses connections".into(),
        severity: Some(Severity::P1),
        status: "investigating".into(),
        open: true,
        declared_at: monday() - hours(5),
        opened: true,
        resolved_at: None,
        lead: Some(Person::new("Ana")),
    };
    let over = Incident {
        id: id(6),
        title: "Uploads are slow".into(),
        severity: Some(Severity::P2),
        status: "resolved, unverified".into(),
        open: false,
        declared_at: monday() - hours(14),
        resolved_at: Some(monday() - hours(12)),
        ..first.clone()
    };
    let failing = figure(Condition::Failing, 81.25, 4_200);
    let was = figure(Condition::Healthy, 99.99, 90);
    Digest {
        health: vec![
            health("redis", failing, was, "503 in 12 ms; not so: status == 200"),
            health("api", figure(Condition::Degraded, 98.2, 900), figure(Condition::Degraded, 99.9, 850), "slow"),
            well("database"),
        ],
        budgets: vec![budget("redis-ping", -140.0), budget("api-health", 12.0)],
        incidents: vec![first, over],
        pages: Pages { count: 3, answered_ms: vec![45_000, 130_000], unanswered: 1, calling: 0 },
        overdue: vec![Overdue {
            id: "inc-3 A1".into(),
            text: "Raise the limit of connections".into(),
            owner: Some(Person::new("Ben")),
            due: "2026-03-15".parse().unwrap(),
        }],
        reviews: vec![Review {
            incident: id(6),
            title: "Uploads are slow".into(),
            due: monday() + hours(36),
            lead: Some(Person::new("Ana")),
        }],
        in_force: vec![InForce::Freeze {
            what: "redis".into(),
            by: Person::new("Ana"),
            why: "a migration runs".into(),
            until: monday() + hours(3),
        }],
        stale: vec![Stale { runbook: "restart-api".into(), why: "the page changed since its last rehearsal".into() }],
        ..quiet_one()
    }
}

/// Two hundred monitors, everything at once, names that want to be more than names.
pub(crate) fn everything() -> Digest {
    let bad = bad();
    let of = |number: usize| match number {
        1..=9 => Condition::Failing,
        10..=29 => Condition::Degraded,
        _ => Condition::Healthy,
    };
    let one = |number: usize| {
        let name = format!("service-{number:03}");
        let seen = if number < 30 { "no answer within 10s from https://**service**.example @everyone" } else { "" };
        health(&name, figure(of(number), 99.0, 120), figure(Condition::Healthy, 100.0, 110), seen)
    };
    let (first, last) = (monday() - hours(72), monday() - hours(24));
    Digest {
        late: true,
        until: monday() + TimeDelta::minutes(65),
        missed: vec![Skipped {
            first,
            last,
            count: 3,
            why: Why::Undelivered { said: "503 Service Unavailable".into() },
        }],
        health: (1..=200).map(one).collect(),
        budgets: (1..=30).map(|number| budget(&format!("service-{number:03}"), f64::from(number) * 3.0)).collect(),
        incidents: bad.incidents.iter().cycle().take(12).cloned().collect(),
        overdue: bad.overdue.iter().cycle().take(9).cloned().collect(),
        oncall: vec![Duty { schedule: "night".into(), person: None, next: None }],
        unknown: vec!["who is on call: oncall.yaml has 2 faults".into()],
        ..bad
    }
}

fn shown(digest: &Digest) -> String {
    let mut lines = vec![title(digest)];
    lines.extend(about(digest));
    lines.extend(quiet(digest));
    for section in sections(digest) {
        lines.push(format!("\n{} {}", section.mark, section.title));
        lines.extend(section.lines.iter().take(6).map(|line| format!("[{}] {}", line.lead, line.text)));
    }
    lines.join("\n")
}

#[test]
fn a_quiet_night_is_one_line() {
    let lines = shown(&quiet_one());
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(
        lines,
        [
            "Digest morning, Mon 2026-03-23 08:00",
            "since Sun 2026-03-22 08:00, 1 d ago (America/Santiago, UTC-3)",
            "Quiet: all 3 targets healthy, 93 % of error budgets left or more, no incident, nobody was called. On call: primary \
             Ana until Mon 09:00, then Ben."
        ]
    );
}

#[test]
fn a_bad_night_says_what_is_open_first() {
    insta::assert_snapshot!(shown(&bad()));
}

#[test]
fn everything_at_once_is_told_with_what_is_late_and_not_known() {
    insta::assert_snapshot!(shown(&everything()));
    let page = page(&everything());
    assert!(page.contains("\\*\\*service\\*\\*.example @\u{200b}everyone"), "what was seen stays text: {page}");
}

#[test]
fn small_moves_are_no_change() {
    let was = figure(Condition::Healthy, 99.99, 80);
    let same = health("api", figure(Condition::Healthy, 99.96, 100), was, "");
    assert!(!same.changed() && !same.needs_a_look());
    let worse = health("api", figure(Condition::Healthy, 99.0, 100), was, "");
    assert_eq!((worse.changed(), worse.needs_a_look(), worse.availability_was()), (true, true, Some(99.99)));
    let better = health("api", figure(Condition::Healthy, 100.0, 40), figure(Condition::Healthy, 99.0, 100), "");
    assert!(better.changed() && !better.needs_a_look());
    let digest = Digest { health: vec![better], ..quiet_one() };
    assert!(quiet(&digest).is_some());
    assert_eq!(digest.figures(), BTreeMap::from([("api".to_owned(), figure(Condition::Healthy, 100.0, 40))]));
}
