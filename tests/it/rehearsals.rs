//! The stock rehearsals, as a team runs them in its own CI.

#[cfg(unix)]
mod live;

use std::path::{Path, PathBuf};

use rundown::rehearsal::scenario::{Loaded, list, load};
use rundown::rehearsal::{Played, rehearse};

fn stock() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/rehearsals")
}

fn scenario(name: &str) -> Loaded {
    load(&stock().join(format!("{name}.yaml"))).expect("a scenario")
}

fn play(loaded: &Loaded) -> Played {
    rehearse(loaded).unwrap_or_else(|error| panic!("{}: {error}", loaded.name))
}

#[test]
fn every_stock_scenario_ends_as_it_says() {
    let all = list(&stock()).expect("the directory");
    assert!(all.len() >= 6);
    let differing: Vec<String> = all
        .iter()
        .map(|path| play(&load(path).unwrap_or_else(|error| panic!("{error}"))))
        .filter(|played| !played.is_ok())
        .map(|played| played.text(None))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn a_wrong_expectation_fails_and_says_what_differs() {
    let mut wrong = scenario("server-limit");
    let expect = &mut wrong.scenario.expect;
    expect.restarts.insert("redis".to_owned(), 2);
    expect.postmortem.has.push("Everything was fine all along".to_owned());
    expect.never.push(serde_entry("approval.given"));
    let extra = wrong.scenario.people[0].clone();
    wrong.scenario.people.push(rundown::rehearsal::scenario::Part { nth: 7, ..extra });
    let played = play(&wrong);
    let expected = [
        "bruno: approve at restart_redis (time 7) was never asked for",
        "the world saw 1 restarts of redis, expected 2",
        "approval.given is in the timeline: Restart Redis on Railway: approved by bruno (1 of 1)",
        "the postmortem does not say: Everything was fine all along",
    ];
    assert_eq!(played.differences, expected);
    assert!(played.text(None).ends_with("  the postmortem does not say: Everything was fine all along\n"));
}

fn serde_entry(event: &str) -> rundown::rehearsal::scenario::Entry {
    rundown::rehearsal::scenario::Entry { event: event.to_owned(), step: None, by: None, says: None }
}

#[test]
fn the_same_scenario_gives_the_same_bytes() {
    for name in ["server-limit", "crash-settled", "exhausted-again"] {
        let loaded = scenario(name);
        let (once, twice) = (play(&loaded), play(&loaded));
        assert_eq!(once, twice);
    }
}

#[test]
fn the_first_scenario_as_people_read_it() {
    let played = play(&scenario("server-limit"));
    insta::assert_snapshot!("transcript", played.text(Some("postmortems/inc-1.md")));
    insta::assert_snapshot!("postmortem", played.postmortem);
    assert!(played.charts.iter().all(|(_, svg)| svg.starts_with("<svg")) && !played.charts.is_empty());
}
