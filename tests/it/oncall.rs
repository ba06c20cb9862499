//! Who is on call as people meet it: the real binary with an `oncall.yaml`, and the page that explains it.

use std::path::Path;

use crate::rundown::{Desk, Said};

const PEOPLE: &str = "people:
  Ana: { terminal: ana, role: commander }
  Ben: { terminal: ben, role: responder }
  Eva: { terminal: [eva, evita], role: responder }
  Vic: { terminal: vic, role: viewer }
";
const ONCALL: &str = "zone: America/Santiago
schedules:
  primary:
    layers:
      - { name: Weekly, people: [Ana, Ben, Eva], rotate: weekly, handoff: mon 09:00, from: 2026-01-05 }
  office:
    zone: Europe/Berlin
    layers:
      - people: [Eva]
        rotate: daily
        handoff: 09:00
        from: 2026-01-05
        only: [{ days: [mon-fri], from: '09:00', to: '17:00' }]
";
const PAGE: &str = "# Look

## Go

### Look
```yaml rundown
id: look
http: { get: http://127.0.0.1:9/ }
```
";

fn desk(oncall: &str) -> Desk {
    Desk::with_pages(&[("people.yaml", PEOPLE), ("oncall.yaml", oncall), ("look.md", PAGE)])
}

fn by(desk: &Desk, login: &str, words: &[&str]) -> Said {
    let output = desk.command(words).env("USER", login).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Who is on call at a time that lies far ahead, by Santiago's clock.
fn on_call(desk: &Desk, at: &str) -> String {
    let said = by(desk, "vic", &["oncall", "who", "primary", "--at", at]).exits(0);
    said.out.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn it_is_told_who_is_on_call_and_who_is_next() {
    let desk = desk(ONCALL);
    // 4 January 2038 is a Monday.
    let said = by(&desk, "vic", &["oncall", "who", "primary", "--at", "2038-01-05 12:00"]).exits(0);
    assert!(said.out.starts_with("primary Eva until Mon 2038-01-11 09:00"), "{said:?}");
    assert!(said.out.ends_with("then Ana times in America/Santiago"), "{said:?}");
    let said = by(&desk, "vic", &["oncall", "who", "ofice"]).exits(2);
    assert_eq!(said.err, "rundown: there is no schedule 'ofice'; did you mean 'office'?");
    let said = by(&desk, "vic", &["oncall", "who", "--at", "soon"]).exits(2);
    assert!(said.err.contains("'soon' is no time; write 18:00, 'mon 09:00'"), "{said:?}");
    // An account means its person.
    let said = by(&desk, "vic", &["oncall", "next", "evita"]).exits(0);
    assert!(said.out.contains("primary") && said.out.contains("office"), "{said:?}");
    assert_eq!(by(&desk, "vic", &["oncall", "next"]).out, "Vic is not on call in the coming 400 days");
    assert!(!desk.path().join(".rundown").exists(), "looking makes no journal");
}

#[test]
fn somebody_asks_for_cover_and_another_person_takes_it() {
    let desk = desk(ONCALL);
    let week = |from, until| vec!["oncall", "cover", "primary", "--from", from, "--until", until, "--why", "a wedding"];
    let said = by(&desk, "vic", &week("2038-01-05 09:00", "2038-01-07 09:00")).exits(1);
    assert!(said.err.contains("Vic is a viewer; `oncall cover` takes a responder. Ana, Ben and Eva may"), "{said:?}");
    let said = by(&desk, "ben", &week("2038-01-05 09:00", "2038-01-07 09:00")).exits(2);
    assert_eq!(said.err, "rundown: Ben is not on call on 'primary' in that time, so there is nothing to cover");
    // Eva's week ends in the middle of it; the rest is Ana's.
    let said = by(&desk, "eva", &week("2038-01-06 09:00", "2038-01-13 09:00")).exits(0);
    assert!(said.out.starts_with("cov-1: Eva asks for cover on primary from Wed 2038-01-06 09:00"), "{said:?}");
    assert!(said.out.contains("a wedding Nothing changes until somebody takes it"), "{said:?}");
    assert_eq!(on_call(&desk, "2038-01-07 12:00"), "Eva");
    let said = by(&desk, "evita", &["oncall", "take", "1"]).exits(2);
    assert!(said.err.contains("Eva asked for that cover, and another person has to take it"), "{said:?}");
    let said = by(&desk, "ben", &["--json", "oncall", "take", "cov-1"]).exits(0);
    assert!(said.out.contains(r#""kind":"cover.taken""#) && said.out.contains(r#""stream":"oncall:rota""#), "{said:?}");
    assert_eq!(by(&desk, "ana", &["oncall", "take", "1"]).exits(2).err, "rundown: Ben took that already");
    let on = ["2038-01-05 12:00", "2038-01-07 12:00", "2038-01-12 12:00"].map(|at| on_call(&desk, at));
    assert_eq!(on, ["Eva", "Ben", "Ana"], "Ben takes Eva's place and nobody else's");
    by(&desk, "eva", &["oncall", "remove", "1"]).exits(0);
    assert_eq!(on_call(&desk, "2038-01-07 12:00"), "Eva");
    by(&desk, "vic", &["verify"]).exits(0);
}

#[test]
fn an_override_goes_over_the_rotation() {
    let desk = desk(ONCALL);
    let night = ["oncall", "override", "primary", "Anna", "--from", "2038-01-05 22:00", "--until", "07:00"];
    let said = by(&desk, "ben", &night).exits(2);
    assert_eq!(said.err, "rundown: people.yaml does not name 'Anna'; did you mean 'Ana'?");
    let mut night = night;
    night[3] = "Ana";
    let said = by(&desk, "ben", &night).exits(0);
    let expected = "cov-1: Ana is on call on primary from Tue 2038-01-05 22:00 until Wed 2038-01-06 07:00 (America/Santiago), says Ben";
    assert!(said.out.starts_with(expected), "{said:?}");
    let on =
        ["2038-01-05 21:59", "2038-01-05 22:00", "2038-01-06 06:59", "2038-01-06 07:00"].map(|at| on_call(&desk, at));
    assert_eq!(on, ["Eva", "Ana", "Ana", "Eva"]);
    let said =
        by(&desk, "ben", &["oncall", "override", "primary", "Ana", "--from", "2020-01-05 22:00", "--until", "07:00"])
            .exits(2);
    assert_eq!(said.err, "rundown: that time is over; what was cannot be changed");
    // From now on, until a time after that.
    let said = by(&desk, "ben", &["oncall", "override", "primary", "Vic", "--until", "in 2h"]).exits(0);
    assert!(said.out.contains("primary: Vic until"), "{said:?}");
    let listed = by(&desk, "vic", &["oncall", "schedule", "primary", "--days", "1"]).exits(0).out;
    assert!(listed.contains("2 h Vic cov-2"), "{listed}");
}

#[test]
fn without_people_only_whoever_the_file_names_can_be_on_call() {
    let desk = Desk::with_pages(&[("oncall.yaml", ONCALL), ("look.md", PAGE)]);
    let cover = ["--as", "Eva", "oncall", "cover", "primary", "--from", "2038-01-05 09:00", "--until", "in 2d"];
    by(&desk, "root", &cover).exits(0);
    let said = by(&desk, "root", &["oncall", "take", "1"]).exits(2);
    assert_eq!(said.err, "rundown: oncall.yaml does not name 'root'; there are: Ana, Ben, Eva");
    let said = by(&desk, "root", &["--as", "Ben", "oncall", "take", "1"]).exits(0);
    let place = "Ben is on call on primary from Tue 2038-01-05 09:00 until Thu 2038-01-07 09:00 in the place of Eva";
    assert!(said.out.starts_with(&format!("cov-1: Ben takes it {place}")), "{said:?}");
    assert_eq!(on_call(&desk, "2038-01-06 12:00"), "Ben");
    // Whom something is given to is not who gives it.
    by(&desk, "root", &["incident", "declare", "Redis is full"]).exits(0);
    let said = by(&desk, "root", &["--json", "incident", "assign", "commander", "Ben"]).exits(0);
    let event: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&event["actor"]["person"]["name"], &event["body"]["person"]),
        (&"root".into(), &"Ben".into()),
        "{event}"
    );
}

#[test]
fn a_plan_with_holes_fails_and_says_where() {
    let desk = desk(ONCALL);
    // Berlin's clocks go forward on 28 March 2027.
    let days = ["--from", "2027-03-22", "--days", "14"];
    let whole = by(&desk, "vic", &[&["oncall", "simulate", "primary"], &days[..]].concat()).exits(0);
    assert!(whole.out.contains("✓ somebody is on call at every moment: primary"), "{whole:?}");
    let said = by(&desk, "vic", &[&["oncall", "simulate"], &days[..]].concat()).exits(1);
    assert!(said.out.contains("✗ office: nobody is on call 11 times, 256 h in all (Europe/Berlin)"), "{said:?}");
    assert!(said.out.contains("Fri 2027-03-26 17:00 to Mon 2027-03-29 09:00 2 d 15 h"), "an hour less: {said:?}");
    let late = desk_with_late_handoffs();
    let said = by(&late, "vic", &[&["oncall", "simulate"], &days[..]].concat()).exits(0);
    assert!(said.out.contains("hand-offs before 07:00 or after 22:00 Mon 2027-03-22 22:30 primary to"), "{said:?}");
}

fn desk_with_late_handoffs() -> Desk {
    desk(&ONCALL.split("  office:").next().unwrap_or_default().replace("mon 09:00", "mon 22:30"))
}

#[test]
fn a_faulty_file_is_told_with_its_place_and_puts_nobody_on_call() {
    let desk = desk(&ONCALL.replace("[Ana, Ben, Eva]", "[Ana, Bem, Eva]"));
    let said = by(&desk, "ana", &["check"]).exits(1);
    assert!(said.out.contains("oncall.yaml:5:39: people.yaml does not name 'Bem'"), "{said:?}");
    assert!(said.out.contains("did you mean 'Ben'?") && said.out.contains("1 fault in 1"), "{said:?}");
    let said = by(&desk, "ana", &["oncall", "who"]).exits(2);
    assert!(said.err.contains("oncall.yaml has 1 fault"), "{said:?}");
    let said = by(&desk, "ana", &["doctor"]);
    assert!(said.out.contains("Until it is mended nobody is on call"), "{said:?}");
    desk.add_page("oncall.yaml", &ONCALL.replace("[Ana, Ben, Eva]", "[Ana, Vic, Eva]"));
    let said = by(&desk, "ana", &["doctor"]);
    assert!(said.out.contains("these may only look: Vic"), "{said:?}");
    let none = Desk::with_pages(&[("look.md", PAGE)]);
    let said = by(&none, "ana", &["oncall", "who"]).exits(2);
    assert!(said.err.contains("there is no oncall.yaml beside the runbooks"), "{said:?}");
}

#[test]
fn the_example_of_the_page_is_sound() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/oncall.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let desk = desk(example);
    let said = by(&desk, "ana", &["check"]).exits(0);
    assert_eq!(said.out, "1 runbook, people.yaml and oncall.yaml checked, no faults");
    by(&desk, "ana", &["oncall", "simulate", "--from", "2026-02-01"]).exits(0);
    assert!(by(&desk, "ana", &["doctor"]).out.contains("oncall.yaml is understood: 2 schedules, 1 policy"));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/oncall.yaml");
    assert!(!shipped.exists(), "nobody is on call everywhere");
}
