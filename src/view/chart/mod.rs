//! Charts of measured values: data in, SVG text out. Pure: no file, no clock, no network.
//!
//! Lives here: [`Chart`] (a panel a series over one time axis), [`Pair`] (before and after a change, side by side with
//! one height for both), their PNG ([`png`]), and [`sparkline`] for text. Every file is one subject: ticks of time and of
//! values, what is drawn of a series, one plot, the SVG itself. Never lives here: which watch, which file, what a breach
//! means.

mod figures;
mod line;
mod look;
mod pair;
mod plot;
mod png;
mod spark;
mod svg;
#[cfg(test)]
mod tests;
mod times;
mod unit;
mod values;
mod whole;

use chrono_tz::Tz;

use crate::base::event::Instant;
use crate::base::series::Series;
use crate::domain::runbook::model::Level;

pub use figures::figures;
pub use look::{Look, Theme};
pub use pair::Pair;
pub use png::{PngError, png};
pub use spark::sparkline;
pub use unit::Unit;

/// Panels that one chart draws; of more series it says how many there are.
const PANELS: usize = 16;

/// A chart of one watch.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Where the time axis begins.
    pub from: Instant,
    /// Where it ends.
    pub to: Instant,
    /// In which zone its times are written.
    pub zone: Tz,
    /// Milliseconds between samples: a silence of more than one and a half of them is a gap. 0 where it is not known; then
    /// only `gaps` are.
    pub every_ms: u64,
    /// Stretches in which nobody looked, as far as they were recorded.
    pub gaps: Vec<(Instant, Instant)>,
    /// One for each series.
    pub panels: Vec<Panel>,
}

/// One series with its limits.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its name.
    pub name: String,
    /// What its values count.
    pub unit: Unit,
    /// Its values.
    pub series: Series,
    /// What its values are held against.
    pub limits: Vec<Limit>,
    /// When a limit was broken.
    pub breaches: Vec<Shade>,
}

impl Panel {
    /// The series' name with what it counts: `utilization (%)`.
    #[must_use]
    pub fn label(&self) -> String {
        self.unit.label().map_or_else(|| self.name.clone(), |unit| format!("{} ({unit})", self.name))
    }

    /// The samples of a stretch, its ends included.
    #[must_use]
    pub fn within(&self, (from, to): (Instant, Instant)) -> Series {
        let mut inside = Series::new();
        for (at, value) in self.series.samples().iter().filter(|(at, _)| (from..=to).contains(at)) {
            inside.push(*at, *value);
        }
        inside
    }
}

/// A limit that is a line across a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The condition as it was written: `active < 15`.
    pub that: String,
    /// Where the line lies.
    pub value: f64,
    /// What breaking it means.
    pub level: Level,
}

/// A stretch in which a limit was broken.
#[derive(Clone, Copy, Debug)]
pub struct Shade {
    /// From when.
    pub from: Instant,
    /// To when.
    pub to: Instant,
    /// What it meant.
    pub level: Level,
}

/// The word for a level in labels.
const fn word(level: Level) -> &'static str {
    match level {
        Level::Warn => "warn",
        Level::Fail => "fail",
    }
}
