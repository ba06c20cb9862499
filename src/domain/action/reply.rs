//! What executors hand back: the only shapes in which the world reaches a run.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a stage of an attempt came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The world gave a definite answer.
    Answered(Answer),
    /// It is known not to have happened (never sent, or refused before anything was done).
    NotDone(Failure),
    /// It was sent and nothing definite came back. For a read that is an ordinary failure; a change is in doubt.
    Unknown(Failure),
}

/// A definite answer. Everything in it is scrubbed of secrets already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Named values for `expect` and `save`; which ones, each kind's file says.
    pub facts: Map<String, Value>,
    /// One line for the timeline: `200 in 31 ms`.
    pub summary: String,
    /// The full text behind it (a body, an output), at most 8 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// What was cut off or replaced, in words; empty when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, to what: `connection refused by 127.0.0.1:8000`.
    pub message: String,
    /// The other side asked to wait so long before the next try (`Retry-After`), in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether another try could go differently (`false`: bad token, unknown service, not granted).
    pub retryable: bool,
}

impl Failure {
    /// A failure that another try could mend.
    #[must_use]
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after_ms: None, retryable: true }
    }

    /// A failure that stays until somebody changes something.
    #[must_use]
    pub fn lasting(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after_ms: None, retryable: false }
    }
}

/// What looking at the world says about an attempt whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// The world shows it happened.
    Happened(Answer),
    /// The world cannot tell, or shows no change (which proves nothing: the request may still be under way). The
    /// evidence, before and after, is for a human.
    Unclear {
        /// What was read before the change and now, in one or two lines.
        evidence: String,
    },
}
