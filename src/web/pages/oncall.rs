//! Who is on call: now, then, and on the coming days.

pub(super) mod calendar;

use std::sync::Arc;

use axum::extract::{Query, State};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;

use super::Failed;
use super::parts::{complaints, due, filters, select, unusable, when, zone_asked, zone_choice, zone_note};
use super::shell::{Place, page_for};
use super::write::{Pen, Tone, badge};
use crate::base::event::{Actor, Instant, Person};
use crate::base::text::one_line;
use crate::bot::Bot;
use crate::bot::grammar::{Page, Who};
use crate::bot::offers;
use crate::bot::oncall::{Calendar, OnDuty};
use crate::bot::paging::Paged;
use crate::domain::page::state::{Phase, State as Paging};
use crate::view::pages::{headline, standing};
use crate::web::session::Viewer;

/// How many days the calendar may have.
const DAYS: [u32; 2] = [14, 28];
/// Pages that are shown, the newest.
const PAGES: usize = 20;

/// What was asked for, as it stood in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    days: Option<String>,
    zone: Option<String>,
}

/// What the page shows.
struct View {
    zone: Tz,
    days: u32,
    complaints: Vec<String>,
    duty: Vec<OnDuty>,
    calendars: Vec<Calendar>,
    /// What calls somebody just now.
    pages: Vec<Paging>,
    /// What forms of whoever looks carry.
    csrf: String,
}

/// `GET /oncall`.
///
/// # Errors
/// The journal.
pub async fn list(viewer: Viewer, State(bot): State<Arc<Bot>>, Query(query): Query<Asked>) -> Result<Markup, Failed> {
    let show = |body: &Markup| Ok(page_for(&viewer, "On call", Place::Oncall, body));
    let oncall = match bot.library().oncall() {
        Ok(Some(oncall)) => oncall,
        Ok(None) => return show(&nobody()),
        Err(fault) => {
            let told = unusable("Nobody can say who is on call: oncall.yaml has faults.", &fault);
            return show(&html! { h1 { "On call" } (told) });
        }
    };
    let (zone, told) = zone_asked(query.zone.as_deref(), oncall.zone);
    let asked = query.days.as_deref().and_then(|days| days.parse().ok());
    let days = asked.filter(|days| DAYS.contains(days)).unwrap_or(DAYS[0]);
    let Paged::List { mut pages, .. } = bot.paging(&Actor::Bot, Page::List { all: false }).await? else {
        return Err(crate::bot::Fault::Failed("pages cannot be listed".to_owned()).into());
    };
    pages.reverse();
    let view = View {
        zone,
        days,
        complaints: told.into_iter().collect(),
        duty: bot.on_call(&Who { schedule: None, at: None }).await?,
        calendars: bot.on_call_calendar(None, days).await?,
        pages,
        csrf: viewer.csrf.clone(),
    };
    show(&body(&view, bot.clock().now()))
}

fn nobody() -> Markup {
    html! {
        h1 { "On call" }
        div class="empty" {
            p { "Nobody is on call: there is no " code { "oncall.yaml" } " beside the runbooks." }
            p { "It says who is called when, and by whom then if nobody answers: docs/oncall.md shows one, "
                code { "rundown check" } " reads it, and " code { "rundown oncall simulate" } " shows what it comes to." }
        }
    }
}

fn body(view: &View, now: Instant) -> Markup {
    let zones = view.duty.iter().map(|one| one.zone);
    let days: Vec<(String, String)> = DAYS.iter().map(|days| (days.to_string(), format!("{days} days"))).collect();
    let fields = html! {
        (select("days", "Calendar", &days, Some(&view.days.to_string())))
        (zone_choice(view.zone, zones))
    };
    html! {
        div class="tools" { h1 { "On call" } }
        (complaints(&view.complaints))
        (calling(view, now))
        h2 { "Now" }
        (now_on_duty(view, now))
        (asked_for(view, now))
        h2 id="calendar" { "The coming " (view.days) " days" }
        (filters("/oncall", &fields, false))
        (zone_note(now, view.zone))
        (calendar::table(&view.calendars, view.days, now, view.zone))
    }
}

fn pen(view: &View, now: Instant) -> Pen<'_> {
    Pen { zone: view.zone, now, csrf: &view.csrf, back: "/oncall" }
}

/// What calls somebody just now.
fn calling(view: &View, now: Instant) -> Markup {
    let state = |page: &Paging| match page.phase {
        Phase::Held { .. } => badge(Tone::Idle, "held"),
        Phase::Calling { .. } => badge(Tone::Wait, "calling"),
        Phase::Acknowledged { .. } => badge(Tone::Live, "answered"),
        Phase::GivenUp => badge(Tone::Bad, "nobody answered"),
        Phase::Ended { .. } => badge(Tone::Ok, "over"),
    };
    html! {
        @if !view.pages.is_empty() {
            h2 { "Calls that are open" }
            ul class="cards" { @for page in view.pages.iter().take(PAGES) {
                li class="card" {
                    p {
                        (state(page)) " " b { (headline(page)) }
                        @if let Some(incident) = &page.opened.incident { " " a href={ "/incidents/" (incident) } { "open " (incident) } }
                    }
                    p { (one_line(&standing(page, now, view.zone), 400)) ". Began " (when(page.opened_at, view.zone)) "." }
                    div class="acts" { @for offer in offers::of_page(page) { (pen(view, now).offer(&offer, "")) } }
                }
            } }
            @if view.pages.len() > PAGES { p class="muted" { "The newest " (PAGES) " of " (view.pages.len()) "." } }
        }
    }
}

fn now_on_duty(view: &View, now: Instant) -> Markup {
    html! {
        table class="rows" {
            caption class="sr" { "Who is on call now, by schedule" }
            thead { tr {
                th scope="col" { "Schedule" }
                th scope="col" { "On call" }
                th scope="col" { "Until" }
                th scope="col" { "Then" }
            } }
            tbody { @for one in &view.duty {
                tr {
                    th scope="row" { (one_line(&one.schedule, 60)) }
                    td data-label="On call" {
                        (who(one.person.as_ref()))
                        @if let Some(id) = &one.by_override { " " (badge(Tone::Live, "override")) " " span class="muted" { (id) } }
                    }
                    @match &one.next {
                        Some(next) => {
                            td data-label="Until" { (due(next.at, now, view.zone)) }
                            td data-label="Then" { (who(next.to.as_ref())) }
                        },
                        None => {
                            td data-label="Until" { span class="muted" { "no end in sight" } }
                            td data-label="Then" { "–" }
                        },
                    }
                }
            } }
        }
    }
}

/// A name, or that nobody is there, loudly.
fn who(person: Option<&Person>) -> Markup {
    match person {
        Some(person) => html! { b { (one_line(person.name(), 60)) } },
        None => badge(Tone::Bad, "nobody"),
    }
}

/// Requests for cover that nobody has taken so far.
fn asked_for(view: &View, now: Instant) -> Markup {
    let asked: Vec<_> =
        view.calendars.iter().flat_map(|one| one.asked.iter().map(move |(id, asked)| (one, id, asked))).collect();
    html! {
        @if !asked.is_empty() {
            h2 { "Somebody asks for cover" }
            ul class="cards" { @for (calendar, id, asked) in asked {
                li class="card" {
                    p {
                        (badge(Tone::Wait, "not taken")) " " (one_line(asked.person.name(), 60)) " on " (one_line(&calendar.schedule, 60)) ", "
                        (when(asked.from, view.zone)) " to " (when(asked.until, view.zone))
                        @if let Some(why) = &asked.why { ": " (one_line(why, 200)) }
                    }
                    div class="acts" { @for offer in offers::of_cover(id) { (pen(view, now).offer(&offer, "")) } }
                }
            } }
        }
    }
}
