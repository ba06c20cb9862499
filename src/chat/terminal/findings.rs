//! Hypotheses with their evidence, and action items, as lists.
//!
//! Lives here: the lines. Never lives here: printing them, the wording of single facts (`view`).

use super::paint::Paint;
use crate::base::text::one_line;
use crate::bot::findings::Listed;
use crate::domain::incident::State;
use crate::domain::incident::investigation::EvidenceFound;

/// The longest text of a line, in characters.
const LINE: usize = 300;

/// Hypotheses, each with its evidence, then evidence of its own and causes: the indent and the text of each line.
pub(super) fn investigation(state: &State) -> Vec<(usize, String)> {
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

/// An action item in one line.
pub(super) fn action(item: &Listed, paint: Paint) -> String {
    let stated = &item.action.stated;
    let mark = if item.action.done { "x" } else { " " };
    let priority = stated.priority.map_or("--".to_owned(), |priority| priority.to_string());
    let owner = stated.owner.as_ref().map_or("nobody".to_owned(), |owner| one_line(owner.name(), 40));
    let due = stated.due.map_or("no date".to_owned(), |due| due.to_string());
    let due = if item.overdue { paint.bad(&format!("{due} overdue")) } else { due };
    let id = format!("{} {}", item.incident, item.id);
    format!("[{mark}] {id:<10} {priority}  {due:<10}  {owner:<12}  {}", one_line(&stated.text, 120))
}
