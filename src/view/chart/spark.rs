//! A series as a line of blocks in text.

use crate::base::event::Instant;
use crate::base::series::Series;

use super::Unit;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Stands where nothing was measured.
const GAP: char = '·';

/// `▁▂▅█▃··▁ 17`: at most `width` blocks, oldest left, each the mean of an equal part of the time, `·` where (in half of a part or
/// more) nothing was measured, and the last value. A series that never changes is a line at half height. Empty
/// without samples.
#[must_use]
pub fn sparkline(series: &Series, unit: Unit, width: usize) -> String {
    let (Some(least), Some(most), Some((_, last))) = (series.min(), series.max(), series.last()) else {
        return String::new();
    };
    let cells = cells(series, width);
    let blocks: String = cells.iter().map(|mean| mean.map_or(GAP, |mean| BLOCKS[height(mean, least, most)])).collect();
    format!("{blocks} {}", unit.shown(last)).trim_start().to_owned()
}

/// The mean of each part, nothing where it is a gap.
fn cells(series: &Series, width: usize) -> Vec<Option<f64>> {
    let samples = series.samples();
    let usual = usual_distance(samples);
    let (Some((first, _)), Some((last, _))) = (samples.first(), samples.last()) else { return Vec::new() };
    // A sample speaks for one interval, the last one too.
    let length = millis(*first, *last).saturating_add(usual);
    let width = width.min(usize::try_from(length / usual).unwrap_or(usize::MAX));
    if width == 0 {
        return Vec::new();
    }
    let part = length as f64 / width as f64;
    let mut sums = vec![(0.0, 0_u32); width];
    for (at, value) in samples {
        let index = ((millis(*first, *at) as f64 / part.max(1e-9)) as usize).min(width - 1);
        // Made small before they are summed, so that large values do not overflow so soon.
        sums[index] = (sums[index].0 + value / 1024.0, sums[index].1 + 1);
    }
    let mut silent = vec![0.0; width];
    for pair in samples.windows(2) {
        let (before, to) = (millis(*first, pair[0].0) as f64, millis(*first, pair[1].0) as f64);
        // A thinned series has uneven distances; only what could fill half a part counts.
        let from = before + usual as f64;
        if to - before <= 1.5 * usual as f64 || to - from < part * 0.499 {
            continue;
        }
        let (begins, ends) = ((from / part) as usize, ((to / part) as usize).min(width - 1));
        for (index, quiet) in silent.iter_mut().enumerate().take(ends + 1).skip(begins) {
            *quiet += (to.min((index + 1) as f64 * part) - from.max(index as f64 * part)).max(0.0);
        }
    }
    // A sample that came a little early or late leaves a part empty that is no gap: the one before speaks for it.
    let mut before = None;
    let cells = sums.iter().zip(silent).map(|((sum, count), quiet)| {
        if *count > 0 {
            before = Some((sum / f64::from(*count) * 1024.0).clamp(f64::MIN, f64::MAX));
        }
        before.filter(|_| quiet < part * 0.499)
    });
    cells.collect()
}

fn millis(from: Instant, to: Instant) -> i64 {
    (to - from).num_milliseconds()
}

/// The median distance of two samples in milliseconds, at least 1.
fn usual_distance(samples: &[(Instant, f64)]) -> i64 {
    let mut distances: Vec<i64> = samples.windows(2).map(|pair| millis(pair[0].0, pair[1].0)).collect();
    distances.sort_unstable();
    distances.get(distances.len().saturating_sub(1) / 2).copied().unwrap_or(0).max(1)
}

/// Which block shows a value between the extremes.
fn height(value: f64, least: f64, most: f64) -> usize {
    if least >= most {
        return 3;
    }
    let share = (value / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0);
    ((share * 8.0) as usize).min(7)
}
