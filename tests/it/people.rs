//! Persons and rights as people meet them: the real binary with a `people.yaml`, and the page that explains it.

use std::path::Path;

use crate::rundown::{Desk, Said};

const PEOPLE: &str = "people:
  Ana: { terminal: [ana, amartinez], role: responder }
  Ben: { terminal: ben, role: commander }
  Eva: { terminal: eva, role: admin }
  Vic: { terminal: vic, role: viewer }
";
const TARGETS: &str = "environments:
  test:
    targets:
      backend: { url: http://127.0.0.1:9, approval: { quorum: 2, approvers: [amartinez, Ben] } }
      archive: { url: http://127.0.0.1:10, approval: { irreversible: true } }
";
const RESTART: &str = "# Restart

## Go

### Restart it
```yaml rundown
id: restart
http: { post: \"{{target.backend.url}}/restart\" }
```
";
const WIPE: &str = "# Wipe

## Go

### Wipe it
```yaml rundown
id: wipe
http: { delete: \"{{target.archive.url}}/all\" }
```
";

fn desk() -> Desk {
    Desk::with_pages(&[("people.yaml", PEOPLE), ("targets.yaml", TARGETS), ("restart.md", RESTART), ("wipe.md", WIPE)])
}

fn by(desk: &Desk, login: &str, words: &str) -> Said {
    let (words, why) = words.split_once(" --why ").map_or((words, None), |(words, why)| (words, Some(why)));
    let mut words: Vec<&str> = words.split(' ').collect();
    words.extend(why.iter().flat_map(|why| ["--why", why]));
    let output = desk.command(&words).env("USER", login).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

#[test]
fn a_viewer_looks_and_is_told_who_may() {
    let desk = desk();
    let said = by(&desk, "vic", "incident declare Redis is full").exits(1);
    assert_eq!(said.err, "rundown: Vic is a viewer; `incident declare` takes a responder. Ana, Ben and Eva may");
    by(&desk, "ana", "incident declare Redis is full").exits(0);
    let shown = by(&desk, "vic", "incident show").exits(0);
    assert!(shown.out.contains("Redis is full") && shown.err.is_empty(), "{shown:?}");
    let asked = by(&desk, "vic", "can-i incident declare").exits(1);
    assert!(asked.out.starts_with("no: Vic is a viewer"), "{asked:?}");
    by(&desk, "eva", "can-i purge").exits(0);
}

#[test]
fn a_responder_goes_on_with_a_reason_and_it_is_told() {
    let desk = desk();
    by(&desk, "ana", "incident declare Redis is full").exits(0);
    let said = by(&desk, "ana", "incident severity P0").exits(1);
    assert!(said.err.contains("`incident severity` takes a commander. Say why with --why TEXT"), "{said:?}");
    let said = by(&desk, "ana", "incident assign commander amartinez --why nobody else is awake").exits(0);
    assert!(said.err.contains("on record: Ana, a responder, says `incident assign`"), "{said:?}");
    let told = by(&desk, "vic", "timeline").out;
    assert!(told.contains("which takes a commander: nobody else is awake"), "{told}");
    assert!(by(&desk, "vic", "incident show").out.contains("Ana"), "the account means the person");
    // No reason opens what cannot be undone.
    let said = by(&desk, "ben", "purge 1 --why a password").exits(1);
    assert!(said.err.contains("takes an admin, given by name because it cannot be undone. Eva may"), "{said:?}");
    by(&desk, "eva", "purge 1 --why a password").exits(0);
}

#[test]
fn two_names_of_one_person_are_one_agreement() {
    let desk = desk();
    assert!(by(&desk, "ana", "run restart --env test").exits(3).err.is_empty());
    let asked = by(&desk, "ana", "can-i approve restart").exits(0);
    assert!(asked.out.contains("0 of 2 agreed") && asked.out.contains("lets Ana and Ben agree"), "{asked:?}");
    by(&desk, "ana", "approve restart").exits(0);
    let said = by(&desk, "amartinez", "approve restart").exits(1);
    assert!(said.err.contains("Ana has approved it already"), "{said:?}");
    let asked = by(&desk, "amartinez", "can-i approve restart").exits(1);
    assert!(asked.out.starts_with("no: ") && asked.out.contains("Ana agreed already, and counts once"), "{asked:?}");
    // Nor is somebody else by calling themselves so.
    let said = by(&desk, "amartinez", "approve restart --as Ben").exits(1);
    assert!(said.err.contains("the account says who you are: Ana, not 'Ben'"), "{said:?}");
    let said = by(&desk, "mallory", "approve restart --as Ben").exits(1);
    assert!(said.err.contains("terminal:mallory may not approve this"), "{said:?}");
    by(&desk, "ben", "approve restart").exits(0);
}

#[test]
fn who_lost_the_right_before_the_change_was_sent_has_not_agreed() {
    let desk = desk();
    by(&desk, "ana", "run restart --env test").exits(3);
    by(&desk, "ana", "approve restart").exits(0);
    by(&desk, "ben", "approve restart").exits(0);
    // Both agreed while nobody drove the run; until somebody does, Ben leaves the team.
    desk.add_page("people.yaml", &PEOPLE.replace("terminal: ben, role: commander", "terminal: ben, role: viewer"));
    by(&desk, "ana", "run --resume run-1").exits(3);
    let told = by(&desk, "vic", "timeline").out;
    assert!(
        told.contains("the approval of Ben does not count any more: Ben agreed as a responder and is none any more"),
        "{told}"
    );
    assert!(!told.contains("Restart it: sent"), "nothing was sent on half an agreement: {told}");
    assert!(by(&desk, "ana", "can-i approve restart").exits(0).out.contains("0 of 2 agreed"));
    desk.add_page("people.yaml", PEOPLE);
    by(&desk, "ana", "approve restart").exits(0);
    by(&desk, "ben", "approve restart").exits(0);
    by(&desk, "ana", "run --resume run-1 --yes");
    assert!(by(&desk, "vic", "timeline").out.contains("Restart it: sent"));
}

#[test]
fn an_account_that_nobody_named_is_warned_and_not_stopped() {
    let desk = desk();
    let said = by(&desk, "ops", "incident declare Redis is full").exits(0);
    assert!(said.err.contains("people.yaml does not name this account: you count as a responder"), "{said:?}");
    assert!(by(&desk, "ana", "timeline").out.contains("terminal:ops"), "the record says so");
    // What cannot be taken back waits for somebody who is named, whatever was agreed to in advance.
    by(&desk, "ops", "run wipe --env test --approve all").exits(3);
    let said = by(&desk, "ops", "approve wipe").exits(1);
    assert!(said.err.contains("cannot be undone and takes a responder by name"), "{said:?}");
    let said = by(&desk, "ops", "approve wipe --break-glass --why it is late").exits(1);
    assert!(said.err.contains("takes a commander"), "{said:?}");
    let asked = by(&desk, "ops", "can-i approve wipe").exits(1);
    assert!(asked.out.contains("Ana, Ben and Eva may"), "{asked:?}");
    by(&desk, "ana", "run wipe --env test --approve all").exits(3);
    by(&desk, "ana", "approve wipe --run run-2").exits(0);
}

#[test]
fn a_faulty_file_is_told_and_gives_nobody_more() {
    let faulty = PEOPLE.replace("role: admin", "role: amin");
    let desk = Desk::with_pages(&[("people.yaml", &faulty), ("restart.md", RESTART)]);
    let said = by(&desk, "eva", "check").exits(1);
    assert!(said.out.contains("people.yaml:4:31: role cannot be 'amin'"), "{said:?}");
    assert!(said.out.contains("did you mean 'admin'?"), "{said:?}");
    let said = by(&desk, "eva", "incident declare Redis is full").exits(0);
    assert!(said.err.contains("people.yaml cannot be used, so it names nobody"), "{said:?}");
    by(&desk, "eva", "purge 1 --why x").exits(1);
}

#[test]
fn nobody_is_two_persons_while_the_file_cannot_be_used() {
    let desk = desk();
    by(&desk, "ana", "run restart --env test").exits(3);
    by(&desk, "ana", "approve restart").exits(0);
    std::fs::write(desk.path().join("runbooks/people.yaml"), "people: {").unwrap();
    let said = by(&desk, "ana", "approve restart").exits(1);
    assert!(said.err.contains("nobody knows which accounts are one person"), "{said:?}");
    let said = by(&desk, "ana", "run restart --env test --approve all").exits(3);
    assert!(
        said.out.contains("nobody knows which accounts are one person"),
        "a run is told what a command is: {said:?}"
    );
    by(&desk, "ana", "approve restart --run run-1 --break-glass --why Redis is full").exits(0);
    assert!(by(&desk, "ana", "timeline inc-1").out.contains("Redis is full"));
}

#[test]
fn the_example_of_the_page_is_sound() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/people.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let desk = Desk::with_pages(&[("people.yaml", example), ("restart.md", RESTART)]);
    let said = by(&desk, "ana", "check").exits(0);
    assert_eq!(said.out, "1 runbook and people.yaml checked, no faults");
    by(&desk, "amartinez", "can-i incident resolve").exits(0);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/people.yaml");
    assert!(!shipped.exists(), "nobody is known everywhere");
}
