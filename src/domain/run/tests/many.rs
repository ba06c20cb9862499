//! More steps at once than a journal takes in one commit.

use super::super::decide::AT_ONCE;
use super::*;

#[test]
fn thousands_of_steps_that_only_compute_are_decided_in_parts() {
    let steps = 4_000;
    let computes = |number: u32| {
        step(&format!("s{number}"), Does::Set(BTreeMap::from([("n".to_owned(), when(&number.to_string()))])))
    };
    let world = World::new(plan((0..steps).map(computes).collect()));
    let (mut state, mut parts, mut events) = (world.first.clone(), 0, 0);
    while !state.is_over() {
        let decided = decide(&state, &Targets::new(), Input::Tick, Seat::Driver, start()).unwrap();
        assert!(!decided.is_empty(), "it goes on by itself, whoever drives it and whenever");
        assert!(decided.len() < AT_ONCE + 10);
        for one in &decided {
            if let Fact::Run(event) = &one.fact {
                state.apply(event, start()).unwrap();
            }
        }
        (parts, events) = (parts + 1, events + decided.len());
    }
    assert_eq!(state.outcome(), Some(Outcome::Succeeded));
    assert!(parts >= events / (AT_ONCE + 10) && events >= 2 * steps as usize, "{parts} parts, {events} events");
}
