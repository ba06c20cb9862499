//! Where humans came in: doubts and how they were settled, approvals and decisions, guards that were overridden.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Context;
use super::cite::{Cites, NOT_RECORDED, md};
use crate::base::event::RunId;
use crate::domain::incident::event::Event as IncidentEvent;
use crate::domain::run::event::{ApprovalAsked, Event, Offered, Question};
use crate::domain::target::event::Event as OfTarget;
use crate::domain::timeline::Fact;
use crate::view::sentence::{Wording, answer, verdict};
use crate::view::time;

/// An attempt whose outcome was unknown.
#[derive(Serialize)]
pub(super) struct Doubt {
    pub(super) step: String,
    pub(super) run: String,
    pub(super) settled: bool,
    time: String,
    why: String,
    evidence: String,
    outcome: String,
    pub(super) cites: String,
    #[serde(skip)]
    sources: Cites,
}

/// What somebody was asked, and what came of it.
#[derive(Serialize)]
pub(super) struct Decision {
    time: String,
    question: String,
    answer: String,
    who: String,
    why: String,
    cites: String,
    #[serde(skip)]
    sources: Cites,
}

/// A guard that somebody went past.
#[derive(Serialize)]
pub(super) struct Override {
    time: String,
    text: String,
    cites: String,
}

pub(super) fn doubts(context: &Context<'_>) -> Vec<Doubt> {
    let mut doubts: Vec<Doubt> = Vec::new();
    let mut current: BTreeMap<(&RunId, &str), usize> = BTreeMap::new();
    for recorded in context.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        match event {
            Event::AttemptDoubted(doubted) => {
                current.insert((id, &doubted.step), doubts.len());
                doubts.push(Doubt {
                    step: md(&context.wording.heading(id, &doubted.step), 200),
                    run: id.to_string(),
                    settled: false,
                    time: time::moment(recorded.head.occurred_at, context.zone),
                    why: md(&doubted.why, 500),
                    evidence: NOT_RECORDED.to_owned(),
                    outcome: "**never settled**".to_owned(),
                    cites: String::new(),
                    sources: Cites::one(recorded.pos),
                });
            }
            Event::DoubtProbed(probed) => {
                if let Some(doubt) = current.get(&(id, probed.step.as_str())).map(|at| &mut doubts[*at]) {
                    doubt.evidence = md(&probed.evidence, 500);
                    doubt.sources.add(recorded.pos);
                }
            }
            Event::DoubtSettled(settled) => {
                if let Some(doubt) = current.remove(&(id, settled.step.as_str())).map(|at| &mut doubts[at]) {
                    let by = settled
                        .by
                        .as_ref()
                        .map_or("shown by the world".into(), |by| format!("says {}", md(by.name(), 60)));
                    let at = time::clock(recorded.head.occurred_at, context.zone);
                    doubt.outcome = format!("{}, {by}, {at}: {}", verdict(settled.verdict), md(&settled.why, 500));
                    doubt.settled = true;
                    doubt.sources.add(recorded.pos);
                }
            }
            _ => {}
        }
    }
    doubts.iter_mut().for_each(|doubt| doubt.cites = doubt.sources.text());
    doubts
}

/// The questions that are being read.
struct Asking<'a> {
    context: &'a Context<'a>,
    decisions: Vec<Decision>,
    approvals: BTreeMap<(RunId, String), usize>,
    questions: BTreeMap<(RunId, String), (usize, Vec<Offered>)>,
}

pub(super) fn decisions(context: &Context<'_>) -> Vec<Decision> {
    let mut asking = Asking { context, decisions: Vec::new(), approvals: BTreeMap::new(), questions: BTreeMap::new() };
    for recorded in context.facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        let when = time::moment(recorded.head.occurred_at, context.zone);
        asking.approval(id, event, recorded.pos, &when);
        asking.question(id, event, recorded.pos, &when);
    }
    asking.decisions.iter_mut().for_each(|decision| decision.cites = decision.sources.text());
    asking.decisions
}

impl Asking<'_> {
    fn begin(&mut self, question: String, pos: u64, when: &str) -> usize {
        self.decisions.push(Decision {
            time: when.to_owned(),
            question,
            answer: "no answer recorded".to_owned(),
            who: "–".to_owned(),
            why: "–".to_owned(),
            cites: String::new(),
            sources: Cites::one(pos),
        });
        self.decisions.len() - 1
    }

    /// Says what came of an approval; where its question is missing, the answer still gets its line.
    fn settle_approval(&mut self, id: &RunId, step: &str, pos: u64, when: &str) -> usize {
        match self.approvals.get(&(id.clone(), step.to_owned())) {
            Some(at) => {
                self.decisions[*at].sources.add(pos);
                *at
            }
            None => {
                let heading = md(&self.context.wording.heading(id, step), 200);
                self.begin(format!("Approve {heading}"), pos, when)
            }
        }
    }

    fn approval(&mut self, id: &RunId, event: &Event, pos: u64, when: &str) {
        match event {
            Event::ApprovalAsked(asked) => {
                let heading = md(&self.context.wording.heading(id, &asked.step), 200);
                let ApprovalAsked { action, quorum, digest, .. } = asked;
                let digest: String = digest.chars().take(8).collect();
                let question =
                    format!("Approve {heading}: {} (hash {}, quorum {quorum})", md(action, 300), md(&digest, 8));
                let at = self.begin(question, pos, when);
                self.approvals.insert((id.clone(), asked.step.clone()), at);
            }
            Event::ApprovalGiven(given) => {
                let at = self.settle_approval(id, &given.step, pos, when);
                let (decision, by) = (&mut self.decisions[at], md(given.by.name(), 60));
                decision.answer = format!("approved, {} of {}", given.count, given.quorum);
                decision.who = if decision.who == "–" { by } else { format!("{}, {by}", decision.who) };
            }
            Event::ApprovalRejected(rejected) => {
                let at = self.settle_approval(id, &rejected.step, pos, when);
                self.close(at, "refused", rejected.by.name(), rejected.why.as_deref());
            }
            Event::ApprovalExpired(expired) => {
                let at = self.settle_approval(id, &expired.step, pos, when);
                let then = if expired.asked_again { "expired, asked again" } else { "expired, the step fails" };
                self.decisions[at].answer = then.to_owned();
            }
            Event::ApprovalLapsed(lapsed) => {
                let at = self.settle_approval(id, &lapsed.step, pos, when);
                self.decisions[at].answer = "lapsed before it was used, asked again".to_owned();
            }
            Event::GlassBroken(broken) => {
                let at = self.settle_approval(id, &broken.step, pos, when);
                self.close(at, "went ahead without approval (break-glass)", broken.by.name(), Some(&broken.why));
            }
            _ => {}
        }
    }

    fn question(&mut self, id: &RunId, event: &Event, pos: u64, when: &str) {
        match event {
            Event::Asked(asked) => {
                let title = md(&asked.title, 200);
                let (question, cases) = match &asked.question {
                    Question::Value { text, .. } => (format!("{title}: {}", md(text, 300)), Vec::new()),
                    Question::Branch { cases } => (title, cases.clone()),
                    Question::Work => (format!("By hand: {title}"), Vec::new()),
                    Question::Failure { summary } => (format!("{title} failed: {}", md(summary, 300)), Vec::new()),
                    Question::Doubt { evidence } => {
                        (format!("{title}, outcome unknown: {}", md(evidence, 300)), Vec::new())
                    }
                };
                let at = self.begin(question, pos, when);
                self.questions.insert((id.clone(), asked.step.clone()), (at, cases));
            }
            Event::Answered(answered) => {
                let (at, cases) = self.question_of(id, &answered.step, pos, when);
                let recommended = cases.iter().find(|case| case.recommended);
                let taken = cases.iter().find(|case| Some(case.id.as_str()) == answered.answer.as_str());
                let said = match taken {
                    Some(case) if case.recommended => format!("{} (recommended)", md(&case.label, 200)),
                    Some(case) => match recommended {
                        Some(other) => format!("{} (recommended was {})", md(&case.label, 200), md(&other.label, 200)),
                        None => md(&case.label, 200),
                    },
                    None => md(&answer(&answered.answer), 300),
                };
                let who = answered.by.as_ref().map_or("nobody, the deadline passed", |by| by.name());
                self.close(at, &said, who, answered.why.as_deref());
            }
            Event::FailureSettled(settled) => {
                if let Some(by) = &settled.by {
                    use crate::domain::run::event::FailureChoice;
                    let (at, _) = self.question_of(id, &settled.step, pos, when);
                    let choice = match settled.choice {
                        FailureChoice::Retry => "try again",
                        FailureChoice::Continue => "go on, it counts as failed",
                        FailureChoice::Stop => "end the run",
                    };
                    self.close(at, choice, by.name(), settled.why.as_deref());
                }
            }
            Event::DoubtSettled(settled) => {
                if let Some(by) = &settled.by {
                    let (at, _) = self.question_of(id, &settled.step, pos, when);
                    self.close(at, verdict(settled.verdict), by.name(), Some(&settled.why));
                }
            }
            _ => {}
        }
    }

    fn question_of(&mut self, id: &RunId, step: &str, pos: u64, when: &str) -> (usize, Vec<Offered>) {
        match self.questions.remove(&(id.clone(), step.to_owned())) {
            Some((at, cases)) => {
                self.decisions[at].sources.add(pos);
                (at, cases)
            }
            None => {
                let heading = md(&self.context.wording.heading(id, step), 200);
                (self.begin(heading, pos, when), Vec::new())
            }
        }
    }

    fn close(&mut self, at: usize, said: &str, who: &str, why: Option<&str>) {
        let decision = &mut self.decisions[at];
        said.clone_into(&mut decision.answer);
        decision.who = md(who, 60);
        decision.why = why.filter(|why| !why.is_empty()).map_or("–".to_owned(), |why| md(why, 500));
    }
}

pub(super) fn overrides(context: &Context<'_>) -> Vec<Override> {
    let mut wording = Wording::new(context.zone);
    for (run, plan) in context.plans {
        wording.know(run, plan);
    }
    let mut overrides = Vec::new();
    for recorded in context.facts {
        let told = wording.tell(&recorded.event);
        let passed = match &recorded.event {
            Fact::Target(_, OfTarget::DeploymentSeen(_)) => false,
            Fact::Run(_, Event::GlassBroken(_)) | Fact::Target(..) => true,
            Fact::Run(_, Event::StepUnblocked(unblocked)) => unblocked.override_.is_some(),
            Fact::Run(_, Event::StepSkipped(skipped)) => skipped.by.is_some() && !skipped.follow_up,
            Fact::Incident(_, IncidentEvent::Resolved(resolved)) => !resolved.verified,
            _ => false,
        };
        if let (true, Some(text)) = (passed, told) {
            overrides.push(Override {
                time: time::moment(recorded.head.occurred_at, context.zone),
                text: md(&text, 1_000),
                cites: Cites::one(recorded.pos).text(),
            });
        }
    }
    overrides
}
