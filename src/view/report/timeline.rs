//! The timeline table: every fact that is worth a line, in the order in which things happened.

use serde::Serialize;

use super::Context;
use super::cite::{Cites, md};
use crate::base::event::{Instant, Recorded};
use crate::domain::run::event::Event;
use crate::domain::timeline::Fact;
use crate::view::sentence::Wording;
use crate::view::time;

/// See the module.
#[derive(Serialize)]
pub(super) struct Timeline {
    zone: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// The time of day, with the date in front where the day changes.
    time: String,
    who: String,
    text: String,
    cites: String,
}

/// A line before it is written.
struct Line {
    at: Instant,
    pos: u64,
    who: String,
    text: String,
    cites: Cites,
    /// Failed tries of one step in a row become one line: the step, and how many.
    tries: Option<(String, u32)>,
}

pub(super) fn timeline(context: &Context<'_>) -> Timeline {
    let mut wording = Wording::new(context.zone);
    for (run, plan) in context.plans {
        wording.know(run, plan);
    }
    let mut lines: Vec<Line> = Vec::new();
    for recorded in context.facts {
        let tries = failed_try(recorded);
        let Some(mut text) = wording.tell(&recorded.event) else { continue };
        if let (Some((step, _)), Some(last)) = (&tries, lines.last_mut())
            && let Some((before, count)) = &mut last.tries
            && before == step
        {
            *count += 1;
            last.cites.add(recorded.pos);
            last.text = format!("{count} attempts in a row failed; the last: {text}");
            continue;
        }
        let (happened, written) = (recorded.head.occurred_at, recorded.at);
        if written - happened >= chrono::TimeDelta::minutes(1) {
            text.push_str(&format!(" (written down at {})", time::clock(written, context.zone)));
        }
        let who = md(recorded.head.actor.label(), 60);
        lines.push(Line { at: happened, pos: recorded.pos, who, text, cites: Cites::one(recorded.pos), tries });
    }
    lines.sort_by_key(|line| (line.at, line.pos));
    let zone = lines.first().map_or(context.zone.name().to_owned(), |line| time::zone_label(line.at, context.zone));
    let mut today = None;
    let rows = lines.iter().map(|line| {
        let day = time::day(line.at, context.zone);
        let shown = match &today {
            Some(before) if *before == day => time::clock(line.at, context.zone),
            _ => time::moment(line.at, context.zone),
        };
        today = Some(day);
        Row { time: shown, who: line.who.clone(), text: md(&line.text, 1_000), cites: line.cites.text() }
    });
    Timeline { zone, rows: rows.collect() }
}

/// The step whose try failed and comes again by itself.
fn failed_try(recorded: &Recorded<Fact>) -> Option<(String, u32)> {
    match &recorded.event {
        Fact::Run(id, Event::AttemptFailed(failed)) if failed.again_at.is_some() => {
            Some((format!("{id}/{}", failed.step), 1))
        }
        _ => None,
    }
}
