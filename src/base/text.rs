//! Text from outside, made harmless to look at, and words that look alike.
//!
//! Lives here: taking control, escape and bidirectional characters out of text, escaping it for Markdown, cutting it to a
//! length, the nearest of some words.
//! Never lives here: secrets (they are scrubbed before), shells and templates: outside text never gets there as code.

use std::fmt::Write as _;

/// What stands where something was taken away.
const ELLIPSIS: char = '…';

/// Text that a terminal, a page or a chat can show as it is: escape sequences are dropped, other control and
/// bidirectional characters shown as `\u{…}`, line ends made `\n`, tabs kept. At most `limit` characters, the
/// last of them `…` when something was cut.
#[must_use]
pub fn plain(text: &str, limit: usize) -> String {
    let mut shown = Shown::new(limit);
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        let fits = match char {
            '\u{1b}' => {
                skip_escape(&mut rest, true);
                true
            }
            '\u{9b}' => {
                skip_control_sequence(&mut rest);
                true
            }
            '\r' if rest.peek() == Some(&'\n') => true,
            '\r' => shown.push('\n'),
            '\n' | '\t' => shown.push(char),
            _ if unsafe_to_show(char) => shown.push_escaped(char),
            _ => shown.push(char),
        };
        if !fits {
            break;
        }
    }
    shown.text
}

/// The same on one line: line ends and tabs become spaces, runs of spaces one.
#[must_use]
pub fn one_line(text: &str, limit: usize) -> String {
    // Whitespace only shrinks, so a bounded look-ahead is enough for `limit` characters of ordinary text.
    let plain = plain(text, limit.saturating_mul(2).saturating_add(64));
    let mut shown = Shown::new(limit);
    for (index, word) in plain.split_whitespace().enumerate() {
        let fits = (index == 0 || shown.push(' ')) && word.chars().all(|char| shown.push(char));
        if !fits {
            break;
        }
    }
    shown.text
}

/// [`one_line`] for a place in Markdown, table cells included: what Markdown, HTML or a chat would act on (emphasis,
/// links, tags, mentions, headings, pipes) is escaped, so that it reads as it was written. `limit` counts
/// characters before escaping.
#[must_use]
pub fn markdown(text: &str, limit: usize) -> String {
    let line = one_line(text, limit);
    let mut escaped = String::with_capacity(line.len() + 16);
    let mut only_digits = true;
    for (offset, char) in line.char_indices() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A zero-width space keeps `@here` from calling anyone and `https://` from becoming a link by itself.
            '@' => escaped.push_str("@\u{200b}"),
            ':' if line[offset..].starts_with("://") => escaped.push_str(":\u{200b}"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '|' | '~' | '!' | '$' => {
                escaped.extend(['\\', char]);
            }
            '-' | '+' if offset == 0 => escaped.extend(['\\', char]),
            // `3.` at the beginning would start a numbered list.
            '.' if offset > 0 && only_digits => escaped.push_str("\\."),
            _ => escaped.push(char),
        }
        only_digits &= char.is_ascii_digit();
    }
    escaped
}

/// The candidate most like `word`, where it is like enough to be what was meant: no more than a third of its letters,
/// and never more than three, differ. Upper and lower case count as the same.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (word.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, changes, and two neighbours swapped, count one each.
fn distance(word: &[char], candidate: &str) -> usize {
    let other: Vec<char> = candidate.chars().take(64).flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && word[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[other.len()]
}

/// Text that never has more than `limit` characters.
struct Shown {
    text: String,
    length: usize,
    limit: usize,
}

impl Shown {
    fn new(limit: usize) -> Self {
        Self { text: String::new(), length: 0, limit }
    }

    /// `false` when there is no room: then the last character has become `…`.
    fn push(&mut self, char: char) -> bool {
        if self.length < self.limit {
            self.text.push(char);
            self.length += 1;
            return true;
        }
        if self.text.pop().is_some() {
            self.text.push(ELLIPSIS);
        }
        false
    }

    fn push_escaped(&mut self, char: char) -> bool {
        let mut code = String::new();
        let written = write!(code, "\\u{{{:x}}}", u32::from(char));
        written.is_ok() && code.chars().all(|char| self.push(char))
    }
}

/// Control characters, and those that are invisible or change the direction of what stands around them.
fn unsafe_to_show(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Drops the rest of an escape sequence whose ESC was read.
fn skip_escape(rest: &mut Rest<'_>, first: bool) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        // Operating system command, device control and their kin run to BEL or ST; an unterminated one ends at the
        // end of its line, so that it cannot swallow everything after it.
        Some(']' | 'P' | 'X' | '^' | '_') if first => {
            while let Some(char) = rest.next_if(|char| *char != '\n') {
                match char {
                    '\u{7}' | '\u{9c}' => return,
                    '\u{1b}' => return skip_escape(rest, false),
                    _ => {}
                }
            }
        }
        Some('\\') if !first => {
            rest.next();
        }
        Some('(' | ')' | '*' | '+' | '#' | '%') => {
            rest.next();
            rest.next_if(char::is_ascii_alphanumeric);
        }
        Some('0'..='~') => {
            rest.next();
        }
        _ => {}
    }
}

/// Drops parameters and the final byte of a control sequence.
fn skip_control_sequence(rest: &mut Rest<'_>) {
    while rest.next_if(|char| matches!(char, ' '..='?')).is_some() {}
    rest.next_if(|char| matches!(char, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_log_line_cannot_move_the_cursor_or_turn_the_text_around() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}x\r\ny\u{8}", 99), "red x\ny\\u{8}");
        assert_eq!(plain("a\u{202e}b\u{200b}", 99), "a\\u{202e}b\\u{200b}");
        assert_eq!(plain("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", 99), "link");
        assert_eq!(one_line("one\n\ttwo   three", 9), "one two …");
    }

    #[test]
    fn markdown_reads_as_it_was_written() {
        assert_eq!(markdown("a|b `c` <d> *e* # [f](g)", 99), "a\\|b \\`c\\` &lt;d&gt; \\*e\\* \\# \\[f\\]\\(g\\)");
        assert_eq!(markdown("@here http://x", 99), "@\u{200b}here http:\u{200b}//x");
        assert_eq!(markdown("1. x\n- y", 99), "1\\. x - y");
    }

    #[test]
    fn a_typing_error_finds_its_word() {
        assert_eq!(nearest("tagret", ["target", "timeout"]), Some("target"));
        assert_eq!(nearest("expct", ["except", "expect"]), Some("expect"));
        assert_eq!(nearest("zebra", ["target", "timeout"]), None);
        assert_eq!(nearest("ab", ["x"]), None);
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in "(\\PC|\\pC|\u{1b}\\[|[\n\r\t])*", limit in 0_usize..50) {
            let shown = plain(&text, limit);
            prop_assert!(shown.chars().count() <= limit);
            prop_assert!(shown.chars().all(|char| matches!(char, '\n' | '\t') || !unsafe_to_show(char)));
            let line = one_line(&text, limit);
            prop_assert!(line.chars().count() <= limit && !line.contains(['\n', '\t']));
            prop_assert!(!markdown(&text, limit).replace("\\|", "").contains(['|', '<', '\n']));
        }
    }
}
