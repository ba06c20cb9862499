//! The figures of a series in words: last, least, greatest, 95th percentile.

use super::Unit;
use crate::base::series::Series;

/// `last 9`, `min 5`, `max 17`, `p95 16`; the percentile by nearest rank over the samples that exist. Nothing without samples.
#[must_use]
pub fn figures(series: &Series, unit: Unit) -> Vec<String> {
    let all = [
        ("last", series.last().map(|(_, value)| value)),
        ("min", series.min()),
        ("max", series.max()),
        ("p95", series.p95()),
    ];
    all.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", unit.shown(value?)))).collect()
}

/// The same for those who hear the chart instead of seeing it.
pub(super) fn spoken(series: &Series, unit: Unit) -> String {
    let shown = |value: Option<f64>| value.map_or("none".to_owned(), |value| unit.shown(value));
    format!(
        "last {}, least {}, greatest {}, 95th percentile {}",
        shown(series.last().map(|(_, value)| value)),
        shown(series.min()),
        shown(series.max()),
        shown(series.p95())
    )
}
