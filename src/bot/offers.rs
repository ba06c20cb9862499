//! What can be pressed: every button and menu case, with what it says to the run or the incident.
//!
//! An offer's id is a hash of what it is about (run, step, visit, attempt, the hash of the action): it is found again by making
//! the offers of the present state anew. So buttons work after a restart, nothing about them is kept anywhere, and one whose
//! question is settled finds nothing. Never lives here: how offers look (`card`), whether a person may (the bot, the run).

use sha2::Digest as _;

use super::grammar::{Command as Typed, Incident as Verb, Note, Oncall, Page, Run, Runbook, Where};
use super::monitors::Proposed;
use super::waiting::{Waiting, What, waiting};
use crate::base::event::{CoverId, IncidentId, PageId, RunId};
use crate::base::text::one_line;
use crate::domain::run::event::{DoubtVerdict, Obstacle, Question};
use crate::domain::run::input::Command;
use crate::domain::run::state::State;
use crate::domain::{incident, page};

/// Attempts of a step that are looked back at for the approval that led to them.
const ATTEMPTS: usize = 20;

/// What happens first when an offer is taken: known from the id alone, because Discord wants an answer before anything can
/// be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum First {
    /// It is done.
    Do,
    /// It is shown once more, to that person only, and done when they tap again.
    Confirm,
    /// A reason is asked for, and needed.
    Reason,
    /// A reason may be given.
    Remark,
    /// A value is asked for.
    Value,
    /// A note is asked for.
    Note,
}

impl First {
    const ALL: [(Self, char); 6] = [
        (Self::Do, 'd'),
        (Self::Confirm, 'c'),
        (Self::Reason, 'r'),
        (Self::Remark, 'm'),
        (Self::Value, 'v'),
        (Self::Note, 'n'),
    ];

    fn letter(self) -> char {
        Self::ALL.iter().find(|(first, _)| *first == self).map_or('d', |(_, letter)| *letter)
    }

    /// Whether text is asked for.
    #[must_use]
    pub fn asks(self) -> bool {
        matches!(self, Self::Reason | Self::Remark | Self::Value | Self::Note)
    }
}

/// How strongly an offer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// What is recommended, or takes things on.
    Main,
    /// One of several.
    Plain,
    /// Changes much, or passes over a guard.
    Grave,
}

/// What an offer is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A run.
    Run(RunId),
    /// An incident.
    Incident(IncidentId),
    /// A page.
    Page(PageId),
    /// A request for cover.
    Cover(CoverId),
}

/// What is said when an offer is taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// To a run.
    Run(Command),
    /// What could be typed as well.
    Typed(Box<Typed>),
}

/// Something that can be pressed.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// What stands on it, at most 80 characters.
    pub label: String,
    /// How strongly it is shown.
    pub weight: Weight,
    /// What happens first.
    pub first: First,
    /// What it is about.
    pub about: About,
    /// What it says; text that is asked for is filled in by [`Offer::says`].
    says: Says,
    key: String,
}

/// The id of an offer as it comes back from Discord.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OfferId {
    /// What happens first.
    pub first: First,
    /// What it is about.
    pub about: About,
    key: String,
}

impl OfferId {
    /// Reads a `custom_id`; `None` where it is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (Some("rd"), Some(first), Some(about), Some(key), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let (first, _) = First::ALL.into_iter().find(|(_, letter)| first.chars().eq([*letter]))?;
        let about = match about.split_once('-')?.0 {
            "run" => About::Run(RunId::parse(about).ok()?),
            "page" => About::Page(PageId::parse(about).ok()?),
            "cov" => About::Cover(CoverId::parse(about).ok()?),
            _ => About::Incident(IncidentId::parse(about).ok()?),
        };
        Some(Self { first, about, key: key.to_owned() })
    }

    /// The offer it names, among those that stand now; `None` where what it was about is settled.
    #[must_use]
    pub fn find(&self, offers: Vec<Offer>) -> Option<Offer> {
        offers.into_iter().find(|offer| offer.about == self.about && offer.key == self.key)
    }
}

impl std::fmt::Display for OfferId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let about = match &self.about {
            About::Run(run) => run.as_str(),
            About::Incident(incident) => incident.as_str(),
            About::Page(page) => page.as_str(),
            About::Cover(cover) => cover.as_str(),
        };
        write!(f, "rd.{}.{about}.{}", self.first.letter(), self.key)
    }
}

impl Offer {
    fn run(state: &State, key: &str, label: &str, weight: Weight, first: First, says: Command) -> Self {
        let about = About::Run(state.id.clone());
        Self { label: label.to_owned(), weight, first, about, says: Says::Run(says), key: hash(key) }
    }

    /// The same offer for a second tap: it is done at once.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { first: First::Do, ..self }
    }

    /// The same offer with something else on it.
    #[must_use]
    pub fn labelled(self, label: &str) -> Self {
        Self { label: label.to_owned(), ..self }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> OfferId {
        OfferId { first: self.first, about: self.about.clone(), key: self.key.clone() }
    }

    /// What it says, with the text that was asked for.
    #[must_use]
    pub fn says(self, text: Option<String>) -> Says {
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let reason = || text.clone().unwrap_or_default();
        match self.says {
            Says::Run(command) => Says::Run(match command {
                Command::Reject { step, .. } => Command::Reject { step, why: text },
                Command::BreakGlass { step, .. } => Command::BreakGlass { step, why: reason() },
                Command::Choose { step, case, .. } => Command::Choose { step, case, why: text },
                Command::Answer { step, .. } => Command::Answer { step, value: reason() },
                Command::Done { step, ok, .. } => Command::Done { step, ok, note: text },
                Command::Settle { step, verdict, .. } => Command::Settle { step, verdict, why: text },
                Command::Skip { step, why } => Command::Skip { step, why: text.or(why) },
                Command::Override { step, .. } => Command::Override { step, why: reason() },
                Command::Stop { .. } => Command::Stop { why: text },
                Command::Pause { .. } => Command::Pause { why: text },
                Command::Cancel { .. } => Command::Cancel { why: text },
                other => other,
            }),
            Says::Typed(typed) => Says::Typed(Box::new(match *typed {
                Typed::Note(note) => Typed::Note(Note { text: vec![reason()], ..note }),
                Typed::Incident(Verb::Resolve { incident, .. }) => {
                    Typed::Incident(Verb::Resolve { incident, why: text })
                }
                Typed::Page(Page::Pass { page, to, .. }) => Typed::Page(Page::Pass { page, to, why: text }),
                other => other,
            })),
        }
    }
}

/// A short name of a text: 20 characters.
pub fn hash(key: &str) -> String {
    hex::encode(&sha2::Sha256::digest(key.as_bytes())[..10])
}

/// Everything that can be said to a run by pressing: what it waits for first, then what holds it up or lets it go.
#[must_use]
pub fn of_run(state: &State) -> Vec<Offer> {
    if state.is_over() {
        return Vec::new();
    }
    let mut offers: Vec<Offer> = waiting(state).iter().flat_map(|waiting| of_question(state, waiting)).collect();
    let run = |key: &str, label: &str, first, says| {
        let key = format!("{} {key}", state.id);
        Offer::run(state, &key, label, Weight::Plain, first, says)
    };
    if state.paused.is_some() {
        offers.push(Offer { weight: Weight::Main, ..run("resume", "Resume", First::Do, Command::Resume) });
    } else {
        offers.push(run("pause", "Pause", First::Do, Command::Pause { why: None }));
    }
    let cancel = run("cancel", "Cancel run", First::Remark, Command::Cancel { why: None });
    offers.push(Offer { weight: Weight::Grave, ..cancel });
    offers
}

/// What answers one question of a run, the likeliest answer first.
#[must_use]
pub fn of_question(state: &State, waiting: &Waiting) -> Vec<Offer> {
    let step = Some(waiting.step.clone());
    let bound = match &waiting.what {
        // Who agreed before does not matter: two persons who press at the same time both count.
        What::Approval { digest, .. } => digest.to_string(),
        What::Question { question, .. } => question_key(question).to_owned(),
        What::Obstacle { .. } => "obstacle".to_owned(),
    };
    let about = about(state, &waiting.step, waiting.visit, waiting.attempt, &bound);
    let offer = |verb: &str, label: &str, weight, first, says| {
        Offer::run(state, &format!("{about} {verb}"), label, weight, first, says)
    };
    match &waiting.what {
        What::Approval { quorum, given, approvers, requester, .. } => {
            let mut offers = vec![
                offer("approve", "Approve", Weight::Main, First::Confirm, Command::Approve { step: step.clone() }),
                offer(
                    "reject",
                    "Reject",
                    Weight::Grave,
                    First::Remark,
                    Command::Reject { step: step.clone(), why: None },
                ),
            ];
            let guarded = *quorum > 1 || !approvers.is_empty() || requester.is_some();
            if guarded && given.len() < *quorum as usize {
                let says = Command::BreakGlass { step, why: String::new() };
                offers.push(offer("glass", "Break glass", Weight::Grave, First::Reason, says));
            }
            offers
        }
        What::Question { question, .. } => match question {
            Question::Value { .. } => {
                let says = Command::Answer { step, value: String::new() };
                vec![offer("answer", "Answer", Weight::Main, First::Value, says)]
            }
            Question::Branch { cases } => {
                let mut cases: Vec<_> = cases.iter().collect();
                cases.sort_by_key(|case| (!case.recommended, !case.fits));
                cases
                    .into_iter()
                    .map(|case| {
                        let label = if case.label.trim().is_empty() { &case.id } else { &case.label };
                        let weight = if case.recommended { Weight::Main } else { Weight::Plain };
                        let first = if case.fits { First::Do } else { First::Reason };
                        let says = Command::Choose { step: step.clone(), case: case.id.clone(), why: None };
                        offer(&format!("case {}", case.id), label, weight, first, says)
                    })
                    .collect()
            }
            Question::Work => vec![
                offer(
                    "done",
                    "Done",
                    Weight::Main,
                    First::Do,
                    Command::Done { step: step.clone(), ok: true, note: None },
                ),
                offer(
                    "failed",
                    "Could not",
                    Weight::Grave,
                    First::Remark,
                    Command::Done { step, ok: false, note: None },
                ),
            ],
            Question::Failure { .. } => {
                let fixed = Some("fixed by hand".to_owned());
                vec![
                    offer("retry", "Retry", Weight::Main, First::Do, Command::Retry { step: step.clone() }),
                    offer(
                        "fixed",
                        "Fixed it, go on",
                        Weight::Plain,
                        First::Remark,
                        Command::Skip { step: step.clone(), why: fixed },
                    ),
                    offer("skip", "Skip", Weight::Plain, First::Remark, Command::Skip { step, why: None }),
                    offer("stop", "Stop run", Weight::Grave, First::Remark, Command::Stop { why: None }),
                ]
            }
            Question::Doubt { .. } => [
                ("It happened", Weight::Main, DoubtVerdict::Done),
                ("Run again", Weight::Plain, DoubtVerdict::RunAgain),
                ("It failed", Weight::Grave, DoubtVerdict::Abort),
            ]
            .into_iter()
            .map(|(label, weight, verdict)| {
                let says = Command::Settle { step: step.clone(), verdict, why: None };
                offer(label, label, weight, First::Remark, says)
            })
            .collect(),
        },
        What::Obstacle { obstacle, .. } => {
            let label = match obstacle {
                Obstacle::HeldBy(_) => "Take over",
                Obstacle::OverBudget { .. } | Obstacle::Frozen { .. } => "Act all the same",
            };
            let says = Command::Override { step: step.clone(), why: String::new() };
            vec![
                offer("override", label, Weight::Grave, First::Reason, says),
                offer("skip", "Skip", Weight::Plain, First::Remark, Command::Skip { step, why: None }),
            ]
        }
    }
}

/// What tells one question of a run from the next.
fn about(state: &State, step: &str, visit: u32, attempt: u32, bound: &str) -> String {
    format!("{} {step} {visit} {attempt} {bound}", state.id)
}

/// The first answer to the approvals that a step may have asked for in its present visit, settled or not, the newest first:
/// by it the message is known that asked.
pub fn of_approvals(state: &State, position: usize) -> impl Iterator<Item = Offer> {
    let (id, step) = (&state.step(position).id, &state.steps[position]);
    let digest = step.action.as_ref().map(|action| action.digest());
    digest.into_iter().flat_map(move |digest| {
        (0..=step.attempt).rev().take(ATTEMPTS).map(move |attempt| {
            let key = format!("{} approve", about(state, id, step.visits, attempt, &digest));
            let says = Command::Approve { step: Some(id.clone()) };
            Offer::run(state, &key, "Approve", Weight::Main, First::Confirm, says)
        })
    })
}

fn question_key(question: &Question) -> &'static str {
    match question {
        Question::Value { .. } => "value",
        Question::Branch { .. } => "branch",
        Question::Work => "work",
        Question::Failure { .. } => "failure",
        Question::Doubt { .. } => "doubt",
    }
}

/// What can be said to an incident by pressing.
#[must_use]
pub fn of_incident(id: &IncidentId, state: &incident::State) -> Vec<Offer> {
    let this = || Some(id.clone());
    let note = Typed::Note(Note { text: Vec::new(), incident: this(), at: None });
    let note = typed(id, "note", "Note", Weight::Plain, First::Note, note);
    if !state.status.is_open() {
        let reopen = Typed::Incident(Verb::Reopen { incident: id.clone(), why: None });
        return vec![typed(id, "reopen", "Reopen", Weight::Plain, First::Do, reopen), note];
    }
    let mut offers = Vec::new();
    if state.acknowledged_by.is_none() {
        let ack = Typed::Incident(Verb::Ack { incident: this() });
        offers.push(typed(id, "ack", "I'm on it", Weight::Main, First::Do, ack));
    }
    offers.push(note);
    let resolve = Typed::Incident(Verb::Resolve { incident: this(), why: None });
    offers.push(typed(id, "resolve", "Resolve", Weight::Plain, First::Do, resolve.clone()));
    // The same once more, for those who know better than the gate: offered where the gate objects, not on the card.
    offers.push(typed(id, "resolve anyway", RESOLVE_ANYWAY, Weight::Grave, First::Reason, resolve));
    offers
}

/// Runbooks for an incident. What the operator named for exactly this begins with one tap; where only words fit, a second one shows
/// where it would.
#[must_use]
pub fn of_runbooks(id: &IncidentId, fitting: &[Proposed]) -> Vec<Offer> {
    let offer = |proposed: &Proposed| {
        let Proposed { id: runbook, title, by_operator } = proposed;
        let first = if *by_operator { First::Do } else { First::Confirm };
        let run = Run {
            runbook: Some(runbook.clone()),
            at: Where::default(),
            incident: Some(id.clone()),
            from: None,
            resume: None,
        };
        let label = one_line(&format!("Run: {title}"), 78);
        let says = Typed::Runbook(Runbook::Run(run));
        typed(id, &format!("start {runbook}"), &label, Weight::Main, first, says)
    };
    fitting.iter().map(offer).collect()
}

/// What answers a page. The same for each of its calls: an early message answers as well as the last one.
#[must_use]
pub fn of_page(page: &page::state::State) -> Vec<Offer> {
    let (id, this) = (&page.id, || Some(page.id.clone()));
    let offer = |key: &str, label: &str, weight, first, says| Offer {
        label: label.to_owned(),
        weight,
        first,
        about: About::Page(id.clone()),
        says: Says::Typed(Box::new(Typed::Page(says))),
        key: hash(&format!("{id} {} {key}", page.opened_at)),
    };
    let mut offers = Vec::new();
    if page.may_be_answered() {
        offers.push(offer("ack", "I have it", Weight::Main, First::Do, Page::Ack { page: this() }));
    }
    if page.waits() {
        let pass = Page::Pass { page: this(), to: None, why: None };
        offers.push(offer("pass", "Pass it on", Weight::Plain, First::Remark, pass));
    }
    offers
}

/// What answers a request for cover. Whether it can still be taken is told when it is pressed: the message may be old.
#[must_use]
pub fn of_cover(id: &CoverId) -> Vec<Offer> {
    let says = Says::Typed(Box::new(Typed::Oncall(Oncall::Take { id: id.clone() })));
    let (label, about, key) = ("I take it".to_owned(), About::Cover(id.clone()), hash(&format!("{id} take")));
    vec![Offer { label, weight: Weight::Main, first: First::Do, about, says, key }]
}

fn typed(id: &IncidentId, key: &str, label: &str, weight: Weight, first: First, says: Typed) -> Offer {
    Offer {
        label: label.to_owned(),
        weight,
        first,
        about: About::Incident(id.clone()),
        says: Says::Typed(Box::new(says)),
        key: hash(&format!("{id} {key}")),
    }
}

/// The label of the one offer that the card does not show: only who was refused by the resolve gate is asked.
pub const RESOLVE_ANYWAY: &str = "Resolve all the same";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_as_it_went_out_and_foreign_ones_are_none() {
        let id = OfferId { first: First::Reason, about: About::Run(RunId::number(12)), key: hash("x") };
        assert_eq!(OfferId::parse(&id.to_string()), Some(id.clone()));
        assert!(id.to_string().len() <= 100);
        let cover = of_cover(&CoverId::number(3)).remove(0).id();
        let back = OfferId::parse(&cover.to_string()).and_then(|id| id.find(of_cover(&CoverId::number(3))));
        assert_eq!(back.map(|offer| offer.label), Some("I take it".to_owned()));
        assert_eq!(cover.find(of_cover(&CoverId::number(4))), None);
        for foreign in ["", "rd", "rd.d.run-0.x", "rd.q.run-1.x", "rd.d.run-1.x.y", "other.d.run-1.x", "rd.dd.run-1.x"]
        {
            assert_eq!(OfferId::parse(foreign), None, "{foreign}");
        }
    }
}
