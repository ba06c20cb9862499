//! Pages that mean harm, or are just very large.

use proptest::prelude::*;

use super::super::check::{parse, text};
use super::{EXAMPLE, checked, sound, with_block};

fn first_fault(source: &str) -> String {
    checked(source).faults.first().map(|fault| fault.message.clone()).unwrap_or_default()
}

#[test]
fn ten_thousand_steps_are_refused_clearly_and_five_thousand_are_read() {
    let page = |count: usize| {
        let steps: String =
            (0..count).map(|number| format!("### Step\n```yaml rundown\nid: s{number}\nnotify: a\n```\n")).collect();
        format!("# T\n## P\n{steps}")
    };
    assert_eq!(sound(&page(5_000)).steps.len(), 5_000);
    let refused = checked(&page(10_000)).faults;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].message, "a runbook may have 5000 steps; this is one more");
}

#[test]
fn five_thousand_headings_of_one_name_get_five_thousand_ids() {
    let page = format!("# T\n## P\n{}", "### Same\n".repeat(5_000));
    let runbook = sound(&page);
    let ids: std::collections::BTreeSet<&str> = runbook.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids.len(), 5_000);
}

#[test]
fn yaml_that_unfolds_nests_or_is_large_is_refused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 10].join(", ")));
    }
    assert!(first_fault(&with_block(&bomb)).contains("too large"), "{}", first_fault(&with_block(&bomb)));
    let deep = format!("expect: {}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert!(first_fault(&with_block(&deep)).contains("too deep"), "{}", first_fault(&with_block(&deep)));
    let large = format!("notify: {}", "x".repeat(70_000));
    assert!(first_fault(&with_block(&large)).contains("64 KiB"));
    let recursive = "each: &a [*a]";
    assert!(!first_fault(&with_block(recursive)).is_empty());
}

#[test]
fn a_thousand_faults_are_counted_not_kept() {
    let page: String = (0..1_000).map(|_| "### Step\n```yaml rundown\nnotfy: a\n```\n").collect();
    let faults = checked(&format!("# T\n## P\n{page}")).faults;
    assert_eq!(faults.len(), 201);
    assert_eq!(faults.last().unwrap().message, "800 more faults are not shown");
}

#[test]
fn deeply_nested_markdown_and_expressions_are_survived() {
    for page in [
        format!("# T\n## A\n{}x", "> ".repeat(50_000)),
        format!("# T\n## A\n{}x", "- ".repeat(20_000)),
        format!("# T\n## A\n{}", "[".repeat(100_000)),
        format!("# T\n## A\n{}", "`".repeat(100_000)),
        with_block(&format!("notify: a\nwhen: \"{}1{}\"", "(".repeat(10_000), ")".repeat(10_000))),
        with_block(&format!("notify: \"{}\"", "{{#if a}}".repeat(1_000))),
    ] {
        let _ = checked(&page);
    }
}

/// Words that pages are made of, so that random pages are nearly right.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}".prop_map(|text| text),
        Just("\n".to_owned()),
        Just("\n### Step\n".to_owned()),
        Just("\n```yaml rundown\n".to_owned()),
        Just("\n```\n".to_owned()),
        Just("---\n".to_owned()),
        Just("id: a\n".to_owned()),
        Just("when: steps.a.ok && ".to_owned()),
        Just("http: { get: \"{{target.backend.url}}".to_owned()),
        Just("watch: { for: ".to_owned()),
        Just("decide:\n  cases:\n    - { id: a, redo: a".to_owned()),
        Just("\t| é‹›\u{feff}\r\n".to_owned()),
        Just("&a *a ".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(source) = text(&bytes) {
            let _ = checked(source);
        }
    }

    #[test]
    fn no_page_makes_it_panic_and_every_fault_has_a_place(pieces in proptest::collection::vec(piece(), 0..40)) {
        let source = pieces.concat();
        let checked = checked(&source);
        prop_assert_eq!(checked.runbook.is_some(), checked.faults.is_empty());
        let rendered = super::super::fault::render(&checked.faults, "page.md", &source, false);
        for fault in &checked.faults {
            prop_assert!(fault.line as usize <= source.split('\n').count(), "{}", rendered);
            prop_assert!(fault.column >= 1 && fault.len >= 1);
        }
    }

    #[test]
    fn a_good_page_with_one_character_changed_is_survived(at in 0..EXAMPLE.len(), with in any::<char>()) {
        let mut source = EXAMPLE.to_owned();
        if let Some(found) = source.get(at..).and_then(|rest| rest.chars().next()) {
            source.replace_range(at..at + found.len_utf8(), &with.to_string());
            let _ = checked(&source);
        }
    }

    #[test]
    fn a_good_page_survives_prose_between_its_steps(prose in "[a-zA-Z ,.]{0,200}") {
        let source = EXAMPLE.replace("### Test TOMAR\n", &format!("### Test TOMAR\n{prose}\n\n"));
        let (runbook, same) = (parse(&source, "x").unwrap(), parse(EXAMPLE, "x").unwrap());
        prop_assert_eq!(runbook.steps.len(), same.steps.len());
        prop_assert!(runbook.steps.iter().zip(&same.steps).all(|(one, two)| one.does == two.does));
    }
}
