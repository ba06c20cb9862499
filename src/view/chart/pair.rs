//! Before and after: two stretches of the same series side by side, with one height for both and the change between them.

use chrono_tz::Tz;

use super::figures::figures;
use super::look::Look;
use super::plot::{Plot, Shown};
use super::svg::{Anchor, Svg};
use super::times::covered;
use super::values::Scale;
use super::whole::{HEIGHT, MARGIN, about, headline, key, left_edge, scale};
use super::{PANELS, Panel, Unit};
use crate::base::event::Instant;

/// Two stretches around a change.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What is compared.
    pub title: String,
    /// The change and when it was: `Restart Redis on Railway, 08:05:30`.
    pub change: String,
    /// The stretch before it, up to the change.
    pub before: (Instant, Instant),
    /// The stretch behind it, from the change on.
    pub after: (Instant, Instant),
    /// In which zone its times are written.
    pub zone: Tz,
    /// See [`super::Chart::every_ms`].
    pub every_ms: u64,
    /// See [`super::Chart::gaps`].
    pub gaps: Vec<(Instant, Instant)>,
    /// One for each series, with its samples of both stretches.
    pub panels: Vec<Panel>,
}

/// Between the two plots.
const BETWEEN: f64 = 30.0;

impl Pair {
    /// The pair as a file of its own.
    #[must_use]
    pub fn svg(&self, look: Look) -> String {
        let mut svg = Svg::new(look);
        let line = svg.line_height();
        let mut y = headline(&mut svg, look, &self.title, &covered(self.before.0, self.after.1, self.zone));
        let drawn = &self.panels[..self.panels.len().min(PANELS)];
        let scales: Vec<_> = drawn.iter().map(scale).collect();
        let left = left_edge(&svg, &scales);
        let width = (svg.width() - left - MARGIN - BETWEEN) / 2.0;
        let middle = left + width + BETWEEN / 2.0;
        y += line + 10.0;
        let change = svg.fit(&self.change, "name", svg.width() - 2.0 * MARGIN);
        let half = svg.wide(&change, "name") / 2.0;
        svg.text(
            middle.clamp(MARGIN + half, (svg.width() - MARGIN - half).max(MARGIN + half)),
            y,
            "name",
            Anchor::Middle,
            &change,
        );
        let from = y + 6.0;
        let mut shown = Shown::default();
        let place = |window, labelled| Side { window, labelled, left, width, middle };
        let sides = [place(self.before, true), place(self.after, false)];
        for (index, (panel, scale)) in drawn.iter().zip(scales).enumerate() {
            y += line + 8.0;
            let name = svg.fit(&panel.label(), "name", width + left - MARGIN);
            svg.text(MARGIN, y, "name", Anchor::Start, &name);
            y = told(&mut svg, panel, &sides, y);
            for side in sides {
                let plot = side.plot(&svg, panel, scale, y + 16.0);
                let ticks = plot.ticks(&svg, self.zone);
                // The last sample is drawn where it lies: each side ends with its own.
                let part = Panel { series: panel.within(side.window), ..panel.clone() };
                plot.draw(&mut svg, &part, self.every_ms, &self.gaps, &ticks, &mut shown);
                if index + 1 == drawn.len() {
                    plot.time_axis(&mut svg, &ticks);
                }
            }
            y += 16.0 + HEIGHT + 4.0;
        }
        svg.line("change", (middle, from), (middle, y - 4.0));
        y += 2.0 * line + 4.0;
        y = key(&mut svg, shown, y);
        svg.finish((y + MARGIN).ceil(), &self.title, &self.about())
    }

    /// The same in words.
    fn about(&self) -> String {
        let side = |panel: &Panel, window| {
            about(&Panel {
                name: String::new(),
                unit: Unit::Plain,
                series: panel.within(window),
                limits: Vec::new(),
                breaches: panel
                    .breaches
                    .iter()
                    .filter(|shade| shade.from <= window.1 && shade.to >= window.0)
                    .copied()
                    .collect(),
            })
        };
        let panels: Vec<String> = self
            .panels
            .iter()
            .take(PANELS)
            .map(|panel| format!("{} before{}; after{}", panel.name, side(panel, self.before), side(panel, self.after)))
            .collect();
        format!("Change: {}. {}.", self.change, panels.join(". "))
    }
}

/// One of the two stretches, and where it is drawn.
#[derive(Clone, Copy)]
struct Side {
    window: (Instant, Instant),
    /// Whether the values stand at its left: it is the one before.
    labelled: bool,
    left: f64,
    width: f64,
    middle: f64,
}

impl Side {
    fn left(&self) -> f64 {
        if self.labelled { self.left } else { self.left + self.width + BETWEEN }
    }

    /// Samples are due from its first one up to the change, or from the change up to its last one.
    fn plot(&self, svg: &Svg, panel: &Panel, scale: Scale, top: f64) -> Plot {
        let Self { window, labelled, width, middle, .. } = *self;
        let part = panel.within(window);
        let (first, last) = (part.samples().first().map(|(at, _)| *at), part.last().map(|(at, _)| at));
        let (watched, room) = if labelled {
            ((first.unwrap_or(window.0), window.1), (2.0, middle - 3.0))
        } else {
            ((window.0, last.unwrap_or(window.1)), (middle + 3.0, svg.width() - 2.0))
        };
        Plot { left: self.left(), top, width, height: HEIGHT, window, watched, scale, labelled, room }
    }
}

/// The figures of both sides; returns where the lowest line stands.
fn told(svg: &mut Svg, panel: &Panel, sides: &[Side; 2], y: f64) -> f64 {
    let mut lowest = y;
    for side in sides {
        let mut pieces = figures(&panel.within(side.window), panel.unit);
        if let Some(first) = pieces.first_mut() {
            *first = format!("{}: {first}", if side.labelled { "before" } else { "after" });
        }
        let mut y = y;
        for text in svg.wrapped(&pieces, side.width) {
            y += svg.line_height();
            svg.text(side.left(), y, "", Anchor::Start, &text);
        }
        lowest = lowest.max(y);
    }
    lowest
}
