//! The axis of values: where it begins and ends, and which round numbers are marked.

use super::unit::{Unit, trimmed};

/// From values to shares of a height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The least value shown, a multiple of `step`.
    pub low: f64,
    /// The greatest value shown, a multiple of `step`.
    pub high: f64,
    /// Between two marks.
    pub step: f64,
    unit: Unit,
}

/// Marks that an axis has at most.
pub const MARKS: usize = 8;

impl Scale {
    /// A scale on which all these (finite) values have a place: from zero where that is not far away, with some air above
    /// for labels, and a percentage never above 100 unless there is one.
    #[must_use]
    pub fn around(values: impl IntoIterator<Item = f64>, unit: Unit) -> Self {
        // Sums and differences of what follows stay finite.
        let bound = f64::MAX / 16.0;
        let values = values.into_iter().map(|value| value.clamp(-bound, bound));
        let (mut least, mut most) = values
            .fold(None, |ends: Option<(f64, f64)>, value| match ends {
                Some((least, most)) => Some((least.min(value), most.max(value))),
                None => Some((value, value)),
            })
            .unwrap_or((0.0, 0.9));
        let size = least.abs().max(most.abs());
        if most - least <= size * 1e-9 || most - least < 1e-300 {
            (least, most) = if size < 1e-290 { (0.0, 0.9) } else { (least.min(0.0), most.max(0.0)) };
        }
        if least > 0.0 && least < most * 0.75 {
            least = 0.0;
        }
        let step = step((most - least) / 4.0, unit);
        let (low, mut high) = ((least / step).floor() * step, (most / step).ceil() * step);
        let whole = unit == Unit::Percent && high >= 100.0 && most <= 100.0;
        if high - most < (high - low) * 0.08 && !whole {
            high += step;
        }
        if whole {
            high = 100.0;
        }
        Self { low, high, step, unit }
    }

    /// How far up a value lies, from 0 to 1.
    #[must_use]
    pub fn share(&self, value: f64) -> f64 {
        // Halved, because the distance of two finite values may be infinite.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// The marked values with their labels, from the lowest to the highest.
    #[must_use]
    pub fn marks(&self) -> Vec<(f64, String)> {
        let (divisor, suffix) = self.unit.scaled(self.low.abs().max(self.high.abs()));
        let mut marks: Vec<(f64, String)> = Vec::new();
        for index in 0..MARKS {
            let value = self.low + index as f64 * self.step;
            if value > self.high + self.step * 1e-6 || marks.last().is_some_and(|(before, _)| value <= *before) {
                break;
            }
            let label = if divisor == 0.0 {
                format!("{value:.2e}")
            } else {
                match digits(self.step / divisor) {
                    Some(digits) => {
                        let number = format!("{:.digits$}", value / divisor);
                        if trimmed(&number) == "0" { "0".to_owned() } else { format!("{number}{suffix}") }
                    }
                    None => format!("{value:.1e}"),
                }
            };
            marks.push((value, label));
        }
        marks
    }
}

/// How many digits behind the point tell multiples of a step apart; none where it would be too many.
fn digits(step: f64) -> Option<usize> {
    (0..=5)
        .find(|digits| {
            let scaled = step * 10_f64.powi(*digits);
            (scaled - scaled.round()).abs() < scaled * 1e-6 && scaled >= 0.5
        })?
        .try_into()
        .ok()
}

/// The next round number from a rough one on: 1, 2, 2.5 or 5 times a power of ten; of bytes a power of two.
fn step(rough: f64, unit: Unit) -> f64 {
    if unit == Unit::Bytes {
        let step = 2_f64.powf(rough.max(1.0).log2().ceil());
        return if step.is_finite() { step } else { rough };
    }
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= rough).unwrap_or(rough)
}
