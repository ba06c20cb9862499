//! A whole chart: heading, one panel a series over a common time axis, the key.

use super::figures::{figures, spoken};
use super::line::silences;
use super::look::Look;
use super::plot::{Plot, Shown};
use super::svg::{Anchor, Svg};
use super::times::{Tick, covered};
use super::values::Scale;
use super::{Chart, PANELS, Panel};

/// Free at the edges.
pub const MARGIN: f64 = 16.0;
/// How high the plot of one series is.
pub const HEIGHT: f64 = 132.0;

impl Chart {
    /// The chart as a file of its own.
    #[must_use]
    pub fn svg(&self, look: Look) -> String {
        let mut svg = Svg::new(look);
        let line = svg.line_height();
        let mut y = headline(&mut svg, look, &self.title, &covered(self.from, self.to, self.zone));
        let drawn = &self.panels[..self.panels.len().min(PANELS)];
        let scales: Vec<Scale> = drawn.iter().map(scale).collect();
        let left = left_edge(&svg, &scales);
        let (mut shown, mut last): (Shown, Option<(Plot, Vec<Tick>)>) = (Shown::default(), None);
        for (panel, scale) in drawn.iter().zip(scales) {
            y = heading(&mut svg, panel, y + 10.0);
            let (width, window) = (svg.width() - left - MARGIN, (self.from, self.to));
            let room = (2.0, svg.width() - 2.0);
            let plot = Plot {
                left,
                top: y + 16.0,
                width,
                height: HEIGHT,
                window,
                watched: window,
                scale,
                labelled: true,
                room,
            };
            let ticks = plot.ticks(&svg, self.zone);
            plot.draw(&mut svg, panel, self.every_ms, &self.gaps, &ticks, &mut shown);
            y = plot.top + HEIGHT + 4.0;
            last = Some((plot, ticks));
        }
        if let Some((plot, ticks)) = last {
            plot.time_axis(&mut svg, &ticks);
            y += 2.0 * line + 4.0;
        }
        if self.panels.len() > PANELS {
            y += line + 4.0;
            let more = format!("{} more series are not drawn.", self.panels.len() - PANELS);
            svg.text(MARGIN, y, "soft", Anchor::Start, &more);
        }
        y = key(&mut svg, shown, y);
        svg.finish((y + MARGIN).ceil(), &self.title, &self.about())
    }

    /// The same in words, for those who cannot see it.
    fn about(&self) -> String {
        let panels: Vec<String> = self.panels.iter().take(PANELS).map(about).collect();
        let quiet = self
            .panels
            .iter()
            .take(PANELS)
            .map(|panel| silences(&panel.series, self.every_ms, &self.gaps, (self.from, self.to)).len());
        let gaps = match quiet.max().unwrap_or(0) {
            0 => "No stretch without samples.".to_owned(),
            1 => "One stretch without samples.".to_owned(),
            more => format!("{more} stretches without samples."),
        };
        format!("{}. {}. {gaps}", covered(self.from, self.to, self.zone), panels.join("; "))
    }
}

/// One series in words.
pub fn about(panel: &Panel) -> String {
    let unit = panel.unit.label().map_or(String::new(), |unit| format!(" in {unit}"));
    let limits: Vec<&str> = panel.limits.iter().take(6).map(|limit| limit.that.as_str()).collect();
    let limits = if limits.is_empty() { String::new() } else { format!("expected {}, ", limits.join(" and ")) };
    let broken = match panel.breaches.len() {
        0 => "no limit broken".to_owned(),
        1 => "a limit broken once".to_owned(),
        times => format!("a limit broken {times} times"),
    };
    format!("{}{unit}: {}, {limits}{broken}", panel.name, spoken(&panel.series, panel.unit))
}

/// Writes the title and what time is covered; where the last of these lines stands.
pub fn headline(svg: &mut Svg, look: Look, title: &str, covered: &str) -> f64 {
    let room = svg.width() - 2.0 * MARGIN;
    let title = svg.fit(title, "title", room);
    let mut y = MARGIN + f64::from(look.text) + 2.0;
    svg.text(MARGIN, y, "title", Anchor::Start, &title);
    for piece in subtitle(svg, covered, room) {
        y += svg.line_height();
        svg.text(MARGIN, y, "soft", Anchor::Start, &piece);
    }
    y
}

/// A subtitle on one line, or its zone on a second one.
fn subtitle(svg: &Svg, text: &str, room: f64) -> Vec<String> {
    match text.split_once(" (") {
        Some((times, zone)) if svg.wide(text, "") > room => {
            vec![svg.fit(times, "", room), svg.fit(zone.trim_end_matches(')'), "", room)]
        }
        _ => vec![svg.fit(text, "", room)],
    }
}

/// The axis of a panel: its values and its limits.
pub fn scale(panel: &Panel) -> Scale {
    let values = panel.series.min().into_iter().chain(panel.series.max());
    Scale::around(values.chain(panel.limits.iter().map(|limit| limit.value)), panel.unit)
}

/// Where plots begin so that all labels have room before them.
pub fn left_edge(svg: &Svg, scales: &[Scale]) -> f64 {
    let labels = scales.iter().flat_map(|scale| scale.marks());
    let widest = labels.map(|(_, label)| svg.wide(&label, "")).fold(0.0, f64::max);
    (MARGIN + widest + 8.0).clamp(44.0, 130.0)
}

/// Name and figures of a series, on one line or on two; `y` is where the last one stands.
pub fn heading(svg: &mut Svg, panel: &Panel, y: f64) -> f64 {
    let room = svg.width() - 2.0 * MARGIN;
    let mut y = y + svg.line_height();
    let name = svg.fit(&panel.label(), "name", room);
    let pieces = figures(&panel.series, panel.unit);
    let lines = svg.wrapped(&pieces, room);
    let both = svg.wide(&name, "name") + 24.0 + lines.first().map_or(0.0, |line| svg.wide(line, ""));
    svg.text(MARGIN, y, "name", Anchor::Start, &name);
    if lines.len() == 1 && both <= room {
        svg.text(svg.width() - MARGIN, y, "", Anchor::End, &lines[0]);
    } else {
        for line in lines {
            y += svg.line_height();
            svg.text(MARGIN, y, "", Anchor::Start, &line);
        }
    }
    y
}

/// What the hatchings mean, where there are any.
pub fn key(svg: &mut Svg, shown: Shown, y: f64) -> f64 {
    let all = [
        (shown.warn, "warn", "bwarn", "limit broken (warn)"),
        (shown.fail, "fail", "bfail", "limit broken (fail)"),
        (shown.gap, "gap", "gap", "no samples"),
    ];
    let mut x = MARGIN;
    let baseline = y + svg.line_height() + 6.0;
    let mut drawn = false;
    for (_, pattern, class, text) in all.into_iter().filter(|(shown, ..)| *shown) {
        let (at, size) = ((x, baseline - 10.0), (22.0, 12.0));
        svg.rect(class, at, size);
        svg.hatched(pattern, at, size);
        svg.text(x + 28.0, baseline, "soft", Anchor::Start, text);
        x += 28.0 + svg.wide(text, "") + 18.0;
        drawn = true;
    }
    if drawn { baseline } else { y }
}
