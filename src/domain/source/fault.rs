//! Faults of a text that somebody wrote: where, what, and what to do about it.
//!
//! Lives here: [`Fault`], [`Faults`] (collects them with exact places), printing them. Never lives here: finding them.

use std::fmt::Write as _;
use std::ops::Range;

/// More faults of one file are counted, not kept.
pub const MAX_FAULTS: usize = 200;
/// Faults whose line may hold a secret by mistake.
const NEVER_QUOTED: [&str; 1] = ["not-a-secret-name"];
/// How much of a line an excerpt shows, in characters.
const EXCERPT: usize = 110;

/// Something wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which sort of fault: `unknown-key`. Stable, for filters and editors.
    pub code: &'static str,
    /// Bytes of the text that it concerns.
    pub at: Range<usize>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters it concerns, at least 1.
    pub len: u32,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Collects the faults of one text.
#[derive(Debug)]
pub struct Faults<'a> {
    source: &'a str,
    /// Offset at which each line begins.
    lines: Vec<usize>,
    found: Vec<Fault>,
    /// How many did not fit.
    more: usize,
}

impl<'a> Faults<'a> {
    /// No faults yet.
    #[must_use]
    pub fn new(source: &'a str) -> Self {
        let lines = std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source, lines, found: Vec::new(), more: 0 }
    }

    /// The text.
    #[must_use]
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// The line, from 1, that holds this offset.
    #[must_use]
    pub fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// Bytes of a line, from 1, without its end.
    fn line_range(&self, line: u32) -> Range<usize> {
        let index = line.saturating_sub(1) as usize;
        let start = self.lines.get(index).copied().unwrap_or(self.source.len());
        let end = self.lines.get(index + 1).map_or(self.source.len(), |next| next - 1);
        start..end.max(start)
    }

    /// Adds a fault.
    pub fn add(&mut self, code: &'static str, at: Range<usize>, message: impl Into<String>) {
        self.push(code, at, message.into(), None);
    }

    /// Adds a fault with advice.
    pub fn add_hint(
        &mut self,
        code: &'static str,
        at: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(code, at, message.into(), Some(hint.into()));
    }

    /// Adds a fault with advice where there is some.
    pub fn push(&mut self, code: &'static str, at: Range<usize>, message: String, hint: Option<String>) {
        if self.found.len() >= MAX_FAULTS {
            self.more += 1;
            return;
        }
        let start = floor_boundary(self.source, at.start);
        let line = self.line(start);
        let whole = self.line_range(line);
        let start_in_line = start.clamp(whole.start, whole.end);
        let end = floor_boundary(self.source, at.end.clamp(start_in_line, whole.end));
        let count = |range: Range<usize>| {
            u32::try_from(self.source.get(range).map_or(0, |text| text.chars().count())).unwrap_or(u32::MAX)
        };
        let column = count(whole.start..start_in_line) + 1;
        let len = count(start_in_line..end.max(start_in_line)).max(1);
        let at = start..at.end.max(start);
        self.found.push(Fault { code, at, line, column, len, message, hint });
    }

    /// Whether there is none so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len() + self.more
    }

    /// All faults in the order of the text; where there were too many, the last one says how many more.
    #[must_use]
    pub fn finish(mut self) -> Vec<Fault> {
        self.found.sort_by(|a, b| (a.at.start, a.at.end).cmp(&(b.at.start, b.at.end)));
        self.found.dedup_by(|a, b| a.at == b.at && a.message == b.message);
        if self.more > 0 {
            let more = self.more;
            let end = self.source.len();
            let line = self.line(end);
            self.found.push(Fault {
                code: "too-many-faults",
                at: end..end,
                line,
                column: 1,
                len: 1,
                message: format!("{more} more faults are not shown"),
                hint: Some("mend these first".to_owned()),
            });
        }
        self.found
    }
}

/// The nearest character boundary at or before an offset.
fn floor_boundary(source: &str, offset: usize) -> usize {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Every fault as `file:line:column`, its sentence, the excerpt and the hint. `colour` adds ANSI colours.
#[must_use]
pub fn render(faults: &[Fault], file: &str, source: &str, colour: bool) -> String {
    let paint = |code: &'static str| if colour { code } else { "" };
    let (bold, red, dim, plain) = (paint("\x1b[1m"), paint("\x1b[31m"), paint("\x1b[2m"), paint("\x1b[0m"));
    let lines: Vec<&str> = source.lines().collect();
    let mut text = String::new();
    for fault in faults {
        let line = lines.get(fault.line as usize - 1).copied().unwrap_or_default();
        let number = fault.line.to_string();
        let margin = " ".repeat(number.len());
        let (excerpt, lead, len) = excerpt(line, fault.column as usize - 1, fault.len as usize);
        let place = format!("{file}:{}:{}", fault.line, fault.column);
        let _ = writeln!(
            text,
            "{bold}{place}:{plain} {message} {dim}[{code}]{plain}",
            message = fault.message,
            code = fault.code
        );
        if !excerpt.trim().is_empty() && !NEVER_QUOTED.contains(&fault.code) {
            let _ = writeln!(text, "{dim}{number} |{plain} {excerpt}");
            let _ = writeln!(text, "{dim}{margin} |{plain} {}{red}{}{plain}", " ".repeat(lead), "^".repeat(len.max(1)));
        }
        if let Some(hint) = &fault.hint {
            let _ = writeln!(text, "{dim}{margin} ={plain} {hint}");
        }
        text.push('\n');
    }
    text
}

/// The part of a line around a fault, harmless to print and with one column a character; where the fault begins in it, how
/// much of it it takes.
fn excerpt(line: &str, column: usize, len: usize) -> (String, usize, usize) {
    let skip = if column + len.min(40) > EXCERPT { column.saturating_sub(EXCERPT / 3) } else { 0 };
    let mut shown: String = line
        .chars()
        .skip(skip)
        .take(EXCERPT)
        .map(|char| {
            if char == '\t' {
                ' '
            } else if crate::base::text::plain(char.encode_utf8(&mut [0; 4]), 12).chars().eq([char]) {
                char
            } else {
                '\u{fffd}'
            }
        })
        .collect();
    let mut lead = column - skip;
    if skip > 0 {
        shown.insert(0, '…');
        lead += 1;
    }
    let cut = line.chars().nth(skip + EXCERPT).is_some();
    let room = shown.chars().count().saturating_sub(lead);
    if cut {
        shown.push('…');
    }
    (shown, lead, len.min(room))
}
