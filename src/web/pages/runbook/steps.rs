//! The steps of a runbook, each with what it does beside what a person reads.

use maud::{Markup, html};

use super::super::parts::{address, count, segment};
use super::super::prose::prose;
use super::super::write::{Tone, badge};
use crate::base::text::one_line;
use crate::domain::action::{ActionSpec, Kind};
use crate::domain::runbook::model::{Destination, Does, OnFailure, Runbook, Step, Wait};

/// The longest value that is shown, in characters.
const VALUE: usize = 200;

/// All phases with their steps.
pub fn phases(runbook: &Runbook, texts: &[String]) -> Markup {
    html! {
        @for (index, phase) in runbook.phases.iter().enumerate() {
            @let steps: Vec<(usize, &Step)> = runbook.steps.iter().enumerate().filter(|(_, step)| step.phase == index).collect();
            section aria-labelledby={ "phase-" (index) } {
                h2 id={ "phase-" (index) } {
                    (one_line(&phase.title, 160))
                    @if !phase.covered && phase.follow_up { " " (badge(Tone::Live, "begins by itself afterwards")) }
                    @else if !phase.covered { " " (badge(Tone::Idle, "not run; offered as action items")) }
                }
                @if let Some(text) = texts.get(index).filter(|text| !text.is_empty()) { (prose(text)) }
                ol class="cards plain" { @for (position, step) in steps {
                    li class="card" id={ "step-" (position) } { (one(step)) }
                } }
            }
        }
    }
}

fn one(step: &Step) -> Markup {
    html! {
        h3 { (one_line(&step.title, 160)) " " code { (one_line(&step.id, 80)) } }
        div class="grid" {
            div { @if step.prose.is_empty() { p class="muted" { "No words beside it." } } @else { (prose(&step.prose)) } }
            dl class="facts" {
                dt { "Does" }
                dd { (does(&step.does)) }
                @if let Some(target) = target(&step.does) { dt { "Target" } dd { (target) } }
                @if let Some(when) = &step.when { dt { "Only if" } dd { code { (one_line(when.source(), VALUE)) } } }
                @if !step.expect.is_empty() {
                    dt { "Expects" }
                    dd { @for condition in &step.expect { code { (one_line(condition.source(), VALUE)) } " " } }
                }
                @if let Some(approval) = approval(step) { dt { "Approval" } dd { (approval) } }
                @if let Some(retry) = &step.retry { dt { "Tries" } dd { "up to " (retry.attempts) ", " (retry.delay) " apart" } }
                dt { "If it fails" }
                dd { (failure(&step.on_failure)) }
                @for (word, what) in relations(step) { dt { (word) } dd { (what) } }
            }
        }
    }
}

/// Who must agree before it acts. What only reads, waits or asks needs nobody.
fn approval(step: &Step) -> Option<Markup> {
    let Some(approval) = &step.approval else {
        let told = html! { span class="muted" { "none of its own; its target may ask for one" } };
        return changes(&step.does).then_some(told);
    };
    let whom = if approval.quorum == 1 { "1 person".to_owned() } else { format!("{} people", approval.quorum) };
    Some(html! { (badge(Tone::Wait, &whom)) " within " (approval.within) })
}

/// Whether it may change the world.
fn changes(does: &Does) -> bool {
    match does {
        Does::Act(spec) => match spec.kind {
            Kind::RailwayRestart | Kind::RailwayRedeploy | Kind::RailwayRollback | Kind::Exec => true,
            Kind::Http => spec.params.get("get").is_none() && spec.params.get("head").is_none(),
            Kind::RailwayLogs | Kind::RailwayDeployments | Kind::RedisClients => false,
        },
        Does::Each(each) => changes(&each.does),
        _ => false,
    }
}

fn failure(on_failure: &OnFailure) -> String {
    match on_failure {
        OnFailure::Ask => "a person is asked what now".to_owned(),
        OnFailure::Continue => "the run goes on".to_owned(),
        OnFailure::Stop => "the run stops".to_owned(),
        OnFailure::Go(to) => format!("goes to {}", one_line(to, 80)),
    }
}

fn relations(step: &Step) -> Vec<(&'static str, String)> {
    let mut told = Vec::new();
    let name = |id: &String| one_line(id, 80);
    told.extend(
        step.always_after
            .as_ref()
            .map(|after| ("Always", format!("runs whatever happens, once {} was started", name(after)))),
    );
    told.extend(step.undo.as_ref().map(|undo| ("Takes back", format!("{}; offered, never by itself", name(undo)))));
    told.extend(step.during.as_ref().map(|during| ("Beside", format!("runs while {} goes on", name(during)))));
    told
}

fn does(does: &Does) -> Markup {
    html! {
        @match does {
            Does::Act(spec) => { (act(spec)) },
            Does::Watch(watch) => {
                "watches for " code { (one_line(&watch.lasts, VALUE)) } ", every " (watch.every) ": " (act(&watch.sample))
                @for limit in &watch.expect { br; code { (one_line(limit.that.source(), VALUE)) } }
            },
            Does::Wait(Wait::For(span)) => { "waits " code { (one_line(span, VALUE)) } },
            Does::Wait(Wait::Until { cron, zone }) => {
                "waits until " code { (one_line(cron, VALUE)) }
                @if let Some(zone) = zone { " (" (one_line(zone, 60)) ")" }
            },
            Does::Ask(ask) => { "asks: " (one_line(&ask.question, VALUE)) " (" (super::kind(&ask.kind)) ")" },
            Does::Decide(decide) => {
                "a person decides:"
                ul { @for case in &decide.cases {
                    li {
                        code { (one_line(&case.id, 80)) }
                        @if let Some(label) = &case.label { " " (one_line(label, VALUE)) }
                        ": " (destination(&case.to))
                        @if let Some(when) = &case.when { ", recommended if " code { (one_line(when.source(), VALUE)) } }
                    }
                } }
            },
            Does::Set(values) => {
                "sets " @for (name, condition) in values { code { (one_line(name, 80)) " = " (one_line(condition.source(), VALUE)) } " " }
            },
            Does::Notify(notify) => { "tells people: " (one_line(&notify.text, VALUE)) },
            Does::Runbook(sub) => { "runs the runbook " a href={ "/runbooks/" (segment(&sub.id)) } { (one_line(&sub.id, 80)) } },
            Does::Each(each) => { "for each of " (count(each.items.len(), "item")) ": " (self::does(&each.does)) },
            Does::Manual => { (badge(Tone::Wait, "by hand")) " a person does it and says how it went" },
        }
    }
}

fn destination(to: &Destination) -> String {
    match to {
        Destination::Next => "goes on".to_owned(),
        Destination::Stop => "stops".to_owned(),
        Destination::Go(to) => format!("goes to {}", one_line(to, 80)),
        Destination::Redo { step, max } => format!("back to {}, at most {max} times", one_line(step, 80)),
    }
}

/// The kind of an action with the parameter that says most of it.
fn act(spec: &ActionSpec) -> Markup {
    const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];
    let params = spec.params.as_object();
    let asked = METHODS.into_iter().find_map(|method| Some((method, params?.get(method)?.as_str()?)));
    let argv = params.and_then(|params| params.get("argv")?.as_array()).map(|argv| {
        argv.iter()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), ToOwned::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
    });
    html! {
        code { (spec.kind.key()) }
        @if let Some((method, url)) = asked { " " (method.to_uppercase()) " " code { (one_line(url, VALUE)) } }
        @if let Some(argv) = argv { " " code { (one_line(&argv, VALUE)) } }
    }
}

/// The target it names, as a parameter or inside a template.
fn target(does: &Does) -> Option<Markup> {
    let spec = match does {
        Does::Act(spec) => spec,
        Does::Watch(watch) => &watch.sample,
        Does::Each(each) => return target(&each.does),
        _ => return None,
    };
    let named = spec.params.get("target").and_then(|name| name.as_str()).map(ToOwned::to_owned);
    let name = named.or_else(|| {
        let text = spec.params.to_string();
        let behind = text.split("target.").nth(1)?;
        let name: String =
            behind.chars().take_while(|char| char.is_alphanumeric() || matches!(char, '_' | '-')).collect();
        Some(name).filter(|name| !name.is_empty())
    })?;
    Some(html! { a href=(address("/monitors", &[("target", Some(&name))])) { (one_line(&name, 60)) } })
}
