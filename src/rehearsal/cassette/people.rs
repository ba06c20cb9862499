//! What people did in a run, as parts of a scenario.
//!
//! Lives here: which question each act answers and how long it took. Never lives here: what the bot made of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::mask::Mask;
use super::write::{Line, span};
use crate::base::event::{Instant, Recorded};
use crate::domain::incident::event::Event as IncidentEvent;
use crate::domain::run::event::{DoubtVerdict, Event, FailureChoice, Question};
use crate::domain::run::state::State;
use crate::domain::timeline::Fact;
use crate::rehearsal::entry::Entry;

/// Parts in order, and what people did that no part can say.
pub(super) struct People {
    pub parts: Vec<Line>,
    pub left_out: Vec<String>,
}

/// A moment that an act can be counted from.
#[derive(Clone)]
struct Anchor {
    kind: String,
    step: Option<String>,
    nth: u32,
    at: Instant,
}

struct Acts<'a> {
    run: &'a State,
    mask: &'a mut Mask,
    parts: Vec<Line>,
    left_out: Vec<String>,
    /// Questions by step and kind: how often asked, and when last.
    asked: BTreeMap<(String, &'static str), (u32, Instant)>,
    open: BTreeMap<String, Question>,
    seen: BTreeMap<(String, Option<String>), u32>,
    anchor: Option<Anchor>,
    last_answered: Option<String>,
    /// When the run was attached to its incident.
    attached: Option<Instant>,
}

/// Reads the acts out of an incident's facts.
pub(super) fn people(run: &State, facts: &[Recorded<Fact>], mask: &mut Mask) -> People {
    let mut acts = Acts {
        run,
        mask,
        parts: Vec::new(),
        left_out: Vec::new(),
        asked: BTreeMap::new(),
        open: BTreeMap::new(),
        seen: BTreeMap::new(),
        anchor: None,
        last_answered: None,
        attached: facts.iter().rev().find_map(|one| match &one.event {
            Fact::Incident(_, IncidentEvent::RunAttached(attached)) if attached.run == run.id => Some(one.at),
            _ => None,
        }),
    };
    let mut wording = crate::view::sentence::Wording::new(chrono_tz::Tz::UTC);
    for recorded in facts {
        let entry = Entry::of(recorded, &mut wording);
        match &recorded.event {
            Fact::Run(id, event) if *id == run.id => {
                acts.run_event(event, recorded.at);
                acts.remember(&entry, event);
            }
            Fact::Incident(_, event) => acts.incident_event(event, recorded),
            _ => {}
        }
    }
    People { parts: acts.parts, left_out: acts.left_out }
}

impl Acts<'_> {
    fn remember(&mut self, entry: &Entry, event: &Event) {
        let nth = self.seen.entry((entry.kind.clone(), entry.step.clone())).or_default();
        *nth += 1;
        let nth = *nth;
        // Tallies come at a pace of their own; what a person did is no occasion for what they did next.
        let steady =
            !matches!(event, Event::WatchTallied(_) | Event::Paused(_) | Event::Resumed(_) | Event::Adopted(_));
        if steady {
            let (kind, step) = (entry.kind.clone(), entry.step.clone());
            self.anchor = Some(Anchor { kind, step, nth, at: entry.at });
        }
    }

    fn asks(&mut self, step: &str, kind: &'static str, at: Instant) {
        let (count, when) = self.asked.entry((step.to_owned(), kind)).or_insert((0, at));
        *count += 1;
        *when = at;
    }

    /// An answer to what a step asked.
    fn answers(&mut self, who: &str, step: &str, kind: &'static str, does: Value, why: Option<&str>, at: Instant) {
        let key = (step.to_owned(), kind);
        let Some((nth, asked)) = self.asked.get(&key).copied() else {
            return self.follows(who, Some(step), does, why, at);
        };
        let mut part = Map::from_iter([("who".to_owned(), json!(who))]);
        if !step.is_empty() {
            part.insert("step".to_owned(), json!(step));
        }
        if nth > 1 {
            part.insert("nth".to_owned(), json!(nth));
        }
        self.part(part, does, why, at - asked);
    }

    /// Something that answers no question: it follows the last event before it.
    fn follows(&mut self, who: &str, step: Option<&str>, does: Value, why: Option<&str>, at: Instant) {
        let Some(anchor) = self.anchor.clone() else {
            return self.left_out.push(format!("{who} acted before the run began"));
        };
        let mut on = Map::from_iter([("event".to_owned(), json!(anchor.kind))]);
        if let Some(step) = &anchor.step {
            on.insert("step".to_owned(), json!(step));
        }
        if anchor.nth > 1 {
            on.insert("nth".to_owned(), json!(anchor.nth));
        }
        let mut part = Map::from_iter([("who".to_owned(), json!(who))]);
        if let Some(step) = step {
            part.insert("step".to_owned(), json!(step));
        }
        part.insert("on".to_owned(), Value::Object(on));
        self.part(part, does, why, at - anchor.at);
    }

    fn part(&mut self, mut part: Map<String, Value>, does: Value, why: Option<&str>, after: chrono::TimeDelta) {
        part.insert("does".to_owned(), does);
        part.insert("after".to_owned(), json!(span(after)));
        if let Some(why) = why {
            part.insert("why".to_owned(), json!(self.mask.text(why)));
        }
        self.parts.push(Line::Item(Value::Object(part)));
    }

    fn run_event(&mut self, event: &Event, at: Instant) {
        self.question(event, at);
        self.approval(event, at);
        self.answer(event, at);
        self.settlement(event, at);
        self.steering(event, at);
        if !matches!(event, Event::Answered(_) | Event::StepFinished(_)) {
            self.last_answered = None;
        }
    }

    /// What the run asks.
    fn question(&mut self, event: &Event, at: Instant) {
        match event {
            Event::ApprovalAsked(one) => self.asks(&one.step, "approval", at),
            Event::Asked(one) => {
                let kind = match &one.question {
                    Question::Value { .. } => "value",
                    Question::Branch { .. } => "branch",
                    Question::Work => "work",
                    Question::Failure { .. } => "failure",
                    Question::Doubt { .. } => "doubt",
                };
                self.asks(&one.step, kind, at);
                self.open.insert(one.step.clone(), one.question.clone());
            }
            Event::StepBlocked(one) => self.asks(&one.step, "block", at),
            Event::CriteriaJudged(_) => self.asks("", "judged", at),
            Event::Finished(_) => self.asks("", "over", at),
            _ => {}
        }
    }

    /// Permission, given or not.
    fn approval(&mut self, event: &Event, at: Instant) {
        match event {
            Event::ApprovalExpired(one) => {
                let who = self.run.opened.by.to_string();
                let asked = self.asked.get(&(one.step.clone(), "approval")).map_or(at, |(_, asked)| *asked);
                self.answers(&who, &one.step, "approval", json!("nothing"), None, asked);
            }
            Event::ApprovalGiven(one) => {
                let opened = &self.run.opened;
                let from_the_start = opened.approves.iter().any(|step| step == "all" || *step == one.step);
                if !from_the_start || one.by != opened.by {
                    self.answers(&one.by.to_string(), &one.step, "approval", json!("approve"), None, at);
                }
            }
            Event::ApprovalRejected(one) => {
                self.answers(&one.by.to_string(), &one.step, "approval", json!("reject"), one.why.as_deref(), at);
            }
            Event::GlassBroken(one) => {
                self.answers(&one.by.to_string(), &one.step, "approval", json!("break_glass"), Some(&one.why), at);
            }
            _ => {}
        }
    }

    /// Values, branches, work done by hand, ticks.
    fn answer(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Answered(one) => {
                let Some(by) = one.by.as_ref().map(ToString::to_string) else { return };
                let text = one.answer.as_str().map_or_else(|| one.answer.to_string(), str::to_owned);
                let (kind, does) = match self.open.get(&one.step) {
                    Some(Question::Branch { .. }) => ("branch", json!({ "choose": text })),
                    Some(Question::Work) if one.answer == json!(false) => ("work", json!("not_done")),
                    Some(Question::Work) => ("work", json!("done")),
                    _ => ("value", json!({ "answer": self.mask.text(&text) })),
                };
                self.last_answered = Some(one.step.clone());
                self.answers(&by, &one.step, kind, does, one.why.as_deref(), at);
            }
            Event::CriterionTicked(one) => {
                let does = json!({ "tick": one.text });
                self.answers(&one.by.to_string(), "", "judged", does, None, at);
            }
            _ => {}
        }
    }

    /// What becomes of failures, doubts and obstacles.
    fn settlement(&mut self, event: &Event, at: Instant) {
        match event {
            Event::FailureSettled(one) => {
                let Some(by) = one.by.as_ref().map(ToString::to_string) else { return };
                let does = match one.choice {
                    FailureChoice::Retry => "retry",
                    FailureChoice::Continue => "skip",
                    FailureChoice::Stop => "stop",
                };
                self.answers(&by, &one.step, "failure", json!(does), one.why.as_deref(), at);
            }
            Event::DoubtSettled(one) => {
                let Some(by) = one.by.as_ref().map(ToString::to_string) else { return };
                let verdict = match one.verdict {
                    DoubtVerdict::Done => "done",
                    DoubtVerdict::RunAgain => "run_again",
                    DoubtVerdict::Abort => "abort",
                };
                let does = json!({ "settle": verdict });
                self.answers(&by, &one.step, "doubt", does, Some(&one.why), at);
            }
            Event::StepUnblocked(one) => {
                if let Some(over) = &one.override_ {
                    let by = over.by.to_string();
                    self.answers(&by, &one.step, "block", json!("override"), Some(&over.why), at);
                }
            }
            _ => {}
        }
    }

    /// What nobody had asked for.
    fn steering(&mut self, event: &Event, at: Instant) {
        match event {
            Event::StepSkipped(one) => {
                if let Some(by) = one.by.as_ref().map(ToString::to_string) {
                    self.follows(&by, Some(&one.step), json!("skip"), Some(&one.why), at);
                }
            }
            Event::Jumped(one) => {
                let by = one.by.as_ref().filter(|_| one.redo && self.last_answered.as_ref() != Some(&one.from));
                if let (Some(by), Some(to)) = (by.map(ToString::to_string), &one.to) {
                    self.follows(&by, None, json!({ "redo": to }), Some(&one.why), at);
                }
            }
            Event::Paused(one) => self.follows(&one.by.to_string(), None, json!("pause"), one.why.as_deref(), at),
            Event::Resumed(one) => self.follows(&one.by.to_string(), None, json!("resume"), None, at),
            Event::Cancelled(one) => self.follows(&one.by.to_string(), None, json!("cancel"), one.why.as_deref(), at),
            _ => {}
        }
    }

    fn incident_event(&mut self, event: &IncidentEvent, recorded: &Recorded<Fact>) {
        let at = recorded.at;
        // A run that begins acknowledges the incident and moves it on by itself.
        if at < self.run.opened_at || self.attached == Some(at) || recorded.head.actor.person().is_none() {
            return;
        }
        let who = recorded.head.actor.label().to_owned();
        match event {
            IncidentEvent::StatusSet(one) => {
                let why = one.why.clone();
                self.follows(&who, None, json!({ "status": one.to.word() }), why.as_deref(), at);
            }
            IncidentEvent::Noted(one) => {
                let text = self.mask.text(&one.text);
                self.follows(&who, None, json!({ "note": text }), None, at);
            }
            IncidentEvent::Resolved(one) => {
                let why = one.why.clone();
                self.answers(&who, "", "over", json!("resolve"), why.as_deref(), at);
            }
            IncidentEvent::Declared(_) | IncidentEvent::RunAttached(_) => {}
            other => self.left_out.push(format!("{who}: {} at {}", other.kind(), at.to_rfc3339())),
        }
    }
}
