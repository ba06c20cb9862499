//! What is said about who is on call.
//!
//! Lives here: the text. Never lives here: who it is (`domain/oncall`).

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::out::telln;
use super::paint::wrap;
use super::show::{Show, Shown, count};
use super::{Exit, json};
use crate::base::event::{Actor, CoverId, Instant};
use crate::base::text::one_line;
use crate::bot::Bot;
use crate::bot::grammar::Oncall;
use crate::bot::oncall::{Calendar, Changed, OnDuty, Row, Simulated, Upcoming};
use crate::domain::oncall::rota::Asked;
use crate::domain::oncall::simulate::{Hole, Load};
use crate::view::sentence::Wording;
use crate::view::time;

/// Holes and odd hours that are listed; the others are counted.
const LISTED: usize = 12;

pub(super) async fn carry_out(bot: &Bot, me: &Actor, show: &Show, verb: Oncall) -> Shown {
    match verb {
        Oncall::Who(asked) => show.on_call(&bot.on_call(&asked).await?),
        Oncall::Next { person } => show.upcoming(&bot.on_call_next(me, person.as_deref()).await?),
        Oncall::Schedule { schedule, days } => show.calendars(&bot.on_call_calendar(schedule.as_deref(), days).await?),
        Oncall::Override(asked) => show.rota_changed(&bot.on_call_override(me, &asked).await?),
        Oncall::Cover(asked) => show.rota_changed(&bot.on_call_cover(me, &asked).await?),
        Oncall::Take { id } => show.rota_changed(&bot.on_call_take(me, &id).await?),
        Oncall::Remove { id } => show.rota_changed(&bot.on_call_remove(me, &id).await?),
        Oncall::Drill { policy } => show.paged(&bot.drill(me, policy.as_deref()).await?),
        Oncall::Simulate(asked) => show.simulated(&bot.on_call_simulate(&asked).await?),
    }
}

impl Show {
    fn on_call(&self, all: &[OnDuty]) -> Shown {
        let wide = widest(all.iter().map(|one| one.schedule.as_str()));
        let persons = widest(all.iter().map(name));
        for one in all {
            let (schedule, person) = (padded(&one.schedule, wide), padded(name(one), persons));
            let person = if one.person.is_some() { self.paint.bold(&person) } else { self.paint.warn(&person) };
            telln!("{schedule}  {person}  {}", self.until(one));
        }
        self.zones(all.iter().map(|one| (one.schedule.as_str(), one.zone)));
        Ok(Exit::Succeeded)
    }

    /// `until Mon 2026-11-23 09:00, in 2 d 3 h, then Eva`.
    fn until(&self, one: &OnDuty) -> String {
        let by = one.by_override.as_ref().map_or(String::new(), |id| format!(" ({id})"));
        let Some(next) = &one.next else { return format!("until further notice{by}") };
        let then = next.to.as_ref().map_or("nobody".to_owned(), |person| one_line(person.name(), 60));
        let away = next.at - self.now;
        let away = if away > TimeDelta::zero() { format!(", in {}", time::length(whole(away))) } else { String::new() };
        format!("until {}{away}, then {then}{by}", time::planned(next.at, one.zone))
    }

    fn upcoming(&self, upcoming: &Upcoming) -> Shown {
        let person = one_line(upcoming.person.name(), 60);
        if upcoming.shifts.is_empty() {
            telln!("{person} is not on call in the coming 400 days");
            return Ok(Exit::Succeeded);
        }
        let wide = widest(upcoming.shifts.iter().map(|due| due.schedule.as_str()));
        for due in &upcoming.shifts {
            let (from, until) = (due.shift.from, due.shift.until);
            let from = if from <= upcoming.at { padded("now", 20) } else { time::planned(from, due.zone) };
            let until = time::planned(until, due.zone);
            telln!("{}  {from} to {until}  {}", padded(&due.schedule, wide), lasts(due.shift.from, due.shift.until));
        }
        self.zones(upcoming.shifts.iter().map(|due| (due.schedule.as_str(), due.zone)));
        Ok(Exit::Succeeded)
    }

    fn calendars(&self, all: &[Calendar]) -> Shown {
        for (index, calendar) in all.iter().enumerate() {
            if index > 0 {
                telln!("");
            }
            telln!("{}  {}", self.paint.bold(&calendar.schedule), self.paint.dim(calendar.zone.name()));
            calendar.rows.iter().for_each(|row| telln!("  {}", self.calendar_row(row, calendar.zone)));
            for (id, asked) in &calendar.asked {
                telln!("{}", self.asked(id, asked, calendar.zone));
            }
        }
        Ok(Exit::Succeeded)
    }

    fn calendar_row(&self, row: &Row, zone: Tz) -> String {
        let person = match &row.person {
            Some(person) => one_line(person.name(), 60),
            None => self.paint.warn("nobody"),
        };
        let why = match &row.by_override {
            Some((id, Some(why))) => format!("  {id}: {}", one_line(why, 120)),
            Some((id, None)) => format!("  {id}"),
            None => String::new(),
        };
        let (from, until) = (time::planned(row.from, zone), time::planned(row.until, zone));
        format!("{from}  to {until}  {:>11}  {person}{}", lasts(row.from, row.until), self.paint.dim(&why))
    }

    fn asked(&self, id: &CoverId, asked: &Asked, zone: Tz) -> String {
        let (from, until) = (time::planned(asked.from, zone), time::planned(asked.until, zone));
        let why = asked.why.as_ref().map_or(String::new(), |why| format!(": {}", one_line(why, 120)));
        let person = one_line(asked.person.name(), 60);
        let text = format!("{id}: {person} asks for cover from {from} until {until}{why}");
        format!("{}\n{}", wrap(&self.paint.ask(&text), "  ", self.width), self.paint.dim(&taking(id, "    ")))
    }

    fn rota_changed(&self, changed: &Changed) -> Shown {
        if self.json {
            telln!("{}", json::line(&changed.fact));
            return Ok(Exit::Succeeded);
        }
        if let Some(said) = Wording::new(changed.zone).tell(&changed.fact.event) {
            telln!("{}", wrap(&said, "", self.width));
        }
        if let Some(taken) = &changed.taken {
            let (from, until) = (time::planned(taken.from, changed.zone), time::planned(taken.until, changed.zone));
            let person = one_line(taken.person.name(), 60);
            let place = taken.instead_of.as_ref().map_or("", |other| other.name());
            let text = format!(
                "{person} is on call on {} from {from} until {until} in the place of {}",
                taken.schedule,
                one_line(place, 60)
            );
            telln!("{}", wrap(&text, "", self.width));
        }
        if changed.asked.is_some() {
            telln!("{}", self.paint.dim(&taking(&changed.id, "")));
        } else if let Some(now) = &changed.now {
            telln!("{}: {} {}", now.schedule, name(now), self.until(now));
        }
        Ok(Exit::Succeeded)
    }

    /// Fails where there are holes.
    fn simulated(&self, done: &Simulated) -> Shown {
        let zone = |schedule: &str| done.zones.get(schedule).copied().unwrap_or(done.zone);
        let days = u64::try_from((done.until - done.from).num_days()).unwrap_or_default();
        let (from, until) = (time::planned(done.from, done.zone), time::planned(done.until, done.zone));
        telln!("{} from {from} to {until} ({})", count(days, "day"), done.zone.name());
        let report = &done.report;
        telln!("");
        if report.holes.is_empty() {
            let names: Vec<&str> = done.zones.keys().map(String::as_str).collect();
            telln!("{} somebody is on call at every moment: {}", self.paint.good("✓"), names.join(", "));
        }
        for schedule in done.zones.keys() {
            let holes: Vec<&Hole> = report.holes.iter().filter(|hole| hole.schedule == *schedule).collect();
            self.holes(schedule, &holes, zone(schedule));
        }
        self.loads(done);
        if !report.odd.is_empty() {
            telln!("\nhand-offs before 07:00 or after 22:00");
        }
        for (schedule, handoff) in report.odd.iter().take(LISTED) {
            let to = handoff.to.as_ref().map_or("nobody".to_owned(), |person| one_line(person.name(), 60));
            telln!("  {}  {schedule} to {to}", time::planned(handoff.at, zone(schedule)));
        }
        more(report.odd.len());
        Ok(if report.holes.is_empty() { Exit::Succeeded } else { Exit::Failed })
    }

    fn holes(&self, schedule: &str, holes: &[&Hole], zone: Tz) {
        if holes.is_empty() {
            return;
        }
        let total: TimeDelta = holes.iter().map(|hole| hole.until - hole.from).sum();
        let (times, total) = (count(holes.len() as u64, "time"), hours(total));
        telln!("{} {schedule}: nobody is on call {times}, {total} h in all ({})", self.paint.bad("✗"), zone.name());
        for hole in holes.iter().take(LISTED) {
            let (from, until) = (time::planned(hole.from, zone), time::planned(hole.until, zone));
            telln!("  {from} to {until}  {}", lasts(hole.from, hole.until));
        }
        more(holes.len());
    }

    fn loads(&self, done: &Simulated) {
        if done.report.persons.is_empty() {
            return;
        }
        let wide = widest(done.report.persons.keys().map(|person| person.name())).max(6);
        let head = format!("{}  {:>8} {:>8} {:>8}  longest", padded("person", wide), "hours", "nights", "weekend");
        telln!("\n{}", self.paint.dim(&head));
        for (person, load) in &done.report.persons {
            let Load { total, nights, weekends, longest } = *load;
            let [total, nights, weekends] = [total, nights, weekends].map(hours);
            let longest = time::length(whole(longest));
            telln!("{}  {total:>8} {nights:>8} {weekends:>8}  {longest}", padded(person.name(), wide));
        }
    }

    /// By whose clock times are told: once where all have the same.
    fn zones<'a>(&self, all: impl Iterator<Item = (&'a str, Tz)>) {
        let mut all: Vec<(&str, Tz)> = all.collect();
        all.sort_unstable_by_key(|(schedule, _)| *schedule);
        all.dedup();
        let Some((_, first)) = all.first() else { return };
        let told = if all.iter().all(|(_, zone)| zone == first) {
            format!("times in {}", first.name())
        } else {
            let each: Vec<String> =
                all.iter().map(|(schedule, zone)| format!("{schedule} in {}", zone.name())).collect();
            format!("times of {}", each.join(", "))
        };
        telln!("{}", self.paint.dim(&told));
    }
}

fn taking(id: &CoverId, indent: &str) -> String {
    format!("{indent}Nothing changes until somebody takes it: rundown oncall take {id}")
}

fn name(one: &OnDuty) -> &str {
    one.person.as_ref().map_or("nobody", |person| person.name())
}

/// What is not listed.
fn more(all: usize) {
    if all > LISTED {
        telln!("  and {} more", all - LISTED);
    }
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

fn padded(text: &str, wide: usize) -> String {
    format!("{text}{}", " ".repeat(wide.saturating_sub(text.chars().count())))
}

fn lasts(from: Instant, until: Instant) -> String {
    time::length(whole(until - from))
}

/// Whole minutes: nobody plans by the rest.
fn whole(length: TimeDelta) -> TimeDelta {
    TimeDelta::minutes((length.num_seconds() + 30) / 60)
}

/// Whole hours, rounded.
fn hours(length: TimeDelta) -> i64 {
    (length.num_minutes() + 30) / 60
}
