//! Rotations around changes of the clock against walks of the wall clock, what goes over them, ladders, and faults of the file.

mod dst;
mod rota;

use super::load::load;
use super::*;
use crate::domain::source::fault;

const FILE: &str = r#"
zone: America/Santiago
schedules:
  primary:
    layers:
      - name: Weekly
        people: [Ana, Ben, Eva]
        rotate: weekly
        handoff: mon 09:00
        from: 2026-01-05
      - name: Nights
        people: [Zoe, Max]
        rotate: { every: 3d }
        handoff: 22:00
        from: 2026-01-05
        until: 2026-03-06
        only: [{ days: [mon-thu, sun], from: "22:00", to: "07:00" }]
  secondary:
    zone: Europe/Berlin
    layers:
      - people: [Ben, Ana]
        rotate: daily
        handoff: 09:00
        from: 2026-01-05
        only: [{ days: [mon-fri], from: "09:00", to: "17:00" }]
policies:
  default:
    steps:
      - { notify: [schedule: primary], escalate_after: 5m }
      - { notify: [schedule: secondary, person: Eva], escalate_after: 10m }
    repeat: 2
    finally: [person: Eva]
page: { P0: default, P1: default }
quiet_hours: { from: "22:00", to: "07:00", hold: [P2, P3] }
reminders: { update_every: { P0: 15m, P1: 30m, P2: 4h }, at_most: 5 }
"#;

fn file() -> Oncall {
    load(FILE, Some(&["Ana", "Ben", "Eva", "Max", "Zoe"])).unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn name(person: Option<Person>) -> String {
    person.map_or("nobody".to_owned(), |person| person.name().to_owned())
}

#[test]
fn people_take_turns_and_a_later_layer_goes_over_an_earlier_one() {
    let primary = &file().schedules["primary"];
    let on = |text: &str| name(who(primary, &Overrides::none(), at(text)));
    // Santiago is three hours behind UTC in summer. 5 January 2026 is a Monday.
    assert_eq!(on("2026-01-05T11:59:59Z"), "nobody", "the first turn has not begun");
    assert_eq!([on("2026-01-05T12:00:00Z"), on("2026-01-12T11:59:59Z")], ["Ana", "Ana"]);
    assert_eq!(
        [on("2026-01-12T12:00:00Z"), on("2026-01-19T12:00:00Z"), on("2026-01-26T12:00:00Z")],
        ["Ben", "Eva", "Ana"]
    );
    // The night that began on Monday goes on until Tuesday, 07:00; Friday and Saturday nights are nobody's.
    assert_eq!(
        [on("2026-01-06T00:59:00Z"), on("2026-01-06T01:00:00Z"), on("2026-01-06T09:59:00Z")],
        ["Ana", "Zoe", "Zoe"]
    );
    assert_eq!(
        [on("2026-01-06T10:00:00Z"), on("2026-01-10T03:00:00Z"), on("2026-01-09T03:00:00Z")],
        ["Ana", "Ana", "Max"]
    );
    // The layer ends on 6 March at 22:00.
    assert_eq!(on("2026-03-09T05:00:00Z"), on("2026-03-09T11:00:00Z"));
}

#[test]
fn shifts_and_the_next_hand_off_say_the_same() {
    let file = file();
    let (from, to) = (at("2026-01-05T00:00:00Z"), at("2026-01-07T00:00:00Z"));
    let told: String = shifts(&file.schedules["primary"], &Overrides::none(), from, to)
        .iter()
        .map(|shift| {
            format!("{} {} {} {:?}\n", shift.from.to_rfc3339(), shift.until.to_rfc3339(), shift.person, shift.source)
        })
        .collect();
    insta::assert_snapshot!(told, @r#"
    2026-01-05T12:00:00+00:00 2026-01-06T01:00:00+00:00 Ana Layer("Weekly")
    2026-01-06T01:00:00+00:00 2026-01-06T10:00:00+00:00 Zoe Layer("Nights")
    2026-01-06T10:00:00+00:00 2026-01-07T00:00:00+00:00 Ana Layer("Weekly")
    "#);
    let secondary = &file.schedules["secondary"];
    let next = |after: &str| next_handoff(secondary, &Overrides::none(), at(after)).unwrap();
    // Friday, 17:00 in Berlin, until Monday, 09:00.
    let friday = next("2026-01-09T12:00:00Z");
    assert_eq!((friday.at, name(friday.to)), (at("2026-01-09T16:00:00Z"), "nobody".to_owned()));
    assert_eq!(next("2026-01-09T16:00:00Z").at, at("2026-01-12T08:00:00Z"));
    let always =
        load(&FILE.replace("[Ana, Ben, Eva]", "[Ana]").replace("until: 2026-03-06", "until: 2026-01-06"), None)
            .unwrap();
    assert_eq!(next_handoff(&always.schedules["primary"], &Overrides::none(), at("2026-02-01T00:00:00Z")), None);
}

#[test]
fn what_is_not_urgent_waits_for_the_end_of_the_quiet_hours() {
    let file = file();
    let held = |severity, text: &str| file.held_until(severity, at(text));
    assert_eq!(held(Severity::P2, "2026-01-06T03:00:00Z"), Some(at("2026-01-06T10:00:00Z")), "midnight in Santiago");
    assert_eq!(held(Severity::P2, "2026-01-06T10:00:00Z"), None);
    assert_eq!(held(Severity::P1, "2026-01-06T03:00:00Z"), None);
    // On 6 September 2026 Santiago's clocks go from 00:00 to 01:00: the night is an hour shorter.
    assert_eq!(held(Severity::P3, "2026-09-06T02:30:00Z"), Some(at("2026-09-06T10:00:00Z")));
    assert_eq!(held(Severity::P3, "2026-09-05T03:30:00Z"), Some(at("2026-09-05T11:00:00Z")));
}

#[test]
fn a_plan_says_what_it_asks_of_each_person() {
    let file = file();
    // Santiago's clocks go back at midnight of 5 April 2026, a Sunday: its Saturday has 25 hours.
    let (from, to) = (at("2026-03-30T12:00:00Z"), at("2026-04-06T13:00:00Z"));
    let report = simulate::simulate([&file.schedules["primary"]], &Overrides::none(), from, to);
    let busy = report.persons.values().next().unwrap();
    let hours = [busy.total, busy.nights, busy.weekends, busy.longest].map(|length| length.num_hours());
    assert_eq!((report.persons.len(), hours), (1, [169, 64, 49, 169]));
    assert_eq!((report.holes, report.odd), (vec![], vec![]));
    // Berlin's secondary is two persons' office hours, and nobody's for the rest of the time.
    let both = simulate::simulate(file.schedules.values(), &Overrides::none(), from, to);
    assert_eq!(both.holes.iter().map(|hole| hole.schedule.as_str()).collect::<BTreeSet<_>>(), ["secondary"].into());
    let busy = both.persons[&Person::new("Ana")];
    assert_eq!(busy.total.num_hours(), 169, "who is on call twice at once is so once");
    let odd = |handoff: &str| {
        let layer = format!("{{ people: [Ana, Ben], rotate: daily, handoff: '{handoff}', from: 2026-01-05 }}");
        let late = load(&format!("zone: Europe/Berlin\nschedules: {{ p: {{ layers: [{layer}] }} }}"), None).unwrap();
        let (from, to) = (at("2026-01-10T00:00:00Z"), at("2026-01-12T00:00:00Z"));
        simulate::simulate(late.schedules.values(), &Overrides::none(), from, to).odd.len()
    };
    assert_eq!(["22:00", "22:01", "06:59", "07:00"].map(odd), [0, 2, 2, 0]);
}

#[test]
fn every_fault_is_told_at_its_place() {
    let page = r#"zone: America/Santigo
schedules:
  primary:
    layers:
      - name: Weekly
        people: [Anna, Ben, Zed]
        rotate: weekly
        handoff: mon 09:00
        from: 2026-01-07
        only: [{ days: [mon-fry], from: "9:00", to: "17:00" }, { from: "10:00" }, {}]
      - name: Weekly
        people: []
        rotate: fortnightly
        handoff: 25:00
        from: 05.01.2026
      - { people: [Ben], rotate: { every: 36h }, handoff: mon 09:00, from: 2026-01-05, until: 2025-01-01 }
      - { people: [Ben], rotate: daily, handoff: mon 09:00, from: 2026-01-05 }
      - { people: [Ben], rotate: weekly, handoff: 09:00, from: 2026-01-05 }
  "two words": { layers: [] }
policies:
  default:
    steps:
      - { notify: [schedule: primry], escalate_after: 5 }
      - { notify: Ben, escalate_after: 3d }
    repeat: 100
    finally: [schedule: primary]
  endless: { steps: [{ notify: [person: Ben], escalate_after: 5m }] }
page: { P0: defualt, P5: default }
quiet_hours: { from: "22:00", to: "22:00", hold: [P0, P2] }
reminders: { update_every: { P0: 0s }, at_most: 0, often: true }
"#;
    insta::assert_snapshot!(fault::render(&load(page, Some(&["Ana", "Ben"])).unwrap_err(), "oncall.yaml", page, false));
    assert!(load(FILE, None).is_ok(), "without people.yaml nobody knows better");
}
