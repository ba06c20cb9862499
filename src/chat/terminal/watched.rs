//! What a finished watch saw, a line of blocks for each series.
//!
//! Lives here: remembering samples while their watch goes on, and the lines. Never lives here: the verdict (`view`).

use std::collections::BTreeMap;

use crate::base::series::Series;
use crate::base::text::one_line;
use crate::domain::run::event::Event;
use crate::domain::runbook::model::{Does, Plan};
use crate::view::chart::{Unit, sparkline};

/// Columns of a line of blocks.
const COLUMNS: usize = 40;
/// Samples of a series that are kept; of more, the extremes are.
const REMEMBERED: usize = 4_000;
/// Series that are shown of one watch.
const SERIES: usize = 8;

/// The samples of the watches that go on.
#[derive(Debug, Default)]
pub struct Watched {
    steps: BTreeMap<String, BTreeMap<String, Series>>,
}

impl Watched {
    /// Takes an event of a run. Where a watch ends that was seen from its beginning: its lines.
    pub fn read(&mut self, event: &Event, plan: &Plan) -> Vec<String> {
        match event {
            Event::WatchStarted(started) => {
                self.steps.insert(started.step.clone(), BTreeMap::new());
            }
            Event::WatchTallied(tallied) => {
                let Some(watch) = self.steps.get_mut(&tallied.step) else { return Vec::new() };
                for (name, points) in &tallied.points {
                    let series = watch.entry(name.clone()).or_default();
                    for point in points {
                        series.push(point.at, point.value);
                    }
                    if series.len() > REMEMBERED {
                        *series = series.downsample(REMEMBERED / 4);
                    }
                }
            }
            Event::StepFinished(finished) => {
                return self
                    .steps
                    .remove(&finished.step)
                    .map_or_else(Vec::new, |watch| lines(&watch, plan, &finished.step));
            }
            _ => {}
        }
        Vec::new()
    }
}

fn lines(watch: &BTreeMap<String, Series>, plan: &Plan, step: &str) -> Vec<String> {
    let spec = plan.position(step).and_then(|position| plan.steps.get(position));
    let path = |name: &str| match spec.map(|step| &step.does) {
        Some(Does::Watch(watch)) => watch.series.get(name).map(|value| value.source().to_owned()),
        _ => None,
    };
    let names: Vec<String> = watch.keys().map(|name| one_line(name, 24)).collect();
    let wide = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let shown = watch.iter().zip(&names).take(SERIES).filter_map(|((name, series), label)| {
        let unit = Unit::of(name, path(name).as_deref());
        let (least, most) = (unit.shown(series.min()?), unit.shown(series.max()?));
        let sign = unit.sign();
        let gap = " ".repeat(wide - label.chars().count());
        Some(format!("{label}{gap}  {}{sign}  (min {least}, max {most})", sparkline(series, unit, COLUMNS)))
    });
    shown.collect()
}
