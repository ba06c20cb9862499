//! One monitor: what it asks and when it alarms, its samples, what changed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use super::monitors::{budget, standing};
use super::parts::{count, segment, severity, when, zone_note};
use super::shell::{Place, page_for};
use super::{Failed, nothing};
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::bot::lists::monitors::{InDetail, Stretch};
use crate::bot::{Bot, Fault};
use crate::domain::monitor::spec::{Check, Spec};
use crate::view::chart::{Chart, Look, figures};
use crate::view::sentence::Wording;
use crate::web::session::Viewer;

/// A chart with the name of its file.
type Drawn = (&'static str, Option<Chart>);

/// `GET /monitors/{name}`.
///
/// # Errors
/// `monitors.yaml` has faults, the journal, the samples.
pub async fn one(viewer: Viewer, State(bot): State<Arc<Bot>>, Path(name): Path<String>) -> Result<Response, Failed> {
    let detail = match bot.monitor_in_detail(&name).await {
        Ok(detail) => detail,
        // No file that names it: to whoever asks that is the same as no monitor.
        Err(Fault::Usage(_)) if !is_known(&bot, &name)? => return Ok(nothing().await),
        Err(fault) => return Err(fault.into()),
    };
    let charts =
        [("day.svg", bot.monitor_chart(&name, Stretch::Day)?), ("week.svg", bot.monitor_chart(&name, Stretch::Week)?)];
    let body = body(&detail, &charts, bot.clock().now());
    Ok(page_for(&viewer, &one_line(&detail.shown.seen.title, 100), Place::Monitors, &body).into_response())
}

/// `GET /monitors/{name}/{chart}`: a picture that follows its reader's light or dark setting by itself.
///
/// # Errors
/// `monitors.yaml` has faults, the samples.
pub async fn chart(
    _: Viewer,
    State(bot): State<Arc<Bot>>,
    Path((name, chart)): Path<(String, String)>,
) -> Result<Response, Failed> {
    let stretch = match chart.as_str() {
        "day.svg" => Stretch::Day,
        "week.svg" => Stretch::Week,
        _ => return Ok(nothing().await),
    };
    if !is_known(&bot, &name)? {
        return Ok(nothing().await);
    }
    match bot.monitor_chart(&name, stretch)? {
        Some(chart) => {
            let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, max-age=30")];
            Ok((headers, chart.svg(Look::page())).into_response())
        }
        None => Ok(nothing().await),
    }
}

fn is_known(bot: &Bot, name: &str) -> Result<bool, Fault> {
    // A file with faults is nobody's wrong address.
    let watched = bot.library().monitors().map_err(|fault| Fault::Failed(fault.to_string()))?;
    Ok(watched.monitors.all.contains_key(name))
}

fn body(detail: &InDetail, charts: &[Drawn], now: Instant) -> Markup {
    let (shown, seen) = (&detail.shown, &detail.shown.seen);
    html! {
        p { a href="/monitors" { "Monitors" } }
        div class="tools" { h1 { (one_line(&seen.title, 160)) } @if seen.title != seen.id { code { (seen.id) } } }
        div { (standing(seen, now)) }
        div class="grid" {
            section aria-labelledby="samples" {
                h2 id="samples" { "Samples" }
                @if charts.iter().all(|(_, chart)| chart.is_none()) {
                    p class="empty" { "Nothing was sampled in the last 7 days. " code { "rundown serve" } " asks by itself; "
                        code { "rundown monitor test " (seen.id) } " asks once." }
                }
                @for (file, chart) in charts { @if let Some(chart) = chart { (picture(&seen.id, file, chart)) } }
            }
            section aria-labelledby="asks" {
                h2 id="asks" { "What is asked, and when it alarms" }
                (facts(detail))
                h3 { "Error budget" }
                (budget(shown.promise.as_ref()))
            }
        }
        (history(detail, now))
    }
}

fn picture(id: &str, file: &str, chart: &Chart) -> Markup {
    let words: Vec<String> = chart
        .panels
        .iter()
        .map(|panel| format!("{}: {}", panel.label(), figures(&panel.series, panel.unit).join(", ")))
        .collect();
    let words = one_line(&format!("{}. {}", chart.title, words.join("; ")), 600);
    html! {
        figure {
            img src={ "/monitors/" (segment(id)) "/" (file) } alt=(words) loading="lazy";
            figcaption { (words) }
        }
    }
}

fn facts(detail: &InDetail) -> Markup {
    let (shown, spec) = (&detail.shown, &detail.spec);
    html! {
        dl class="facts" {
            @if let Some(target) = &spec.target { dt { "Target" } dd { (one_line(target, 60)) } }
            dt { "Asks" }
            dd { "every " (shown.every) ": " (one_line(&shown.asks, 400)) }
            @if let Check::Probe(probe) = &spec.check {
                @if !probe.degraded_unless.is_empty() {
                    dt { "Degraded unless" }
                    dd { @for condition in &probe.degraded_unless { code { (one_line(condition.source(), 200)) } " " } }
                }
                dt { "An answer" }
                dd { "may take " (probe.timeout) }
            }
            dt { "Counts as failing" }
            dd { "once it has failed for " (spec.fail_for) "; as well again after " (spec.ok_for) }
            @if let Some(flapping) = spec.flapping {
                dt { "Counts as flapping" }
                dd { "at " (flapping.changes) " changes within " (flapping.within) }
            }
            @if !spec.depends_on.is_empty() {
                dt { "Silent while" }
                dd { (one_line(&spec.depends_on.join(", "), 300)) " fails" }
            }
            @for window in &spec.maintenance {
                dt { "Maintenance" }
                dd { code { (window.cron.text()) } " for " (window.lasts) " (" (window.zone.name()) "): " (one_line(&window.why, 160)) }
            }
            dt { "When it alarms" }
            dd { (follows(spec)) }
        }
    }
}

/// What follows from a failure.
fn follows(spec: &Spec) -> Markup {
    let on = &spec.on_failure;
    html! {
        @if let Some(bad) = on.severity { (severity(Some(bad))) " " }
        ul {
            @if on.declare { li { "declares an incident" } }
            @if on.page { li { "calls who is on call" } }
            @if on.post { li { "is said where people talk" } }
            @if let Some(id) = &on.propose { li { "proposes " a href={ "/runbooks/" (segment(id)) } { (one_line(id, 80)) } } }
            @if let Some(id) = &on.start { li { "starts " a href={ "/runbooks/" (segment(id)) } { (one_line(id, 80)) } } }
            @if !on.declare && !on.page && !on.post { li { "is written down, and nothing else" } }
        }
    }
}

fn history(detail: &InDetail, now: Instant) -> Markup {
    let zone = detail.shown.seen.zone;
    let mut wording = Wording::new(zone);
    let told: Vec<(Instant, String)> = detail
        .history
        .iter()
        .filter_map(|recorded| Some((recorded.head.occurred_at, wording.tell(&recorded.event)?)))
        .collect();
    html! {
        section aria-labelledby="history" {
            h2 id="history" { "What changed" }
            @if told.is_empty() {
                p class="empty" { "Nothing has changed since it is looked at. What is written down here begins with its first failure." }
            } @else {
                (zone_note(now, zone))
                table class="rows" {
                    caption class="sr" { "Changes and alarms, the newest first" }
                    thead { tr { th scope="col" { "When" } th scope="col" { "What" } } }
                    tbody { @for (at, said) in &told {
                        tr { th scope="row" { (when(*at, zone)) } td data-label="What" { (one_line(said, 400)) } }
                    } }
                }
                @if detail.older > 0 { p class="muted" { (count(detail.older, "older change")) " not shown." } }
            }
        }
    }
}
