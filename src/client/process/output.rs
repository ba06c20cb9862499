//! Output of a child as lines, in bounded memory whatever the child prints.
//!
//! Lives here: cutting bytes into lines, scrubbing them, keeping a head and a tail. Never lives here: processes.

use crate::base::secret::Scrubber;

use super::LINE_CAP;

/// Takes bytes, hands out scrubbed lines, keeps the first and the last of them.
pub(super) struct Output {
    scrubber: Scrubber,
    line: Vec<u8>,
    /// The current line is already longer than [`LINE_CAP`]; the rest of it is passed over.
    overlong: bool,
    half: usize,
    head: String,
    head_full: bool,
    tail: String,
    left_out: usize,
    long_lines: usize,
    not_utf8: bool,
}

impl Output {
    pub(super) fn new(max: usize, scrubber: Scrubber) -> Self {
        Self {
            scrubber,
            line: Vec::new(),
            overlong: false,
            half: max / 2,
            head: String::new(),
            head_full: false,
            tail: String::new(),
            left_out: 0,
            long_lines: 0,
            not_utf8: false,
        }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], line: &mut (dyn FnMut(&str) + Send)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end], line);
            self.finish_line(line);
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, line);
    }

    fn extend(&mut self, bytes: &[u8], line: &mut (dyn FnMut(&str) + Send)) {
        if self.overlong {
            return;
        }
        let room = LINE_CAP - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            // A secret may straddle the cut, where scrubbing cannot see it: go back to the last gap between words, and
            // where there is none, far enough.
            let gap = self.line.iter().rposition(u8::is_ascii_whitespace);
            let end = gap.filter(|gap| *gap > LINE_CAP / 2).unwrap_or(LINE_CAP / 2);
            self.line.truncate(end);
            self.long_lines += 1;
            self.emit(line);
            self.overlong = true;
        }
    }

    fn finish_line(&mut self, line: &mut (dyn FnMut(&str) + Send)) {
        if std::mem::take(&mut self.overlong) {
            return;
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        self.emit(line);
    }

    fn emit(&mut self, line: &mut (dyn FnMut(&str) + Send)) {
        let text = String::from_utf8_lossy(&self.line);
        self.not_utf8 |= matches!(text, std::borrow::Cow::Owned(_));
        let text = self.scrubber.scrub(&text);
        self.line.clear();
        line(&text);
        self.keep(&text);
    }

    fn keep(&mut self, text: &str) {
        if !self.head_full && self.head.len() + text.len() < self.half {
            self.head.push_str(text);
            self.head.push('\n');
            return;
        }
        self.head_full = true;
        self.tail.push_str(text);
        self.tail.push('\n');
        // Twice the room before it is cut, so that cutting costs little a line.
        if self.tail.len() > self.half.saturating_mul(2) {
            self.cut_tail();
        }
    }

    fn cut_tail(&mut self) {
        let surplus = self.tail.len().saturating_sub(self.half);
        if surplus == 0 {
            return;
        }
        let end = self.tail.as_bytes()[surplus..].iter().position(|byte| *byte == b'\n');
        let end = end.map_or(self.tail.len(), |end| surplus + end + 1);
        self.left_out += self.tail.drain(..end).filter(|char| *char == '\n').count();
    }

    /// The kept output, and what is not in it, in words.
    pub(super) fn finish(mut self, line: &mut (dyn FnMut(&str) + Send)) -> (String, Option<String>) {
        if !self.line.is_empty() {
            self.finish_line(line);
        }
        self.cut_tail();
        let mut notes = Vec::new();
        let mut output = self.head;
        if self.left_out > 0 {
            output.push_str(&format!("… {} lines left out …\n", self.left_out));
            notes.push(format!("{} lines in the middle of the output were left out", self.left_out));
        }
        output.push_str(&self.tail);
        if self.long_lines > 0 {
            notes.push(format!("{} lines longer than {} KiB were cut", self.long_lines, LINE_CAP / 1024));
        }
        if self.not_utf8 {
            notes.push("what is not UTF-8 was replaced by U+FFFD".to_owned());
        }
        // Once more as a whole: a value with line ends in it shows in no single line.
        (self.scrubber.scrub(&output), (!notes.is_empty()).then(|| notes.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::{SecretEntry, Secrets};

    fn scrubber(value: &str) -> Scrubber {
        let entry = SecretEntry {
            name: "token".into(),
            value: Some(value.to_owned().into()),
            from: "a test".into(),
            hosts: vec![],
            programs: vec![],
        };
        Secrets::new([entry]).scrubber().clone()
    }

    fn run(max: usize, secret: &str, chunks: &[&[u8]]) -> (Vec<String>, String, Option<String>) {
        let mut lines = Vec::new();
        let mut sink = |line: &str| lines.push(line.to_owned());
        let mut output = Output::new(max, scrubber(secret));
        chunks.iter().for_each(|chunk| output.push(chunk, &mut sink));
        let (text, cut) = output.finish(&mut sink);
        (lines, text, cut)
    }

    #[test]
    fn a_secret_cut_in_two_by_a_read_or_by_lines_is_still_scrubbed() {
        let (lines, text, cut) = run(1000, "hunter2-long", &[b"a hunter", b"2-long b\r\nlast"]);
        assert_eq!(lines, ["a ⟦token⟧ b", "last"]);
        assert_eq!(text, "a ⟦token⟧ b\nlast\n");
        assert_eq!(cut, None);
        assert_eq!(run(1000, "first-half\nsecond-half", &[b"x\nfirst-half\nsecond-half\n"]).1, "x\n⟦token⟧\n");
    }

    #[test]
    fn a_flood_keeps_its_beginning_and_its_end() {
        let text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let (lines, kept, cut) = run(1000, "unused-secret", &[text.as_bytes()]);
        assert_eq!(lines.len(), 10_000);
        assert!(kept.len() < 1100 && kept.starts_with("line 0\nline 1\n") && kept.ends_with("line 9998\nline 9999\n"));
        let said: usize = cut.unwrap().split(' ').next().unwrap().parse().unwrap();
        assert_eq!(kept.lines().count() - 1 + said, 10_000, "every line is kept or counted");
    }

    #[test]
    fn one_endless_line_is_cut_where_no_secret_can_show_in_part() {
        let mut flood = vec![b'x'; LINE_CAP - 5];
        flood.extend_from_slice(b" hunter2-long and more");
        flood.extend_from_slice(&vec![b'y'; 3 * LINE_CAP]);
        flood.extend_from_slice(b"\nnext\n");
        let (lines, text, cut) = run(usize::MAX, "hunter2-long", &[&flood]);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], "next");
        assert!(!text.contains("hunt"), "half a secret must not show");
        assert!(cut.unwrap().contains("longer than 64 KiB"));
    }
}
