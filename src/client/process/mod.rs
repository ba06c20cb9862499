//! The process port: a child process with its whole group, its output line by line.
//!
//! Lives here: the port and its types. Never lives here: which programs may run, and what output means.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::base::event::Instant;
use crate::base::secret::Scrubber;

mod group;
mod output;
mod report;

pub use group::ProcessGroups;

/// Bytes of output that are kept by default, half from the beginning and half from the end.
pub const OUTPUT_CAP: usize = 8 * 1024 * 1024;
/// Bytes of a report; a larger one is not read.
pub const REPORT_CAP: usize = 8 * 1024 * 1024;
/// Bytes of one line that are kept.
pub const LINE_CAP: usize = 64 * 1024;

/// What to run. `Debug` shows no variable's value.
#[derive(Clone, Debug)]
pub struct Spawn {
    /// A path, or a name to look up in PATH.
    pub program: String,
    /// Arguments, each passed as it is.
    pub args: Vec<String>,
    /// Variables besides PATH, HOME, LANG and TZ, which are the only ones inherited.
    pub env: BTreeMap<String, SecretString>,
    /// When SIGTERM is sent to the whole group.
    pub until: Instant,
    /// How long after that SIGKILL follows.
    pub kill_after: Duration,
    /// Bytes of output that are kept.
    pub max_output: usize,
    /// A file that it is to write. Read when it ended, if it was written since the start.
    pub report: Option<String>,
    /// Takes secrets out of every line, of the output as a whole and of the report.
    pub scrubber: Scrubber,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Both streams in order of arrival, scrubbed.
    pub output: String,
    /// What was cut off or replaced, in words.
    pub cut: Option<String>,
    /// Whether it was still running at `until` and had to be ended.
    pub timed_out: bool,
    /// The report that was asked for, scrubbed, or why there is none.
    pub report: Option<Result<String, String>>,
}

/// Why there is no exit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// It was not started.
    #[error("{0}")]
    NotStarted(String),
    /// It was started, and what became of it is not known.
    #[error("{0}")]
    Lost(String),
}

/// Runs child processes.
pub trait Processes: Send + Sync {
    /// Runs one to its end and hands every scrubbed line (without its newline) to `line` as it comes. When the future is
    /// dropped, the whole group is killed.
    ///
    /// # Errors
    /// [`ProcessError`].
    fn run<'a>(
        &'a self,
        spawn: Spawn,
        line: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Exit, ProcessError>>;
}
