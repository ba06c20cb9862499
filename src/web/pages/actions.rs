//! Action items of all incidents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::Failed;
use super::parts::{asked, field, filters, select, severity};
use super::shell::{Place, page_for};
use super::write::{Tone, badge};
use crate::base::event::IncidentId;
use crate::base::text::one_line;
use crate::bot::Bot;
use crate::bot::findings::{Listed, listed};
use crate::web::session::Viewer;

/// Items that are shown.
const MOST: usize = 200;

/// What was asked for, as it stood in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    owner: Option<String>,
    q: Option<String>,
    done: Option<String>,
}

/// What the page shows.
struct View {
    owner: Option<String>,
    text: Option<String>,
    done: bool,
    all: Vec<Listed>,
    titles: BTreeMap<IncidentId, String>,
    /// How many incidents there are that were not looked at.
    older: usize,
}

/// `GET /actions`.
///
/// # Errors
/// The journal.
pub async fn list(viewer: Viewer, State(bot): State<Arc<Bot>>, Query(query): Query<Asked>) -> Result<Markup, Failed> {
    let known = bot.known_incidents().await?;
    let done = query.done.as_deref() == Some("yes");
    let incidents = known.all.iter().map(|(id, state)| (id, &**state));
    let all = listed(incidents, bot.clock().now(), done);
    let titles = known.all.iter().map(|(id, state)| (id.clone(), one_line(&state.title, 120))).collect();
    let (owner, text) = (asked(query.owner.as_ref()), asked(query.q.as_ref()));
    let view = View { owner, text, done, all, titles, older: known.older };
    Ok(page_for(&viewer, "Action items", Place::Actions, &body(&view)))
}

impl View {
    fn fits(&self, item: &Listed) -> bool {
        let owner = item.action.stated.owner.as_ref().map_or("", |owner| owner.name());
        let text = item.action.stated.text.to_lowercase();
        let title = self.titles.get(&item.incident).map(|title| title.to_lowercase()).unwrap_or_default();
        let holds = |asked: &String| {
            let asked = asked.to_lowercase();
            text.contains(&asked) || title.contains(&asked) || item.incident.as_str().contains(&asked)
        };
        self.owner.as_deref().is_none_or(|asked| if asked == NOBODY { owner.is_empty() } else { owner == asked })
            && self.text.as_ref().is_none_or(holds)
    }
}

/// Stands in the address for items that nobody owns.
const NOBODY: &str = "-";

fn body(view: &View) -> Markup {
    let found: Vec<&Listed> = view.all.iter().filter(|item| view.fits(item)).collect();
    let overdue = view.all.iter().filter(|item| item.overdue).count();
    let open = view.all.iter().filter(|item| !item.action.done).count();
    let filtered = view.owner.is_some() || view.text.is_some() || view.done;
    html! {
        div class="tools" { h1 { "Action items" } span class="muted" { (open) " open, " (overdue) " overdue" } }
        @if view.all.is_empty() && !filtered {
            div class="empty" {
                p { "Nothing is to be done." }
                p { code { "rundown action add TEXT --owner NAME --due DAY" } " writes down what is to follow from an incident; " code { "/action add" } " does so in chat." }
            }
        } @else {
            (form(view, filtered))
            @if found.is_empty() { p class="empty" { "No action item is like that. " a href="/actions" { "All open ones" } " are still there." } }
            @else { (table(view, &found)) }
        }
        @if view.older > 0 { p class="muted" { "Items of " (view.older) " older incidents are not in this list; " code { "rundown action list INC" } " shows those of one." } }
    }
}

fn form(view: &View, filtered: bool) -> Markup {
    let pair = |value: &str, text: &str| (value.to_owned(), text.to_owned());
    let owners: BTreeSet<&str> =
        view.all.iter().filter_map(|item| item.action.stated.owner.as_ref()).map(|owner| owner.name()).collect();
    let owners: Vec<(String, String)> = [pair("", "anybody"), pair(NOBODY, "nobody yet")]
        .into_iter()
        .chain(owners.into_iter().map(|name| pair(name, &one_line(name, 60))))
        .collect();
    let fields = html! {
        (field("q", "Text or incident", "search", view.text.as_deref()))
        (select("owner", "Owner", &owners, view.owner.as_deref().or(Some(""))))
        (select("done", "Which", &[pair("", "open"), pair("yes", "open and done")], Some(if view.done { "yes" } else { "" })))
    };
    filters("/actions", &fields, filtered)
}

fn table(view: &View, found: &[&Listed]) -> Markup {
    html! {
        table class="rows" {
            caption class="sr" { "Action items, overdue ones first" }
            thead { tr {
                th scope="col" { "What" }
                th scope="col" { "Due" }
                th scope="col" { "Owner" }
                th scope="col" { "Priority" }
                th scope="col" { "Incident" }
            } }
            tbody { @for item in found.iter().take(MOST) {
                @let stated = &item.action.stated;
                tr {
                    th scope="row" {
                        (one_line(&stated.text, 300)) " " span class="muted" { (item.id) }
                        @if let Some(url) = stated.url.as_ref().filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
                            p class="small" { a href=(url) rel="noreferrer" { (one_line(url, 100)) } }
                        }
                    }
                    td data-label="Due" { (due(item)) }
                    td data-label="Owner" { (stated.owner.as_ref().map_or_else(|| "nobody yet".to_owned(), |owner| one_line(owner.name(), 60))) }
                    td data-label="Priority" { (match stated.priority { Some(priority) => severity(Some(priority)), None => html! { "–" } }) }
                    td data-label="Incident" {
                        a href={ "/incidents/" (item.incident) } { (item.incident) }
                        " " (view.titles.get(&item.incident).map_or("", String::as_str))
                    }
                }
            } }
        }
        @if found.len() > MOST { p class="muted" { "The first " (MOST) " of " (found.len()) "; a filter finds the others." } }
    }
}

fn due(item: &Listed) -> Markup {
    html! {
        @if item.action.done { (badge(Tone::Ok, "done")) " " } @else if item.overdue { (badge(Tone::Bad, "overdue")) " " }
        @match item.action.stated.due {
            Some(day) => { time datetime=(day) { (day.format("%a %Y-%m-%d")) } },
            None => { "no date" },
        }
    }
}
