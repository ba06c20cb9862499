//! What was promised beside what was seen.
//!
//! Lives here: [`Standing`], the error budget. Pure. Never lives here: where the samples come from.

use super::spec::Slo;
use super::tally::Tally;

/// How a promise stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Percent of the samples that did not fail; none where there are no samples.
    pub uptime: Option<f64>,
    /// How much of the failures that the promise allows is left, in percent: 100 is untouched, below 0 it is broken. None where no uptime was
    /// promised, or there are no samples.
    pub budget_left: Option<f64>,
    /// What 95 of 100 answers did not exceed, in milliseconds.
    pub p95_ms: Option<u32>,
    /// Whether that is within what was promised; none where nothing was, or nothing was measured.
    pub p95_kept: Option<bool>,
}

/// How a promise stands over what was seen in its window.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts of samples")]
pub fn standing(slo: &Slo, seen: &Tally) -> Standing {
    let failed = (seen.count - seen.ok.min(seen.count)) as f64;
    let share = (seen.count > 0).then(|| failed / seen.count as f64);
    let budget_left = slo.uptime.zip(share).map(|(promised, share)| {
        let allowed = (100.0 - promised) / 100.0;
        (1.0 - share / allowed) * 100.0
    });
    let p95_ms = seen.p95();
    Standing {
        uptime: share.map(|share| (1.0 - share) * 100.0),
        budget_left,
        p95_ms,
        p95_kept: slo.p95.zip(p95_ms).map(|(promised, p95)| u64::from(p95) <= promised.millis()),
    }
}
