//! Digests by the clock: due, missed, late, given up.

use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;

use super::Schedule;
use super::decide::{Make, Next, decide, since};
use super::event::{Due, Event, Sent, Skipped, Why};
use super::state::State;
use crate::base::event::Instant;
use crate::base::schedule::{Cron, Span};

fn schedule(cron: &str, zone: Tz) -> Schedule {
    Schedule { name: "morning".into(), cron: Cron::parse(cron).unwrap(), zone, late: Span::parse("4h").unwrap() }
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// A server that keeps one digest while it is up, on a clock that is told.
struct Story {
    schedule: Schedule,
    state: State,
    events: Vec<Event>,
    /// When which was sent.
    sent: Vec<(Instant, Due)>,
    /// Why nothing gets through.
    away: Option<String>,
    failed: Option<String>,
}

impl Story {
    fn new(schedule: Schedule) -> Self {
        let (state, events, sent) = (State::default(), Vec::new(), Vec::new());
        Self { schedule, state, events, sent, away: None, failed: None }
    }

    fn record(&mut self, event: Event, now: Instant) {
        self.state.apply(&event, now);
        self.events.push(event);
    }

    /// Does all there is to do at a moment; when to look again.
    fn wake(&mut self, now: Instant) -> Option<Instant> {
        for _ in 0..20 {
            match decide(&self.state, &self.schedule, self.failed.as_deref(), now) {
                Next::Record(events) => {
                    events.into_iter().for_each(|event| self.record(event, now));
                    self.failed = None;
                }
                Next::Make(Make { due, late, skipped }) => {
                    let since = since(&self.state, now);
                    skipped.into_iter().for_each(|skipped| self.record(skipped.into(), now));
                    self.record(Due { due, late, since, until: now, figures: [].into() }.into(), now);
                }
                Next::Send(due) => match &self.away {
                    Some(why) => {
                        self.failed = Some(why.clone());
                        return Some(now + TimeDelta::seconds(60));
                    }
                    None => {
                        self.sent.push((now, due.clone()));
                        self.record(Sent { due: due.due, receipt: None }.into(), now);
                        self.failed = None;
                    }
                },
                Next::Wait(at) => return at,
            }
        }
        panic!("it never comes to rest: {:?}", self.events);
    }

    /// Is up from one moment to another.
    fn up(&mut self, from: Instant, until: Instant) {
        // A process that begins knows of no failure.
        self.failed = None;
        let mut now = from;
        while now <= until {
            match self.wake(now) {
                Some(next) => now = next,
                None => return,
            }
        }
    }

    fn told(&self) -> Vec<(String, bool)> {
        let time = |at: Instant| at.with_timezone(&self.schedule.zone).format("%d %H:%M").to_string();
        self.sent.iter().map(|(_, due)| (time(due.due), due.late)).collect()
    }
}

#[test]
fn one_that_was_missed_is_sent_late_once_and_one_that_is_too_old_is_not() {
    let mut story = Story::new(schedule("0 8 * * *", Tz::UTC));
    story.up(at("2026-03-02T07:00:00Z"), at("2026-03-02T12:00:00Z"));
    // Down from noon on; back at 09:30 the next day, and again at 13:00 the day after.
    story.up(at("2026-03-03T09:30:00Z"), at("2026-03-03T09:31:00Z"));
    story.up(at("2026-03-03T09:40:00Z"), at("2026-03-03T09:41:00Z"));
    story.up(at("2026-03-04T13:00:00Z"), at("2026-03-05T08:00:00Z"));
    assert_eq!(story.told(), [("02 08:00".into(), false), ("03 08:00".into(), true), ("05 08:00".into(), false)]);
    let skipped: Vec<&Event> = story.events.iter().filter(|event| matches!(event, Event::Skipped(_))).collect();
    let day = at("2026-03-04T08:00:00Z");
    assert_eq!(skipped, [&Event::from(Skipped { first: day, last: day, count: 1, why: Why::TooOld })]);
    // Each goes on where the one before it ended.
    assert_eq!(story.sent[2].1.since, story.sent[1].1.until);
}

#[test]
fn of_several_that_were_missed_the_newest_is_sent_and_the_others_are_counted() {
    let mut story = Story::new(schedule("*/10 * * * *", Tz::UTC));
    story.up(at("2026-03-02T07:55:00Z"), at("2026-03-02T08:05:00Z"));
    story.up(at("2026-03-02T09:03:00Z"), at("2026-03-02T09:10:00Z"));
    assert_eq!(story.told(), [("02 08:00".into(), false), ("02 09:00".into(), true), ("02 09:10".into(), false)]);
    let (first, last) = (at("2026-03-02T08:10:00Z"), at("2026-03-02T08:50:00Z"));
    assert!(story.events.contains(&Skipped { first, last, count: 5, why: Why::Superseded }.into()));
}

#[test]
fn what_was_due_before_it_was_written_down_or_changed_does_not_count() {
    let mut story = Story::new(schedule("0 8 * * *", Tz::UTC));
    story.up(at("2026-03-02T09:00:00Z"), at("2026-03-02T10:00:00Z"));
    assert_eq!(story.told(), []);
    story.schedule = schedule("0 7 * * *", Tz::UTC);
    story.up(at("2026-03-03T07:30:00Z"), at("2026-03-04T07:00:00Z"));
    assert_eq!(story.told(), [("04 07:00".into(), false)], "the 3rd, 07:00 was no time of it when it was changed");
}

#[test]
fn while_nobody_takes_it_it_is_tried_until_it_is_too_old_or_a_newer_one_is_due() {
    let mut story = Story::new(schedule("0 8 * * *", Tz::UTC));
    story.away = Some("503".into());
    story.up(at("2026-03-02T07:00:00Z"), at("2026-03-02T13:00:00Z"));
    let day = at("2026-03-02T08:00:00Z");
    let why = Why::Undelivered { said: "503".into() };
    assert_eq!(story.events.last(), Some(&Skipped { first: day, last: day, count: 1, why }.into()));
    assert_eq!(story.state.missed.len(), 1, "the next one tells of it");
    story.away = None;
    story.up(at("2026-03-03T07:00:00Z"), at("2026-03-03T08:00:00Z"));
    assert_eq!((story.told(), story.state.missed.len()), (vec![("03 08:00".into(), false)], 0));

    let mut story = Story::new(schedule("0 * * * *", Tz::UTC));
    story.away = Some("503".into());
    story.up(at("2026-03-02T07:30:00Z"), at("2026-03-02T09:59:00Z"));
    story.away = None;
    story.up(at("2026-03-02T09:59:30Z"), at("2026-03-02T10:00:00Z"));
    assert_eq!(story.told(), [("02 09:00".into(), false), ("02 10:00".into(), false)]);
}

#[test]
fn one_that_may_have_been_sent_is_tried_again_after_a_restart() {
    let mut story = Story::new(schedule("0 8 * * *", Tz::UTC));
    story.away = Some("the process dies here".into());
    story.up(at("2026-03-02T07:59:00Z"), at("2026-03-02T08:00:00Z"));
    assert!(story.state.pending.is_some());
    story.away = None;
    story.up(at("2026-03-02T08:00:05Z"), at("2026-03-02T09:00:00Z"));
    assert_eq!(story.told(), [("02 08:00".into(), false)]);
}

#[test]
fn a_day_whose_clock_is_changed_has_one_digest() {
    // Berlin: 02:30 does not exist on 29 March 2026, and comes twice on 25 October.
    let mut story = Story::new(schedule("30 2 * * *", Tz::Europe__Berlin));
    story.up(at("2026-03-28T00:00:00Z"), at("2026-03-30T12:00:00Z"));
    assert_eq!(story.told(), ["28 02:30", "29 03:00", "30 02:30"].map(|time| (time.to_owned(), false)));
    let mut story = Story::new(schedule("30 2 * * *", Tz::Europe__Berlin));
    // Down between the two.
    story.up(at("2026-10-24T00:00:00Z"), at("2026-10-25T00:45:00Z"));
    story.up(at("2026-10-25T01:15:00Z"), at("2026-10-26T12:00:00Z"));
    assert_eq!(story.told(), ["24 02:30", "25 02:30", "26 02:30"].map(|time| (time.to_owned(), false)));
}

fn crons() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "0 8 * * mon-fri",
        "*/15 * * * *",
        "30 2 * * *",
        "0 */3 * * *",
        "0 0 * * 0",
        "5,55 1-3 * * *",
    ])
}

proptest! {
    /// Whatever the server does, every time is sent once or recorded as skipped, never both, and in order.
    #[test]
    fn whenever_it_is_down_each_time_is_sent_once_or_skipped(
        cron in crons(),
        zone in prop::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::America__Santiago, Tz::Australia__Lord_Howe]),
        // Around changes of the clock in all of these zones, and elsewhere.
        begin in prop::sample::select(vec!["2026-03-28T11:07:00Z", "2026-04-04T05:00:00Z", "2026-10-24T20:00:00Z", "2026-06-15T00:00:00Z"]),
        turns in prop::collection::vec((1..900_i64, 0..2_000_i64, prop::bool::weighted(0.2)), 1..12),
    ) {
        let mut story = Story::new(schedule(cron, zone));
        let (begin, mut now) = (at(begin), at(begin));
        for (up, down, away) in turns {
            story.away = away.then(|| "503".to_owned());
            story.up(now, now + TimeDelta::minutes(up));
            now += TimeDelta::minutes(up + down);
        }
        story.away = None;
        story.up(now, now + TimeDelta::minutes(1));
        let end = now + TimeDelta::minutes(1);

        let mut due = story.schedule.next_after(begin);
        let skipped: Vec<&Skipped> = story.events.iter().filter_map(|event| match event {
            Event::Skipped(skipped) => Some(skipped),
            _ => None,
        }).collect();
        let mut counted = 0;
        while let Some(time) = due.filter(|due| *due <= end) {
            let sent = story.sent.iter().filter(|(_, sent)| sent.due == time).count();
            let given_up = skipped.iter().filter(|one| (one.first..=one.last).contains(&time)).count();
            prop_assert_eq!((sent, given_up) == (1, 0) || (sent, given_up) == (0, 1), true, "{}: {} {}", time, sent, given_up);
            counted += u32::try_from(given_up).unwrap();
            due = story.schedule.next_after(time);
        }
        prop_assert_eq!(counted, skipped.iter().map(|one| one.count).sum::<u32>());
        for pair in story.sent.windows(2) {
            prop_assert!(pair[0].1.due < pair[1].1.due);
            prop_assert_eq!(pair[0].1.until, pair[1].1.since.max(pair[0].1.until));
        }
        for (at, sent) in &story.sent {
            prop_assert!(*at >= sent.due && *at - sent.due <= story.schedule.late.delta());
        }
    }

    /// Looking back finds what going forward finds.
    #[test]
    fn the_newest_is_the_last_one_that_comes(cron in crons(), minutes in 0..20_000_i64) {
        let schedule = schedule(cron, Tz::America__Santiago);
        let (after, now) = (at("2026-03-28T11:07:00Z"), at("2026-03-28T11:07:00Z") + TimeDelta::minutes(minutes));
        let (mut expected, mut from) = (None, after);
        while let Some(due) = schedule.next_after(from).filter(|due| *due <= now) {
            (expected, from) = (Some(due), due);
        }
        prop_assert_eq!(schedule.newest(after, now), expected);
    }
}
