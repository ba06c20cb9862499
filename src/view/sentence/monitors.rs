//! Facts of monitors in sentences.

use chrono::TimeDelta;

use super::{NAME, QUOTE};
use crate::base::event::Instant;
use crate::base::text::one_line;
use crate::domain::monitor::event::{Event, Silence};
use crate::domain::monitor::state::Level;
use crate::view::time;

pub(super) fn sentence(name: &str, event: &Event, at: impl Fn(Instant) -> String) -> Option<String> {
    let name = one_line(name, NAME);
    let seen = |text: &str| one_line(text, QUOTE);
    Some(match event {
        Event::Failed(failed) => {
            let silent = failed.silenced.as_ref().map_or(String::new(), |silence| format!("; {}", silent(silence)));
            format!("monitor {name} has failed since {}: {}{silent}", at(failed.since), seen(&failed.seen))
        }
        Event::Unsilenced(unsilenced) => {
            format!("monitor {name} still fails, and nothing keeps it silent any more: {}", seen(&unsilenced.seen))
        }
        Event::Degraded(degraded) => match degraded.after_ms {
            Some(after) => {
                let after = length(after);
                format!("monitor {name} no longer fails, after {after}, but is degraded: {}", seen(&degraded.seen))
            }
            None => format!("monitor {name} has been degraded since {}: {}", at(degraded.since), seen(&degraded.seen)),
        },
        Event::Recovered(recovered) => {
            let was = if recovered.from == Level::Failing { "failing" } else { "being degraded" };
            let (since, after) = (at(recovered.since), length(recovered.after_ms));
            format!("monitor {name} has been well again since {since}, after {after} of {was}")
        }
        Event::Flapping(flapping) => {
            let silent = flapping.silenced.as_ref().map_or(String::new(), |silence| format!("; {}", silent(silence)));
            let (changes, within) = (flapping.changes, length(flapping.within_ms));
            let text = seen(&flapping.seen);
            format!(
                "monitor {name} goes to and fro, {changes} times within {within}; just now {}: {text}{silent}",
                flapping.level.word()
            )
        }
        Event::Steady(steady) => {
            let after = length(steady.after_ms);
            format!("monitor {name} is steady again after {after}: {} since {}", steady.level.word(), at(steady.since))
        }
        Event::Muted(muted) => {
            let (by, until) = (one_line(muted.by.name(), NAME), at(muted.until));
            format!("{by} muted the monitor {name} until {until}: {}", seen(&muted.why))
        }
        Event::Unmuted(unmuted) => {
            let why = unmuted.why.as_deref().map_or(String::new(), |why| format!(": {}", seen(why)));
            format!("{} wants to hear of the monitor {name} again{why}", one_line(unmuted.by.name(), NAME))
        }
        // What came of it is a fact of its own.
        Event::Alerted(_) => return None,
    })
}

/// Why nobody is called.
pub(crate) fn silent(silence: &Silence) -> String {
    match silence {
        Silence::Parent { monitor } => format!("nobody is called, because {} fails", one_line(monitor, NAME)),
        Silence::Maintenance { why } => format!("nobody is called during maintenance: {}", one_line(why, QUOTE)),
        Silence::Person { person, why } => {
            format!("nobody is called, {} muted it: {}", one_line(person.name(), NAME), one_line(why, QUOTE))
        }
    }
}

fn length(millis: u64) -> String {
    time::length(TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(i64::MAX)))
}
