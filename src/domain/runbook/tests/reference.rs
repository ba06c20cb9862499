//! The reference is checked like a runbook: every example in it is one.

use super::super::model::Does;
use super::{sound, with_block};

const REFERENCE: &str = include_str!("../../../../docs/runbook-language.md");

/// The reference itself is a page: every heading with a block is a step.
#[test]
fn every_example_of_the_reference_is_sound() {
    let runbook = sound(REFERENCE);
    let kinds: std::collections::BTreeSet<&str> =
        runbook.steps.iter().map(|step| super::super::facts::kind_name(&step.does)).collect();
    let wanted = [
        "http",
        "railway.restart",
        "railway.redeploy",
        "railway.rollback",
        "railway.logs",
        "railway.deployments",
        "redis.clients",
        "exec",
        "watch",
        "wait",
        "ask",
        "decide",
        "set",
        "notify",
        "each",
        "a manual step",
    ];
    for kind in wanted {
        assert!(kinds.contains(kind), "no example of {kind}");
    }
}

#[test]
fn a_checklist_without_blocks_is_a_runbook() {
    let page = "# Restart the printer\n\nAsk before you begin.\n\n## Switch it off\n- [ ] the red button\n- [ ] wait\n\n## Switch it on\n\n```yaml\nnot: ours\n```\n";
    let runbook = sound(page);
    assert!(runbook.steps.iter().all(|step| step.does == Does::Manual));
    assert_eq!(
        runbook.steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(),
        ["switch_it_off", "switch_it_on"]
    );
    assert_eq!(runbook.steps[0].prose, "- [ ] the red button\n- [ ] wait");
    assert!(runbook.steps[1].prose.contains("not: ours"));
    assert_eq!(runbook.phases.len(), 1);
}

#[test]
fn a_retry_for_a_while_becomes_a_number_of_tries() {
    let runbook = sound(&with_block("http: { get: https://a.example }\nretry: { for: 2m, every: 10s }"));
    let retry = runbook.steps[0].retry.clone().unwrap();
    assert_eq!((retry.attempts, retry.delay.to_string()), (13, "10s".to_owned()));
}

#[test]
fn only_a_bound_that_must_hold_bounds_a_redo() {
    let page = |when: &str| {
        format!(
            "# T\n## P\n### A\n```yaml rundown\nid: a\n```\n### B\n```yaml rundown\ndecide: {{ cases: [{{ id: x, redo: a, when: {when:?} }}] }}\n```\n"
        )
    };
    for sure in ["runs('a') < 2", "steps.a.ok && runs(\"a\") <= 1", "(runs('a') < 2) && true"] {
        let Does::Decide(decide) = &sound(&page(sure)).steps[1].does else { panic!() };
        assert!(matches!(decide.cases[0].to, super::super::model::Destination::Redo { max: 2, .. }), "{sure}");
    }
    for unsure in ["runs('a') < 2 || true", "!(runs('a') < 2)", "runs('a') > 2", "'runs(a) < 2' == ''"] {
        assert!(super::checked(&page(unsure)).faults.iter().any(|fault| fault.code == "unbounded-redo"), "{unsure}");
    }
}
