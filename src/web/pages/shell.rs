//! The frame of every page: head, navigation, what stands under it.
//!
//! Lives here: [`page`], what is the same on all pages. Never lives here: what one page is about.

use maud::{DOCTYPE, Markup, html};

use crate::web::assets;
use crate::web::session::Viewer;

/// Where somebody is: what is marked in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Incidents.
    Incidents,
    /// Runs.
    Runs,
    /// Runbooks.
    Runbooks,
    /// Monitors.
    Monitors,
    /// Who is on call.
    Oncall,
    /// Action items.
    Actions,
    /// None of them.
    Elsewhere,
}

const PLACES: [(Place, &str, &str); 6] = [
    (Place::Incidents, "/", "Incidents"),
    (Place::Runs, "/runs", "Runs"),
    (Place::Runbooks, "/runbooks", "Runbooks"),
    (Place::Monitors, "/monitors", "Monitors"),
    (Place::Oncall, "/oncall", "On call"),
    (Place::Actions, "/actions", "Actions"),
];

/// A whole page for nobody in particular. `title` stands in the tab, before the program's name.
#[must_use]
pub fn page(title: &str, place: Place, body: &Markup) -> Markup {
    framed(None, title, place, body)
}

/// A whole page for somebody who is signed in: says who that is, and what came of what they did last.
#[must_use]
pub fn page_for(viewer: &Viewer, title: &str, place: Place, body: &Markup) -> Markup {
    framed(Some(viewer), title, place, body)
}

fn framed(viewer: Option<&Viewer>, title: &str, place: Place, body: &Markup) -> Markup {
    let said = viewer.and_then(|viewer| viewer.said.as_ref());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(viewer) = viewer { meta name="csrf" content=(viewer.csrf); }
                title { (title) " · Rundown" }
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                header class="top" {
                    nav aria-label="Pages" {
                        a class="brand" href="/" { "Rundown" }
                        ul {
                            @for (here, path, label) in PLACES {
                                li {
                                    a href=(path) aria-current=[(here == place).then_some("page")] { (label) }
                                }
                            }
                        }
                        @if let Some(viewer) = viewer {
                            span class="who" { a href="/login" { (viewer.who.actor.label()) } }
                        }
                    }
                }
                main id="main" tabindex="-1" {
                    @if let Some(said) = said {
                        p class={ "notice " (if said.done { "ok" } else { "bad" }) } role="status" { (said.text) }
                    }
                    (body)
                }
            }
        }
    }
}

/// A page that only says something: nothing is there, something went wrong.
#[must_use]
pub fn message(title: &str, lines: &[&str]) -> Markup {
    let body = html! {
        h1 { (title) }
        @for line in lines { p { (line) } }
        p { a href="/" { "To the incidents" } }
    };
    page(title, Place::Elsewhere, &body)
}
