//! What several pages are made of: times, states, filters, the way to older ones.
//!
//! Lives here: these pieces. Never lives here: what one page is about.

use chrono_tz::Tz;
use maud::{Markup, html};

pub use super::incident::head::{severity, status};
use super::write::{Pen, iso};
use crate::base::event::Instant;
use crate::base::text::{one_line, plain};
use crate::bot::Fault;
use crate::view::time;

/// The longest text of a filter, in characters.
const ASKED: usize = 200;

/// A moment in the reader's zone, to the minute. The zone itself stands once on a page ([`zone_note`]).
#[must_use]
pub fn when(at: Instant, zone: Tz) -> Markup {
    let shown = at.with_timezone(&zone).format("%Y-%m-%d %H:%M");
    html! { time datetime=(iso(at)) title=(time::zone_label(at, zone)) { (shown) } }
}

/// How long something has been so; goes on counting where scripts run.
#[must_use]
pub fn since(at: Instant, now: Instant, zone: Tz) -> Markup {
    pen(now, zone).since(at)
}

/// A moment ahead or behind with how far away it is: `14:00:00, in 20 min`; goes on counting where scripts run.
#[must_use]
pub fn due(at: Instant, now: Instant, zone: Tz) -> Markup {
    pen(now, zone).due(at)
}

/// For pages on which nothing can be pressed.
fn pen(now: Instant, zone: Tz) -> Pen<'static> {
    Pen { zone, now, csrf: "", back: "" }
}

/// By whose clock a page is read, in one line.
#[must_use]
pub fn zone_note(now: Instant, zone: Tz) -> Markup {
    html! { p class="muted small" { "Times are by the clock of " (time::zone_label(now, zone)) "." } }
}

/// The zone that was asked for, or the usual one; whether what was asked for is none.
#[must_use]
pub fn zone_asked(asked: Option<&str>, usual: Tz) -> (Tz, Option<String>) {
    match asked.map(str::trim).filter(|name| !name.is_empty()) {
        None => (usual, None),
        Some(name) => match crate::base::schedule::zone(name) {
            Ok(zone) => (zone, None),
            Err(_) => {
                (usual, Some(format!("'{}' is no time zone; one is America/Santiago, or UTC", one_line(name, 60))))
            }
        },
    }
}

/// The choice of a zone: the usual one, UTC, and others that matter here.
#[must_use]
pub fn zone_choice(chosen: Tz, others: impl IntoIterator<Item = Tz>) -> Markup {
    let mut names: Vec<&str> = others.into_iter().chain([Tz::UTC, chosen]).map(Tz::name).collect();
    names.sort_unstable();
    names.dedup();
    let options: Vec<(String, String)> = names.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect();
    select("zone", "Time zone", &options, Some(chosen.name()))
}

/// A text that was asked for, or nothing.
#[must_use]
pub fn asked(text: Option<&String>) -> Option<String> {
    text.map(|text| one_line(text, ASKED)).filter(|text| !text.is_empty())
}

/// What could not be understood of what was asked for, where there is anything.
#[must_use]
pub fn complaints(of: &[String]) -> Markup {
    html! { @for one in of { p class="notice warn" role="status" { "! " (one) } } }
}

/// A file beside the runbooks that cannot be used as it is: what is wrong with it, where somebody looks for what it says.
#[must_use]
pub fn unusable(what: &str, fault: &Fault) -> Markup {
    html! {
        p class="notice bad" role="alert" { "✗ " (what) }
        pre class="wrap" tabindex="0" { (plain(&fault.to_string(), 10_000)) }
        p { code { "rundown check" } " prints the same." }
    }
}

/// One of several, by value and text. What is chosen and no longer there is offered all the same.
#[must_use]
pub fn select(name: &str, label: &str, options: &[(String, String)], chosen: Option<&str>) -> Markup {
    let gone = chosen.filter(|chosen| !chosen.is_empty() && options.iter().all(|(value, _)| value != chosen));
    html! {
        div {
            label for={ "f-" (name) } { (label) }
            select id={ "f-" (name) } name=(name) {
                @for (value, text) in options {
                    option value=(value) selected[chosen == Some(value)] { (text) }
                }
                @if let Some(gone) = gone { option value=(gone) selected { (gone) } }
            }
        }
    }
}

/// A field of a filter: `type` is that of the input.
#[must_use]
pub fn field(name: &str, label: &str, kind: &str, value: Option<&str>) -> Markup {
    html! {
        div {
            label for={ "f-" (name) } { (label) }
            input id={ "f-" (name) } name=(name) type=(kind) value=[value] maxlength=[(kind == "search").then_some(ASKED)];
        }
    }
}

/// A form of filters. It works without any script, and what it leads to can be kept as a bookmark.
#[must_use]
pub fn filters(path: &str, fields: &Markup, filtered: bool) -> Markup {
    html! {
        form class="filters" method="get" action=(path) role="search" {
            (fields)
            button type="submit" { "Show" }
            @if filtered { a class="button" href=(path) { "Show all" } }
        }
    }
}

/// An address with what was asked for.
#[must_use]
pub fn address(path: &str, asked: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in asked {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A name as one part of a path.
#[must_use]
pub fn segment(name: &str) -> String {
    // In a query a space may be a plus; in a path it may not.
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// `1 run`, `2 runs`.
#[must_use]
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_stays_one_value_in_the_address() {
        let asked = [("q", Some("a&b=c #\"")), ("zone", None), ("page", Some(""))];
        assert_eq!(address("/runs", &asked), "/runs?q=a%26b%3Dc+%23%22");
        assert_eq!(address("/runs", &[]), "/runs");
        assert_eq!(segment("../a b?c"), "..%2Fa%20b%3Fc");
    }

    #[test]
    fn a_zone_nobody_knows_is_told_and_changes_nothing() {
        assert_eq!(zone_asked(Some("Europe/Berlin"), Tz::UTC), (Tz::Europe__Berlin, None));
        let (zone, told) = zone_asked(Some("Mars/<b>"), Tz::UTC);
        assert_eq!(zone, Tz::UTC);
        assert!(told.is_some());
    }
}
