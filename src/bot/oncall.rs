//! Who is on call, and who steps in.
//!
//! Lives here: which schedule, which person and which times are meant; the answers. Never lives here: the rotation and what may be
//! said (`domain/oncall`), how an answer is shown.

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::grammar::{Cover, OverrideArgs, Simulate, Who};
use super::{Bot, Fault, moment};
use crate::base::event::{Actor, CoverId, Instant, Person, Recorded};
use crate::base::schedule::instant_of;
use crate::base::text::{nearest, one_line};
use crate::domain::oncall::rota::event::Event;
use crate::domain::oncall::rota::{Asked, Rota, Wanted};
use crate::domain::oncall::simulate::{Report, simulate};
use crate::domain::oncall::{self, Handoff, Oncall, Override, Schedule, Shift, Source};
use crate::domain::timeline::Fact;
use crate::engine::RotaTold;

/// How far ahead somebody's next shifts are looked for, and how many are told.
const AHEAD: TimeDelta = TimeDelta::days(400);
/// See [`AHEAD`].
const SHIFTS: usize = 8;

/// Who is on call on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDuty {
    /// Which schedule.
    pub schedule: String,
    /// Its zone.
    pub zone: Tz,
    /// Who; `None` where nobody is.
    pub person: Option<Person>,
    /// The override that says so, where one does.
    pub by_override: Option<CoverId>,
    /// Until when, and who then is; `None` where it stays so.
    pub next: Option<Handoff>,
}

/// A shift of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// On which schedule.
    pub schedule: String,
    /// Its zone.
    pub zone: Tz,
    /// From when until when.
    pub shift: Shift,
}

/// When somebody is on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// Who.
    pub person: Person,
    /// When that was asked: a shift that begins then is going on.
    pub at: Instant,
    /// The next ones, the first first.
    pub shifts: Vec<Due>,
}

/// A stretch of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// Who; `None` where nobody is on call.
    pub person: Option<Person>,
    /// The override that says so, with its reason.
    pub by_override: Option<(CoverId, Option<String>)>,
}

/// The coming days of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Which schedule.
    pub schedule: String,
    /// Its zone.
    pub zone: Tz,
    /// Without gaps, in order.
    pub rows: Vec<Row>,
    /// Requests for cover that nobody took so far.
    pub asked: Vec<(CoverId, Asked)>,
}

/// What came of an override or a request for cover.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// What was recorded.
    pub fact: Recorded<Fact>,
    /// Which.
    pub id: CoverId,
    /// By whose clock people read it.
    pub zone: Tz,
    /// Where there is a request that somebody may take.
    pub asked: Option<Asked>,
    /// What was taken: from when until when, in whose place.
    pub taken: Option<Override>,
    /// Who is on call on that schedule now.
    pub now: Option<OnDuty>,
}

/// What the coming days come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// The file's own zone.
    pub zone: Tz,
    /// Each schedule's zone.
    pub zones: std::collections::BTreeMap<String, Tz>,
    /// What it is.
    pub report: Report,
}

impl Bot {
    /// Who is on call.
    ///
    /// # Errors
    /// There is no `oncall.yaml`, or it has faults; a schedule nobody knows; no time; the journal.
    pub async fn on_call(&self, asked: &Who) -> Result<Vec<OnDuty>, Fault> {
        let oncall = self.oncall()?;
        let schedules = some(&oncall, asked.schedule.as_deref())?;
        let zone = asked.schedule.as_ref().and(schedules.first()).map_or(oncall.zone, |schedule| schedule.zone);
        let now = self.clock.now();
        let at = asked.at.as_deref().map_or(Ok(now), |text| moment::read_next(text, zone, now))?;
        let rota = self.rota().await?;
        Ok(schedules.into_iter().map(|schedule| on_duty(schedule, &rota, at)).collect())
    }

    /// When somebody is on call next.
    ///
    /// # Errors
    /// As [`Self::on_call`]; a person nobody knows.
    pub async fn on_call_next(&self, me: &Actor, person: Option<&str>) -> Result<Upcoming, Fault> {
        let oncall = self.oncall()?;
        let person = match person {
            Some(typed) => self.somebody(&oncall, typed)?,
            None => Person::new(me.label()),
        };
        let (now, rota) = (self.clock.now(), self.rota().await?);
        let mut shifts: Vec<Due> = Vec::new();
        for schedule in oncall.schedules.values() {
            let all = oncall::shifts(schedule, rota.overrides(), now, now + AHEAD);
            let own = all.into_iter().filter(|shift| shift.person == person).take(SHIFTS);
            shifts.extend(own.map(|shift| Due { schedule: schedule.name.clone(), zone: schedule.zone, shift }));
        }
        shifts.sort_by_key(|due| due.shift.from);
        shifts.truncate(SHIFTS);
        Ok(Upcoming { person, at: now, shifts })
    }

    /// The coming days.
    ///
    /// # Errors
    /// As [`Self::on_call`].
    pub async fn on_call_calendar(&self, schedule: Option<&str>, days: u32) -> Result<Vec<Calendar>, Fault> {
        let oncall = self.oncall()?;
        let (now, rota) = (self.clock.now(), self.rota().await?);
        let until = now + TimeDelta::days(i64::from(days));
        Ok(some(&oncall, schedule)?.into_iter().map(|schedule| calendar(schedule, &rota, now, until)).collect())
    }

    /// Puts somebody on call.
    ///
    /// # Errors
    /// As [`Self::on_call`]; a person nobody knows; a time that is over, backwards or too long.
    pub async fn on_call_override(&self, me: &Actor, asked: &OverrideArgs) -> Result<Changed, Fault> {
        let oncall = self.oncall()?;
        let schedule = one(&oncall, &asked.schedule)?;
        let person = self.somebody(&oncall, &asked.person)?;
        let span = (asked.from.as_deref(), asked.until.as_str());
        let wanted = self.wanted(schedule, person, span, asked.why.clone())?;
        let told = self.engine()?.tell_rota(me, |rota, by, now| rota.add(wanted.clone(), by, now)).await?;
        Ok(self.changed(&oncall, told))
    }

    /// Asks for somebody in the asker's place.
    ///
    /// # Errors
    /// As [`Self::on_call_override`]; the asker is not on call then.
    pub async fn on_call_cover(&self, me: &Actor, asked: &Cover) -> Result<Changed, Fault> {
        let oncall = self.oncall()?;
        let schedule = one(&oncall, &asked.schedule)?;
        let span = (asked.from.as_deref(), asked.until.as_str());
        let wanted = self.wanted(schedule, Person::new(me.label()), span, asked.why.clone())?;
        let told = self.engine()?.tell_rota(me, |rota, _, now| {
            // Only a time that is short enough is walked through.
            let until = wanted.until.min(wanted.from + oncall::rota::LONGEST.delta());
            let shifts = oncall::shifts(schedule, rota.overrides(), wanted.from, until.max(wanted.from));
            let on_call = shifts.iter().any(|shift| shift.person == wanted.person);
            rota.ask(wanted.clone(), on_call, now)
        });
        Ok(self.changed(&oncall, told.await?))
    }

    /// Steps in for somebody who asked.
    ///
    /// # Errors
    /// As [`Self::on_call`]; no such request, or it is not for the taker.
    pub async fn on_call_take(&self, me: &Actor, id: &CoverId) -> Result<Changed, Fault> {
        let oncall = self.oncall()?;
        // Whom nobody can reach must not be on call.
        self.somebody(&oncall, me.label())?;
        let told = self.engine()?.tell_rota(me, |rota, by, now| rota.take(id, by, now)).await?;
        Ok(self.changed(&oncall, told))
    }

    /// Takes an override or a request back.
    ///
    /// # Errors
    /// As [`Self::on_call`]; there is neither, or it is over.
    pub async fn on_call_remove(&self, me: &Actor, id: &CoverId) -> Result<Changed, Fault> {
        let oncall = self.oncall()?;
        let told = self.engine()?.tell_rota(me, |rota, by, now| rota.remove(id, by, now)).await?;
        Ok(self.changed(&oncall, told))
    }

    /// Goes through the coming days.
    ///
    /// # Errors
    /// As [`Self::on_call`].
    pub async fn on_call_simulate(&self, asked: &Simulate) -> Result<Simulated, Fault> {
        let oncall = self.oncall()?;
        let rota = self.rota().await?;
        let schedules = match asked.schedules.as_slice() {
            [] => some(&oncall, None)?,
            names => names.iter().map(|name| one(&oncall, name)).collect::<Result<_, _>>()?,
        };
        let midnight = |date: chrono::NaiveDate| instant_of(date.and_time(NaiveTime::MIN), oncall.zone);
        let from = asked.from.map_or_else(|| self.clock.now(), midnight);
        let until = from + TimeDelta::days(i64::from(asked.days));
        let zones = schedules.iter().map(|schedule| (schedule.name.clone(), schedule.zone)).collect();
        let report = simulate(schedules, rota.overrides(), from, until);
        Ok(Simulated { from, until, zone: oncall.zone, zones, report })
    }

    /// What `oncall.yaml` says.
    ///
    /// # Errors
    /// There is none, or it has faults.
    pub fn oncall(&self) -> Result<Oncall, Fault> {
        let none = "there is no oncall.yaml beside the runbooks, so nobody is on call; docs/oncall.md shows one";
        self.library.oncall()?.ok_or_else(|| Fault::Usage(none.to_owned()))
    }

    /// Overrides and requests as they stand. Nothing is made where there is no journal yet.
    ///
    /// # Errors
    /// The journal.
    pub async fn rota(&self) -> Result<Rota, Fault> {
        if !self.has_record() {
            return Ok(Rota::default());
        }
        Ok(self.engine()?.rota().await?)
    }

    /// A person by any of their names. Nobody can be put on call whom neither file names.
    fn somebody(&self, oncall: &Oncall, typed: &str) -> Result<Person, Fault> {
        let people = self.people();
        let person = people.meant(typed);
        let named = oncall.persons();
        let mut names: Vec<&str> = people.names().chain(named.iter().map(|person| person.name())).collect();
        if names.contains(&person.name()) {
            return Ok(person);
        }
        names.sort_unstable();
        names.dedup();
        let hint = match nearest(person.name(), names.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are: {}", names.join(", ")),
        };
        let file = if people.is_written() { "people.yaml" } else { "oncall.yaml" };
        Err(Fault::Usage(format!("{file} does not name '{}'; {hint}", one_line(person.name(), 60))))
    }

    fn wanted(
        &self,
        schedule: &Schedule,
        person: Person,
        (from, until): (Option<&str>, &str),
        why: Option<String>,
    ) -> Result<Wanted, Fault> {
        let (now, zone) = (self.clock.now(), schedule.zone);
        let from = from.map_or(Ok(now), |text| moment::read_next(text, zone, now))?;
        let until = moment::read_next(until, zone, from)?;
        Ok(Wanted { schedule: schedule.name.clone(), person, from, until, why })
    }

    fn changed(&self, oncall: &Oncall, told: RotaTold) -> Changed {
        let RotaTold { fact, event, rota } = told;
        let id = event.id().clone();
        let asked = rota.asked(&id);
        let name = match &event {
            Event::OverrideAdded(added) => Some(&added.schedule),
            _ => rota.get(&id).map(|one| &one.schedule).or(asked.map(|asked| &asked.schedule)),
        };
        let schedule = name.and_then(|name| oncall.schedules.get(name));
        let now = schedule.map(|schedule| on_duty(schedule, &rota, self.clock.now()));
        let zone = schedule.map_or(oncall.zone, |schedule| schedule.zone);
        let taken = rota.get(&id).filter(|_| matches!(event, Event::CoverTaken(_))).cloned();
        let open = asked.filter(|_| matches!(event, Event::CoverAsked(_))).cloned();
        Changed { id, zone, asked: open, taken, now, fact }
    }
}

fn on_duty(schedule: &Schedule, rota: &Rota, at: Instant) -> OnDuty {
    let overrides = rota.overrides();
    let now = oncall::shifts(schedule, overrides, at, at + TimeDelta::milliseconds(1)).into_iter().next();
    let by_override = now.as_ref().and_then(|shift| match &shift.source {
        Source::Override(id) => Some(id.clone()),
        Source::Layer(_) => None,
    });
    let next = oncall::next_handoff(schedule, overrides, at);
    let person = now.map(|shift| shift.person);
    OnDuty { schedule: schedule.name.clone(), zone: schedule.zone, person, by_override, next }
}

fn calendar(schedule: &Schedule, rota: &Rota, from: Instant, until: Instant) -> Calendar {
    let (mut rows, mut at) = (Vec::new(), from);
    let nobody = |from, until| Row { from, until, person: None, by_override: None };
    for shift in oncall::shifts(schedule, rota.overrides(), from, until) {
        if shift.from > at {
            rows.push(nobody(at, shift.from));
        }
        at = shift.until;
        let by_override = match shift.source {
            Source::Override(id) => Some((id.clone(), rota.get(&id).and_then(|one| one.why.clone()))),
            Source::Layer(_) => None,
        };
        rows.push(Row { from: shift.from, until: shift.until, person: Some(shift.person), by_override });
    }
    if at < until {
        rows.push(nobody(at, until));
    }
    let asked = rota.open(from).filter(|(_, asked)| asked.schedule == schedule.name);
    let asked = asked.map(|(id, asked)| (id.clone(), asked.clone())).collect();
    Calendar { schedule: schedule.name.clone(), zone: schedule.zone, rows, asked }
}

/// One schedule by its name, or all.
fn some<'a>(oncall: &'a Oncall, name: Option<&str>) -> Result<Vec<&'a Schedule>, Fault> {
    match name {
        Some(name) => Ok(vec![one(oncall, name)?]),
        None => Ok(oncall.schedules.values().collect()),
    }
}

fn one<'a>(oncall: &'a Oncall, name: &str) -> Result<&'a Schedule, Fault> {
    oncall.schedules.get(name).ok_or_else(|| {
        let names = || oncall.schedules.keys().map(String::as_str);
        let hint = match nearest(name, names()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Fault::Usage(format!("there is no schedule '{}'; {hint}", one_line(name, 60)))
    })
}
