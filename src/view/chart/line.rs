//! What is drawn of a series: thinned to what a picture can hold, and broken wherever samples are missing.

use chrono::TimeDelta;

use super::Panel;
use crate::base::event::Instant;
use crate::base::series::Series;

/// Of each of so many equal parts of its time a series keeps its least and its greatest sample.
pub const PARTS: usize = 1000;

/// The stretches of a window without samples, in order and apart: those that were recorded, and those in which more than
/// one and a half intervals passed between two samples (or an edge of the window and its nearest sample).
#[must_use]
pub fn silences(
    series: &Series,
    every_ms: u64,
    recorded: &[(Instant, Instant)],
    window: (Instant, Instant),
) -> Vec<(Instant, Instant)> {
    let (from, to) = window;
    let inside = |(begins, ends): &(Instant, Instant)| ((*begins).max(from), (*ends).min(to));
    let mut all: Vec<(Instant, Instant)> = recorded.iter().map(inside).collect();
    if every_ms > 0 {
        let every = TimeDelta::milliseconds(i64::try_from(every_ms).unwrap_or(i64::MAX).min(1 << 50));
        all.extend(series.gaps(every, from, to).into_iter().map(|gap| (gap.from, gap.to)));
    }
    all.retain(|(begins, ends)| begins < ends);
    all.sort_unstable();
    let mut apart: Vec<(Instant, Instant)> = Vec::with_capacity(all.len());
    for (begins, ends) in all {
        match apart.last_mut() {
            Some(last) if begins <= last.1 => last.1 = last.1.max(ends),
            _ => apart.push((begins, ends)),
        }
    }
    apart
}

/// The samples of a window as lines: no line crosses a silence, no extreme of a part is lost. At most `2 * PARTS` samples.
#[must_use]
pub fn lines(panel: &Panel, silences: &[(Instant, Instant)], window: (Instant, Instant)) -> Vec<Vec<(Instant, f64)>> {
    let thinned = panel.within(window).downsample(PARTS);
    let silent = |before: Instant, at: Instant| {
        let next = silences.partition_point(|(_, ends)| *ends <= before);
        silences.get(next).is_some_and(|(begins, _)| *begins < at)
    };
    thinned.samples().chunk_by(|before, at| !silent(before.0, at.0)).map(<[_]>::to_vec).collect()
}
