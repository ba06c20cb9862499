//! What `monitors.yaml` says, read and checked.
//!
//! Lives here: [`Monitors`], [`Spec`] and their parts, when maintenance is. Never lives here: reading the text (`load`).

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::base::event::{Instant, Severity};
use crate::base::expr::Condition;
use crate::base::schedule::{Cron, Span};
use crate::domain::action::ActionSpec;

/// Everything that a `monitors.yaml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Monitors {
    /// The environment of `targets.yaml` that they look at; the default one where absent.
    pub environment: Option<String>,
    /// By name.
    pub all: BTreeMap<String, Spec>,
}

/// One monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its name: `api-health`.
    pub id: String,
    /// What people call it; the name, where nothing is said.
    pub title: String,
    /// The target it is about.
    pub target: Option<String>,
    /// What is looked at.
    pub check: Check,
    /// How often; of a heartbeat, how often it must be heard.
    pub every: Span,
    /// How long it must have failed without a break before it counts as failing.
    pub fail_for: Span,
    /// How long it must have been well again before it counts as recovered.
    pub ok_for: Span,
    /// Monitors whose failure explains this one's: while one of them fails, nobody is called for this one.
    pub depends_on: Vec<String>,
    /// When failing is expected.
    pub maintenance: Vec<Maintenance>,
    /// When changing to and fro becomes one alarm instead of many.
    pub flapping: Option<Flapping>,
    /// What follows from a failure.
    pub on_failure: OnFailure,
    /// What was promised.
    pub slo: Option<Slo>,
}

/// What a monitor looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// Something is asked.
    Probe(Box<Probe>),
    /// Something must call in; `grace` is how late it may be.
    Heartbeat {
        /// How late a beat may be.
        grace: Span,
    },
}

/// A question and what its answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// A reading action of the runbook language.
    pub action: ActionSpec,
    /// What must hold; otherwise it fails.
    pub expect: Vec<Condition>,
    /// What must hold as well; otherwise it is degraded.
    pub degraded_unless: Vec<Condition>,
    /// How long an answer may take; always less than the interval.
    pub timeout: Span,
}

/// A window that comes again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    /// When it begins.
    pub cron: Cron,
    /// How long it lasts.
    pub lasts: Span,
    /// By which clock.
    pub zone: Tz,
    /// What for.
    pub why: String,
}

/// When changing to and fro counts as flapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// So many changes between failing and not failing.
    pub changes: u32,
    /// Within this long.
    pub within: Span,
}

/// What follows from a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnFailure {
    /// How bad it is.
    pub severity: Option<Severity>,
    /// Whether it is said where people talk.
    pub post: bool,
    /// Whether somebody on call is called.
    pub page: bool,
    /// Whether an incident is declared.
    pub declare: bool,
    /// The runbook that is proposed in that incident.
    pub propose: Option<String>,
    /// The runbook that begins by itself.
    pub start: Option<String>,
}

impl Default for OnFailure {
    fn default() -> Self {
        Self { severity: None, post: true, page: false, declare: false, propose: None, start: None }
    }
}

/// What was promised of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slo {
    /// Percent of the samples that do not fail; below 100.
    pub uptime: Option<f64>,
    /// 95 of 100 answers come within this.
    pub p95: Option<Span>,
    /// Over how long.
    pub over: Span,
}

impl Maintenance {
    /// Until when the window that `now` lies in goes on; `None` outside.
    #[must_use]
    pub fn until(&self, now: Instant) -> Option<Instant> {
        let began = self.cron.next_after(now - self.lasts.delta(), self.zone).filter(|began| *began <= now)?;
        Some(began + self.lasts.delta())
    }

    /// When it begins or ends next; `None` where it never does.
    #[must_use]
    pub fn turns(&self, now: Instant) -> Option<Instant> {
        self.until(now).or_else(|| self.cron.next_after(now, self.zone))
    }
}

impl Spec {
    /// The maintenance window that `now` lies in.
    #[must_use]
    pub fn maintained(&self, now: Instant) -> Option<&Maintenance> {
        self.maintenance.iter().find(|window| window.until(now).is_some())
    }

    /// When a window of it begins or ends next. Schedules are slow to ask: whoever samples often asks once and keeps it.
    #[must_use]
    pub fn maintenance_turns(&self, now: Instant) -> Option<Instant> {
        self.maintenance.iter().filter_map(|window| window.turns(now)).min()
    }

    /// What its events, its alert and its incident go by: `monitor:api-health`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.id)
    }
}

/// What a monitor's events, its alert and its incident go by: `monitor:api-health`.
#[must_use]
pub fn fingerprint(id: &str) -> String {
    format!("monitor:{id}")
}

/// Whether a text can be the name of a monitor: small letters, digits, `-` and `_`, beginning with a letter, at most 64.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}
