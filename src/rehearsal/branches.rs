//! The branches of a plan, and which of them a run took.
//!
//! Lives here: cases of decisions, conditions that hold and do not, jumps over failures, approvals that are refused. Never
//! lives here: which of them ought to be rehearsed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::base::event::Recorded;
use crate::domain::run::event::{Event, Question};
use crate::domain::run::state::State;
use crate::domain::runbook::model::{Does, OnFailure, Plan};
use crate::domain::timeline::Fact;

/// One way that a run can take at a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Branch {
    /// Where, by the step's place in the plan.
    #[serde(skip)]
    pub position: usize,
    /// The step.
    pub step: String,
    /// Which way, for people: `case roll_back`, `when does not hold`.
    pub way: String,
}

/// The branches of a plan and those that were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branches {
    /// All.
    pub all: BTreeSet<Branch>,
    /// Of these, the taken ones.
    pub taken: BTreeSet<Branch>,
}

impl Branches {
    /// Both plays together.
    pub fn join(&mut self, other: Self) {
        self.all.extend(other.all);
        self.taken.extend(other.taken);
    }

    /// Those that nothing took, in the order of the page.
    #[must_use]
    pub fn untaken(&self) -> Vec<&Branch> {
        self.all.difference(&self.taken).collect()
    }
}

const HOLDS: &str = "its condition holds";
const HOLDS_NOT: &str = "its condition does not hold";
const APPROVED: &str = "approved";
const REFUSED: &str = "approval refused";

fn case(id: &str) -> String {
    format!("decided: {id}")
}

fn jump(to: &str) -> String {
    format!("fails, and goes to {to}")
}

/// Every branch of a plan. Steps of phases that a run does not cover have none.
fn all(plan: &Plan) -> BTreeSet<Branch> {
    let mut found = BTreeSet::new();
    for (position, step) in plan.steps.iter().enumerate() {
        if plan.phases.get(step.phase).is_some_and(|phase| !phase.covered) {
            continue;
        }
        let mut add = |way: String| {
            found.insert(Branch { position, step: step.id.clone(), way });
        };
        if step.when.is_some() {
            add(HOLDS.to_owned());
            add(HOLDS_NOT.to_owned());
        }
        if let Does::Decide(decide) = &step.does {
            decide.cases.iter().for_each(|one| add(case(&one.id)));
        }
        if step.approval.is_some() {
            add(APPROVED.to_owned());
            add(REFUSED.to_owned());
        }
        if let OnFailure::Go(to) = &step.on_failure {
            add(jump(to));
        }
    }
    found
}

/// What a run took of its plan.
pub(super) fn branches(run: &State, facts: &[Recorded<Fact>]) -> Branches {
    let plan = &run.plan;
    let all = all(plan);
    let mut asked: BTreeMap<&str, &Question> = BTreeMap::new();
    let mut ways: BTreeSet<(&str, String)> = BTreeSet::new();
    for recorded in facts {
        let Fact::Run(id, event) = &recorded.event else { continue };
        if *id != run.id {
            continue;
        }
        match event {
            Event::StepStarted(one) => {
                ways.insert((&one.step, HOLDS.to_owned()));
            }
            // A person's skip says nothing about the condition.
            Event::StepSkipped(one) if one.by.is_none() => {
                ways.insert((&one.step, HOLDS_NOT.to_owned()));
            }
            Event::Asked(one) => drop(asked.insert(&one.step, &one.question)),
            Event::Answered(one) if matches!(asked.get(one.step.as_str()), Some(Question::Branch { .. })) => {
                ways.insert((&one.step, case(one.answer.as_str().unwrap_or_default())));
            }
            Event::ApprovalGiven(one) => {
                ways.insert((&one.step, APPROVED.to_owned()));
            }
            Event::GlassBroken(one) => {
                ways.insert((&one.step, APPROVED.to_owned()));
            }
            Event::ApprovalRejected(one) => {
                ways.insert((&one.step, REFUSED.to_owned()));
            }
            Event::Jumped(one) => {
                let to = one.to.as_deref().unwrap_or_default();
                ways.insert((&one.from, jump(to)));
            }
            _ => {}
        }
    }
    let taken =
        all.iter().filter(|branch| ways.contains(&(branch.step.as_str(), branch.way.clone()))).cloned().collect();
    Branches { all, taken }
}
