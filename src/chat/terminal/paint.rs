//! Marks and colours. Everything reads the same without colours.
//!
//! Lives here: [`Paint`], wrapping to a width. Never lives here: what is said.

/// Puts colours around text, or leaves it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether to.
    pub on: bool,
}

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Went well.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.code("32", text)
    }

    /// Went wrong.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.code("31", text)
    }

    /// Wants attention.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.code("33", text)
    }

    /// Asked of a person.
    #[must_use]
    pub fn ask(self, text: &str) -> String {
        self.code("1;36", text)
    }

    /// Beside the point.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    /// The point.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.code("1", text)
    }
}

/// Breaks text into lines of at most `width` characters between words, each behind `indent`; its own line breaks stay.
/// Words longer than a line stand alone and stay whole, so that they can be copied.
#[must_use]
pub fn wrap(text: &str, indent: &str, width: usize) -> String {
    let room = width.saturating_sub(indent.chars().count()).max(20);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let kept = paragraph.len() - paragraph.trim_start().len();
        let hang = if paragraph.trim_start().starts_with("- ") { kept + 2 } else { kept };
        let mut line = paragraph[..kept].to_owned();
        let mut length = kept;
        let mut fresh = true;
        for word in paragraph.split_whitespace() {
            let size = word.chars().count();
            if !fresh && length + 1 + size > room {
                lines.push(std::mem::replace(&mut line, " ".repeat(hang)));
                length = hang;
                fresh = true;
            }
            if !fresh {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += size;
            fresh = false;
        }
        lines.push(line);
    }
    let lines: Vec<_> = lines.iter().map(|line| format!("{indent}{line}").trim_end().to_owned()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_lists_hang() {
        let text = "Open the dashboard and restart.\n- the first item of a list that is long";
        assert_eq!(
            wrap(text, "  ", 30),
            "  Open the dashboard and\n  restart.\n  - the first item of a list\n    that is long"
        );
        assert_eq!(
            wrap("https://example.org/a/very/long/address/indeed", "  ", 24),
            "  https://example.org/a/very/long/address/indeed"
        );
    }
}
