//! What goes wrong in a scenario.
//!
//! Lives here: the shape. Never lives here: how a transport shows it.

use serde::Deserialize;

use super::text::RequestLine;
use crate::base::schedule::Span;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A call does not get its answer.
    Call(CallFault),
    /// The bot dies and is started again.
    Crash(Crash),
}

/// A call that does not get its answer. Exactly one of `http`, `railway`, `redis` and `exec` says which.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFault {
    /// This request.
    #[serde(default)]
    pub http: Option<RequestLine>,
    /// This question or order to Railway.
    #[serde(default)]
    pub railway: Option<RailwayCall>,
    /// Only about this target of `railway`.
    #[serde(default)]
    pub target: Option<String>,
    /// The question to this Redis target.
    #[serde(default)]
    pub redis: Option<String>,
    /// This program.
    #[serde(default)]
    pub exec: Option<String>,
    /// The how-manieth of these calls, from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many in a row.
    #[serde(default = "one")]
    pub times: u32,
    /// What comes back instead.
    pub gets: Failing,
    /// Whether it is done all the same.
    #[serde(default)]
    pub done: bool,
}

fn one() -> u32 {
    1
}

/// What Railway is asked or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RailwayCall {
    /// The list of deployments.
    Deployments,
    /// One deployment.
    Deployment,
    /// A restart.
    Restart,
    /// A redeploy.
    Redeploy,
    /// A rollback.
    Rollback,
    /// Log lines.
    Logs,
}

/// What comes back instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failing {
    /// 429 with `Retry-After`.
    Busy(Span),
    /// 502 and an HTML page.
    BadGateway,
    /// Nothing, until the caller gives up.
    Silence,
    /// The connection is reset.
    Reset,
    /// The connection is refused; it cannot have been done.
    Refused,
}

/// The bot dies as soon as it has written this down, and is started again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// The event after which it dies: `attempt.sent`.
    pub after: String,
    /// Of which step; any where absent.
    #[serde(default)]
    pub step: Option<String>,
    /// The how-manieth of these, from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// Whether what it was just sending arrives all the same.
    #[serde(default)]
    pub done: bool,
    /// How long until it is started again.
    #[serde(default = "down_for")]
    pub down_for: Span,
}

fn down_for() -> Span {
    Span::seconds(20)
}
