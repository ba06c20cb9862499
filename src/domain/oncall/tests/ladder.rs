//! Whom a policy reaches.

use super::*;

fn persons(rung: &Rung) -> String {
    let (head, persons) = match rung {
        Rung::Step { place, persons, escalate_after } => {
            (format!("{}.{} for {escalate_after}", place.round, place.step), persons)
        }
        Rung::Finally { persons } => ("finally".to_owned(), persons),
    };
    format!("{head}: {}", persons.iter().map(Person::name).collect::<Vec<_>>().join(", "))
}

/// Every rung from the bottom up.
fn climbed(file: &Oncall, at: Instant) -> Vec<String> {
    let policy = file.policy_for(Severity::P0).unwrap();
    let (mut place, mut told) = (Place::default(), Vec::new());
    loop {
        let rung = file.rung(policy, place, &Overrides::none(), at);
        told.push(persons(&rung));
        match rung {
            Rung::Step { place: reached, .. } => place = reached.next(),
            Rung::Finally { .. } => return told,
        }
    }
}

#[test]
fn a_ladder_is_gone_through_again_and_ends_with_a_person() {
    // Tuesday, 13:00 in Santiago, 17:00 in Berlin: nobody is on call as secondary.
    let told = climbed(&file(), at("2026-01-13T16:00:00Z"));
    let round = |n: u32| [format!("{n}.0 for 5m: Ben"), format!("{n}.1 for 10m: Eva")];
    assert_eq!(
        told,
        [round(0), round(1), round(2)].concat().into_iter().chain(["finally: Eva".to_owned()]).collect::<Vec<_>>()
    );
    // An hour earlier somebody is, and is the same person: they are told twice, but not twice in one step.
    assert_eq!(climbed(&file(), at("2026-01-13T15:00:00Z"))[1], "0.1 for 10m: Ben, Eva");
}

#[test]
fn a_step_with_nobody_on_call_is_skipped() {
    // Before the first turn of the rotation.
    let told = climbed(&file(), at("2026-01-05T10:00:00Z"));
    assert_eq!(told[0], "0.1 for 10m: Ben, Eva");
    let nobody = load(&FILE.replace(", person: Eva]", "]"), None).unwrap();
    assert_eq!(climbed(&nobody, at("2026-01-05T01:00:00Z")), ["finally: Eva"]);
    assert!(nobody.policy_for(Severity::P2).is_none());
}
