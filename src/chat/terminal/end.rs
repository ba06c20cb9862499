//! The last lines of a run: how it ended, what holds, what to do next.
//!
//! Lives here: that text and the exit code. Pure.

use super::paint::wrap;
use super::run::Left;
use super::{Exit, Terminal};
use crate::base::text::one_line;
use crate::bot::waiting::{Waiting, waiting};
use crate::domain::run::event::Outcome;
use crate::domain::run::state::{Progress, State};
use crate::view::evidence;

/// What a script makes of it.
#[must_use]
pub fn exit(left: &Left) -> Exit {
    match left {
        Left::Over(Outcome::Succeeded) => Exit::Succeeded,
        Left::Over(_) => Exit::Failed,
        Left::Paused | Left::NeedsHuman | Left::Abandoned { .. } => Exit::NeedsHuman,
    }
}

/// How the run was left, what waits, and what to type next.
#[must_use]
pub fn text(state: &State, left: &Left, anchor: &str, terminal: &Terminal) -> String {
    let paint = terminal.paint;
    let mut text = String::from("\n");
    let mut line = |said: String| {
        text.push_str(&said);
        text.push('\n');
    };
    let id = &state.id;
    match left {
        Left::Over(outcome) => {
            let why = match &state.progress {
                Progress::Over { why, .. } | Progress::Ending { why, .. } if !why.is_empty() => {
                    format!(": {}", one_line(why, 300))
                }
                _ => String::new(),
            };
            let word = match outcome {
                Outcome::Succeeded => paint.good(outcome.word()),
                _ => paint.bad(outcome.word()),
            };
            line(format!("{id} {word}{why}"));
            criteria(state, terminal).into_iter().for_each(&mut line);
            line(format!("postmortem: rundown postmortem draft {}", state.opened.incident));
        }
        Left::Paused => {
            let who = state.paused.as_ref().map_or(String::new(), |who| format!(" by {who}"));
            line(format!("{id} is paused{who}. Go on with: rundown run --resume {id}"));
        }
        Left::NeedsHuman => {
            waiting(state).iter().for_each(|waiting| line(wanted(waiting, terminal)));
            line(format!("{id} needs a human. Then go on with: rundown run --resume {id}"));
        }
        Left::Abandoned { sent: Some(title) } => line(format!(
            "{id} was left while '{}' was under way; what came of it is looked at when it goes on: rundown run --resume {id}",
            one_line(title, 100)
        )),
        Left::Abandoned { sent: None } => {
            line(format!("{id} was left as it is. Go on with: rundown run --resume {id}"))
        }
    }
    line(paint.dim(&format!("journal: {}", short(anchor))));
    text
}

/// What waits, for whom, and the commands that answer it.
pub(super) fn wanted(waiting: &Waiting, terminal: &Terminal) -> String {
    let paint = terminal.paint;
    let title = format!("{} {}", paint.ask("?"), paint.bold(&one_line(&waiting.title, 100)));
    let words = wrap(&one_line(&waiting.words(), 600), "  ", terminal.width);
    let before = waiting.before.iter().flat_map(|seen| evidence::plain_before(seen));
    let before = before.map(|line| wrap(&line, "  ", terminal.width));
    let commands = waiting.commands(None).into_iter().map(|command| format!("    {command}"));
    [title, words].into_iter().chain(before).chain(commands).collect::<Vec<_>>().join("\n")
}

/// Met, not met, to be ticked: one line each.
pub(super) fn criteria(state: &State, terminal: &Terminal) -> Vec<String> {
    let paint = terminal.paint;
    let Some(judged) = &state.judged else { return Vec::new() };
    let mut lines = Vec::new();
    for (index, criterion) in judged.iter().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let ticked = state.ticks.get(&number);
        let text = one_line(&criterion.text, 200);
        let saw = criterion.saw.as_deref().map_or(String::new(), |saw| format!(" (saw {})", one_line(saw, 120)));
        lines.push(match (criterion.met, ticked) {
            (_, Some(who)) => format!("  [x] {text} ({who})"),
            (Some(true), None) => format!("  [x] {text}"),
            (Some(false), None) => format!("  [ ] {} {text}{saw}", paint.bad("not met:")),
            (None, None) => {
                format!("  [ ] {text}  {}", paint.dim(&format!("rundown tick {} --run {}", index + 1, state.id)))
            }
        });
    }
    lines
}

/// An anchor that fits on a line; its first digits are enough for `verify`.
fn short(anchor: &str) -> &str {
    anchor.char_indices().nth(72).map_or(anchor, |(at, _)| &anchor[..at])
}
