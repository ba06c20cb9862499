//! A rehearsal as people read it.
//!
//! Lives here: what happened by the virtual clock, how it ended, what differed. Never lives here: the wording of facts
//! (`view::sentence`), colours.

use std::fmt::Write as _;

use chrono_tz::Tz;

use super::compare::outcome;
use super::entry::Entry;
use super::stage::Performance;
use crate::base::event::Recorded;
use crate::view::time;

/// The steps as they happened, a line each with the virtual time. What a line repeats of its neighbours is left out: of
/// tries in a row only the first is shown, with their number where they end.
pub(super) fn lines(played: &Performance, entries: &[Entry], zone: Tz) -> Vec<String> {
    let mut lines = Vec::new();
    let mut remarks = played.remarks.iter().peekable();
    let mut tries = Tries::default();
    for (Recorded { pos, .. }, entry) in played.facts.iter().zip(entries) {
        if let Some(sentence) = tries.tell(entry) {
            lines.push(format!("{}  {sentence}", time::clock(entry.at, zone)));
        }
        while let Some((_, at, text)) = remarks.next_if(|(after, _, _)| after <= pos) {
            lines.push(format!("{}  {text}", time::clock(*at, zone)));
        }
    }
    lines.extend(remarks.map(|(_, at, text)| format!("{}  {text}", time::clock(*at, zone))));
    lines
}

/// Failed tries of the step that is under way.
#[derive(Default)]
pub(super) struct Tries {
    step: Option<String>,
    count: u32,
}

impl Tries {
    /// The sentence of a line, where there is one.
    pub fn tell(&mut self, entry: &Entry) -> Option<String> {
        let sentence = Some(entry.sentence.clone()).filter(|sentence| !sentence.is_empty());
        match entry.kind.as_str() {
            "attempt.failed" => {
                if self.step != entry.step {
                    *self = Self { step: entry.step.clone(), count: 0 };
                }
                self.count += 1;
                // The last one is told by the end of the step.
                sentence.filter(|_| self.count == 1 && entry.again)
            }
            "step.finished" if self.step == entry.step => {
                let failed = std::mem::take(self).count;
                let tries = if entry.ok { failed + 1 } else { failed };
                sentence.map(|sentence| if tries > 1 { format!("{sentence} (attempt {tries})") } else { sentence })
            }
            "step.failure_settled" if entry.by == "rundown" => None,
            _ => sentence,
        }
    }
}

/// How it ended: outcome, criteria, what the world saw.
pub(super) fn ending(played: &Performance) -> Vec<String> {
    let mut lines = vec![format!("outcome: {} after {}", outcome(played), time::length(played.end - played.start))];
    for criterion in played.run.judged.iter().flatten() {
        let is = match criterion.met {
            Some(true) => "met",
            Some(false) => "not met",
            None => "not ticked",
        };
        let saw = criterion.saw.as_ref().map_or(String::new(), |saw| format!(" ({saw})"));
        lines.push(format!("  {is:<10}  {}{saw}", criterion.text));
    }
    let acts = &played.acts;
    let mut done = String::new();
    for (verb, counts) in [("restart", &acts.restarts), ("redeploy", &acts.redeploys), ("rollback", &acts.rollbacks)] {
        for (service, count) in counts {
            let s = if *count == 1 { "" } else { "s" };
            let _ = write!(done, "{}{count} {verb}{s} of {service}", if done.is_empty() { "" } else { ", " });
        }
    }
    lines.push(format!("the world saw: {}", if done.is_empty() { "no change of a service" } else { &done }));
    lines
}
