//! Who is on call, in a message. Times are Discord's own: everybody reads them by their own clock.

use crate::base::event::{Actor, Instant};
use crate::bot::grammar::Oncall;
use crate::bot::oncall::{Calendar, Changed, OnDuty, Row, Upcoming};
use crate::bot::{Bot, Fault};
use crate::domain::oncall::rota::event::Event;
use crate::domain::timeline::Fact;

use super::answer::Reply;
use super::card::relative;
use super::text::markdown;

/// The longest name and reason that is shown, in characters.
const NAME: usize = 60;
const WHY: usize = 200;

pub(super) async fn answer(bot: &Bot, me: &Actor, verb: Oncall) -> Result<Reply, Fault> {
    let mut cover = None;
    let text = match verb {
        Oncall::Who(asked) => bot.on_call(&asked).await?.iter().map(on_duty).collect::<Vec<_>>().join("\n"),
        Oncall::Next { person } => upcoming(&bot.on_call_next(me, person.as_deref()).await?),
        Oncall::Schedule { schedule, days } => {
            let calendars = bot.on_call_calendar(schedule.as_deref(), days).await?;
            calendars.iter().map(calendar).collect::<Vec<_>>().join("\n")
        }
        Oncall::Override(asked) => changed(&bot.on_call_override(me, &asked).await?),
        Oncall::Cover(asked) => {
            let asked = bot.on_call_cover(me, &asked).await?;
            cover = Some(asked.id.clone());
            changed(&asked)
        }
        Oncall::Take { id } => changed(&bot.on_call_take(me, &id).await?),
        Oncall::Remove { id } => changed(&bot.on_call_remove(me, &id).await?),
        Oncall::Drill { policy } => {
            return Ok(super::paging::answered(&bot.drill(me, policy.as_deref()).await?, bot.clock().now()));
        }
        Oncall::Simulate(_) => {
            return Err(Fault::Usage("this is said at a terminal of the machine Rundown runs on".to_owned()));
        }
    };
    Ok(Reply { text, cover, ..Reply::default() })
}

/// A time that everybody sees in their own zone: `Monday, 23 November 2026 09:00`.
fn stamp(at: Instant) -> String {
    format!("<t:{}:f>", at.timestamp())
}

fn name(person: Option<&crate::base::event::Person>) -> String {
    person.map_or("nobody".to_owned(), |person| markdown(person.name(), NAME))
}

fn on_duty(one: &OnDuty) -> String {
    let (schedule, person) = (markdown(&one.schedule, NAME), name(one.person.as_ref()));
    let mark = if one.person.is_some() { "" } else { "⚠️ " };
    let by = one.by_override.as_ref().map_or(String::new(), |id| format!(" ({id})"));
    let then = one.next.as_ref().map_or(String::new(), |next| {
        format!(" until {} ({}), then {}", stamp(next.at), relative(next.at), name(next.to.as_ref()))
    });
    format!("{mark}{schedule}: **{person}**{then}{by}")
}

fn upcoming(upcoming: &Upcoming) -> String {
    let person = markdown(upcoming.person.name(), NAME);
    if upcoming.shifts.is_empty() {
        return format!("{person} is not on call in the coming 400 days");
    }
    let lines = upcoming.shifts.iter().map(|due| {
        format!("• {} from {} until {}", markdown(&due.schedule, NAME), stamp(due.shift.from), stamp(due.shift.until))
    });
    std::iter::once(format!("**{person}** is on call")).chain(lines).collect::<Vec<_>>().join("\n")
}

fn calendar(calendar: &Calendar) -> String {
    let mut lines = vec![format!("**{}**", markdown(&calendar.schedule, NAME))];
    lines.extend(calendar.rows.iter().map(row));
    lines.extend(calendar.asked.iter().map(|(id, asked)| {
        let (person, from, until) = (markdown(asked.person.name(), NAME), stamp(asked.from), stamp(asked.until));
        format!("🙋 {id}: {person} asks for cover from {from} until {until}{}", why(asked.why.as_deref()))
    }));
    lines.join("\n")
}

fn row(row: &Row) -> String {
    let by =
        row.by_override.as_ref().map_or(String::new(), |(id, reason)| format!(" · {id}{}", why(reason.as_deref())));
    let mark = if row.person.is_some() { "•" } else { "⚠️" };
    format!("{mark} {} to {} **{}**{by}", stamp(row.from), stamp(row.until), name(row.person.as_ref()))
}

fn why(reason: Option<&str>) -> String {
    reason.map_or(String::new(), |reason| format!(": {}", markdown(reason, WHY)))
}

fn changed(changed: &Changed) -> String {
    let id = &changed.id;
    let said = match &changed.fact.event {
        Fact::Rota(Event::OverrideAdded(added)) => {
            let (person, schedule) = (markdown(added.person.name(), NAME), markdown(&added.schedule, NAME));
            let (from, until) = (stamp(added.from), stamp(added.until));
            format!("**{person}** is on call on {schedule} from {from} until {until}{}", why(added.why.as_deref()))
        }
        Fact::Rota(Event::CoverAsked(asked)) => {
            let (person, schedule) = (markdown(asked.person.name(), NAME), markdown(&asked.schedule, NAME));
            let (from, until, why) = (stamp(asked.from), stamp(asked.until), why(asked.why.as_deref()));
            format!(
                "**{person}** asks for cover on {schedule} from {from} until {until}{why}\n-# whoever can: `/oncall take id:{id}`"
            )
        }
        Fact::Rota(Event::CoverTaken(taken)) => {
            let what = changed.taken.as_ref().map_or(String::new(), |over| {
                let (place, schedule) = (name(over.instead_of.as_ref()), markdown(&over.schedule, NAME));
                format!(", in the place of {place} on {schedule} from {} until {}", stamp(over.from), stamp(over.until))
            });
            format!("**{}** takes it{what}", markdown(taken.by.name(), NAME))
        }
        Fact::Rota(Event::OverrideRemoved(_)) => "it ends; the rotation holds again".to_owned(),
        _ => "the request for cover is withdrawn".to_owned(),
    };
    let now = changed.now.as_ref().filter(|_| changed.asked.is_none());
    let now = now.map_or(String::new(), |now| format!("\n-# now {}", on_duty(now)));
    format!("{id}: {said}{now}")
}
