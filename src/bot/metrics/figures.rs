//! What follows from events for metrics: what each adds, and what is open now.
//!
//! Pure. Lives here: [`Figures`], folded from the journal, so that what other processes did counts as well. Never lives here: reading the
//! journal, keeping what was counted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;

use crate::base::event::{Instant, PageId, RunId};
use crate::base::metrics::{self, Labelled, Metric};
use crate::domain::page::event::Event as OfPage;
use crate::domain::run::event::{Event, Question};
use crate::domain::run::state::{Stage, State};
use crate::domain::runbook::model::Plan;
use crate::domain::timeline::Fact;

/// Runbooks that are told apart; what comes after is counted together, as `other`.
const RUNBOOKS: usize = 200;

/// Something that a metric is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which metric.
    pub metric: &'static Metric,
    /// The values of its labels.
    pub labels: Vec<Labelled>,
    /// What a gauge is, what falls into a histogram, what is added to a counter.
    pub value: f64,
}

/// What is open now, as far as metrics tell.
#[derive(Debug, Default)]
pub struct Figures {
    runs: BTreeMap<RunId, Open>,
    pages: BTreeSet<PageId>,
    /// Runbooks of which a run was seen. Those of which none is open are told as 0.
    runbooks: BTreeSet<String>,
}

/// A run that is not over.
#[derive(Debug, Default)]
struct Open {
    runbook: String,
    kinds: HashMap<String, &'static str>,
    /// Since when which step waits to be approved.
    approvals: BTreeMap<String, Instant>,
    questions: BTreeSet<String>,
    doubts: BTreeSet<String>,
}

impl Figures {
    /// Takes on a run as the journal has it, where it is not over.
    pub fn found(&mut self, state: &State) {
        if state.is_over() {
            return;
        }
        let mut open = Open::of(&state.plan);
        for position in state.active() {
            let (step, id) = (&state.steps[position], &state.step(position).id);
            match &step.stage {
                // A state does not keep when it was asked. Its step became ready just before.
                Stage::Approval { .. } => open.approvals.extend(step.started_at.map(|at| (id.clone(), at))),
                Stage::Asking { question, .. } => open.asked(id, question),
                Stage::Probing { .. } => open.doubts.extend([id.clone()]),
                _ => {}
            }
        }
        self.take_on(state.id.clone(), open);
    }

    /// Takes on a page that waits for an answer.
    pub fn called(&mut self, page: &PageId) {
        self.pages.insert(page.clone());
    }

    /// Takes on a run that was just opened.
    pub fn opened(&mut self, run: &RunId, plan: &Plan) {
        self.take_on(run.clone(), Open::of(plan));
    }

    fn take_on(&mut self, run: RunId, mut open: Open) {
        if !self.runbooks.contains(&open.runbook) && self.runbooks.len() >= RUNBOOKS {
            open.runbook = "other".to_owned();
        }
        self.runbooks.insert(open.runbook.clone());
        self.runs.insert(run, open);
    }

    /// What an event, recorded at `at`, adds; afterwards [`Figures::now`] tells what it led to.
    pub fn take(&mut self, fact: &Fact, at: Instant) -> Vec<Change> {
        match fact {
            Fact::Run(run, Event::Finished(finished)) => {
                let known = self.runs.remove(run).map(|open| open.runbook);
                let runbook = known.unwrap_or_else(|| "other".to_owned());
                let labels = vec![("runbook", runbook.into()), ("outcome", finished.outcome.word().into())];
                vec![add(&metrics::RUNS_FINISHED, labels)]
            }
            Fact::Run(run, event) => self.runs.get_mut(run).map_or_else(Vec::new, |open| open.take(event, at)),
            Fact::Page(page, event) => {
                let outcome = match event {
                    OfPage::Opened(_) => {
                        self.pages.insert(page.clone());
                        return Vec::new();
                    }
                    OfPage::Acknowledged(_) => "answered",
                    OfPage::GivenUp(_) => "given_up",
                    OfPage::Ended(_) => "ended",
                    OfPage::Called(_) | OfPage::Delivered(_) | OfPage::Undelivered(_) | OfPage::PassedOn(_) => {
                        return Vec::new();
                    }
                };
                // One that was answered ends later on, and is counted once.
                let counts = self.pages.remove(page);
                counts.then(|| add(&metrics::PAGES_FINISHED, vec![("outcome", outcome.into())])).into_iter().collect()
            }
            Fact::Incident(..)
            | Fact::Target(..)
            | Fact::Alert(..)
            | Fact::Rota(_)
            | Fact::Monitor(..)
            | Fact::Digest(..)
            | Fact::Session(..)
            | Fact::Erasure(_)
            | Fact::Erased { .. } => Vec::new(),
        }
    }

    /// What is open, and since when.
    #[must_use]
    pub fn now(&self, now: Instant) -> Vec<Change> {
        let mut told = Vec::new();
        for runbook in &self.runbooks {
            let open = self.runs.values().filter(|run| run.runbook == *runbook).count();
            told.push(gauge(&metrics::RUNS_OPEN, vec![("runbook", runbook.clone().into())], open));
        }
        let count = |of: fn(&Open) -> usize| self.runs.values().map(of).sum::<usize>();
        told.push(gauge(&metrics::APPROVALS_WAITING, vec![], count(|run| run.approvals.len())));
        told.push(gauge(&metrics::QUESTIONS_WAITING, vec![], count(|run| run.questions.len())));
        told.push(gauge(&metrics::RUNS_IN_DOUBT, vec![], count(|run| usize::from(!run.doubts.is_empty()))));
        told.push(gauge(&metrics::PAGES_OPEN, vec![], self.pages.len()));
        let oldest = self.runs.values().flat_map(|run| run.approvals.values()).min();
        let age = oldest.map_or(0.0, |oldest| (now - *oldest).as_seconds_f64().max(0.0));
        told.push(Change { metric: &metrics::APPROVALS_OLDEST, labels: vec![], value: age });
        told
    }
}

impl Open {
    fn of(plan: &Plan) -> Self {
        let kinds = plan.steps.iter().map(|step| (step.id.clone(), step.does.kind())).collect();
        Self { runbook: plan.runbook.clone(), kinds, ..Self::default() }
    }

    fn asked(&mut self, step: &str, question: &Question) {
        self.questions.insert(step.to_owned());
        if matches!(question, Question::Doubt { .. }) {
            self.doubts.insert(step.to_owned());
        }
    }

    fn kind(&self, step: &str) -> Labelled {
        ("kind", Cow::Borrowed(self.kinds.get(step).copied().unwrap_or("other")))
    }

    fn take(&mut self, event: &Event, at: Instant) -> Vec<Change> {
        let ended = |run: &Self, step: &str, outcome: &'static str| {
            add(&metrics::STEPS_FINISHED, vec![run.kind(step), ("outcome", outcome.into())])
        };
        match event {
            Event::StepFinished(finished) => {
                self.leave(&finished.step);
                let outcome = if finished.ok { "succeeded" } else { "failed" };
                let took = Change {
                    metric: &metrics::STEP_DURATION,
                    labels: vec![self.kind(&finished.step)],
                    value: TimeDelta::milliseconds(i64::try_from(finished.took_ms).unwrap_or(i64::MAX))
                        .as_seconds_f64(),
                };
                return vec![ended(self, &finished.step, outcome), took];
            }
            Event::StepSkipped(skipped) => {
                self.leave(&skipped.step);
                return vec![ended(self, &skipped.step, "skipped")];
            }
            Event::ApprovalAsked(asked) => drop(self.approvals.insert(asked.step.clone(), at)),
            Event::ApprovalGiven(given) if given.count >= given.quorum => drop(self.approvals.remove(&given.step)),
            Event::ApprovalExpired(expired) => drop(self.approvals.remove(&expired.step)),
            Event::ApprovalRejected(rejected) => drop(self.approvals.remove(&rejected.step)),
            Event::GlassBroken(broken) => drop(self.approvals.remove(&broken.step)),
            Event::Asked(asked) => self.asked(&asked.step, &asked.question),
            Event::Answered(answered) => drop(self.questions.remove(&answered.step)),
            Event::FailureSettled(settled) => drop(self.questions.remove(&settled.step)),
            Event::AttemptDoubted(doubted) => drop(self.doubts.insert(doubted.step.clone())),
            Event::AttemptAccepted(accepted) => self.settled(&accepted.step),
            Event::AttemptFailed(failed) => self.settled(&failed.step),
            Event::DoubtSettled(settled) => self.settled(&settled.step),
            _ => {}
        }
        Vec::new()
    }

    /// What is known of a change again.
    fn settled(&mut self, step: &str) {
        if self.doubts.remove(step) {
            self.questions.remove(step);
        }
    }

    /// Nothing is asked about a step any more.
    fn leave(&mut self, step: &str) {
        self.approvals.remove(step);
        self.questions.remove(step);
        self.doubts.remove(step);
    }
}

fn add(metric: &'static Metric, labels: Vec<Labelled>) -> Change {
    Change { metric, labels, value: 1.0 }
}

#[allow(clippy::cast_precision_loss, reason = "nobody has that many")]
fn gauge(metric: &'static Metric, labels: Vec<Labelled>, value: usize) -> Change {
    Change { metric, labels, value: value as f64 }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::base::event::Person;
    use crate::domain::page::event::{Acknowledged, End, Ended};
    use crate::domain::run::event::{
        ApprovalAsked, ApprovalGiven, AttemptDoubted, DoubtSettled, DoubtVerdict, Finished, Outcome, StepFinished,
        StepSkipped,
    };

    fn at(second: i64) -> Instant {
        "2026-03-01T10:00:00Z".parse::<Instant>().unwrap() + TimeDelta::seconds(second)
    }

    fn told(changes: &[Change]) -> String {
        let mut text = String::new();
        for Change { metric, labels, value } in changes {
            let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            writeln!(text, "{} {{{}}} {value}", metric.name, labels.join(",")).unwrap();
        }
        text
    }

    fn redis() -> Figures {
        let open = Open {
            runbook: "redis-connections".into(),
            kinds: [("restart".to_owned(), "railway.restart"), ("check".to_owned(), "http")].into(),
            ..Open::default()
        };
        let mut figures = Figures::default();
        figures.take_on(RunId::number(1), open);
        figures
    }

    fn of_run(event: impl Into<Event>) -> Fact {
        Fact::Run(RunId::number(1), event.into())
    }

    fn finished(step: &str, ok: bool) -> StepFinished {
        StepFinished {
            step: step.into(),
            title: "A title is no label".into(),
            ok,
            summary: String::new(),
            facts: serde_json::Map::new(),
            expects: vec![],
            attempts: 1,
            took_ms: 2_500,
            output: None,
        }
    }

    #[test]
    fn a_run_is_counted_from_its_approval_to_its_end() {
        let mut figures = redis();
        let (step, digest, ana) = ("restart".to_owned(), "d".to_owned(), Person::new("ana"));
        let asked = ApprovalAsked {
            step: step.clone(),
            attempt: 1,
            digest: digest.clone(),
            action: "restart redis".into(),
            quorum: 2,
            approvers: vec![],
            not_requester: false,
            until: at(900),
        };
        let given =
            |count| ApprovalGiven { step: step.clone(), digest: digest.clone(), by: ana.clone(), count, quorum: 2 };
        let doubted = AttemptDoubted { step: step.clone(), attempt: 1, why: "reset".into(), probe: true };
        let settled =
            DoubtSettled { step: step.clone(), attempt: 1, verdict: DoubtVerdict::Done, by: None, why: String::new() };
        let skipped =
            StepSkipped { step: "after".into(), title: String::new(), why: String::new(), by: None, follow_up: false };
        let over = Finished { outcome: Outcome::Succeeded, why: String::new() };
        let story: Vec<(i64, Fact)> = vec![
            (0, of_run(asked)),
            (60, of_run(given(1))),
            (90, of_run(given(2))),
            (100, of_run(doubted)),
            (110, of_run(settled)),
            (120, of_run(finished("restart", true))),
            (130, of_run(finished("check", false))),
            (140, of_run(skipped)),
            (150, of_run(over)),
        ];
        let mut text = String::new();
        for (second, fact) in story {
            let added = told(&figures.take(&fact, at(second)));
            let Fact::Run(_, event) = &fact else { unreachable!() };
            write!(text, "# {} adds\n{added}# afterwards\n{}\n", event.kind(), told(&figures.now(at(second)))).unwrap();
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_page_is_counted_once_however_often_it_ends() {
        let mut figures = Figures::default();
        let page = PageId::number(1);
        figures.called(&page);
        let answered = Fact::Page(page.clone(), Acknowledged { by: Person::new("ana") }.into());
        let ended = Fact::Page(page, Ended { why: End::Resolved }.into());
        assert_eq!(told(&figures.take(&answered, at(0))), "rundown_pages_finished_total {outcome=answered} 1\n");
        assert_eq!(figures.take(&ended, at(1)), []);
    }

    #[test]
    fn more_runbooks_than_anybody_has_are_counted_together() {
        let mut figures = Figures::default();
        for number in 1..=300 {
            let open = Open { runbook: format!("runbook-{number}"), ..Open::default() };
            figures.take_on(RunId::number(number), open);
        }
        let series = figures.now(at(0)).into_iter().filter(|change| *change.metric == metrics::RUNS_OPEN);
        assert_eq!(series.count(), RUNBOOKS + 1);
    }
}
