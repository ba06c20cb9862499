//! What was found, and how it is said.
//!
//! Lives here: [`Finding`], its mark, the page that a person reads and the lines that a program reads. Never lives here: what
//! is wrong with what.

use serde::Serialize;

use crate::chat::terminal::paint::{Paint, wrap};

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It was checked and is in order.
    Good,
    /// Nothing to judge, or nothing that can be judged from here; the text says which.
    Note,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work, or would not in the night it matters.
    Wrong,
}

/// What one check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked: `discord server`.
    pub check: &'static str,
    /// How it stands.
    pub mark: Mark,
    /// One sentence about it, without a full stop at its end.
    pub says: String,
    /// How to mend it, a sentence or two each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mend: Vec<String>,
}

impl Finding {
    fn new(check: &'static str, mark: Mark, says: impl Into<String>) -> Self {
        Self { check, mark, says: says.into(), mend: Vec::new() }
    }

    /// In order.
    #[must_use]
    pub fn good(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Mark::Good, says)
    }

    /// Not judged.
    #[must_use]
    pub fn note(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Mark::Note, says)
    }

    /// Somebody should look at it.
    #[must_use]
    pub fn warn(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Mark::Warn, says)
    }

    /// Wrong.
    #[must_use]
    pub fn wrong(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Mark::Wrong, says)
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn mend(mut self, how: impl Into<String>) -> Self {
        self.mend.push(how.into());
        self
    }
}

/// Whether nothing is wrong; warnings are not wrong.
#[must_use]
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.mark != Mark::Wrong)
}

/// One line a finding, its mending below it, and a last line that counts.
#[must_use]
pub fn page(findings: &[Finding], paint: Paint, width: usize) -> String {
    let column = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or_default();
    let indent = " ".repeat(column + 4);
    let mut page = String::new();
    for (index, finding) in findings.iter().enumerate() {
        let mark = match finding.mark {
            Mark::Good => paint.good("✓"),
            Mark::Note => paint.dim("·"),
            Mark::Warn => paint.warn("!"),
            Mark::Wrong => paint.bad("✗"),
        };
        let says = wrap(&finding.says, &indent, width);
        page.push_str(&format!("{mark} {:column$}  {}\n", finding.check, says.trim_start()));
        // What mends several in a row alike stands below the last of them.
        let next = findings.get(index + 1).filter(|next| next.check == finding.check && next.mend == finding.mend);
        for how in finding.mend.iter().filter(|_| next.is_none()) {
            let how = wrap(&format!("- {how}"), &indent, width);
            for line in how.lines() {
                let text = line.strip_prefix(indent.as_str()).unwrap_or(line);
                page.push_str(&format!("{indent}{}\n", paint.dim(text)));
            }
        }
    }
    page.push_str(&format!("\n{}\n", count(findings)));
    page
}

fn count(findings: &[Finding]) -> String {
    let of = |mark: Mark| findings.iter().filter(|finding| finding.mark == mark).count();
    let (wrong, warned) = (of(Mark::Wrong), of(Mark::Warn));
    let attention = match warned {
        0 => String::new(),
        1 => "1 wants attention".to_owned(),
        several => format!("{several} want attention"),
    };
    match (wrong, warned) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, _) => format!("nothing is wrong; {attention}"),
        (1, 0) => "1 is wrong".to_owned(),
        (several, 0) => format!("{several} are wrong"),
        (1, _) => format!("1 is wrong, {attention}"),
        (several, _) => format!("{several} are wrong, {attention}"),
    }
}

/// One JSON object a line.
#[must_use]
pub fn lines(findings: &[Finding]) -> String {
    // A finding is text and nothing else: it can always be written.
    findings.iter().filter_map(|finding| serde_json::to_string(finding).ok()).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_from_top_to_bottom_and_counts_at_its_end() {
        let findings = [
            Finding::good("journal", "225 events; the last 225 are as they were written"),
            Finding::warn("free space", "120 MB are left where the journal is")
                .mend("Make room, or move the journal to a larger disk."),
            Finding::wrong("discord token", "Discord does not accept it").mend("Make a new one.").mend("Set it."),
            Finding::note("drain time", "it cannot be known from here"),
            Finding::wrong("targets", "api does not answer").mend("Look at whether it runs."),
            Finding::wrong("targets", "web does not answer").mend("Look at whether it runs."),
        ];
        insta::assert_snapshot!(page(&findings, Paint::default(), 60) + &lines(&findings));
        assert!(!is_well(&findings));
        assert!(is_well(&findings[..2]), "a warning is not wrong");
        assert!(page(&findings[..1], Paint::default(), 60).ends_with("\nnothing is wrong\n"));
    }
}
