//! What people suspect, look at, find and settle on.
//!
//! Lives here: hypotheses, evidence and causes: their events, their state, what a command about them comes to. Never lives
//! here: what a run found by itself; that is the run's own record.

use serde::{Deserialize, Serialize};

use super::decide::{Refusal, TEXT_LIMIT, address, reason, text};
use super::event::{Event, StatusSet};
use super::item::{ITEMS_LIMIT, ItemId, ItemKind, Items};
use super::state::State;
use crate::base::event::{Instant, Person};

/// Something may be wrong. The same id again corrects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HypothesisStated {
    /// Which.
    pub id: ItemId,
    /// What may be wrong.
    pub claim: String,
    /// What would be seen if it were so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expecting: Option<String>,
    /// How it is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Another fault, found on the way, that does not explain this incident.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub different_problem: bool,
    /// Who thinks so.
    pub by: Person,
}

/// What a hypothesis came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is so.
    Confirmed,
    /// It is not so.
    Eliminated,
    /// It is open again.
    Open,
}

impl Verdict {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Eliminated => "eliminated",
            Self::Open => "open",
        }
    }
}

/// A hypothesis is settled, or opened again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HypothesisSettled {
    /// Which.
    pub id: ItemId,
    /// What it came to.
    pub verdict: Verdict,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who says so.
    pub by: Person,
}

/// Something was looked at. The same id again corrects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceFound {
    /// Which.
    pub id: ItemId,
    /// For or against which hypothesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<ItemId>,
    /// What was looked at.
    pub checked: String,
    /// What was there.
    pub found: String,
    /// What follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implication: Option<String>,
    /// Where it can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who looked.
    pub by: Person,
}

/// Why it happened. The same id again corrects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseNamed {
    /// Which.
    pub id: ItemId,
    /// Whether it is the root cause; otherwise it contributed.
    pub root: bool,
    /// What.
    pub text: String,
    /// The hypothesis that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<ItemId>,
    /// Who says so.
    pub by: Person,
}

/// What the investigation has come to so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Investigation {
    /// By number, with what each came to last and why.
    pub hypotheses: Items<Hypothesis>,
    /// By number.
    pub evidence: Items<EvidenceFound>,
    /// By number.
    pub causes: Items<CauseNamed>,
}

/// A hypothesis and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypothesis {
    /// As it was stated last.
    pub stated: HypothesisStated,
    /// What it came to.
    pub verdict: Verdict,
    /// Why.
    pub why: Option<String>,
}

impl Investigation {
    pub(super) fn apply(&mut self, event: &Event, at: Instant) {
        match event {
            Event::HypothesisStated(stated) => {
                let before = self.hypotheses.get(stated.id.number);
                let (verdict, why) =
                    before.map_or((Verdict::Open, None), |before| (before.verdict, before.why.clone()));
                let hypothesis = Hypothesis { stated: stated.clone(), verdict, why };
                self.hypotheses.state(stated.id.number, hypothesis, at);
            }
            Event::HypothesisSettled(settled) => {
                if let Some(hypothesis) = self.hypotheses.said_mut(settled.id.number) {
                    hypothesis.verdict = settled.verdict;
                    hypothesis.why.clone_from(&settled.why);
                }
            }
            Event::EvidenceFound(found) => {
                found.hypothesis.into_iter().for_each(|about| self.hypotheses.spoken_of(about.number));
                self.evidence.state(found.id.number, found.clone(), at);
            }
            Event::CauseNamed(cause) => {
                cause.hypothesis.into_iter().for_each(|about| self.hypotheses.spoken_of(about.number));
                self.causes.state(cause.id.number, cause.clone(), at);
            }
            Event::Withdrawn(withdrawn) => match withdrawn.id.kind {
                ItemKind::Hypothesis => self.hypotheses.withdraw(withdrawn.id.number),
                ItemKind::Evidence => self.evidence.withdraw(withdrawn.id.number),
                ItemKind::Cause => self.causes.withdraw(withdrawn.id.number),
                ItemKind::Lesson | ItemKind::Recommendation | ItemKind::Action => {}
            },
            _ => {}
        }
    }
}

/// What a person wants of the investigation. `corrects` states an earlier one anew.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Something may be wrong.
    Suspect {
        /// What.
        claim: String,
        /// What would be seen if it were so.
        expecting: Option<String>,
        /// How it is tested.
        test: Option<String>,
        /// Whether it is another fault, found on the way.
        different_problem: bool,
        /// Which one this states anew.
        corrects: Option<ItemId>,
    },
    /// It is so, it is not, or it is open again.
    Settle {
        /// Which.
        id: ItemId,
        /// What it came to.
        verdict: Verdict,
        /// Why.
        why: Option<String>,
    },
    /// Something was looked at.
    Find {
        /// For or against which hypothesis.
        hypothesis: Option<ItemId>,
        /// What was looked at.
        checked: String,
        /// What was there.
        found: String,
        /// What follows from it.
        implication: Option<String>,
        /// Where it can be seen.
        url: Option<String>,
        /// Which one this states anew.
        corrects: Option<ItemId>,
    },
    /// Why it happened.
    NameCause {
        /// Whether it is the root cause.
        root: bool,
        /// What; may be left out where a hypothesis is named, whose claim it then is.
        text: Option<String>,
        /// The hypothesis that it was; it counts as confirmed from here on.
        hypothesis: Option<ItemId>,
        /// Which one this states anew.
        corrects: Option<ItemId>,
    },
}

pub(super) fn decide(state: &State, command: Command, by: Person) -> Result<Vec<Event>, Refusal> {
    let known = &state.investigation;
    match command {
        Command::Suspect { claim, expecting, test, different_problem, corrects } => {
            let id = place(ItemKind::Hypothesis, corrects, &known.hypotheses)?;
            let claim = text("hypothesis", &claim, TEXT_LIMIT)?;
            let (expecting, test) = (reason(expecting)?, reason(test)?);
            Ok(vec![HypothesisStated { id, claim, expecting, test, different_problem, by }.into()])
        }
        Command::Settle { id, verdict, why } => {
            let hypothesis = stands(ItemKind::Hypothesis, id, &known.hypotheses)?;
            if hypothesis.verdict == verdict {
                return Err(Refusal::Already(format!("{id} is {}", verdict.word())));
            }
            Ok(vec![HypothesisSettled { id, verdict, why: reason(why)?, by }.into()])
        }
        Command::Find { hypothesis, checked, found, implication, url, corrects } => {
            let id = place(ItemKind::Evidence, corrects, &known.evidence)?;
            hypothesis.map_or(Ok(()), |about| stands(ItemKind::Hypothesis, about, &known.hypotheses).map(drop))?;
            let checked = text("thing that was checked", &checked, TEXT_LIMIT)?;
            let found = text("finding", &found, TEXT_LIMIT)?;
            let url = url.map(|url| address(&url)).transpose()?;
            Ok(vec![
                EvidenceFound { id, hypothesis, checked, found, implication: reason(implication)?, url, by }.into(),
            ])
        }
        Command::NameCause { root, text: said, hypothesis, corrects } => {
            name_cause(state, root, said, hypothesis, corrects, by)
        }
    }
}

/// A root cause makes the incident *identified*, where it was still looked for.
fn name_cause(
    state: &State,
    root: bool,
    said: Option<String>,
    hypothesis: Option<ItemId>,
    corrects: Option<ItemId>,
    by: Person,
) -> Result<Vec<Event>, Refusal> {
    use super::event::Status;
    let known = &state.investigation;
    let id = place(ItemKind::Cause, corrects, &known.causes)?;
    let mut events = Vec::new();
    let mut claim = String::new();
    if let Some(about) = hypothesis {
        let confirmed = stands(ItemKind::Hypothesis, about, &known.hypotheses)?;
        claim.clone_from(&confirmed.stated.claim);
        if confirmed.verdict != Verdict::Confirmed {
            let why = Some(format!("{id} names it as a cause"));
            let verdict = Verdict::Confirmed;
            events.push(HypothesisSettled { id: about, verdict, why, by: by.clone() }.into());
        }
    }
    let text = text("cause", &said.unwrap_or(claim), TEXT_LIMIT)?;
    events.push(CauseNamed { id, root, text, hypothesis, by: by.clone() }.into());
    if root && matches!(state.status, Status::Detected | Status::Investigating) {
        let why = Some(format!("{id} names the root cause"));
        events.push(StatusSet { from: state.status, to: Status::Identified, by, why }.into());
    }
    Ok(events)
}

/// The id of the next one, or of the one that is stated anew.
pub(super) fn place<T>(kind: ItemKind, corrects: Option<ItemId>, items: &Items<T>) -> Result<ItemId, Refusal> {
    match corrects {
        Some(id) => stands(kind, id, items).map(|_| id),
        None if items.next() > ITEMS_LIMIT => Err(Refusal::TooMany { kind }),
        None => Ok(ItemId { kind, number: items.next() }),
    }
}

/// One that still stands and is what it should be.
pub(super) fn stands<T>(kind: ItemKind, id: ItemId, items: &Items<T>) -> Result<&T, Refusal> {
    if id.kind != kind {
        return Err(Refusal::OtherKind { id, wanted: kind });
    }
    items.get(id.number).ok_or(Refusal::NoSuchItem { id })
}
