//! How well the schedule is kept, for logs and metrics: counted here, logged once a minute.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::base::metrics::{self, Spans};

/// Counts since it was told last.
pub(super) struct Meter {
    /// Probes that began.
    probes: u64,
    /// Turns left out because the one before was still under way.
    skipped: u64,
    /// How late they began, in milliseconds.
    late: BTreeMap<i64, u64>,
    lateness: Spans,
}

impl Default for Meter {
    fn default() -> Self {
        Self { probes: 0, skipped: 0, late: BTreeMap::new(), lateness: metrics::MONITOR_LATENESS.spans() }
    }
}

impl Meter {
    pub(super) fn began(&mut self, late: TimeDelta) {
        self.probes += 1;
        *self.late.entry(late.num_milliseconds().max(0)).or_default() += 1;
        self.lateness.took(late.to_std().unwrap_or_default());
    }

    pub(super) fn skip(&mut self) {
        self.skipped += 1;
        metrics::MONITOR_SKIPPED.add(&[], 1);
    }

    /// Tells, and begins anew.
    pub(super) fn tell(&mut self, monitors: usize) {
        let (p50, p99, max) = (self.late_by(50), self.late_by(99), self.late_by(100));
        let Self { probes, skipped, .. } = std::mem::take(self);
        tracing::info!(monitors, probes, skipped, late_p50_ms = p50, late_p99_ms = p99, late_max_ms = max, "monitors");
    }

    /// How late `percent` of the probes were at most.
    fn late_by(&self, percent: u64) -> i64 {
        let rank = (self.probes * percent).div_ceil(100);
        let mut seen = 0;
        let reached = self.late.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        reached.map_or(0, |(late, _)| *late)
    }
}
