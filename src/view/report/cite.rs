//! Citations of events, and outside text made fit for a place in Markdown.

use std::fmt::Write as _;

use crate::base::text;
pub use crate::view::NOT_RECORDED;

/// Positions of the events that a statement rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cites(Vec<u64>);

impl Cites {
    /// One event.
    #[must_use]
    pub fn one(pos: u64) -> Self {
        Self(vec![pos])
    }

    /// Another event.
    pub fn add(&mut self, pos: u64) {
        self.0.push(pos);
    }

    /// All events of another statement.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// `[#12]`, `[#12, #14–#16]`; more than six pieces become one range from the first to the last. Empty without events.
    #[must_use]
    pub fn text(&self) -> String {
        let mut positions = self.0.clone();
        positions.sort_unstable();
        positions.dedup();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for pos in positions {
            match ranges.last_mut() {
                Some((_, to)) if *to + 1 == pos => *to = pos,
                _ => ranges.push((pos, pos)),
            }
        }
        if let (Some((first, _)), Some((_, last)), 7..) = (ranges.first(), ranges.last(), ranges.len()) {
            ranges = vec![(*first, *last)];
        }
        let pieces: Vec<String> = ranges
            .iter()
            .map(|(from, to)| if from == to { format!("#{from}") } else { format!("#{from}–#{to}") })
            .collect();
        if pieces.is_empty() { String::new() } else { format!("[{}]", pieces.join(", ")) }
    }
}

/// Text on one line of Markdown, table cells included, that reads as it was written. `limit` counts characters.
#[must_use]
pub fn md(given: &str, limit: usize) -> String {
    let mut safe = text::markdown(given, limit);
    // Without square brackets, which stay escaped, these mean nothing; unescaped, the source of the page is readable.
    for harmless in ["(", ")", "{", "}"] {
        safe = safe.replace(&format!("\\{harmless}"), harmless);
    }
    // Under another line, `===` would make a heading of it.
    if safe.starts_with('=') {
        safe.insert(0, '\\');
    }
    safe
}

/// Text of several paragraphs that a person wrote: line by line like [`md`], line breaks kept.
#[must_use]
pub fn paragraphs(given: &str) -> String {
    let plain = text::plain(given, 10_000);
    // With the round brackets escaped, unlike [`md`]: `1)` at the beginning of a line would start a list.
    let line = |line: &str| match text::markdown(line, 10_000) {
        underline if underline.starts_with('=') => format!("\\{underline}"),
        line => line,
    };
    let lines: Vec<String> = plain.lines().map(line).collect();
    let mut joined = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            // Two spaces keep a line break inside a paragraph.
            joined.push_str(if line.is_empty() || lines[index - 1].is_empty() { "\n" } else { "  \n" });
        }
        joined.push_str(line);
    }
    joined
}

/// An address as an autolink: whatever is not plain in a URL is percent-encoded, so that nothing ends the link early. A text
/// that is no web address is shown as text.
#[must_use]
pub(super) fn address(url: &str) -> String {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return md(url, 2_000);
    }
    let mut safe = String::new();
    for byte in url.bytes().take(2_000) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => safe.push(char::from(byte)),
            _ if b"-._~:/?#=&%+,;".contains(&byte) => safe.push(char::from(byte)),
            _ => {
                let _ = write!(safe, "%{byte:02X}");
            }
        }
    }
    format!("<{safe}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(positions: impl IntoIterator<Item = u64>) -> String {
        let mut cites = Cites::default();
        positions.into_iter().for_each(|pos| cites.add(pos));
        cites.text()
    }

    #[test]
    fn citations_are_short_and_in_order() {
        assert_eq!(cited([]), "");
        assert_eq!(cited([16, 12, 14, 15, 12]), "[#12, #14–#16]");
        assert_eq!(cited((1..20).step_by(2)), "[#1–#19]", "many pieces become one range");
    }

    #[test]
    fn what_a_person_wrote_keeps_its_lines_and_starts_nothing() {
        assert_eq!(paragraphs("one\ntwo\n\nthree"), "one  \ntwo\n\nthree");
        assert_eq!(paragraphs("a\n==="), "a  \n\\===");
        assert_eq!(paragraphs("1) x"), "1\\) x");
    }
}
