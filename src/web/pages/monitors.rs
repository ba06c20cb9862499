//! The list of monitors.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use chrono::TimeDelta;
use maud::{Markup, html};
use serde::Deserialize;

use super::Failed;
use super::parts::{asked, due, filters, segment, select, since, unusable};
use super::shell::{Place, page_for};
use super::write::{Tone, badge};
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::bot::Bot;
use crate::bot::lists::monitors::{Board, LATELY, Point, Watching};
use crate::bot::monitors::Seen;
use crate::domain::monitor::slo::Standing;
use crate::domain::monitor::spec::Slo;
use crate::domain::monitor::state::Level;
use crate::web::session::Viewer;

/// The longest text about what was seen, in characters.
const SEEN: usize = 160;
/// The size of a sparkline, in units of its SVG.
const WIDTH: f64 = 128.0;
/// See [`WIDTH`].
const HEIGHT: f64 = 28.0;

/// What was asked for, as it stood in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    target: Option<String>,
    state: Option<String>,
}

/// `GET /monitors`.
///
/// # Errors
/// `monitors.yaml` has faults, the journal.
pub async fn list(viewer: Viewer, State(bot): State<Arc<Bot>>, Query(query): Query<Asked>) -> Result<Markup, Failed> {
    let (target, state) = (asked(query.target.as_ref()), asked(query.state.as_ref()));
    if let Err(fault) = bot.library().monitors() {
        let told = unusable("Nothing can be said of monitors: monitors.yaml or targets.yaml has faults.", &fault);
        return Ok(page_for(&viewer, "Monitors", Place::Monitors, &html! { h1 { "Monitors" } (told) }));
    }
    let board = bot.monitor_board().await?;
    let body = body(&board, target.as_deref(), state.as_deref(), bot.clock().now());
    Ok(page_for(&viewer, "Monitors", Place::Monitors, &body))
}

pub(super) fn body(board: &Board, target: Option<&str>, state: Option<&str>, now: Instant) -> Markup {
    let about = |one: &Watching| one.seen.target.clone().unwrap_or_default();
    let shown = board.all.iter().filter(|one| {
        target.is_none_or(|target| about(one) == target)
            && state.is_none_or(
                |state| if state == "unwell" { one.seen.word() != "healthy" } else { one.seen.word() == state },
            )
    });
    let mut groups: BTreeMap<String, Vec<&Watching>> = BTreeMap::new();
    for one in shown {
        groups.entry(about(one)).or_default().push(one);
    }
    html! {
        div class="tools" {
            h1 { "Monitors" }
            @if !board.all.is_empty() {
                span class="muted" { "in " (one_line(&board.environment, 60)) ": " (board.whole.words()) }
            }
        }
        @if board.all.is_empty() {
            div class="empty" {
                p { "Nothing is monitored yet." }
                p { "A file " code { "monitors.yaml" } " beside the runbooks says what is looked at, how often, and who is called when it fails: docs/monitors.md shows one. "
                    code { "rundown monitor test" } " asks everything once." }
            }
        } @else {
            (form(board, target, state))
            @if groups.is_empty() {
                p class="empty" { "No monitor is like that. " a href="/monitors" { "All of them" } " are still there." }
            }
            @for (target, of) in &groups {
                h2 { @if target.is_empty() { "About no target" } @else { (one_line(target, 60)) } }
                (table(target, of, now))
            }
            p class="muted small" { "Lines show the last " (LATELY.num_hours()) " hours: how long answers took, and a mark where some failed." }
        }
    }
}

fn form(board: &Board, target: Option<&str>, state: Option<&str>) -> Markup {
    let pair = |value: &str, text: &str| (value.to_owned(), text.to_owned());
    let mut targets: Vec<&String> = board.all.iter().filter_map(|one| one.seen.target.as_ref()).collect();
    targets.sort_unstable();
    targets.dedup();
    let targets: Vec<(String, String)> = std::iter::once(pair("", "any"))
        .chain(targets.into_iter().map(|name| pair(name, &one_line(name, 60))))
        .collect();
    let states: Vec<(String, String)> = std::iter::once(pair("", "any"))
        .chain(["unwell", "failing", "degraded", "flapping", "unknown", "healthy"].map(|word| pair(word, word)))
        .collect();
    let fields = html! {
        (select("target", "Target", &targets, target.or(Some(""))))
        (select("state", "State", &states, state.or(Some(""))))
    };
    filters("/monitors", &fields, target.is_some() || state.is_some())
}

fn table(target: &str, of: &[&Watching], now: Instant) -> Markup {
    html! {
        table class="rows even" {
            caption class="sr" { "Monitors of " (if target.is_empty() { "no target" } else { target }) }
            thead { tr {
                th scope="col" { "Monitor" }
                th scope="col" { "State" }
                th scope="col" { "Last answer" }
                th scope="col" { "Last " (LATELY.num_hours()) " hours" }
                th scope="col" { "Error budget" }
            } }
            tbody { @for one in of {
                tr {
                    th scope="row" {
                        a href={ "/monitors/" (segment(&one.seen.id)) } { (one_line(&one.seen.title, 100)) }
                        @if one.seen.title != one.seen.id { p class="muted small" { (one.seen.id) } }
                    }
                    td data-label="State" { (standing(&one.seen, now)) }
                    td data-label="Last answer" { (last(&one.seen, now)) }
                    td data-label={ "Last " (LATELY.num_hours()) " hours" } { (spark(&one.lately, &one.seen.id, now)) }
                    td data-label="Error budget" { (budget(one.promise.as_ref())) }
                }
            } }
        }
    }
}

/// How it is, in a badge.
pub fn state(seen: &Seen) -> Markup {
    let part = seen.part();
    let look = match (part.level, part.flapping) {
        (None, _) => Tone::Idle,
        (_, true) | (Some(Level::Degraded), _) => Tone::Warn,
        (Some(Level::Healthy), _) => Tone::Ok,
        (Some(Level::Failing), _) => Tone::Bad,
    };
    badge(look, seen.word())
}

/// How it is, since when, what was seen, why nobody is called, which incident it has.
pub fn standing(seen: &Seen, now: Instant) -> Markup {
    let (folded, zone) = (&seen.folded, seen.zone);
    let begun = folded.flapping.or(folded.since).filter(|_| seen.part().level.is_some());
    html! {
        (state(seen))
        @if let Some(begun) = begun { " for " (since(begun, now, zone)) }
        @if folded.level != Level::Healthy && !folded.seen.is_empty() { p class="small" { (one_line(&folded.seen, SEEN)) } }
        @if let Some(last) = seen.last.filter(|last| last.level > folded.level && folded.flapping.is_none()) {
            p class="small" { "last seen " (last.level.word()) ", not confirmed yet" }
        }
        @if let Some(why) = &seen.unclear { p class="small" { "! it cannot be asked: " (one_line(why, SEEN)) } }
        @if let Some(mute) = &seen.mute {
            p class="small" {
                (badge(Tone::Idle, "muted")) " until " (due(mute.until, now, zone)) " by " (one_line(mute.by.name(), 60)) ": " (one_line(&mute.why, SEEN))
            }
        }
        @if let Some(why) = &seen.maintenance { p class="small" { (badge(Tone::Idle, "in maintenance")) " " (one_line(why, SEEN)) } }
        @if let Some(incident) = folded.incident.as_ref().filter(|_| folded.alarm.is_some()) {
            p class="small" { a href={ "/incidents/" (incident) } { (incident) } }
        }
    }
}

fn last(seen: &Seen, now: Instant) -> Markup {
    html! {
        @match seen.last.and_then(|last| Some((last, chrono::DateTime::from_timestamp_millis(last.at)?))) {
            Some((last, at)) => {
                @if let Some(took) = last.took_ms { (took) " ms, " }
                (since(at, now, seen.zone)) " ago"
            },
            None => { span class="muted" { "none lately" } },
        }
    }
}

/// How much of the failures that were allowed is left.
pub fn budget(promise: Option<&(Slo, Standing)>) -> Markup {
    let words = |slo: &Slo, standing: &Standing| match (slo.uptime, standing.budget_left) {
        (Some(promised), Some(left)) if left >= 0.0 => {
            Some((left, format!("{left:.0} % left of {promised} % over {}", slo.over)))
        }
        (Some(promised), Some(left)) => {
            Some((0.0, format!("spent {:.1} times; {promised} % promised over {}", 1.0 - left / 100.0, slo.over)))
        }
        _ => None,
    };
    html! {
        @match promise.and_then(|(slo, standing)| words(slo, standing)) {
            Some((left, words)) => {
                @let (sign, word) = if left <= 0.0 { (Tone::Bad, "spent") } else if left < 25.0 { (Tone::Warn, "little left") } else { (Tone::Ok, "kept") };
                meter aria-label="Error budget left" min="0" max="100" low="25" high="50" optimum="100" value=(format!("{left:.0}")) { (words) }
                " " (badge(sign, word))
                p class="muted small" { (words) }
            },
            None => { span class="muted" { @if promise.is_some() { "nothing measured yet" } @else { "nothing promised" } } },
        }
    }
}

/// A line of the last hours; what it shows stands in words, too.
fn spark(points: &[Point], id: &str, now: Instant) -> Markup {
    let failed = points.iter().filter(|point| point.failed).count();
    let values: Vec<f64> = points.iter().filter_map(|point| point.took_ms).collect();
    let (least, most) =
        (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(0.0_f64, f64::max));
    let mut words = match values.is_empty() {
        true => "answers were not timed".to_owned(),
        false => format!("{least:.0} to {most:.0} ms"),
    };
    match failed {
        0 => words.push_str(", none failed"),
        some => words.push_str(&format!(", failures in {some} of {} stretches of 5 min", points.len())),
    }
    let begins = now - LATELY;
    let x = |at: Instant| {
        let share = ratio(at - begins, LATELY).clamp(0.0, 1.0);
        (share * (WIDTH - 4.0) + 2.0).round()
    };
    let y = |value: f64| (HEIGHT - 4.0 - (value / most.max(1.0)) * (HEIGHT - 8.0)).round();
    html! {
        @if points.is_empty() { span class="muted" { "no samples" } }
        @else if values.is_empty() && failed == 0 { span class="muted small" { (words) } }
        @else {
            svg class="spark" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) role="img" aria-labelledby={ "spark-" (id) } {
                title id={ "spark-" (id) } { "Last " (LATELY.num_hours()) " hours: " (words) }
                @for line in lines(points) {
                    polyline fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round"
                        points=(line.iter().map(|(at, value)| format!("{},{}", x(*at), y(*value))).collect::<Vec<_>>().join(" ")) {}
                }
                @for point in points.iter().filter(|point| point.failed) {
                    rect class="failed" x=(x(point.at) - 1.0) y="0" width="2" height=(HEIGHT) {}
                }
            }
            p class="muted small" { (words) }
        }
    }
}

/// What was measured, in pieces between which nobody looked; a piece of one point gets a second one, so that it is seen.
fn lines(points: &[Point]) -> Vec<Vec<(Instant, f64)>> {
    let mut lines: Vec<Vec<(Instant, f64)>> = Vec::new();
    for (at, value) in points.iter().filter_map(|point| Some((point.at, point.took_ms?))) {
        match lines.last_mut().filter(|line| line.last().is_some_and(|(last, _)| at - *last <= TimeDelta::minutes(15)))
        {
            Some(line) => line.push((at, value)),
            None => lines.push(vec![(at, value)]),
        }
    }
    for line in &mut lines {
        if let [(at, value)] = line.as_slice() {
            let second = (*at + TimeDelta::minutes(5), *value);
            line.push(second);
        }
    }
    lines
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of some hours")]
fn ratio(part: TimeDelta, whole: TimeDelta) -> f64 {
    part.num_milliseconds() as f64 / whole.num_milliseconds().max(1) as f64
}
