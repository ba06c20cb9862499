//! Writing SVG: the frame of a file, shapes, text that is escaped and fits.
//!
//! How wide a text gets is estimated, because nobody knows the reader's font: rather too wide than too narrow.

use std::fmt::Write as _;

use super::look::Look;
use crate::base::text::one_line;

/// An SVG file while it is written.
pub struct Svg {
    body: String,
    /// How it looks.
    pub look: Look,
}

/// Where a text hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning is there.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

impl Anchor {
    const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl Svg {
    /// Nothing yet.
    pub const fn new(look: Look) -> Self {
        Self { body: String::new(), look }
    }

    /// How wide everything is.
    pub fn width(&self) -> f64 {
        f64::from(self.look.width)
    }

    /// How high a line of text is.
    pub fn line_height(&self) -> f64 {
        (f64::from(self.look.text) * 1.45).round()
    }

    /// How wide a text is drawn at most.
    pub fn wide(&self, text: &str, class: &str) -> f64 {
        let size = f64::from(self.look.text) + if class.contains("title") { 3.0 } else { 0.0 };
        let heavy = if class.contains("title") || class.contains("name") { 1.06 } else { 1.0 };
        text.chars().map(advance).sum::<f64>() * size * heavy
    }

    /// As much of a text as fits, with an ellipsis where some does not.
    pub fn fit(&self, text: &str, class: &str, room: f64) -> String {
        let text = one_line(text, 500);
        if self.wide(&text, class) <= room {
            return text;
        }
        let mut kept = String::new();
        for char in text.chars() {
            kept.push(char);
            if self.wide(&kept, class) + self.wide("…", class) > room {
                kept.pop();
                break;
            }
        }
        format!("{}…", kept.trim_end())
    }

    /// Pieces of text on as few lines as fit, with dots between them.
    pub fn wrapped(&self, pieces: &[String], room: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for piece in pieces {
            match lines.last_mut() {
                Some(line) if self.wide(&format!("{line} · {piece}"), "") <= room => {
                    line.push_str(" · ");
                    line.push_str(piece);
                }
                _ => lines.push(piece.clone()),
            }
        }
        lines
    }

    /// A text; `class` says how it looks.
    pub fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, shown: &str) {
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" class=\"{class}\" text-anchor=\"{}\">{}</text>",
            number(x),
            number(y),
            anchor.word(),
            escape(shown)
        );
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1)
        );
    }

    /// A line through points; `points` are at least two.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, "<polyline class=\"{class}\" points=\"");
        for (index, (x, y)) in points.iter().enumerate() {
            let _ = write!(self.body, "{}{},{}", if index == 0 { "" } else { " " }, number(*x), number(*y));
        }
        self.body.push_str("\"/>\n");
    }

    /// A filled circle.
    pub fn dot(&mut self, x: f64, y: f64, radius: f64) {
        let _ = writeln!(self.body, "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"{radius}\"/>", number(x), number(y));
    }

    /// A rectangle in one colour.
    pub fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        self.filled(&format!("class=\"{class}\""), at, size);
    }

    /// A rectangle filled with one of the hatchings: `gap`, `warn`, `fail`.
    pub fn hatched(&mut self, pattern: &str, at: (f64, f64), size: (f64, f64)) {
        self.filled(&format!("fill=\"url(#h-{pattern})\""), at, size);
    }

    fn filled(&mut self, fill: &str, at: (f64, f64), size: (f64, f64)) {
        let _ = writeln!(
            self.body,
            "<rect {fill} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            number(at.0),
            number(at.1),
            number(size.0),
            number(size.1)
        );
    }

    /// The whole file: `title` and `about` are for those who hear it.
    pub fn finish(self, height: f64, title: &str, about: &str) -> String {
        let (width, height) = (number(self.width()), number(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title about\">\n\
             <title id=\"title\">{}</title>\n<desc id=\"about\">{}</desc>\n{}{HATCHINGS}\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n{}</svg>\n",
            escape(title),
            escape(about),
            self.look.style(),
            self.body
        )
    }
}

/// Breaches and gaps differ by the way of their lines, not by colour alone.
const HATCHINGS: &str = "<defs>\n\
<pattern id=\"h-gap\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\">\
<line class=\"quiet\" x1=\"0\" y1=\"2\" x2=\"1.2\" y2=\"2\" opacity=\".7\"/></pattern>\n\
<pattern id=\"h-warn\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<line class=\"hatch warn\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"8\" opacity=\".5\"/></pattern>\n\
<pattern id=\"h-fail\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
<line class=\"hatch fail\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"5\" opacity=\".55\"/></pattern>\n\
</defs>\n";

/// A coordinate to a tenth, without zeros that say nothing. Never anything but a number.
fn number(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// How wide a character is at most, in parts of the text's size.
fn advance(char: char) -> f64 {
    match char {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '·' => 0.31,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' | '→' => 0.95,
        'A'..='Z' | '<' | '>' | '=' | '+' | '~' | '_' | '&' => 0.7,
        '0'..='9' => 0.64,
        char if char.is_ascii() => 0.6,
        char if (char as u32) < 0x1100 => 0.7,
        _ => 1.1,
    }
}

/// For XML, in text and attributes; what XML cannot hold at all is left out.
pub fn escape(given: &str) -> String {
    let mut safe = String::with_capacity(given.len());
    for char in one_line(given, 4_000).chars() {
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
