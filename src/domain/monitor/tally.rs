//! Many samples in few numbers: what is kept of a minute, an hour.
//!
//! Lives here: [`Tally`] with its histogram, putting samples and tallies together, how long each is kept. Pure. Never lives here: the
//! tables (`samples`).

use std::collections::BTreeMap;

use super::state::Level;

/// Each bucket of the histogram ends a tenth above the one before, so a percentile is at most a tenth too high.
const GROWTH: f64 = 1.1;
/// The last bucket, for everything from 15 minutes on.
const LAST: u8 = 143;
/// Raw samples are kept this long, in milliseconds: two days.
pub const KEEP_RAW: i64 = 48 * 3_600_000;
/// Minutes are kept this long: 30 days.
pub const KEEP_MINUTES: i64 = 30 * 86_400_000;
/// Hours are kept this long: a year.
pub const KEEP_HOURS: i64 = 366 * 86_400_000;
/// A minute and an hour, in milliseconds.
pub const MINUTE: i64 = 60_000;
/// An hour.
pub const HOUR: i64 = 3_600_000;

/// A sample as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// How it was.
    pub level: Level,
    /// How long the answer took, in milliseconds.
    pub took_ms: Option<u32>,
    /// Whether it was taken while the monitor was being worked on: it counts for nothing that was promised.
    pub excused: bool,
}

/// Many samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// How many samples, excused ones left out.
    pub count: u64,
    /// How many of them did not fail.
    pub ok: u64,
    /// How many of those were degraded.
    pub degraded: u64,
    /// How many were excused.
    pub excused: u64,
    /// How many were measured.
    pub measured: u64,
    /// The quickest, in milliseconds.
    pub min: Option<u32>,
    /// The slowest.
    pub max: Option<u32>,
    /// All of them together.
    pub sum: u64,
    /// How many by bucket.
    pub histogram: BTreeMap<u8, u64>,
}

impl Tally {
    /// Takes a sample in.
    pub fn add(&mut self, kept: &Kept) {
        if kept.excused {
            self.excused += 1;
            return;
        }
        self.count += 1;
        self.ok += u64::from(kept.level != Level::Failing);
        self.degraded += u64::from(kept.level == Level::Degraded);
        if let Some(took) = kept.took_ms {
            self.measured += 1;
            self.min = Some(self.min.map_or(took, |min| min.min(took)));
            self.max = Some(self.max.map_or(took, |max| max.max(took)));
            self.sum += u64::from(took);
            *self.histogram.entry(bucket(took)).or_default() += 1;
        }
    }

    /// Takes in what others counted.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.ok += other.ok;
        self.degraded += other.degraded;
        self.excused += other.excused;
        self.measured += other.measured;
        self.min = self.min.into_iter().chain(other.min).min();
        self.max = self.max.into_iter().chain(other.max).max();
        self.sum += other.sum;
        for (bucket, count) in &other.histogram {
            *self.histogram.entry(*bucket).or_default() += count;
        }
    }

    /// The mean, in milliseconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds and counts")]
    pub fn mean(&self) -> Option<f64> {
        (self.measured > 0).then(|| self.sum as f64 / self.measured as f64)
    }

    /// What 95 of 100 answers did not exceed, in milliseconds: by nearest rank, at most a tenth too high.
    #[must_use]
    pub fn p95(&self) -> Option<u32> {
        let rank = (self.measured * 95).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in &self.histogram {
            seen += count;
            if seen >= rank && rank > 0 {
                let (min, max) = (self.min.unwrap_or(0), self.max.unwrap_or(u32::MAX));
                return Some(upper(*bucket).clamp(min, max));
            }
        }
        None
    }

    /// The histogram as it is stored: bucket and count, one after the other, counts as LEB128.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.histogram.len() * 2);
        for (bucket, count) in &self.histogram {
            bytes.push(*bucket);
            let mut left = *count;
            while left >= 0x80 {
                bytes.push((left & 0x7f) as u8 | 0x80);
                left >>= 7;
            }
            bytes.push((left & 0x7f) as u8);
        }
        bytes
    }

    /// A histogram as it was stored; what cannot be read is left out.
    #[must_use]
    pub fn unpacked(bytes: &[u8]) -> BTreeMap<u8, u64> {
        let mut histogram = BTreeMap::new();
        let mut bytes = bytes.iter();
        while let Some(bucket) = bytes.next() {
            let (mut count, mut shift) = (0_u64, 0);
            for byte in bytes.by_ref() {
                count |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            histogram.insert(*bucket, count);
        }
        histogram
    }
}

/// Which bucket a time belongs to: 0 up to 1 ms, then each a tenth wider.
fn bucket(took: u32) -> u8 {
    if took <= 1 {
        return 0;
    }
    let step = f64::from(took).ln() / GROWTH.ln();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and LAST")]
    let step = step.ceil().min(f64::from(LAST)) as u8;
    step
}

/// Where a bucket ends, in whole milliseconds.
fn upper(bucket: u8) -> u32 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^32 for every bucket")]
    let end = GROWTH.powi(i32::from(bucket)).floor().min(f64::from(u32::MAX)) as u32;
    end
}

/// The beginning of the minute or hour that a moment lies in.
#[must_use]
pub fn begin(at: i64, length: i64) -> i64 {
    at.div_euclid(length) * length
}

/// What is thrown away at `now`: everything before these moments, of raw samples, minutes and hours.
#[must_use]
pub fn horizons(now: i64) -> (i64, i64, i64) {
    (begin(now - KEEP_RAW, MINUTE), begin(now - KEEP_MINUTES, HOUR), begin(now - KEEP_HOURS, HOUR))
}
