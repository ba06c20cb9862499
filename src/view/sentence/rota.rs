//! Who steps in for whom.

use chrono_tz::Tz;

use super::{NAME, because, name};
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::domain::oncall::rota::event::Event;
use crate::view::time;

pub(super) fn sentence(event: &Event, zone: Tz) -> String {
    match event {
        Event::OverrideAdded(added) => {
            let (person, schedule, when) =
                (name(&added.person), one_line(&added.schedule, NAME), span(added.from, added.until, zone));
            let by = if added.by == added.person { String::new() } else { format!(", says {}", name(&added.by)) };
            format!("{}: {person} is on call on {schedule} {when}{by}{}", added.id, because(added.why.as_deref()))
        }
        Event::OverrideRemoved(removed) => {
            format!("{} ends: the rotation holds again, says {}", removed.id, name(&removed.by))
        }
        Event::CoverAsked(asked) => {
            let (person, schedule, when) =
                (name(&asked.person), one_line(&asked.schedule, NAME), span(asked.from, asked.until, zone));
            format!("{}: {person} asks for cover on {schedule} {when}{}", asked.id, because(asked.why.as_deref()))
        }
        Event::CoverTaken(taken) => format!("{}: {} takes it", taken.id, name(&taken.by)),
        Event::CoverWithdrawn(withdrawn) => {
            format!("{}: the request for cover is withdrawn, says {}", withdrawn.id, name(&withdrawn.by))
        }
    }
}

fn span(from: Instant, until: Instant, zone: Tz) -> String {
    format!("from {} until {} ({})", time::planned(from, zone), time::planned(until, zone), zone.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::event::{CoverId, Person};
    use crate::domain::oncall::rota::event::{CoverAsked, CoverTaken, CoverWithdrawn, OverrideAdded, OverrideRemoved};

    #[test]
    fn who_steps_in_is_told_with_the_zone() {
        let (id, schedule) = (CoverId::number(3), "primary".to_owned());
        let (ana, ben) = (Person::new("Ana"), Person::new("Ben"));
        let (from, until): (Instant, Instant) =
            ("2026-03-28T08:00:00Z".parse().unwrap(), "2026-03-29T07:00:00Z".parse().unwrap());
        let why = Some("a\nwedding".to_owned());
        let added = OverrideAdded {
            id: id.clone(),
            schedule: schedule.clone(),
            person: ana.clone(),
            from,
            until,
            by: ben.clone(),
            why: why.clone(),
        };
        let own = OverrideAdded { by: ana.clone(), why: None, ..added.clone() };
        let asked = CoverAsked { id: id.clone(), schedule, person: ana, from, until, why };
        let events: [Event; 6] = [
            added.into(),
            own.into(),
            asked.into(),
            CoverTaken { id: id.clone(), by: ben.clone() }.into(),
            CoverWithdrawn { id: id.clone(), by: ben.clone() }.into(),
            OverrideRemoved { id, by: ben }.into(),
        ];
        let told: Vec<String> = events.iter().map(|event| sentence(event, Tz::Europe__Berlin)).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
