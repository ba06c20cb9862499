//! `monitor …`.
//!
//! Lives here: its arguments. Never lives here: what a monitor is (`domain/monitor`).

use clap::Subcommand;

/// What can be said about monitors.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Monitor {
    /// Every monitor as it is, and how all of them are together.
    List {
        /// Only those about this target.
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
    },
    /// One monitor: how it is, its last hour, what was promised, what changed lately.
    Show {
        /// Which.
        #[arg(value_name = "MONITOR")]
        monitor: String,
    },
    /// Call nobody for a monitor for a while; what it sees is recorded all the same.
    Mute {
        /// Which.
        #[arg(value_name = "MONITOR")]
        monitor: String,
        /// For how long: `1h`, `2d`, at most 30 days.
        #[arg(long = "for", value_name = "SPAN")]
        span: String,
        /// Why; whoever wonders about it reads that.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Hear of a monitor again before its mute is over.
    Unmute {
        /// Which.
        #[arg(value_name = "MONITOR")]
        monitor: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Ask what a monitor asks, once, and show what comes back; nothing is recorded.
    Test {
        /// Which; every one where left out.
        #[arg(value_name = "MONITOR")]
        monitor: Option<String>,
    },
    /// Say that a heartbeat was heard: `backup.sh && rundown monitor heard nightly-backup`.
    Heard {
        /// Which.
        #[arg(value_name = "MONITOR")]
        monitor: String,
    },
}
