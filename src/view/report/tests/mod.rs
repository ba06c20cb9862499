//! The postmortem of one incident, read as a whole; and what no facts, however few or hostile, may do to it.

mod story;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use pulldown_cmark::{Event as Markdown, Options as Dialect, Parser, Tag};
use serde_json::Value;

use super::{Kind, Options, Picture, Report, charts};
use crate::base::event::{Instant, Recorded, RunId, Stream};
use crate::domain::run::event as run;
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;
use story::story;

fn generated_at() -> Instant {
    "2026-02-03T12:00:00Z".parse().unwrap()
}

fn report(facts: &[Recorded<Fact>], plans: &BTreeMap<RunId, Arc<Plan>>) -> Report {
    let anchor = Some("94:5d41402abc4b2a76".to_owned());
    let options = Options { zone: None, anchor, generated_at: generated_at(), template: None, plans };
    super::report(Kind::Postmortem, facts, &options).unwrap()
}

/// Every table row has as many cells as its table's head, and every text part is inside the page's own structure.
fn well_formed(markdown: &str) -> Result<(), String> {
    let mut columns = 0;
    for line in markdown.lines() {
        if !line.starts_with('|') {
            columns = 0;
            continue;
        }
        let cells = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        if columns != 0 && columns != cells {
            return Err(format!("{cells} instead of {columns} bars: {line}"));
        }
        columns = cells;
    }
    for event in Parser::new_ext(markdown, Dialect::ENABLE_TABLES | Dialect::ENABLE_TASKLISTS) {
        match event {
            Markdown::Html(html) | Markdown::InlineHtml(html) => return Err(format!("HTML: {html}")),
            Markdown::Start(Tag::Link { dest_url, .. })
                if !dest_url.starts_with("http") && !dest_url.starts_with('#') =>
            {
                return Err(format!("a link to {dest_url}"));
            }
            Markdown::Start(Tag::Image { dest_url, .. })
                if !dest_url.starts_with("watch-run-") && !dest_url.starts_with("change-") =>
            {
                return Err(format!("an image from {dest_url}"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn headings(markdown: &str) -> usize {
    let parsed = Parser::new_ext(markdown, Dialect::ENABLE_TABLES);
    parsed.filter(|event| matches!(event, Markdown::Start(Tag::Heading { .. }))).count()
}

#[test]
fn the_postmortem_tells_the_whole_incident() {
    let (facts, plans) = story();
    let report = report(&facts, &plans);
    well_formed(&report.markdown).unwrap();
    insta::assert_snapshot!(report.markdown);
}

#[test]
fn the_chart_shows_the_gap_the_breach_and_the_limits() {
    let (facts, plans) = story();
    let report = report(&facts, &plans);
    let [(name, svg)] = &report.charts[..] else { panic!("one chart, not {}", report.charts.len()) };
    assert_eq!(name, "watch-run-12-watch.svg");
    assert!(report.markdown.contains(&format!("({name})")));
    let count = |part: &str| svg.matches(part).count();
    assert_eq!(count("<polyline"), 4, "two series, each interrupted by the gap");
    assert_eq!(count("class=\"gap\""), 3, "in both panels and in the key");
    assert_eq!(count("class=\"bwarn\""), 2, "where it was broken and in the key");
    assert_eq!((count("class=\"limit warn\""), count("class=\"limit fail\"")), (1, 1));
}

#[test]
fn a_repair_between_watches_of_the_same_reading_is_drawn_with_both_sides() {
    let (facts, plans) = story();
    let options = Options { zone: None, anchor: None, generated_at: generated_at(), template: None, plans: &plans };
    assert!(
        !charts(&facts, &options).iter().any(|drawn| matches!(drawn.picture, Picture::Change(_))),
        "nothing before"
    );
    let report = report(&watched_before(&facts, 30), &plans);
    let changes: Vec<_> = report.charts.iter().filter(|(name, _)| name.starts_with("change-")).collect();
    let [(name, svg)] = &changes[..] else { panic!("one change, not {}", changes.len()) };
    assert_eq!(name, "change-1-run-12-watch.svg");
    assert!(report.markdown.contains(&format!("({name})")), "{}", report.markdown);
    assert!(svg.contains(">Restart Redis on Railway, 08:07:56<"), "the change is named: {svg}");
    assert!(svg.contains(">before: last 5 · min 5 · max 17 · p95 15<") && svg.contains(">after: last 5 ·"), "{svg}");
    well_formed(&report.markdown).unwrap();
}

#[test]
fn a_sample_of_the_moment_at_which_a_repair_was_sent_was_taken_before_it() {
    let (facts, plans) = story();
    let options = Options { zone: None, anchor: None, generated_at: generated_at(), template: None, plans: &plans };
    let mut facts = watched_before(&facts, 30);
    let sent = |recorded: &Recorded<Fact>| matches!(&recorded.event, Fact::Run(_, run::Event::AttemptSent(_)));
    let repaired = facts.iter().rfind(|recorded| sent(recorded)).unwrap().head.occurred_at;
    let sampled = facts.iter().filter_map(|recorded| match &recorded.event {
        Fact::Run(_, run::Event::WatchTallied(tallied)) => {
            Some(tallied.points.values().flatten().map(|point| point.at))
        }
        _ => None,
    });
    // The watch before ends with this sample, and the repair follows at once.
    let last = sampled.flatten().filter(|at| *at < repaired).max().unwrap();
    facts.iter_mut().filter(|recorded| sent(recorded)).for_each(|recorded| recorded.head.occurred_at = last);
    let drawn = charts(&facts, &options);
    let pair = drawn.iter().find_map(|drawn| match &drawn.picture {
        Picture::Change(pair) => Some(pair),
        Picture::Watch(_) => None,
    });
    let pair = pair.expect("both sides were watched");
    assert_eq!(pair.panels[0].within(pair.before).last().map(|(at, _)| at), Some(last));
    assert!(pair.panels[0].within(pair.after).samples().iter().all(|(at, _)| *at > last));
}

#[test]
fn samples_too_far_from_a_repair_are_not_compared_with_it() {
    let (facts, plans) = story();
    let options = Options { zone: None, anchor: None, generated_at: generated_at(), template: None, plans: &plans };
    let pairs = |minutes| {
        let drawn = charts(&watched_before(&facts, minutes), &options);
        drawn.iter().filter(|drawn| matches!(drawn.picture, Picture::Change(_))).count()
    };
    assert_eq!(pairs(180), 1, "much longer ago than the watch behind the repair is long");
    assert_eq!(pairs(420), 0);
}

/// The story with its watch once more, so many minutes before: as if somebody had looked then.
fn watched_before(facts: &[Recorded<Fact>], minutes: i64) -> Vec<Recorded<Fact>> {
    let watch = facts.iter().filter(|recorded| match &recorded.event {
        Fact::Run(_, event) => {
            event.kind().starts_with("watch.")
                || matches!(event, run::Event::StepFinished(finished) if finished.step == "watch")
        }
        _ => false,
    });
    watch.cloned().map(|recorded| earlier(recorded, minutes)).chain(facts.iter().cloned()).collect()
}

/// A fact of a watch with all its times so many minutes earlier.
fn earlier(mut recorded: Recorded<Fact>, minutes: i64) -> Recorded<Fact> {
    let by = chrono::TimeDelta::minutes(minutes);
    recorded.head.occurred_at -= by;
    if let Fact::Run(_, event) = &mut recorded.event {
        match event {
            run::Event::WatchStarted(started) => started.until -= by,
            run::Event::WatchTallied(tallied) => {
                (tallied.from, tallied.to) = (tallied.from - by, tallied.to - by);
                tallied.points.values_mut().flatten().for_each(|point| point.at -= by);
            }
            run::Event::WatchBreached(breached) => breached.since -= by,
            run::Event::WatchGap(gap) => (gap.from, gap.to) = (gap.from - by, gap.to - by),
            _ => {}
        }
    }
    recorded
}

#[test]
fn what_was_erased_is_called_erased_and_what_nobody_wrote_not_recorded() {
    let (mut facts, plans) = story();
    for recorded in &mut facts {
        let erased = match &recorded.event {
            Fact::Incident(id, event) if matches!(event.kind(), "incident.declared" | "incident.summarised") => {
                Fact::Erased { stream: Stream::incident(id), kind: event.kind().to_owned() }
            }
            _ => continue,
        };
        recorded.event = erased;
    }
    let markdown = report(&facts, &plans).markdown;
    let part =
        |from: &str, to: &str| -> String { markdown.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned() };
    assert!(part("# ", "\n").contains("erased"), "{markdown}");
    assert!(part("## Summary", "##").contains("erased"), "{markdown}");
    assert!(part("## Root cause", "##").contains("not recorded"), "{markdown}");
    assert!(part("| mitigated", "\n").contains("11:10:11"), "later events still count: {markdown}");
}

#[test]
fn the_phases_and_the_summary_tell_what_was_done_and_tested() {
    let (facts, plans) = story();
    let options = Options { zone: None, anchor: None, generated_at: generated_at(), template: None, plans: &plans };
    for kind in [Kind::Phases, Kind::Summary] {
        let page = super::report(kind, &facts, &options).unwrap().markdown;
        insta::assert_snapshot!(format!("the_story_as_{}", kind.word()), page);
    }
}

#[test]
fn a_template_of_the_operators_is_used_and_its_faults_are_named() {
    let (facts, plans) = story();
    let with = |template| {
        let options =
            Options { zone: None, anchor: None, generated_at: generated_at(), template: Some(template), plans: &plans };
        super::report(Kind::Postmortem, &facts, &options).map(|report| report.markdown)
    };
    assert_eq!(
        with("{{glance.title}} in {{glance.zone}}").unwrap(),
        "Occupation answers 500 in America/Santiago, UTC-3"
    );
    let told = |template| with(template).unwrap_err().to_string();
    let misspelt = told("{{glance.title}}\n{{glance.titel}}");
    assert!(
        misspelt.starts_with("postmortem.md.hbs, line 2 does not work: ") && misspelt.contains("titel"),
        "{misspelt}"
    );
    let unclosed = told("one\ntwo\n{{#if glance.title}}");
    assert!(unclosed.starts_with("postmortem.md.hbs, line "), "{unclosed}");
}

/// Puts `text` into every place of the fact that takes any text.
fn poisoned(fact: &Fact, text: &str) -> Fact {
    let (stream, kind, version, body) = match fact {
        Fact::Incident(id, event) => (Stream::incident(id), event.kind(), event.version(), event.encode()),
        Fact::Run(id, event) => (Stream::run(id), event.kind(), event.version(), event.encode()),
        Fact::Rota(event) => (Stream::rota(), event.kind(), event.version(), event.encode()),
        Fact::Page(id, event) => (Stream::page(id), event.kind(), event.version(), event.encode()),
        Fact::Alert(name, event) => {
            (Stream::named(format!("alert:{name}")), event.kind(), event.version(), event.encode())
        }
        Fact::Target(name, event) => {
            (Stream::named(format!("target:{name}")), event.kind(), event.version(), event.encode())
        }
        Fact::Monitor(name, event) => (Stream::monitor(name), event.kind(), event.version(), event.encode()),
        Fact::Digest(name, event) => (Stream::digest(name), event.kind(), event.version(), event.encode()),
        Fact::Session(name, event) => (Stream::session(name), event.kind(), event.version(), event.encode()),
        Fact::Erasure(event) => (Stream::journal(), event.kind(), event.version(), event.encode()),
        Fact::Erased { .. } => return fact.clone(),
    };
    let decode = |body: &Value| Fact::decode(&stream, kind, version, Some(body.to_string().as_bytes())).ok();
    let mut body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
    let mut places = Vec::new();
    find(&body, String::new(), &mut places);
    for place in places {
        // The names by which facts refer to each other stay; everything else that may hold any text holds this one.
        if ["/step", "/kind", "/run", "/plan"].contains(&place.as_str()) {
            continue;
        }
        let before = body.pointer(&place).cloned().unwrap();
        *body.pointer_mut(&place).unwrap() = Value::String(text.to_owned());
        if decode(&body).is_none() {
            *body.pointer_mut(&place).unwrap() = before;
        }
    }
    decode(&body).unwrap()
}

fn find(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::String(_) => places.push(place),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| find(item, format!("{place}/{index}"), places));
        }
        Value::Object(fields) => fields.iter().for_each(|(key, item)| find(item, format!("{place}/{key}"), places)),
        _ => {}
    }
}

#[test]
fn hostile_text_never_breaks_the_page() {
    let (facts, plans) = story();
    let clean = headings(&report(&facts, &plans).markdown);
    for text in [
        "a | b | c",
        "`code` ``two`` ```\nfence",
        "<script>alert(1)</script>",
        "@everyone [x](https://evil.test) ![y](https://evil.test/p.png)",
        "left\u{202e}right\u{2066}",
        "# one\n\n## two\n\n- [ ] three\n\n---\n\n| a |\n|---|",
        "\\",
        "\\|",
        "> quote\n    code\n===",
        "{{anchor}} {{#each x}}",
        "&lt;b&gt; <https://evil.test> https://evil.test",
    ] {
        let mut hostile = facts.clone();
        hostile.iter_mut().for_each(|recorded| recorded.event = poisoned(&recorded.event, text));
        let report = report(&hostile, &plans);
        let page = &report.markdown;
        well_formed(page).unwrap_or_else(|why| panic!("{text:?}: {why}\n{page}"));
        assert_eq!(headings(page), clean, "{text:?}\n{page}");
        assert!(!page.contains("@everyone") && !page.contains(['\u{202e}', '\u{2066}']), "{text:?}");
        assert!(!page.contains("](https://evil"), "{text:?}");
        for (_, svg) in &report.charts {
            assert!(!svg.contains("<script") && !svg.contains('\u{202e}'), "{text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_part_of_the_facts_gives_a_page(kept in proptest::collection::vec(0_u8..4, 100), prefix in 0_usize..100, planned: bool) {
        let (facts, plans) = story();
        let plans = if planned { plans } else { BTreeMap::new() };
        let part: Vec<_> = facts.iter().enumerate().filter(|(index, _)| *index < prefix || kept[index % 100] == 0).map(|(_, fact)| {
            let mut fact = fact.clone();
            if kept[(fact.pos as usize + 50) % 100] == 3 && let Fact::Run(id, event) = &fact.event {
                fact.event = Fact::Erased { stream: Stream::run(id), kind: event.kind().to_owned() };
            }
            fact
        }).collect();
        let report = report(&part, &plans);
        prop_assert!(well_formed(&report.markdown).is_ok(), "{}", report.markdown);
        prop_assert_eq!(report.markdown.contains("#Infinity") || report.markdown.contains("NaN"), false);
    }
}
