//! A look at a condition before it is parsed: the CEL parser recurses, so what is nested too deep must not reach it.
//!
//! Lives here: the limits of length and nesting, matching brackets. Never lives here: grammar.

use std::collections::BTreeMap;

use super::ExprFault;

/// Longest condition, in bytes.
pub(super) const MAX_SOURCE: usize = 4096;
/// How deep brackets may nest.
const MAX_NESTING: usize = 16;
/// How many `!` or `-` may follow each other.
const MAX_UNARY: usize = 4;
/// How many `? :` a condition may hold.
const MAX_CHOICES: usize = 16;
/// How many names, numbers, texts and signs a condition may hold. With the other limits this keeps parsing, which is
/// much slower for each sign than evaluating, well under its share of the time an evaluation may take.
const MAX_TOKENS: usize = 1000;

/// What the scan found out on the way.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Offset of each opening bracket → offset just after its closing one.
    pub closed_at: BTreeMap<usize, usize>,
}

/// Checks length, nesting and brackets.
pub(super) fn scan(source: &str) -> Result<Scan, ExprFault> {
    if source.len() > MAX_SOURCE {
        let message = format!("a condition may be {MAX_SOURCE} bytes long; this one has {}", source.len());
        return Err(ExprFault::new(message, 0, 0).hint("split it into `set` steps"));
    }
    if source.trim().is_empty() {
        return Err(ExprFault::new("the condition is empty", 0, source.len()));
    }
    Scanner { source, at: 0, open: Vec::new(), tokens: 0, unary: 0, choices: 0, scan: Scan::default() }.run()
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    open: Vec<(usize, u8)>,
    tokens: usize,
    unary: usize,
    choices: usize,
    scan: Scan,
}

impl Scanner<'_> {
    fn run(mut self) -> Result<Scan, ExprFault> {
        while let Some(&byte) = self.source.as_bytes().get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0c => self.at += 1,
                b'/' if self.source[self.at..].starts_with("//") => {
                    self.at += self.source[self.at..].find('\n').unwrap_or(self.source.len() - self.at);
                }
                _ => self.token(byte)?,
            }
        }
        match self.open.pop() {
            Some((at, byte)) => Err(ExprFault::new(format!("this `{}` is never closed", char::from(byte)), at, 1)),
            None => Ok(self.scan),
        }
    }

    fn token(&mut self, byte: u8) -> Result<(), ExprFault> {
        let start = self.at;
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            let message = format!("the condition has more than {MAX_TOKENS} names, numbers and signs");
            return Err(ExprFault::new(message, start, 0).hint("split it into `set` steps"));
        }
        self.unary = if matches!(byte, b'!' | b'-') { self.unary + 1 } else { 0 };
        if self.unary > MAX_UNARY {
            return Err(ExprFault::new(format!("more than {MAX_UNARY} `!` or `-` in a row"), start, 1));
        }
        match byte {
            b'\'' | b'"' => self.text(start, false)?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word()?,
            b'0'..=b'9' => self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            b'(' | b'[' | b'{' => self.opening(start, byte)?,
            b')' | b']' | b'}' => self.closing(start, byte)?,
            b'?' => {
                self.choices += 1;
                self.at += 1;
                if self.choices > MAX_CHOICES {
                    return Err(ExprFault::new(format!("more than {MAX_CHOICES} `? :` in one condition"), start, 1));
                }
            }
            _ => self.at += self.source[start..].chars().next().map_or(1, char::len_utf8),
        }
        Ok(())
    }

    fn opening(&mut self, at: usize, byte: u8) -> Result<(), ExprFault> {
        self.open.push((at, byte));
        self.at += 1;
        if self.open.len() > MAX_NESTING {
            let message = format!("brackets nest deeper than {MAX_NESTING}");
            return Err(ExprFault::new(message, at, 1).hint("split the condition into `set` steps"));
        }
        Ok(())
    }

    fn closing(&mut self, at: usize, byte: u8) -> Result<(), ExprFault> {
        let wanted = match byte {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        self.at += 1;
        match self.open.pop() {
            Some((opened, found)) if found == wanted => {
                self.scan.closed_at.insert(opened, self.at);
                Ok(())
            }
            Some((_, found)) => {
                let message = format!("`{}` closes a `{}`", char::from(byte), char::from(found));
                Err(ExprFault::new(message, at, 1))
            }
            None => Err(ExprFault::new(format!("this `{}` closes nothing", char::from(byte)), at, 1)),
        }
    }

    /// A name, or the prefix of a raw text or of bytes.
    fn word(&mut self) -> Result<(), ExprFault> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let raw = match self.source[start..self.at].to_ascii_lowercase().as_str() {
            "r" | "br" | "rb" => true,
            "b" => false,
            _ => return Ok(()),
        };
        match self.source.as_bytes().get(self.at) {
            Some(b'\'' | b'"') => self.text(start, raw),
            _ => Ok(()),
        }
    }

    fn skip_while(&mut self, inside: impl Fn(u8) -> bool) {
        while self.source.as_bytes().get(self.at).is_some_and(|byte| inside(*byte)) {
            self.at += 1;
        }
    }

    /// A quoted text; `self.at` is at its opening quote.
    fn text(&mut self, start: usize, raw: bool) -> Result<(), ExprFault> {
        let rest = &self.source[self.at..];
        let quote = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quote| rest.starts_with(quote)).unwrap_or("'");
        let bytes = rest.as_bytes();
        let mut at = quote.len();
        while at < bytes.len() {
            if rest.as_bytes()[at..].starts_with(quote.as_bytes()) {
                self.at += at + quote.len();
                return Ok(());
            }
            if quote.len() == 1 && bytes[at] == b'\n' {
                break;
            }
            at += if bytes[at] == b'\\' && !raw { 2 } else { 1 };
        }
        Err(ExprFault::new("this text is never closed", start, quote.len()).hint(format!("end it with {quote}")))
    }
}
