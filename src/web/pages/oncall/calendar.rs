//! The coming days as a table: a day is a row, a schedule a column.

use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use maud::{Markup, html};

use super::super::write::{Tone, badge};
use crate::base::event::Instant;
use crate::base::schedule::instant_of;
use crate::base::text::one_line;
use crate::bot::oncall::{Calendar, Row};

/// What of a stretch lies in one day.
struct Piece<'a> {
    row: &'a Row,
    from: Instant,
    until: Instant,
}

/// The table, with what is missing said above it.
pub fn table(calendars: &[Calendar], days: u32, now: Instant, zone: Tz) -> Markup {
    let today = now.with_timezone(&zone).date_naive();
    let dates: Vec<NaiveDate> = (0..days).filter_map(|day| today.checked_add_days(Days::new(u64::from(day)))).collect();
    let holes: usize = calendars.iter().map(|one| one.rows.iter().filter(|row| row.person.is_none()).count()).sum();
    html! {
        @if holes > 0 {
            p class="notice bad" role="status" {
                "✗ Nobody is on call in " (if holes == 1 { "one stretch".to_owned() } else { format!("{holes} stretches") }) " of these days; they stand as “nobody” below. "
                code { "rundown oncall override SCHEDULE PERSON --from … --until …" } " fills one."
            }
        }
        table class="rows" {
            caption class="sr" { "Who is on call, day by day and by schedule" }
            thead { tr {
                th scope="col" { "Day" }
                @for one in calendars {
                    th scope="col" {
                        (one_line(&one.schedule, 60))
                        @if one.zone != zone { " " span class="muted" { "(changes by the clock of " (one.zone.name()) ")" } }
                    }
                }
            } }
            tbody { @for date in dates {
                tr {
                    th scope="row" { time datetime=(date) { (date.format("%a %Y-%m-%d")) } @if date == today { " " (badge(Tone::Live, "today")) } }
                    @for one in calendars { td data-label=(one_line(&one.schedule, 60)) { (cell(one, date, now, zone)) } }
                }
            } }
        }
    }
}

fn cell(calendar: &Calendar, date: NaiveDate, now: Instant, zone: Tz) -> Markup {
    let begins = instant_of(date.and_time(NaiveTime::MIN), zone);
    let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
    let ends = instant_of(next.and_time(NaiveTime::MIN), zone);
    let pieces = calendar.rows.iter().filter(|row| row.from < ends && begins < row.until);
    let pieces: Vec<Piece<'_>> =
        pieces.map(|row| Piece { row, from: row.from.max(begins), until: row.until.min(ends) }).collect();
    // Today begins now: what is over is not told.
    let whole = matches!(pieces.as_slice(), [only] if only.from <= begins.max(now) && only.until == ends);
    html! {
        @if pieces.is_empty() { span class="muted" { "–" } }
        @for piece in &pieces { div { (one(piece, whole, ends, zone)) } }
    }
}

fn one(piece: &Piece<'_>, whole: bool, ends: Instant, zone: Tz) -> Markup {
    let clock = |at: Instant| at.with_timezone(&zone).format("%H:%M").to_string();
    let until = if piece.until == ends { "24:00".to_owned() } else { clock(piece.until) };
    html! {
        @if !whole { span class="times muted" { (clock(piece.from)) "–" (until) } " " }
        @match &piece.row.person {
            Some(person) => { (one_line(person.name(), 60)) },
            None => { (badge(Tone::Bad, "nobody")) },
        }
        @if let Some((id, why)) = &piece.row.by_override {
            " " (badge(Tone::Live, "override")) " "
            span class="muted small" { (id) @if let Some(why) = why { ": " (one_line(why, 100)) } }
        }
    }
}
