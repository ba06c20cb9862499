//! Outbound transports: how a request, a question or a child process leaves this program and what comes back.
//!
//! Lives here: one port (an object-safe trait with its types) a transport, its real implementation, and the guard that
//! decides which addresses may be reached. Never lives here: what an answer means for a step, retries, and where
//! secrets come from. Every call carries a deadline; every answer has a limit on its size.

pub mod beat;
pub mod discord;
pub mod egress;
pub mod http;
pub mod pagerduty;
pub mod process;
pub mod railway;
pub mod redis;

/// Why a request has no answer. The difference decides whether a change is simply tried again or put in doubt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It never left, and never will as it stands: the address is not allowed, the URL or a header is not valid.
    #[error("{0}")]
    Denied(String),
    /// It never left: refused connection, name not found, TLS failure, no connection in time.
    #[error("{0}")]
    NotSent(String),
    /// It may have arrived: timeout, reset or end of stream after the connection was made.
    #[error("{0}")]
    Unanswered(String),
}
