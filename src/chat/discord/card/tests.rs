//! Cards and the messages that ask, however much there is to say: read by eye in the snapshots, held to Discord's limits by an
//! adversary who names things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chrono::TimeDelta;
use proptest::prelude::*;
use regex::Regex;
use serde_json::{Value, json};

use super::*;
use crate::base::event::{Person, RunId};
use crate::chat::discord::told::{self, Asking};
use crate::domain::incident::event::Declared;
use crate::domain::run::event::{Obstacle, Opened};
use crate::domain::run::state::StepResult;
use crate::domain::runbook::model::{Does, Frame, InputKind, Phase, Plan, Step};

fn now() -> Instant {
    "2026-02-02T11:00:00Z".parse().unwrap()
}

fn incident(title: &str) -> incident::State {
    let declared = Declared {
        title: title.to_owned(),
        severity: Some(Severity::P1),
        environment: Some("production".into()),
        zone: None,
        started: None,
        detected: now(),
        by: Person::new("Ana"),
    };
    incident::State::declare(&declared, now())
}

/// A run with steps of these titles, of which `at` is under way.
fn run(number: u64, title: &str, steps: Vec<Step>, at: usize) -> State {
    let plan = Plan {
        runbook: "test".into(),
        title: title.to_owned(),
        source: String::new(),
        digest: "0".into(),
        severity: None,
        inventory: crate::domain::action::inventory::Inventory::default(),
        deadline: None,
        phases: vec![Phase { title: "All".into(), covered: true, follow_up: false }],
        frames: vec![Frame::default()],
        steps,
        criteria: Vec::new(),
    };
    let opened = Opened {
        runbook: plan.runbook.clone(),
        title: plan.title.clone(),
        plan: "blob".into(),
        digest: plan.digest.clone(),
        environment: "production".into(),
        incident: IncidentId::number(1),
        incident_started: now(),
        by: Person::new("Ana"),
        inputs: serde_json::Map::new(),
        from: None,
        approves: Vec::new(),
        follow_up: false,
    };
    let mut state = State::open(RunId::number(number), Arc::new(plan), opened, now());
    for position in 0..at {
        let result = StepResult {
            ok: true,
            summary: "answered 200, 192.3 MB used, 210 clients".into(),
            facts: serde_json::Map::new(),
            attempts: 1,
            took_ms: 1_200,
        };
        let step = state.steps.for_test(position);
        (step.stage, step.result) = (Stage::Done, Some(Arc::new(result)));
    }
    state.main = Some(at);
    state.next = at + 1;
    state
}

fn steps(titles: impl IntoIterator<Item = impl Into<String>>) -> Vec<Step> {
    titles.into_iter().enumerate().map(|(number, title)| Step::by_hand(format!("step_{number}"), title)).collect()
}

/// The same run, whose step under way asks this.
fn asks(mut state: State, question: Question) -> State {
    let at = state.main.unwrap();
    state.steps.for_test(at).stage = Stage::Asking { question, until: None, late: false };
    state
}

fn cases(count: usize) -> Question {
    let case = |number: usize| Offered {
        id: format!("case_{number}"),
        label: format!("Roll back to release {number}"),
        fits: number % 2 == 1,
        recommended: number == 3,
    };
    Question::Branch { cases: (1..=count).map(case).collect() }
}

fn approval(given: &[&str], quorum: u32, approvers: &[String]) -> Stage {
    Stage::Approval {
        given: given.iter().map(|name| Person::new(name)).collect(),
        quorum,
        approvers: approvers.iter().map(|name| Person::new(name)).collect(),
        not_requester: true,
        digest: "d".into(),
        until: now() + TimeDelta::minutes(10),
    }
}

struct Shown {
    card: Card,
    asking: Vec<Asking>,
}

fn shown(incident: &incident::State, runs: &[State], measured: &[(RunId, Vec<String>)], changed: &[String]) -> Shown {
    let anchor = format!("4711:{}", "0a".repeat(32));
    let id = IncidentId::number(1);
    let scene = Scene { id: &id, incident, runs, measured, changed, anchor: &anchor, zone: Tz::UTC };
    let shown = Shown { card: card(&scene), asking: told::asked(runs) };
    shown.holds();
    shown
}

impl Shown {
    fn of(runs: &[State]) -> Self {
        shown(&incident("The backend answers 500"), runs, &[], &[])
    }

    /// As a person reads it: the card, then the messages that ask.
    fn text(&self) -> String {
        let Card { title, text, rows, .. } = &self.card;
        let mut told = format!("{title}\n\n{text}\n{}", rows.iter().map(pressed).collect::<String>());
        for Asking { text, row, file, .. } in &self.asking {
            told += &format!("\n=====\n{text}\n{}", pressed(row));
            if let Some((name, text)) = file {
                told += &format!("[{name}: {} characters]\n", text.chars().count());
            }
        }
        told
    }

    /// Within Discord's limits, and nobody is called by what stands there.
    fn holds(&self) {
        static CALLS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<(@|#|:|a:|/|id:)|@(everyone|here)").unwrap());
        static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`\n]*`").unwrap());
        let embed = serde_json::to_value(self.card.embed()).unwrap();
        let footer = &embed["footer"]["text"];
        let long = |text: &Value| units(text.as_str().unwrap());
        assert!(
            (1..=256).contains(&long(&embed["title"])) && (1..=4096).contains(&long(&embed["description"])),
            "{embed}"
        );
        assert!(long(footer) <= 2048 && long(&embed["title"]) + long(&embed["description"]) + long(footer) <= 6000);
        assert!(footer.as_str().unwrap().starts_with("journal 4711:"), "a thread is found again by it");
        message(&serde_json::to_value(self.card.components()).unwrap());
        for told in [&self.card.title, &self.card.text].into_iter().chain(self.asking.iter().map(|asking| &asking.text))
        {
            // An escaped `<` is no beginning of anything, nor is what stands between backticks.
            let told =
                CODE.replace_all(&told.replace("\\\\", "").replace("\\<", "").replace("\\`", ""), "").into_owned();
            assert!(!CALLS.is_match(&told), "{told}");
        }
        for asking in &self.asking {
            assert!((1..=2000).contains(&units(&asking.text)), "{}", asking.text);
            message(&serde_json::to_value([components(&asking.row)]).unwrap());
        }
    }

    /// Everything that can be pressed somewhere.
    fn ids(&self) -> BTreeSet<String> {
        let rows = self.card.rows.iter().chain(self.asking.iter().map(|asking| &asking.row));
        rows.flat_map(offers_of).map(|offer| offer.id().to_string()).collect()
    }
}

fn offers_of(row: &Row) -> &[Offer] {
    match row {
        Row::Buttons(offers) | Row::Menu(_, offers) => offers,
        Row::Settled(offer) => std::slice::from_ref(offer),
    }
}

fn pressed(row: &Row) -> String {
    match row {
        Row::Buttons(offers) => offers
            .iter()
            .map(|offer| format!("[{}] ", label(&offer.label, 78)))
            .collect::<String>()
            .trim_end()
            .to_owned(),
        Row::Settled(offer) => format!("({})", offer.label),
        Row::Menu(asked, offers) => format!("[{asked} ▾ {} choices, first: {}]", offers.len(), offers[0].label),
    }
    .trim_end()
    .to_owned()
        + "\n"
}

/// The components of one message, against Discord's limits.
fn message(rows: &Value) {
    let rows = rows.as_array().unwrap();
    assert!(rows.len() <= 5);
    let mut ids = BTreeSet::new();
    for component in rows.iter().flat_map(|row| row["components"].as_array().unwrap()) {
        let id = component["custom_id"].as_str().unwrap();
        assert!((1..=100).contains(&units(id)) && ids.insert(id.to_owned()), "{id} twice");
        if let Some(label) = component["label"].as_str() {
            assert!((1..=80).contains(&units(label)), "{label}");
        }
        let options = component["options"].as_array().cloned().unwrap_or_default();
        let values: BTreeSet<_> = options.iter().map(|option| option["value"].as_str().unwrap().to_owned()).collect();
        assert!(options.len() <= 25 && values.len() == options.len());
        assert!(options.iter().all(|option| (1..=100).contains(&units(option["label"].as_str().unwrap()))));
        assert!(component["placeholder"].as_str().is_none_or(|asked| units(asked) <= 150));
    }
    assert!(rows.iter().all(|row| (1..=5).contains(&row["components"].as_array().unwrap().len())));
}

#[test]
fn a_hundred_steps_show_where_the_run_is() {
    let titles = (1..=100).map(|number| format!("Move shard {number} to the new cluster"));
    let mut run = run(1, "Move every shard", steps(titles), 42);
    run.steps.for_test(42).stage = Stage::Preparing;
    run.steps.for_test(42).started_at = Some(now());
    insta::assert_snapshot!(Shown::of(&[run]).text());
}

#[test]
fn names_that_format_or_mention_read_as_they_were_written() {
    let names = [
        "@everyone <@&1> <#2> </now:3> <t:0:R>",
        "**bold** __under__ ~~gone~~ ||spoiler|| `code` ```block```",
        "[click](https://evil.test) <https://evil.test>",
        "# heading > quote - list 1. one",
        "🚨🔥 إعادة تشغيل الخادم הפעלה",
    ];
    let titles = names.iter().map(|name| (*name).to_owned());
    let run = asks(run(1, names[2], steps(titles), 3), Question::Failure { summary: names[0].into() });
    let mut incident = incident(names[1]);
    incident.roles.insert(Role::Commander, Person::new(names[4]));
    incident.environment = Some(names[0].into());
    let measured = [(run.id.clone(), vec!["cli`ents ▁▂ 12".to_owned()])];
    insta::assert_snapshot!(shown(&incident, &[run], &measured, &[]).text());
}

#[test]
fn what_is_done_by_hand_is_told_in_full_however_long_it_is() {
    let line = "Call the shift lead and read out every number on the board, slowly.";
    let prose: Vec<String> = (1..=58).map(|number| format!("{number}. {line}")).collect();
    let title = "Tell the shift lead ".repeat(25);
    let mut steps = steps([title]);
    steps[0].prose = prose.join("\n\n");
    assert!(steps[0].prose.len() > 4_000 && steps[0].title.len() == 500);
    let shown = Shown::of(&[asks(run(1, &"By hand ".repeat(63), steps, 0), Question::Work)]);
    let (_, file) = shown.asking[0].file.as_ref().unwrap();
    assert!(file.contains(&format!("58. {line}")));
    insta::assert_snapshot!(shown.text());
}

#[test]
fn prose_is_told_by_paragraphs_and_entries() {
    let prose =
        "Ask whether it works on the\nfloor.\n\nThen:\n- call the\n  lead\n- 2 of 3 is enough\n1. first\n2. second\n";
    let told = [
        "Ask whether it works on the floor.",
        "Then:",
        "- call the lead",
        "- 2 of 3 is enough",
        "1. first",
        "2. second",
    ];
    assert_eq!(paragraphs(prose), told);
}

#[test]
fn a_decision_becomes_a_menu_and_every_case_can_be_chosen() {
    let decides = |count| Shown::of(&[asks(run(1, "Roll back", steps(["Which release?"]), 0), cases(count))]).text();
    insta::assert_snapshot!(format!("{}\n\n##########\n\n{}", decides(12), decides(30)));
}

#[test]
fn an_approval_names_who_may_and_who_did() {
    let approvers: Vec<String> = (1..=40).map(|number| format!("Responder {number}")).collect();
    let mut run = run(1, "Restart", steps(["Restart Redis"]), 0);
    run.steps.for_test(0).stage = approval(&["Responder 2"], 2, &approvers);
    insta::assert_snapshot!(Shown::of(&[run]).text());
}

/// A run that checks the backend, computes what is wrong, restarts Redis and checks the backend again.
fn restart(at: usize) -> State {
    let health = json!({ "http": { "target": "backend", "method": "GET", "url": "http://backend/health" } });
    let restart = json!({ "railway.restart": {
        "service": { "target": "redis", "project": "p", "environment": "e", "service": "s", "token": "t" },
        "ready_within": "3m",
    } });
    let titles = ["Check Redis health", "Tell which", "Restart Redis", "Tell the lead", "Check Redis health again"];
    let mut steps = steps(titles);
    let condition = |text: &str| crate::base::expr::Condition::parse(text).unwrap();
    steps[1].does = Does::Set(BTreeMap::from([("cause".into(), condition("steps.step_0.ok ? 'none' : 'server'"))]));
    steps[2].when = Some(condition("steps.step_1.cause == 'server'"));
    let mut state = run(1, "Restart", steps, at);
    for (position, action) in [(0, &health), (2, &restart), (4, &health)] {
        state.steps.for_test(position).action = Some(Arc::new(serde_json::from_value(action.clone()).unwrap()));
    }
    for position in 0..5 {
        let step = state.steps.for_test(position);
        step.visits = u32::from(position <= at);
        step.started_at = Some(now() + TimeDelta::seconds(10 * i64::try_from(position).unwrap()));
        if let Some(result) = &mut step.result {
            let result = Arc::make_mut(result);
            match position {
                0 => {
                    (result.ok, result.summary) = (false, "answered 503; expected status == 200; status was 503".into())
                }
                2 => result.summary = "redis restarted, ready after 3.2 s".into(),
                _ => {}
            }
        }
    }
    let step = state.steps.for_test(2);
    if at > 2 {
        let before = "deployment 4f1c SUCCESS since 2026-02-01T08:00:00Z, 1 instance: RUNNING";
        (step.prepared, step.attempt) = (Some((now() + TimeDelta::seconds(21), before.into())), 1);
        step.agreed = vec![Person::new("Ana *the* lead")];
    } else {
        step.stage = approval(&[], 1, &[]);
        let Stage::Approval { digest, .. } = &mut step.stage else { unreachable!() };
        *digest = step.action.as_ref().unwrap().digest();
    }
    state
}

#[test]
fn an_approval_shows_what_was_seen_before_and_in_the_end_what_was_seen_after() {
    let asked = Shown::of(&[restart(2)]);
    let key = &asked.asking[0].key;
    let told = [3, 5].map(|at| {
        let mut run = restart(at.min(4));
        if at == 5 {
            let result = run.steps[0].result.clone().map(|result| StepResult { ok: true, ..(*result).clone() });
            let mut result = result.unwrap();
            result.summary = "answered 200".into();
            run.steps.for_test(4).result = Some(Arc::new(result));
        }
        let told::Settled { text, row } = told::settled(&[run], key).expect("it is known by what was asked");
        format!("=====\n{text}\n{}", row.iter().map(pressed).collect::<String>())
    });
    insta::assert_snapshot!(format!("{}\n{}", asked.asking[0].text, told.concat()));
}

#[test]
fn several_runs_ask_at_once_and_nothing_that_can_be_answered_is_lost() {
    let failed = || Question::Failure { summary: "connection refused".into() };
    let mut runs: Vec<State> = (1..=6)
        .map(|number| asks(run(number, &format!("Runbook {number}"), steps(["Look", "Act", "Tell"]), 1), failed()))
        .collect();
    for run in &mut runs {
        // Beside its main step each has one that asks, too.
        run.side = Some(2);
        run.steps.for_test(2).stage = Stage::Asking { question: Question::Work, until: None, late: false };
    }
    let shown = Shown::of(&runs);
    for run in &runs {
        for waiting in waiting(run) {
            for offer in offers::of_question(run, &waiting) {
                assert!(shown.ids().contains(&offer.id().to_string()), "{} {}", run.id, offer.label);
            }
        }
    }
    let card = &shown.card;
    insta::assert_snapshot!(Shown { card: card.clone(), asking: shown.asking[..2].to_vec() }.text());
}

#[test]
fn a_watch_of_ten_series_shows_some_and_says_where_the_others_are() {
    let mut run = run(1, "Watch Redis", steps(["Restart", "Watch it for two hours"]), 1);
    run.steps.for_test(1).stage = Stage::Watching { until: now() + TimeDelta::hours(2) };
    let measured =
        [(run.id.clone(), (1..=10).map(|number| format!("connected_{number} ▁▂▃▄▅▆▇█▇▆▅▄ 12.3k")).collect())];
    let changed = ["restart redis on Railway <t:1770030000:R>".to_owned()];
    insta::assert_snapshot!(shown(&incident("Redis is full"), &[run], &measured, &changed).text());
}

#[test]
fn what_went_wrong_is_shortened_and_attached() {
    let summary = "connection reset by peer while reading the answer of redis:6379; ".repeat(64);
    let failed = asks(run(1, "Restart", steps(["Restart Redis"]), 0), Question::Failure { summary: summary.clone() });
    let doubt = asks(run(2, "Deploy", steps(["Deploy"]), 0), Question::Doubt { evidence: summary.clone() });
    let shown = Shown::of(&[failed, doubt]);
    assert!(
        shown.asking.iter().all(|asking| asking.file.as_ref().is_some_and(|(_, text)| text.contains(summary.trim())))
    );
    insta::assert_snapshot!(shown.text());
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "(\\PC|[@<>#:*_`~|\\\\\\[\\]() \n&]){0,700}",
        Just("🚨".repeat(300)),
        Just("\\".repeat(300)),
        Just("<@&1>@everyone".repeat(40)),
        Just(String::new()),
    ]
}

fn stage() -> impl Strategy<Value = Stage> {
    let asking = |question| Stage::Asking { question, until: Some(now()), late: false };
    prop_oneof![
        Just(Stage::Pending),
        Just(Stage::Preparing),
        Just(Stage::Watching { until: now() }),
        Just(asking(Question::Work)),
        words().prop_map(move |text| asking(Question::Value { text, kind: InputKind::Text })),
        words().prop_map(move |summary| asking(Question::Failure { summary })),
        words().prop_map(move |evidence| asking(Question::Doubt { evidence })),
        prop::collection::vec((words(), any::<bool>()), 0..40).prop_map(move |labels| {
            let case = |(number, (label, fits)): (usize, (String, bool))| Offered {
                id: format!("case_{number}"),
                label,
                fits,
                recommended: number == 3,
            };
            asking(Question::Branch { cases: labels.into_iter().enumerate().map(case).collect() })
        }),
        (prop::collection::vec(words(), 0..20), 1_u32..9).prop_map(|(names, quorum)| {
            let given: Vec<&str> = names.iter().skip(3).map(String::as_str).collect();
            approval(&given, quorum, &names)
        }),
        words().prop_map(|why| {
            let by = Person::new(&why);
            Stage::Blocked(Obstacle::Frozen { by, why, until: now(), everything: true })
        }),
    ]
}

/// A run of some steps, of which the one under way and one beside it are at any stage.
fn any_run() -> impl Strategy<Value = State> {
    let steps = prop::collection::vec((words(), words()), 1..30);
    (1_u64..1_000_000, words(), steps, stage(), stage(), any::<prop::sample::Index>()).prop_map(
        |(number, title, named, main, side, at)| {
            let at = at.index(named.len());
            let mut made = Vec::new();
            for (position, (title, prose)) in named.iter().enumerate() {
                made.push(Step { prose: prose.repeat(4), ..Step::by_hand(format!("s{position}"), title.clone()) });
            }
            let count = made.len();
            let mut state = run(number, &title, made, at);
            for (position, (_, summary)) in named.iter().enumerate().take(at) {
                let result = state.steps.for_test(position).result.as_mut().unwrap();
                (Arc::make_mut(result).summary, Arc::make_mut(result).ok) = (summary.clone(), position % 3 > 0);
            }
            state.steps.for_test(at).stage = main;
            if at + 1 < count {
                state.side = Some(at + 1);
                state.steps.for_test(at + 1).stage = side;
            }
            state
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_card_and_no_question_ever_passes_discords_limits(
        title in words(),
        place in words(),
        names in prop::collection::vec(words(), 0..4),
        runs in prop::collection::vec(any_run(), 0..7),
        series in prop::collection::vec(words(), 0..12),
    ) {
        let mut incident = incident(&title);
        incident.environment = Some(place);
        for (role, name) in Role::ALL.into_iter().zip(&names) {
            incident.roles.insert(role, Person::new(name));
        }
        // A run's number tells it from the others.
        let runs: Vec<State> =
            runs.into_iter().map(|run| (run.id.clone(), run)).collect::<BTreeMap<_, _>>().into_values().collect();
        let measured: Vec<_> = runs.iter().map(|run| (run.id.clone(), series.clone())).collect();
        shown(&incident, &runs, &measured, &[]);
    }
}
