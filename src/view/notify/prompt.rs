//! What a run waits for, as a person is asked: exactly what is approved, what can be chosen, what is to be done by hand.
//!
//! Lives here: [`prompt`]. Never lives here: the commands that the answers become (the doors know their grammar), and
//! whether this person may give them (`domain::run::decide`).

use std::fmt::Write as _;

use chrono_tz::Tz;

use crate::base::event::{Instant, Person};
use crate::base::text::{one_line, plain};
use crate::domain::action::Action;
use crate::domain::run::event::{Obstacle, Offered, Question};
use crate::domain::run::state::{Stage, State};
use crate::domain::runbook::model::InputKind;
use crate::view::time;

/// The longest prose that a prompt shows, in characters.
const PROSE: usize = 4_000;
/// The longest evidence of a doubt, in characters.
const EVIDENCE: usize = 1_000;
const LINE: usize = 400;
const NAME: usize = 100;

/// A question to people. All texts are plain and free of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked, on one line.
    pub title: String,
    /// What one must know to answer, line by line.
    pub body: Vec<String>,
    /// What can be answered, the usual answer first.
    pub answers: Vec<Reply>,
}

/// One possible answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What a person says: `approve`, `reject`, `done`, the id of a case. Empty where any value of the right form goes.
    pub word: String,
    /// What happens then.
    pub meaning: String,
    /// Whether it needs a reason.
    pub needs_reason: bool,
    /// Whether the runbook recommends it.
    pub recommended: bool,
}

/// What the step at `position` waits for; `None` where it waits for nobody.
#[must_use]
pub fn prompt(state: &State, position: usize, zone: Tz, now: Instant) -> Option<Prompt> {
    let step = state.steps.get(position)?;
    let asking = Asking { state, position, zone, now };
    match &step.stage {
        Stage::Approval { .. } => asking.approval(&step.stage),
        Stage::Asking { question, until, late } => {
            let mut prompt = asking.question(question);
            if let Some(until) = until {
                let late = if *late { " (late)" } else { "" };
                prompt.body.push(format!("answer by {}{late}", asking.due(*until)));
            }
            Some(prompt)
        }
        Stage::Blocked(obstacle) => Some(asking.obstacle(obstacle)),
        _ => None,
    }
}

impl Prompt {
    /// All of it as text, without a line end behind the last line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.title.clone();
        for line in &self.body {
            let _ = if line.is_empty() { writeln!(text) } else { write!(text, "\n  {line}") };
        }
        let width = self.answers.iter().map(|answer| answer.word.chars().count()).max().unwrap_or(0).min(30);
        for answer in &self.answers {
            let mark = if answer.recommended { '>' } else { ' ' };
            let reason = if answer.needs_reason { " (needs a reason)" } else { "" };
            let line = format!("{mark} {:width$}  {}{reason}", answer.word, answer.meaning);
            let _ = write!(text, "\n{}", line.trim_end());
        }
        text
    }
}

/// What a prompt is made of.
#[derive(Clone, Copy)]
struct Asking<'a> {
    state: &'a State,
    position: usize,
    zone: Tz,
    now: Instant,
}

impl Asking<'_> {
    fn heading(&self) -> String {
        one_line(&self.state.step(self.position).title, LINE)
    }

    fn titled(&self, question: &str) -> String {
        format!("{}: {question} ({})", self.heading(), self.state.id)
    }

    fn due(&self, at: Instant) -> String {
        time::due(at, self.now, self.zone)
    }

    fn approval(&self, stage: &Stage) -> Option<Prompt> {
        let Stage::Approval { given, quorum, approvers, not_requester, digest, until } = stage else { return None };
        let step = &self.state.steps[self.position];
        let action = step.action.as_ref().map_or_else(|| "not recorded".to_owned(), |action| action.describe());
        let needed = match quorum {
            1 => "one person".to_owned(),
            quorum => format!("{quorum} different persons"),
        };
        let mut who = if approvers.is_empty() { "anyone who may run it".to_owned() } else { names(approvers) };
        if *not_requester {
            let _ = write!(who, ", but not {}, who started the run", name(&self.state.opened.by));
        }
        let mut body = vec![format!("action  {}", one_line(&action, LINE))];
        body.extend(step.action.as_deref().and_then(payload).map(|payload| format!("sends   {payload}")));
        body.extend([
            format!("on      {}, attempt {}", one_line(&self.state.opened.environment, NAME), step.attempt + 1),
            format!("hash    {}", one_line(&digest.chars().take(12).collect::<String>(), 12)),
            format!("needs   {needed}: {who}"),
        ]);
        if !given.is_empty() {
            body.push(format!("so far  {} of {quorum}: {}", given.len(), names(given)));
        }
        body.push(format!("until   {}", self.due(*until)));
        Some(Prompt {
            title: self.titled("approve exactly this?"),
            body,
            answers: vec![
                reply("approve", "let it happen, once"),
                reply("reject", "refuse; the step fails"),
                Reply { needs_reason: true, ..reply("break-glass", "go ahead alone; everyone is told") },
            ],
        })
    }

    fn question(&self, question: &Question) -> Prompt {
        match question {
            Question::Value { text, kind } => Prompt {
                title: self.titled("a value is asked for"),
                body: vec![one_line(text, LINE)],
                answers: values(kind),
            },
            Question::Branch { cases } => Prompt {
                title: self.titled("which way?"),
                body: lines(&self.state.step(self.position).prose, PROSE),
                answers: cases.iter().map(case).collect(),
            },
            Question::Work => Prompt {
                title: self.titled("to be done by hand"),
                body: lines(&self.state.step(self.position).prose, PROSE),
                answers: vec![reply("done", "it is done; go on"), reply("failed", "it could not be done")],
            },
            Question::Failure { summary } => Prompt {
                title: self.titled("failed; what now?"),
                body: vec![one_line(summary, LINE)],
                answers: vec![
                    reply("retry", "do it again"),
                    reply("skip", "go on; the step counts as failed"),
                    reply("stop", "end the run as failed; cleanup follows"),
                ],
            },
            Question::Doubt { evidence } => Prompt {
                title: self.titled("nobody knows whether it happened"),
                body: lines(evidence, EVIDENCE),
                answers: vec![
                    reply("done", "it happened; go on"),
                    reply("run again", "do it once more; if it did happen, it then happens twice"),
                    reply("abort", "give the step up as failed"),
                ],
            },
        }
    }

    fn obstacle(&self, obstacle: &Obstacle) -> Prompt {
        let step = &self.state.steps[self.position];
        let target = step.action.as_ref().and_then(|action| action.target()).unwrap_or("its target");
        let (target, environment) = (one_line(target, NAME), one_line(&self.state.opened.environment, NAME));
        let why = match obstacle {
            Obstacle::HeldBy(run) => format!("{run} acts on {target} on {environment} right now"),
            Obstacle::OverBudget { until } => format!(
                "{target} on {environment} was changed as often as its budget allows; free again {}",
                self.due(*until)
            ),
        };
        Prompt {
            title: self.titled("held back"),
            body: vec![why],
            answers: vec![
                Reply { needs_reason: true, ..reply("override", "let it act all the same; everyone is told") },
                reply("retry", "look again at once"),
                reply("skip", "go on without this step"),
            ],
        }
    }
}

/// What an action carries besides its one line. Secrets are references here.
fn payload(action: &Action) -> Option<String> {
    match action {
        Action::Http(request) => {
            let json = request.json.as_ref().map(ToString::to_string);
            json.or_else(|| request.body.clone()).map(|body| one_line(&body, PROSE))
        }
        Action::RailwayRollback(change) => change.to.as_ref().map(|to| format!("back to {}", one_line(to, NAME))),
        _ => None,
    }
}

fn reply(word: &str, meaning: &str) -> Reply {
    Reply { word: word.to_owned(), meaning: meaning.to_owned(), needs_reason: false, recommended: false }
}

fn case(case: &Offered) -> Reply {
    let hint = if case.fits { "" } else { "; its condition does not hold" };
    Reply {
        word: one_line(&case.id, NAME),
        meaning: format!("{}{hint}", one_line(&case.label, LINE)),
        needs_reason: !case.fits,
        recommended: case.recommended,
    }
}

fn values(kind: &InputKind) -> Vec<Reply> {
    match kind {
        InputKind::Text => vec![reply("", "any text")],
        InputKind::Number => vec![reply("", "a number")],
        InputKind::Bool => vec![reply("yes", ""), reply("no", "")],
        InputKind::Duration => vec![reply("", "a duration such as 15m or 2h")],
        InputKind::Choice(choices) => choices.iter().map(|choice| reply(&one_line(choice, NAME), "")).collect(),
    }
}

fn name(person: &Person) -> String {
    one_line(person.name(), NAME)
}

fn names(persons: &[Person]) -> String {
    persons.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn lines(given: &str, limit: usize) -> Vec<String> {
    plain(given.trim(), limit).lines().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::base::event::{IncidentId, RunId};
    use crate::domain::run::event::Opened;

    fn now() -> Instant {
        "2026-02-02T11:00:00Z".parse().unwrap()
    }

    fn waiting(stage: Stage, prose: &str) -> State {
        let plan = serde_json::from_value(json!({
            "runbook": "redis", "title": "Redis", "source": "", "digest": "d",
            "inventory": crate::domain::action::inventory::Inventory::default(),
            "phases": [{"title": "Restore", "covered": true}],
            "frames": [{"prefix": "", "inputs": {}}],
            "steps": [{"id": "restart", "title": "Restart\u{1b}[31m Redis", "phase": 0, "prose": prose, "line": 1, "does": "manual"}],
        }));
        let opened = Opened {
            runbook: "redis".into(),
            title: "Redis".into(),
            plan: "b".into(),
            digest: "d".into(),
            environment: "production".into(),
            incident: IncidentId::number(1),
            incident_started: now(),
            by: Person::new("ana"),
            inputs: serde_json::Map::new(),
            from: None,
            approves: Vec::new(),
        };
        let mut state = State::open(RunId::number(3), Arc::new(plan.unwrap()), opened, now());
        let step = state.steps.at_mut(0);
        let post = crate::domain::action::http::Request {
            method: crate::domain::action::http::Method::Post,
            url: "https://backend.test/occupation?key=1".into(),
            target: Some("backend".into()),
            headers: std::collections::BTreeMap::new(),
            json: Some(json!({"tag": "TEST-02"})),
            body: None,
            follow_redirects: false,
        };
        step.action = Some(Arc::new(Action::Http(post)));
        step.stage = stage;
        state
    }

    fn asked(question: Question) -> String {
        let until = Some(now() + TimeDelta::minutes(14));
        let state = waiting(Stage::Asking { question, until, late: false }, "Open the dashboard.\n\nPress Restart.");
        prompt(&state, 0, Tz::America__Santiago, now()).unwrap().text()
    }

    #[test]
    fn an_approval_shows_exactly_what_will_be_done_and_who_may_agree() {
        let stage = Stage::Approval {
            given: vec![Person::new("ben")],
            quorum: 2,
            approvers: vec![Person::new("ben"), Person::new("cleo")],
            not_requester: true,
            digest: "0123456789abcdef".into(),
            until: now() + TimeDelta::minutes(14),
        };
        insta::assert_snapshot!(prompt(&waiting(stage, ""), 0, Tz::America__Santiago, now()).unwrap().text());
    }

    #[test]
    fn every_question_says_what_can_be_answered() {
        let cases = vec![
            Offered { id: "keep".into(), label: "Keep watching".into(), fits: true, recommended: true },
            Offered { id: "again".into(), label: "Restart again".into(), fits: false, recommended: false },
        ];
        let kind = InputKind::Choice(vec!["pool".into(), "server".into()]);
        let all = [
            Question::Value { text: "Which cause?".into(), kind },
            Question::Branch { cases },
            Question::Work,
            Question::Failure { summary: "503 in 2.1 s".into() },
            Question::Doubt { evidence: "before: deployment d1\nnow: deployment d1, restarting".into() },
        ];
        insta::assert_snapshot!(all.map(asked).join("\n\n"));
    }

    #[test]
    fn an_obstacle_says_what_is_in_the_way_and_a_busy_step_asks_nothing() {
        let blocked = Stage::Blocked(Obstacle::OverBudget { until: now() + TimeDelta::minutes(40) });
        insta::assert_snapshot!(prompt(&waiting(blocked, ""), 0, Tz::UTC, now()).unwrap().text());
        assert_eq!(prompt(&waiting(Stage::Preparing, ""), 0, Tz::UTC, now()), None);
        assert_eq!(prompt(&waiting(Stage::Ready, ""), 7, Tz::UTC, now()), None);
    }
}
