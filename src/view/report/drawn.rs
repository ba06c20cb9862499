//! From watches to charts: what is drawn, and under which name.

use std::collections::BTreeMap;

use super::Context;
use super::limits::{limit, mentions};
use super::pairs::pairs;
use super::repairs::Repair;
use super::watches::Reading;
use crate::base::event::RunId;
use crate::base::series::Series;
use crate::base::text::one_line;
use crate::view::chart::{Chart, Look, Pair, Panel, Shade, figures};

/// A chart with its name.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The name of its file, without an ending: letters, digits, dashes and underscores.
    pub name: String,
    /// The chart.
    pub picture: Picture,
    /// The run and the step of the watch it shows, where it shows one.
    pub step: Option<(RunId, String)>,
    /// Which watch it shows, where it shows one.
    pub(super) watch: Option<usize>,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub enum Picture {
    /// A watch.
    Watch(Chart),
    /// Before and after a change.
    Change(Pair),
}

impl Picture {
    /// What it shows, and which change where it is about one.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Watch(chart) => chart.title.clone(),
            Self::Change(pair) => format!("{}: {}", pair.title, pair.change),
        }
    }

    /// Each series with its figures: `active`, `last 9  min 5  max 17  p95 16`; of a change before and after it.
    #[must_use]
    pub fn figures(&self) -> Vec<(String, String)> {
        let told = |panel: &Panel, series: &Series| figures(series, panel.unit).join("  ");
        match self {
            Self::Watch(chart) => {
                chart.panels.iter().map(|panel| (panel.label(), told(panel, &panel.series))).collect()
            }
            Self::Change(pair) => pair
                .panels
                .iter()
                .flat_map(|panel| {
                    [("before", pair.before), ("after", pair.after)]
                        .map(|(when, window)| (format!("{} {when}", panel.label()), told(panel, &panel.within(window))))
                })
                .collect(),
        }
    }

    /// As SVG.
    #[must_use]
    pub fn svg(&self, look: Look) -> String {
        match self {
            Self::Watch(chart) => chart.svg(look),
            Self::Change(pair) => pair.svg(look),
        }
    }
}

/// All charts: those of watches in their order, then those of changes.
pub(super) fn drawn(context: &Context<'_>, readings: &[Reading<'_>], repairs: &[Repair]) -> Vec<Drawn> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut all = Vec::new();
    for (index, reading) in readings.iter().enumerate() {
        let base = format!("watch-{}", place(reading.run, &reading.started.step));
        let visit = seen.entry(base.clone()).and_modify(|count| *count += 1).or_insert(1);
        let name = if *visit > 1 { format!("{base}-{visit}") } else { base };
        if let Some(chart) = chart(context, reading) {
            let step = Some((reading.run.clone(), reading.started.step.clone()));
            all.push(Drawn { name, picture: Picture::Watch(chart), step, watch: Some(index) });
        }
    }
    for (index, (place, pair)) in pairs(context, readings, repairs).into_iter().enumerate() {
        let name = format!("change-{}-{place}", index + 1);
        all.push(Drawn { name, picture: Picture::Change(pair), step: None, watch: None });
    }
    all
}

/// `run-1-stats`: only letters, digits, dashes and underscores, because a step's id may hold slashes.
pub(super) fn place(run: &RunId, step: &str) -> String {
    let safe = |char: char| if char.is_ascii_alphanumeric() || char == '_' { char } else { '-' };
    let step: String = step.chars().take(60).map(safe).collect();
    format!("{run}-{step}")
}

/// The chart of a watch, up to where it was observed; none without samples.
fn chart(context: &Context<'_>, reading: &Reading<'_>) -> Option<Chart> {
    let panels: Vec<Panel> = reading.points.keys().filter_map(|name| panel(context, reading, name)).collect();
    (!panels.is_empty()).then(|| Chart {
        title: one_line(&reading.started.title, 100),
        from: reading.at,
        to: reading.observed_to,
        zone: context.zone,
        every_ms: reading.started.every_ms,
        gaps: reading.gaps.clone(),
        panels,
    })
}

/// One series of a watch with its limits and when they were broken; none without samples.
pub(super) fn panel(context: &Context<'_>, reading: &Reading<'_>, name: &str) -> Option<Panel> {
    let series = reading.series(name);
    let limits = reading.limits(context);
    let shades = reading
        .breaches
        .iter()
        .filter(|(breach, _)| mentions(&breach.that, name))
        .map(|(breach, end)| Shade { from: breach.since, to: end.unwrap_or(reading.observed_to), level: breach.level });
    (!series.is_empty()).then(|| Panel {
        name: one_line(name, 60),
        unit: reading.unit(context, name),
        series,
        limits: limits.iter().filter_map(|(that, level)| limit(that, name, *level)).collect(),
        breaches: shades.collect(),
    })
}
