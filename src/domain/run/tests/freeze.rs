//! Freezes, told as stories: what they hold up, what passes, how they end.

use super::*;
use crate::domain::target::{EVERYTHING, Obstacle, State as Standing, Wish};

fn freeze(world: &mut World, target: &str, seconds: u64) {
    let event = Standing::freeze(person("cleo"), "the yard counts", Span::seconds(seconds), world.now);
    world.targets.entry(target.into()).or_default().apply(&event.unwrap(), world.now);
}

fn lift(world: &mut World, target: &str) {
    let state = world.targets.entry(target.into()).or_default();
    let event = state.unfreeze(person("cleo"), None, world.now).unwrap();
    state.apply(&event, world.now);
}

#[test]
fn a_freeze_holds_changes_up_until_it_ends_or_is_lifted() {
    for target in ["backend", EVERYTHING] {
        let mut world = World::new(plan(vec![get("health"), post("first"), post("second"), post("third")]));
        freeze(&mut world, target, 600);
        world.answers(json!({"status": 200}));
        assert_eq!(world.stage("first"), "blocked", "a read went through, a change does not");
        assert!(!world.state.waits_for_human(), "it ends by itself");
        assert_eq!(next_deadline(&world.state), Some(start() + TimeDelta::seconds(600)));
        world.later(600);
        assert_eq!(world.stage("first"), "sent");
        freeze(&mut world, target, 600);
        world.answers(json!({"status": 200}));
        assert_eq!(world.stage("second"), "blocked", "what was sent is not called back, the next change waits");
        world.later(10);
        lift(&mut world, target);
        world.later(1);
        assert_eq!(world.stage("second"), "sent", "nobody has to say that it goes on");
        freeze(&mut world, target, 600);
        world.answers(json!({"status": 200}));
        freeze(&mut world, target, 1_200);
        world.later(600);
        assert_eq!(world.stage("third"), "blocked", "a later freeze replaces an earlier one");
        world.later(600);
        assert_eq!(world.stage("third"), "sent");
    }
}

#[test]
fn a_freeze_gives_way_to_a_name_and_a_reason_one_step_at_a_time() {
    let pass = |why: &str| Command::Override { step: None, why: why.into() };
    for target in ["backend", EVERYTHING] {
        let mut world = World::new(plan(vec![get("health"), post("first"), post("second")]));
        freeze(&mut world, target, 600);
        world.answers(json!({"status": 200}));
        assert!(world.refused("ana", pass("")).contains("needs a reason"));
        world.does("ana", pass("it is the fix"));
        assert_eq!(world.stage("first"), "sent");
        world.answers(json!({"status": 200}));
        assert_eq!(world.stage("second"), "blocked", "the next step asks again");
    }
    // What names no target is frozen with everything, and only then.
    let run = step("suite", act(Kind::Exec, json!({"argv": ["suite"]})));
    let mut world = World::new(plan(vec![get("health"), run.clone()]));
    freeze(&mut world, "backend", 600);
    world.answers(json!({"status": 200}));
    assert_eq!(world.stage("suite"), "sent");
    let mut world = World::new(plan(vec![get("health"), run]));
    freeze(&mut world, EVERYTHING, 600);
    world.answers(json!({"status": 200}));
    assert_eq!(world.stage("suite"), "blocked");
    world.does("ana", pass("it only looks"));
    assert_eq!(world.stage("suite"), "sent");
}

#[test]
fn what_sets_things_right_is_never_frozen() {
    let mut release = post("release");
    release.always_after = Some("take".into());
    let mut back = post("back");
    back.undo = Some("take".into());
    let mut world = World::new(plan(vec![post("take"), get("look"), release, back]));
    world.answers(json!({"status": 200}));
    freeze(&mut world, EVERYTHING, 600);
    freeze(&mut world, "backend", 600);
    world.does("ana", Command::Redo { step: "back".into(), why: None });
    assert_eq!(world.stage("back"), "sent", "taking a step back");
    world.does("ana", Command::Cancel { why: None });
    let back = work(&world.state).into_iter().find(|work| work.step == "back").unwrap();
    let acted = StageReply::Acted(Reply::Answered(answer(json!({"status": 200}))));
    world.put(Input::Reply { step: back.step, visit: back.visit, attempt: back.attempt, reply: acted });
    assert_eq!(world.stage("release"), "sent", "cleanup");
}

proptest! {
    /// However freezes and lifts follow one another, a change is held up exactly while one holds.
    #[test]
    fn a_change_waits_exactly_while_a_freeze_holds(
        moves in prop::collection::vec((any::<bool>(), any::<bool>(), 1u64..400, 0i64..300), 0..12),
    ) {
        let mut states = BTreeMap::from([("backend", Standing::default()), (EVERYTHING, Standing::default())]);
        let mut until = BTreeMap::from([("backend", start()), (EVERYTHING, start())]);
        let mut now = start();
        for (whole, lifts, span, pause) in moves {
            let name = if whole { EVERYTHING } else { "backend" };
            let state = states.get_mut(name).unwrap();
            if lifts {
                let lifted = state.unfreeze(person("ana"), None, now);
                prop_assert_eq!(lifted.is_ok(), until[name] > now);
                if let Ok(event) = lifted {
                    state.apply(&event, now);
                    until.insert(name, now);
                }
            } else {
                let event = Standing::freeze(person("ana"), "counting", Span::seconds(span), now).unwrap();
                state.apply(&event, now);
                until.insert(name, now + TimeDelta::seconds(span.cast_signed()));
            }
            now += TimeDelta::seconds(pause);
            let run = RunId::number(1);
            let wish = Wish { run: &run, step: "take", budget: None, counts: true };
            let held = states["backend"].obstacle(&wish, &states[EVERYTHING], now);
            let latest = *until.values().max().unwrap();
            match held {
                Some(Obstacle::Frozen { until, .. }) => prop_assert_eq!((until, true), (latest, latest > now)),
                other => prop_assert_eq!((other, latest <= now), (None, true)),
            }
            let cleanup = Wish { counts: false, ..wish };
            prop_assert_eq!(states["backend"].obstacle(&cleanup, &states[EVERYTHING], now), None);
        }
    }
}
