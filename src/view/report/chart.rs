//! Line charts of a watch as SVG, drawn by hand so that they need no font, no script and no library.
//!
//! Lives here: [`Chart`]: one panel a series over a common time axis, limits as dashed lines, breaches and gaps shaded,
//! the figures beside each panel. Colours follow the reader's light or dark setting. Never lives here: which watch, which
//! file.

use std::fmt::Write as _;
use std::sync::LazyLock;

use chrono::TimeDelta;
use chrono_tz::Tz;
use regex::Regex;

use crate::base::event::Instant;
use crate::base::series::Series;
use crate::domain::runbook::model::Level;
use crate::view::sentence::number;
use crate::view::time;

const WIDTH: f64 = 880.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 132.0;
const TOP: f64 = 44.0;
const PANEL: f64 = 130.0;
const BETWEEN: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// More points than this in a panel are thinned to the extremes of equal parts.
const BUCKETS: usize = 700;

/// Plain colours, and others for dark readers behind them: variables would leave everything black in many viewers.
const STYLE: &str = "<style>\
text{font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}.title{font-size:15px;font-weight:600}.name{font-weight:600}\
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}.limit{stroke-dasharray:5 4;stroke-width:1.2}\
.bwarn{opacity:.18}.bfail{opacity:.2}.gap{opacity:.22}\
text{fill:#1f2328}.soft{fill:#656d76}.paper{fill:#ffffff}.grid{stroke:#d8dee4}\
.line{stroke:#0969da}.dot{fill:#0969da}.warn{stroke:#9a6700}.fail{stroke:#cf222e}\
.twarn,.bwarn{fill:#9a6700}.tfail,.bfail{fill:#cf222e}.gap{fill:#8c959f}\
@media (prefers-color-scheme:dark){\
text{fill:#e6edf3}.soft{fill:#8d96a0}.paper{fill:#0d1117}.grid{stroke:#30363d}\
.line{stroke:#58a6ff}.dot{fill:#58a6ff}.warn{stroke:#d29922}.fail{stroke:#f85149}\
.twarn,.bwarn{fill:#d29922}.tfail,.bfail{fill:#f85149}.gap{fill:#6e7681}\
}\
</style>";

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
    /// Milliseconds between samples: a longer silence breaks the line.
    pub every_ms: u64,
    /// Stretches in which nobody looked.
    pub gaps: Vec<(Instant, Instant)>,
    /// One for each series.
    pub panels: Vec<Panel>,
}

/// One series with its limits.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its name.
    pub name: String,
    /// Its values.
    pub series: Series,
    /// Limits: text, value, level.
    pub limits: Vec<(String, f64, Level)>,
    /// When a limit was broken.
    pub breaches: Vec<Shade>,
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

/// A limit of the form `name < number` (or the other way round) on this series, as a line can show it.
#[must_use]
pub(super) fn limit(that: &str, name: &str, level: Level) -> Option<(String, f64, Level)> {
    static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^\s*(?:(?P<name>\w+)\s*(?:<=?|>=?)\s*(?P<value>-?\d+(?:\.\d+)?)|(?P<value2>-?\d+(?:\.\d+)?)\s*(?:<=?|>=?)\s*(?P<name2>\w+))\s*$").ok()
    });
    let found = FORM.as_ref()?.captures(that)?;
    let of = |first, second| found.name(first).or_else(|| found.name(second)).map(|found| found.as_str());
    if of("name", "name2")? != name {
        return None;
    }
    let value = of("value", "value2")?.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((that.trim().chars().take(60).collect(), value, level))
}

/// Whether a condition speaks of this series.
#[must_use]
pub(super) fn mentions(that: &str, name: &str) -> bool {
    that.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == name)
}

/// From values to heights in one panel.
struct Scale {
    least: f64,
    most: f64,
    top: f64,
}

impl Scale {
    fn y(&self, value: f64) -> f64 {
        // Halved, because the distance of two finite values may be infinite.
        let share = (value / 2.0 - self.least / 2.0) / (self.most / 2.0 - self.least / 2.0);
        self.top + PANEL - share.clamp(0.0, 1.0) * PANEL
    }
}

impl Chart {
    /// The chart as a file of its own.
    #[must_use]
    pub fn svg(&self) -> String {
        let height = TOP + self.panels.len() as f64 * (PANEL + BETWEEN) + BOTTOM;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title about\">\n\
             <title id=\"title\">{}</title>\n<desc id=\"about\">{}</desc>\n{STYLE}\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
            escape(&self.title),
            escape(&self.about()),
        );
        let label = format!(
            "{} {} to {}, {}",
            time::day(self.from, self.zone),
            time::clock(self.from, self.zone),
            time::clock(self.to, self.zone),
            time::zone_label(self.from, self.zone)
        );
        text(&mut svg, LEFT, 20.0, "title", "start", &self.title);
        text(&mut svg, WIDTH - 12.0, 20.0, "soft", "end", &label);
        for (index, panel) in self.panels.iter().enumerate() {
            let top = TOP + BETWEEN / 2.0 + index as f64 * (PANEL + BETWEEN);
            self.panel(&mut svg, panel, top);
        }
        self.time_axis(&mut svg, height - BOTTOM - BETWEEN / 2.0);
        svg.push_str("</svg>\n");
        svg
    }

    /// The same in words, for those who cannot see it.
    fn about(&self) -> String {
        let panels: Vec<String> = self
            .panels
            .iter()
            .map(|panel| {
                let shown = |value: Option<f64>| value.map_or("none".into(), number);
                let broken = match panel.breaches.len() {
                    0 => "no limit broken".to_owned(),
                    1 => "a limit broken once".to_owned(),
                    times => format!("a limit broken {times} times"),
                };
                format!(
                    "{}: last {}, least {}, greatest {}, 95th percentile {}, {broken}",
                    panel.name,
                    shown(panel.series.last().map(|(_, value)| value)),
                    shown(panel.series.min()),
                    shown(panel.series.max()),
                    shown(panel.series.p95())
                )
            })
            .collect();
        let gaps = match self.gaps.len() {
            0 => "No stretch without samples.".to_owned(),
            1 => "One stretch without samples.".to_owned(),
            more => format!("{more} stretches without samples."),
        };
        format!("{}. {gaps}", panels.join("; "))
    }

    fn x(&self, at: Instant) -> f64 {
        let length = (self.to - self.from).num_milliseconds().max(1) as f64;
        let share = (at - self.from).num_milliseconds() as f64 / length;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn panel(&self, svg: &mut String, panel: &Panel, top: f64) {
        let scale = scale(panel, top);
        for (from, to) in &self.gaps {
            let (x, width) = (self.x(*from), (self.x(*to) - self.x(*from)).max(1.0));
            let _ = writeln!(
                svg,
                "<rect class=\"gap\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{PANEL}\"><title>no samples</title></rect>"
            );
            if width > 60.0 {
                text(svg, x + width / 2.0, top + PANEL - 8.0, "soft", "middle", "no samples");
            }
        }
        for shade in &panel.breaches {
            let class = class("b", shade.level);
            let (x, width) = (self.x(shade.from), (self.x(shade.to) - self.x(shade.from)).max(2.0));
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{PANEL}\"><title>limit broken</title></rect>"
            );
        }
        for value in ticks(scale.least, scale.most) {
            let y = scale.y(value);
            let right = WIDTH - RIGHT;
            let _ = writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
            text(svg, LEFT - 6.0, y + 4.0, "soft", "end", &number(value));
        }
        for (that, value, level) in &panel.limits {
            let (y, right) = (scale.y(*value), WIDTH - RIGHT);
            let _ = writeln!(
                svg,
                "<line class=\"limit {}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                class("", *level)
            );
            text(svg, right - 4.0, y - 4.0, class("t", *level), "end", that);
        }
        self.line(svg, panel, &scale);
        text(svg, LEFT, top - 6.0, "name", "start", &panel.name);
        let figures = [
            ("last", panel.series.last().map(|(_, value)| value)),
            ("max", panel.series.max()),
            ("p95", panel.series.p95()),
            ("min", panel.series.min()),
        ];
        for (index, (name, value)) in figures.into_iter().enumerate() {
            let y = top + 18.0 + index as f64 * 20.0;
            text(svg, WIDTH - RIGHT + 16.0, y, "soft", "start", name);
            text(svg, WIDTH - 12.0, y, "", "end", &value.map_or("–".into(), number));
        }
    }

    /// The values, broken wherever nothing was measured for more than two and a half intervals.
    fn line(&self, svg: &mut String, panel: &Panel, scale: &Scale) {
        let thinned = panel.series.downsample(BUCKETS);
        // Thinning makes neighbours lie further apart, but never further than four parts of the whole.
        let spread = (self.to - self.from).num_milliseconds() / (BUCKETS as i64 / 4);
        let usual = i64::try_from(self.every_ms).unwrap_or(i64::MAX / 4).min(i64::MAX / 4).saturating_mul(5) / 2;
        let thin = thinned.len() < panel.series.len();
        let allowed = TimeDelta::milliseconds(if thin { usual.max(spread) } else { usual }.clamp(1, 1 << 50));
        let silent = |before: Instant, at: Instant| {
            at - before > allowed || self.gaps.iter().any(|(from, to)| before <= *from && at >= *to)
        };
        for part in thinned.samples().chunk_by(|before, after| !silent(before.0, after.0)) {
            let points: Vec<String> =
                part.iter().map(|(at, value)| format!("{:.1},{:.1}", self.x(*at), scale.y(*value))).collect();
            match part {
                [_] => {
                    let (x, y) = (self.x(part[0].0), scale.y(part[0].1));
                    let _ = writeln!(svg, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>");
                }
                _ => {
                    let _ = writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>", points.join(" "));
                }
            }
        }
    }

    fn time_axis(&self, svg: &mut String, bottom: f64) {
        let length = (self.to - self.from).num_seconds().max(1);
        let steps = [1, 5, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400];
        let step = steps.into_iter().find(|step| length / step <= 9).unwrap_or(length / 8 + 1);
        // Full hours are where people expect marks, in their zone and not in UTC.
        let local = self.from.with_timezone(&self.zone).naive_local().and_utc().timestamp();
        let mut offset = (step - local.rem_euclid(step)) % step;
        let (right, format) = (WIDTH - RIGHT, if step < 60 { "%H:%M:%S" } else { "%H:%M" });
        let _ =
            writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>");
        while offset <= length {
            let at = self.from + TimeDelta::seconds(offset);
            let x = self.x(at);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>",
                bottom + 5.0
            );
            let shown = if step >= 86_400 {
                time::day(at, self.zone)
            } else {
                at.with_timezone(&self.zone).format(format).to_string()
            };
            text(svg, x, bottom + 19.0, "soft", "middle", &shown);
            offset += step;
        }
    }
}

/// Values and limits with some air; from zero where that is not far away.
fn scale(panel: &Panel, top: f64) -> Scale {
    let limits = panel.limits.iter().map(|(_, value, _)| *value);
    let (mut least, mut most) = (panel.series.min().unwrap_or(0.0), panel.series.max().unwrap_or(1.0));
    for limit in limits {
        (least, most) = (least.min(limit), most.max(limit));
    }
    if least > 0.0 && least < most * 0.75 {
        least = 0.0;
    }
    let air = if most > least { (most / 2.0 - least / 2.0) * 0.16 } else { most.abs().max(1.0) * 0.1 };
    let most = (most + air).min(f64::MAX);
    let least = if least == 0.0 { 0.0 } else { (least - air).max(f64::MIN) };
    Scale { least, most, top }
}

/// Three to six round numbers between two values.
fn ticks(least: f64, most: f64) -> Vec<f64> {
    let range = most - least;
    if !range.is_finite() || range <= 0.0 {
        return vec![least, most];
    }
    let rough = range / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let first = (least / step).ceil();
    (0..8).map(|index| (first + f64::from(index)) * step).take_while(|value| *value <= most).collect()
}

fn class(prefix: &str, level: Level) -> &'static str {
    match (prefix, level) {
        ("b", Level::Warn) => "bwarn",
        ("b", Level::Fail) => "bfail",
        ("t", Level::Warn) => "twarn",
        ("t", Level::Fail) => "tfail",
        (_, Level::Warn) => "warn",
        (_, Level::Fail) => "fail",
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, shown: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{}</text>",
        escape(shown)
    );
}

/// For XML, in text and attributes; what XML cannot hold at all is left out.
fn escape(given: &str) -> String {
    let mut safe = String::with_capacity(given.len());
    for char in crate::base::text::one_line(given, 1_000).chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            char => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_line_only_where_it_compares_one_series_with_a_number() {
        let value = |that| limit(that, "active", Level::Warn).map(|(_, value, _)| value);
        assert_eq!(value("active < 15"), Some(15.0));
        assert_eq!(value(" 0.5 <= active "), Some(0.5));
        assert_eq!(value("inactive < 15"), None);
        assert_eq!(value("active < 15 && utilization < 80"), None);
        assert_eq!(value("active < limit"), None);
        assert!(mentions("active < 15 && utilization < 80", "utilization") && !mentions("inactive < 15", "active"));
    }

    #[test]
    fn whatever_the_values_are_every_coordinate_is_a_number() {
        let from: Instant = "2026-02-02T11:00:00Z".parse().unwrap();
        for values in [vec![0.0], vec![7.0; 3], vec![-1.0, 1e308, -1e308], vec![f64::MIN_POSITIVE, 0.0], vec![]] {
            let mut series = Series::new();
            for (index, value) in values.iter().enumerate() {
                series.push(from + TimeDelta::seconds(index as i64), *value);
            }
            let panel = Panel { name: "a<b>&".into(), series, limits: Vec::new(), breaches: Vec::new() };
            let (gaps, zone) = (Vec::new(), Tz::UTC);
            let svg = Chart { title: "t".into(), from, to: from, zone, every_ms: 0, gaps, panels: vec![panel] }.svg();
            assert!(
                !svg.contains("NaN") && !svg.contains("inf") && svg.contains("a&lt;b&gt;&amp;"),
                "{values:?}: {svg}"
            );
        }
    }
}
