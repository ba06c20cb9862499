//! What a checked runbook is, and the plan that a run is pinned to.
//!
//! Every value here has passed the check: conditions parse, references resolve, jumps go forward, `redo` is bounded.
//! Text fields called *template* hold Handlebars and are rendered when the step becomes ready.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::event::Severity;
use crate::base::expr::Condition;
use crate::base::schedule::Span;
use crate::domain::action::ActionSpec;
use crate::domain::action::inventory::Inventory;

/// A checked runbook, before inputs and environment are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Runbook {
    /// Its name on the command line: `redis-connections`.
    pub id: String,
    /// The H1.
    pub title: String,
    /// What an incident declared by a run of it starts with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Words by which a pasted error finds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub use_when: Vec<String>,
    /// Targets it acts on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// What may be given when it starts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Input>,
    /// After how long a run of it asks whether to go on. It asks, it never acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Its H2s, in order, without the success criteria.
    pub phases: Vec<Phase>,
    /// Its steps, in order of the page; sub-runbooks and `each` not expanded yet.
    pub steps: Vec<Step>,
    /// What must hold at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<Criterion>,
    /// Hex of the SHA-256 of the source.
    pub digest: String,
}

/// An H2 and whether a run covers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// The heading.
    pub title: String,
    /// Whether its steps run; steps of other phases are offered as action items.
    pub covered: bool,
    /// Whether it begins by itself, as a run of its own, when the run succeeded. Such a phase only looks and waits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow_up: bool,
}

/// A value that may be given when a run starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// What it must be.
    pub kind: InputKind,
    /// What it is where nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The environment variable (granted in `targets.yaml`) that gives the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_from: Option<String>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

/// The type of an input or of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Any text up to 4,000 characters.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Bool,
    /// A span such as `2h`; kept as text.
    Duration,
    /// One of these.
    Choice(Vec<String>),
}

/// What a run is pinned to: stored with the run, never parsed again. Serialised as JSON in a blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The runbook's id.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// The page as it was.
    pub source: String,
    /// Hex of the SHA-256 of the source.
    pub digest: String,
    /// The severity an incident declared by the run starts with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The environment's targets and grants as they were.
    pub inventory: Inventory,
    /// See [`Runbook::deadline`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// The phases, covered or not.
    pub phases: Vec<Phase>,
    /// Scopes of names: 0 is the page itself, the others its sub-runbooks.
    pub frames: Vec<Frame>,
    /// All steps in order, sub-runbooks and `each` expanded. Jumps name steps by their full id.
    pub steps: Vec<Step>,
    /// What must hold at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<Criterion>,
}

impl Plan {
    /// What begins by itself once a run of this plan succeeded: its follow-up phases alone. The page's criteria and deadline
    /// were the run's own and are not asked again.
    #[must_use]
    pub fn follow_up(&self) -> Option<Self> {
        let follows = |index: usize| self.phases.get(index).is_some_and(|phase| phase.follow_up && !phase.covered);
        let steps: Vec<Step> = self.steps.iter().filter(|step| follows(step.phase)).cloned().collect();
        if steps.is_empty() {
            return None;
        }
        let named = self.phases.iter().filter(|phase| phase.follow_up && !phase.covered);
        let title =
            format!("{}: {}", self.title, named.map(|phase| phase.title.as_str()).collect::<Vec<_>>().join(", "));
        let phases = self.phases.iter().enumerate();
        let phases = phases.map(|(index, phase)| Phase { covered: follows(index), follow_up: false, ..phase.clone() });
        let phases = phases.collect();
        Some(Self { title, phases, steps, criteria: Vec::new(), deadline: None, ..self.clone() })
    }

    /// Where a step stands, by its full id.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }
}

/// The names that a step's conditions and templates see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// What stands before the ids of its steps: empty for the page itself, `check/` for the sub-runbook of step `check`.
    pub prefix: String,
    /// Its inputs, resolved and typed.
    pub inputs: Map<String, Value>,
}

/// One unit of work: an H3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its id; in a plan the full one (`check/health` inside the sub-runbook of step `check`, `tests_2` of an `each`).
    pub id: String,
    /// The heading.
    pub title: String,
    /// Index of its phase.
    pub phase: usize,
    /// Index of its frame; 0 in a [`Runbook`].
    #[serde(default)]
    pub frame: usize,
    /// The prose under the heading: what a person does by hand.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prose: String,
    /// Line of the heading in the source, from 1.
    pub line: u32,
    /// The item of an `each`, visible as `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<Value>,
    /// What it does.
    pub does: Does,
    /// Runs only if this holds; otherwise it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What its answer must satisfy; every one is judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Condition>,
    /// Values kept as `steps.ID.NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub save: BTreeMap<String, Condition>,
    /// How failures are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long one stage of an attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Who must agree first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Runs also when the run stops, fails or is cancelled, provided the step named here was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_after: Option<String>,
    /// Takes back the step named here: never runs in the flow, is offered when the run does not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Runs while the watch named here goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<String>,
    /// The author says that doing it twice is the same as once.
    #[serde(default)]
    pub idempotent: bool,
    /// What happens when it fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// What happens when its outcome is unknown.
    #[serde(default)]
    pub on_doubt: OnDoubt,
}

impl Step {
    /// A step that a person does by hand, in the first phase, with no options: what a heading without a block is.
    #[must_use]
    pub fn by_hand(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            phase: 0,
            frame: 0,
            prose: String::new(),
            line: 1,
            each: None,
            does: Does::Manual,
            when: None,
            expect: Vec::new(),
            save: BTreeMap::new(),
            retry: None,
            timeout: None,
            approval: None,
            always_after: None,
            undo: None,
            during: None,
            idempotent: false,
            on_failure: OnFailure::default(),
            on_doubt: OnDoubt::default(),
        }
    }

    /// Whether it runs beside the steps of the page instead of among them: during a watch, or taking another one back.
    #[must_use]
    pub fn runs_aside(&self) -> bool {
        self.during.is_some() || self.undo.is_some()
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Something with an executor.
    Act(ActionSpec),
    /// Observes for a while.
    Watch(Watch),
    /// Lets time pass.
    Wait(Wait),
    /// Asks a person for a value.
    Ask(Ask),
    /// Asks a person for a branch.
    Decide(Decide),
    /// Computes values, kept as `steps.ID.NAME`.
    Set(BTreeMap<String, Condition>),
    /// Tells people something.
    Notify(Notify),
    /// Another runbook; only in a [`Runbook`], a [`Plan`] holds its steps instead.
    Runbook(SubRunbook),
    /// Several of the same; only in a [`Runbook`].
    Each(Each),
    /// A person does it and says how it went.
    Manual,
}

impl Does {
    /// Which kind of step it is, in the word that a runbook writes; `manual` where it writes none.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Act(spec) => spec.kind.key(),
            Self::Watch(_) => "watch",
            Self::Wait(_) => "wait",
            Self::Ask(_) => "ask",
            Self::Decide(_) => "decide",
            Self::Set(_) => "set",
            Self::Notify(_) => "notify",
            Self::Runbook(_) => "runbook",
            Self::Each(each) => each.does.kind(),
            Self::Manual => "manual",
        }
    }
}

/// A runbook inside a runbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubRunbook {
    /// Its id or file name.
    pub id: String,
    /// Its inputs: templates over this page's inputs and targets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Value>,
}

/// A step repeated for each item of a static list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Each {
    /// The items, 1 to 100.
    pub items: Vec<Value>,
    /// What each does.
    pub does: Box<Does>,
}

/// An observation for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Template of a span: how long.
    pub lasts: String,
    /// How often a sample is taken.
    pub every: Span,
    /// What is read each time; never a change.
    pub sample: ActionSpec,
    /// Numbers taken from a sample's answer, by name.
    pub series: BTreeMap<String, Condition>,
    /// What the numbers must satisfy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Threshold>,
    /// Texts that must not appear in logs meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid_logs: Vec<ForbidLogs>,
    /// Percentage of samples that must have come in for a verdict, 0 to 100.
    pub min_coverage: f64,
    /// Whether the first breach at level `fail` ends the watch at once.
    pub stop_on_breach: bool,
}

/// A limit that a watched number keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Over the names of `series`.
    pub that: Condition,
    /// How many samples in a row must break it.
    pub breach_after: u32,
    /// What a breach means.
    pub level: Level,
}

/// How much a breach matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is written down.
    Warn,
    /// The watch's verdict is *breached*.
    Fail,
}

/// A text that must not appear in a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForbidLogs {
    /// Reads the log (`railway.logs`).
    pub logs: ActionSpec,
    /// The text, compared without regard to case.
    pub text: String,
    /// How often it is read.
    pub every: Span,
}

/// Lets time pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Template of a span.
    For(String),
    /// The next moment of a cron expression, in a zone (default: the environment's).
    Until {
        /// Five fields.
        cron: String,
        /// IANA name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
    },
}

/// Asks a person for a value, kept as `steps.ID.answer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// Template.
    pub question: String,
    /// What the answer must be.
    pub kind: InputKind,
    /// How long to wait before people are told again. Nobody's silence answers a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
}

/// A branch that a person takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decide {
    /// When people are told that it is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// What happens then.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// The branches; the first whose `when` holds (or is absent) is recommended.
    pub cases: Vec<Case>,
}

/// A moment relative to something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// From where it counts.
    pub from: Since,
    /// How long after.
    pub after: Span,
}

/// From where a deadline counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Since {
    /// When the question was put.
    #[default]
    #[serde(rename = "asked")]
    Asked,
    /// When the run started.
    #[serde(rename = "run.started")]
    RunStarted,
    /// When the incident started.
    #[serde(rename = "incident.started")]
    IncidentStarted,
}

/// What a missed deadline does. None of them takes a changing branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// People are told, and the question stays open.
    #[default]
    Page,
    /// The step fails (an approval then counts as refused).
    Fail,
    /// The case of this id is taken; the check allows only one that changes nothing.
    Take(String),
}

/// One branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its id, by which it is chosen.
    pub id: String,
    /// What people read; the id where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Recommended only if this holds. A person may take it all the same, with a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Where it leads.
    pub to: Destination,
}

/// Where a branch leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// The next step.
    Next,
    /// A later step, by id.
    Go(String),
    /// Back to an earlier step, which with everything behind it is done again; at most `max` times in a run.
    Redo {
        /// The earlier step.
        step: String,
        /// How often the whole run may go back there, 1 to 20.
        max: u32,
    },
    /// Ends the run; criteria are judged, cleanup runs.
    Stop,
}

/// Tells people something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// Template.
    pub text: String,
}

/// How failures are repeated. Only what is known not to have happened, reads, or says `idempotent: true`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// All tries together, 2 to 100.
    pub attempts: u32,
    /// Before the second try.
    pub delay: Span,
    /// By how much each delay grows, 1.0 to 10.0.
    pub factor: f64,
    /// No delay is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<Span>,
}

/// Who must agree before a step acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Distinct persons, 1 to 5; the target's own rule may ask for more.
    pub quorum: u32,
    /// How long the question stays good.
    pub within: Span,
    /// What happens then: `page` asks again, `fail` fails the step.
    pub on_timeout: OnTimeout,
}

/// What happens when a step fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// A person says: retry, skip, stop, or goes on.
    #[default]
    Ask,
    /// The run goes on; the step counts as failed.
    Continue,
    /// The run ends as failed; cleanup runs.
    Stop,
    /// Forward to this step.
    Go(String),
}

/// What happens when a step's outcome is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDoubt {
    /// The world is looked at; a person is asked if that settles nothing.
    #[default]
    Probe,
    /// A person is asked at once.
    Ask,
}

/// What must hold at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// As people read it.
    pub text: String,
    /// Judged at the end; without one a person ticks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}
