//! Stories about conditions and templates, and the inputs that must not hurt.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::eval::{MAX_BYTES, MAX_STEPS};
use super::{Condition, EvalError, Reference, Scope, Template};

fn night() -> Scope {
    let mut scope: Scope = [
        ("status", json!(200)),
        ("body", json!({"operational": true, "active": 14, "utilization": 40.0, "error": null, "items": [3, 1, 2]})),
        (
            "steps",
            json!({
                "health": {"ok": true}, "e2e": {"passed": 6, "unexpected": []},
                "tomar": {"spool": "TEST-02"}, "when": {"at": "2025-01-31T09:30:00Z"},
            }),
        ),
        ("inputs", json!({"watch_for": "2h"})),
        ("text", json!("max number of clients reached")),
    ]
    .into_iter()
    .collect();
    scope.set_runs("restart", 1);
    scope
}

fn value(source: &str) -> Value {
    Condition::parse(source)
        .unwrap_or_else(|fault| panic!("{source}: {fault:?}"))
        .evaluate(&night())
        .unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn error(source: &str) -> String {
    match Condition::parse(source).unwrap_or_else(|fault| panic!("{source}: {fault:?}")).evaluate(&night()) {
        Ok(value) => panic!("{source} gave {value}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_conditions_of_a_runbook_hold() {
    for source in [
        "status == 200",
        "status == 200.0 && body.operational == true",
        "steps.health.ok && size(steps.e2e.unexpected) == 0",
        "steps.e2e.passed >= 6",
        "body.active < 15 && body.utilization < 80",
        "body.active / 20.0 * 100 < 80",
        "runs('restart') < 2 && runs('never') == 0",
        "text.contains('number of clients') && !text.startsWith('Too many')",
        "text.matches('^max .* (clients|connections) reached$')",
        "text.matches('\\\\w+ \\\\bnumber\\\\b [\\\\w ]+$') && !text.matches('\\\\d|\\\\\\\\w')",
        "has(steps.health.ok) && !has(steps.health.nope)",
        "body.error == null ? inputs.watch_for == '2h' : false",
        "body.items.exists(i, i > 2) && body.items.all(i, i > 0) && body.items.exists_one(i, i == 1)",
        "body.items.filter(i, i > 1).map(i, i * 2) == [6, 4]",
        "body.items.map(i, i > 1, string(i)).join(',') == '3,2'",
        "3 in body.items && 'health' in steps && steps['e2e'].passed == 6 && body.items[0] == 3",
        "{'a': 1, 'b': [2]}.b[0] == 2",
        "timestamp(steps.when.at) + duration('30m') < timestamp('2025-01-31T10:00:01Z')",
        "max(body.items) == 3 && min(1, 2.5) == 1 && int('7') % 4 == 3 && -(2) == 1 - 3",
        "'a,b'.split(',').size() == 2 && 'Ab'.lowerAscii() == 'ab' && ' x '.trim() == 'x'",
        // The side that decides wins over an error on the other one.
        "steps.nope.ok || true",
        "!(steps.nope.ok && false)",
        "status == 200 || steps.nope.ok",
    ] {
        assert_eq!(value(source), json!(true), "{source}");
    }
    assert_eq!(value("steps.tomar"), json!({"spool": "TEST-02"}));
    assert_eq!(value("[1, 2.5, 'x', null, {'k': true}]"), json!([1, 2.5, "x", null, {"k": true}]));
}

#[test]
fn what_goes_wrong_is_told_by_name() {
    let told: Vec<String> = [
        "steps.health_again.ok",
        "steps.health.ok && nobody",
        "has(steps.nope.ok)",
        "body.error.code == 3",
        "status < '300'",
        "text + 1",
        "1 / 0",
        "9223372036854775807 + 1",
        "body.items[7]",
        "status && true",
        "text.map(t, t)",
        "duration('soon') == duration('5m')",
        "0.0 / 0.0",
    ]
    .iter()
    .map(|source| error(source))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(matches!(
        Condition::parse("status").unwrap().test(&night()),
        Err(EvalError::NotBool { got }) if got == "the number 200"
    ));
}

#[test]
fn faults_point_at_their_place() {
    let told: Vec<String> = [
        "",
        "a = 1",
        "a and b",
        "a ==",
        "siz(x)",
        "a.b(",
        "'abc",
        "(a]",
        "x.matches('[')",
        "x.matches(y)",
        "x.matches('a{9}{9}{9}{9}')",
        "runs(x)",
        "size(1, 2)",
        "contains('x', 'y')",
        "Type{a: 1}",
        "a.all(x, b.exists(y, y == x))",
        "99999999999999999999",
        "b'x'",
    ]
    .iter()
    .map(|source| {
        let fault = Condition::parse(source).unwrap_err();
        let marked = source.get(fault.offset..fault.offset + fault.len).expect("a fault lies inside its source");
        format!("{source} → {} [{marked}] {}", fault.message, fault.hint.unwrap_or_default())
    })
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn references_are_paths_with_their_places() {
    let source =
        "steps.health.ok && runs('restart') < 2 && body.items.all(i, i.n > inputs.least) || has(steps['x y'].z)";
    let found: Vec<String> = Condition::parse(source)
        .unwrap()
        .references()
        .into_iter()
        .map(|reference| match reference {
            Reference::Variable { path, offset, len } => {
                format!("{} {}", path.join("/"), &source[offset..offset + len])
            }
            Reference::Runs { step, offset, len } => format!("runs {step} {}", &source[offset..offset + len]),
        })
        .collect();
    let expected = [
        "steps/health/ok steps.health.ok",
        "runs restart runs('restart')",
        "body/items body.items",
        "inputs/least inputs.least",
        "steps/x y steps['x y']",
    ];
    assert_eq!(found, expected);
}

#[test]
fn conditions_travel_as_their_source() {
    let condition = Condition::parse("status == 200").unwrap();
    let json = serde_json::to_string(&condition).unwrap();
    assert_eq!(json, "\"status == 200\"");
    assert_eq!(serde_json::from_str::<Condition>(&json).unwrap(), condition);
    assert!(serde_json::from_str::<Condition>("\"((((\"").is_err());
}

#[test]
fn nesting_ten_thousand_deep_is_a_fault() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{1:", "}"), ("size(", ")"), ("!", ""), ("-", ""), ("a?", ":b"), ("a.", "")]
    {
        for deep in [100, 1300, 10_000] {
            let source = format!("{}a{}", open.repeat(deep), close.repeat(deep));
            assert!(Condition::parse(&source).is_err(), "{open} {deep} deep");
        }
    }
    assert!(Condition::parse(&vec!["a"; 300].join(" + ")).is_err());
    for open in ["{{#if a}}", "{{(", "{{a (b ", "{{#if (", "{{a [", "{{{{a}}}}", "{{#if a}}{{else}}", "\\", "{{~#"] {
        for deep in [100, 10_000] {
            assert!(Template::parse(&open.repeat(deep)).is_err(), "{open} {deep} deep");
        }
    }
    let closed = format!("{}{}", "{{#if a}}".repeat(100), "{{/if}}".repeat(100));
    assert!(Template::parse(&closed).is_err());
}

fn hostile() -> Scope {
    [
        ("n", json!((0..10_000).collect::<Vec<_>>())),
        ("many", json!(vec![0; 120_000])),
        ("long", json!("a".repeat(super::eval::MAX_TEXT))),
        ("huge", json!("a".repeat(super::eval::MAX_TEXT + 1))),
    ]
    .into_iter()
    .collect()
}

/// What a condition may cost is counted, not timed: the meter ends it, whatever the machine.
#[test]
fn greedy_conditions_are_ended_by_the_meter() {
    let doubled = (0..40).fold("[long]".to_owned(), |list, _| format!("{list}.map(x, x + x)"));
    for source in [
        "n.map(x, n)",
        "n.all(x, x in n || n.size() == x || n == n)",
        "n.map(x, long + long)",
        "n.map(x, {'a': [x, {'b': x}]})",
        "n.exists(x, long.matches('(a|aa)+$'))",
        "n.exists(x, long.contains('aaab'))",
        "n.exists(x, long < 5)",
        "n.map(x, 'k').join(long)",
        "n.map(x, long.lowerAscii())",
        "n.map(x, long.split(''))",
        doubled.as_str(),
    ] {
        let condition = Condition::parse(source).unwrap_or_else(|fault| panic!("{source}: {fault}"));
        let (_, _, result) = condition.measured(&hostile());
        assert!(matches!(result, Err(EvalError::TooMuch(_))), "{source}: {result:?}");
    }
    let nested = "n.all(a, n.all(b, n.all(c, n.all(d, true))))";
    assert_eq!(Condition::parse(nested).unwrap_err().message, "a comprehension inside a comprehension");
    let over = |source: &str| Condition::parse(source).unwrap().evaluate(&hostile()).unwrap_err().to_string();
    assert_eq!(over("many.all(x, x == 0)"), "`many` holds 120000 entries; at most 10000 can be looked at");
    assert_eq!(over("huge.contains('b')"), "`huge` is 1048577 bytes long; at most 1048576 can be looked at");
    // Asking how much there is costs nothing.
    assert_eq!(Condition::parse("size(many)").unwrap().evaluate(&hostile()), Ok(json!(120_000)));
}

fn rendered(source: &str) -> Result<String, String> {
    let template = Template::parse(source).map_err(|fault| fault.message)?;
    template.render(&night()).map_err(|error| error.to_string())
}

#[test]
fn templates_fill_in_what_they_name() {
    for (source, text) in [
        ("{{steps.tomar.spool}} for {{inputs.watch_for}}", "TEST-02 for 2h"),
        ("{{#if steps.health.ok}}up{{else}}down{{/if}}", "up"),
        ("{{#if (and (gt body.active 10) (lt body.utilization 80))}}busy{{/if}}", "busy"),
        ("{{#each body.items as |i|}}{{i}}{{#unless @last}}, {{/unless}}{{/each}}", "3, 1, 2"),
        ("{{#with steps.tomar}}{{spool}}{{/with}}", "TEST-02"),
        ("{{json steps.tomar}}", "{\"spool\":\"TEST-02\"}"),
        ("{{default steps.nope.x \"none\"}} {{lookup body.items 1}}", "none 1"),
        ("{{#if (eq status 200.0)}}<b>&{{/if}}", "<b>&"),
        ("\\{{literal}} { } }}", "{{literal}} { } }}"),
    ] {
        assert_eq!(rendered(source).as_deref(), Ok(text), "{source}");
    }
    assert_eq!(rendered("{{steps.nope.spool}}"), Err("`steps.nope.spool` is not there".to_owned()));
}

#[test]
fn templates_say_which_names_they_use() {
    let source =
        "{{steps.a.b}} {{#each list}}{{name}} {{../other}}{{/each}} {{#with x.y}}{{z}}{{/with}} {{json (default q 1)}}";
    let template = Template::parse(source).unwrap();
    let found: Vec<String> = template
        .references()
        .iter()
        .map(|used| format!("{} {}", used.path.join("/"), &source[used.offset..used.offset + used.len]))
        .collect();
    assert_eq!(found, ["steps/a/b steps.a.b", "list list", "other ../other", "x/y x.y", "x/y/z z", "q q"]);
    assert_eq!(template.whole_path(), None);
    let whole = Template::parse("{{inputs.watch_for}}").unwrap().whole_path().unwrap();
    assert_eq!(whole, ["inputs", "watch_for"]);
    assert_eq!(Template::parse(" {{inputs.watch_for}}").unwrap().whole_path(), None);
}

#[test]
fn what_templates_may_not_do_is_a_fault() {
    let told: Vec<String> = [
        "{{> other}}",
        "{{#> layout}}x{{/layout}}",
        "{{#*inline \"x\"}}{{> x}}{{/inline}}",
        "{{*set x=1}}",
        "{{{{raw}}}}{{{{/raw}}}}",
        "{{#each a}}{{#each b}}x{{/each}}{{/each}}",
        "{{shell \"ls\"}}",
        "{{jsn a}}",
        "{{#repeat 9}}x{{/repeat}}",
        "{{eq a}}",
        "{{a b=1}}",
        "{{this}}",
        "{{../a}}",
        "{{@index}}",
        "{{#if a}}",
        "{{a",
        "{{#if a b}}{{/if}}",
    ]
    .iter()
    .map(|source| {
        let fault = Template::parse(source).expect_err(source);
        format!("{source} → {} {}", fault.message, fault.hint.unwrap_or_default())
    })
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_template_cannot_print_a_gigabyte() {
    let scope: Scope = [
        ("n", json!(vec![0; 9_000])),
        ("many", json!(vec![0; 10_001])),
        ("text", json!("x".repeat(100_000))),
        ("quotes", json!("\"".repeat(50_000))),
        ("big", json!("x".repeat(2_000_000))),
    ]
    .into_iter()
    .collect();
    for source in [
        "{{#each n}}{{../text}}{{/each}}",
        "{{text}}{{text}}{{text}}",
        "{{#each many}}{{/each}}",
        "{{#each n}}{{this}}{{this}}{{/each}}",
        "{{big}}",
        "{{json (json (json (json (json (json quotes)))))}}",
        "{{#each n}}{{#if (eq ../text ../text)}}{{/if}}{{/each}}",
    ] {
        let result = Template::parse(source).unwrap().render(&scope);
        assert!(matches!(result, Err(EvalError::TooMuch(_))), "{source}: {result:?}");
    }
}

/// Expressions over ints, texts, lists and truth values; some are wrong on purpose.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "0",
        "-3",
        "7",
        "true",
        "false",
        "'a'",
        "'bc'",
        "null",
        "[1, 2]",
        "[]",
        "{'k': 1}",
        "status",
        "body.items",
        "text",
        "body.operational",
        "steps.nope",
        "nobody",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "in"]);
        prop_oneof![
            6 => (inner.clone(), operator, inner.clone()).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => inner.clone().prop_map(|a| format!("size({a})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}).contains({b})")),
            1 => (
                inner.clone(),
                prop::sample::select(vec!["all", "exists", "exists_one", "filter", "map"]),
                inner,
            )
                .prop_map(|(a, each, b)| format!("({a}).{each}(x, {b})")),
        ]
    })
}

/// JSON as the CEL library's values, integers as ints.
fn library_value(value: &Value) -> cel::Value {
    use cel::objects::{Key, Map};
    use std::sync::Arc;
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => cel::Value::Int(number),
            None => cel::Value::Float(number.as_f64().expect("a test's own number")),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(library_value).collect())),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| (Key::String(Arc::new(key.clone())), library_value(value));
            cel::Value::Map(Map { map: Arc::new(map.iter().map(entry).collect()) })
        }
    }
}

/// The CEL library's own result over the same names; `None` for an error.
fn library_result(source: &str) -> Option<Value> {
    let scope = night();
    let mut context = cel::Context::default();
    for name in ["status", "body", "steps", "text"] {
        context.add_variable_from_value(name, library_value(scope.get(name)?));
    }
    cel::Program::compile(source).ok()?.execute(&context).ok()?.json().ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn our_evaluator_says_what_the_cel_library_says(source in expression()) {
        // A list plus a map is an error in CEL; the library appends the keys.
        prop_assume!(!(source.contains('+') && source.contains("{'k'")));
        if let Ok(condition) = Condition::parse(&source) {
            let (steps, bytes, ours) = condition.measured(&night());
            prop_assert!(steps <= MAX_STEPS && bytes <= MAX_BYTES);
            prop_assert_eq!(ours.ok(), library_result(&source), "{}", source);
        }
    }

    #[test]
    fn no_text_breaks_the_parsers(
        text in ".{0,60}",
        cel_like in "[a-c0-9.()\\[\\]{}!?:+*/<>=&|,'\"\\\\ -]{0,40}",
        template_like in "(\\{\\{|\\}\\}|[#/~>*!^@.]|if|each|else|with|this|a|b| |\\(|\\)|\\[|\\]|\"|\\\\){0,24}",
    ) {
        for source in [&text, &cel_like, &template_like] {
            if let Err(fault) = Condition::parse(source) {
                prop_assert!(source.get(fault.offset..fault.offset + fault.len).is_some(), "{source}: {fault:?}");
            }
            match Template::parse(source) {
                Ok(template) => { let _ = template.render(&night()); }
                Err(fault) => {
                    prop_assert!(source.get(fault.offset..fault.offset + fault.len).is_some(), "{source}: {fault:?}");
                }
            }
        }
    }
}
