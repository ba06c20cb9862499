//! An incident's facts as lines of a timeline, told once for all who read them; and what its steps put out.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::base::event::{Instant, Recorded, RunId};
use crate::base::text::plain;
use crate::domain::run::event::{Event, Output};
use crate::domain::timeline::Fact;
use crate::view::sentence::Wording;
use crate::view::time;

/// Zones in which it is told at the same time.
const ZONES: usize = 4;
/// Characters of an output that stand on the page; all of it is behind a link.
const EXCERPT: usize = 1_500;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// The incident itself: status, roles, notes, findings.
    Incident,
    /// A step of a run.
    Step,
    /// A watch.
    Watch,
    /// A target: held, changed, frozen, deployed.
    Target,
    /// Somebody was called, or is on call.
    Call,
    /// A monitor, or another system's alert.
    Alarm,
    /// Anything else.
    Other,
}

impl Sort {
    /// Those that can be chosen, with their words.
    pub const WORDS: [(&'static str, &'static str, Self); 6] = [
        ("incident", "incident, notes and findings", Self::Incident),
        ("step", "steps", Self::Step),
        ("watch", "watches", Self::Watch),
        ("target", "targets and deployments", Self::Target),
        ("call", "calls", Self::Call),
        ("alarm", "monitors and alerts", Self::Alarm),
    ];

    /// What a fact is about.
    #[must_use]
    pub fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Incident(..) => Self::Incident,
            Fact::Run(_, Event::WatchStarted(_) | Event::WatchTallied(_)) => Self::Watch,
            Fact::Run(..) => Self::Step,
            Fact::Target(..) => Self::Target,
            Fact::Page(..) | Fact::Rota(_) => Self::Call,
            Fact::Monitor(..) | Fact::Alert(..) => Self::Alarm,
            _ => Self::Other,
        }
    }
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The event.
    pub pos: u64,
    /// When it happened.
    pub at: Instant,
    /// Who; empty where it was the program.
    pub who: String,
    /// What it is about.
    pub sort: Sort,
    /// The sentence.
    pub text: String,
}

/// What a step put out last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The event that holds all of it.
    pub pos: u64,
    /// The end of it: that is where programs say what went wrong.
    pub end: String,
    /// Whether there is more.
    pub cut: bool,
}

/// See the module.
#[derive(Default)]
pub struct Told {
    zones: BTreeMap<&'static str, InZone>,
    outputs: BTreeMap<(RunId, String), Excerpt>,
    /// Facts that were looked at for outputs.
    taken: usize,
}

/// The lines in one zone.
struct InZone {
    wording: Wording,
    lines: Vec<Line>,
    taken: usize,
}

impl Told {
    /// Takes what was recorded since; `facts` are all of them.
    pub fn take(&mut self, facts: &[Recorded<Fact>]) {
        for recorded in &facts[self.taken.min(facts.len())..] {
            if let Fact::Run(run, Event::StepFinished(finished)) = &recorded.event
                && let Some(excerpt) = excerpt(recorded.pos, finished.output.as_ref())
            {
                self.outputs.insert((run.clone(), finished.step.clone()), excerpt);
            }
        }
        self.taken = facts.len();
    }

    /// What a step put out last, where it did.
    #[must_use]
    pub fn output(&self, run: &RunId, step: &str) -> Option<&Excerpt> {
        self.outputs.get(&(run.clone(), step.to_owned()))
    }

    /// All lines in order of recording, in a zone.
    pub fn lines(&mut self, facts: &[Recorded<Fact>], zone: Tz) -> &[Line] {
        if self.zones.len() >= ZONES && !self.zones.contains_key(zone.name()) {
            self.zones.clear();
        }
        let told = self.zones.entry(zone.name()).or_insert_with(|| InZone {
            wording: Wording::new(zone),
            lines: Vec::new(),
            taken: 0,
        });
        for recorded in &facts[told.taken.min(facts.len())..] {
            let Some(mut text) = told.wording.tell(&recorded.event) else { continue };
            let (happened, written) = (recorded.head.occurred_at, recorded.at);
            if written - happened >= chrono::TimeDelta::minutes(1) {
                text.push_str(&format!(" (written down at {})", time::clock(written, zone)));
            }
            let who = recorded.head.actor.person().map_or(String::new(), |person| person.name().to_owned());
            told.lines.push(Line { pos: recorded.pos, at: happened, who, sort: Sort::of(&recorded.event), text });
        }
        told.taken = facts.len();
        &told.lines
    }
}

fn excerpt(pos: u64, output: Option<&Output>) -> Option<Excerpt> {
    let text = match output? {
        Output::Text(text) if text.trim().is_empty() => return None,
        Output::Text(text) => text,
        Output::Blob { .. } => return Some(Excerpt { pos, end: String::new(), cut: true }),
    };
    let characters = text.chars().count();
    let end: String = text.chars().skip(characters.saturating_sub(EXCERPT)).collect();
    Some(Excerpt { pos, end: plain(&end, usize::MAX), cut: characters > EXCERPT })
}
