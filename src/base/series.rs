//! Samples over time: what a watch measured.
//!
//! Lives here: [`Series`] and its arithmetic: extremes, percentiles, coverage, gaps, thinning.
//! Never lives here: thresholds and verdicts, sampling, pictures.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::event::Instant;

/// Samples in the order of their time. Values are finite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series {
    samples: Vec<(Instant, f64)>,
}

/// A stretch without samples that is longer than the interval allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last sample before it, or the beginning of the window.
    pub from: Instant,
    /// The first sample after it, or the end of the window.
    pub to: Instant,
}

impl Series {
    /// A series without samples.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples: Vec::new() }
    }

    /// Adds a sample; a late one is put where it belongs. `false`, and nothing is added, when the value is not finite.
    pub fn push(&mut self, at: Instant, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        let index = self.samples.partition_point(|(time, _)| *time <= at);
        self.samples.insert(index, (at, value));
        true
    }

    /// The samples, by time.
    #[must_use]
    pub fn samples(&self) -> &[(Instant, f64)] {
        &self.samples
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The newest sample.
    #[must_use]
    pub fn last(&self) -> Option<(Instant, f64)> {
        self.samples.last().copied()
    }

    /// The least value.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.values().reduce(f64::min)
    }

    /// The greatest value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.values().reduce(f64::max)
    }

    /// The arithmetic mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        // Divided before it is summed, so that large values do not overflow.
        let count = self.samples.len() as f64;
        (!self.samples.is_empty()).then(|| self.values().map(|value| value / count).sum())
    }

    /// The 95th percentile by nearest rank: a value that was measured, and that 95 % of the samples do not exceed.
    #[must_use]
    pub fn p95(&self) -> Option<f64> {
        let mut values: Vec<f64> = self.values().collect();
        values.sort_unstable_by(f64::total_cmp);
        let rank = (values.len() * 95).div_ceil(100);
        values.get(rank.checked_sub(1)?).copied()
    }

    /// Which share of the samples that were due in a window of `[from, to)` is there, from 0 to 1: of each interval, counted
    /// from `from`, one sample counts. An empty window or interval is wholly covered.
    #[must_use]
    pub fn coverage(&self, interval: TimeDelta, from: Instant, to: Instant) -> f64 {
        let (interval, length) = (interval.num_milliseconds(), (to - from).num_milliseconds());
        if interval <= 0 || length <= 0 {
            return 1.0;
        }
        let due = (length - 1) / interval + 1;
        let mut slots: Vec<i64> = self.within(from, to).map(|at| (at - from).num_milliseconds() / interval).collect();
        slots.dedup();
        slots.len() as f64 / due as f64
    }

    /// The stretches of the window without a sample that are longer than one and a half intervals, edges included.
    #[must_use]
    pub fn gaps(&self, interval: TimeDelta, from: Instant, to: Instant) -> Vec<Gap> {
        let allowed = interval + interval / 2;
        let mut gaps = Vec::new();
        let mut before = from;
        for at in self.within(from, to).chain([to]) {
            if at - before > allowed {
                gaps.push(Gap { from: before, to: at });
            }
            before = at;
        }
        gaps
    }

    /// At most `2 * buckets` samples that draw the same picture: of each equal part of its time the least and the greatest
    /// sample, so that no peak is lost. A series that is small enough is returned as it is.
    #[must_use]
    pub fn downsample(&self, buckets: usize) -> Self {
        if self.samples.len() <= buckets.saturating_mul(2) {
            return self.clone();
        }
        let mut kept: Vec<(Instant, f64)> = Vec::with_capacity(buckets * 2);
        for part in self.samples.chunk_by(|a, b| self.part_of(a.0, buckets) == self.part_of(b.0, buckets)) {
            let by_value = |index: &usize| part[*index].1;
            let least = (0..part.len()).min_by(|a, b| by_value(a).total_cmp(&by_value(b)));
            let most = (0..part.len()).max_by(|a, b| by_value(a).total_cmp(&by_value(b)));
            let (Some(least), Some(most)) = (least, most) else { continue };
            kept.push(part[least.min(most)]);
            if least != most {
                kept.push(part[least.max(most)]);
            }
        }
        if buckets == 0 {
            kept.clear();
        }
        Self { samples: kept }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|(_, value)| *value)
    }

    fn within(&self, from: Instant, to: Instant) -> impl Iterator<Item = Instant> {
        self.samples.iter().map(|(at, _)| *at).filter(move |at| (from..to).contains(at))
    }

    /// Which of `parts` equal parts of the series' time a moment lies in.
    fn part_of(&self, at: Instant, parts: usize) -> usize {
        let (Some((first, _)), Some((last, _))) = (self.samples.first(), self.samples.last()) else { return 0 };
        let length = (*last - *first).num_milliseconds().max(1);
        let share = (at - *first).num_milliseconds() as f64 / length as f64;
        ((share * parts as f64) as usize).min(parts.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(1_700_000_000 + seconds, 0).expect("a test's own timestamp")
    }

    fn series(samples: &[(i64, f64)]) -> Series {
        let mut series = Series::new();
        for (seconds, value) in samples {
            assert!(series.push(at(*seconds), *value));
        }
        series
    }

    #[test]
    fn numbers_of_a_watch() {
        let watched = series(&(1..=100).map(|n| (n * 15, n as f64)).collect::<Vec<_>>());
        assert_eq!((watched.min(), watched.max(), watched.p95()), (Some(1.0), Some(100.0), Some(95.0)));
        assert!((watched.mean().unwrap() - 50.5).abs() < 1e-9);
        assert_eq!(Series::new().p95(), None);
        assert!(!Series::new().push(at(0), f64::NAN));
    }

    #[test]
    fn a_restart_of_the_bot_shows_as_a_gap_and_as_missing_coverage() {
        let fifteen = TimeDelta::seconds(15);
        let watched = series(&[(0, 9.0), (15, 9.0), (30, 9.0), (31, 9.0), (90, 12.0), (105, 12.0)]);
        assert_eq!(watched.gaps(fifteen, at(0), at(120)), vec![Gap { from: at(31), to: at(90) }]);
        assert!((watched.coverage(fifteen, at(0), at(120)) - 5.0 / 8.0).abs() < 1e-9);
    }

    #[test]
    fn thinning_keeps_the_peak() {
        let mut samples: Vec<_> = (0..1000).map(|n| (n, 1.0)).collect();
        samples[637].1 = 20.0;
        let thin = series(&samples).downsample(50);
        assert!(thin.len() <= 100);
        assert_eq!((thin.min(), thin.max()), (Some(1.0), Some(20.0)));
    }
}
