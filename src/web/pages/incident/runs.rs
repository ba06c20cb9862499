//! The runs of an incident: phases and steps, how far each is, what it took, what it put out.

use maud::{Markup, html};

use super::asks::step_id;
use crate::base::text::one_line;
use crate::bot::board::Board;
use crate::bot::offers;
use crate::domain::run::event::Outcome;
use crate::domain::run::state::{Progress, Stage, State};
use crate::view::time;
use crate::web::live::{Region, Told};
use crate::web::pages::write::{Pen, Tone, badge};

/// The region that all runs stand in.
pub const RUNS: &str = "runs";
/// Steps of a run that are shown; of a longer one, those around what goes on.
const STEPS: usize = 200;

/// The regions of all runs, behind the one that holds them.
#[must_use]
pub fn regions(board: &Board, told: &Told, pen: &Pen<'_>) -> Vec<Region> {
    let mut parts = Vec::new();
    let whole = html! {
        section id=(RUNS) aria-label="Runs" {
            @if board.runs.is_empty() && board.lost().next().is_none() {
                p class="empty" { "No runbook was started. " code { "rundown run RUNBOOK --incident " (board.incident) }
                    " starts one, and so does " code { "/run" } " in chat." }
            }
            @for (run, why) in board.lost() {
                p class="notice warn" { (run) " cannot be shown: " (one_line(why, 200)) }
            }
            @for run in board.runs.iter().rev() {
                @let head = part(&mut parts, format!("{}-head", run.id), head(run, pen));
                section class="run" id=(run.id) aria-label=(one_line(&run.plan.title, 120)) {
                    (head)
                    ol class="steps" { (steps(run, told, pen, &mut parts)) }
                    @let end = part(&mut parts, format!("{}-end", run.id), end(run, pen));
                    (end)
                }
            }
        }
    };
    let mut regions = vec![Region::new(RUNS.to_owned(), None, whole.into_string())];
    regions.extend(parts);
    regions
}

/// Notes a part of the whole that can change by itself.
fn part(parts: &mut Vec<Region>, id: String, markup: Markup) -> Markup {
    parts.push(Region::new(id, Some(RUNS), markup.0.clone()));
    markup
}

/// How a run stands, in a sign and a few words.
#[must_use]
pub fn how(run: &State) -> Markup {
    match &run.progress {
        Progress::Over { outcome: Outcome::Succeeded, .. } => badge(Tone::Ok, "succeeded"),
        Progress::Over { outcome: Outcome::Failed, .. } => badge(Tone::Bad, "failed"),
        Progress::Over { outcome, .. } => badge(Tone::Idle, outcome.word()),
        Progress::Ending { outcome, .. } => badge(Tone::Live, &format!("ending, {}", outcome.word())),
        Progress::Running if run.paused.is_some() => badge(Tone::Wait, "paused"),
        Progress::Running if run.waits_for_human() => badge(Tone::Wait, "waits for a person"),
        Progress::Running => badge(Tone::Live, "running"),
    }
}

fn head(run: &State, pen: &Pen<'_>) -> Markup {
    let done = run.steps.iter().filter(|step| matches!(step.stage, Stage::Done | Stage::Skipped)).count();
    let all = run.plan.steps.len();
    html! {
        div id={ (run.id) "-head" } {
            div class="tools" {
                h2 { (one_line(&run.plan.title, 160)) " " span class="small muted" { (run.id) } }
                (how(run))
            }
            p class="small" {
                "begun by " (one_line(run.opened.by.name(), 60)) " at " (pen.at(run.opened_at))
                @match &run.progress {
                    Progress::Over { why, .. } => {
                        ", took " (time::length(run.last_at - run.opened_at))
                        @if !why.is_empty() { ": " (one_line(why, 300)) }
                    }
                    _ => { ", " (pen.since(run.opened_at)) " ago" }
                }
                @if let Some(by) = &run.paused { " · held up by " (one_line(by.name(), 60)) }
                " · "
                progress value=(done) max=(all) aria-label="steps done" {}
                " " (done) " of " (all) " steps"
                @for position in run.active() {
                    " · now: " a href={ "#" (step_id(run, &run.step(position).id)) } { (one_line(&run.step(position).title, 80)) }
                }
            }
            @if !run.is_over() {
                div class="acts" {
                    @let asked: Vec<_> = crate::bot::waiting::waiting(run).iter().flat_map(|of| offers::of_question(run, of)).map(|offer| offer.id()).collect();
                    @for offer in offers::of_run(run).into_iter().filter(|offer| !asked.contains(&offer.id())) {
                        (pen.offer(&offer, &run.plan.title))
                    }
                }
            }
        }
    }
}

fn steps(run: &State, told: &Told, pen: &Pen<'_>, parts: &mut Vec<Region>) -> Markup {
    let all = run.plan.steps.len();
    let here = run.main.unwrap_or_else(|| run.next.min(all.saturating_sub(1)));
    let first = if all <= STEPS { 0 } else { here.saturating_sub(STEPS / 2).min(all - STEPS) };
    let last = (first + STEPS).min(all);
    let mut phase = None;
    html! {
        @if first > 0 { li class="quiet" { span {} span { (first) " steps before" } } }
        @for position in first..last {
            @let of = run.step(position).phase;
            @if phase.replace(of) != Some(of) && let Some(named) = run.plan.phases.get(of) && !named.title.trim().is_empty() {
                li class="phase" { span {} h3 { (one_line(&named.title, 120)) } }
            }
            (part(parts, step_id(run, &run.step(position).id), step(run, position, told, pen)))
        }
        @if last < all { li class="quiet" { span {} span { (all - last) " steps behind" } } }
    }
}

fn step(run: &State, position: usize, told: &Told, pen: &Pen<'_>) -> Markup {
    let (plan, state) = (run.step(position), &run.steps[position]);
    let (tone, word) = standing(&state.stage, state.result.as_ref().map(|result| result.ok));
    let now = run.main == Some(position) || run.side == Some(position);
    let class = if now {
        "now"
    } else if tone == Tone::Idle {
        "quiet"
    } else {
        ""
    };
    let output = told.output(&run.id, &plan.id);
    let done = matches!(state.stage, Stage::Done | Stage::Failed);
    html! {
        li id=(step_id(run, &plan.id)) class=(class) data-stage=(state.stage.name()) aria-current=[now.then_some("step")] {
            span class={ "sign " (tone.class()) } aria-hidden="true" { (tone.sign()) }
            div {
                p {
                    b { (one_line(&plan.title, 160)) } " "
                    span class="small muted" {
                        (word)
                        @if let (true, Some(result)) = (done, &state.result) {
                            " · " (time::length_ms(result.took_ms))
                            @if result.attempts > 1 { " · " (result.attempts) " attempts" }
                        }
                        @if !done && state.attempt > 1 { " · attempt " (state.attempt) }
                        @if state.visits > 1 { " · time " (state.visits) }
                        @if !done && now { @if let Some(at) = state.started_at { " · for " (pen.since(at)) } }
                    }
                }
                @if let Some(until) = ends(&state.stage) { p class="small" { (until.0) " " (pen.due(until.1)) } }
                @if let (true, Some(result)) = (done, &state.result) {
                    @if !result.summary.is_empty() { p class="small" { (one_line(&result.summary, 600)) } }
                }
                @if let Stage::Watching { .. } = &state.stage { (watched(run, position)) }
                @if output.is_some() || state.action.is_some() { (folded(run, position, output)) }
            }
        }
    }
}

/// What is folded away: what exactly it does, and what came out.
fn folded(run: &State, position: usize, output: Option<&crate::web::live::Excerpt>) -> Markup {
    let (plan, state) = (run.step(position), &run.steps[position]);
    html! {
        details class="small" id={ (step_id(run, &plan.id)) "-more" } {
            summary { @if output.is_some() { "Output" } @else { "Details" } }
            @if let Some(action) = &state.action { p { code { (one_line(&action.describe(), 600)) } } }
            @if let Some((_, baseline)) = &state.prepared { p { "before: " (one_line(baseline, 300)) } }
            @if !state.agreed.is_empty() {
                p { "agreed: " (state.agreed.iter().map(|person| one_line(person.name(), 60)).collect::<Vec<_>>().join(", ")) }
            }
            @if let Some(output) = output {
                @if !output.end.is_empty() { pre { (output.end) } }
                @if output.cut { p { a href={ "/incidents/" (run.opened.incident) "/output/" (output.pos) } { "All of it" } } }
            }
        }
    }
}

/// What a watch has seen so far.
fn watched(run: &State, position: usize) -> Markup {
    let seen = &run.steps[position].seen;
    let shown: Vec<String> = seen
        .series
        .iter()
        .take(6)
        .map(|(name, extent)| {
            let number = crate::view::sentence::number;
            format!("{} {} ({} to {})", one_line(name, 40), number(extent.last), number(extent.min), number(extent.max))
        })
        .collect();
    html! {
        p class="small" {
            (seen.taken) " of " (seen.due) " samples"
            @if seen.failed > 0 { " · " b { (seen.failed) " breaches" } }
            @if seen.warned > 0 { " · " (seen.warned) " warnings" }
            @if seen.logs > 0 { " · " b { (seen.logs) " forbidden log lines" } }
            @if !shown.is_empty() { " · " (shown.join(" · ")) }
        }
    }
}

/// Where a step stands: a sign and a word.
fn standing(stage: &Stage, ok: Option<bool>) -> (Tone, &'static str) {
    match (stage, ok) {
        (Stage::Pending, _) => (Tone::Idle, "not begun"),
        (Stage::Skipped, _) => (Tone::Idle, "skipped"),
        (Stage::Done, Some(false)) => (Tone::Warn, "failed, and was passed over"),
        (Stage::Done, _) => (Tone::Ok, "done"),
        (Stage::Failed, _) => (Tone::Bad, "failed"),
        (Stage::Approval { .. }, _) => (Tone::Wait, "waits for an approval"),
        (Stage::Asking { .. }, _) => (Tone::Wait, "waits for an answer"),
        (Stage::Blocked(_), _) => (Tone::Wait, "held up"),
        (Stage::Ready | Stage::Preparing, _) => (Tone::Live, "preparing"),
        (Stage::Sent { .. }, _) => (Tone::Live, "under way"),
        (Stage::Confirming { .. }, _) => (Tone::Live, "sent; waits until it shows"),
        (Stage::Resting { .. }, _) => (Tone::Warn, "failed, tries again"),
        (Stage::Probing { .. }, _) => (Tone::Warn, "in doubt, looking"),
        (Stage::Waiting { .. }, _) => (Tone::Live, "waits"),
        (Stage::Watching { .. }, _) => (Tone::Live, "watches"),
    }
}

fn ends(stage: &Stage) -> Option<(&'static str, crate::base::event::Instant)> {
    match stage {
        Stage::Watching { until } | Stage::Waiting { until } => Some(("ends", *until)),
        Stage::Resting { until } => Some(("tries again", *until)),
        Stage::Confirming { until } => Some(("must show until", *until)),
        Stage::Approval { until, .. } => Some(("until", *until)),
        Stage::Asking { until: Some(until), .. } => Some(("until", *until)),
        _ => None,
    }
}

/// What a run is held against at its end.
fn end(run: &State, pen: &Pen<'_>) -> Markup {
    html! {
        div id={ (run.id) "-end" } {
            @if !run.plan.criteria.is_empty() {
                h3 { "It counts as verified when" }
                ul {
                    @for (index, criterion) in run.plan.criteria.iter().enumerate() {
                        @let judged = run.judged.as_ref().and_then(|judged| judged.get(index));
                        @let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
                        @let ticked = run.ticks.get(&number);
                        li {
                            @match (ticked, judged.and_then(|judged| judged.met)) {
                                (Some(by), _) => { (badge(Tone::Ok, &format!("ticked by {}", one_line(by.name(), 60)))) }
                                (None, Some(true)) => { (badge(Tone::Ok, "met")) }
                                (None, Some(false)) => { (badge(Tone::Bad, "not met")) }
                                (None, None) => { (badge(Tone::Idle, "open")) }
                            }
                            " " (one_line(&criterion.text, 240))
                            @if let Some(saw) = judged.and_then(|judged| judged.saw.as_ref()) { span class="muted" { " · saw " (one_line(saw, 160)) } }
                            @if criterion.condition.is_none() && ticked.is_none() {
                                " " (tick(run, number, pen))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn tick(run: &State, number: u32, pen: &Pen<'_>) -> Markup {
    html! {
        form class="inline" method="post" action={ "/runs/" (run.id) "/tick" } {
            input type="hidden" name="csrf" value=(pen.csrf);
            input type="hidden" name="back" value=(pen.back);
            input type="hidden" name="criterion" value=(number);
            button { "Tick" }
        }
    }
}
