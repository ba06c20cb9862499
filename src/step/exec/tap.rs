//! The Test Anything Protocol, versions 13 and 14, read as far as a verdict needs it.
//!
//! Lives here: test points, plans, directives, diagnostics, bail-outs. Never lives here: anything of subtests but the
//! test point of their parent, which counts for them.
//!
//! As the protocol says, a skipped test and a failure marked TODO count as passed; the detail says which it was. A
//! planned test that did not report failed.

use super::results::{MAX_TESTS, Named, distinct};

/// Lines of diagnostics that are looked at for one test.
const MAX_DIAGNOSTICS: usize = 50;

/// Reads the protocol line by line.
#[derive(Default)]
pub(super) struct Tap {
    points: Vec<Point>,
    planned: Option<u64>,
    bail_out: Option<String>,
    block: Block,
}

struct Point {
    number: u64,
    name: String,
    passed: bool,
    directive: String,
    diagnostics: Vec<String>,
    message: Option<String>,
}

/// Where in a test point's YAML block the reader is.
#[derive(Default, PartialEq, Eq)]
enum Block {
    #[default]
    Outside,
    Inside,
}

impl Tap {
    pub(super) fn line(&mut self, line: &str) {
        if self.block == Block::Inside {
            return self.diagnostic(line);
        }
        if line.trim_end() == "  ---" && !self.points.is_empty() {
            self.block = Block::Inside;
            return;
        }
        if self.bail_out.is_none()
            && let Some(reason) = strip_word(line.trim_start(), "Bail out!")
        {
            // A subtest's bail-out ends everything, too.
            self.bail_out = Some(reason.trim().to_owned());
            return;
        }
        // What else is indented belongs to a subtest.
        if let Some(rest) = strip_word(line, "not ok") {
            self.point(false, rest);
        } else if let Some(rest) = strip_word(line, "ok") {
            self.point(true, rest);
        } else if let Some(count) = plan(line) {
            self.planned.get_or_insert(count);
        } else if let (Some(comment), Some(point)) = (line.strip_prefix('#'), self.points.last_mut())
            && !point.passed
            && point.diagnostics.len() < MAX_DIAGNOSTICS
        {
            point.diagnostics.push(comment.trim().to_owned());
        }
    }

    fn point(&mut self, ok: bool, rest: &str) {
        if self.points.len() >= MAX_TESTS {
            return;
        }
        let rest = rest.trim_start();
        let digits = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
        let numbered = rest[digits..].is_empty() || rest[digits..].starts_with(char::is_whitespace);
        let number = rest[..digits].parse().ok().filter(|_| numbered);
        let rest = if number.is_some() { &rest[digits..] } else { rest };
        let number = number.unwrap_or_else(|| self.points.last().map_or(1, |last| last.number.saturating_add(1)));
        let (description, directive) = split_directive(rest);
        let description = description.trim();
        let description = description.strip_prefix("- ").unwrap_or(if description == "-" { "" } else { description });
        let name = unescape(description.trim());
        let name = if name.is_empty() { format!("test {number}") } else { name };
        let passed = ok || directive.is_some();
        let directive = directive.unwrap_or_default();
        self.points.push(Point { number, name, passed, directive, diagnostics: Vec::new(), message: None });
    }

    fn diagnostic(&mut self, line: &str) {
        // A block that never ends must not swallow the tests behind it.
        if line.trim_end() == "  ..." || !(line.starts_with("  ") || line.trim().is_empty()) {
            self.block = Block::Outside;
            if line.trim_end() != "  ..." {
                self.line(line);
            }
            return;
        }
        let Some(point) = self.points.last_mut().filter(|point| point.diagnostics.len() < MAX_DIAGNOSTICS) else {
            return;
        };
        let text = line.trim();
        if let Some(message) = text.strip_prefix("message:") {
            let message = message.trim().trim_matches(['"', '\'']);
            // `|` and `>` open a block of text; its lines follow.
            if !message.is_empty() && !message.starts_with(['|', '>']) {
                point.message.get_or_insert_with(|| message.to_owned());
            }
        }
        point.diagnostics.push(text.to_owned());
    }

    pub(super) fn finish(self) -> Vec<Named> {
        let numbers: std::collections::BTreeSet<u64> = self.points.iter().map(|point| point.number).collect();
        let mut tests: Vec<Named> = self.points.iter().map(Point::named).collect();
        let why = match &self.bail_out {
            Some(reason) => format!("did not run, bailed out: {reason}"),
            None => "planned, and did not report".to_owned(),
        };
        let room = MAX_TESTS.saturating_sub(tests.len());
        let missing = (1..=self.planned.unwrap_or_default()).filter(|number| !numbers.contains(number));
        let mut missing =
            missing.take(room).map(|number| Named::new(&format!("test {number}"), false, &why)).peekable();
        if let (None, Some(reason)) = (missing.peek(), &self.bail_out) {
            tests.push(Named::new("Bail out!", false, reason));
        }
        tests.extend(missing);
        distinct(&mut tests);
        tests
    }
}

impl Point {
    fn named(&self) -> Named {
        let said = self.message.clone().unwrap_or_else(|| self.diagnostics.join(" "));
        let detail = match (self.directive.is_empty(), said.is_empty()) {
            (true, _) => said,
            (false, true) => self.directive.clone(),
            (false, false) => format!("{}: {said}", self.directive),
        };
        let skipped = self.directive.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("skip"));
        Named { skipped, ..Named::new(&self.name, self.passed, &detail) }
    }
}

/// What follows a word that stands alone at the beginning.
fn strip_word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace) || word.ends_with('!')).then_some(rest)
}

/// `1..8`, perhaps with a reason behind it.
fn plan(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("1..")?;
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    let behind = &rest[end..];
    (behind.is_empty() || behind.starts_with(char::is_whitespace)).then(|| rest[..end].parse().ok())?
}

/// The description, and the directive where there is one: `# SKIP reason`, `# TODO reason`, in any case.
fn split_directive(text: &str) -> (&str, Option<String>) {
    let mut escaped = false;
    for (index, char) in text.char_indices() {
        match char {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '#' if !escaped => {
                let directive = text[index + 1..].trim();
                let word = directive.get(..4).unwrap_or_default().to_ascii_lowercase();
                if word == "skip" || word == "todo" {
                    return (&text[..index], Some(directive.to_owned()));
                }
            }
            _ => {}
        }
        escaped = false;
    }
    (text, None)
}

/// `\#` and `\\` stand for `#` and `\`.
fn unescape(text: &str) -> String {
    let mut chars = text.chars().peekable();
    let mut plain = String::with_capacity(text.len());
    while let Some(char) = chars.next() {
        let next = if char == '\\' { chars.next_if(|next| matches!(next, '#' | '\\')) } else { None };
        plain.push(next.unwrap_or(char));
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Named> {
        let mut tap = Tap::default();
        text.lines().for_each(|line| tap.line(line));
        tap.finish()
    }

    fn shown(text: &str) -> Vec<String> {
        let tests = read(text).into_iter();
        tests.map(|test| format!("{} {} | {}", if test.passed { "+" } else { "-" }, test.name, test.detail)).collect()
    }

    #[test]
    fn test_points_directives_and_diagnostics_are_read() {
        let text = "\
TAP version 14
1..7
ok 1 - take
not ok 2 - pause # 3 tries
  ---
  message: 'got 500'
  severity: fail
  ...
# Subtest: welding
    ok 1 - inner
    not ok 2 - inner too
    1..2
not ok 3 - welding
# the inner test failed
ok 4 - paint # SKIP no spool
not ok 5 - history # todo rewrite
ok
not ok 7 - a \\# and a \\\\ in its name
";
        assert_eq!(
            shown(text),
            [
                "+ take | ",
                "- pause # 3 tries | got 500",
                "- welding | the inner test failed",
                "+ paint | SKIP no spool",
                "+ history | todo rewrite",
                "+ test 6 | ",
                "- a # and a \\ in its name | ",
            ]
        );
    }

    #[test]
    fn a_test_that_was_planned_and_did_not_report_failed() {
        assert_eq!(shown("ok 1 - a\n1..3\nok 3 - c"), ["+ a | ", "+ c | ", "- test 2 | planned, and did not report"]);
        let bailed = shown("1..2\nok 1 - a\nBail out! no database\n");
        assert_eq!(bailed, ["+ a | ", "- test 2 | did not run, bailed out: no database"]);
        assert_eq!(shown("ok 1\nBail out! gone"), ["+ test 1 | ", "- Bail out! | gone"]);
        assert_eq!(shown("1..0 # SKIP nothing here"), [""; 0]);
        assert_eq!(read("1..18446744073709551615").len(), MAX_TESTS);
    }

    #[test]
    fn a_block_that_never_ends_swallows_no_tests() {
        let text = "not ok 1 - a\n  ---\n  message: |\n    odd\nok 2 - b\nokay then\n";
        assert_eq!(shown(text), ["- a | message: | odd", "+ b | "]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            tests in prop::collection::vec(("[a-z#\\\\][a-z0-9 #\\\\:]{0,20}[a-z]", any::<bool>(), any::<bool>()), 0..20),
        ) {
            let mut text = format!("TAP version 13\n1..{}\n", tests.len());
            for (index, (name, passed, numbered)) in tests.iter().enumerate() {
                let verdict = if *passed { "ok" } else { "not ok" };
                let number = if *numbered { format!(" {}", index + 1) } else { String::new() };
                let escaped = name.replace('\\', "\\\\").replace('#', "\\#");
                text.push_str(&format!("{verdict}{number} - {escaped}\n"));
            }
            let mut expected: Vec<Named> =
                tests.iter().map(|(name, passed, _)| Named::new(name, *passed, "")).collect();
            distinct(&mut expected);
            prop_assert_eq!(read(&text), expected);
        }

        #[test]
        fn anything_at_all_is_read_without_fault(
            lines in prop::collection::vec("(ok|not ok|1\\.\\.|Bail out!|  ---|  \\.\\.\\.|#|    )?[ 0-9]{0,22}\\PC{0,20}", 0..40),
        ) {
            let points = lines.iter().filter(|line| line.starts_with("ok") || line.starts_with("not ok")).count();
            let tests = read(&lines.join("\n"));
            prop_assert!(tests.iter().filter(|test| test.passed).count() <= points, "nothing passes that did not say so");
            prop_assert!(tests.iter().all(|test| !test.name.contains('\n')));
        }
    }
}
