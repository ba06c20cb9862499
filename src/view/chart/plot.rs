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

/// The words of a limit at a place.
struct Label {
    text: String,
    from: f64,
    wide: f64,
    baseline: f64,
    /// Of its text.
    size: f64,
    anchor: Anchor,
}

impl Label {
    /// Where its text hangs: how wide it really gets is for the reader's font to say.
    fn hangs(&self) -> f64 {
        match self.anchor {
            Anchor::Start => self.from + 4.0,
            Anchor::Middle => self.from + self.wide / 2.0,
            Anchor::End => self.from + self.wide - 4.0,
        }
    }

    fn is_apart(&self, other: &Self) -> bool {
        let beside = self.from > other.from + other.wide || self.from + self.wide < other.from;
        beside || (self.baseline - other.baseline).abs() > self.size + 2.0
    }

    /// How many stretches of the lines go through it; the box around a stretch is near enough.
    fn crossed(&self, drawn: &[Vec<(f64, f64)>]) -> usize {
        let (to, low, high) = (self.from + self.wide, self.baseline + 6.0, self.baseline - self.size);
        let crosses = |pair: &&[(f64, f64)]| {
            let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
            x1 <= to && x2 >= self.from && y1.min(y2) <= low && y1.max(y2) >= high
        };
        drawn.iter().flat_map(|piece| piece.windows(2)).filter(crosses).count()
    }
}

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
    /// line, at the right, at the left or between; without the series' name, which stands above, where the whole has no room.
    fn limits(&self, svg: &mut Svg, panel: &Panel, drawn: &[Vec<(f64, f64)>]) {
        let mut taken: Vec<Label> = Vec::new();
        for limit in panel.limits.iter().take(6) {
            let (y, level) = (self.y(limit.value), word(limit.level));
            svg.line(&format!("limit {level}"), (self.left, y), (self.right(), y));
            let short =
                limit.that.strip_prefix(&panel.name).map(str::trim_start).filter(|that| that.starts_with(['<', '>']));
            let texts =
                [Some(limit.that.as_str()), short].into_iter().flatten().map(|that| format!("{that} ({level})"));
            let fitting: Vec<String> = texts.filter(|text| svg.wide(text, "") + 8.0 <= self.width * 0.8).collect();
            let places = fitting
                .into_iter()
                .enumerate()
                .flat_map(|(rank, text)| self.places(svg, text, y).into_iter().map(move |label| (rank, label)));
            let free = |(_, label): &(usize, Label)| {
                let inside = label.baseline - label.size >= self.top && label.baseline <= self.bottom() - 2.0;
                inside && taken.iter().all(|other| label.is_apart(other))
            };
            let cost = |(rank, label): &(usize, Label)| {
                let crossed = label.crossed(drawn);
                (crossed > 0, *rank, crossed)
            };
            // Without a free place the line stays, and the words are in the description.
            let Some((_, label)) = places.filter(free).min_by_key(cost) else { continue };
            svg.text(label.hangs(), label.baseline, &format!("t{level} halo"), label.anchor, &label.text);
            taken.push(label);
        }
    }

    /// Where a limit's label may stand, the best places first.
    fn places(&self, svg: &Svg, text: String, y: f64) -> Vec<Label> {
        let (size, wide) = (f64::from(svg.look.text), svg.wide(&text, "") + 8.0);
        let room = self.width - wide;
        let at = |share: f64, anchor, baseline| {
            let from = self.left + share * room;
            Label { text: text.clone(), from, wide, baseline, size, anchor }
        };
        let (start, middle, end) = (Anchor::Start, Anchor::Middle, Anchor::End);
        [(1.0, end), (0.0, start), (0.5, middle), (0.75, middle), (0.25, middle)]
            .into_iter()
            .flat_map(|(share, anchor)| [at(share, anchor, y - 5.0), at(share, anchor, y + size + 1.0)])
            .collect()
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
