//! What goes wrong for a person who asked for something: a sentence, and how bad it is.
//!
//! Lives here: [`Fault`], the classes of an answer. Never lives here: exit codes and colours (the doors have those).

use crate::engine::EngineError;
use crate::journal::ReadError;

/// Why something did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What was asked for makes no sense as it was said, or the runbook has faults: say it differently.
    #[error("{0}")]
    Usage(String),
    /// It made sense and did not work out, or is not allowed.
    #[error("{0}")]
    Failed(String),
    /// Only a person can go on; the text says with what.
    #[error("{0}")]
    NeedsHuman(String),
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NoRun(_)
            | EngineError::NoIncident(_)
            | EngineError::NoPage(_)
            | EngineError::TargetRefused(_)
            | EngineError::RotaRefused(_) => Self::Usage(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.to_string())
    }
}
