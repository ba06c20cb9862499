//! What a run waits for, from whom, and the command that answers it.
//!
//! Lives here: reading that off a run's state. Never lives here: how a door asks (prompts, buttons).

use crate::base::event::{Instant, Person};
use crate::base::text::one_line;
use crate::domain::run::event::{Obstacle, Question};
use crate::domain::run::evidence::{self, Seen};
use crate::domain::run::state::{Stage, State};
use crate::domain::target::{EVERYTHING, named};

/// Approvers that are named; `rundown plan` has them all.
const NAMES: usize = 6;

/// One step that waits for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Its id.
    pub step: String,
    /// Its heading.
    pub title: String,
    /// Which time in this run: with the step it tells one question from the next.
    pub visit: u32,
    /// Which attempt of that visit.
    pub attempt: u32,
    /// For what.
    pub what: What,
    /// When it is late.
    pub until: Option<Instant>,
    /// What was seen before the change that is asked about; `None` where the question is about no change.
    pub before: Option<Vec<Seen>>,
}

/// For what a step waits.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An agreement to an exact action.
    Approval {
        /// The action in one line.
        action: String,
        /// The hash it is bound to.
        digest: String,
        /// Who agreed so far.
        given: Vec<Person>,
        /// Distinct persons it takes.
        quorum: u32,
        /// Who may; empty: anyone.
        approvers: Vec<Person>,
        /// Who may not, because they started the run.
        requester: Option<Person>,
    },
    /// An answer.
    Question {
        /// To what.
        question: Question,
        /// The step's prose: what a person does by hand.
        prose: String,
    },
    /// An obstacle out of the way.
    Obstacle {
        /// What it is.
        obstacle: Obstacle,
        /// The target.
        target: String,
    },
}

/// Everything a run waits for, the main step first. Empty while it is held up or over.
#[must_use]
pub fn waiting(state: &State) -> Vec<Waiting> {
    if state.is_over() || state.paused.is_some() {
        return Vec::new();
    }
    state.active().filter_map(|position| one(state, position)).collect()
}

fn one(state: &State, position: usize) -> Option<Waiting> {
    let step = &state.steps[position];
    let plan = state.step(position);
    let (what, until) = match &step.stage {
        Stage::Approval { given, quorum, approvers, not_requester, digest, until } => {
            let action = step.action.as_ref().map_or_else(|| plan.title.clone(), |action| action.describe());
            let requester = not_requester.then(|| state.opened.by.clone());
            let (given, approvers, digest) = (given.clone(), approvers.clone(), digest.clone());
            (What::Approval { action, digest, given, quorum: *quorum, approvers, requester }, Some(*until))
        }
        Stage::Asking { question, until, .. } => {
            (What::Question { question: question.clone(), prose: plan.prose.clone() }, *until)
        }
        Stage::Blocked(obstacle) => {
            let target = match obstacle {
                Obstacle::Frozen { everything: true, .. } => named(&state.opened.environment, EVERYTHING),
                _ => step.action.as_ref().and_then(|action| action.target()).unwrap_or("its target").to_owned(),
            };
            let until = match obstacle {
                Obstacle::OverBudget { until } | Obstacle::Frozen { until, .. } => Some(*until),
                Obstacle::HeldBy(_) => None,
            };
            (What::Obstacle { obstacle: obstacle.clone(), target }, until)
        }
        _ => return None,
    };
    let (step_id, title) = (plan.id.clone(), plan.title.clone());
    let before = match &what {
        What::Approval { .. } => Some(evidence::before(state, position)),
        // What an attempt in doubt was looked at for says itself how the target's state was before and is now.
        What::Question { question: Question::Doubt { .. }, .. } => {
            let checks = evidence::before(state, position).into_iter().filter(|seen| seen.step.is_some());
            Some(checks.collect::<Vec<_>>()).filter(|checks| !checks.is_empty())
        }
        _ => None,
    };
    Some(Waiting { step: step_id, title, visit: step.visits, attempt: step.attempt, what, until, before })
}

impl Waiting {
    /// Whether this person can answer it as it is asked.
    #[must_use]
    pub fn is_for(&self, me: &Person) -> bool {
        match &self.what {
            What::Approval { given, approvers, requester, .. } => {
                !given.contains(me)
                    && (approvers.is_empty() || approvers.contains(me))
                    && requester.as_ref() != Some(me)
            }
            What::Question { .. } => true,
            What::Obstacle { .. } => false,
        }
    }

    /// What is wanted, in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        self.short(usize::MAX)
    }

    /// The same where there is little room: what came from elsewhere (a summary, evidence, a reason) has at most so many
    /// characters, so that what is asked about it is not cut off.
    #[must_use]
    pub fn short(&self, limit: usize) -> String {
        let cut = |text: &str| if limit == usize::MAX { text.to_owned() } else { one_line(text, limit) };
        match &self.what {
            What::Approval { action, given, quorum, approvers, requester, .. } => {
                let left = quorum.saturating_sub(u32::try_from(given.len()).unwrap_or(u32::MAX));
                let who = match approvers.as_slice() {
                    [] => match left {
                        1 => "one person".to_owned(),
                        left => format!("{left} persons"),
                    },
                    names => {
                        let names: Vec<_> =
                            names.iter().filter(|name| !given.contains(name)).map(|name| cut(name.name())).collect();
                        let shown = names[..names.len().min(NAMES)].join(", ");
                        match names.len().saturating_sub(NAMES) {
                            0 => format!("{left} of {shown}"),
                            others => format!("{left} of {shown} and {others} others"),
                        }
                    }
                };
                let not = requester.as_ref().map_or(String::new(), |person| format!(", not {person}"));
                format!("waits for the approval of {who}{not}: {}", cut(action))
            }
            What::Question { question, .. } => match question {
                Question::Value { text, .. } => format!("asks: {}", cut(text)),
                Question::Branch { .. } => "waits for a decision".to_owned(),
                Question::Work => "is to be done by hand".to_owned(),
                Question::Failure { summary } => format!("failed: {}. What now?", cut(summary)),
                Question::Doubt { evidence } => format!("may or may not have happened: {}", cut(evidence)),
            },
            What::Obstacle { obstacle: Obstacle::HeldBy(run), target } => {
                format!("waits for {target}, which {run} holds")
            }
            What::Obstacle { obstacle: Obstacle::OverBudget { .. }, target } => {
                format!("waits: {target} was changed as often as its budget allows")
            }
            What::Obstacle { obstacle: Obstacle::Frozen { by, why, .. }, target } => {
                format!("waits: {by} froze {target}: {}", cut(why))
            }
        }
    }

    /// Commands that answer it, the likeliest first. `run` is named where it would not be clear which is meant.
    #[must_use]
    pub fn commands(&self, run: Option<&str>) -> Vec<String> {
        let step = &self.step;
        let run = run.map_or(String::new(), |run| format!(" --run {run}"));
        match &self.what {
            What::Approval { .. } => {
                vec![format!("rundown approve {step}{run}"), format!("rundown reject {step}{run}")]
            }
            What::Question { question, .. } => match question {
                Question::Value { .. } => vec![format!("rundown answer VALUE --step {step}{run}")],
                Question::Branch { cases } => {
                    let mut cases: Vec<_> = cases.iter().collect();
                    cases.sort_by_key(|case| (!case.recommended, !case.fits));
                    cases
                        .iter()
                        .map(|case| {
                            let why = if case.fits { "" } else { " --why TEXT" };
                            format!("rundown decide {} --step {step}{run}{why}", case.id)
                        })
                        .collect()
                }
                Question::Work => {
                    vec![format!("rundown done {step}{run}"), format!("rundown done {step} --failed{run}")]
                }
                Question::Failure { .. } => vec![
                    format!("rundown runbook retry {step}{run}"),
                    format!("rundown runbook skip {step}{run}"),
                    format!("rundown runbook stop{}", run.replace("--run ", "")),
                ],
                Question::Doubt { .. } => ["done", "again", "abort"]
                    .map(|verdict| format!("rundown settle {verdict} --step {step}{run} --why TEXT"))
                    .to_vec(),
            },
            What::Obstacle { .. } => vec![format!("rundown override {step}{run} --why TEXT")],
        }
    }
}
