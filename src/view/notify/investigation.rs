//! Hypotheses with their evidence, then causes, as lines.

use crate::base::text::one_line;
use crate::domain::incident::State;
use crate::domain::incident::investigation::EvidenceFound;

/// The longest text of a line, in characters.
const LINE: usize = 300;

/// Hypotheses, each with its evidence, then evidence of its own and causes: the indent and the text of each line.
#[must_use]
pub fn lines(state: &State) -> Vec<(usize, String)> {
    let known = &state.investigation;
    let mut lines = Vec::new();
    for (number, hypothesis) in known.hypotheses.iter() {
        let stated = &hypothesis.stated;
        let other = if stated.different_problem { ", a different problem" } else { "" };
        let claim = one_line(&stated.claim, LINE);
        lines.push((0, format!("H{number}  {}{other}: {claim}", hypothesis.verdict.word())));
        for (lead, text) in [("expecting", &stated.expecting), ("test", &stated.test), ("because", &hypothesis.why)] {
            lines.extend(text.as_ref().map(|text| (4, format!("{lead}: {}", one_line(text, LINE)))));
        }
        let about = known
            .evidence
            .iter()
            .filter(|(_, found)| found.hypothesis.is_some_and(|hypothesis| hypothesis.number == number));
        lines.extend(about.map(|(number, found)| (4, evidence(number, found))));
    }
    let alone = known.evidence.iter().filter(|(_, found)| found.hypothesis.is_none());
    lines.extend(alone.map(|(number, found)| (0, evidence(number, found))));
    lines.extend(known.causes.iter().map(|(number, cause)| {
        let what = if cause.root { "root cause" } else { "contributing factor" };
        (0, format!("C{number}  {what}: {}", one_line(&cause.text, LINE)))
    }));
    lines
}

fn evidence(number: u32, found: &EvidenceFound) -> String {
    let implies = found.implication.as_ref().map_or_else(String::new, |so| format!("; so {}", one_line(so, LINE)));
    format!("E{number}  {}: {}{implies}", one_line(&found.checked, LINE), one_line(&found.found, LINE))
}
