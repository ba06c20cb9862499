//! How quickly people were, month by month: a small chart for each measure, and the same as a table.

use chrono::NaiveDate;
use maud::{Markup, html};

use super::super::parts::count;
use crate::bot::lists::incidents::{Median, Month};
use crate::domain::incident::state::Measure;
use crate::view::time;

/// The size of a chart, in units of its SVG.
const WIDTH: u32 = 360;
/// See [`WIDTH`].
const HEIGHT: u32 = 140;
/// Where the bars stand.
const GROUND: u32 = 120;
/// How high the highest one is.
const HIGHEST: i64 = 88;

/// The section; nothing where no incident says anything of it.
pub fn over_time(months: &[Month]) -> Markup {
    let known = |at: usize| months.iter().filter_map(|month| month.measures[at]).map(|median| median.of).sum::<usize>();
    if (0..Measure::ALL.len()).all(|at| known(at) == 0) {
        return html! {};
    }
    let all: usize = months.iter().map(|month| month.incidents).sum();
    html! {
        section aria-labelledby="over-time" {
            h2 id="over-time" { "How quickly, month by month" }
            p class="muted" {
                "Medians over the " (count(all, "incident")) " that fit the filter above, by the month in which they were declared; at most "
                (crate::bot::lists::incidents::MONTHS) " months. An incident counts where both ends of a time are known; where nobody recorded its start, TTM and TTR begin when it was detected."
            }
            ul class="cards wide" {
                @for (at, measure) in Measure::ALL.into_iter().enumerate() {
                    @if known(at) > 0 { li class="card" { (chart(measure, at, months, known(at))) } }
                }
            }
            (table(months))
        }
    }
}

fn meaning(measure: Measure) -> String {
    let (from, to) = measure.between();
    format!("from {} to {}", from.word(), to.word())
}

/// Bars with their values written on them. A reader of the screen gets the table instead, which says the same and more.
fn chart(measure: Measure, at: usize, months: &[Month], known: usize) -> Markup {
    let values: Vec<Option<Median>> = months.iter().map(|month| month.measures[at]).collect();
    let highest = values.iter().flatten().map(|median| median.length.num_milliseconds()).max().unwrap_or(1).max(1);
    let slot = WIDTH / u32::try_from(months.len().max(1)).unwrap_or(1);
    let bar = (slot * 3 / 5).min(48);
    let place = |index: usize| u32::try_from(index).unwrap_or(0) * slot + slot / 2;
    let height = |median: &Median| {
        let height = median.length.num_milliseconds().max(0) * HIGHEST / highest;
        u32::try_from(height).unwrap_or(0).max(2)
    };
    html! {
        h3 { (measure.word()) " " span class="muted" { (meaning(measure)) ", " (count(known, "incident")) } }
        svg class="bars" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) aria-hidden="true" focusable="false" {
            line x1="0" y1=(GROUND) x2=(WIDTH) y2=(GROUND) class="axis" {}
            @for (index, (month, value)) in months.iter().zip(&values).enumerate() {
                @let x = place(index);
                @if let Some(median) = value {
                    @let high = height(median);
                    rect x=(x - bar / 2) y=(GROUND - high) width=(bar) height=(high) rx="2" {}
                    text x=(x) y=(GROUND - high - 6) text-anchor="middle" { (short(median)) }
                }
                text x=(x) y=(GROUND + 18) text-anchor="middle" class="soft" { (label(month.first, months.len())) }
            }
        }
    }
}

/// A length in one unit and few characters: there is little room above a bar.
fn short(median: &Median) -> String {
    let minutes = median.length.num_minutes();
    match minutes {
        i64::MIN..=-1 => "< 0".to_owned(),
        0 => format!("{}s", median.length.num_seconds()),
        1..=99 => format!("{minutes}m"),
        100..=599 => format!("{}.{}h", minutes / 60, minutes % 60 / 6),
        600..=2_879 => format!("{}h", (minutes + 30) / 60),
        _ => format!("{}d", (minutes + 720) / 1_440),
    }
}

fn label(first: NaiveDate, months: usize) -> String {
    // Twelve labels stand side by side only where they are short.
    if months > 4 { first.format("%b").to_string() } else { first.format("%b %Y").to_string() }
}

fn table(months: &[Month]) -> Markup {
    html! {
        div class="scroll" role="region" tabindex="0" aria-label="The times in numbers" {
            table {
                caption { "The same in numbers: the median, and of how many incidents" }
                thead { tr {
                    th scope="col" { "Month" }
                    th scope="col" class="num" { "Incidents" }
                    @for measure in Measure::ALL {
                        th scope="col" class="num" { abbr title=(meaning(measure)) { (measure.word()) } }
                    }
                } }
                tbody { @for month in months.iter().rev() {
                    tr {
                        th scope="row" { time datetime=(month.first.format("%Y-%m")) { (month.first.format("%b %Y")) } }
                        td class="num" { (month.incidents) }
                        @for median in month.measures {
                            td class="num" {
                                @match median {
                                    Some(Median { length, of }) => { (time::length(time::rounded(length))) " " span class="muted" { "of " (of) } },
                                    None => { span class="muted" { "–" } },
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}
