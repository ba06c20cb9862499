//! The timeline of an incident, newest first, with what it is filtered by.

use maud::{Markup, html};

use super::look::Look;
use crate::base::text::one_line;
use crate::bot::board::Board;
use crate::view::time;
use crate::web::live::{Line, Sort};
use crate::web::pages::write::{Pen, iso};

/// Lines of a page.
pub const LINES: usize = 150;
/// Characters of a line.
const LONGEST: usize = 1_000;

/// Lines as they are shown: those that `look` wants, newest first, and whether there are earlier ones.
#[must_use]
pub fn chosen<'a>(lines: &'a [Line], look: &Look) -> (Vec<&'a Line>, bool) {
    let mut all: Vec<&Line> = lines.iter().filter(|line| look.shows(line)).collect();
    // What was written down later stands where it happened.
    all.sort_by_key(|line| std::cmp::Reverse((line.at, line.pos)));
    if let Some(before) = look.before
        && let Some(at) = all.iter().position(|line| line.pos == before)
    {
        all.drain(..=at);
    }
    let earlier = all.len() > LINES;
    all.truncate(LINES);
    (all, earlier)
}

/// The section. Its lines can be added to; everything else stays.
#[must_use]
pub fn log(board: &Board, lines: &[Line], look: &Look, pen: &Pen<'_>) -> Markup {
    let (shown, earlier) = chosen(lines, look);
    let path = format!("/incidents/{}", board.incident);
    let query = look.query();
    let and = |rest: &str| match query.is_empty() {
        true => format!("{path}?{rest}"),
        false => format!("{path}?{query}&{rest}"),
    };
    html! {
        section id="timeline" aria-labelledby="timeline-title" {
            h2 id="timeline-title" { "Timeline" }
            (filters(board, look, &path))
            p class="small muted" {
                "Times are in " (time::zone_label(pen.now, look.zone)) ". "
                @if look.before.is_some() { "Earlier lines; " a href={ (path) "?" (query) "#timeline" } { "to the newest" } "." }
            }
            ol class="log" id="log" data-live=[look.before.is_none().then_some("")] {
                @for line in &shown { (one(line, pen)) }
            }
            @if shown.is_empty() {
                p class="empty" id="log-empty" {
                    @if look.filters() { "No line fits. " a href={ (path) "#timeline" } { "Show all" } } @else { "Nothing is recorded yet." }
                }
            }
            @if let (true, Some(last)) = (earlier, shown.last()) {
                p { a class="button" href={ (and(&format!("before={}", last.pos))) "#timeline" } { "Earlier lines" } }
            }
        }
    }
}

/// One line. Who did it stands in front where the sentence does not say it.
#[must_use]
pub fn one(line: &Line, pen: &Pen<'_>) -> Markup {
    let today = time::day(line.at, pen.zone) == time::day(pen.now, pen.zone);
    let shown = if today { time::clock(line.at, pen.zone) } else { time::moment(line.at, pen.zone) };
    html! {
        li id={ "e" (line.pos) } data-at=(line.at.timestamp_millis()) {
            time class="at" datetime=(iso(line.at)) { (shown) }
            span class="said" { @if !line.who.is_empty() && !line.text.contains(&line.who) { b { (one_line(&line.who, 60)) } " " } (one_line(&line.text, LONGEST)) }
            a class="pos" href={ "#e" (line.pos) } aria-label={ "event " (line.pos) } { "#" (line.pos) }
        }
    }
}

fn filters(board: &Board, look: &Look, path: &str) -> Markup {
    let own = board.zone.name();
    html! {
        form class="filters" method="get" action={ (path) "#timeline" } {
            div {
                label for="kind" { "About" }
                select id="kind" name="kind" {
                    option value="" { "everything" }
                    @for (word, label, sort) in Sort::WORDS {
                        option value=(word) selected[look.sort == Some(sort)] { (label) }
                    }
                }
            }
            div { label for="who" { "Who" } input id="who" name="who" value=(look.who) size="10" maxlength="100"; }
            div { label for="q" { "Text" } input id="q" type="search" name="q" value=(look.text) maxlength="100"; }
            div {
                label for="zone" { "Times in" }
                select id="zone" name="zone" {
                    option value="" selected[!look.own_zone] { (own) }
                    @if own != "UTC" { option value="UTC" selected[look.own_zone && look.zone.name() == "UTC"] { "UTC" } }
                    @if look.own_zone && look.zone.name() != "UTC" {
                        option value=(look.zone.name()) selected { (look.zone.name()) }
                    }
                }
            }
            button { "Filter" }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::base::event::{Actor, Head, Instant, Recorded, RunId};
    use crate::domain::run::event::{Event, WatchLogFound};
    use crate::domain::timeline::Fact;
    use crate::web::live::Told;

    const EVIL: &str = "500 <script>pwned(1)</script> \"'><img src=x onerror=pwned(2)>";

    fn recorded(pos: u64, event: Event) -> Recorded<Fact> {
        let at: Instant = "2026-02-02T11:00:00Z".parse().unwrap();
        let head = Head { actor: Actor::Bot, occurred_at: at };
        Recorded { pos, at, head, event: Fact::Run(RunId::number(1), event) }
    }

    #[test]
    fn a_line_of_a_services_log_is_text_in_the_timeline() {
        let found = WatchLogFound { step: "watch".into(), text: EVIL.into(), line: EVIL.into(), at: None };
        let facts = [recorded(1, Event::WatchLogFound(found))];
        let mut told = Told::default();
        let pen = Pen { zone: Tz::UTC, now: facts[0].at, csrf: "", back: "/" };
        let shown = told.lines(&facts, Tz::UTC).iter().map(|line| one(line, &pen).into_string()).collect::<String>();
        assert_eq!(shown.matches("pwned(1)").count(), 2, "it can be read: {shown}");
        assert!(!shown.contains("<script") && !shown.contains("<img"), "{shown}");
    }
}
