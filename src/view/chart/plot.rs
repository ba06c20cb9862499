//! One plot: a rectangle with a time axis, an axis of values, and what was measured between them.

use super::line::{lines, silences};
use super::svg::{Anchor, Svg};
use super::times::{Tick, ticks};
use super::values::Scale;
use super::{Panel, Shade, word};
use crate::base::event::Instant;
use chrono_tz::Tz;

/// Where a plot lies, and what its axes cover.
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Its time, from and to.
    pub window: (Instant, Instant),
    /// The part of it in which samples were due: elsewhere their absence is no gap.
    pub watched: (Instant, Instant),
    /// Its values.
    pub scale: Scale,
    /// Whether the values stand at its left.
    pub labelled: bool,
    /// Between which edges the labels of its time axis stay.
    pub room: (f64, f64),
}

/// What needs a word in the key below.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// A gap.
    pub gap: bool,
    /// A broken limit that warns.
    pub warn: bool,
    /// A broken limit that fails.
    pub fail: bool,
}

/// Between marks of time, at least, in widths of a text's size.
const APART: f64 = 6.4;
/// Two gaps closer than this (in units of the SVG) are drawn as one.
const CLOSE: f64 = 1.0;

impl Plot {
    fn x(&self, at: Instant) -> f64 {
        let (from, to) = self.window;
        let length = (to - from).num_milliseconds().max(1) as f64;
        let share = (at - from).num_milliseconds() as f64 / length;
        self.left + share.clamp(0.0, 1.0) * self.width
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height - self.scale.share(value) * self.height
    }

    fn right(&self) -> f64 {
        self.left + self.width
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The marks of its time axis.
    pub fn ticks(&self, svg: &Svg, zone: Tz) -> Vec<Tick> {
        let at_most = (self.width / (f64::from(svg.look.text) * APART)).floor().max(2.0) as usize;
        ticks(self.window.0, self.window.1, zone, at_most)
    }

    /// Draws a series with everything around it, but for the labels of the time axis.
    pub fn draw(
        &self,
        svg: &mut Svg,
        panel: &Panel,
        every_ms: u64,
        gaps: &[(Instant, Instant)],
        ticks: &[Tick],
        shown: &mut Shown,
    ) {
        let quiet = silences(&panel.series, every_ms, gaps, self.watched);
        self.grid(svg, ticks);
        let labels = self.gaps(svg, &quiet, shown);
        self.breaches(svg, panel, shown);
        for (middle, text) in labels {
            svg.text(middle, self.bottom() - 7.0, "soft halo", Anchor::Middle, text);
        }
        let place = |(at, value): &(Instant, f64)| (self.x(*at), self.y(*value));
        let drawn: Vec<Vec<(f64, f64)>> =
            lines(panel, &quiet, self.window).iter().map(|piece| piece.iter().map(place).collect()).collect();
        // Words lie under what was measured: a label may be crossed, a value is never hidden.
        self.limits(svg, panel, &drawn);
        for piece in &drawn {
            match piece[..] {
                [(x, y)] => svg.dot(x, y, 2.2),
                _ => svg.polyline("line", piece),
            }
        }
        if let Some((at, value)) = panel.series.last().filter(|(at, _)| (self.window.0..=self.window.1).contains(at)) {
            svg.dot(self.x(at), self.y(value), 3.2);
        }
        self.unwatched(svg);
    }

    /// Says of wide stretches in which nothing was due that this is why they are empty.
    fn unwatched(&self, svg: &mut Svg) {
        let text = "not watched";
        for (from, to) in [(self.window.0, self.watched.0), (self.watched.1, self.window.1)] {
            let (from, to) = (self.x(from), self.x(to));
            if to - from > svg.wide(text, "") + 8.0 {
                svg.text(from.midpoint(to), self.bottom() - 7.0, "soft halo", Anchor::Middle, text);
            }
        }
    }

    fn grid(&self, svg: &mut Svg, ticks: &[Tick]) {
        for (value, label) in self.scale.marks() {
            let y = self.y(value);
            svg.line("grid", (self.left, y), (self.right(), y));
            if self.labelled {
                let down = f64::from(svg.look.text) * 0.35;
                svg.text(self.left - 7.0, y + down, "soft", Anchor::End, &label);
            }
        }
        for tick in ticks.iter().skip(1).filter(|tick| tick.note.is_some()) {
            svg.line("day", (self.x(tick.at), self.top), (self.x(tick.at), self.bottom()));
        }
    }

    /// Shades gaps; says where which words about them have room.
    fn gaps(&self, svg: &mut Svg, quiet: &[(Instant, Instant)], shown: &mut Shown) -> Vec<(f64, &'static str)> {
        let mut drawn: Vec<(f64, f64)> = Vec::new();
        for (from, to) in quiet {
            let from = self.x(*from);
            let to = self.x(*to).max(from + 2.0).min(self.right().max(from));
            match drawn.last_mut() {
                Some(last) if from - last.1 < CLOSE => last.1 = last.1.max(to),
                _ => drawn.push((from, to)),
            }
        }
        shown.gap |= !drawn.is_empty();
        let mut labels = Vec::new();
        for (from, to) in drawn {
            let (at, size) = ((from, self.top), (to - from, self.height));
            svg.rect("gap", at, size);
            svg.hatched("gap", at, size);
            let fits = ["no samples", "gap"].into_iter().find(|text| svg.wide(text, "") + 6.0 < to - from);
            labels.extend(fits.map(|text| (from.midpoint(to), text)));
        }
        labels
    }

    fn breaches(&self, svg: &mut Svg, panel: &Panel, shown: &mut Shown) {
        let (from, to) = self.window;
        let inside = |shade: &&Shade| shade.from <= to && (shade.to > from || shade.from >= from);
        for shade in panel.breaches.iter().filter(inside).take(500) {
            let level = word(shade.level);
            match level {
                "warn" => shown.warn = true,
                _ => shown.fail = true,
            }
            let x = self.x(shade.from).min(self.right() - 2.0);
            let width = (self.x(shade.to) - x).max(2.0);
            svg.rect(&format!("b{level}"), (x, self.top), (width, self.height));
            svg.hatched(level, (x, self.top), (width, self.height));
        }
    }

    /// Lines with their labels, each where it hides no other label and least of what was measured: above or below its
    /// line, at the right or at the left.
    fn limits(&self, svg: &mut Svg, panel: &Panel, drawn: &[Vec<(f64, f64)>]) {
        let size = f64::from(svg.look.text);
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        for limit in panel.limits.iter().take(6) {
            let (y, level) = (self.y(limit.value), word(limit.level));
            svg.line(&format!("limit {level}"), (self.left, y), (self.right(), y));
            let text = svg.fit(&format!("{} ({level})", limit.that), "", self.width * 0.8);
            let wide = svg.wide(&text, "") + 8.0;
            let free = |(right, baseline): &(bool, f64)| {
                let from = if *right { self.right() - wide } else { self.left };
                let apart =
                    |(a, b, at): &(f64, f64, f64)| from > *b || from + wide < *a || (baseline - at).abs() > size + 2.0;
                *baseline - size >= self.top && *baseline <= self.bottom() - 2.0 && taken.iter().all(apart)
            };
            let hidden = |(right, baseline): &(bool, f64)| {
                let from = if *right { self.right() - wide } else { self.left };
                let (to, low, high) = (from + wide, baseline + 6.0, baseline - size);
                // The box around a stretch of the line is near enough.
                let crosses = |pair: &&[(f64, f64)]| {
                    let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
                    x1 <= to && x2 >= from && y1.min(y2) <= low && y1.max(y2) >= high
                };
                drawn.iter().flat_map(|piece| piece.windows(2)).filter(crosses).count()
            };
            let places = [(true, y - 5.0), (true, y + size + 1.0), (false, y - 5.0), (false, y + size + 1.0)];
            // Without a free place the line stays, and the words are in the description.
            let Some((right, baseline)) = places.into_iter().filter(free).min_by_key(hidden) else { continue };
            let from = if right { self.right() - wide } else { self.left };
            taken.push((from, from + wide, baseline));
            let (x, anchor) = if right { (self.right() - 4.0, Anchor::End) } else { (self.left + 4.0, Anchor::Start) };
            svg.text(x, baseline, &format!("t{level} halo"), anchor, &text);
        }
    }

    /// The labels below: times, and under them what is new from there on.
    pub fn time_axis(&self, svg: &mut Svg, ticks: &[Tick]) {
        let bottom = self.bottom();
        svg.line("grid", (self.left, bottom), (self.right(), bottom));
        let (first, second) = (bottom + svg.line_height() + 3.0, bottom + 2.0 * svg.line_height() + 2.0);
        let noted: Vec<f64> = ticks.iter().filter(|tick| tick.note.is_some()).map(|tick| self.x(tick.at)).collect();
        let (mut label_end, mut note_end) = (f64::MIN, f64::MIN);
        let last = ticks.len().saturating_sub(1);
        for (index, tick) in ticks.iter().enumerate() {
            let x = self.x(tick.at);
            svg.line("grid", (x, bottom), (x, bottom + 5.0));
            let half = svg.wide(&tick.label, "") / 2.0;
            let middle = self.kept_in(x, half);
            if middle - half > label_end {
                svg.text(middle, first, "soft", Anchor::Middle, &tick.label);
                label_end = middle + half + 4.0;
            }
            let Some(note) = &tick.note else { continue };
            let half = svg.wide(note, "name") / 2.0;
            let middle = self.kept_in(x, half);
            // The first day gives way to the next one: where a day begins is what people look for.
            let crowded = index == 0 && last > 0 && noted.get(1).is_some_and(|next| next - middle < 2.0 * half + 10.0);
            if !crowded && middle - half > note_end {
                svg.text(middle, second, "name", Anchor::Middle, note);
                note_end = middle + half + 6.0;
            }
        }
    }

    /// Where the middle of a label of this half width goes, near `x`.
    fn kept_in(&self, x: f64, half: f64) -> f64 {
        let (low, high) = self.room;
        x.clamp(low + half, (high - half).max(low + half))
    }
}
