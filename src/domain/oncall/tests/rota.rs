//! Overrides and cover: who steps in, what is refused, and that the past stays what it was.

use super::super::rota::event::Event;
use super::super::rota::{Refusal, Rota, Wanted};
use super::*;
use crate::base::event::CoverId;

const MONDAY: &str = "2026-01-12T12:00:00Z";

/// A rota that is told things at times.
struct Desk {
    rota: Rota,
    primary: Schedule,
}

impl Desk {
    fn new() -> Self {
        Self { rota: Rota::default(), primary: file().schedules["primary"].clone() }
    }

    fn wanted(person: &str, from: &str, until: &str) -> Wanted {
        let (schedule, person) = ("primary".to_owned(), Person::new(person));
        Wanted { schedule, person, from: at(from), until: at(until), why: Some("dentist".to_owned()) }
    }

    fn hears(&mut self, said: Result<Event, Refusal>, now: &str) -> Result<(), String> {
        let event = said.map_err(|refusal| refusal.to_string())?;
        // What is stored is what is read back.
        let body = event.encode().unwrap();
        let event = Event::decode(event.kind(), event.version(), &body).unwrap();
        self.rota.apply(&event, at(now));
        Ok(())
    }

    fn on(&self, text: &str) -> String {
        name(who(&self.primary, self.rota.overrides(), at(text)))
    }
}

fn id(number: u64) -> CoverId {
    CoverId::number(number)
}

#[test]
fn a_later_override_goes_over_an_earlier_one_and_what_was_stays() {
    let mut desk = Desk::new();
    let eva = Person::new("Eva");
    let now = at(MONDAY);
    let wanted = Desk::wanted("Eva", "2026-01-13T12:00:00Z", "2026-01-14T12:00:00Z");
    desk.hears(desk.rota.add(wanted, eva.clone(), now), MONDAY).unwrap();
    let wanted = Desk::wanted("Zoe", "2026-01-13T18:00:00Z", "2026-01-14T00:00:00Z");
    desk.hears(desk.rota.add(wanted, eva.clone(), now), MONDAY).unwrap();
    assert_eq!(desk.on("2026-01-13T11:59:59Z"), "Ben");
    assert_eq!(
        [desk.on("2026-01-13T12:00:00Z"), desk.on("2026-01-13T18:00:00Z"), desk.on("2026-01-14T00:00:00Z")],
        ["Eva", "Zoe", "Eva"]
    );
    // In the middle of it, the rest is taken back.
    let later = "2026-01-13T15:00:00Z";
    desk.hears(desk.rota.remove(&id(1), eva.clone(), at(later)), later).unwrap();
    assert_eq!(
        [desk.on("2026-01-13T14:00:00Z"), desk.on(later), desk.on("2026-01-13T18:00:00Z")],
        ["Eva", "Ben", "Zoe"]
    );
    let said = desk.hears(desk.rota.remove(&id(1), eva.clone(), at(later)), later);
    assert_eq!(said.unwrap_err(), "that time is over; what was cannot be changed");
    desk.hears(desk.rota.remove(&id(2), eva, at(later)), later).unwrap();
    assert_eq!(desk.on("2026-01-13T18:00:00Z"), "Ben");
}

#[test]
fn whoever_covers_takes_one_persons_place_and_nobody_elses() {
    let mut desk = Desk::new();
    let now = at(MONDAY);
    // Ben is away for two weeks; his turn is the first of them.
    let away = Desk::wanted("Ben", "2026-01-12T12:00:00Z", "2026-01-26T12:00:00Z");
    let ahead = shifts(&desk.primary, desk.rota.overrides(), away.from, away.until);
    let on_call = ahead.iter().any(|shift| shift.person == away.person);
    desk.hears(desk.rota.ask(away, on_call, now), MONDAY).unwrap();
    assert_eq!(desk.on("2026-01-13T15:00:00Z"), "Ben", "nobody took it yet");
    let own = desk.hears(desk.rota.take(&id(1), Person::new("Ben"), now), MONDAY).unwrap_err();
    assert!(own.starts_with("Ben asked for that cover, and another person has to take it"), "{own}");
    let later = "2026-01-13T10:00:00Z";
    desk.hears(desk.rota.take(&id(1), Person::new("Max"), at(later)), later).unwrap();
    assert_eq!(
        [desk.on("2026-01-12T18:00:00Z"), desk.on("2026-01-13T15:00:00Z"), desk.on("2026-01-19T15:00:00Z")],
        ["Ben", "Max", "Eva"]
    );
    assert_eq!(desk.on("2026-01-14T04:00:00Z"), "Zoe", "the night is another's");
    assert_eq!(
        desk.hears(desk.rota.take(&id(1), Person::new("Eva"), at(later)), later).unwrap_err(),
        "Max took that already"
    );
    assert_eq!(desk.rota.open(at(later)).count(), 0);
    desk.hears(desk.rota.remove(&id(1), Person::new("Ben"), at(later)), later).unwrap();
    assert_eq!(desk.on("2026-01-13T15:00:00Z"), "Ben");
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let mut desk = Desk::new();
    let (now, ben) = (at(MONDAY), Person::new("Ben"));
    let mut told = Vec::new();
    for (from, until) in [
        ("2026-01-14T12:00:00Z", "2026-01-14T12:00:00Z"),
        ("2026-01-01T12:00:00Z", MONDAY),
        (MONDAY, "2026-06-14T12:00:00Z"),
    ] {
        told.push(desk.rota.add(Desk::wanted("Ben", from, until), ben.clone(), now).unwrap_err());
    }
    let asked = Desk::wanted("Ben", MONDAY, "2026-01-14T12:00:00Z");
    told.push(desk.rota.ask(asked.clone(), false, now).unwrap_err());
    told.push(desk.rota.take(&id(7), ben.clone(), now).unwrap_err());
    desk.hears(desk.rota.ask(asked.clone(), true, now), MONDAY).unwrap();
    desk.hears(desk.rota.add(asked, ben.clone(), now), MONDAY).unwrap();
    told.push(desk.rota.take(&id(2), Person::new("Eva"), now).unwrap_err());
    told.push(desk.rota.take(&id(1), Person::new("Eva"), at("2026-01-14T12:00:00Z")).unwrap_err());
    desk.hears(desk.rota.remove(&id(1), ben.clone(), now), MONDAY).unwrap();
    told.push(desk.rota.take(&id(1), ben, now).unwrap_err());
    insta::assert_snapshot!(told.iter().map(|refusal| format!("{refusal}\n")).collect::<String>());
}

#[test]
fn an_id_whose_event_was_erased_is_not_given_again() {
    let mut desk = Desk::new();
    desk.rota.skip("override.added");
    let wanted = Desk::wanted("Eva", "2026-01-13T12:00:00Z", "2026-01-14T12:00:00Z");
    desk.hears(desk.rota.add(wanted, Person::new("Eva"), at(MONDAY)), MONDAY).unwrap();
    assert!(desk.rota.get(&id(2)).is_some() && desk.rota.get(&id(1)).is_none());
}
