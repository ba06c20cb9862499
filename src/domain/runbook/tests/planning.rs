//! From a page to a plan, and what people read of it.

use serde_json::{Map, Value, json};

use super::super::check::{check, parse};
use super::super::model::{Destination, Does, OnFailure, Plan};
use super::super::plan::{PlanFault, Request, pin};
use super::super::{diff, outline, schema};
use super::{EXAMPLE, inventory, no_library, sound};

fn given(inputs: Value) -> Request {
    Request { inputs: inputs.as_object().cloned().unwrap_or_default(), phases: Vec::new() }
}

fn planned(source: &str, request: &Request, library: &dyn Fn(&str) -> Option<String>) -> Result<Plan, Vec<PlanFault>> {
    pin(&parse(source, "page").unwrap(), source, request, &inventory(), library)
}

#[test]
fn the_example_is_shown_step_by_step_as_it_would_run() {
    let runbook = sound(EXAMPLE);
    let plan = pin(&runbook, EXAMPLE, &Request::default(), &inventory(), &no_library).unwrap();
    assert_eq!(plan.frames[0].inputs["suite"], json!("e2e/suite.py"));
    insta::assert_snapshot!(outline::render(&plan));
}

#[test]
fn inputs_are_typed_and_every_wrong_one_is_told() {
    let page = "---\ninputs:\n  count: { type: number }\n  fast: { type: bool, default: false }\n  how: { choices: [slow, quick] }\n  pause: { type: duration, default: 90s }\n---\n# T\n## A\n";
    let plan = planned(page, &given(json!({"count": "3", "how": "quick", "fast": "yes"})), &no_library).unwrap();
    let expected = json!({"count": 3, "fast": true, "how": "quick", "pause": "1m30s"});
    assert_eq!(Value::Object(plan.frames[0].inputs.clone()), expected);
    let faults = planned(page, &given(json!({"cuont": 1, "how": "odd", "pause": "soon"})), &no_library).unwrap_err();
    let said: Vec<String> =
        faults.iter().map(|fault| format!("{}: {}", fault.message, fault.hint.clone().unwrap_or_default())).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn sub_runbooks_and_each_become_steps_and_jumps_find_them() {
    let library = |id: &str| {
        (id == "check").then(|| {
            "---\ninputs: { url: { type: text }, strict: { type: bool, default: false } }\n---\n# Check\n## Look\n```yaml rundown\nid: look\nhttp: { get: \"{{inputs.url}}\" }\non_failure: report\n```\n## Report\n```yaml rundown\nid: report\nnotify: \"{{steps.look.status}}\"\n```\n".to_owned()
        })
    };
    let page = "---\ninputs: { deep: { type: bool, default: false } }\n---\n# T\n## P\n### First\n```yaml rundown\nid: first\nhttp: { get: https://a.example }\non_failure: checks\n```\n### Deep\n```yaml rundown\nid: deep\nwhen: inputs.deep\nrunbook: { id: check, inputs: { url: https://b.example } }\n```\n### Checks\n```yaml rundown\nid: checks\neach: [one, two]\nrunbook: { id: check, inputs: { url: \"{{target.backend.url}}/{{each}}\" } }\n```\n### Decide\n```yaml rundown\nid: choose\ndecide: { cases: [{ id: again, redo: deep, max: 2 }, { id: end, go: told }] }\n```\n### Told\n```yaml rundown\nid: told\nnotify: \"done with {{each}}\"\neach: [x, y]\n```\n";
    let checked = check(page, "page", Some(&inventory()), &library);
    assert_eq!(checked.faults, vec![]);
    let plan = planned(page, &Request::default(), &library).unwrap();
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let expected =
        ["first", "checks_1/look", "checks_1/report", "checks_2/look", "checks_2/report", "choose", "told_1", "told_2"];
    assert_eq!(ids, expected);
    assert_eq!(plan.steps[0].on_failure, OnFailure::Go("checks_1/look".into()));
    assert_eq!(plan.steps[3].on_failure, OnFailure::Go("checks_2/report".into()));
    assert_eq!(plan.frames[2].inputs["url"], json!("https://api.example/two"));
    let Does::Decide(decide) = &plan.steps[5].does else { panic!() };
    // The sub-runbook `deep` was left out, so going back to it means the step behind it.
    assert_eq!(decide.cases[0].to, Destination::Redo { step: "checks_1/look".into(), max: 2 });
    assert_eq!(decide.cases[1].to, Destination::Go("told_1".into()));
    let deep = planned(page, &given(json!({"deep": true})), &library).unwrap();
    assert_eq!(deep.steps[1].id, "deep/look");
}

#[test]
fn sub_runbooks_that_multiply_are_stopped() {
    let library = |id: &str| {
        let next = id.strip_prefix('r')?.parse::<u32>().ok()? + 1;
        let items = (0..100).map(|item| item.to_string()).collect::<Vec<_>>().join(", ");
        Some(format!("# R\n## A\n```yaml rundown\neach: [{items}]\nrunbook: {{ id: r{next} }}\n```\n"))
    };
    let page = library("r0").unwrap();
    let faults = planned(&page, &Request::default(), &library).unwrap_err();
    assert!(faults.iter().all(|fault| fault.message.contains("deeper than 8")), "{:?}", faults.first());
    let wide = |id: &str| {
        let steps = "## S\n".repeat(100);
        let items = (0..100).map(|item| item.to_string()).collect::<Vec<_>>().join(", ");
        (id == "wide")
            .then(|| format!("# W\n{steps}"))
            .or(Some(format!("# R\n## A\n```yaml rundown\neach: [{items}]\nrunbook: {{ id: wide }}\n```\n")))
    };
    let faults = planned(&wide("top").unwrap(), &Request::default(), &wide).unwrap_err();
    assert!(faults[0].message.contains("more than 5000 steps"), "{faults:?}");
}

#[test]
fn a_review_sees_first_which_guards_are_gone() {
    let new = EXAMPLE
        .replace("approval: { quorum: 1, within: 15m, on_timeout: page }\n", "on_failure: continue\n")
        .replace("expect: [status == 200]\nsave", "save")
        .replace("timeout: 5s", "timeout: 50s")
        .replace("always: { after: tomar }\n", "")
        .replace("min_coverage: 95%", "min_coverage: 50%")
        .replace("runs('restart') < 2", "runs('restart') < 5")
        .replace("- [ ] The shift lead confirmed\n", "")
        .replace("### Tell the shift lead that paper tracking can stop\n", "### Write down what was seen\n");
    let differences = diff::compare(&sound(EXAMPLE), &sound(&new));
    let shown: Vec<String> = differences
        .iter()
        .map(|difference| {
            format!(
                "{:?} {}{}",
                difference.weight,
                difference.text,
                difference.line.map_or(String::new(), |line| format!(" (line {line})"))
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(diff::compare(&sound(EXAMPLE), &sound(EXAMPLE)), vec![]);
}

#[test]
fn moving_one_step_is_one_difference() {
    let page = |order: &[&str]| {
        let steps: String =
            order.iter().map(|id| format!("### {id}\n```yaml rundown\nid: {id}\nnotify: {id}\n```\n")).collect();
        sound(&format!("# T\n## P\n{steps}"))
    };
    let differences = diff::compare(&page(&["a", "b", "c", "d"]), &page(&["b", "c", "d", "a"]));
    assert_eq!(differences.iter().map(|found| found.text.as_str()).collect::<Vec<_>>(), ["step moved: a (behind d)"]);
}

#[test]
fn a_plan_survives_being_stored() {
    let plan = pin(&sound(EXAMPLE), EXAMPLE, &Request::default(), &inventory(), &no_library).unwrap();
    let stored = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
}

#[test]
fn phases_can_be_chosen() {
    let mut request = Request { inputs: Map::new(), phases: vec!["follow up".into()] };
    let plan = planned(EXAMPLE, &request, &no_library).unwrap();
    assert_eq!(plan.phases.iter().map(|phase| phase.covered).collect::<Vec<_>>(), [false, false, true]);
    request.phases = vec!["Folow up".into()];
    assert_eq!(
        planned(EXAMPLE, &request, &no_library).unwrap_err()[0].hint.as_deref(),
        Some("did you mean 'Follow up'?")
    );
}

#[test]
fn the_schema_knows_every_key_of_a_block() {
    let schema = schema::block();
    let properties = schema["properties"].as_object().unwrap();
    for key in super::super::block::OPTIONS.iter().chain(&super::super::block::FLOW_KINDS) {
        assert!(properties[*key].is_object(), "{key}");
    }
    assert_eq!(
        properties["railway.restart"]["properties"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["ready_within", "target"]
    );
    assert_eq!(properties["http"]["additionalProperties"], json!(false));
}
