//! A run that was recorded plays again as it was; a changed runbook shows what changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Taken, record};
use crate::domain::run::event::{Event, Output};
use crate::domain::timeline::Fact;
use crate::rehearsal::compare::step_is;
use crate::rehearsal::play::play;
use crate::rehearsal::prepare::prepare;
use crate::rehearsal::scenario::{Loaded, list, load};
use crate::rehearsal::stage::Performance;

fn runbooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks")
}

fn perform(loaded: &Loaded) -> Performance {
    let (plan, secrets) = prepare(loaded).unwrap_or_else(|error| panic!("{}: {error}", loaded.name));
    play(&loaded.scenario, &plan, secrets).unwrap()
}

/// The cassette of a performance, as a scenario that can be played.
fn recorded(name: &str, performance: &Performance, folder: &Path) -> Loaded {
    let page = runbooks().join(format!("{}.md", performance.run.opened.runbook));
    let targets = runbooks().join("targets.yaml");
    let cassette = record(&Taken {
        run: &performance.run,
        facts: &performance.facts,
        blobs: &BTreeMap::new(),
        runbook: &page.display().to_string(),
        targets: &targets.display().to_string(),
        inventory: &std::fs::read_to_string(&targets).unwrap(),
    });
    let path = folder.join(format!("{name}.yaml"));
    std::fs::write(&path, &cassette.text).unwrap();
    load(&path).unwrap_or_else(|error| panic!("{error}\n{}", cassette.text))
}

/// What must be the same of a run and its replay.
fn story(one: &Performance) -> String {
    let run = &one.run;
    let mut lines = vec![format!("{:?}, {:?}", run.outcome(), one.ended)];
    for (position, step) in run.plan.steps.iter().enumerate() {
        let state = &run.steps[position];
        lines.push(format!("{}: {}, {} visits", step.id, step_is(run, position).word(), state.visits));
    }
    for judged in run.judged.iter().flatten() {
        lines.push(format!("{}: {:?}", judged.text, judged.met));
    }
    let acts = &one.acts;
    lines.push(format!("{:?} {:?} {:?} {:?}", acts.restarts, acts.redeploys, acts.rollbacks, acts.commands));
    lines.push(format!("{:?}", acts.requests));
    lines.join("\n")
}

/// Recordings that cannot be played to the same end, each with what it says is not known: a watch's yes-or-no series, a list
/// of deployments, a program that could not be started, a series that is computed.
const NOT_KNOWN: [(&str, &str); 4] = [
    ("api-gets-worse", "the samples of 'watch' are known as 'operational' only"),
    ("deploy-redeployed", "which deployments of backend were listed is not known"),
    ("load-no-tool", "what oha --version printed"),
    ("sse-comes-back", "the samples of 'watch' are known as 'subscribed' only"),
];

#[test]
fn every_stock_rehearsal_recorded_and_played_again_comes_to_the_same_or_says_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    for path in list(&runbooks().join("rehearsals")).unwrap() {
        let first = load(&path).unwrap();
        let performance = perform(&first);
        let again = recorded(&first.name, &performance, folder.path());
        let replay = perform(&again);
        let played = crate::rehearsal::rehearse(&again).unwrap();
        if let Some((_, what)) = NOT_KNOWN.iter().find(|(name, _)| *name == first.name) {
            assert!(!played.is_ok(), "{} plays to the same end after all: take it out", first.name);
            let text = std::fs::read_to_string(folder.path().join(format!("{}.yaml", first.name))).unwrap();
            assert!(text.contains(&format!("Not known: {what}")), "{text}");
            continue;
        }
        assert_eq!(story(&replay), story(&performance), "{}: {:#?}", first.name, replay.troubles);
        assert!(played.is_ok(), "{}: {:#?}", first.name, played.differences);
    }
}

/// The differences of a cassette with the page as somebody changed it.
fn edited(cassette: &Loaded, folder: &Path, from: &str, to: &str) -> Vec<String> {
    let page = std::fs::read_to_string(runbooks().join("redis-connections.md")).unwrap();
    assert!(page.contains(from));
    let path = folder.join("edited.md");
    std::fs::write(&path, page.replacen(from, to, 1)).unwrap();
    let loaded = Loaded { runbook: path, ..cassette.clone() };
    crate::rehearsal::rehearse(&loaded).unwrap().differences
}

#[test]
fn a_changed_runbook_meets_what_really_happened() {
    let folder = tempfile::tempdir().unwrap();
    let first = load(&runbooks().join("rehearsals/server-limit.yaml")).unwrap();
    let cassette = recorded("incident", &perform(&first), folder.path());

    // An expectation that the incident would not have met.
    let stricter = edited(
        &cassette,
        folder.path(),
        "expect: [status == 200]\nsave:\n  active:",
        "expect: [status == 200, body.status == \"healthy\"]\nsave:\n  active:",
    );
    assert!(
        stricter[0].starts_with("step 'stats' is failed, expected ok (200 in 30 ms; expected body.status"),
        "{stricter:?}"
    );

    // A step that asks elsewhere in the page what the run knows of that moment: answered from the state of the world.
    let step = |path: &str| {
        let block = format!("id: extra\nhttp: {{ get: \"{{{{target.backend.url}}}}{path}\" }}\non_failure: continue");
        format!("### One more look\n```yaml rundown\n{block}\n```\n\n### Choose the working date")
    };
    let known = edited(&cassette, folder.path(), "### Choose the working date", &step("/api/redis-connection-stats"));
    assert_eq!(known, [""; 0]);

    // One that nobody asked then: the answer is not made up.
    let unknown = edited(&cassette, folder.path(), "### Choose the working date", &step("/api/metrics"));
    assert_eq!(unknown, ["nothing in the scenario answers GET /api/metrics"]);
}

#[test]
fn an_answer_that_was_erased_is_said_to_be_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let first = load(&runbooks().join("rehearsals/server-limit.yaml")).unwrap();
    let mut performance = perform(&first);
    for recorded in &mut performance.facts {
        if let Fact::Run(_, Event::StepFinished(finished)) = &mut recorded.event
            && finished.step == "stats"
        {
            finished.output = Some(Output::Blob { id: "erased".to_owned(), size: 90_000 });
        }
    }
    let cassette = recorded("erased", &performance, folder.path());
    let differences = crate::rehearsal::rehearse(&cassette).unwrap().differences;
    let expected = "what GET /api/redis-connection-stats answered then is not known: it was too long to be kept, or was \
                    erased since";
    assert_eq!(differences[0], expected);
}
