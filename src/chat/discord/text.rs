//! Text for Discord: its dialect of Markdown, and its limits.
//!
//! Lives here: what came from outside made to read as it was written, cutting without breaking an escape, and the way back to
//! plain text for what is attached as a file. Lengths are counted in UTF-16 units: Discord's clients do, and nothing is longer by
//! any other count. Never lives here: what is said.

use crate::base::text::one_line;

/// How long a text is for Discord at most.
#[must_use]
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Text from outside on one line, so that it reads as it was written and calls nobody: what Discord acts on (emphasis, links,
/// mentions, headings, quotes, time stamps) is escaped. Entities are not: Discord would show them as they are. `limit` counts
/// characters before escaping.
#[must_use]
pub fn markdown(text: &str, limit: usize) -> String {
    let line = one_line(text, limit);
    let mut escaped = String::with_capacity(line.len() + 16);
    let mut only_digits = true;
    for (offset, char) in line.char_indices() {
        match char {
            // A zero-width space keeps `@here` from calling anyone and `https://` from becoming a link by itself.
            '@' => escaped.push_str("@\u{200b}"),
            ':' if line[offset..].starts_with("://") => escaped.push_str(":\u{200b}"),
            '\\' | '`' | '*' | '_' | '~' | '|' | '<' | '>' | '[' | ']' | '(' | ')' | '#' => {
                escaped.extend(['\\', char])
            }
            '-' | '+' if offset == 0 => escaped.extend(['\\', char]),
            // `3.` at the beginning would start a numbered list.
            '.' if offset > 0 && only_digits => escaped.push_str("\\."),
            _ => escaped.push(char),
        }
        only_digits &= char.is_ascii_digit();
    }
    // Letters that run from right to left keep to themselves: what stands behind a name stays behind it.
    if line.chars().any(runs_left) { format!("\u{2068}{escaped}\u{2069}") } else { escaped }
}

/// Hebrew, Arabic and their kin.
fn runs_left(char: char) -> bool {
    matches!(char, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Text of ours, or escaped text, within `limit`: whole lines while they fit, and of a first line that does not, as many words as
/// do. Half an escape or half a time stamp would show.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    let text = text.trim_end();
    if units(text) <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.lines() {
        if units(&kept) + units(line) + 2 > limit {
            if kept.is_empty() {
                kept = words(line, limit.saturating_sub(2));
            }
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept + "…"
}

/// As many words of an escaped line as fit; of a single long one, as many characters, never ending in half an escape.
fn words(line: &str, limit: usize) -> String {
    let mut used = 0;
    let end = line.char_indices().find(|(_, char)| {
        used += char.len_utf16();
        used > limit
    });
    let kept = &line[..end.map_or(line.len(), |(at, _)| at)];
    if let Some((before, _)) = kept.rsplit_once(' ').filter(|(before, _)| units(before) * 2 > limit) {
        return format!("{before} ");
    }
    let bare = kept.trim_end_matches('\\');
    let escapes = (kept.len() - bare.len()) / 2 * 2;
    kept[..bare.len() + escapes].to_owned()
}

/// What stands on a button, in a menu or at the head of a card: plain, on one line, within `limit`.
#[must_use]
pub fn label(text: &str, limit: usize) -> String {
    let mut shown = one_line(text, limit);
    while units(&shown) > limit {
        shown = one_line(&shown, shown.chars().count().saturating_sub(1).max(1));
    }
    shown
}

/// A message of ours as plain text, for a file: without escapes and emphasis, with times as they are written elsewhere.
#[must_use]
pub fn bare(text: &str) -> String {
    let text = text.replace(['\u{200b}', '\u{2068}', '\u{2069}'], "");
    let mut plain = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.strip_prefix("-# ").unwrap_or(line);
        let mut rest = line.chars().peekable();
        while let Some(char) = rest.next() {
            match char {
                '\\' => plain.extend(rest.next()),
                '*' if rest.peek() == Some(&'*') => drop(rest.next()),
                '<' => match time(&mut rest) {
                    Ok(told) => plain.push_str(&told),
                    Err(taken) => plain.push_str(&format!("<{taken}")),
                },
                _ => plain.push(char),
            }
        }
        plain.push('\n');
    }
    plain
}

/// The rest of `<t:1770030000:R>`, in words; what was taken, where it is none.
fn time(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut taken = String::new();
    while let Some(char) = rest.next_if(|char| char.is_ascii_alphanumeric() || *char == ':') {
        taken.push(char);
    }
    let seconds = taken.strip_prefix("t:").and_then(|stamp| stamp.split(':').next()?.parse().ok());
    let Some(at) = seconds.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0)) else { return Err(taken) };
    rest.next_if_eq(&'>');
    Ok(at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_from_outside_reads_as_it_was_written() {
        assert_eq!(markdown("a < b && c > d", 99), "a \\< b && c \\> d");
        assert_eq!(markdown("<@&1> <t:1:R> **x** [f](http://g)", 99), {
            "\\<@\u{200b}&1\\> \\<t:1:R\\> \\*\\*x\\*\\* \\[f\\]\\(http:\u{200b}//g\\)"
        });
        assert_eq!(markdown("@everyone", 99), "@\u{200b}everyone");
        assert_eq!(markdown("# a\n- b", 99), "\\# a - b");
    }

    #[test]
    fn a_cut_never_ends_in_half_an_escape() {
        assert_eq!(cut("one\ntwo two\nthree", 13), "one\ntwo two\n…");
        assert_eq!(cut(&"\\*".repeat(20), 13), format!("{}…", "\\*".repeat(5)));
        assert_eq!(cut("some words that go on and on", 20), "some words that …");
        assert_eq!(units(&label(&"🚨".repeat(90), 80)), 79);
    }

    #[test]
    fn a_file_has_no_escapes() {
        assert_eq!(
            bare("**inc-1** a\\_b <t:1770030000:R> 1 < 2\n-# more"),
            "inc-1 a_b 2026-02-02 11:00:00 UTC 1 < 2\nmore\n"
        );
    }

    proptest! {
        #[test]
        fn every_cut_is_within_its_limit(text in "(\\PC|[\n \\\\*@<])*", limit in 8_usize..60) {
            prop_assert!(units(&cut(&text, limit)) <= limit);
            prop_assert!(units(&cut(&markdown(&text, 200), limit)) <= limit);
            prop_assert!(units(&label(&text, limit)) <= limit);
        }

        #[test]
        fn a_file_says_what_was_escaped(text in "[ -~]{0,60}") {
            prop_assert_eq!(bare(&markdown(&text, 99)).trim_end().to_owned(), one_line(&text, 99));
        }
    }
}
