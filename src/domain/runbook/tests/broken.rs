//! Every diagnostic as people see it.

use super::super::check::{check, parse, text};
use super::super::fault::render;
use super::{EXAMPLE, checked, inventory, with_block};

fn shown(source: &str) -> String {
    let checked = checked(source);
    assert_eq!(checked.runbook.is_none(), !checked.faults.is_empty());
    render(&checked.faults, "page.md", source, false)
}

/// Two steps before the one whose block is given.
fn third(yaml: &str) -> String {
    let before = "# Page\n\n## Phase\n\n### First\n```yaml rundown\nid: first\nhttp: { get: \"{{target.backend.url}}/\" }\nsave: { found: body.x }\n```\n\n### Second\n\n";
    let after = "\n\n### Later\n```yaml rundown\nid: later\nnotify: hello\n```\n";
    format!("{before}### Third\n```yaml rundown\n{yaml}\n```{after}")
}

const BLOCKS: &[(&str, &str)] = &[
    ("an unknown key", "id: x\ntimout: 3s\nhttp: { get: https://a.example }"),
    ("an unknown kind", "railway.reboot: { target: redis }"),
    ("two kinds", "notify: a\nwait: { for: 5m }"),
    ("no method, an unknown key inside", "http: { url: https://a.example }"),
    ("two methods, two bodies", "http: { get: https://a.example, post: https://b.example, json: {}, body: x }"),
    ("wrong types", "http: { get: [1], follow_redirects: yes }\nretry: 3\nexpect: { a: b }"),
    ("a template without quotes", "notify: {{inputs.x}}"),
    (
        "an unknown step, a step later, a step without id",
        "notify: a\nwhen: steps.frist.ok && steps.later.ok && steps.second.ok",
    ),
    (
        "facts that are not kept",
        "notify: a\nwhen: steps.first.body.ok && steps.first.statis == 200 && steps.first.found == 1",
    ),
    ("an answer without the fact", "http: { get: https://a.example }\nexpect: [exit == 0, stauts == 200]"),
    (
        "an unknown target and input",
        "railway.restart: { target: rediss }\nwhen: inputs.nope && target.backnd.url != ''",
    ),
    ("a target without what it takes", "redis.clients: { target: backend }"),
    ("bad CEL", "notify: a\nwhen: \"steps.first.ok and true\""),
    ("bad CEL inside an escaped text", "notify: a\nwhen: \"\\x73teps.first.ok = true\""),
    ("bad Handlebars", "notify: \"hello {{#if inputs.x}}\""),
    ("bad id, a reserved one", "id: Third-Step\nnotify: a"),
    ("a taken id", "id: first\nnotify: a"),
    ("a backward jump", "notify: a\non_failure: first"),
    (
        "a redo without bound and a forward one",
        "decide:\n  cases:\n    - { id: a, redo: first }\n    - { id: b, redo: later, max: 2 }\n    - { id: c, redo: first, when: \"runs('first') < 3 || true\" }\n    - { id: d }",
    ),
    (
        "a deadline that changes something",
        "decide:\n  deadline: 5m\n  on_timeout: { take: again }\n  cases:\n    - { id: again, redo: first, max: 1 }",
    ),
    ("during what is no watch", "notify: a\nduring: first"),
    ("cleanup of a later step, undo of a reading", "notify: a\nalways: { after: later }\nundo: first"),
    (
        "secrets where they would be seen",
        "http: { get: \"https://a.example/?k={{secret.api_key}}\", headers: { A: \"{{secret.apikey}}\" } }\nwhen: secret.api_key == 'x'",
    ),
    ("a secret in an argument", "exec: { argv: [python3, \"{{secret.api_key}}\"] }"),
    ("programs and variables that are not granted", "exec: { argv: [bash, -c, ls] }"),
    ("a shell line", "exec: { argv: python3 suite.py, env: { PATH: x } }"),
    ("a variable that is not granted", "exec: { argv: [python3], env: { LD_PRELOAD: x } }"),
    ("bad patterns", "exec: { argv: [python3], results: { lines: '(?<name>.*' } }"),
    ("results of no kind", "exec: { argv: [python3], results: xunit }"),
    (
        "results from two places, a secret in a path",
        "exec: { argv: [python3], results: { junit_file: \"{{secret.api_key}}.xml\", lines: '(?<name>.*) (?<result>.*)' } }",
    ),
    ("a pattern without groups", "exec: { argv: [python3], results: { lines: '(?<name>.*)' } }"),
    ("bad durations", "http: { get: https://a.example }\ntimeout: 3 fortnights\nretry: { attempts: 200, delay: 5 }"),
    ("a bad cron and zone", "wait: { until: \"0 25 * * *\", zone: Europe/Madird }"),
    ("a bad quorum", "exec: { argv: [python3] }\napproval: { quorum: 9, on_timeout: take }"),
    ("idempotent on nothing", "http: { get: https://a.example }\nidempotent: true"),
    ("options without meaning", "notify: a\nexpect: 1 == 1\nretry: { attempts: 2 }"),
    (
        "a watch that changes and misses things",
        "watch: { for: 5m, every: 10m, sample: { http: { post: https://a.example } }, series: { a: status }, expect: [b < 1], min_coverage: 120% }",
    ),
    ("tabs", "http:\n\tget: https://a.example"),
    ("a key twice", "notify: a\nnotify: b"),
    ("a second colon", "notify: a: b"),
    ("a list that never ends", "expect: [status == 200"),
    ("a list instead of a mapping", "- notify: a"),
    ("each with templates, and none", "notify: \"{{each}} {{eech}}\"\neach: [\"{{inputs.a}}\"]"),
    ("a name that is taken", "set: { ok: 1 == 1, 2x: 1 == 1 }"),
    ("an unknown runbook", "runbook: { id: nowhere }\nexpect: 1 == 1"),
];

#[test]
fn every_fault_of_a_block_is_told_with_its_place_and_what_to_do() {
    let mut all = String::new();
    for (name, yaml) in BLOCKS {
        let shown = shown(&third(yaml));
        assert!(!shown.is_empty(), "{name}: no fault");
        all.push_str(&format!("=== {name}\n{shown}"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn every_fault_of_a_page_is_told_with_its_place_and_what_to_do() {
    let pages: &[(&str, String)] = &[
        ("an empty page", String::new()),
        ("a title alone", "# Title\n\nSome prose.\n".to_owned()),
        ("front matter that never ends", "---\nid: x\n\n# Title\n\n## Step\n".to_owned()),
        (
            "bad front matter",
            "---\nid: Bad Id\nseverty: P1\nseverity: P9\ntargets: [radis]\ndeadline: soon\nphases: [Restore]\ninputs:\n  a: { type: nummer }\n  b: { type: number, default: x }\n  c: { type: choice }\n  d: { default_from: HOME }\n---\n# T\n\n## Restor\n".to_owned(),
        ),
        ("a block that never ends", "# T\n\n## Step\n```yaml rundown\nnotify: a\n".to_owned()),
        ("a misspelt block", "# T\n\n## Step\n```yaml rundwon\nnotify: a\n```\n".to_owned()),
        ("two blocks under one heading", "# T\n\n## Step\n```yaml rundown\nnotify: a\n```\n```yaml rundown\nnotify: b\n```\n".to_owned()),
        ("blocks without a step", "```yaml rundown\nnotify: a\n```\n# T\n```yaml rundown\nnotify: a\n```\n## Step\n".to_owned()),
        ("two steps with one id", "# T\n## A\n```yaml rundown\nid: a\n```\n## B\n```yaml rundown\nid: a\n```\n".to_owned()),
        ("a bad criterion", "# T\n## A\n```yaml rundown\nid: a\n```\n## Success criteria\n- [ ] Good: `steps.b.ok`\n- [ ] Better: `steps.a.ok &&`\n".to_owned()),
        ("a target the page does not name", format!("---\ntargets: [backend]\n---\n{}", with_block("redis.clients: { target: redis }"))),
        ("a step inside a list", "# T\n\n## Step\n1. First\n\n   ```yaml rundown\n   notfy: a\n   ```\n".to_owned()),
    ];
    let mut all = String::new();
    for (name, page) in pages {
        let shown = shown(page);
        assert!(!shown.is_empty(), "{name}: no fault");
        all.push_str(&format!("=== {name}\n{shown}"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn jumps_past_a_watch_stay_where_they_belong() {
    let page = "# T\n## P\n### Watch\n```yaml rundown\nid: watch\nwatch: { for: 5m, every: 10s, sample: { http: { get: https://a.example } }, series: { a: status } }\n```\n### Beside\n```yaml rundown\nid: beside\nnotify: a\nduring: watch\non_failure: last\n```\n### Choose\n```yaml rundown\ndecide: { cases: [{ id: a, redo: beside, max: 1 }] }\n```\n### Last\n```yaml rundown\nid: last\nnotify: b\n```\n";
    insta::assert_snapshot!(shown(page));
}

#[test]
fn sub_runbooks_that_are_missing_circular_or_faulty_are_told_at_the_step() {
    let library = |id: &str| match id {
        "round" => Some("# Round\n## Again\n```yaml rundown\nrunbook: { id: page }\n```\n".to_owned()),
        "faulty" => Some("# Faulty\n## Step\n```yaml rundown\nnotfy: a\n```\n".to_owned()),
        "fine" => Some("---\ninputs: { a: { type: number } }\n---\n# Fine\n## Step\n".to_owned()),
        _ => None,
    };
    let page = "# T\n## A\n```yaml rundown\nrunbook: { id: round }\n```\n## B\n```yaml rundown\nrunbook: { id: faulty }\n```\n## C\n```yaml rundown\nrunbook: { id: fine, inputs: { b: 1 } }\n```\n";
    let checked = check(page, "page", Some(&inventory()), &library);
    insta::assert_snapshot!(render(&checked.faults, "page.md", page, false));
}

#[test]
fn a_page_can_be_checked_without_an_environment() {
    let runbook = parse(EXAMPLE, "example").unwrap();
    assert_eq!((runbook.id.as_str(), runbook.steps.len(), runbook.phases.len()), ("redis-connections", 13, 3));
    assert!(!runbook.phases[2].covered);
}

#[test]
fn a_file_that_is_no_text_is_refused_where_it_stops_being_text() {
    assert_eq!(text(b"\x7fELF\x00\x01").unwrap_err().message, "this is a binary file");
    let fault = text(b"# Title\nna\xefve").unwrap_err();
    assert_eq!((fault.line, fault.column, fault.message.as_str()), (2, 3, "the text is not UTF-8 from here on"));
    let large = vec![b'x'; 10 * 1024 * 1024];
    assert!(text(&large).unwrap_err().message.contains("2 MiB"));
}
