//! The people of a rehearsal: when each gets to act, and what they then want of the run or the incident.
//!
//! Lives here: matching what the bot wrote down with the parts of a scenario. Never lives here: how a wish reaches the bot.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::scenario::{Does, Part, Verdict, status};
use super::stage::DOOR;
use crate::base::event::{Actor, Instant, Person};
use crate::domain::incident::decide::Command as IncidentCommand;
use crate::domain::run::event::{DoubtVerdict, Event, Question};
use crate::domain::run::input::Command;
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;

/// The people and how far they have come.
pub(super) struct Cast {
    parts: Vec<Part>,
    had_occasion: Vec<bool>,
    criteria: Vec<String>,
    asked: BTreeMap<(String, Asks), u32>,
    seen: Vec<u32>,
    /// Parts that will be played, in order of time.
    due: BTreeMap<(Instant, usize), ()>,
}

/// What a person wants.
pub(super) enum Wish {
    Run(Command),
    Incident(IncidentCommand),
    /// They do nothing.
    Nothing,
    /// It cannot be said: the text says why.
    Impossible(String),
}

/// Kinds of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asks {
    Approval,
    Branch,
    Value,
    Work,
    Failure,
    Doubt,
    Block,
    Judged,
    Over,
}

impl Cast {
    /// The parts of the person to whom they are left are not played.
    pub fn new(parts: &[Part], plan: &Plan, left_to: Option<&str>) -> Self {
        let parts: Vec<Part> = parts.iter().filter(|part| Some(part.who.as_str()) != left_to).cloned().collect();
        Self {
            had_occasion: vec![false; parts.len()],
            criteria: plan.criteria.iter().map(|criterion| criterion.text.clone()).collect(),
            asked: BTreeMap::new(),
            seen: vec![0; parts.len()],
            due: BTreeMap::new(),
            parts,
        }
    }

    /// The bot wrote something down: some get an occasion by it.
    pub fn observe(&mut self, fact: &Fact, entry: &Entry) {
        for index in 0..self.parts.len() {
            let Some(occasion) = &self.parts[index].on else { continue };
            let fits = occasion.event == entry.kind
                && (occasion.step.is_none() || occasion.step.as_deref() == entry.step.as_deref());
            if fits {
                self.seen[index] += 1;
                if self.seen[index] == occasion.nth {
                    self.schedule(index, entry.at);
                }
            }
        }
        let Some((asks, step)) = question(fact) else { return };
        let count = self.asked.entry((step.to_owned(), asks)).or_default();
        *count += 1;
        let count = *count;
        for index in 0..self.parts.len() {
            let part = &self.parts[index];
            let here = part.step.as_deref().is_none_or(|wanted| wanted == step);
            if part.on.is_none() && here && part.nth == count && answers(&part.does) == Some(asks) {
                self.schedule(index, entry.at);
            }
        }
    }

    fn schedule(&mut self, index: usize, at: Instant) {
        self.had_occasion[index] = true;
        self.due.insert((at + self.parts[index].after.delta(), index), ());
    }

    /// When the next of them acts.
    pub fn next(&self) -> Option<Instant> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Who acts now, and what they want.
    pub fn take(&mut self, now: Instant) -> Option<(usize, Actor, Wish)> {
        let (at, index) = *self.due.keys().next()?;
        if at > now {
            return None;
        }
        self.due.remove(&(at, index));
        let part = &self.parts[index];
        let actor = Actor::Person { name: Person::new(&part.who), door: DOOR.to_owned(), login: None };
        Some((index, actor, self.wish(part)))
    }

    fn wish(&self, part: &Part) -> Wish {
        let (step, why) = (part.step.clone(), part.why.clone());
        let reason = || part.why.clone().unwrap_or_default();
        Wish::Run(match &part.does {
            Does::Approve => Command::Approve { step },
            Does::Reject => Command::Reject { step, why },
            Does::BreakGlass => Command::BreakGlass { step, why: reason() },
            Does::Choose(case) => Command::Choose { step, case: case.clone(), why },
            Does::Answer(value) => Command::Answer { step, value: value.clone() },
            Does::Done => Command::Done { step, ok: true, note: why },
            Does::NotDone => Command::Done { step, ok: false, note: why },
            Does::Settle(verdict) => Command::Settle { step, verdict: doubt_verdict(*verdict), why },
            Does::Retry => Command::Retry { step },
            Does::Skip => Command::Skip { step, why },
            Does::Stop => Command::Stop { why },
            Does::Redo(to) => Command::Redo { step: to.clone(), why },
            Does::Pause => Command::Pause { why },
            Does::Resume => Command::Resume,
            Does::Cancel => Command::Cancel { why },
            Does::Override => Command::Override { step, why: reason() },
            Does::Tick(text) => match self.criteria.iter().position(|criterion| criterion.starts_with(text.as_str())) {
                Some(index) => Command::Tick { criterion: u32::try_from(index + 1).unwrap_or(u32::MAX) },
                None => return Wish::Impossible(format!("no criterion begins with '{text}'")),
            },
            Does::Status(word) => match status(word) {
                Some(status) => return Wish::Incident(IncidentCommand::SetStatus { status, why }),
                None => return Wish::Impossible(format!("there is no status '{word}'")),
            },
            Does::Note(text) => return Wish::Incident(IncidentCommand::Note { text: text.clone() }),
            Does::Resolve => return Wish::Incident(IncidentCommand::Resolve { why }),
            Does::Nothing => return Wish::Nothing,
        })
    }

    /// A part in a few words: `bruno: approve at restart_redis`.
    pub fn describe(&self, index: usize) -> String {
        let part = &self.parts[index];
        let does = match &part.does {
            Does::Choose(case) => format!("choose {case}"),
            Does::Answer(value) => format!("answer {value}"),
            Does::Settle(verdict) => format!("settle as {}", super::words(&format!("{verdict:?}"))),
            Does::Tick(text) => format!("tick '{text}'"),
            Does::Redo(step) => format!("redo {step}"),
            Does::Note(_) => "note".to_owned(),
            Does::Status(word) => format!("status {word}"),
            other => super::words(&format!("{other:?}")),
        };
        let step = part.step.as_ref().map_or_else(String::new, |step| format!(" at {step}"));
        let nth = if part.nth > 1 { format!(" (time {})", part.nth) } else { String::new() };
        format!("{}: {does}{step}{nth}", part.who)
    }

    /// A sentence for everyone who never got to act.
    pub fn unused(&self) -> Vec<String> {
        let waiting: Vec<usize> = self.due.keys().map(|(_, index)| *index).collect();
        (0..self.parts.len())
            .filter_map(|index| match (self.had_occasion[index], waiting.contains(&index)) {
                (false, _) => Some(format!("{} was never asked for", self.describe(index))),
                (true, true) => Some(format!("{} came too late: it was over", self.describe(index))),
                (true, false) => None,
            })
            .collect()
    }
}

fn doubt_verdict(verdict: Verdict) -> DoubtVerdict {
    match verdict {
        Verdict::Done => DoubtVerdict::Done,
        Verdict::RunAgain => DoubtVerdict::RunAgain,
        Verdict::Abort => DoubtVerdict::Abort,
    }
}

/// The question that a fact puts to people, and at which step.
fn question(fact: &Fact) -> Option<(Asks, &str)> {
    let Fact::Run(_, event) = fact else { return None };
    Some(match event {
        Event::ApprovalAsked(asked) => (Asks::Approval, &asked.step),
        Event::Asked(asked) => {
            let asks = match &asked.question {
                Question::Value { .. } => Asks::Value,
                Question::Branch { .. } => Asks::Branch,
                Question::Work => Asks::Work,
                Question::Failure { .. } => Asks::Failure,
                Question::Doubt { .. } => Asks::Doubt,
            };
            (asks, &asked.step)
        }
        Event::StepBlocked(blocked) => (Asks::Block, &blocked.step),
        Event::CriteriaJudged(_) => (Asks::Judged, ""),
        Event::Finished(_) => (Asks::Over, ""),
        _ => return None,
    })
}

/// The kind of question that a part answers.
fn answers(does: &Does) -> Option<Asks> {
    Some(match does {
        Does::Approve | Does::Reject | Does::BreakGlass | Does::Nothing => Asks::Approval,
        Does::Choose(_) => Asks::Branch,
        Does::Answer(_) => Asks::Value,
        Does::Done | Does::NotDone => Asks::Work,
        Does::Retry | Does::Skip | Does::Stop => Asks::Failure,
        Does::Settle(_) => Asks::Doubt,
        Does::Override => Asks::Block,
        Does::Tick(_) => Asks::Judged,
        Does::Resolve => Asks::Over,
        Does::Redo(_) | Does::Pause | Does::Resume | Does::Cancel | Does::Note(_) | Does::Status(_) => {
            return None;
        }
    })
}
